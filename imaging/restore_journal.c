/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/restore_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/restore_journal.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char magic[8] = "ORTHREST";
#define VERSION 1
#define FILE_MAX ((size_t)16 << 20)
#define SHOWN "the restore's journal " RESTORE_JOURNAL " in the target"
#define NEXT "restore into another directory, or empty this one"

void restore_journal_encode(const struct restore_journal *j, struct buf *out)
{
	size_t begin = out->len;
	struct digest sum;

	buf_add(out, magic, sizeof(magic));
	buf_add_u32(out, VERSION);
	buf_add_u32(out, 0);
	buf_add(out, j->manifest.bytes, DIGEST_LEN);
	buf_add_u64(out, j->n_chunks);
	for (size_t i = 0; i < j->n_chunks; i += 8) {
		uint8_t byte = 0;

		for (size_t k = i; k < i + 8 && k < j->n_chunks; k++)
			byte |= (uint8_t)(j->done[k] << (k - i));
		buf_add_u8(out, byte);
	}
	digest_of(out->data + begin, out->len - begin, &sum);
	buf_add(out, sum.bytes, DIGEST_LEN);
}

static int decode_header(struct cursor *c, struct restore_journal *out, struct err *err)
{
	const uint8_t *m, *manifest;
	uint32_t version, zero;

	if (cursor_bytes(c, sizeof(magic), &m, err) < 0 || cursor_u32(c, &version, err) < 0 || cursor_u32(c, &zero, err) < 0 ||
	    cursor_bytes(c, DIGEST_LEN, &manifest, err) < 0 || cursor_u64(c, &out->n_chunks, err) < 0)
		return -1;
	if (memcmp(m, magic, sizeof(magic)) != 0 || version != VERSION || zero != 0)
		return err_set(err, ERR_DAMAGED, "not a restore's journal of version %d", VERSION);
	memcpy(out->manifest.bytes, manifest, DIGEST_LEN);
	if (cursor_left(c) != out->n_chunks / 8 + (out->n_chunks % 8 != 0))
		return err_set(err, ERR_DAMAGED, "%llu chunks said, %zu bytes there", (unsigned long long)out->n_chunks,
			       cursor_left(c));
	return 0;
}

int restore_journal_decode(const void *data, size_t len, struct restore_journal *out, struct err *err)
{
	struct cursor c = { .data = data, .len = len };
	struct digest sum;

	if (len < DIGEST_LEN)
		return err_set(err, ERR_DAMAGED, "%zu bytes are no restore's journal", len);
	c.len -= DIGEST_LEN;
	digest_of(data, c.len, &sum);
	if (memcmp(sum.bytes, c.data + c.len, DIGEST_LEN) != 0)
		return err_set(err, ERR_DAMAGED, "it does not have the digest it ends with");
	if (decode_header(&c, out, err) < 0)
		return -1;
	if (out->n_chunks % 8 && c.data[c.len - 1] >> (out->n_chunks % 8))
		return err_set(err, ERR_DAMAGED, "it notes chunks after the last one");
	out->done = mem_array(out->n_chunks, sizeof(out->done[0]));
	for (size_t i = 0; i < out->n_chunks; i++)
		out->done[i] = c.data[c.at + i / 8] >> (i % 8) & 1;
	return 0;
}

void restore_journal_free(struct restore_journal *j)
{
	free(j->done);
	*j = (struct restore_journal){ 0 };
}

static int another_image(const char *by, struct err *err)
{
	err_set(err, ERR_REFUSED, "the target holds a restore of another image that did not come to its end (%s)", by);
	return err_hint(err, "restore that image again to complete it, or empty the directory; --update makes it this image");
}

int restore_mark_set(const struct restore *r, struct err *err)
{
	if (fsetxattr(r->target_fd, RESTORE_MARK, r->manifest.bytes, DIGEST_LEN, 0) == 0 || errno == EOPNOTSUPP)
		return 0;
	return err_errno(err, errno, "mark the target as complete (" RESTORE_MARK ")");
}

int restore_mark_remove(const struct restore *r, struct err *err)
{
	if (fremovexattr(r->target_fd, RESTORE_MARK) == 0) /* or a power cut brings it back, and it would be believed */
		return fsync(r->target_fd) < 0 ? err_errno(err, errno, "make the target durable") : 0;
	if (errno == EOPNOTSUPP || errno == ENODATA)
		return 0;
	return err_errno(err, errno, "remove the mark " RESTORE_MARK " from the target");
}

/* ERR_REFUSED when the target is marked with another image. */
static int read_mark(struct restore *r, bool *found, struct err *err)
{
	struct digest manifest;

	*found = fgetxattr(r->target_fd, RESTORE_MARK, manifest.bytes, DIGEST_LEN) == DIGEST_LEN;
	if (!*found)
		return 0;
	if (digest_cmp(&manifest, &r->manifest) != 0)
		return another_image("the attribute " RESTORE_MARK, err);
	memset(r->done, true, r->n_chunks * sizeof(r->done[0]));
	r->n_done = r->n_chunks;
	return 0;
}

int restore_journal_read(struct restore *r, bool *found, struct err *err)
{
	autoclean(restore_journal_free) struct restore_journal j = { 0 };
	autoclean(buf_free) struct buf data = { 0 };
	struct err why = { 0 };
	autoclose int fd = fs_open_regular_at(r->target_fd, RESTORE_JOURNAL, SHOWN, O_NOFOLLOW, &why);

	*found = false;
	if (fd < 0 && why.kind == ERR_NOT_FOUND)
		return read_mark(r, found, err);
	if (fd < 0 || fs_read_fd(fd, SHOWN, FILE_MAX, &data, &why) < 0) {
		*err = why;
		return err_hint(err, NEXT);
	}
	if (restore_journal_decode(data.data, data.len, &j, err) < 0) {
		err_wrap(err, SHOWN);
		return err_hint(err, NEXT);
	}
	if (digest_cmp(&j.manifest, &r->manifest) != 0 || j.n_chunks != r->n_chunks)
		return another_image(RESTORE_JOURNAL, err);
	for (size_t i = 0; i < r->n_chunks; i++) {
		r->done[i] = j.done[i];
		r->n_done += j.done[i];
	}
	*found = true;
	return 0;
}

int restore_make_durable(struct restore *r, struct err *err)
{
	int rc = syncfs(r->target_fd);

	for (size_t i = 0; rc == 0; i++) {
		int fd = -1;

		/* Others may be added meanwhile, none goes. */
		pthread_mutex_lock(&r->lock);
		if (i < r->n_mounts)
			fd = r->mounts[i];
		pthread_mutex_unlock(&r->lock);
		if (fd < 0)
			return 0;
		rc = syncfs(fd);
	}
	return err_errno(err, errno, "make the restored files durable");
}

int restore_journal_write(struct restore *r, struct err *err)
{
	autofree bool *done = mem_array(r->n_chunks, sizeof(*done));
	struct restore_journal j = { .manifest = r->manifest, .n_chunks = r->n_chunks, .done = done };
	autoclean(buf_free) struct buf data = { 0 };

	pthread_mutex_lock(&r->lock);
	memcpy(done, r->done, r->n_chunks * sizeof(*done));
	pthread_mutex_unlock(&r->lock);
	if (restore_make_durable(r, err) < 0)
		return -1;
	restore_journal_encode(&j, &data);
	return fs_write_atomic_at(r->target_fd, RESTORE_JOURNAL, SHOWN, data.data, data.len, 0600, err);
}

static bool is_temporary_name(const char *name)
{
	static const char cut_off[] = RESTORE_JOURNAL ".XXXXXX"; /* mkostemp(3) by fs_write_atomic_at() */

	if (!str_starts(name, RESTORE_JOURNAL ".") || strlen(name) != sizeof(cut_off) - 1)
		return false;
	for (const char *p = name + sizeof(RESTORE_JOURNAL); *p; p++)
		if (!(*p >= '0' && *p <= '9') && !(*p >= 'a' && *p <= 'z') && !(*p >= 'A' && *p <= 'Z'))
			return false;
	return true;
}

int restore_is_journal(int target_fd, const char *name, struct err *err)
{
	autofree char *shown = str_printable(name, strlen(name));
	char begin[sizeof(magic)];
	autoclose int fd = -1;
	struct stat st;
	ssize_t n;

	if (!str_eq(name, RESTORE_JOURNAL) && !is_temporary_name(name))
		return 0;
	if (fstatat(target_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "look at %s in the target", shown);
	if (!S_ISREG(st.st_mode))
		return 0;
	if (str_eq(name, RESTORE_JOURNAL))
		return 1;
	if (st.st_uid != geteuid() || (st.st_mode & 07777) != 0600)
		return 0;
	fd = fs_open_regular_at(target_fd, name, shown, O_NOFOLLOW, err);
	if (fd < 0)
		return -1;
	n = pread(fd, begin, sizeof(begin), 0);
	return n < 0 ? err_errno(err, errno, "read %s in the target", shown) : memcmp(begin, magic, (size_t)n) == 0;
}

int restore_journal_remove(struct restore *r, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	/* Also what a write that was cut off left beside it. */
	if (fs_list_fd(r->target_fd, "the target", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		int is = tree_find(&r->docs.tree, names.items[i]) ? 0 : restore_is_journal(r->target_fd, names.items[i], err);

		if (is < 0)
			return -1;
		if (is && unlinkat(r->target_fd, names.items[i], 0) < 0)
			return err_errno(err, errno, "remove %s, a part of the restore's journal in the target", names.items[i]);
	}
	return 0;
}

/* Also one that came no further than to the beginning of its first journal. */
bool restore_is_unfinished(int target_fd)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err ignored = { 0 };
	bool is = fs_list_fd(target_fd, "the target", &names, &ignored) < 0 &&
		  faccessat(target_fd, RESTORE_JOURNAL, F_OK, AT_SYMLINK_NOFOLLOW) == 0;

	size_t n = 0;

	for (size_t i = 0; i < names.len; i++) {
		n += !str_eq(names.items[i], "lost+found");
		is |= str_eq(names.items[i], RESTORE_JOURNAL);
	}
	/* Before the first journal has its name, nothing else is there. */
	for (size_t i = 0; i < names.len && n == 1; i++)
		is |= restore_is_journal(target_fd, names.items[i], &ignored) == 1;
	return is || fgetxattr(target_fd, RESTORE_MARK, NULL, 0) == DIGEST_LEN;
}
