/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a machine's identity comes from: what an installed system may tell of it, which disks are asked, what a hypervisor wrote
 * into the SMBIOS tables. Needs root, as only root's files are believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "imaging/imager/identity.h"
#include "imaging/imager/identity_disk.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CLUSTER "0123456789abcdef0123456789abcdef"
#define MAC "52:54:00:77:00:01"

struct scratch {
	char *dir;
	struct node_keys keys;
	struct str_list macs;
};

static void put(const char *root, const char *path, const char *text, mode_t mode)
{
	autofree char *full = fs_join(root, path), *dir = mem_strndup(full, (size_t)(strrchr(full, '/') - full));
	struct err err = { 0 };

	if (fs_mkdirs(dir, 0755, &err) < 0 || fs_write_atomic(full, text, strlen(text), mode, &err) < 0)
		fail_msg("%s", err.text);
}

/* An installed system below dir/NAME with these keys, written `written_s` after 1970. */
static char *install(const struct scratch *s, const char *name, const struct node_keys *keys, time_t written_s)
{
	const struct timespec times[2] = { { .tv_sec = written_s }, { .tv_sec = written_s } };
	char *root = fs_join(s->dir, name), seal[NODE_SEAL_TEXT_LEN];
	autofree char *key = fs_join(root, "etc/orthrus/node.key");

	node_keys_seal_text(keys, seal);
	put(root, "etc/orthrus/node.key", buf_str(&keys->tls_pem), 0600);
	put(root, "etc/orthrus/node.seal", seal, 0600);
	put(root, "etc/orthrus/node.json", "{\"node\":\"n01\",\"cluster_id\":\"" CLUSTER "\",\"mac\":\"" MAC "\"}", 0644);
	assert_int_equal(utimensat(AT_FDCWD, key, times, 0), 0);
	return root;
}

static int begin(void **state)
{
	struct scratch *s = mem_zalloc(sizeof(*s));
	struct err err = { 0 };

	s->dir = mem_strdup("/tmp/orthrus-identity.XXXXXX");
	if (!mkdtemp(s->dir) || node_keys_make(&s->keys, &err) < 0)
		return -1;
	str_list_add(&s->macs, "52:54:00:77:00:99");
	str_list_add(&s->macs, MAC);
	*state = s;
	return 0;
}

static int end(void **state)
{
	struct scratch *s = *state;
	struct err err = { 0 };
	int rc = fs_remove_tree(s->dir, &err);

	node_keys_clear(&s->keys);
	str_list_free(&s->macs);
	free(s->dir);
	free(s);
	return rc;
}

static int look_in(const struct scratch *s, const char *root, struct err *err)
{
	autoclean(node_keys_clear) struct node_keys got = { 0 };
	autoclose int fd = fs_open_dir(root, err);
	int64_t written_s = -1;
	int rc;

	assert_true(fd >= 0);
	*err = (struct err){ 0 };
	rc = identity_in_tree(fd, CLUSTER, &s->macs, &got, &written_s, err);
	if (rc == 1) {
		assert_string_equal(buf_str(&got.tls_pem), buf_str(&s->keys.tls_pem));
		assert_memory_equal(got.seal_secret, s->keys.seal_secret, SEAL_KEY_LEN);
		assert_int_equal(written_s, 1000);
	} else
		assert_null(got.tls_pem.data);
	return rc;
}

static void an_installed_system_tells_who_it_is(void **state)
{
	struct scratch *s = *state;
	autofree char *root = install(s, "root", &s->keys, 1000);
	struct err err = { 0 };

	assert_int_equal(look_in(s, root, &err), 1);
	put(root, "etc/orthrus/node.json", "{\"cluster_id\":\"" CLUSTER "\",\"mac\":\"52:54:00:00:00:01\"}", 0644);
	assert_int_equal(look_in(s, root, &err), 0);
	put(root, "etc/orthrus/node.json", "{\"cluster_id\":\"fff\",\"mac\":\"" MAC "\"}", 0644);
	assert_int_equal(look_in(s, root, &err), 0);
	put(root, "etc/orthrus/node.json", "{\"mac\":\"" MAC "\"}", 0644);
	assert_int_equal(look_in(s, root, &err), -1);
	put(root, "etc/orthrus/node.json", "{", 0644);
	assert_int_equal(look_in(s, root, &err), -1);
	assert_int_equal(look_in(s, s->dir, &err), 0);
}

/* Each alone is enough for the identity not to be used, and none is followed or waited for. */
static void what_is_not_roots_alone_is_not_believed(void **state)
{
	struct scratch *s = *state;
	autofree char *root = install(s, "root", &s->keys, 1000);
	autofree char *key = fs_join(root, "etc/orthrus/node.key"), *seal = fs_join(root, "etc/orthrus/node.seal");
	autofree char *json = fs_join(root, "etc/orthrus/node.json"), *moved = fs_join(s->dir, "elsewhere");
	autofree char *orthrus = fs_join(root, "etc/orthrus");
	struct err err = { 0 };

	assert_int_equal(chmod(key, 0640), 0);
	assert_int_equal(look_in(s, root, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(chmod(key, 0400), 0);
	assert_int_equal(look_in(s, root, &err), 1);
	assert_int_equal(chown(seal, 1000, 0), 0);
	assert_int_equal(look_in(s, root, &err), -1);
	assert_int_equal(chown(seal, 0, 0), 0);
	assert_int_equal(chmod(json, 0666), 0);
	assert_int_equal(look_in(s, root, &err), -1);
	assert_int_equal(chmod(json, 0644), 0);
	assert_int_equal(rename(key, moved), 0);
	assert_int_equal(look_in(s, root, &err), 0);
	assert_int_equal(symlink(moved, key), 0);
	assert_int_equal(look_in(s, root, &err), -1);
	assert_int_equal(unlink(key), 0);
	assert_int_equal(mkfifo(key, 0600), 0);
	assert_int_equal(look_in(s, root, &err), -1);
	assert_int_equal(unlink(key), 0);
	assert_int_equal(mkdir(key, 0700), 0);
	assert_int_equal(look_in(s, root, &err), -1);
	assert_int_equal(rmdir(key), 0);
	assert_int_equal(rename(moved, key), 0);
	assert_int_equal(look_in(s, root, &err), 1);
	/* A link in the way is as bad as one at the end. */
	assert_int_equal(rename(orthrus, moved), 0);
	assert_int_equal(symlink(moved, orthrus), 0);
	assert_int_equal(look_in(s, root, &err), -1);
}

static void a_file_that_is_too_long_is_not_read(void **state)
{
	struct scratch *s = *state;
	autofree char *root = install(s, "root", &s->keys, 1000), *more = str_format("%s%02000d", buf_str(&s->keys.tls_pem), 0);
	struct err err = { 0 };

	put(root, "etc/orthrus/node.key", more, 0600);
	assert_int_equal(look_in(s, root, &err), -1);
	put(root, "etc/orthrus/node.key", "", 0600);
	assert_int_equal(look_in(s, root, &err), -1);
}

/* --- the disks, as a table tells of them: "mounting" a device makes a link to a tree ---------------------------------------- */

static struct {
	struct scratch *s;
	struct str_list log;
	const char *broken; /* the device whose mount fails, or NULL */
	const char *ro;	    /* the one that is read-only by itself, or NULL */
	bool no_arrays;
} disks;

static int list(struct str_list *out, struct err *err)
{
	(void)err;
	str_list_add(out, "/dev/old");
	str_list_add(out, "/dev/swap");
	str_list_add(out, "/dev/new");
	str_list_add(out, "/dev/other");
	return 0;
}

static int type(const char *device, char **out, struct err *err)
{
	(void)err;
	*out = mem_strdup(str_eq(device, "/dev/swap") ? "" : "ext4");
	return 0;
}

static int set_read_only(const char *device, bool on, bool *was, struct err *err)
{
	(void)err;
	str_list_addf(&disks.log, "%s %s", on ? "ro" : "rw", device);
	*was = str_eq(device, disks.ro);
	return 0;
}

static int mount_tree(const char *device, const char *fs, const char *where, struct err *err)
{
	autofree char *tree = fs_join(disks.s->dir, device + strlen("/dev/"));

	assert_string_equal(fs, "ext4");
	str_list_addf(&disks.log, "mount %s", device);
	if (str_eq(device, disks.broken))
		return err_set(err, ERR_FAILED, "bad superblock");
	assert_int_equal(rmdir(where), 0);
	return symlink(tree, where);
}

static int unmount_tree(const char *where, struct err *err)
{
	(void)err;
	str_list_add(&disks.log, "unmount");
	assert_int_equal(unlink(where), 0);
	return 0;
}

static int start_arrays(struct str_list *started, struct err *err)
{
	if (disks.no_arrays)
		return err_set(err, ERR_FAILED, "mdadm is not there");
	str_list_add(started, "/dev/md/look");
	return 0;
}

static void stop_arrays(const struct str_list *started)
{
	str_list_addf(&disks.log, "stop %zu", started->len);
}

static const struct look_ops ops = { .devices = list,
				     .type = type,
				     .set_read_only = set_read_only,
				     .mount = mount_tree,
				     .unmount = unmount_tree,
				     .start_arrays = start_arrays,
				     .stop_arrays = stop_arrays };

static int look_at_disks(struct scratch *s, struct node_keys *out)
{
	autofree char *where = fs_join(s->dir, "run");
	const struct look look = { .ops = &ops, .where = where, .cluster_id = CLUSTER, .macs = &s->macs };
	struct err err = { 0 };
	int rc;

	disks.s = s;
	str_list_free(&disks.log);
	rc = identity_on_disks(&look, out, &err);
	if (rc < 0)
		fail_msg("%s", err.text);
	return rc;
}

static void the_newest_system_counts(void **state)
{
	struct scratch *s = *state;
	autoclean(node_keys_clear) struct node_keys old = { 0 }, got = { 0 };
	autofree char *one = NULL, *two = NULL, *none = fs_join(s->dir, "other");
	static const char *const want[] = { "ro /dev/old",	"mount /dev/old", "unmount",	   "rw /dev/old",
					    "ro /dev/new",	"mount /dev/new", "unmount",	   "ro /dev/other",
					    "mount /dev/other", "unmount",	  "rw /dev/other", "stop 1" };
	struct err err = { 0 };

	assert_int_equal(node_keys_make(&old, &err), 0);
	assert_int_equal(fs_mkdirs(none, 0755, &err), 0);
	one = install(s, "old", &old, 500);
	two = install(s, "new", &s->keys, 1000);
	disks.ro = "/dev/new"; /* it was so before, and stays so */
	assert_int_equal(look_at_disks(s, &got), 1);
	assert_string_equal(buf_str(&got.tls_pem), buf_str(&s->keys.tls_pem));
	assert_int_equal(disks.log.len, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(disks.log.items[i], want[i]);
	/* What can't be mounted is passed over, and is as writable afterwards as before. */
	node_keys_clear(&got);
	disks.broken = "/dev/new";
	disks.ro = NULL;
	disks.no_arrays = true;
	assert_int_equal(look_at_disks(s, &got), 1);
	assert_string_equal(buf_str(&got.tls_pem), buf_str(&old.tls_pem));
	assert_true(str_list_has(&disks.log, "rw /dev/new"));
	assert_true(str_list_has(&disks.log, "stop 0"));
	disks.broken = NULL;
	disks.no_arrays = false;
}

static void disks_without_a_node_have_no_identity(void **state)
{
	struct scratch *s = *state;
	autoclean(node_keys_clear) struct node_keys got = { 0 };

	for (int i = 0; i < 3; i++) {
		autofree char *dir = fs_join(s->dir, i == 0 ? "old" : i == 1 ? "new" : "other");
		struct err err = { 0 };

		assert_int_equal(fs_mkdirs(dir, 0755, &err), 0);
	}
	assert_int_equal(look_at_disks(s, &got), 0);
	assert_null(got.tls_pem.data);
	str_list_free(&disks.log);
}

/* --- finding it ----------------------------------------------------------------------------------------------------------- */

static int on_disks(void *ctx, struct node_keys *out, struct err *err)
{
	const struct scratch *s = ctx;
	uint8_t raw[NODE_KEYS_RAW_LEN];

	if (!s)
		return err_set(err, ERR_FAILED, "the disks can't be read");
	return node_keys_pack(&s->keys, raw, err) < 0 || node_keys_unpack(raw, out, err) < 0 ? -1 : 1;
}

static void only_ours(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, S_ISDIR(st.st_mode) ? 0700 : 0600);
}

static void an_identity_is_found_or_made(void **state)
{
	struct scratch *s = *state;
	autofree char *dir = fs_join(s->dir, "run");
	struct identity_sources from = { .dir = dir, .on_disks = on_disks };
	autoclean(identity_free) struct identity new = { 0 }, again = { 0 }, disk = { 0 };
	struct digest d;
	char hex[DIGEST_HEX_LEN];
	struct err err = { 0 };

	if (identity_find(&from, &new, &err) < 0)
		fail_msg("%s", err.text);
	only_ours(dir);
	only_ours(new.key_path);
	only_ours(new.seal_path);
	assert_false(fs_exists(new.crt_path));
	assert_non_null(strstr(new.csr, "BEGIN CERTIFICATE REQUEST"));
	/* Started again on a running machine: still the same, whatever the disks say. */
	from.ctx = s;
	assert_int_equal(identity_find(&from, &again, &err), 0);
	assert_string_equal(new.fingerprint, again.fingerprint);
	assert_string_equal(new.words, again.words);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
	assert_int_equal(identity_find(&from, &disk, &err), 0);
	assert_int_equal(node_keys_fingerprint(&s->keys, &d, &err), 0);
	digest_hex(&d, hex);
	assert_string_equal(disk.fingerprint, hex);
	assert_string_not_equal(disk.fingerprint, new.fingerprint);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_installed_system_tells_who_it_is, begin, end),
		cmocka_unit_test_setup_teardown(what_is_not_roots_alone_is_not_believed, begin, end),
		cmocka_unit_test_setup_teardown(a_file_that_is_too_long_is_not_read, begin, end),
		cmocka_unit_test_setup_teardown(the_newest_system_counts, begin, end),
		cmocka_unit_test_setup_teardown(disks_without_a_node_have_no_identity, begin, end),
		cmocka_unit_test_setup_teardown(an_identity_is_found_or_made, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
