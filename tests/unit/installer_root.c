/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is written below the root of a new system, and that nothing is written beside it. */
#include "installer_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void only_roots(const char *dir, const char *name, const char *content)
{
	autofree char *in_root = str_format("etc/orthrus/%s", name), *path = fs_join(dir, in_root), *text = slurp(dir, in_root);
	struct stat st;

	assert_string_equal(text, content);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_uid, 0);
}

static void host_files_are_put_below_the_root(void **state)
{
	autoclean(input_free) struct input in = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autoclean(hostfiles_free) struct hostfiles files = { 0 };
	autofree char *dir = NULL, *name = NULL, *key = NULL, *ssh_dir = NULL;
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
	only_roots(dir, "node.key", an_identity.key);
	only_roots(dir, "node.seal", an_identity.seal);
	only_roots(dir, "node.crt", an_identity.crt);
	only_roots(dir, "node.enrol", "{\"csr\":\"-----BEGIN CERTIFICATE REQUEST-----\\n\",\"seal_key\":\"SEALPUBLIC\"}");
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
		cmocka_unit_test(host_files_are_put_below_the_root),
		cmocka_unit_test(links_out_of_the_root_are_refused),
		cmocka_unit_test(the_efi_loader_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
