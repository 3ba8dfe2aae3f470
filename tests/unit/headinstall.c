/* SPDX-License-Identifier: GPL-2.0-or-later */
/* headinstall's plans: what would be done to a machine, said as a golden text each. */
#include "base/mem.h"
#include "headinstall/journal.h"
#include "headinstall/paths.h"
#include "headinstall/plan.h"
#include "headinstall/store.h"
#include "site/site.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GOLDEN "tests/golden/headinstall/"

struct world {
	struct head_facts f;
	struct site site;
	struct buf text;
	struct head_wish wish;
};

static void add_text(struct head_facts *f, const char *path, const char *text)
{
	struct head_text *t;

	f->texts = mem_room(f->texts, f->n_texts, &f->cap_texts, sizeof(*f->texts));
	t = &f->texts[f->n_texts++];
	*t = (struct head_text){ .path = mem_strdup(path), .there = text != NULL, .mode = 0644 };
	if (text)
		buf_adds(&t->text, text);
}

static void add_unit(struct head_facts *f, const char *name, bool there, bool on)
{
	f->units[f->n_units++] = (struct head_unit){ .name = name, .there = there, .enabled = on, .active = on };
}

static struct head_interface *add_interface(struct head_facts *f, const char *name)
{
	struct head_interface *n;

	f->interfaces = mem_room(f->interfaces, f->n_interfaces, &f->cap_interfaces, sizeof(*f->interfaces));
	n = &f->interfaces[f->n_interfaces++];
	*n = (struct head_interface){ .name = mem_strdup(name), .driver = mem_strdup(""), .mac = mem_strdup(""), .link = true };
	return n;
}

static void add_port(struct head_facts *f, bool udp, unsigned int port, const char *address, const char *program)
{
	f->ports = mem_room(f->ports, f->n_ports, &f->cap_ports, sizeof(*f->ports));
	f->ports[f->n_ports++] =
		(struct head_port){ .udp = udp, .port = port, .address = mem_strdup(address), .program = mem_strdup(program) };
}

/* A Debian 12 with nothing but a network card for nodes, configured by nobody. */
static void fresh(struct world *w)
{
	const struct site_seed seed = {
		.cluster = "demo", .interface = "eth1", .subnet = "10.1.0.0/16", .ipv6 = "off", .head_name = "head1"
	};
	struct err err = { 0 };

	*w = (struct world){ .f = { .running = true, .networker = HEAD_NET_IFUPDOWN } };
	assert_int_equal(site_init(&seed, &w->site, &err), 0);
	site_print(&w->site, &w->text);
	w->wish.site_text = buf_str(&w->text);
	w->f.root = mem_strdup("");
	w->f.hostname = mem_strdup("head1");
	w->f.needs[0] = (struct head_need){ "chrony", "time", false };
	w->f.needs[1] = (struct head_need){ "dnsmasq-base", "DHCP", false };
	w->f.needs[2] = (struct head_need){ "kmod", "modules", true };
	w->f.n_needs = 3;
	str_list_add(&w->f.brings, "chrony");
	str_list_add(&w->f.brings, "dnsmasq-base");
	str_list_add(&w->f.brings, "libnetfilter-conntrack3");
	str_list_add(&w->f.takes, "systemd-timesyncd");
	w->f.values[0] = (struct head_value){ "net.core.rmem_max", "33554432", mem_strdup("212992") };
	w->f.values[1] = (struct head_value){ "net.core.wmem_max", "4194304", mem_strdup("8388608") };
	add_interface(&w->f, "eth0");
	add_interface(&w->f, "eth1");
	add_unit(&w->f, "chrony.service", false, false);
	add_unit(&w->f, "orthrus-helper.socket", true, false);
	add_unit(&w->f, "orthrusd.service", true, false);
	add_text(&w->f, HEAD_SITE, NULL);
	add_text(&w->f, HEAD_CHRONY, NULL);
	add_text(&w->f, HEAD_CHRONY_OURS, NULL);
	add_text(&w->f, HEAD_INTERFACES, "source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n");
	add_text(&w->f, "/etc/network/interfaces.d/orthrus-eth1", NULL);
}

static void world_free(struct world *w)
{
	head_facts_free(&w->f);
	site_free(&w->site);
	buf_free(&w->text);
	str_list_free(&w->wish.open);
}

static void compare(const char *golden, const char *is)
{
	autofree char *path = str_format(GOLDEN "%s.txt", golden);
	autoclean(buf_free) struct buf want = { 0 };
	struct err err = { 0 };

	if (getenv("GOLDEN_WRITE"))
		assert_int_equal(fs_write_atomic(path, is, strlen(is), 0644, &err), 0);
	assert_int_equal(fs_read(path, 1 << 20, &want, &err), 0);
	assert_string_equal(is, buf_str(&want));
}

static void planned(struct world *w, const char *golden)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(buf_free) struct buf out = { 0 }, json = { 0 };
	struct json_out j;
	struct err err = { 0 };

	if (head_plan(&w->f, &w->site, &w->wish, &plan, &err) < 0)
		fail_msg("%s (%s)", err.text, err.hint);
	head_plan_print(&plan, &out);
	compare(golden, buf_str(&out));
	json_out_init(&j, &json, true);
	head_plan_json(&plan, &j);
	assert_non_null(strstr(buf_str(&json), "\"destructive\": false"));
	assert_int_equal(!strstr(buf_str(&out), "        --- /"), !strstr(buf_str(&json), "\"diff\": \"--- /"));
	assert_true(head_plan_changes(&plan) <= plan.len);
}

static void refused(struct world *w, const char *text, const char *hint)
{
	autoclean(plan_free) struct plan plan = { 0 };
	struct err err = { 0 };

	assert_int_equal(head_plan(&w->f, &w->site, &w->wish, &plan, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	if (!strstr(err.text, text) || !strstr(err.hint, hint))
		fail_msg("'%s' and '%s' are not in: %s (%s)", text, hint, err.text, err.hint);
}

static void test_fresh(void **state)
{
	autoclean(world_free) struct world w;

	(void)state;
	fresh(&w);
	planned(&w, "fresh");
}

/* Whoever started it: but for one that was there before there was a head of ours. */
static void test_guard_back(void **state)
{
	struct head_path link = { .path = (char[]){ HEAD_GUARD_WANTS }, .has_was = true, .was = { .type = HEAD_LINK } };
	struct head_setting told = { .name = (char[]){ HEAD_GUARD_UNIT }, .value = (char[]){ HEAD_UNIT_OFF } };
	struct head_journal none = { 0 }, before = { .paths = &link, .n_paths = 1 }, ours = { .units = &told, .n_units = 1 };
	const struct head_journal *const journals[] = { &none, &before, &ours };
	static const char *const says[] = { "which was started since", NULL, "be as it was: " HEAD_UNIT_OFF };
	struct str_list wanted = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(journals); i++) {
		struct head_back b = {
			.journal = journals[i], .now = &none, .packages = &none, .wanted = &wanted, .guard = true
		};
		autoclean(plan_free) struct plan plan = { 0 };

		head_plan_back(&b, &plan);
		assert_int_equal(str_eq(plan.steps[0].name, "unit:" HEAD_GUARD_UNIT), says[i] != NULL);
		if (!says[i])
			continue;
		assert_non_null(strstr(plan.steps[0].text, says[i]));
		assert_string_not_equal(plan.steps[1].name, plan.steps[0].name);
	}
}

/* Where the store has the image already, nothing is built. */
static void test_images(void **state)
{
	struct world w;

	(void)state;
	for (int there = 0; there < 2; there++) {
		autoclean(plan_free) struct plan plan = { 0 };
		struct err err = { 0 };

		fresh(&w);
		w.wish.images = true;
		if (there)
			str_list_add(&w.f.images, "compute");
		assert_int_equal(head_plan(&w.f, &w.site, &w.wish, &plan, &err), 0);
		assert_int_equal(str_eq(plan.steps[plan.len - 1].name, "image:compute"), !there);
		if (!there)
			assert_non_null(strstr(plan.steps[plan.len - 1].text, "orthrus image build compute"));
		world_free(&w);
	}
}

static void test_own_dnsmasq(void **state)
{
	autoclean(world_free) struct world w;
	autoclean(plan_free) struct plan beside = { 0 };
	struct err err = { 0 };

	(void)state;
	fresh(&w);
	w.f.confs = mem_array(1, sizeof(*w.f.confs));
	w.f.confs[w.f.n_confs++] = (struct head_conf){ "dnsmasq", mem_strdup("/etc/dnsmasq.d/lan.conf") };
	add_port(&w.f, true, 53, "127.0.0.1", "dnsmasq");
	add_port(&w.f, true, 53, "192.0.2.1", "dnsmasq");
	planned(&w, "own-dnsmasq");
	add_port(&w.f, true, 67, "", "dnsmasq");
	w.f.ports[w.f.n_ports - 1].device = mem_strdup("virbr0"); /* libvirt's */
	assert_int_equal(head_plan(&w.f, &w.site, &w.wish, &beside, &err), 0);
	add_port(&w.f, true, 67, "", "dnsmasq");
	refused(&w, "port 67 (UDP) is in use on all interfaces by dnsmasq", "'except-interface=eth1'");
}

static void test_chrony_changed(void **state)
{
	autoclean(world_free) struct world w;

	(void)state;
	fresh(&w);
	w.f.needs[0].installed = true;
	str_list_free(&w.f.takes);
	w.f.units[0] = (struct head_unit){ "chrony.service", true, true, true };
	buf_adds(&w.f.texts[1].text,
		 "# mine\nserver ntp.example.org iburst\nkeyfile /etc/chrony/chrony.keys\nmakestep 1 3\n# end\n");
	w.f.texts[1].there = true;
	add_port(&w.f, true, 123, "", "chronyd");
	planned(&w, "chrony-changed");
}

/* What the clock of a head may not do: docs/failover.md. */
static void test_slew(void **state)
{
	autoclean(world_free) struct world w;
	autoclean(plan_free) struct plan plan = { 0 };
	struct err err = { 0 };
	const char *text = NULL;

	(void)state;
	fresh(&w);
	assert_int_equal(head_plan(&w.f, &w.site, &w.wish, &plan, &err), 0);
	for (size_t i = 0; i < plan.len; i++) {
		const struct head_step *s = plan.steps[i].arg;

		if (str_eq(plan.steps[i].name, "time") && str_eq(s->writes[0].path, HEAD_CHRONY_OURS))
			text = s->writes[0].text;
		assert_string_not_equal(plan.steps[i].name, "note:maxslewrate");
	}
	assert_non_null(text);
	assert_non_null(strstr(text, "\nmaxslewrate 400\n"));
	w.f.texts[1].there = true;
	buf_adds(&w.f.texts[1].text, "maxslewrate 1000\nconfdir /etc/chrony/conf.d\nmaxslewrate 250.5\n");
	plan_free(&plan);
	assert_int_equal(head_plan(&w.f, &w.site, &w.wish, &plan, &err), 0);
	for (size_t i = 0; i < plan.len; i++)
		assert_string_not_equal(plan.steps[i].name, "note:maxslewrate");
	buf_adds(&w.f.texts[1].text, " maxslewrate  83333.333\n");
	planned(&w, "slew");
}

static void add_disk(struct disks *all, const char *serial, const char *found)
{
	struct disk *d = &all->items[all->len++];

	*d = (struct disk){ .name = mem_strdup("vdb"),
			    .model = mem_strdup("QEMU HARDDISK"),
			    .serial = mem_strdup(serial),
			    .wwn = mem_strdup(""),
			    .transport = mem_strdup("sata"),
			    .size_bytes = UINT64_C(5) << 30,
			    .logical_sector_bytes = 512,
			    .physical_sector_bytes = 512 };
	if (found)
		str_list_add(&d->found, found);
}

/* Every disk with what it holds; mounted, it needs no step; files that it would hide are in the way. */
static void test_store(void **state)
{
	autoclean(head_store_free) struct head_store s = { .level = 1, .fs = mem_strdup("xfs"), .seed = { 7 } };
	autoclean(disks_free) struct disks all = { .items = mem_array(2, sizeof(*all.items)) };
	autoclean(world_free) struct world w;
	autoclean(plan_free) struct plan plan = { 0 };
	struct err err = { 0 };

	(void)state;
	fresh(&w);
	add_disk(&all, "QM1", NULL);
	add_disk(&all, "QM2", "ext4 'old'");
	str_list_add(&s.disks, "serial QM1");
	str_list_add(&s.disks, "serial QM2");
	str_list_add(&s.wipe, "serial QM2");
	assert_int_equal(head_store_plan(&s, &all, &err), 0);
	w.wish.store = &s;
	planned(&w, "store");
	w.f.store_used = "holds files already: an array would hide it";
	refused(&w, "/srv/orthrus holds files already: an array would hide it", "move it elsewhere");
	s.begun = s.made = true; /* they are its own */
	add_unit(&w.f, HEAD_STORE_UNIT, true, true);
	assert_int_equal(head_plan(&w.f, &w.site, &w.wish, &plan, &err), 0);
	for (size_t i = 0; i < plan.len; i++)
		if (str_starts(plan.steps[i].name, "store:"))
			fail_msg("%s", plan.steps[i].text);
	w.f.running = false;
	refused(&w, "not below another root", "");
}

/* All is as it should be, but for what a kill has left open. */
static void test_second_run(void **state)
{
	autoclean(world_free) struct world w;
	autoclean(plan_free) struct plan first = { 0 }, dirs = { 0 }, second = { 0 }, third = { 0 };
	struct err err = { 0 };

	(void)state;
	fresh(&w);
	assert_int_equal(head_plan(&w.f, &w.site, &w.wish, &first, &err), 0);
	for (size_t i = 0; i < first.len; i++) {
		const struct head_step *s = first.steps[i].arg;

		for (size_t k = 0; k < s->n_writes; k++)
			for (size_t t = 0; t < w.f.n_texts; t++)
				if (str_eq(w.f.texts[t].path, s->writes[k].path)) {
					buf_clear(&w.f.texts[t].text);
					buf_adds(&w.f.texts[t].text, s->writes[k].text);
					w.f.texts[t].there = true;
				}
	}
	for (size_t i = 0; i < w.f.n_needs; i++)
		w.f.needs[i].installed = true;
	str_list_free(&w.f.takes);
	str_list_free(&w.f.brings);
	for (size_t i = 0; i < w.f.n_units; i++)
		w.f.units[i].there = w.f.units[i].enabled = w.f.units[i].active = true;
	free(w.f.values[0].now);
	w.f.values[0].now = mem_strdup("33554432");
	str_list_add(&w.f.users, "orthrus");
	str_list_add(&w.f.users, "orthrus-net");
	str_list_add(&w.f.users, "orthrus-guard");
	str_list_add(&w.f.interfaces[1].ipv4, "10.1.0.1/16");
	w.f.applied = w.wish.recorded = true;
	/* stopped after the users, before their directories */
	assert_int_equal(head_plan(&w.f, &w.site, &w.wish, &dirs, &err), 0);
	assert_int_equal(dirs.len, 1);
	assert_string_equal(dirs.steps[0].name, "users");
	assert_string_equal(dirs.steps[0].text, "make the directories /var/lib/orthrus and /var/log/orthrus");
	w.f.state_dirs = true;
	assert_int_equal(head_plan(&w.f, &w.site, &w.wish, &second, &err), 0);
	assert_int_equal(second.len, 0);
	str_list_add(&w.wish.open, "time");
	str_list_add(&w.wish.open, "address:eth1");
	str_list_add(&w.wish.open, "unit:orthrusd.service");
	assert_int_equal(head_plan(&w.f, &w.site, &w.wish, &third, &err), 0);
	assert_int_equal(third.len, 3);
}

static void test_networkd(void **state)
{
	autoclean(world_free) struct world w;

	(void)state;
	fresh(&w);
	w.f.networker = HEAD_NET_NETWORKD;
	add_text(&w.f, "/etc/systemd/network/50-orthrus-eth1.network", NULL);
	planned(&w, "networkd");
}

static void test_refusals(void **state)
{
	autoclean(world_free) struct world w;

	(void)state;
	fresh(&w);
	str_list_add(&w.f.problems, "this is Ubuntu 24.04: a head runs Debian 12 or 13");
	refused(&w, "this is Ubuntu", "put that right");
	str_list_free(&w.f.problems);
	str_list_add(&w.f.takes, "postfix");
	refused(&w, "apt would remove postfix", "apt-get -s");
	str_list_free(&w.f.takes);
	w.f.units[2].there = false;
	refused(&w, "orthrusd is not installed", "make install");
	w.f.units[2].there = true;
	w.f.networker = HEAD_NET_MANAGER;
	refused(&w, "NetworkManager", "10.1.0.1/16");
	w.f.networker = HEAD_NET_NONE;
	refused(&w, "neither ifupdown nor systemd-networkd", "10.1.0.1/16");
	w.f.networker = HEAD_NET_IFUPDOWN;
	buf_adds(&w.f.texts[3].text, "iface eth1 inet dhcp\n");
	refused(&w, "eth1 has a configuration of its own", "10.1.0.1");
	w.f.dhcp.items = mem_array(1, sizeof(*w.f.dhcp.items));
	w.f.dhcp.items[w.f.dhcp.len++] = (struct dhcp_server){ mem_strdup("eth1"), 0x0a0100fe };
	refused(&w, "another DHCP server answers: 10.1.0.254", "--accept-dhcp");
	free(w.f.interfaces[1].name);
	w.f.interfaces[1].name = mem_strdup("eth7");
	refused(&w, "interface eth1, which this machine has not", "eth0, eth7");
}

/* A unit of systemd's mounts nothing behind a link: that is known before a disk is erased. */
static void test_store_place(void **state)
{
	static const char *const why[] = { NULL, "is behind the link /srv, where systemd mounts nothing",
					   "holds files already: an array would hide it" };
	autofree char *dir = mem_strdup("/tmp/orthrus-store.XXXXXX"), *srv = NULL, *data = NULL, *file = NULL;
	struct err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	srv = fs_join(dir, "srv");
	data = fs_join(dir, "data/orthrus");
	file = fs_join(srv, "orthrus/image");
	assert_int_equal(fs_mkdirs(data, 0755, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(why); i++) {
		const struct head_probe p = { .root = dir, .no_ask = true };
		autoclean(head_facts_free) struct head_facts f = { 0 };

		if (i == 1)
			assert_int_equal(symlink("data", srv), 0);
		if (i == 2) {
			*strrchr(file, '/') = '\0';
			assert_int_equal(unlink(srv) | fs_mkdirs(file, 0755, &err), 0);
			file[strlen(file)] = '/';
			assert_int_equal(fs_write_atomic(file, "x", 1, 0644, &err), 0);
		}
		assert_int_equal(head_probe(&p, &f, &err), 0);
		if (!why[i])
			assert_null(f.store_used);
		else
			assert_string_equal(f.store_used, why[i]);
	}
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

static void test_diff(void **state)
{
	autofree char *same = head_diff("/f", "a\nb\n", "a\nb\n"),
		      *one = head_diff("/f", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\nten\n");

	(void)state;
	assert_string_equal(same, "");
	assert_string_equal(
		one, "--- /f (as it is)\n+++ /f (as it will be)\n@@ line 2 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+ten\n");
}

/* Packages: ours go, those that somebody wants or asked for stay, those that were pushed out come back. */
static void test_packages_back(void **state)
{
	struct head_pkg had[] = { { .name = (char[]){ "asked" }, .has_now = true, .now_there = true, .now_auto = true },
				  { .name = (char[]){ "gone" }, .was_there = true, .has_now = true },
				  { .name = (char[]){ "ours" }, .has_now = true, .now_there = true },
				  { .name = (char[]){ "wanted" }, .has_now = true, .now_there = true } };
	struct head_pkg now[] = { { .name = (char[]){ "asked" }, .now_there = true },
				  { .name = (char[]){ "ours" }, .now_there = true },
				  { .name = (char[]){ "wanted" }, .now_there = true } };
	struct head_journal journal = { .packages = had, .n_packages = 4 }, is = { .packages = now, .n_packages = 3 };
	autoclean(str_list_free) struct str_list wanted = { 0 }, go = { 0 }, come = { 0 }, stay = { 0 };
	struct head_back b = { .journal = &journal, .now = &is, .packages = &is, .wanted = &wanted, .data = HEAD_REMOVE_DATA };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(buf_free) struct buf out = { 0 };

	(void)state;
	str_list_add(&wanted, "wanted");
	head_packages_back(&b, &go, &come, &stay);
	assert_int_equal(go.len, 1);
	assert_string_equal(go.items[0], "ours");
	assert_string_equal(come.items[0], "gone");
	assert_int_equal(stay.len, 2);
	b.nodes = 3;
	b.installing = 1;
	head_plan_back(&b, &plan);
	head_plan_print(&plan, &out);
	compare("back", buf_str(&out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fresh),	    cmocka_unit_test(test_own_dnsmasq),	  cmocka_unit_test(test_chrony_changed),
		cmocka_unit_test(test_second_run),  cmocka_unit_test(test_networkd),	  cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_store_place), cmocka_unit_test(test_diff),	  cmocka_unit_test(test_slew),
		cmocka_unit_test(test_store),	    cmocka_unit_test(test_packages_back), cmocka_unit_test(test_images),
		cmocka_unit_test(test_guard_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
