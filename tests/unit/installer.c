/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Orders, plans and host files. tests/golden/installer/NAME.in.json holds an order, disks and what the image has; NAME.plan,
 * NAME.files and NAME.stub what follows from them. UPDATE_GOLDEN=1 writes those anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "installer/grubcfg.h"
#include "installer/hostfiles.h"
#include "installer/installer.h"
#include "installer/order.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN "0123456789abcdef0123456789abcdef"

struct input {
	struct order order;
	struct disks disks;
	struct hostfiles_facts facts;
};

static void input_free(struct input *in)
{
	order_free(&in->order);
	disks_free(&in->disks);
}

static int read_input(const char *text, size_t len, struct input *in, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj root, order, image;

	if (json_parse(text, len, &doc, err) < 0 || json_root_obj(&doc, &root, err) < 0 ||
	    json_obj(&root, "order", JSON_MUST, &order, err) < 0 || order_read(&order, &in->order, err) < 0 ||
	    disks_from_json(&root, "disks", &in->disks, err) < 0 || json_obj(&root, "image", JSON_MUST, &image, err) < 0 ||
	    json_bool(&image, "chrony", JSON_MUST, &in->facts.chrony, err) < 0 ||
	    json_bool(&image, "resolved", JSON_MUST, &in->facts.resolved, err) < 0)
		return -1;
	return json_obj_end(&root, err);
}

static char *golden_path(const char *name)
{
	const char *top = getenv("TOP");

	return str_format("%s/tests/golden/installer/%s", top ? top : ".", name);
}

static void load(const char *path, struct input *in)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	*in = (struct input){ 0 };
	if (fs_read(path, 1 << 20, &text, &err) < 0 || read_input(buf_str(&text), text.len, in, &err) < 0)
		fail_msg("%s: %s", path, err.text);
}

static void load_raid1(struct input *in)
{
	autofree char *path = golden_path("raid1.in.json");

	load(path, in);
}

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

static void render(const struct input *in, const struct raid_result *result, struct hostfiles *files)
{
	const struct hostfiles_input hi = {
		.order = &in->order, .result = result, .facts = in->facts, .ca_crt = "CERTIFICATE\n", .report_token = TOKEN
	};
	struct err err = { 0 };

	if (hostfiles_render(&hi, files, &err) < 0)
		fail_msg("%s", err.text);
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
	refused("server_url", "https://10.77.0.1:8443", "http://10.77.0.1:8443");
	refused("server_url", "https://10.77.0.1:8443", "https://10.77.0.1:8443/\\\"x");
	refused("surprise", "\"mac\"", "\"surprise\": 1, \"mac\"");
	refused("min_sequence", "\"min_sequence\": 3", "\"min_sequence\": -1");
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

/* grub.cfg as grub-mkconfig writes it, with what matters left in. */
static char *grub_cfg(const char *root, const char *search, const char *md, const char *initrd)
{
	return str_format("set default=\"0\"\nif [ x$feature_platform_search_hint = xy ]; then\n"
			  "  search --no-floppy --fs-uuid --set=root --hint='mduuid/%s'  %s\nfi\n"
			  "menuentry 'Debian' {\n\tlinux\t/boot/vmlinuz-6.1.0-9 %s ro console=tty0\n%s}\n",
			  md, search, root, initrd);
}

static void wrong_boot_menus_are_found(void **state)
{
	static const char md_good[] = "da3ff716eedd8bdd8732562ae9225d7e";
	struct raid_md md = { .uuid = "da3ff716:eedd8bdd:8732562a:e9225d7e" };
	struct raid_fs fs = { .uuid = "2ed12c1b-e825-8665-b6af-ffda2df7c6ef" };
	struct raid_result r = { .md = &md, .n_md = 1, .fs = &fs, .n_fs = 1 };
	static char root[] = "/", ext4[] = "ext4", sys[] = "sys";
	static const char initrd[] = "\tinitrd\t/boot/initrd.img-6.1.0-9\n";
	autofree char *good_root = str_format("root=UUID=%s", fs.uuid);
	struct {
		const char *root, *search, *md, *initrd, *complaint;
	} cases[] = {
		{ good_root, fs.uuid, md_good, initrd, NULL },
		{ "root=/dev/md1", fs.uuid, md_good, initrd, "lacks root=UUID=" },
		{ "root=UUID=00000000-e825-8665-b6af-ffda2df7c6ef", fs.uuid, md_good, initrd, "lacks root=UUID=" },
		{ good_root, "00000000-e825-8665-b6af-ffda2df7c6ef", md_good, initrd, "searches a file system" },
		{ good_root, fs.uuid, "00000000eedd8bdd8732562ae9225d7e", initrd, "names an array" },
		{ good_root, fs.uuid, "da3ff716eedd8bdd8732562ae9225d7e00", initrd, "names an array" },
		{ good_root, fs.uuid, md_good, "", "0 initial RAM disks" },
	};

	(void)state;
	md.name = sys;
	fs.mount = root;
	fs.type = ext4;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *cfg = grub_cfg(cases[i].root, cases[i].search, cases[i].md, cases[i].initrd);
		autoclean(str_list_free) struct str_list initrds = { 0 };
		struct err err = { 0 };
		int rc = grubcfg_check(cfg, &r, &initrds, &err);

		if (!cases[i].complaint) {
			assert_int_equal(rc, 0);
			assert_int_equal(initrds.len, 1);
			assert_string_equal(initrds.items[0], "/boot/initrd.img-6.1.0-9");
		} else if (rc == 0 || !strstr(err.text, cases[i].complaint)) {
			fail_msg("case %zu: rc %d, '%s'", i, rc, err.text);
		}
	}
}

static void a_menu_without_kernels_is_refused(void **state)
{
	struct raid_fs fs = { .uuid = "2ed12c1b-e825-8665-b6af-ffda2df7c6ef" };
	struct raid_result r = { .fs = &fs, .n_fs = 1 };
	autoclean(str_list_free) struct str_list initrds = { 0 };
	static char root[] = "/";
	struct err err = { 0 };

	(void)state;
	fs.mount = root;
	assert_int_equal(grubcfg_check("set timeout=2\n", &r, &initrds, &err), -1);
	assert_non_null(strstr(err.text, "no kernel"));
}

static char *slurp(const char *dir, const char *name)
{
	autofree char *path = fs_join(dir, name);
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	if (fs_read(path, 1 << 20, &b, &err) < 0)
		fail_msg("%s", err.text);
	return buf_steal(&b);
}

/* A scratch root as an image might have it: old keys, a link out of the tree where a file is to be written. */
static char *make_root(void)
{
	char *dir = str_format("%s/orthrus-installer.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	autofree char *ssh = NULL, *key = NULL, *resolv = NULL, *machine = NULL;
	struct err err = { 0 };

	assert_non_null(mkdtemp(dir));
	ssh = fs_join(dir, "etc/ssh");
	key = fs_join(dir, "etc/ssh/ssh_host_rsa_key");
	resolv = fs_join(dir, "etc/resolv.conf");
	machine = fs_join(dir, "etc/machine-id");
	assert_int_equal(fs_mkdirs(ssh, 0755, &err), 0);
	assert_int_equal(fs_write_atomic(key, "SECRET", 6, 0600, &err), 0);
	assert_int_equal(fs_write_atomic(machine, "uninitialized\n", 14, 0644, &err), 0);
	assert_int_equal(symlink("/nonexistent/of/the/host", resolv), 0);
	return dir;
}

static void host_files_are_put_below_the_root(void **state)
{
	autoclean(input_free) struct input in = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autoclean(hostfiles_free) struct hostfiles files = { 0 };
	autofree char *dir = NULL, *name = NULL, *token = NULL, *key = NULL, *token_path = NULL, *ssh_dir = NULL;
	autoclose int fd = -1;
	struct stat st;
	struct err err = { 0 };

	(void)state;
	if (geteuid() != 0)
		skip();
	dir = make_root();
	load_raid1(&in);
	assert_int_equal(install_plan(&in.order, &in.disks, &plan, &result, &err), 0);
	render(&in, &result, &files);
	fd = fs_open_dir(dir, &err);
	assert_true(fd >= 0);
	/* Twice: a step that is done again after a failure finds its own files. */
	for (int i = 0; i < 2; i++)
		if (hostfiles_apply(fd, &files, &err) < 0)
			fail_msg("%s", err.text);
	name = slurp(dir, "etc/hostname");
	assert_string_equal(name, "n01\n");
	token = slurp(dir, "etc/orthrus/report-token");
	assert_string_equal(token, TOKEN "\n");
	token_path = fs_join(dir, "etc/orthrus/report-token");
	assert_int_equal(stat(token_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	ssh_dir = fs_join(dir, "root/.ssh");
	assert_int_equal(stat(ssh_dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	key = fs_join(dir, "etc/ssh/ssh_host_rsa_key");
	assert_false(fs_exists(key));
	assert_int_equal(fstatat(fd, "etc/resolv.conf", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(fstatat(fd, "etc/machine-id", &st, 0), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

/* An image whose /etc is a link to the installer's own /etc must not make us write there. */
static void links_out_of_the_root_are_refused(void **state)
{
	autofree char *dir = str_format("%s/orthrus-installer.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	autofree char *outside = NULL, *etc = NULL, *written = NULL, *root = NULL;
	struct hostfiles files = { 0 };
	autoclose int fd = -1;
	struct err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	outside = fs_join(dir, "outside");
	root = fs_join(dir, "root");
	etc = fs_join(root, "etc");
	written = fs_join(outside, "hostname");
	assert_int_equal(fs_mkdirs(outside, 0755, &err), 0);
	assert_int_equal(fs_mkdirs(root, 0755, &err), 0);
	assert_int_equal(symlink("../outside", etc), 0);
	fd = fs_open_dir(root, &err);
	assert_true(fd >= 0);
	hostfiles_add(&files, HOSTFILE_TEXT, "etc/hostname", 0644, mem_strdup("n01\n"));
	assert_int_equal(hostfiles_apply(fd, &files, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_false(fs_exists(written));
	hostfiles_free(&files);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

/* After a failure nothing is left that UEFI firmware starts; what lies elsewhere is out of reach. */
static void the_efi_loader_is_taken_back(void **state)
{
	autofree char *dir = str_format("%s/orthrus-installer.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	autofree char *root = NULL, *esp = NULL, *boot = NULL, *loader = NULL, *grub = NULL, *outside = NULL;
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autoclean(input_free) struct input in;
	struct install_target t = { .result = &result };
	autoclose int fd = -1;
	struct err err = { 0 };

	(void)state;
	load_raid1(&in);
	assert_int_equal(install_plan(&in.order, &in.disks, &plan, &result, &err), 0);
	assert_non_null(mkdtemp(dir));
	root = fs_join(dir, "root");
	esp = fs_join(root, "boot/efi/EFI");
	boot = fs_join(esp, "BOOT");
	loader = fs_join(boot, "BOOTX64.EFI");
	grub = fs_join(boot, "grubx64.efi");
	outside = fs_join(dir, "BOOTX64.EFI");
	assert_int_equal(fs_mkdirs(root, 0755, &err), 0);
	t.fd = fd = fs_open_dir(root, &err);
	assert_true(fd >= 0);
	assert_int_equal(install_unboot(&t, &err), 0); /* not even a directory */
	assert_int_equal(fs_mkdirs(boot, 0755, &err), 0);
	assert_int_equal(fs_write_atomic(loader, "MZ", 2, 0600, &err), 0);
	assert_int_equal(fs_write_atomic(grub, "MZ", 2, 0600, &err), 0);
	assert_int_equal(fs_write_atomic(outside, "MZ", 2, 0600, &err), 0);
	for (int i = 0; i < 2; i++) {
		if (install_unboot(&t, &err) < 0)
			fail_msg("%s", err.text);
		assert_false(fs_exists(loader));
		assert_true(fs_exists(grub));
	}
	assert_int_equal(fs_remove_tree(boot, &err), 0);
	assert_int_equal(symlink("../../../..", boot), 0);
	assert_int_equal(install_unboot(&t, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_true(fs_exists(outside));
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_files_agree),
		cmocka_unit_test(orders_print_and_read_the_same),
		cmocka_unit_test(bad_orders_are_refused),
		cmocka_unit_test(the_approval_is_of_disks_not_of_contents),
		cmocka_unit_test(wrong_boot_menus_are_found),
		cmocka_unit_test(a_menu_without_kernels_is_refused),
		cmocka_unit_test(host_files_are_put_below_the_root),
		cmocka_unit_test(links_out_of_the_root_are_refused),
		cmocka_unit_test(the_efi_loader_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
