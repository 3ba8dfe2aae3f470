/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What somebody may type and must not get through: each is refused on its field, with what is wrong and what to write instead,
 * and the answers stay as they were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "tests/unit/tui_machine.h"
#include "tui/answers.h"
#include "tui/pages.h"
#include "tui/pages_priv.h"
#include "tui/view.h"

/* `given`: "key=value" of what was answered before, or NULL. */
static const struct bad {
	const char *key, *value, *says, *given;
} usual[] = {
	{ "cluster", "", "the cluster needs a name; write one like hound", NULL },
	{ "cluster", "Hound", "'Hound' has capital letters; write 'hound'", NULL },
	{ "cluster", "my cluster", "may hold only a-z, 0-9 and '-'", NULL },
	{ "cluster", "-hound", "begins or ends with '-'", NULL },
	{ "cluster", "a123456789b123456789c123456789d123456789e123456789f123456789g1234", "has 65 characters", NULL },
	{ "cluster", "h\xc3\xbcnd", "may hold only a-z", NULL },
	{ "cluster", "hound\033[2J", "control character (0x1b)", NULL },
	{ "cluster", "hound\nevil", "control character (0x0a)", NULL },
	{ "cluster", "hound\xff", "control character (0xff)", NULL },
	{ "domain", "", "a domain (like cluster.example)", NULL },
	{ "domain", "hound..internal", "'' between its dots", NULL },
	{ "domain", "Hound.Internal", "write 'hound.internal'", NULL },
	{ "domain", "hound.internal.", "is not a domain", NULL },
	{ "domain", "hound_1.internal", "is not a domain", NULL },
	{ "domain", "localhost", "every machine itself", NULL },
	{ "domain", "hound.local", "multicast (mDNS)", NULL },
	{ "time_zone", "", "no time zone is written; write one like Europe/Berlin", NULL },
	{ "time_zone", "Europe Berlin", "is not a time zone (like Europe/Berlin)", NULL },
	{ "time_zone", "/etc/passwd", "is not a time zone", NULL },
	{ "time_zone", "../UTC", "is not a time zone", NULL },
	{ "time_servers", "ntp_1.example", "is not a host name or an address", NULL },
	{ "time_servers", "192.0.2.300", "is not a host name or an address", NULL },
	{ "time_servers", "ntp.example ntp.example", "is written twice; write it once", NULL },
	{ "interface", "", "nothing is chosen", NULL },
	{ "interface", "eth9", "'eth9' can't be chosen; there is: eno1, eno2", NULL },
	{ "interface", "lo", "can't be chosen", NULL },
	{ "subnet", "", "no subnet is written; write one like 10.1.0.0/16", NULL },
	{ "subnet", "10.1.0.0", "is not a subnet (like 10.1.0.0/16)", NULL },
	{ "subnet", "10.1.0.0/33", "a number from 8 to 30", NULL },
	{ "subnet", "10.1.0.0/31", "a number from 8 to 30", NULL },
	{ "subnet", "10.1.0.7/16", "the subnet is 10.1.0.0/16", NULL },
	{ "subnet", "10.1.0.256/16", "is not an IPv4 address", NULL },
	{ "subnet", "010.1.0.0/16", "is not an IPv4 address", NULL },
	{ "subnet", "127.0.0.0/16", "loopback", NULL },
	{ "subnet", "224.0.0.0/8", "multicast", NULL },
	{ "subnet", "fd00::/64", "is IPv6, which is written below", NULL },
	{ "subnet", "192.0.2.0/25", "overlaps 192.0.2.0/24, in which eno1 has 192.0.2.7; write 10.1.0.0/16", NULL },
	{ "subnet", "192.0.0.0/16", "overlaps 192.0.2.0/24", NULL },
	{ "subnet", "off", "IPv4 and IPv6 are both off", "ipv6=off" },
	{ "ipv6", "on", "write own, off, or one like 2001:db8:1::/48", NULL },
	{ "ipv6", "", "write own, off, or one like", NULL },
	{ "ipv6", "10.1.0.0/16", "is none of own, off and a prefix", NULL },
	{ "ipv6", "2001:db8::1/64", "the subnet is 2001:db8::/64", NULL },
	{ "ipv6", "fd00::/80", "has no /64 in it", NULL },
	{ "ipv6", "fe80::/64", "link-local", NULL },
	{ "ipv6", "2001:db8::/64", "eno1 has the address 2001:db8::7/64 already", NULL },
	{ "ipv6", "off", "IPv4 and IPv6 are both off", "subnet=off" },
	{ "head_address", "", "this head needs an address there", NULL },
	{ "head_address", "10.1.0", "is not an IPv4 address (like 10.1.0.1)", NULL },
	{ "head_address", "10.2.0.1", "is outside the subnet 10.1.0.0/16; write one from 10.1.0.1 to 10.1.255.254", NULL },
	{ "head_address", "10.1.0.0", "is the subnet's own address, not a machine's", NULL },
	{ "head_address", "10.1.255.255", "is the subnet's broadcast address, not a machine's", NULL },
	{ "head_address", "fd00::1", "is IPv6, which is off", "ipv6=off" },
	{ "head_address", "fd00::1", "is not a machine's address in fd", NULL },
	{ "head_address", "10.1.0.1", "is IPv4, and the network has none", "subnet=off" },
	{ "gateway", "10.1.0.1/16", "is not an IPv4 address", NULL },
	{ "gateway", "192.0.2.1", "is outside the subnet 10.1.0.0/16", NULL },
	{ "gateway", "fd00::1", "is IPv6; write an IPv4 address", NULL },
	{ "discover", "perhaps", "write yes or no", NULL },
	{ "pool", "10.1.254.1", "is not FIRST-LAST; write two addresses", NULL },
	{ "pool", "", "is not FIRST-LAST", NULL },
	{ "pool", "10.1.255.254-10.1.254.1", "is behind the last one, 10.1.254.1; write 10.1.254.1-10.1.255.254", NULL },
	{ "pool", "10.1.0.1-10.1.0.9", "this head's address, 10.1.0.1, lies in it", NULL },
	{ "pool", "10.1.9.1-10.2.9.9", "10.2.9.9 is outside the subnet", NULL },
	{ "pool", "10.1.9.1-x", "is not an IPv4 address", NULL },
	{ "pool", "10.1.9.1-10.1.9.9", "the router's address, 10.1.9.3, lies in it", "gateway=10.1.9.3" },
	{ "pool", "off", "can't report without addresses", NULL },
	{ "head_name", "", "this head needs a name; write one like head1", NULL },
	{ "head_name", "head1.cluster.internal", "write the name alone: head1", NULL },
	{ "head_name", "localhost", "programs take 'localhost'", NULL },
	{ "head_name", "42", "programs take '42' for an address", NULL },
	{ "head_name", "svc", "the address that follows the active head", NULL },
	{ "head_name", "hound", "the domain's own name", "domain=hound" },
	{ "service_address", "10.1.0.1", "is this head's own address", NULL },
	{ "service_address", "10.9.0.1", "is outside the subnet", NULL },
	{ "service_address", "svc", "is not an IPv4 address", NULL },
	{ "service_address", "fd00::2", "is IPv6, which is off", "ipv6=off" },
	{ "store_raid", "6", "'6' can't be chosen; there is: none, 1, 10", NULL },
	{ "store_raid", "0", "can't be chosen", NULL },
	{ "store_disks", "serial SYS1", "'serial SYS1' can't be chosen; there is: serial QM1, serial QM2", NULL },
	{ "store_disks", "/dev/vdb", "can't be chosen", NULL },
	{ "suite", "sid", "'sid' can't be chosen; there is: bookworm, trixie", NULL },
	{ "sets", "slurm,games", "'games' can't be chosen; there is: slurm", NULL },
	{ "packages", "GCC", "is not a package (like openssh-server)", NULL },
	{ "packages", "gcc; reboot", "is not a package", NULL },
	{ "packages", "htop -oDebug=1", "is not a package", NULL },
	{ "serial", "", "write a serial console like ttyS0,115200, or off", NULL },
	{ "serial", "com1", "is not a serial console (like ttyS0,115200)", NULL },
	{ "serial", "ttyS0,fast", "is not a serial console", NULL },
	{ "raid", "4", "'4' can't be chosen; there is: 1, 10, 5, 6, 0, none", NULL },
	{ "disks", "", "write how many disks a node has, at least 2", NULL },
	{ "disks", "two", "is not a whole number", NULL },
	{ "disks", "1", "RAID 1 needs at least 2 disks, and 1 is written", NULL },
	{ "disks", "3", "RAID 6 needs at least 4 disks, and 3 are written", "raid=6" },
	{ "disks", "2", "without RAID one is used; write 1", "raid=none" },
	{ "disks", "65", "is not between 1 and 64", NULL },
	{ "disks", "-2", "is not a whole number", NULL },
	{ "file_system", "zfs", "'zfs' can't be chosen; there is: ext4, xfs", NULL },
	{ "firmware", "", "nothing is chosen", NULL },
	{ "names", "", "no names are written; write some like n[001-064]", NULL },
	{ "names", "n[001-064", "a ']' is missing", NULL },
	{ "names", "n[64-1]", "the range goes backwards", NULL },
	{ "names", "n[1-2]x,y", "host name", NULL },
	{ "names", "head[1-4]", "'head1' is the name of this head", NULL },
	{ "names", "[1-9]", "programs take '1' for an address", NULL },
	{ "names", "N[1-9]", "may hold only a-z", NULL },
	{ "names", "n[1-300]", "stands for 300 nodes, and 10.9.8.0/24 has room for 190", "subnet=10.9.8.0/24" },
	{ "names", "sw1:p[1-4]=n[1-5]", "", NULL },
	{ "admin_keys", "ssh-rsa AAAA", "can't be chosen", NULL },
	{ "admin_key", "AAAAC3Nza", "public key", NULL },
	{ "admin_key", "-----BEGIN OPENSSH PRIVATE KEY-----", "this is a private key", NULL },
	{ "admin_key", "command=\"id\" " MACHINE_KEY, "key", NULL },
	{ "trust_mac", "y", "'y' is neither; write yes or no", NULL },
}, busy[] = {
	{ "interface", "eno2", "a DHCP server, 10.5.0.1, answers: two of them", NULL },
	{ "subnet", "10.9.0.0/16", "overlaps 10.9.0.0/24, in which eno4 has 10.9.0.5; write 10.9.0.0/24", NULL },
	{ "subnet", "10.1.0.0/16", "overlaps 10.1.0.0/16, in which eno1 has 10.1.2.3; write 10.2.0.0/16", NULL },
	{ "subnet", "172.16.0.0/12", "in which docker0 has 172.17.0.1", NULL },
	{ "store_disks", "serial SAME", "'serial SAME' can't be chosen", NULL },
}, bare[] = {
	{ "ipv6", "own", "made of this machine's id, and it has none", NULL },
	{ "store_raid", "1", "'1' can't be chosen; there is: none", NULL },
	{ "store_disks", "serial X", "there is nothing to choose from here", NULL },
	{ "admin_keys", "x", "there is nothing to choose from here", NULL },
};

static int take(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	for (size_t i = 0; i < n_pages; i++) {
		struct page *p = pages[i]->build(a, f);
		bool here = page_field(p, key) != NULL;

		page_free(p);
		if (here)
			return pages[i]->take(a, f, key, value, err);
	}
	return page_headdisks.take(a, f, key, value, err);
}

static void print(const struct answers *a, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	answers_print(a, &w, NULL);
}

static void refused(const struct bad *b, const struct facts *f)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(buf_free) struct buf before = { 0 }, after = { 0 };
	struct err err = { 0 };

	if (b->given) {
		const char *eq = strchr(b->given, '=');
		autofree char *key = mem_strndup(b->given, (size_t)(eq - b->given));

		if (take(&a, f, key, eq + 1, &err) < 0)
			fail_msg("%s: %s", b->given, err.text);
	}
	print(&a, &before);
	if (take(&a, f, b->key, b->value, &err) == 0)
		fail_msg("%s: '%s' was taken", b->key, b->value);
	if (!strstr(err.text, b->says))
		fail_msg("%s '%s': '%s' does not say '%s'", b->key, b->value, err.text, b->says);
	assert_true(*err.text && strlen(err.text) < 300);
	for (const char *p = err.text; *p; p++)
		assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
	print(&a, &after);
	assert_string_equal(buf_str(&before), buf_str(&after));
}

/* More than anybody types, as after a paste by mistake: the reason is not as long as the value. */
static void too_long(const struct facts *f)
{
	char value[301];

	memset(value, 'n', 300);
	value[300] = '\0';
	refused(&(struct bad){ "cluster", value, "has 300 characters; write at most 255", NULL }, f);
	refused(&(struct bad){ "subnet", value, "has 300 characters", NULL }, f);
}

static void each_is_refused(void **state)
{
	autoclean(facts_free) struct facts one = { 0 }, two = { 0 }, three = { 0 };

	(void)state;
	machine(MACHINE_USUAL, &one);
	machine(MACHINE_BUSY, &two);
	machine(MACHINE_BARE, &three);
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		refused(&usual[i], &one);
	for (size_t i = 0; i < ARRAY_LEN(busy); i++)
		refused(&busy[i], &two);
	for (size_t i = 0; i < ARRAY_LEN(bare); i++)
		refused(&bare[i], &three);
	too_long(&one);
	printf("RESULT wizard_bad refused=%zu\n", ARRAY_LEN(usual) + ARRAY_LEN(busy) + ARRAY_LEN(bare));
}

/* Whatever is typed into any field: it is taken or refused, and what was taken makes a site or is said to make none. */
static void anything(void **state)
{
	static const char *const odd[] = { "",
					   " ",
					   "off",
					   "yes",
					   "none",
					   "0",
					   "-1",
					   "10.1.0.0/16",
					   "::",
					   "fd00::/64",
					   "a",
					   "[",
					   "n[1-2]",
					   "\xf0\x9f\x90\xb6",
					   "'; id; '",
					   "../..",
					   "18446744073709551616",
					   "%s%n",
					   "10.1.0.9",
					   "own" };
	autoclean(facts_free) struct facts f = { 0 };

	(void)state;
	machine(MACHINE_USUAL, &f);
	for (enum answer k = 0; k < ANSWER_END; k++)
		for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
			autoclean(answers_free) struct answers a = { 0 };
			autoclean(buf_free) struct buf text = { 0 };
			struct err err = { 0 }, why = { 0 };
			const char *page = NULL, *key = NULL;

			if (take(&a, &f, answer_key(k), odd[i], &err) < 0)
				continue;
			for (size_t p = 0; p < n_pages; p++)
				page_free(pages[p]->build(&a, &f));
			if (pages_check(&a, &f, &page, &key, &err) == 0)
				assert_int_equal(answers_site(&a, &f, &text, &why), 0);
			else
				assert_non_null(key);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_is_refused), cmocka_unit_test(anything) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
