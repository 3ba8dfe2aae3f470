/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Orders and plans: tests/golden/installer/NAME.plan, NAME.files and NAME.stub are what follows from NAME.in.json.
 * UPDATE_GOLDEN=1 writes those anew. */
#include "installer_input.h"

#include "installer/grubcfg.h"

#include <glob.h>

static void check_golden(const char *in_path, const char *ending, const struct buf *got)
{
	autofree char *stem = mem_strndup(in_path, strlen(in_path) - strlen(".in.json"));
	autofree char *path = str_format("%s.%s", stem, ending);
	autoclean(buf_free) struct buf want = { 0 };
	struct err err = { 0 };

	if (getenv("UPDATE_GOLDEN") && fs_write_atomic(path, buf_str(got), got->len, 0644, &err) < 0)
		fail_msg("%s", err.text);
	if (fs_read(path, 1 << 20, &want, &err) < 0)
		fail_msg("%s", err.text);
	if (!str_eq(buf_str(&want), buf_str(got)))
		fail_msg("%s differs; now it is:\n%s", path, buf_str(got));
}

static void print_files(const struct hostfiles *files, struct buf *out)
{
	for (size_t i = 0; i < files->len; i++) {
		const struct hostfile *f = &files->items[i];

		switch (f->kind) {
		case HOSTFILE_TEXT:
			buf_addf(out, "=== /%s %04o\n%s", f->path, f->mode, f->content);
			break;
		case HOSTFILE_LINK:
			buf_addf(out, "=== /%s -> %s\n", f->path, f->content);
			break;
		case HOSTFILE_DIR:
			buf_addf(out, "=== /%s/ %04o\n", f->path, f->mode);
			break;
		case HOSTFILE_GONE:
			buf_addf(out, "=== /%s removed\n", f->path);
			break;
		}
	}
}

static void one_golden(const char *path)
{
	autoclean(input_free) struct input in = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autoclean(hostfiles_free) struct hostfiles files = { 0 };
	autoclean(buf_free) struct buf steps = { 0 }, text = { 0 }, stub = { 0 };
	struct err err = { 0 };

	load(path, &in);
	if (install_plan(&in.order, &in.disks, &plan, &result, &err) < 0)
		fail_msg("%s: %s", path, err.text);
	plan_print(&plan, &steps);
	check_golden(path, "plan", &steps);
	render(&in, &result, &files);
	print_files(&files, &text);
	check_golden(path, "files", &text);
	assert_int_equal(grubcfg_efi_stub(&result, &stub, &err), 0);
	check_golden(path, "stub", &stub);
}

/* A node that runs from memory names no file system and starts no array; all else is as on disks. */
static void from_memory_nothing_of_the_disks_is_named(void **state)
{
	autofree char *path = str_format("%s/tests/golden/installer/raid1.in.json", getenv("TOP") ? getenv("TOP") : ".");
	autoclean(input_free) struct input in = { 0 };
	autoclean(hostfiles_free) struct hostfiles files = { 0 }, none = { 0 };
	const struct raid_result nothing = { 0 };
	const struct install_identity own = {
		.key = "key", .crt = "crt", .seal = "seal", .csr = "csr", .seal_key = "00", .fingerprint = "11"
	};
	struct hostfiles_input with = { .order = &in.order, .result = &nothing, .ca_crt = "ca", .identity = &own };
	unsigned int seen = 0;
	struct err err = { 0 };

	(void)state;
	load(path, &in);
	assert_int_equal(hostfiles_render(&with, &none, &err), -1);
	with.diskless = true;
	assert_int_equal(hostfiles_render(&with, &files, &err), 0);
	for (size_t i = 0; i < files.len; i++) {
		const struct hostfile *f = &files.items[i];

		if (str_eq(f->path, "etc/fstab")) {
			assert_null(strstr(f->content, "UUID"));
			seen++;
		}
		if (str_eq(f->path, "etc/mdadm/mdadm.conf")) {
			assert_non_null(strstr(f->content, "AUTO -all\n"));
			assert_null(strstr(f->content, "ARRAY"));
			seen++;
		}
		seen += str_eq(f->path, "etc/hostname");
	}
	assert_int_equal(seen, 3);
}

static void golden_files_agree(void **state)
{
	autofree char *pattern = golden_path("*.in.json");
	glob_t found = { 0 };

	(void)state;
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	assert_true(found.gl_pathc >= 2);
	for (size_t i = 0; i < found.gl_pathc; i++)
		one_golden(found.gl_pathv[i]);
	globfree(&found);
}

static void print_order(const struct order *o, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, true);
	order_print(o, &w, NULL);
}

static int read_order(const char *text, struct order *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	*out = (struct order){ 0 };
	if (json_parse(text, strlen(text), &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0)
		return -1;
	return order_read(&o, out, err);
}

static void orders_print_and_read_the_same(void **state)
{
	autoclean(input_free) struct input in = { 0 };
	autoclean(order_free) struct order again = { 0 };
	autoclean(buf_free) struct buf one = { 0 }, two = { 0 };
	struct err err = { 0 };

	(void)state;
	load_raid1(&in);
	in.order.plan_digest = mem_strdup(in.order.manifest_digest);
	print_order(&in.order, &one);
	if (read_order(buf_str(&one), &again, &err) < 0)
		fail_msg("%s", err.text);
	print_order(&again, &two);
	assert_string_equal(buf_str(&one), buf_str(&two));
	assert_string_equal(again.plan_digest, in.order.plan_digest);
}

/* Replace `from` with `to` in a good order: it must be refused, and the key named. */
static void refused(const char *key, const char *from, const char *to)
{
	autoclean(input_free) struct input in = { 0 };
	autoclean(order_free) struct order bad = { 0 };
	autoclean(buf_free) struct buf good = { 0 }, text = { 0 };
	struct err err = { 0 };
	const char *at;

	load_raid1(&in);
	print_order(&in.order, &good);
	at = strstr(buf_str(&good), from);
	if (!at)
		fail_msg("no '%s' in the order", from);
	buf_add(&text, good.data, (size_t)(at - good.data));
	buf_adds(&text, to);
	buf_adds(&text, at + strlen(from));
	if (read_order(buf_str(&text), &bad, &err) == 0)
		fail_msg("%s: '%s' was accepted", key, to);
	if (err.kind != ERR_INVALID || !strstr(err.text, key))
		fail_msg("%s: %s", key, err.text);
}

static void bad_orders_are_refused(void **state)
{
	(void)state;
	refused("install_id", "00112233445566778899aabbccddeeff", "00112233445566778899aabbccddee");
	refused("install_id", "00112233445566778899aabbccddeeff", "00112233445566778899AABBCCDDEEFF");
	refused("manifest_digest", "abababab", "abababag");
	refused("node", "\"n01\"", "\"-n01\"");
	refused("node", "\"n01\"", "\"$(reboot)\"");
	refused("domain", "lab.internal\"", "lab..internal\"");
	refused("image_name", "\"compute\"", "\"../compute\"");
	refused("image_id", "20261121T053000Z-golden", "..");
	refused("kernel_args", "mitigations=auto", "a b");
	refused("kernel_args", "mitigations=auto", "a\\\"$(reboot)\\\"");
	refused("kernel_args", "mitigations=auto", "`reboot`");
	refused("serial_console", "ttyS0,115200", "ttyS0;115200");
	refused("serial_console", "ttyS0,115200", "ttyS0,9");
	refused("serial_console", "ttyS0,115200", "sda");
	refused("timezone", "Europe/Berlin", "../../etc/shadow");
	refused("timezone", "Europe/Berlin", "/etc/shadow");
	refused("admin_keys", "admin@desk", "admin\\u001b[2J");
	refused("ntp", "0.pool.example.org", "a b");
	refused("hosts", "10.77.0.1 head1.lab.internal head1", "head1");
	refused("hosts", "10.77.0.1 head1.lab.internal head1", "10.77.0.1 a\\n10.77.0.2 b");
	refused("mac", "52:54:00:77:00:01", "ff:ff:ff:ff:ff:ff");
	refused("more_macs", "\"server_url\"", "\"more_macs\": [\"52:54:00:77:00:02\", \"$(x)\"], \"server_url\"");
	refused("more_macs", "\"server_url\"", "\"more_macs\": \"52:54:00:77:00:02\", \"server_url\"");
	refused("server_url", "https://10.77.0.1:8443", "http://10.77.0.1:8443");
	refused("server_url", "https://10.77.0.1:8443", "https://10.77.0.1:8443/\\\"x");
	refused("surprise", "\"mac\"", "\"surprise\": 1, \"mac\"");
	refused("min_sequence", "\"min_sequence\": 3", "\"min_sequence\": -1");
}

static void disks_are_found_by_id(void **state)
{
	autoclean(input_free) struct input in = { 0 };
	struct disk *d;

	(void)state;
	load_raid1(&in);
	d = in.disks.items;
	assert_true(in.disks.len >= 2);
	for (size_t i = 0; i < in.disks.len; i++) {
		autofree char *id = disk_id(&d[i]);

		assert_ptr_equal(disk_find(&in.disks, id), &d[i]);
		assert_ptr_equal(disk_find(&in.disks, d[i].serial), NULL); /* an id says what it is of */
	}
	assert_null(disk_find(&in.disks, "missing"));
	assert_null(disk_find(&(const struct disks){ 0 }, "missing"));
}

static void digest(const struct input *in, char hex[DIGEST_HEX_LEN])
{
	struct err err = { 0 };

	if (install_digest(&in->order, &in->disks, hex, &err) < 0)
		fail_msg("%s", err.text);
}

/* After a power cut the disks carry half an installation: the approval must hold. Another disk is another matter. */
static void the_approval_is_of_disks_not_of_contents(void **state)
{
	autoclean(input_free) struct input in = { 0 };
	char before[DIGEST_HEX_LEN], after[DIGEST_HEX_LEN];
	struct disk *d;

	(void)state;
	load_raid1(&in);
	d = &in.disks.items[1];
	digest(&in, before);
	str_list_add(&d->found, "md member (array any:sys)");
	digest(&in, after);
	assert_string_equal(before, after);
	assert_int_equal(d->found.len, 1);
	d->serial[strlen(d->serial) - 1] = 'c';
	digest(&in, after);
	assert_string_not_equal(before, after);
	d->serial[strlen(d->serial) - 1] = 'b';
	digest(&in, after);
	assert_string_equal(before, after);
	d->bad = mem_strdup("reads take 900 ms");
	digest(&in, after);
	assert_string_not_equal(before, after);
	free(d->bad);
	d->bad = NULL;
	d->size_bytes -= 1 << 30;
	digest(&in, after);
	assert_string_not_equal(before, after);
	d->size_bytes += 1 << 30;
	in.order.image_id[0] = '3';
	digest(&in, after);
	assert_string_not_equal(before, after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_files_agree),
		cmocka_unit_test(from_memory_nothing_of_the_disks_is_named),
		cmocka_unit_test(orders_print_and_read_the_same),
		cmocka_unit_test(bad_orders_are_refused),
		cmocka_unit_test(disks_are_found_by_id),
		cmocka_unit_test(the_approval_is_of_disks_not_of_contents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
