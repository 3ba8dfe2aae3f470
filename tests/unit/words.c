/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words with a narrow alphabet: for each kind, some that must be taken and some that must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "site/words.h"

#include <string.h>

#define MAX_CASES 16

struct kind {
	const char *name;
	int (*check)(const char *s, struct err *err);
	const char *good[MAX_CASES], *bad[MAX_CASES];
};

static const struct kind kinds[] = {
	{ "domain",
	  word_domain,
	  { "internal", "a.b.c", "x-1.example" },
	  { "a..b", ".a", "a.", "A.b", "a_b", "-a.b", "a.b-", "a b" } },
	{ "machine",
	  word_machine,
	  { "n01", "head1", "1a", "a", "ip6", "localhost1", "0y1" },
	  { "localhost", "localdomain", "localhost.localdomain", "ip6-localhost", "ip6-loopback", "17", "0x7f", "N01", "a-", "",
	    "a b" } },
	{ "interface",
	  word_interface,
	  { "eth0", "enp0s31f6.100", "bond0", "fifteen-letters", "veth@if3" },
	  { "lo", "sixteen-letters-", "a/b", "a b", "..", "-x", "a;b" } },
	{ "timezone",
	  word_timezone,
	  { "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5" },
	  { "/etc/passwd", "Europe/", "a//b", "../x", "Europe Berlin" } },
	{ "server",
	  word_server,
	  { "ntp.example", "10.1.0.1", "fd00::1", "0.debian.pool.example" },
	  { "10.1.0", "10.1.0.256", "1.2.3.4.5", "NTP", "a..b", "-x", "a b", "fd00::1::" } },
	{ "address", word_address, { "10.1.0.1", "::1", "fd00:1::1" }, { "ntp", "10.1", "10.1.0.1/24", "fe80::1%eth0", "1" } },
	{ "package",
	  word_package,
	  { "linux-image-amd64", "g++", "libc6", "0ad" },
	  { "a", "-y", "Slurm", "a b", "a;b", "a/b", "+x" } },
	{ "mirror",
	  word_mirror,
	  { "http://a/debian", "https://[fd00::1]:8080/x", "file:///srv/archive" },
	  { "ftp://a", "http://", "http:///x", "file://host/x", "https://a b", "https://a/$(x)", "deb http://a",
	    "https://a\"" } },
	{ "kernel argument",
	  word_kernel_arg,
	  { "quiet", "console=ttyS0,115200n8", "isolcpus=1-3", "memmap=64M@16M", "a%b+c" },
	  { "a b", "a;b", "a\"b", "$x", "a\nb", "`x`", "a'b", "{x}" } },
	{ "serial console",
	  word_serial,
	  { "ttyS0", "ttyS1,9600", "ttyS0,115200n8", "ttyAMA0,115200" },
	  { "tty0x", "ttyS", "tty0", "ttyS0,", "ttyS0,12", "ttyS0,115200e7", "ttyS0 115200", "console", "ttyS0,115200,x" } },
	{ "BMC's user", word_bmc_user, { "admin", "ADMIN", "op+x@lab" }, { "-x", "a b", "a:b", "" } },
	{ "ssh key",
	  word_ssh_key,
	  { "ssh-ed25519 AAAAC3Nza me@here", "ssh-rsa AAAAB3Nza", "sk-ssh-ed25519@openssh.com AAAAG x" },
	  { "ssh-dss AAAA", "AAAA", "command=\"x\" ssh-rsa AAAA", "ssh-rsa AAAA\nssh-rsa AAAA",
	    "-----BEGIN OPENSSH PRIVATE KEY-----", "ssh-ed25519 BBBB" } },
	{ "mount point",
	  word_mount,
	  { "/", "/boot/efi", "/var/scratch-1", "/device", "/srv/.hidden" },
	  { "srv", "/srv/", "//srv", "/a//b", "/..", "/a/../b", "/a/.", "/proc", "/sys/x", "/dev", "/run/y", "/a b", "/a\\b" } },
	{ "mount options", word_options, { "noatime", "noatime,commit=30", "subvol=/x" }, { "a b", "a;b", "a\nb", "a\"", "$x" } },
};

static void takes_and_refuses(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct err err = { 0 };

		for (size_t i = 0; i < MAX_CASES && kinds[k].good[i]; i++)
			if (kinds[k].check(kinds[k].good[i], &err) < 0)
				fail_msg("%s '%s' was refused: %s", kinds[k].name, kinds[k].good[i], err.text);
		for (size_t i = 0; i < MAX_CASES && kinds[k].bad[i]; i++) {
			if (kinds[k].check(kinds[k].bad[i], &err) == 0)
				fail_msg("%s '%s' was taken", kinds[k].name, kinds[k].bad[i]);
			assert_int_equal(err.kind, ERR_INVALID);
		}
	}
}

/* What they have in common: neither an empty word, nor an endless one, nor a control byte, and the error is printable. */
static void common_rules(void **state)
{
	autofree char *endless = mem_array(20001, 1);

	(void)state;
	memset(endless, 'a', 20000);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		autofree char *bell = str_format("%s\a", kinds[k].good[0]);
		struct err err = { 0 };

		assert_int_equal(kinds[k].check("", &err), -1);
		assert_int_equal(kinds[k].check(endless, &err), -1);
		assert_int_equal(kinds[k].check(bell, &err), -1);
		for (const char *p = err.text; *p; p++)
			assert_true((unsigned char)*p >= 0x20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(takes_and_refuses), cmocka_unit_test(common_rules) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
