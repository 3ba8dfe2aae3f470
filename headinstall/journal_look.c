/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of a settled journal: what is said of one name; and the lines that it is made of. */
#include "headinstall/journal.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

#define FIND(list, n, key, want)                                                                                                 \
	__extension__({                                                                                                          \
		size_t low_ = 0, high_ = (n);                                                                                    \
		while (low_ < high_) {                                                                                           \
			size_t mid_ = low_ + (high_ - low_) / 2;                                                                 \
			if (strcmp((list)[mid_].key, (want)) < 0)                                                                \
				low_ = mid_ + 1;                                                                                 \
			else                                                                                                     \
				high_ = mid_;                                                                                    \
		}                                                                                                                \
		low_ < (n) && str_eq((list)[low_].key, (want)) ? &(list)[low_] : NULL;                                           \
	})

const struct head_path *head_journal_path(const struct head_journal *j, const char *path)
{
	return FIND(j->paths, j->n_paths, path, path);
}

const struct head_pkg *head_journal_package(const struct head_journal *j, const char *name)
{
	return FIND(j->packages, j->n_packages, name, name);
}

const char *head_journal_unit(const struct head_journal *j, const char *name)
{
	const struct head_setting *s = FIND(j->units, j->n_units, name, name);

	return s ? s->value : NULL;
}

const char *head_journal_setting(const struct head_journal *j, const char *name)
{
	const struct head_setting *s = FIND(j->settings, j->n_settings, name, name);

	return s ? s->value : NULL;
}

bool head_journal_done(const struct head_journal *j, const char *step)
{
	const struct head_event *e = FIND(j->steps, j->n_steps, step, step);

	return e && e->done;
}

static void begin(struct json_out *w, struct buf *out, const char *record)
{
	json_out_init(w, out, false);
	json_put_obj(w, NULL);
	json_put_str(w, "record", record);
}

static void end(struct json_out *w, struct buf *out)
{
	json_end_obj(w);
	buf_addc(out, '\n');
}

static const char *type_name(enum head_type type)
{
	switch (type) {
	case HEAD_ABSENT:
		return "absent";
	case HEAD_REGULAR:
		return "file";
	case HEAD_DIRECTORY:
		return "directory";
	case HEAD_LINK:
		return "link";
	case HEAD_OTHER:
		return "other";
	}
	return "other";
}

static void put_state(struct json_out *w, const char *key, const struct head_state *s)
{
	json_put_obj(w, key);
	json_put_str(w, "type", type_name(s->type));
	if (s->type != HEAD_ABSENT) {
		json_put_u64(w, "mode", s->mode);
		json_put_u64(w, "uid", s->uid);
		json_put_u64(w, "gid", s->gid);
	}
	if (s->type == HEAD_REGULAR) {
		json_put_u64(w, "size", s->size_bytes);
		json_put_u64(w, "mtime", s->mtime_s);
		if (s->digest[0])
			json_put_str(w, "digest", s->digest);
		if (s->kept)
			json_put_bool(w, "kept", true);
	}
	if (s->type == HEAD_LINK)
		json_put_str(w, "target", s->target);
	json_end_obj(w);
}

void head_line_path(struct buf *out, const struct head_path *p)
{
	struct json_out w;

	begin(&w, out, "path");
	json_put_str(&w, "path", p->path);
	if (p->own)
		json_put_bool(&w, "own", true);
	if (p->foreign)
		json_put_bool(&w, "foreign", true);
	if (p->has_was)
		put_state(&w, "was", &p->was);
	if (p->has_now)
		put_state(&w, "now", &p->now);
	end(&w, out);
}

void head_line_package(struct buf *out, const struct head_pkg *p)
{
	struct json_out w;

	begin(&w, out, "package");
	json_put_str(&w, "name", p->name);
	if (p->version)
		json_put_str(&w, "version", p->version);
	if (p->foreign)
		json_put_bool(&w, "foreign", true);
	json_put_bool(&w, "was", p->was_there);
	json_put_bool(&w, "was_auto", p->was_auto);
	if (p->has_now) {
		json_put_bool(&w, "now", p->now_there);
		json_put_bool(&w, "now_auto", p->now_auto);
	}
	end(&w, out);
}

static void put_setting(struct buf *out, const char *record, const char *name, const char *was)
{
	struct json_out w;

	begin(&w, out, record);
	json_put_str(&w, "name", name);
	json_put_str(&w, "was", was);
	end(&w, out);
}

void head_line_unit(struct buf *out, const char *name, const char *was)
{
	put_setting(out, "unit", name, was);
}

void head_line_setting(struct buf *out, const char *name, const char *was)
{
	put_setting(out, "setting", name, was);
}

void head_line_link(struct buf *out, const char *interface, const char *was)
{
	put_setting(out, "link", interface, was);
}

void head_line_array(struct buf *out, const struct head_array *a)
{
	struct json_out w;

	begin(&w, out, "array");
	json_put_u64(&w, "level", a->level);
	json_put_str(&w, "fs", a->fs);
	json_put_str(&w, "seed", a->seed);
	json_put_str(&w, "md", a->md_uuid);
	json_put_str(&w, "uuid", a->fs_uuid);
	json_put_strs(&w, "disks", &a->disks);
	end(&w, out);
}

void head_line_account(struct buf *out, const char *account, bool foreign)
{
	struct json_out w;

	begin(&w, out, "account");
	json_put_str(&w, "name", account);
	if (foreign)
		json_put_bool(&w, "foreign", true);
	end(&w, out);
}

void head_line_kept(struct buf *out, const char *what)
{
	struct json_out w;

	begin(&w, out, "kept");
	json_put_str(&w, "what", what);
	end(&w, out);
}

void head_line_step(struct buf *out, const struct head_event *e, const char *at)
{
	struct json_out w;

	begin(&w, out, "step");
	json_put_str(&w, "step", e->step);
	json_put_bool(&w, "done", e->done);
	if (e->seen)
		json_put_bool(&w, "seen", true);
	if (at)
		json_put_str(&w, "at", at);
	end(&w, out);
}

void head_line_complete(struct buf *out)
{
	struct json_out w;

	begin(&w, out, "complete");
	end(&w, out);
}
