/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/auditlog.h"

#include "base/mem.h"
#include "sys/auditlog_tail.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define RESERVE ((off_t)128 << 10) /* room kept for the ends of what has begun: many calls at once, a few KiB each */
#define LOCK_WAIT_NS (10 * NS_PER_S)
#define LOCK_LOOK_MS 10
#define TORN_SHOWN ((size_t)200)
#define NOTES_MAX 50 /* while none can be written */

/* A line that shall be written before the next one. */
struct late {
	struct audit_entry entry; /* only phase, at, begun, result, status and text */
	char at[CLOCK_UTC_LEN], *text;
};
struct auditlog {
	char *dir, *path, *lock;
	uint64_t segment_bytes;
	pthread_mutex_t mutex;
	struct audit_anchor anchor;
	/* audit.log as it was after our last look; another program may have written since */
	int fd;
	dev_t dev;
	ino_t ino;
	off_t size;
	uint64_t first; /* number of its first line; 0: it has none */
	struct audit_anchor last;
	struct late *late;
	size_t n_late, cap_late;
};

struct auditlog *auditlog_new(const char *dir, uint64_t segment_bytes)
{
	struct auditlog *a = mem_zalloc(sizeof(*a));

	a->dir = mem_strdup(dir);
	a->path = fs_join(dir, "audit.log");
	a->lock = fs_join(dir, "audit.lock");
	a->segment_bytes = segment_bytes ? segment_bytes : AUDITLOG_SEGMENT;
	a->fd = -1;
	pthread_mutex_init(&a->mutex, NULL);
	return a;
}

static void forget_file(struct auditlog *a)
{
	if (a->fd >= 0)
		close(steal_fd(a->fd));
}

void auditlog_free(struct auditlog *a)
{
	if (!a)
		return;
	forget_file(a);
	for (size_t i = 0; i < a->n_late; i++)
		free(a->late[i].text);
	free(a->late);
	free(a->dir);
	free(a->path);
	free(a->lock);
	pthread_mutex_destroy(&a->mutex);
	free(a);
}

void auditlog_set_anchor(struct auditlog *a, const struct audit_anchor *anchor)
{
	pthread_mutex_lock(&a->mutex);
	a->anchor = *anchor;
	forget_file(a); /* looked at again */
	pthread_mutex_unlock(&a->mutex);
}

static void add_late(struct auditlog *a, const struct audit_entry *e)
{
	struct late *l;

	a->late = mem_room(a->late, a->n_late, &a->cap_late, sizeof(*a->late));
	l = &a->late[a->n_late++];
	*l = (struct late){ .text = e->text ? mem_strdup(e->text) : NULL };
	l->entry = (struct audit_entry){ .phase = e->phase, .begun = e->begun, .result = e->result, .status = e->status };
	clock_utc(clock_wall_s(), l->at);
}

static void PRINTF_LIKE(2, 3) add_note(struct auditlog *a, const char *fmt, ...)
{
	char text[900];
	va_list ap;

	if (a->n_late >= NOTES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_warn("audit", "%s: %s", a->path, text);
	add_late(a, &(struct audit_entry){ .phase = AUDIT_NOTE, .text = text });
}

/* Where orthrusd has a user of its own, the log is that user's: what root begins, orthrusd must be able to go on with. */
static int give_to_owner(const struct auditlog *a, int fd)
{
	struct stat dir, file;

	if (geteuid() != 0)
		return 0;
	if (stat(a->dir, &dir) < 0 || fstat(fd, &file) < 0)
		return -1;
	return file.st_uid == dir.st_uid || file.st_uid != 0 ? 0 : fchown(fd, dir.st_uid, (gid_t)-1);
}

/* Another program writes a line in milliseconds; one that was stopped meanwhile shall not stop us too. */
static int take_lock(const struct auditlog *a, struct err *err)
{
	int64_t until = clock_now_ns() + LOCK_WAIT_NS;
	autoclose int fd = open(a->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || give_to_owner(a, fd) < 0)
		return err_errno(err, errno, "open %s", a->lock);
	while (fs_flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_errno(err, errno, "lock %s", a->lock);
		if (clock_now_ns() >= until)
			return err_set(err, ERR_CONFLICT, "another program holds %s, and does not let go", a->lock);
		poll(NULL, 0, LOCK_LOOK_MS);
	}
	return steal_fd(fd);
}

/* 0640, group adm, as the other logs; a system without that group keeps it to its owner. */
static int make_readable(int fd, const char *path, struct err *err)
{
	char text[1024];
	struct group group, *adm = NULL;

	if (geteuid() == 0 && getgrnam_r("adm", &group, text, sizeof(text), &adm) == 0 && adm &&
	    fchown(fd, (uid_t)-1, adm->gr_gid) < 0)
		log_warn("audit", "%s can't be given to the group adm", path);
	if (fchmod(fd, 0640) < 0)
		return err_errno(err, errno, "set the mode of %s", path);
	return fs_sync_parent(path, err);
}

/* What the newest closed segment ends with: a new audit.log goes on behind it. */
static int end_of_closed(const struct auditlog *a, struct audit_anchor *last, struct err *err)
{
	autoclean(str_list_free) struct str_list segments = { 0 };
	struct auditlog_tail tail = { .last = { .hash = AUDIT_NO_LINE } };
	struct stat st;
	const char *path;
	int rc = 0;

	*last = tail.last;
	if (auditlog_segments(a->dir, &segments, err) < 0)
		return -1;
	if (segments.len < 2) /* audit.log is there itself */
		return 0;
	path = segments.items[segments.len - 2];
	{
		autoclose int fd = fs_open_regular(path, O_NOFOLLOW, err);

		if (fd < 0)
			return -1;
		if (fstat(fd, &st) < 0)
			return err_errno(err, errno, "look at %s", path);
		rc = auditlog_tail_read(fd, path, (uint64_t)st.st_size, &tail, err);
	}
	buf_free(&tail.torn);
	*last = tail.last;
	return rc;
}

/* The end of the file is where a crash tears. What the cluster's state knows was whole once: somebody cut it, and it stays. */
static int mend(struct auditlog *a, const struct auditlog_tail *tail, struct err *err)
{
	size_t shown = tail->torn.len < TORN_SHOWN ? tail->torn.len : TORN_SHOWN;
	uint64_t number = tail->last.number + 1;
	autofree char *text = str_printable(tail->torn.data, shown);

	if (tail->torn_is_line || number <= a->anchor.number) {
		if (fs_write_all(a->fd, a->path, "\n", 1, err) < 0)
			return -1;
		if (!tail->torn_is_line)
			add_note(a, "line %llu was cut in the middle, and stays as it is", (unsigned long long)number);
	} else {
		if (ftruncate(a->fd, (off_t)tail->whole_bytes) < 0)
			return err_errno(err, errno, "cut the torn end off %s", a->path);
		add_note(a, "line %llu was not written to its end (a crash); its %zu bytes were taken away: %s",
			 (unsigned long long)number, tail->torn.len, text);
	}
	return fdatasync(a->fd) < 0 ? err_errno(err, errno, "write %s", a->path) : 0;
}

/* The file's end, mended if that is needed: nothing is torn in `tail`. */
static int read_end(struct auditlog *a, struct auditlog_tail *tail, struct err *err)
{
	struct stat st;
	int rc;

	for (;;) {
		if (fstat(a->fd, &st) < 0)
			return err_errno(err, errno, "look at %s", a->path);
		if (auditlog_tail_read(a->fd, a->path, (uint64_t)st.st_size, tail, err) < 0) {
			buf_free(&tail->torn);
			return -1;
		}
		if (!tail->whole_bytes && end_of_closed(a, &tail->last, err) < 0) {
			buf_free(&tail->torn);
			return -1;
		}
		if (!tail->torn.len) {
			buf_free(&tail->torn);
			break;
		}
		rc = mend(a, tail, err);
		buf_free(&tail->torn);
		if (rc < 0)
			return -1;
	}
	a->dev = st.st_dev;
	a->ino = st.st_ino;
	a->size = st.st_size;
	return 0;
}

/* Behind which line the next one comes. */
static int find_end(struct auditlog *a, struct err *err)
{
	struct auditlog_tail tail = { 0 };
	char start[64];
	ssize_t n;

	if (read_end(a, &tail, err) < 0)
		return -1;
	a->last = tail.last;
	if (tail.changed)
		add_note(a, "line %llu is not what was written", (unsigned long long)tail.last.number);
	if (a->anchor.number > a->last.number) {
		add_note(a, "lines %llu to %llu are missing: the cluster's state knows line %llu",
			 (unsigned long long)a->last.number + 1, (unsigned long long)a->anchor.number,
			 (unsigned long long)a->anchor.number);
		a->last = a->anchor;
	}
	n = pread(a->fd, start, sizeof(start), 0);
	a->first = n > 0 ? auditlog_number_of(start, (size_t)n) : 0;
	return 0;
}

/* With the lock held: audit.log is open, and where its end is is known. */
static int catch_up(struct auditlog *a, struct err *err)
{
	struct stat st;

	if (a->fd >= 0 && stat(a->path, &st) == 0 && st.st_dev == a->dev && st.st_ino == a->ino && st.st_size == a->size)
		return 0;
	forget_file(a);
	a->fd = open(a->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (a->fd < 0 || give_to_owner(a, a->fd) < 0 || fstat(a->fd, &st) < 0)
		return err_errno(err, errno, "open %s", a->path);
	if (!S_ISREG(st.st_mode)) {
		forget_file(a);
		return err_set(err, ERR_REFUSED, "%s is not a regular file", a->path);
	}
	/* A new file: without its name on the disk a power cut would take the lines with it. */
	if ((st.st_size == 0 && (make_readable(a->fd, a->path, err) < 0 || fs_sync_parent(a->path, err) < 0)) ||
	    find_end(a, err) < 0) {
		forget_file(a);
		return -1;
	}
	return 0;
}

/* A segment that is long enough gets its name for good. */
static int close_segment(struct auditlog *a, struct err *err)
{
	autofree char *path = NULL;

	if ((uint64_t)a->size < a->segment_bytes || !a->first)
		return 0;
	path = str_format("%s/audit-%012llu.log", a->dir, (unsigned long long)a->first);
	if (ftruncate(a->fd, a->size) < 0) /* what was reserved behind its end */
		return err_errno(err, errno, "end %s", a->path);
	if (renameat2(AT_FDCWD, a->path, AT_FDCWD, path, RENAME_NOREPLACE) < 0) {
		if (errno != EEXIST)
			return err_errno(err, errno, "rename %s to %s", a->path, path);
		log_warn("audit", "%s goes on growing: there is a %s already", a->path, path);
		return 0;
	}
	forget_file(a);
	return catch_up(a, err);
}

/* All or nothing: what can't be made durable is taken away again. */
static int append(struct auditlog *a, const struct audit_entry *e, const char *at, struct err *err)
{
	autoclean(buf_free) struct buf line = { 0 };
	char hash[DIGEST_HEX_LEN];

	audit_line_print(e, a->last.number + 1, at, a->last.hash, &line, hash);
	if (e->phase == AUDIT_BEGIN && fallocate(a->fd, FALLOC_FL_KEEP_SIZE, a->size, (off_t)line.len + RESERVE) < 0 &&
	    errno != EOPNOTSUPP && errno != ENOSYS)
		return err_errno(err, errno, "write %s", a->path);
	if (fs_write_all(a->fd, a->path, line.data, line.len, err) < 0 || fdatasync(a->fd) < 0) {
		if (err->kind == ERR_NONE)
			err_errno(err, errno, "write %s", a->path);
		if (ftruncate(a->fd, a->size) < 0)
			forget_file(a); /* the next write looks what there is */
		return -1;
	}
	a->size += (off_t)line.len;
	a->last.number++;
	memcpy(a->last.hash, hash, sizeof(hash));
	if (!a->first)
		a->first = a->last.number;
	return 0;
}

static int write_late(struct auditlog *a, struct err *err)
{
	while (a->n_late) {
		struct late *l = &a->late[0];

		l->entry.text = l->text;
		if (append(a, &l->entry, l->at, err) < 0)
			return -1;
		free(l->text);
		memmove(l, l + 1, --a->n_late * sizeof(*l));
	}
	return 0;
}

static int write_now(struct auditlog *a, const struct audit_entry *e, struct err *err)
{
	autoclose int lock = -1;
	char now[CLOCK_UTC_LEN];

	clock_utc(clock_wall_s(), now);
	if (fs_mkdirs(a->dir, 0755, err) < 0)
		return -1;
	lock = take_lock(a, err);
	if (lock < 0 || catch_up(a, err) < 0 || write_late(a, err) < 0 || close_segment(a, err) < 0)
		return -1;
	return append(a, e, e->at ? e->at : now, err);
}

int auditlog_write(struct auditlog *a, const struct audit_entry *e, uint64_t *number, struct err *err)
{
	struct err why = { 0 };
	int rc;

	pthread_mutex_lock(&a->mutex);
	rc = write_now(a, e, &why);
	if (rc == 0 && number)
		*number = a->last.number;
	if (rc < 0 && e->phase == AUDIT_END)
		add_late(a, e);
	pthread_mutex_unlock(&a->mutex);
	if (rc == 0)
		return 0;
	if (e->phase == AUDIT_END) {
		log_err("audit", "the end of what was done is written later", &why);
		return 0;
	}
	err_set(err, ERR_REFUSED, "nothing is done that can't be written into the audit log: %s", why.text);
	return err_hint(err, "put that right (room on the file system of %s, its mode and owner), then do it again", a->dir);
}

int auditlog_newest(struct auditlog *a, struct audit_anchor *out, struct err *err)
{
	struct stat st;
	int rc = 0;

	pthread_mutex_lock(&a->mutex);
	*out = a->last;
	/* What is not there needs no lock to be looked at. */
	if (stat(a->path, &st) == 0 && (a->fd < 0 || st.st_dev != a->dev || st.st_ino != a->ino || st.st_size != a->size)) {
		autoclose int lock = take_lock(a, err);

		rc = lock < 0 ? -1 : catch_up(a, err);
		*out = a->last;
	}
	pthread_mutex_unlock(&a->mutex);
	return rc;
}
