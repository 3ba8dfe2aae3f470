/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/identity.h"

#include "base/json.h"
#include "base/mem.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ABOUT_MAX 65536

/* Below the root, through no link, on no other file system; 1 opened, 0 not there. */
static int open_file(int root_fd, const char *path, int *fd, struct stat *st, struct err *err)
{
	struct err why = { 0 };

	*fd = fs_open_beneath(root_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0,
			      RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV, &why);
	if (*fd < 0 && why.kind == ERR_NOT_FOUND)
		return 0;
	if (*fd < 0) {
		*err = why;
		return -1;
	}
	if (fstat(*fd, st) < 0)
		return err_errno(err, errno, "look at /%s", path);
	return S_ISREG(st->st_mode) ? 1 : err_set(err, ERR_REFUSED, "/%s is no file", path);
}

/* 1: read; 0: not there; -1 with ERR_REFUSED: not root's alone. */
static int read_secret(int root_fd, const char *path, size_t max, struct buf *out, int64_t *written_s, struct err *err)
{
	autoclose int fd = -1;
	struct stat st;
	int rc = open_file(root_fd, path, &fd, &st, err);

	if (rc <= 0)
		return rc;
	if (st.st_uid != 0 || (st.st_mode & 077))
		return err_set(err, ERR_REFUSED, "/%s can be read by others (mode %04o, owner %u): it is not used", path,
			       (unsigned int)st.st_mode & 07777, (unsigned int)st.st_uid);
	if (fs_read_fd(fd, path, max, out, err) < 0)
		return -1;
	*written_s = st.st_mtim.tv_sec;
	return 1;
}

struct about {
	char *cluster_id, *mac;
};

static void about_free(struct about *a)
{
	free(a->cluster_id);
	free(a->mac);
}

/* What else node.json says is of no concern here. */
static int read_about(struct json_obj *o, void *about, struct err *err)
{
	struct about *a = about;

	return json_str(o, "cluster_id", JSON_MUST, &a->cluster_id, err) < 0 ? -1 : json_str(o, "mac", JSON_MUST, &a->mac, err);
}

/* 1: the system is one of this cluster, installed on this machine. */
static int is_ours(int root_fd, const char *cluster_id, const struct str_list *macs, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(about_free) struct about a = { 0 };
	autoclose int fd = -1;
	struct stat st;
	int rc = open_file(root_fd, "etc/orthrus/node.json", &fd, &st, err);

	if (rc <= 0)
		return rc;
	if (st.st_uid != 0 || (st.st_mode & 022))
		return err_set(err, ERR_REFUSED, "/etc/orthrus/node.json can be written by others");
	if (fs_read_fd(fd, "etc/orthrus/node.json", ABOUT_MAX, &text, err) < 0 ||
	    json_read(buf_str(&text), text.len, read_about, &a, err) < 0)
		return err_wrap(err, "/etc/orthrus/node.json");
	return str_eq(a.cluster_id, cluster_id) && str_list_has(macs, a.mac);
}

int identity_in_tree(int root_fd, const char *cluster_id, const struct str_list *macs, struct node_keys *out, int64_t *written_s,
		     struct err *err)
{
	autoclean(seal_wipe) struct buf key = { 0 }, seal = { 0 };
	int rc = is_ours(root_fd, cluster_id, macs, err);

	if (rc > 0)
		rc = read_secret(root_fd, "etc/orthrus/node.seal", NODE_SEAL_TEXT_LEN, &seal, written_s, err);
	if (rc > 0)
		rc = read_secret(root_fd, "etc/orthrus/node.key", NODE_KEY_PEM_MAX, &key, written_s, err);
	if (rc > 0 && node_keys_read(&key, &seal, out, err) < 0)
		rc = err_wrap(err, "/etc/orthrus/node.key and node.seal");
	return rc;
}
