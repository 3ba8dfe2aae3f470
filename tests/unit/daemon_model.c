/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's documents: what is written is read back the same; what machines say is read strictly; tokens are never shown. */
#include "base/mem.h"
#include "daemon/imager_event.h"
#include "daemon/model.h"
#include "daemon/reconcile.h"
#include "site/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

static void print_with(void (*print)(const void *x, struct json_out *w), const void *x, struct buf *out)
{
	struct json_out w;

	buf_clear(out);
	json_out_init(&w, out, false);
	print(x, &w);
}

static void node_any(const void *x, struct json_out *w)
{
	node_print(x, w);
}
static void run_any(const void *x, struct json_out *w)
{
	run_print(x, w);
}
static void run_shown(const void *x, struct json_out *w)
{
	json_put_obj(w, NULL);
	run_put_public(x, w);
	json_end_obj(w);
}
static void machine_any(const void *x, struct json_out *w)
{
	machine_print(x, w, NULL);
}

static void test_node_round_trip(void **state)
{
	static const char text[] =
		"{\"name\":\"n01\",\"group\":\"compute\",\"macs\":[\"52:54:00:00:00:01\",\"52:54:00:00:00:02\"],"
		"\"ipv4\":\"10.1.0.2\",\"ipv6\":null,\"image\":null,\"layout\":\"raid1\",\"serial\":\"A\","
		"\"switch\":\"sw-r1\",\"port\":\"swp5\",\"boot\":\"net\"}";
	static const char older[] = /* before there was IPv6 */
		"{\"name\":\"n01\",\"group\":\"compute\",\"macs\":[\"52:54:00:00:00:01\"],\"ipv4\":\"10.1.0.2\"}";
	static const char six[] =
		"{\"name\":\"n01\",\"group\":\"compute\",\"macs\":[\"52:54:00:00:00:01\"],\"ipv6\":\"fd00::2\"}";
	autoclean(node_free) struct node n = { 0 }, old = { 0 }, only6 = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(node_read(text, &n, &err), 0);
	assert_int_equal(n.boot, NODE_BOOT_NET);
	assert_int_equal(n.addr4, 0x0a010002);
	assert_null(n.image);
	assert_string_equal(n.switch_port, "swp5");
	print_with(node_any, &n, &out);
	assert_string_equal(buf_str(&out), text);
	assert_int_equal(node_read(older, &old, &err), 0);
	assert_true(old.addr4 == 0x0a010002 && !old.has6);
	assert_int_equal(node_read(six, &only6, &err), 0);
	assert_true(only6.addr4 == 0 && only6.has6 && only6.addr6.bytes[15] == 2);
}

static void test_wrong_nodes(void **state)
{
	static const char *const wrong[] = {
		"",
		"{}",
		"[]",
		"{\"name\":\"n01\"}",
		"{\"name\":\"n01\",\"group\":\"c\",\"macs\":[],\"ipv4\":\"10.1.0.300\"}",
		"{\"name\":\"n01\",\"group\":\"c\",\"macs\":[],\"ipv6\":\"10.1.0.3\"}",
		"{\"name\":\"n01\",\"group\":\"c\",\"macs\":[],\"ipv4\":\"10.1.0.3\",\"boot\":\"floppy\"}",
		"{\"name\":\"n01\",\"group\":\"c\",\"macs\":[],\"ipv4\":\"10.1.0.3\",\"more\":1}",
		"{\"name\":\"n01\",\"group\":\"c\",\"macs\":[1],\"ipv4\":\"10.1.0.3\"}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct node n = { 0 };
		struct err err = { 0 };

		assert_int_equal(node_read(wrong[i], &n, &err), -1);
		assert_null(n.name);
		assert_true(err.text[0]);
	}
}

static void fill_run(struct run *r)
{
	struct run_step *s;

	model_set(&r->install_id, "00112233445566778899aabbccddeeff");
	model_set(&r->image, "base/20261121T000000Z-golden");
	model_set(&r->prior_image, "base/20251121T000000Z-golden");
	model_set(&r->error, "disk \"A\"\n does not answer");
	model_set(&r->booted, "{\"root\":\"x\"}");
	r->percent = 42;
	r->last_seq = 17;
	r->prior = RUN_UP;
	run_set_state(r, RUN_FAILED, 1795245135);
	s = run_step(r, "restore");
	assert_non_null(s);
	s->begun_s = 1795245000;
	s->seconds = 135;
	model_set(&s->at, "2026-11-21T07:10:00Z");
	model_set(&s->result, "failed");
	assert_ptr_equal(run_step(r, "restore"), &r->steps[0]);
}

static void test_run_round_trip_and_secrets(void **state)
{
	autoclean(run_free) struct run r = { 0 };
	autoclean(run_free) struct run back = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	autoclean(buf_free) struct buf again = { 0 };
	struct err err = { 0 };

	(void)state;
	fill_run(&r);
	print_with(run_any, &r, &out);
	assert_int_equal(run_read(buf_str(&out), &back, &err), 0);
	print_with(run_any, &back, &again);
	assert_string_equal(buf_str(&again), buf_str(&out));
	assert_int_equal(back.prior, RUN_UP);
	assert_string_equal(back.since, "2026-11-21T07:12:15Z");
	assert_int_equal(back.steps[0].begun_s, 1795245000);
	print_with(run_shown, &r, &out);
	assert_null(strstr(buf_str(&out), "aaaaaaaa"));
	assert_null(strstr(buf_str(&out), "bbbbbbbb"));
	assert_null(strstr(buf_str(&out), "token"));
	assert_null(strstr(buf_str(&out), "begun_s"));
	assert_non_null(strstr(buf_str(&out), "\"seconds\":135"));
	assert_non_null(strstr(buf_str(&out), "\"state\":\"failed\""));
}

/* A head from before enrolment by key wrote its bearer tokens here: its nodes are read, and what is written has none. */
static void test_run_of_an_older_head(void **state)
{
	static const char old[] = "{\"state\":\"installing\",\"prior\":\"up\",\"prior_boot\":\"disk\",\"install_id\":\"00\","
				  "\"prior_report_token\":\"aa\",\"percent\":7,\"token\":\"bb\",\"report_token\":\"cc\",\"last_"
				  "seq\":3,\"steps\":[]}";
	autoclean(run_free) struct run r = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(run_read(old, &r, &err), 0);
	assert_int_equal(r.state, RUN_INSTALLING);
	assert_int_equal(r.last_seq, 3);
	print_with(run_any, &r, &out);
	assert_null(strstr(buf_str(&out), "token"));
}

static void test_steps_have_an_end(void **state)
{
	autoclean(run_free) struct run r = { 0 };

	(void)state;
	for (int i = 0; i < RUN_STEPS_MAX; i++) {
		autofree char *name = str_format("step%d", i);

		assert_non_null(run_step(&r, name));
	}
	assert_null(run_step(&r, "one more"));
	assert_non_null(run_step(&r, "step7"));
}

static const char machine_text[] =
	"{\"mac\":\"52:54:00:00:00:01\",\"boot_id\":\"b\",\"firmware\":\"uefi\",\"secure_boot\":true,\"memory_bytes\":2147483648,"
	"\"cpus\":2,"
	"\"dmi\":{\"vendor\":\"QEMU\",\"product\":\"PC\",\"serial\":\"A\"},\"cpu_model\":\"EPYC\",\"memory_modules\":8,\"tpm\":"
	"\"2.0\","
	"\"bmc\":{\"address\":\"10.9.0.1\",\"mac\":\"52:54:00:00:00:b1\",\"vendor\":\"Dell\"},"
	"\"nics\":[{\"name\":\"eth0\",\"mac\":\"52:54:00:00:00:01\",\"driver\":\"virtio_net\",\"link\":true,\"speed_mbps\":10000,"
	"\"lldp\":{\"system\":\"sw-r1\",\"port\":\"swp5\",\"port_description\":\"to n5\",\"chassis\":\"c\",\"vlan\":101}},"
	"{\"name\":\"eth1\",\"mac\":\"52:54:00:00:00:02\",\"driver\":null,\"link\":false,\"speed_mbps\":0,\"lldp\":null}],"
	"\"disks\":[{\"name\":\"vda\",\"model\":\"Q\",\"serial\":\"A0\",\"wwn\":\"\",\"transport\":\"virtio\",\"size_bytes\":"
	"6442450944,"
	"\"logical_sector_bytes\":512,\"physical_sector_bytes\":512,\"rotational\":false,\"removable\":false,\"read_only\":false,"
	"\"in_use\":null,\"found\":[],\"bad\":null}]}";

static const char old_text[] =
	"{\"mac\":\"52:54:00:00:00:01\",\"firmware\":\"bios\",\"nics\":[{\"name\":\"eth0\",\"mac\":\"52:54:00:00:00:01\"}],"
	"\"disks\":[]}";
static const char *const wrong_parts[] = {
	"\"bmc\":true",
	"\"bmc\":{\"password\":\"x\"}",
	"\"tpm\":2",
	"\"memory_modules\":-1",
	"\"memory_modules\":70000",
	"\"nics\":[{\"name\":\"e\",\"mac\":\"x\",\"lldp\":{\"port\":\"1\"}}]",
	"\"nics\":[{\"name\":\"e\",\"mac\":\"x\",\"lldp\":{\"chassis\":\"1\"}}]",
	"\"nics\":[{\"name\":\"e\",\"mac\":\"x\",\"lldp\":{\"chassis\":\"c\",\"port\":\"1\",\"vlan\":4096}}]",
	"\"nics\":[{\"name\":\"e\",\"mac\":\"x\",\"speed_mbps\":-1}]",
};

static void test_machine_round_trip(void **state)
{
	autoclean(machine_free) struct machine m = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(machine_read(machine_text, strlen(machine_text), &m, &err), 0);
	assert_int_equal(m.disks.len, 1);
	print_with(machine_any, &m, &out);
	assert_string_equal(buf_str(&out), machine_text);
	/* What an imager of before says. */
	machine_free(&m);
	assert_int_equal(machine_read(old_text, strlen(old_text), &m, &err), 0);
	assert_null(m.nics[0].heard.chassis);
	assert_false(m.has_bmc);
	for (size_t i = 0; i < ARRAY_LEN(wrong_parts); i++) {
		autofree char *text =
			str_format("{\"mac\":\"52:54:00:00:00:01\",\"firmware\":\"bios\",\"disks\":[],%s}", wrong_parts[i]);
		struct machine none = { 0 };

		if (machine_read(text, strlen(text), &none, &err) == 0)
			fail_msg("accepted: %s", wrong_parts[i]);
		assert_null(none.mac);
	}
	/* Any cut of it is no machine, and nothing is left of it. */
	for (size_t len = 0; len < strlen(machine_text); len++) {
		struct machine cut = { 0 };

		assert_int_equal(machine_read(machine_text, len, &cut, &err), -1);
		assert_null(cut.mac);
	}
}

static int read_event(const char *text, struct imager_event *ev, struct err *err)
{
	return imager_event_read(text, strlen(text), ev, err);
}

#define ID "\"install_id\":\"00112233445566778899aabbccddeeff\""

static void test_events(void **state)
{
	static const char *const wrong[] = {
		"{}",
		"{" ID ",\"seq\":0,\"step\":\"x\",\"event\":\"begin\"}",
		"{" ID ",\"seq\":-1,\"step\":\"x\",\"event\":\"begin\"}",
		"{" ID ",\"seq\":1,\"step\":\"\",\"event\":\"begin\"}",
		"{" ID ",\"seq\":1,\"step\":\"x\",\"event\":\"boom\"}",
		"{" ID ",\"seq\":1,\"step\":\"x\",\"event\":\"progress\",\"percent\":101}",
		"{" ID ",\"seq\":1,\"step\":\"x\",\"event\":\"begin\",\"more\":1}",
		"{\"install_id\":\"00112233445566778899AABBCCDDEEFF\",\"seq\":1,\"step\":\"x\",\"event\":\"begin\"}",
		"{\"install_id\":\"../../../etc\",\"seq\":1,\"step\":\"x\",\"event\":\"begin\"}",
	};
	autoclean(imager_event_free) struct imager_event ev = { 0 };
	autoclean(buf_free) struct buf longer = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(read_event("{" ID ",\"seq\":3,\"step\":\"restore\",\"event\":\"failed\",\"error\":\"bad\\u001b[31m\"}",
				    &ev, &err),
			 0);
	assert_int_equal(ev.type, IMAGER_FAILED);
	assert_int_equal(ev.seq, 3);
	assert_null(strchr(ev.error, 0x1b)); /* it goes to terminals */
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct imager_event none = { 0 };

		assert_int_equal(read_event(wrong[i], &none, &err), -1);
		assert_null(none.install_id);
	}
	/* A long error arrives, cut; a long step does not. */
	imager_event_free(&ev);
	buf_adds(&longer, "{" ID ",\"seq\":3,\"step\":\"x\",\"event\":\"failed\",\"error\":\"");
	for (int i = 0; i < 3000; i++)
		buf_addc(&longer, 'e');
	buf_adds(&longer, "\"}");
	assert_int_equal(read_event(buf_str(&longer), &ev, &err), 0);
	assert_true(strlen(ev.error) <= 700 && str_ends(ev.error, "..."));
}

static void test_reports(void **state)
{
	static const char done[] = "{" ID ",\"report\":{\"a\":[1,2]}}", no_report[] = "{" ID ",\"report\":null}",
			  bad[] = "{" ID ",\"report\":[1]}", esp[] = "{" ID ",\"report\":{\"esp_uuid\":\"C5EA-41d0\"}}";
	static const char *const not_uuids[] = { "",	      "C5EA-41D",  "C5EA-41D00",  "C5EA41D0A",
						 "C5EA-41DG", "x;rb-boot", "C5EA-41D0\\n" };
	static const char booted[] =
		"{" ID ",\"root\":\"u\",\"mdstat\":\"a\\nb\\u0007\",\"kernel\":\"6.1\",\"boot_id\":\"b\",\"os\":\"bookworm\"}";
	autoclean(imager_done_free) struct imager_done d = { 0 };
	autoclean(imager_booted_free) struct imager_booted b = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(imager_done_read(done, strlen(done), &d, &err), 0);
	assert_string_equal(d.report, "{\"a\":[1,2]}");
	imager_done_free(&d);
	assert_int_equal(imager_done_read(no_report, strlen(no_report), &d, &err), 0);
	assert_null(d.report);
	imager_done_free(&d);
	assert_null(d.esp_uuid);
	assert_int_equal(imager_done_read(bad, strlen(bad), &d, &err), -1);
	assert_int_equal(imager_done_read(esp, strlen(esp), &d, &err), 0);
	assert_string_equal(d.esp_uuid, "C5EA-41d0");
	imager_done_free(&d);
	for (size_t i = 0; i < ARRAY_LEN(not_uuids); i++) { /* it would become part of GRUB's file */
		autofree char *lie = str_format("{" ID ",\"report\":{\"esp_uuid\":\"%s\"}}", not_uuids[i]);

		assert_int_equal(imager_done_read(lie, strlen(lie), &d, &err), -1);
		assert_non_null(strstr(err.text, "esp_uuid"));
	}
	assert_int_equal(imager_booted_read(booted, strlen(booted), &b, &err), 0);
	assert_string_equal(b.mdstat, "a\nb ");
	assert_string_equal(b.os, "bookworm");
}

static void test_boot_targets(void **state)
{
	static const enum netboot_target by_state[] = {
		[RUN_NEW] = NETBOOT_PROBE,	 [RUN_READY] = NETBOOT_PROBE,	 [RUN_ORDERED] = NETBOOT_DISK,
		[RUN_INSTALLING] = NETBOOT_DISK, [RUN_INSTALLED] = NETBOOT_DISK, [RUN_UP] = NETBOOT_DISK,
		[RUN_FAILED] = NETBOOT_PROBE,
	};

	(void)state;
	for (int s = RUN_NEW; s <= RUN_FAILED; s++) {
		struct run r = { .state = (enum run_state)s };
		struct node n = { .boot = NODE_BOOT_AUTO };

		/* Only the order itself installs: no state does. */
		assert_int_equal(node_target(&n, &r, false), by_state[s]);
		assert_int_equal(node_target(&n, &r, true), NETBOOT_INSTALL);
		n.boot = NODE_BOOT_DISK;
		assert_int_equal(node_target(&n, &r, false), NETBOOT_DISK);
		n.boot = NODE_BOOT_NET;
		assert_int_equal(node_target(&n, &r, false), NETBOOT_PROBE);
		n.boot = NODE_BOOT_DISKLESS;
		assert_int_equal(node_target(&n, &r, false), NETBOOT_DISKLESS);
		n.rescue = NODE_RESCUE_ONCE;
		assert_int_equal(node_target(&n, &r, false), NETBOOT_RESCUE);
		assert_int_equal(node_target(&n, &r, true), NETBOOT_INSTALL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_node_round_trip),
		cmocka_unit_test(test_wrong_nodes),
		cmocka_unit_test(test_run_round_trip_and_secrets),
		cmocka_unit_test(test_run_of_an_older_head),
		cmocka_unit_test(test_steps_have_an_end),
		cmocka_unit_test(test_machine_round_trip),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_reports),
		cmocka_unit_test(test_boot_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
