/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/journal.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_MAX ((size_t)16 << 20)

struct state {
	char *step;
	enum plan_event last;
};

struct journal {
	char *path;
	int fd;
	bool broken;
	char plan[DIGEST_HEX_LEN];
	struct state *states;
	size_t len, cap;
};

/* The names of enum plan_event by number, for json_enum(). */
static const char *const *event_names(const char *names[PLAN_UNDONE + 2])
{
	for (int ev = PLAN_BEGIN; ev <= PLAN_UNDONE; ev++)
		names[ev] = plan_event_name((enum plan_event)ev);
	names[PLAN_UNDONE + 1] = NULL;
	return names;
}

static struct state *find(const struct journal *j, const char *step)
{
	for (size_t i = 0; i < j->len; i++)
		if (str_eq(j->states[i].step, step))
			return &j->states[i];
	return NULL;
}

static void remember(struct journal *j, const char *step, enum plan_event ev)
{
	struct state *s = find(j, step);

	if (!s) {
		j->states = mem_room(j->states, j->len, &j->cap, sizeof(*j->states));
		s = &j->states[j->len++];
		s->step = mem_strdup(step);
	}
	s->last = ev;
}

static int read_line(struct journal *j, const char *line, size_t len, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *plan = NULL, *step = NULL, *at = NULL, *error = NULL;
	const char *names[PLAN_UNDONE + 2];
	struct json_obj o;
	int ev = 0;

	if (json_parse(line, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_str(&o, "plan", JSON_MUST, &plan, err) < 0 || json_str(&o, "step", JSON_MUST, &step, err) < 0 ||
	    json_enum(&o, "event", JSON_MUST, event_names(names), &ev, err) < 0 || json_str(&o, "at", JSON_MUST, &at, err) < 0 ||
	    json_str(&o, "error", JSON_MAY, &error, err) < 0 || json_obj_end(&o, err) < 0)
		return -1;
	if (str_eq(plan, j->plan))
		remember(j, step, (enum plan_event)ev);
	return 0;
}

/* Read every line; *good is the length of what may stay in the file. */
static int read_all(struct journal *j, const struct buf *text, size_t *good, struct err *err)
{
	size_t at = 0;

	for (size_t n = 1; at < text->len; n++) {
		const char *line = text->data + at, *end = memchr(line, '\n', text->len - at);
		size_t len = end ? (size_t)(end - line) : text->len - at;
		bool last = !end || at + len + 1 == text->len;

		if (!end || read_line(j, line, len, err) < 0) {
			/* The end of the file is where a power cut tears. */
			if (last)
				break;
			err_set(err, ERR_DAMAGED, "journal %s: line %zu is damaged", j->path, n);
			return err_hint(err, "move the file away to begin the plan anew, after a look at what was done");
		}
		at += len + 1;
	}
	*good = at;
	return 0;
}

static int sync_dir(const char *path, struct err *err)
{
	autofree char *copy = mem_strdup(path);
	autoclose int fd = fs_open_dir(dirname(copy), err);

	if (fd < 0)
		return -1;
	return fsync(fd) < 0 ? err_errno(err, errno, "fsync the directory of %s", path) : 0;
}

static int load(struct journal *j, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct stat st;
	size_t good = 0;

	j->fd = open(j->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (j->fd < 0)
		return err_errno(err, errno, "open journal %s", j->path);
	if (flock(j->fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return err_set(err, ERR_CONFLICT, "journal %s is in use by another process", j->path);
		return err_errno(err, errno, "lock journal %s", j->path);
	}
	if (fs_read_fd(j->fd, j->path, JOURNAL_MAX, &text, err) < 0 || read_all(j, &text, &good, err) < 0)
		return -1;
	if (fstat(j->fd, &st) < 0)
		return err_errno(err, errno, "stat journal %s", j->path);
	if ((size_t)st.st_size > good && (ftruncate(j->fd, (off_t)good) < 0 || fsync(j->fd) < 0))
		return err_errno(err, errno, "cut the torn end off journal %s", j->path);
	return st.st_size == 0 ? sync_dir(j->path, err) : 0;
}

int journal_open(const char *path, const struct digest *plan, struct journal **out, struct err *err)
{
	autoclean(journal_close) struct journal *j = mem_zalloc(sizeof(*j));

	j->fd = -1;
	j->path = mem_strdup(path);
	digest_hex(plan, j->plan);
	if (load(j, err) < 0)
		return -1;
	*out = steal(j);
	return 0;
}

void journal_close(struct journal **j)
{
	struct journal *gone = *j;

	*j = NULL;
	if (!gone)
		return;
	for (size_t i = 0; i < gone->len; i++)
		free(gone->states[i].step);
	free(gone->states);
	free(gone->path);
	if (gone->fd >= 0)
		close(gone->fd);
	free(gone);
}

int journal_note(struct journal *j, const struct plan_step *step, enum plan_event ev, const struct err *cause, struct err *err)
{
	autoclean(buf_free) struct buf line = { 0 };
	char now[CLOCK_UTC_LEN];
	struct json_out w;

	if (ev == PLAN_SKIPPED)
		return 0;
	if (j->broken)
		return err_set(err, ERR_FAILED, "journal %s could not be written before", j->path);
	clock_utc(clock_wall_s(), now);
	json_out_init(&w, &line, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "plan", j->plan);
	json_put_str(&w, "step", step->name);
	json_put_str(&w, "event", plan_event_name(ev));
	json_put_str(&w, "at", now);
	if (cause)
		json_put_str(&w, "error", cause->text);
	json_end_obj(&w);
	buf_addc(&line, '\n');
	j->broken = true;
	if (fs_write_all(j->fd, j->path, line.data, line.len, err) < 0)
		return err_wrap(err, "journal");
	if (fdatasync(j->fd) < 0)
		return err_errno(err, errno, "journal: fsync %s", j->path);
	j->broken = false;
	remember(j, step->name, ev);
	return 0;
}

bool journal_was_done(const struct journal *j, const struct plan_step *step)
{
	const struct state *s = find(j, step->name);

	return s && s->last == PLAN_DONE;
}

bool journal_was_begun(const struct journal *j, const struct plan_step *step)
{
	const struct state *s = find(j, step->name);

	return s && (s->last == PLAN_BEGIN || s->last == PLAN_FAILED);
}
