/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is written for dnsmasq and GRUB, compared with tests/golden/netboot (ORTHRUS_GOLDEN=write writes them anew: read the
 * difference), and what must never get into those files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "netboot/netboot.h"
#include "netboot/render.h"
#include "sys/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct world {
	struct site site;
	struct str_list macs[3], kernel_args;
	struct netboot_node nodes[3];
	struct netboot_input in;
};

static const char *top(void)
{
	return getenv("TOP") ? getenv("TOP") : ".";
}

static char *golden_path(const char *name, const char *file)
{
	return str_format("%s/tests/golden/netboot/%s/%s", top(), name, file);
}

static void world_open(struct world *w, const char *name)
{
	autofree char *path = golden_path(name, "site.json");
	autoclean(buf_free) struct buf text = { 0 };
	const struct site_network *net;
	struct err err = { 0 };

	*w = (struct world){ 0 };
	if (fs_read(path, 1 << 20, &text, &err) < 0 || site_read(buf_str(&text), text.len, path, &w->site, &err) < 0)
		fail_msg("%s", err.text);
	net = site_provision(&w->site);
	for (unsigned int i = 0; i < 3; i++) {
		str_list_addf(&w->macs[i], "52:54:00:00:00:%02x", 0xa0 + i);
		w->nodes[i] = (struct netboot_node){ .macs = &w->macs[i], .payload = KEY };
		if (net->has4)
			assert_true(net4_at(&net->net4, 0x101 + i, &w->nodes[i].addr4));
		w->nodes[i].has6 = net->has6 && net6_at(&net->net6, 0x101 + i, &w->nodes[i].addr6);
	}
	str_list_add(&w->macs[2], "52:54:00:00:01:a2");
	str_list_add(&w->kernel_args, "console=ttyS0,115200");
	str_list_add(&w->kernel_args, "orthrus.debug");
	w->nodes[0].name = "n01";
	w->nodes[0].target = NETBOOT_DISK;
	w->nodes[0].payload = NULL;
	w->nodes[0].esp_uuid = "C5EA-41D0";
	w->nodes[1].name = "n02";
	w->nodes[1].target = NETBOOT_PROBE;
	w->nodes[2].name = "n03";
	w->nodes[2].target = NETBOOT_INSTALL;
	w->nodes[2].kernel_args = &w->kernel_args;
	w->in = (struct netboot_input){ .site = &w->site,
					.interface = "eth0",
					.head_addr4 = w->site.heads[0].addr4,
					.head_has6 = w->site.heads[0].has6,
					.head_addr6 = w->site.heads[0].addr6,
					.nodes = w->nodes,
					.n_nodes = 3,
					.discover_payload = w->site.discover ? KEY : NULL,
					.server_url = net->has4 ? "https://10.77.0.1:8443" : "https://[fd00:77::10]:8443",
					.tftp_root = "/srv/orthrus/tftp",
					.run_dir = "/run/orthrus" };
}

static void world_close(struct world *w)
{
	for (size_t i = 0; i < 3; i++)
		str_list_free(&w->macs[i]);
	str_list_free(&w->kernel_args);
	site_free(&w->site);
}

static void compare(const char *name, const char *file, const struct buf *got)
{
	autofree char *path = golden_path(name, file);
	autoclean(buf_free) struct buf want = { 0 };
	struct err err = { 0 };

	if (str_eq(getenv("ORTHRUS_GOLDEN"), "write")) {
		assert_int_equal(fs_write_atomic(path, buf_str(got), got->len, 0644, &err), 0);
		return;
	}
	if (fs_read(path, 1 << 20, &want, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(buf_str(got), buf_str(&want));
}

static void render_all(const char *name)
{
	static const char *const node_files[] = { "node-disk.cfg", "node-probe.cfg", "node-install.cfg" };
	static const struct {
		const char *file;
		void (*render)(const struct netboot_input *in, struct buf *out);
	} files[] = { { "dnsmasq.conf", netboot_dnsmasq_conf },
		      { "dnsmasq.dhcp-hosts", netboot_dhcp_hosts },
		      { "dnsmasq.hosts", netboot_hosts },
		      { "grub.cfg", netboot_grub_main } };
	autoclean(world_close) struct world w;

	world_open(&w, name);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		autoclean(buf_free) struct buf out = { 0 };

		files[i].render(&w.in, &out);
		compare(name, files[i].file, &out);
	}
	for (size_t i = 0; i < 3; i++) {
		autoclean(buf_free) struct buf out = { 0 }, rescue = { 0 }, diskless = { 0 };

		netboot_grub_node(&w.in, &w.nodes[i], &out);
		compare(name, node_files[i], &out);
		if (w.nodes[i].target != NETBOOT_PROBE)
			continue;
		w.nodes[i].target = NETBOOT_RESCUE;
		netboot_grub_node(&w.in, &w.nodes[i], &rescue);
		compare(name, "node-rescue.cfg", &rescue);
		w.nodes[i].target = NETBOOT_DISKLESS;
		netboot_grub_node(&w.in, &w.nodes[i], &diskless);
		compare(name, "node-diskless.cfg", &diskless);
	}
}

/* A payload that is still being made: the machine comes back by itself, and neither its disk nor half a payload is booted. */
static void waits_for_payload(void **state)
{
	autoclean(buf_free) struct buf out = { 0 };
	autoclean(world_close) struct world w;

	(void)state;
	world_open(&w, "plain");
	w.nodes[0].target = NETBOOT_WAIT;
	w.nodes[0].payload = NULL;
	netboot_grub_node(&w.in, &w.nodes[0], &out);
	assert_non_null(strstr(buf_str(&out), "sleep 10\nreboot\n"));
	assert_null(strstr(buf_str(&out), "linux"));
	assert_null(strstr(buf_str(&out), "exit"));
}

/* A machine that nobody knows, while the imager that it shall boot is made; without an image it is left to its disk. */
static void unknown_waits(void **state)
{
	autoclean(buf_free) struct buf wait = { 0 }, disk = { 0 };
	autoclean(world_close) struct world w;

	(void)state;
	world_open(&w, "discover");
	w.in.discover_payload = NULL;
	w.in.discover_wait = true;
	netboot_grub_main(&w.in, &wait);
	assert_non_null(strstr(buf_str(&wait), "$net_default_mac is not known here: the head is still preparing the imager"));
	assert_non_null(strstr(buf_str(&wait), "reboot"));
	assert_null(strstr(buf_str(&wait), "going on to the disk"));
	w.in.discover_wait = false;
	netboot_grub_main(&w.in, &disk);
	assert_non_null(strstr(buf_str(&disk), "going on to the disk"));
}

static void plain_site(void **state)
{
	(void)state;
	render_all("plain");
}

static void site_with_discovery(void **state)
{
	(void)state;
	render_all("discover");
}

static void dual_stack_site(void **state)
{
	(void)state;
	render_all("dual");
}

static void site_with_ipv6_only(void **state)
{
	(void)state;
	render_all("ipv6");
}

static void refused(struct world *w, const char *part_of_error)
{
	struct err err = { 0 };

	assert_int_equal(netboot_check(&w->in, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	if (!strstr(err.text, part_of_error))
		fail_msg("\"%s\" does not mention \"%s\"", err.text, part_of_error);
}

static void nothing_odd_gets_into_a_file(void **state)
{
	static const char *const bad_args[] = { "a'b", "a\nreboot", "a b", "a;b", "$(x)", "a\"b", "a\\b", "", "{x}", "#" };
	static const char *const bad_names[] = { "n'1", "N01", "-n", "n\n1", "n 1", "", "n01.x" };
	autoclean(world_close) struct world w;
	struct err err = { 0 };

	(void)state;
	world_open(&w, "plain");
	assert_int_equal(netboot_check(&w.in, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad_args); i++) {
		free(w.kernel_args.items[0]);
		w.kernel_args.items[0] = mem_strdup(bad_args[i]);
		refused(&w, "kernel argument");
	}
	w.nodes[2].kernel_args = NULL;
	for (size_t i = 0; i < ARRAY_LEN(bad_names); i++) {
		w.nodes[0].name = bad_names[i];
		refused(&w, "host name");
	}
	w.nodes[0].name = "n01";
	w.nodes[1].payload = "../../etc";
	refused(&w, "payload key");
	w.nodes[1].payload = NULL;
	refused(&w, "no kernel");
	w.nodes[1].payload = KEY;
	w.nodes[1].addr4 = w.site.networks[0].net4.base;
	refused(&w, "outside the provision network");
	w.nodes[1].addr4 = w.in.head_addr4 + 7;
	w.in.interface = "eth0\ndhcp-script=/bin/sh";
	refused(&w, "interface");
	w.in.interface = "eth0";
	w.in.tftp_root = "/srv/tftp #";
	refused(&w, "TFTP directory");
	w.in.tftp_root = "/srv";
	free(w.macs[0].items[0]);
	w.macs[0].items[0] = mem_strdup("52:54:00:00:00:AA");
	refused(&w, "is not written as");
}

/* Each family of the network has an address of each node and of the head, and no other family has. */
static void addresses_fit_the_network(void **state)
{
	autoclean(world_close) struct world w, six;
	struct err err = { 0 };

	(void)state;
	world_open(&w, "dual");
	world_open(&six, "ipv6");
	assert_int_equal(netboot_check(&w.in, &err), 0);
	assert_int_equal(netboot_check(&six.in, &err), 0);
	assert_false(netboot_has_pool(&w.site) || netboot_has_pool(&six.site)); /* IPv4's */
	six.nodes[0].addr4 = 0x0a4d0101;
	refused(&six, "10.77.1.1 is outside the provision network (no IPv4)");
	w.nodes[0].addr6.bytes[3] ^= 1;
	refused(&w, "is outside the provision network fd00:77::/64");
	w.nodes[0].has6 = false;
	refused(&w, "fd00:77::/64");
	w.nodes[0] = w.nodes[1];
	w.in.head_has6 = false;
	refused(&w, "no IPv6 address");
	w.in.head_has6 = true;
	w.in.head_addr4 = 0;
	refused(&w, "no IPv4 address");
}

static void leases_of_replaced_machines_are_dropped(void **state)
{
	static const char before[] = "1700000000 52:54:00:00:00:a0 10.77.1.1 n01 *\n"
				     "1700000001 52:54:00:99:99:99 10.77.1.2 n02 01:52:54:00:99:99:99\n"
				     "1700000002 52:54:00:88:88:88 10.77.200.7 * *\n"
				     "duid 00:01:00:01\n"
				     "1700000000 1 fd00:77::b007:0:1 * 00:04:aa\n"
				     "rubbish";
	static const char after[] = "1700000000 52:54:00:00:00:a0 10.77.1.1 n01 *\n"
				    "1700000002 52:54:00:88:88:88 10.77.200.7 * *\n"
				    "duid 00:01:00:01\n"
				    "1700000000 1 fd00:77::b007:0:1 * 00:04:aa\n"
				    "rubbish";
	autoclean(world_close) struct world w;
	autoclean(buf_free) struct buf out = { 0 };

	(void)state;
	world_open(&w, "plain");
	assert_int_equal(netboot_leases_keep(&w.in, before, &out), 1);
	assert_string_equal(buf_str(&out), after);
	assert_int_equal(netboot_leases_keep(&w.in, after, NULL), 0);
	/* Each interface of n03 may hold its lease, a stranger may not. */
	assert_int_equal(netboot_leases_keep(&w.in, "1700000003 52:54:00:00:00:a2 10.77.1.3 n03 *\n", NULL), 0);
	assert_int_equal(netboot_leases_keep(&w.in, "1700000003 52:54:00:00:01:a2 10.77.1.3 n03 *\n", NULL), 0);
	assert_int_equal(netboot_leases_keep(&w.in, "1700000003 52:54:00:00:02:a2 10.77.1.3 n03 *\n", NULL), 1);
}

static void apply(struct world *w, enum netboot_effect want)
{
	enum netboot_effect effect;
	struct err err = { 0 };

	if (netboot_apply(&w->in, &effect, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(effect, want);
}

static int64_t changed_ns(const char *dir, const char *mac)
{
	autofree char *path = str_format("%s/grub/nodes/%s.cfg", dir, mac);
	struct stat st;

	return stat(path, &st) < 0 ? -1 : st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
}

static void one_node_changes_others_do_not(void **state)
{
	char dir[] = "/tmp/orthrus-netboot-XXXXXX";
	autofree char *run = NULL, *lease_path = NULL;
	autoclean(world_close) struct world w;
	static const char lease[] = "1700000001 52:54:00:99:99:99 10.77.1.2 n02 *\n";
	struct err err = { 0 };
	enum netboot_effect effect;
	int64_t n01, n02;

	(void)state;
	assert_non_null(mkdtemp(dir));
	run = fs_join(dir, "run");
	world_open(&w, "plain");
	w.in.tftp_root = dir;
	w.in.run_dir = run;
	w.in.n_nodes = 2;
	apply(&w, NETBOOT_RESTART);
	apply(&w, NETBOOT_NOTHING);
	n01 = changed_ns(dir, "52:54:00:00:00:a0");
	n02 = changed_ns(dir, "52:54:00:00:00:a1");
	assert_true(n01 > 0 && n02 > 0);

	w.in.n_nodes = 3; /* one more, with two interfaces */
	apply(&w, NETBOOT_RELOAD);
	assert_int_equal(changed_ns(dir, "52:54:00:00:00:a0"), n01);
	assert_true(changed_ns(dir, "52:54:00:00:00:a2") > 0 && changed_ns(dir, "52:54:00:00:01:a2") > 0);

	w.nodes[1].target = NETBOOT_DISK; /* no name or address changed: dnsmasq need not know */
	apply(&w, NETBOOT_NOTHING);
	assert_true(changed_ns(dir, "52:54:00:00:00:a1") > n02);
	assert_int_equal(changed_ns(dir, "52:54:00:00:00:a0"), n01);

	w.in.n_nodes = 2;
	apply(&w, NETBOOT_RELOAD);
	assert_int_equal(changed_ns(dir, "52:54:00:00:00:a2"), -1);
	assert_int_equal(changed_ns(dir, "52:54:00:00:01:a2"), -1);
	assert_int_equal(changed_ns(dir, "52:54:00:00:00:a0"), n01);

	lease_path = fs_join(run, NETBOOT_LEASES);
	assert_int_equal(fs_write_atomic(lease_path, lease, strlen(lease), 0644, &err), 0);
	apply(&w, NETBOOT_RESTART);
	assert_int_equal(netboot_before_start(&w.in, &err), 0);
	apply(&w, NETBOOT_NOTHING);

	str_list_add(&w.macs[1], "52:54:00:00:00:a0"); /* n01's */
	assert_int_equal(netboot_apply(&w.in, &effect, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

/* One node's file cannot be written: the others' are, and that node gets no address before it has an answer. */
static void one_failure_does_not_stop_the_others(void **state)
{
	char dir[] = "/tmp/orthrus-netboot-XXXXXX";
	autofree char *run = NULL, *stuck = NULL, *hosts = NULL;
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(world_close) struct world w;
	enum netboot_effect effect;
	struct err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	run = fs_join(dir, "run");
	hosts = fs_join(run, NETBOOT_DHCP_HOSTS);
	stuck = str_format("%s/grub/nodes/52:54:00:00:00:a0.cfg", dir);
	assert_int_equal(fs_mkdirs(stuck, 0755, &err), 0);
	world_open(&w, "plain");
	w.in.tftp_root = dir;
	w.in.run_dir = run;
	w.in.n_nodes = 2;
	assert_int_equal(netboot_apply(&w.in, &effect, &err), -1);
	assert_non_null(strstr(err.text, "n01"));
	assert_int_equal(effect, NETBOOT_RESTART);
	assert_true(changed_ns(dir, "52:54:00:00:00:a1") > 0);
	assert_int_equal(fs_read(hosts, 4096, &text, &err), 0);
	assert_null(strstr(buf_str(&text), "n01"));
	assert_non_null(strstr(buf_str(&text), "n02"));
	assert_int_equal(rmdir(stuck), 0);
	apply(&w, NETBOOT_RELOAD);
	apply(&w, NETBOOT_NOTHING);
	assert_true(changed_ns(dir, "52:54:00:00:00:a0") > 0);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_payload),
		cmocka_unit_test(plain_site),
		cmocka_unit_test(site_with_discovery),
		cmocka_unit_test(unknown_waits),
		cmocka_unit_test(dual_stack_site),
		cmocka_unit_test(site_with_ipv6_only),
		cmocka_unit_test(addresses_fit_the_network),
		cmocka_unit_test(nothing_odd_gets_into_a_file),
		cmocka_unit_test(leases_of_replaced_machines_are_dropped),
		cmocka_unit_test(one_node_changes_others_do_not),
		cmocka_unit_test(one_failure_does_not_stop_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
