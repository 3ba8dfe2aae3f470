/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image store as nodes read it: only whole names of known shape become paths, and they are resolved beneath the store's
 * directories. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/diskless.h"
#include "daemon/ident.h"
#include "daemon/roster.h"
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

/* A node reads the image that it is, was or shall be, and no other: what an image holds is not every node's business. Packs are
 * named by the hash of what is in them, which only the documents of an image tell. */
static int check_own(struct daemon *d, struct http_call *call, const char *name, const char *id, struct err *err)
{
	autofree char *node = NULL, *ref = str_format("%s/%s", name, id);
	autoclean(run_free) struct run r = { 0 };
	autoclean(node_free) struct node n = { 0 };
	autoclean(site_free) struct site site = { 0 };
	const char *image;

	if (ident_caller(d, call, &node, &r, err) < 0)
		return -1;
	if (str_eq(r.image, ref) || str_eq(r.prior_image, ref))
		return 0;
	if (daemon_node(d, node, &n, NULL, err) < 0 || daemon_site(d, &site, NULL, err) < 0)
		return -1;
	image = node_image(&site, &n);
	if (str_eq(image, name) || str_eq(image, ref))
		return 0;
	http_set_status(call, 403);
	err_set(err, ERR_REFUSED, "the image %s is not one of %s", ref, node);
	return err_hint(err, "order it: orthrus node install %s --image %s", node, ref);
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
	if (check_own(ctx, call, name, id, err) < 0)
		return -1;
	return serve(ctx, call, "images", path, str_ends(path, ".json") ? "application/json" : "application/octet-stream", err);
}

int api_pack(void *ctx, struct http_call *call, struct err *err)
{
	const char *pack = http_param(call, "pack");

	if (strspn(pack, "0123456789abcdef") != 64 || !str_eq(pack + 64, ".pack"))
		return err_set(err, ERR_NOT_FOUND, "a pack is named by 64 hex digits and '.pack'");
	if (ident_caller(ctx, call, NULL, NULL, err) < 0)
		return -1;
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
