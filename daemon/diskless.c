/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/diskless.h"

#include "base/mem.h"
#include "imaging/export.h"
#include "imaging/store.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/keys.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES ((size_t)1 << 20)
#define SQUASHFS ".squashfs"
#define SHA256 ".sha256" /* beside it, written last: both are there, or it was not finished */

static void close_store(struct store **s)
{
	if (*s)
		store_close(*s);
}

/* NAME and ID of an image have no '/', and no '+' either (str_check_name). */
static char *file_name(const char *ref, const char *suffix)
{
	const char *slash = strchr(ref, '/');

	return str_format("%.*s+%s%s", (int)(slash - ref), ref, slash + 1, suffix);
}

static char *path_of(struct daemon *d, const char *ref, const char *suffix)
{
	autofree char *name = file_name(ref, suffix);

	return fs_join(d->paths.diskless_dir, name);
}

char *diskless_ref(struct daemon *d, const char *image)
{
	autoclean(close_store) struct store *store = NULL;
	autofree char *name = NULL, *id = NULL, *dir = NULL;
	struct err none = { 0 };

	if (store_open(d->paths.store_dir, false, &store, &none) < 0 || store_find(store, image, &name, &id, &dir, &none) < 0)
		return NULL;
	return str_format("%s/%s", name, id);
}

int diskless_find(struct daemon *d, const char *ref, struct diskless_image *out, struct err *err)
{
	autofree char *file = path_of(d, ref, SQUASHFS), *sum = path_of(d, ref, SHA256);
	autoclean(buf_free) struct buf text = { 0 };
	struct stat st;

	if (!fs_exists(sum) || stat(file, &st) < 0)
		return 0;
	if (fs_read_nofollow(sum, DIGEST_HEX_LEN, &text, err) < 0)
		return -1;
	if (strspn(buf_str(&text), "0123456789abcdef") != DIGEST_HEX_LEN - 1)
		return err_set(err, ERR_DAMAGED, "%s is not a digest", sum);
	memcpy(out->digest, buf_str(&text), DIGEST_HEX_LEN - 1);
	out->digest[DIGEST_HEX_LEN - 1] = '\0';
	out->bytes = (uint64_t)st.st_size;
	return 1;
}

int diskless_open(struct daemon *d, const char *name, const char *id, int *fd, struct err *err)
{
	autofree char *ref = str_format("%s/%s", name, id), *file = NULL;
	autoclose int dir = -1;

	if (str_check_name(name, err) < 0 || str_check_name(id, err) < 0)
		return -1;
	dir = fs_open_dir(d->paths.diskless_dir, err);
	if (dir < 0)
		return -1;
	file = file_name(ref, SQUASHFS);
	*fd = fs_open_beneath(dir, file, O_RDONLY | O_NONBLOCK, 0, RESOLVE_NO_SYMLINKS, err);
	return *fd < 0 ? -1 : 0;
}

static int digest_path(const char *path, char hex[DIGEST_HEX_LEN], struct err *err)
{
	autofree char *data = mem_zalloc(READ_BYTES);
	autoclose int fd = fs_open_regular(path, 0, err);
	struct digest_ctx *ctx;
	struct digest sum;
	ssize_t n;

	if (fd < 0)
		return -1;
	ctx = digest_new();
	while ((n = read(fd, data, READ_BYTES)) > 0)
		digest_add(ctx, data, (size_t)n);
	digest_end(ctx, &sum);
	if (n < 0)
		return err_errno(err, errno, "read %s", path);
	digest_hex(&sum, hex);
	return 0;
}

static int export_to(struct store *store, const char *ref, const char *path, const struct verify_key *key, struct err *err)
{
	const struct export x = {
		.store = store, .ref = ref, .target = path, .format = EXPORT_SQUASHFS, .force = true, .key = key
	};
	struct export_facts facts = { 0 };
	int rc = export_probe(&x, &facts, err) < 0 ? -1 : export_apply(&x, &facts, err);

	export_facts_free(&facts);
	return rc;
}

int diskless_make(struct daemon *d, const char *ref, const char *sign_pub, struct err *err)
{
	autofree char *file = path_of(d, ref, SQUASHFS), *sum = path_of(d, ref, SHA256);
	autoclean(close_store) struct store *store = NULL;
	struct diskless_image there;
	struct verify_key key;
	char hex[DIGEST_HEX_LEN], size[STR_BYTES_MAX];
	int64_t begin = clock_now_ns();
	int found = diskless_find(d, ref, &there, err);

	if (found)
		return found < 0 ? -1 : 0;
	if (fs_mkdirs(d->paths.diskless_dir, 0700, err) < 0)
		return -1;
	/* Made by root, for a daemon that is not. An image is for nodes, not for each user of the head. */
	if (chmod(d->paths.diskless_dir, 0700) < 0)
		return err_errno(err, errno, "chmod %s", d->paths.diskless_dir);
	if (verify_key_load(sign_pub, &key, err) < 0 || store_open(d->paths.store_dir, false, &store, err) < 0 ||
	    export_to(store, ref, file, &key, err) < 0 || digest_path(file, hex, err) < 0 ||
	    fs_write_atomic(sum, hex, strlen(hex), 0600, err) < 0)
		return err_wrap(err, "image %s for nodes without disks", ref);
	if (diskless_find(d, ref, &there, err) == 1) {
		str_from_bytes(there.bytes, size);
		log_info("diskless", "%s: squashfs of %s (%.1f s)", ref, size,
			 (double)(clock_now_ns() - begin) / (double)NS_PER_S);
	}
	return 0;
}

/* Of an image only a clear "it is not there" counts. */
static bool is_gone(struct store *store, const char *file)
{
	autofree char *ref = mem_strdup(file), *name = NULL, *id = NULL, *dir = NULL;
	char *plus = strchr(ref, '+'), *dot = strrchr(ref, '.');
	struct err err = { 0 };

	/* What a daemon that was killed left half made. */
	if (!plus || !dot || dot < plus || (!str_eq(dot, SQUASHFS) && !str_eq(dot, SHA256)))
		return true;
	*plus = '/';
	*dot = '\0';
	return store_find(store, ref, &name, &id, &dir, &err) < 0 && err.kind == ERR_NOT_FOUND;
}

int diskless_collect(struct daemon *d, struct store *store, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	if (!d->paths.diskless_dir || !fs_exists(d->paths.diskless_dir))
		return 0;
	if (fs_list(d->paths.diskless_dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(d->paths.diskless_dir, names.items[i]);

		if (!is_gone(store, names.items[i]))
			continue;
		log_info("diskless", "removing %s: its image is gone", path);
		if (unlink(path) < 0)
			return err_errno(err, errno, "remove %s", path);
	}
	return 0;
}
