/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How an entry of an image's tree is shown, to people and to programs. */
#include "base/mem.h"
#include "cmd/images.h"

#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define YEAR_1000 INT64_C(-30610224000)
#define YEAR_9999_END INT64_C(253402300799)

static const struct {
	char letter;
	const char *word;
} types[] = {
	[TREE_DIR] = { 'd', "directory" }, [TREE_FILE] = { '-', "file" },	  [TREE_SYMLINK] = { 'l', "symlink" },
	[TREE_FIFO] = { 'p', "fifo" },	   [TREE_CHAR] = { 'c', "char" },	  [TREE_BLOCK] = { 'b', "block" },
	[TREE_SOCKET] = { 's', "socket" }, [TREE_HARDLINK] = { 'h', "hardlink" },
};

static char xattr_mark(const struct tree_entry *e)
{
	for (size_t i = 0; i < e->n_xattrs; i++)
		if (str_starts(e->xattrs[i].name, "system.posix_acl_"))
			return '+';
	return e->n_xattrs ? '@' : ' ';
}

void image_entry_mode(const struct tree_entry *e, char out[IMAGE_MODE_LEN])
{
	/* A symbolic link has no mode of its own; file systems say 0777. */
	unsigned int mode = e->mode;

	out[0] = types[e->type].letter;
	for (unsigned int i = 0; i < 9; i++)
		out[1 + i] = mode & (0400u >> i) ? "rwx"[i % 3] : '-';
	if (mode & 04000)
		out[3] = mode & 0100 ? 's' : 'S';
	if (mode & 02000)
		out[6] = mode & 0010 ? 's' : 'S';
	if (mode & 01000)
		out[9] = mode & 0001 ? 't' : 'T';
	out[10] = xattr_mark(e);
	out[11] = '\0';
}

void image_entry_time(const struct tree_entry *e, char out[IMAGE_TIME_LEN])
{
	time_t t = (time_t)e->mtime_s;
	struct tm tm;

	if (e->mtime_s < YEAR_1000 || e->mtime_s > YEAR_9999_END || !gmtime_r(&t, &tm))
		snprintf(out, IMAGE_TIME_LEN, "@%lld", (long long)e->mtime_s);
	else
		strftime(out, IMAGE_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static bool is_utf8(const char *s)
{
	size_t left = strlen(s);

	for (size_t n; left; s += n, left -= n) {
		n = str_utf8_len(s, left);
		if (!n)
			return false;
	}
	return true;
}

static void put_text(struct json_out *w, const char *key, const char *text)
{
	size_t len = strlen(text);
	autofree char *hex_key = NULL;
	autofree char *hex = NULL;

	json_put_str(w, key, text);
	if (is_utf8(text))
		return;
	hex_key = str_format("%s_hex", key);
	hex = mem_zalloc(2 * len + 1);
	str_hex(text, len, hex);
	json_put_str(w, hex_key, hex);
}

void image_entry_put_path(struct json_out *w, const char *key, const char *path)
{
	autofree char *full = str_format("/%s", path);

	put_text(w, key, full);
}

static void put_flags(struct json_out *w, uint32_t flags)
{
	static const struct {
		uint32_t flag;
		const char *word;
	} words[] = { { FS_SYNC_FL, "sync" },	  { FS_IMMUTABLE_FL, "immutable" }, { FS_APPEND_FL, "append" },
		      { FS_NODUMP_FL, "nodump" }, { FS_NOATIME_FL, "noatime" },	    { FS_DIRSYNC_FL, "dirsync" } };

	json_put_arr(w, "flags");
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (flags & words[i].flag)
			json_put_str(w, NULL, words[i].word);
	json_end_arr(w);
}

static void put_xattrs(struct json_out *w, const struct tree_entry *e)
{
	json_put_arr(w, "xattrs");
	for (size_t i = 0; i < e->n_xattrs; i++) {
		autofree char *hex = mem_zalloc(2 * (size_t)e->xattrs[i].len + 1);

		str_hex(e->xattrs[i].value, e->xattrs[i].len, hex);
		json_put_obj(w, NULL);
		put_text(w, "name", e->xattrs[i].name);
		json_put_str(w, "value_hex", hex);
		json_end_obj(w);
	}
	json_end_arr(w);
}

void image_entry_put(struct json_out *w, const struct tree_entry *e, uint32_t links)
{
	autofree char *mode = str_format("%04o", (unsigned int)e->mode);
	char when[IMAGE_TIME_LEN];

	image_entry_time(e, when);
	json_put_str(w, "type", types[e->type].word);
	json_put_str(w, "mode", mode);
	json_put_u64(w, "links", links);
	json_put_u64(w, "uid", e->uid);
	json_put_u64(w, "gid", e->gid);
	json_put_str(w, "mtime", when);
	json_put_i64(w, "mtime_s", e->mtime_s);
	json_put_u64(w, "mtime_ns", e->mtime_ns);
	if (e->type == TREE_FILE) {
		json_put_u64(w, "size", e->size);
		json_put_u64(w, "data_bytes", e->stream_len);
	}
	if (e->target)
		put_text(w, "target", e->target);
	if (e->type == TREE_CHAR || e->type == TREE_BLOCK) {
		json_put_u64(w, "major", e->major);
		json_put_u64(w, "minor", e->minor);
	}
	put_flags(w, e->flags);
	put_xattrs(w, e);
}
