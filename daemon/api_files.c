/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image store as nodes read it: only whole names of known shape become paths, and they are resolved beneath the store's
 * directories. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/diskless.h"
#include "daemon/ident.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>

/* `path` below the store's `part`. The part may be a symbolic link, the store may too: an administrator put it on another volume.
 */
static int serve(struct daemon *d, struct http_call *call, const char *part, const char *path, const char *type, struct err *err)
{
	autofree char *top = fs_join(d->paths.store_dir, part);
	autoclose int dir = -1;
	autoclose int fd = -1;
	struct stat st;

	if (ident_caller(d, call, NULL, NULL, err) < 0)
		return -1;
	dir = fs_open_dir(top, err);
	if (dir < 0)
		return err->kind == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "there is no image store yet") : -1;
	fd = fs_open_beneath(dir, path, O_RDONLY | O_NONBLOCK, 0, RESOLVE_NO_SYMLINKS, err);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_NOT_FOUND, "%s is not a file", path);
	http_out_file(call, steal_fd(fd), (uint64_t)st.st_size, type);
	return 0;
}

int api_image_file(void *ctx, struct http_call *call, struct err *err)
{
	static const char *const files[] = { "manifest.json", "manifest.sig", "tree.zst", "chunks.bin", "boot.json" };
	const char *name = http_param(call, "name"), *id = http_param(call, "id"), *file = http_param(call, "file");
	autofree char *path = NULL;

	if (str_check_name(name, err) < 0 || str_check_name(id, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (str_eq(files[i], file))
			path = str_format("%s/%s/%s", name, id, files[i]);
	if (!path)
		return err_set(err, ERR_NOT_FOUND, "an image has no file '%s'", file);
	return serve(ctx, call, "images", path, str_ends(path, ".json") ? "application/json" : "application/octet-stream", err);
}

int api_pack(void *ctx, struct http_call *call, struct err *err)
{
	const char *pack = http_param(call, "pack");

	if (strspn(pack, "0123456789abcdef") != 64 || !str_eq(pack + 64, ".pack"))
		return err_set(err, ERR_NOT_FOUND, "a pack is named by 64 hex digits and '.pack'");
	return serve(ctx, call, "packs", pack, "application/octet-stream", err);
}

int api_diskless(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclose int fd = -1;
	struct stat st;

	if (ident_caller(d, call, NULL, NULL, err) < 0 ||
	    diskless_open(d, http_param(call, "name"), http_param(call, "id"), &fd, err) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "an image's squashfs");
	http_out_file(call, steal_fd(fd), (uint64_t)st.st_size, "application/octet-stream");
	return 0;
}
