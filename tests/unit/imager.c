/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the imager reads: the kernel command line, the head's answers, the machine it runs on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "imaging/imager/cmdline.h"
#include "imaging/imager/enrol.h"
#include "imaging/imager/head.h"
#include "imaging/imager/inventory.h"
#include "sys/fs.h"

#include <string.h>
#include <unistd.h>

static void the_command_line_is_read(void **state)
{
	autoclean(cmdline_free) struct cmdline c = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(
		cmdline_read("BOOT_IMAGE=(tftp)/vmlinuz quiet orthrus.server=https://10.77.0.1:8443/ orthrus.mode=install "
			     "BOOTIF=01-52-54-00-77-00-AB console=ttyS0,115200\n",
			     &c, &err),
		0);
	assert_string_equal(c.server, "https://10.77.0.1:8443");
	assert_string_equal(c.mac, "52:54:00:77:00:ab");
	assert_string_equal(c.mode, "install");
	cmdline_free(&c);
	assert_int_equal(cmdline_read(" BOOTIF=01-52:54:00:77:00:01\torthrus.mode=install orthrus.mode=probe", &c, &err), 0);
	assert_string_equal(c.mac, "52:54:00:77:00:01");
	assert_null(c.server);
	assert_string_equal(c.mode, "probe");
	cmdline_free(&c);
	assert_int_equal(cmdline_read("", &c, &err), 0);
	assert_string_equal(c.mac, "");
}

static void bad_command_lines_are_named(void **state)
{
	static const struct {
		const char *text, *complaint;
	} cases[] = {
		{ "orthrus.server=http://10.77.0.1", "orthrus.server" },
		{ "orthrus.server=https://", "orthrus.server" },
		{ "orthrus.server=", "orthrus.server" },
		{ "orthrus.mode=erase", "orthrus.mode" },
		{ "BOOTIF=01-52-54-00-77-00", "BOOTIF" },
		{ "BOOTIF=20-52-54-00-77-00-01", "BOOTIF" },
		{ "BOOTIF=01-ff-ff-ff-ff-ff-ff", "BOOTIF" },
		{ "BOOTIF=", "BOOTIF" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cmdline c = { 0 };
		struct err err = { 0 };

		if (cmdline_read(cases[i].text, &c, &err) == 0 || !strstr(err.text, cases[i].complaint))
			fail_msg("'%s': '%s'", cases[i].text, err.text);
		assert_null(c.server);
	}
}

static int read_answer(const char *text, struct head_answer *a, struct err *err)
{
	return head_answer_read(text, strlen(text), a, err);
}

static void answers_without_an_order(void **state)
{
	autoclean(head_answer_free) struct head_answer a = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(read_answer("{\"node\":\"n01\",\"action\":\"wait\",\"order\":null}", &a, &err), 0);
	assert_string_equal(a.node, "n01");
	assert_int_equal(a.action, HEAD_WAIT);
	head_answer_free(&a);
	assert_int_equal(read_answer("{\"node\":\"n01\",\"action\":\"disk\",\"order\":null}", &a, &err), 0);
	assert_int_equal(a.action, HEAD_DISK);
}

static void bad_answers_are_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"[]",
		"{\"node\":\"n01\"}",
		"{\"node\":\"n01\",\"action\":\"explode\"}",
		"{\"node\":\"n01\",\"action\":\"install\",\"order\":null}",
		"{\"node\":\"n01\",\"action\":\"wait\",\"token\":\"0123456789abcdef0123456789abcdef\"}",
		"{\"node\":\"n01\",\"action\":\"wait\",\"surprise\":1}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct head_answer a = { 0 };
		struct err err = { 0 };

		if (read_answer(cases[i], &a, &err) == 0 || !err.text[0])
			fail_msg("accepted: %s", cases[i]);
		assert_null(a.node);
	}
}

#define PEM "-----BEGIN CERTIFICATE-----\\nMIIB+/=\\n-----END CERTIFICATE-----\\n"
#define APPROVED "{\"state\":\"approved\",\"node\":\"n01\",\"until\":\"2026-11-22T05:30:00Z\",\"certificate\":"
#define HEX16 "0123456789abcdef"

static void enrolment_is_answered(void **state)
{
	static const char approved[] = APPROVED "\"" PEM "\"}";
	static const char pending[] =
		"{\"state\":\"pending\",\"fingerprint\":\"" HEX16 HEX16 HEX16 HEX16 "\",\"words\":\"A B C D E F\"}";
	autoclean(enrol_answer_free) struct enrol_answer a = { 0 };
	struct err err = { 0 };

	(void)state;
	if (enrol_answer_read(approved, sizeof(approved) - 1, &a, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(a.approved);
	assert_string_equal(a.node, "n01");
	assert_string_equal(a.certificate, "-----BEGIN CERTIFICATE-----\nMIIB+/=\n-----END CERTIFICATE-----\n");
	enrol_answer_free(&a);
	if (enrol_answer_read(pending, sizeof(pending) - 1, &a, &err) < 0)
		fail_msg("%s", err.text);
	assert_false(a.approved);
	assert_string_equal(a.fingerprint, HEX16 HEX16 HEX16 HEX16);
	assert_null(a.certificate);
}

static void bad_enrolments_are_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"{}",
		"{\"state\":\"rejected\"}",
		"{\"state\":\"approved\",\"node\":\"n01\"}",
		APPROVED "\"\"}",
		APPROVED "\"-----BEGIN CERTIFICATE-----\\n-----END CERTIFICATE-----\\n\"}",
		APPROVED "\"" PEM PEM "\"}",
		APPROVED "\"" PEM "x\"}",
		APPROVED "\"-----BEGIN CERTIFICATE-----\\nMII\\\"\\n-----END CERTIFICATE-----\\n\"}",
		APPROVED "\"" PEM "\",\"surprise\":1}",
		"{\"state\":\"approved\",\"node\":\"../n\",\"until\":\"\",\"certificate\":\"" PEM "\"}",
		"{\"state\":\"pending\",\"fingerprint\":\"" HEX16 "\",\"words\":\"\"}",
		"{\"state\":\"pending\",\"words\":\"\"}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct enrol_answer a = { 0 };
		struct err err = { 0 };

		if (enrol_answer_read(cases[i], strlen(cases[i]), &a, &err) == 0 || !err.text[0])
			fail_msg("taken: %s", cases[i]);
		assert_null(a.node);
		assert_null(a.certificate);
	}
}

static void a_machine_asks_with_what_it_has(void **state)
{
	struct enrol_ask ask = { .csr = "PEM\n", .seal_key = "00" };
	autoclean(buf_free) struct buf out = { 0 };

	(void)state;
	enrol_print(&ask, &out);
	assert_string_equal(buf_str(&out), "{\"csr\":\"PEM\\n\",\"seal_key\":\"00\"}");
	buf_clear(&out);
	ask.token = "t";
	ask.machine_json = "{\"mac\":1}";
	enrol_print(&ask, &out);
	assert_string_equal(buf_str(&out), "{\"csr\":\"PEM\\n\",\"seal_key\":\"00\",\"token\":\"t\",\"machine\":{\"mac\":1}}");
}

static void put(const char *root, const char *path, const void *data, size_t len)
{
	autofree char *full = fs_join(root, path);
	autofree char *dir = mem_strndup(full, (size_t)(strrchr(full, '/') - full));
	struct err err = { 0 };

	if (fs_mkdirs(dir, 0755, &err) < 0 || fs_write_atomic(full, data, len, 0644, &err) < 0)
		fail_msg("%s", err.text);
}

static void put_text(const char *root, const char *path, const char *text)
{
	put(root, path, text, strlen(text));
}

static char *make_machine(void)
{
	char *root = str_format("%s/orthrus-imager.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	autofree char *driver = NULL;

	assert_non_null(mkdtemp(root));
	put_text(root, "proc/sys/kernel/random/boot_id", "7c1f2f4e-0b0e-4d0c-9a47-5a4a0c0b0d0e\n");
	put_text(root, "proc/meminfo", "MemTotal:        2024040 kB\nMemFree: 1 kB\n");
	put_text(root, "sys/class/dmi/id/sys_vendor", "QEMU\n");
	put_text(root, "sys/class/dmi/id/product_name", "Standard \x1b[2J PC  \n");
	put_text(root, "sys/devices/system/cpu/cpu0/x", "");
	put_text(root, "sys/devices/system/cpu/cpu1/x", "");
	put_text(root, "sys/devices/system/cpu/cpufreq/x", "");
	put_text(root, "sys/class/net/lo/address", "00:00:00:00:00:00\n");
	put_text(root, "sys/class/net/enp0s2/address", "52:54:00:77:00:01\n");
	put_text(root, "sys/class/net/enp0s2/carrier", "1\n");
	put_text(root, "sys/class/net/enp0s2/device/x", "");
	driver = fs_join(root, "sys/class/net/enp0s2/device/driver");
	assert_int_equal(symlink("../../../../bus/virtio/drivers/virtio_net", driver), 0);
	return root;
}

static void a_machine_is_described(void **state)
{
	static const uint8_t board[] = { 17, 14, 0, 0, 0, 0, 0, 0, 0, 0,   0, 0, 0, 64, 0,
					 0,  38, 6, 0, 0, 0, 0, 0, 0, 127, 4, 0, 0, 0,	0 };
	static const char frame[] = "\x01\x80\xc2\0\0\x0e\x02\0\0\0\0\x01\x88\xcc\x02\x07\x04\x02\x11\x22\x33\x44\x55"
				    "\x04\x05\x05swp5\x06\x02\0\x78\x0a\x05sw-r1";
	autofree char *root = make_machine();
	autoclean(buf_free) struct buf neighbours = { 0 };
	autoclean(inventory_free) struct inventory inv = { .mac = "52:54:00:77:00:01" };
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	(void)state;
	put_text(root, "proc/cpuinfo",
		 "processor\t: 0\nmodel name\t: AMD EPYC 7302 16-Core\nprocessor\t: 1\nmodel name\t: other\n");
	put_text(root, "sys/class/net/enp0s2/speed", "10000\n");
	put_text(root, "sys/class/tpm/tpm0/tpm_version_major", "2\n");
	put(root, "sys/firmware/dmi/tables/DMI", board, sizeof(board));
	put(root, "run/orthrus/lldp/enp0s2", frame, sizeof(frame) - 1);
	assert_int_equal(inventory_read(root, &inv, &err), 0);
	inventory_print(&inv, &text);
	assert_string_equal(
		buf_str(&text),
		"{\"mac\":\"52:54:00:77:00:01\",\"boot_id\":\"7c1f2f4e-0b0e-4d0c-9a47-5a4a0c0b0d0e\",\"firmware\":\"bios\","
		"\"secure_boot\":false,\"memory_bytes\":2072616960,\"cpus\":2,\"dmi\":{\"vendor\":\"QEMU\","
		"\"product\":\"Standard \\\\x1b[2J PC\",\"serial\":\"\"},\"cpu_model\":\"AMD EPYC 7302 "
		"16-Core\",\"memory_modules\":1,"
		"\"tpm\":\"2.0\",\"bmc\":{\"address\":null,\"mac\":null,\"vendor\":null},\"nics\":[{\"name\":\"enp0s2\","
		"\"mac\":\"52:54:00:77:00:01\",\"driver\":\"virtio_net\",\"link\":true,\"speed_mbps\":10000,"
		"\"lldp\":{\"system\":\"sw-r1\",\"port\":\"swp5\",\"port_description\":null,\"chassis\":\"02:11:22:33:44:55\","
		"\"vlan\":0}}],"
		"\"disks\":[]}");
	inventory_neighbours(root, &neighbours);
	assert_string_equal(buf_str(&neighbours), "enp0s2: 02:11:22:33:44:55, sw-r1, swp5, , 0\nenp0s2 has a link\n");
	assert_int_equal(fs_remove_tree(root, &err), 0);
}

static void secure_boot_is_seen(void **state)
{
	static const char var[] = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
	autofree char *root = make_machine();
	struct err err = { 0 };

	(void)state;
	for (int on = 0; on < 2; on++) {
		autoclean(inventory_free) struct inventory inv = { 0 };

		put(root, var, on ? "\x06\0\0\0\x01" : "\x06\0\0\0\0", 5);
		assert_int_equal(inventory_read(root, &inv, &err), 0);
		assert_true(inv.uefi);
		assert_int_equal(inv.secure_boot, on);
	}
	assert_int_equal(fs_remove_tree(root, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_line_is_read),
		cmocka_unit_test(bad_command_lines_are_named),
		cmocka_unit_test(answers_without_an_order),
		cmocka_unit_test(bad_answers_are_refused),
		cmocka_unit_test(enrolment_is_answered),
		cmocka_unit_test(bad_enrolments_are_refused),
		cmocka_unit_test(a_machine_asks_with_what_it_has),
		cmocka_unit_test(a_machine_is_described),
		cmocka_unit_test(secure_boot_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
