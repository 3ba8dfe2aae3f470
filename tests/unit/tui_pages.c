/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pages: what they show of several machines, that what they offer is taken, and what keeps somebody from going on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "tests/unit/tui_machine.h"
#include "tui/answers.h"
#include "tui/pages.h"
#include "tui/pages_priv.h"
#include "tui/view.h"

static const char *const machines[] = { MACHINE_USUAL, MACHINE_BARE, MACHINE_BUSY };

static const struct page_kind *kind(const char *key)
{
	for (size_t i = 0; i < n_pages; i++)
		if (str_eq(pages[i]->key, key))
			return pages[i];
	if (str_eq(key, page_headdisks.key))
		return &page_headdisks;
	fail_msg("there is no page '%s'", key);
	return NULL;
}

static void shows(const char *page, const char *field, const char *text, const struct answers *a, const struct facts *f)
{
	struct page *p = kind(page)->build(a, f);
	struct field *x = page_field(p, field);

	if (!x)
		fail_msg("the page '%s' has no field '%s'", page, field);
	else if (!strstr(x->value, text))
		fail_msg("'%s' is not in:\n%s", text, x->value);
	page_free(p);
}

static void take(struct answers *a, const struct facts *f, const char *page, const char *key, const char *value)
{
	struct err err = { 0 };

	if (kind(page)->take(a, f, key, value, &err) < 0)
		fail_msg("%s, %s '%s': %s", page, key, value, err.text);
}

static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void check_field(const struct page *p, size_t i)
{
	const struct field *x = &p->fields[i];

	if (width(x->label) > 30 || !*x->label)
		fail_msg("%s: the label '%s' has %zu columns", p->key, x->label, width(x->label));
	for (size_t k = 0; k < i; k++)
		assert_string_not_equal(x->key, p->fields[k].key);
	assert_non_null(x->help);
	assert_null(x->problem);
	assert_non_null(x->value);
	if (x->kind == FIELD_NOTE || x->kind == FIELD_ACTION)
		return;
	if (!strstr(x->help, "Example"))
		fail_msg("%s, %s: the help has no example", p->key, x->key);
	assert_int_not_equal(answer_of(x->key), ANSWER_END);
	if (x->kind == FIELD_CHOICE && *x->value) {
		bool there = false;

		for (size_t k = 0; k < x->n_choices; k++)
			there |= str_eq(x->choices[k].key, x->value);
		assert_true(there);
	}
}

/* Every answer has one field on one page, but those of the page that is not among them yet. */
static void are_whole(void **state)
{
	(void)state;
	for (size_t m = 0; m < ARRAY_LEN(machines); m++) {
		autoclean(answers_free) struct answers a = { 0 };
		autoclean(facts_free) struct facts f = { 0 };
		size_t seen[ANSWER_END] = { 0 };

		machine(machines[m], &f);
		for (size_t i = 0; i < n_pages; i++) {
			struct page *p = pages[i]->build(&a, &f);

			assert_string_equal(p->key, pages[i]->key);
			assert_string_equal(p->title, pages[i]->title);
			assert_non_null(p->command);
			assert_non_null(p->intro);
			assert_int_equal(strncmp(p->command, "orthrus ", 8), 0);
			for (size_t k = 0; k < p->n_fields; k++) {
				check_field(p, k);
				if (answer_of(p->fields[k].key) < ANSWER_END)
					seen[answer_of(p->fields[k].key)]++;
			}
			page_free(p);
		}
		for (enum answer k = 0; k < ANSWER_END; k++)
			if (seen[k] != 1)
				fail_msg("%s is asked for %zu times", answer_key(k), seen[k]);
	}
}

/* On the usual machine nothing has to be typed: what is shown is taken, and every page may be left. */
static void defaults_go_through(void **state)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts f = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	const char *page, *key = NULL;
	struct err err = { 0 };

	(void)state;
	machine(MACHINE_USUAL, &f);
	for (size_t i = 0; i < n_pages; i++) {
		struct page *p = pages[i]->build(&a, &f);

		for (size_t k = 0; k < p->n_fields; k++)
			if (p->fields[k].kind != FIELD_NOTE && p->fields[k].kind != FIELD_ACTION)
				take(&a, &f, p->key, p->fields[k].key, p->fields[k].value);
		if (pages[i]->check && pages[i]->check(&a, &f, &key, &err) < 0)
			fail_msg("%s, %s: %s", p->key, key, err.text);
		page_free(p);
	}
	for (enum answer k = 0; k < ANSWER_END; k++)
		assert_null(a.given[k]);
	assert_int_equal(pages_check(&a, &f, &page, &key, &err), 0);
	assert_int_equal(answers_site(&a, &f, &text, &err), 0);
}

static void preflight(void **state)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts usual = { 0 }, busy = { 0 }, bare = { 0 };
	const char *key = NULL;
	struct err err = { 0 };

	(void)state;
	machine(MACHINE_USUAL, &usual);
	machine(MACHINE_BUSY, &busy);
	machine(MACHINE_BARE, &bare);
	shows("preflight", "findings", "missing: dnsmasq-base (DHCP, TFTP and DNS for nodes)", &a, &usual);
	shows("preflight", "findings", "The plan installs it; nothing has to be done now", &a, &usual);
	shows("preflight", "machine", "head1: Debian 12.8 (bookworm), Linux 6.1.0-28-amd64, UEFI", &a, &usual);
	shows("preflight", "machine", "AMD EPYC 7313, 32 processors, 128", &a, &usual);
	shows("preflight", "machine", "QEMU HARDDISK, serial QM2, 10", &a, &usual);
	shows("preflight", "interfaces", "eno1: igb, 52:54:00:00:00:01, 1 Gbit/s, 192.0.2.7/24, 2001:db8::7/64, default route",
	      &a, &usual);
	shows("preflight", "findings", "! this kernel is too old", &a, &busy);
	shows("preflight", "findings", "! a DHCP server, 10.5.0.1, answers on eno2", &a, &busy);
	shows("preflight", "findings", "! UDP port 67 is in use by dhcpd", &a, &busy);
	shows("preflight", "findings", "! TCP port 8443 is in use by another program", &a, &busy);
	shows("preflight", "findings", "! dnsmasq is configured here: /etc/dnsmasq.conf", &a, &busy);
	shows("preflight", "findings", "! that is little room", &a, &bare);
	take(&a, &busy, "preflight", "again", "");
	assert_int_equal(kind("preflight")->take(&a, &usual, "nothing", "", &err), -1);
	assert_int_equal(kind("preflight")->check(&a, &usual, &key, &err), 0);
	assert_int_equal(kind("preflight")->check(&a, &busy, &key, &err), -1);
	assert_string_equal(key, "again");
	assert_string_equal(err.text, "this kernel is too old");
}

static void networks(void **state)
{
	autoclean(answers_free) struct answers a = { 0 }, b = { 0 };
	autoclean(facts_free) struct facts usual = { 0 }, busy = { 0 }, bare = { 0 };
	const char *key = NULL;
	struct err err = { 0 };
	struct page *p;

	(void)state;
	machine(MACHINE_USUAL, &usual);
	machine(MACHINE_BUSY, &busy);
	machine(MACHINE_BARE, &bare);
	p = kind("networks")->build(&a, &usual);
	assert_string_equal(p->fields[0].choices[0].label, "eno1: igb, 1 Gbit/s, 192.0.2.7/24, default route");
	assert_string_equal(p->fields[0].choices[1].label, "eno2: igb, 10 Gbit/s, no address");
	page_free(p);
	shows("networks", "found", "eno2 gets the address 10.1.0.1", &a, &usual);
	shows("networks", "found", "room for 65023 nodes, and 510 machines", &a, &usual);
	shows("networks", "found", "IPv6: fd", &a, &usual);
	shows("networks", "found", "! no interface is chosen", &a, &bare);
	assert_int_equal(kind("networks")->check(&a, &bare, &key, &err), -1);
	assert_string_equal(key, "interface");
	p = kind("networks")->build(&a, &busy);
	assert_string_equal(p->fields[0].choices[4].label, "docker0: bridge, no link, 172.17.0.1/16"); /* last */
	page_free(p);
	shows("networks", "found", "! a DHCP server, 10.5.0.1, answers on eno2; that is not touched", &a, &busy);
	take(&a, &busy, "networks", "interface", "eno3");
	shows("networks", "found", "! eno3 has no link", &a, &busy);
	take(&b, &bare, "networks", "interface", "eth0");
	shows("networks", "found", "! eth0 has the default route", &b, &bare);
}

static void node_disks(void **state)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts f = { 0 };

	(void)state;
	machine(MACHINE_USUAL, &f);
	shows("nodedisks", "layout",
	      "  disk 1        disk 2\n"
	      " [bios 1M   ]  [bios 1M   ] GRUB, for BIOS\n"
	      " [esp 512M  ]--[esp 512M  ] RAID 1, vfat on /boot/efi\n"
	      " [sys       ]--[sys       ] RAID 1, ext4 on /\n"
	      "1 of 2 disks may fail; room of 1 disk",
	      &a, &f);
	take(&a, &f, "nodedisks", "raid", "6");
	take(&a, &f, "nodedisks", "disks", "12");
	take(&a, &f, "nodedisks", "file_system", "xfs");
	take(&a, &f, "nodedisks", "firmware", "uefi");
	shows("nodedisks", "layout",
	      "  disk 1        disk 2          disk 12\n"
	      " [esp 512M  ]--[esp 512M  ]-..-[esp 512M  ] RAID 1, vfat on /boot/efi\n"
	      " [boot 1024M]--[boot 1024M]-..-[boot 1024M] RAID 1, ext4 on /boot\n"
	      " [sys       ]--[sys       ]-..-[sys       ] RAID 6, xfs on /\n"
	      "2 of 12 disks may fail; room of 10 disks",
	      &a, &f);
	take(&a, &f, "nodedisks", "raid", "none");
	take(&a, &f, "nodedisks", "disks", "1");
	take(&a, &f, "nodedisks", "file_system", "ext4");
	shows("nodedisks", "layout", "[sys       ] ext4 on /\nno disk may fail", &a, &f);
	take(&a, &f, "nodedisks", "raid", "10");
	take(&a, &f, "nodedisks", "disks", "3");
	shows("nodedisks", "layout", "1 of 3 disks may fail; room of 1.5 disks", &a, &f);
	shows("nodedisks", "layout", "  disk 1        disk 2        disk 3\n [esp", &a, &f); /* UEFI only, from before */
}

static void head_disks(void **state)
{
	autoclean(answers_free) struct answers a = { 0 }, b = { 0 };
	autoclean(facts_free) struct facts usual = { 0 }, busy = { 0 };
	const char *key = NULL;
	struct err err = { 0 };
	struct page *p;

	(void)state;
	machine(MACHINE_USUAL, &usual);
	machine(MACHINE_BUSY, &busy);
	p = kind("headdisks")->build(&a, &usual);
	assert_string_equal(page_field(p, "store_disks")->value, "");
	assert_int_equal(page_field(p, "store_disks")->n_choices, 2);
	assert_non_null(strstr(page_field(p, "store_disks")->choices[1].label, "serial QM2, 10"));
	assert_non_null(strstr(page_field(p, "store_disks")->choices[1].label, "; holds ext4 'old'"));
	assert_string_equal(p->command, "orthrus head install --images");
	page_free(p);
	shows("headdisks", "others", "serial SYS1, 10", &a, &usual);
	shows("headdisks", "others", "mounted at /", &a, &usual);
	p = kind("headdisks")->build(&a, &busy);
	assert_int_equal(page_field(p, "store_disks")->n_choices, 4); /* not the two that say the same number */
	assert_int_equal(page_field(p, "store_raid")->n_choices, 5);
	page_free(p);
	shows("headdisks", "others", "another disk has the same number", &a, &busy);

	take(&a, &usual, "headdisks", "store_raid", "1");
	take(&a, &usual, "headdisks", "store_disks", "serial QM1");
	assert_int_equal(kind("headdisks")->check(&a, &usual, &key, &err), -1);
	assert_string_equal(key, "store_disks");
	assert_non_null(strstr(err.text, "RAID 1 needs at least 2 disks, and 1 is marked"));
	take(&a, &usual, "headdisks", "store_disks", "serial QM1,serial QM2");
	assert_int_equal(kind("headdisks")->check(&a, &usual, &key, &err), 0);
	p = kind("headdisks")->build(&a, &usual);
	assert_string_equal(p->command,
			    "orthrus head install --images --store-raid 1 --store-disk 'serial QM1' --store-disk 'serial QM2' "
			    "--store-wipe 'serial QM2'");
	page_free(p);
	take(&b, &usual, "headdisks", "store_disks", "serial QM1");
	assert_int_equal(kind("headdisks")->check(&b, &usual, &key, &err), -1);
	assert_string_equal(key, "store_raid");
}

/* What was marked, and is offered no more, is refused; and its mark can be taken away. */
static void gone(void **state)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts usual = { 0 }, bare = { 0 };
	struct err err = { 0 };
	struct field *f;
	struct page *p;

	(void)state;
	machine(MACHINE_USUAL, &usual);
	machine(MACHINE_BARE, &bare);
	take(&a, &usual, "headdisks", "store_disks", "serial QM1,serial QM2");
	p = kind("headdisks")->build(&a, &bare);
	f = page_field(p, "store_disks");
	assert_int_equal(f->n_choices, 2);
	assert_string_equal(f->choices[1].label, "serial QM2: can't be chosen any more; take this mark away");
	assert_int_equal(kind("headdisks")->take(&a, &bare, "store_disks", f->value, &err), -1);
	field_toggle(f, "serial QM1");
	field_toggle(f, "serial QM2");
	take(&a, &bare, "headdisks", "store_disks", f->value);
	page_free(p);
	p = kind("headdisks")->build(&a, &bare);
	assert_int_equal(page_field(p, "store_disks")->n_choices, 0);
	page_free(p);
}

static void the_others(void **state)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts f = { 0 }, bare = { 0 };
	struct page *p;

	(void)state;
	machine(MACHINE_USUAL, &f);
	machine(MACHINE_BARE, &bare);
	shows("head", "found", "head1.cluster.internal is 10.1.0.1 on eno2\nnodes ask 10.1.0.1", &a, &f);
	take(&a, &f, "head", "service_address", " 10.1.0.2 ");
	shows("head", "found", "nodes ask 10.1.0.2", &a, &f);
	shows("naming", "found", "64 names: n001, n002, n003, .., n064\nn001.cluster.internal is the first machine", &a, &f);
	take(&a, &f, "naming", "names", "sw1:swp[1-4]=r1n[01-04]");
	shows("naming", "found", "4 names: r1n01, r1n02, r1n03, r1n04\nr1n01.cluster.internal is the machine at\n  sw1:swp1", &a,
	      &f);
	p = kind("naming")->build(&a, &f);
	assert_string_equal(p->command, "orthrus node discover --name 'sw1:swp[1-4]=r1n[01-04]' --group compute");
	page_free(p);
	shows("image", "found", "on each node", &a, &f);
	shows("image", "found", "! only 1", &a, &bare);
	take(&a, &f, "image", "sets", "slurm,mpi");
	p = kind("image")->build(&a, &f);
	assert_non_null(strstr(p->command, "--package slurmd --package munge --package openmpi-bin"));
	page_free(p);
	p = kind("keys")->build(&a, &f);
	assert_int_equal(page_field(p, "admin_keys")->n_choices, 2);
	assert_non_null(strstr(page_field(p, "admin_keys")->choices[1].label, "a, b ssh-ed25519.."));
	page_free(p);
	shows("keys", "made", "/var/lib/orthrus/pki", &a, &f);
}

/* Somebody went back and changed what a later answer was made for; or the saved answers are not what the wizard wrote. */
static void finds_what_became_wrong(void **state)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts f = { 0 };
	const char *page = NULL, *key = NULL;
	struct err err = { 0 };

	(void)state;
	machine(MACHINE_USUAL, &f);
	take(&a, &f, "head", "service_address", "10.1.0.2");
	take(&a, &f, "networks", "subnet", "10.9.8.0/24");
	assert_int_equal(kind("networks")->check(&a, &f, &key, &err), 0);
	assert_int_equal(pages_check(&a, &f, &page, &key, &err), -1);
	assert_string_equal(page, "head");
	assert_string_equal(key, "service_address");
	assert_non_null(strstr(err.text, "10.1.0.2 is outside the subnet 10.9.8.0/24"));
	take(&a, &f, "head", "service_address", "");
	assert_int_equal(pages_check(&a, &f, &page, &key, &err), 0);
	answers_put(&a, &f, ANSWER_INTERFACE, "eno9");
	assert_int_equal(pages_check(&a, &f, &page, &key, &err), -1);
	assert_string_equal(page, "networks");
	assert_string_equal(key, "interface");
}

/* What only all of it together shows is said on the page where it can be mended, at its field. */
static void checks_together(void **state)
{
	autoclean(answers_free) struct answers a = { 0 }, b = { 0 };
	autoclean(facts_free) struct facts f = { 0 };
	const char *key = NULL;
	struct err err = { 0 };

	(void)state;
	machine(MACHINE_USUAL, &f);
	take(&a, &f, "networks", "ipv6", "fd12:3456::/64");
	take(&a, &f, "networks", "head_address", "fd12:3456::9");
	assert_int_equal(kind("networks")->check(&a, &f, &key, &err), 0);
	take(&a, &f, "networks", "ipv6", "fd99::/64");
	assert_int_equal(kind("networks")->check(&a, &f, &key, &err), -1);
	assert_string_equal(key, "head_address");
	take(&b, &f, "head", "service_address", "10.1.255.254");
	assert_int_equal(kind("head")->check(&b, &f, &key, &err), -1);
	assert_string_equal(key, "service_address");
	assert_non_null(strstr(err.text, "pool"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(are_whole),	   cmocka_unit_test(defaults_go_through),
		cmocka_unit_test(preflight),	   cmocka_unit_test(networks),
		cmocka_unit_test(node_disks),	   cmocka_unit_test(head_disks),
		cmocka_unit_test(the_others),	   cmocka_unit_test(finds_what_became_wrong),
		cmocka_unit_test(checks_together), cmocka_unit_test(gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
