/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/journal_priv.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

static const char *const types[] = { "absent", "file", "directory", "link", "other", NULL };

void head_state_clear(struct head_state *s)
{
	free(s->target);
	*s = (struct head_state){ 0 };
}

void head_state_copy(struct head_state *to, const struct head_state *from)
{
	char *target = from->target ? mem_strdup(from->target) : NULL;

	free(to->target);
	*to = *from;
	to->target = target;
}

bool head_state_same(const struct head_state *a, const struct head_state *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == HEAD_ABSENT)
		return true;
	if (a->uid != b->uid || a->gid != b->gid)
		return false;
	if (a->type == HEAD_LINK)
		return str_eq(a->target, b->target);
	if (a->mode != b->mode)
		return false;
	if (a->type != HEAD_REGULAR)
		return true;
	if (a->digest[0] && b->digest[0])
		return str_eq(a->digest, b->digest);
	return a->size_bytes == b->size_bytes && a->mtime_s == b->mtime_s;
}

static void settings_free(struct head_setting *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(s[i].name);
		free(s[i].value);
	}
	free(s);
}

void journal_path_clear(struct head_path *p)
{
	free(p->path);
	head_state_clear(&p->was);
	head_state_clear(&p->now);
}

void journal_package_clear(struct head_pkg *p)
{
	free(p->name);
	free(p->version);
}

void journal_array_clear(struct head_array *a)
{
	free(a->fs);
	free(a->seed);
	free(a->md_uuid);
	free(a->fs_uuid);
	str_list_free(&a->disks);
	*a = (struct head_array){ 0 };
}

void head_journal_free(struct head_journal *j)
{
	for (size_t i = 0; i < j->n_paths; i++)
		journal_path_clear(&j->paths[i]);
	free(j->paths);
	for (size_t i = 0; i < j->n_packages; i++)
		journal_package_clear(&j->packages[i]);
	free(j->packages);
	settings_free(j->units, j->n_units);
	settings_free(j->settings, j->n_settings);
	settings_free(j->links, j->n_links);
	for (size_t i = 0; i < j->n_steps; i++)
		free(j->steps[i].step);
	free(j->steps);
	str_list_free(&j->accounts);
	str_list_free(&j->others);
	str_list_free(&j->kept);
	journal_array_clear(&j->array);
	*j = (struct head_journal){ 0 };
}

/* Paths are joined to a root and written to: none leads elsewhere. */
static int check_path(const struct json_obj *o, const char *path, struct err *err)
{
	const char *at = path;

	if (path[0] != '/' || !path[1])
		return json_bad(o, "path", err, "'%.80s' is no absolute path", path);
	while (*at) {
		size_t len = strcspn(++at, "/");

		if (len == 0 || (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
			return json_bad(o, "path", err, "'%.80s' is no plain path", path);
		at += len;
	}
	return 0;
}

static int check_digest(const struct json_obj *o, const char *digest, struct head_state *s, struct err *err)
{
	if (strlen(digest) != DIGEST_HEX_LEN - 1 || strspn(digest, "0123456789abcdef") != DIGEST_HEX_LEN - 1)
		return json_bad(o, "digest", err, "it is no SHA-256");
	memcpy(s->digest, digest, DIGEST_HEX_LEN);
	return 0;
}

/* 1: there, 0: not, -1. */
static int read_state(struct json_obj *parent, const char *key, struct head_state *s, struct err *err)
{
	autofree char *digest = NULL;
	uint64_t mode = 0, uid = 0, gid = 0;
	struct json_obj o;
	int type = HEAD_ABSENT, rc = json_obj(parent, key, JSON_MAY, &o, err);

	if (rc <= 0)
		return rc;
	if (json_enum(&o, "type", JSON_MUST, types, &type, err) < 0 || json_u64(&o, "mode", JSON_MAY, 0, 07777, &mode, err) < 0 ||
	    json_u64(&o, "uid", JSON_MAY, 0, UINT32_MAX, &uid, err) < 0 ||
	    json_u64(&o, "gid", JSON_MAY, 0, UINT32_MAX, &gid, err) < 0 ||
	    json_u64(&o, "size", JSON_MAY, 0, INT64_MAX, &s->size_bytes, err) < 0 ||
	    json_u64(&o, "mtime", JSON_MAY, 0, INT64_MAX, &s->mtime_s, err) < 0 ||
	    json_bool(&o, "kept", JSON_MAY, &s->kept, err) < 0 || json_str(&o, "digest", JSON_MAY, &digest, err) < 0 ||
	    json_str(&o, "target", JSON_MAY, &s->target, err) < 0)
		return -1;
	s->type = (enum head_type)type;
	s->mode = (uint32_t)mode;
	s->uid = (uint32_t)uid;
	s->gid = (uint32_t)gid;
	if (digest && check_digest(&o, digest, s, err) < 0)
		return -1;
	if ((s->type == HEAD_LINK) != (s->target != NULL) || (s->kept && !s->digest[0]))
		return json_bad(&o, "type", err, "it does not fit the rest");
	return json_obj_end(&o, err) < 0 ? -1 : 1;
}

static int read_path(struct json_obj *o, struct head_journal *j, struct err *err)
{
	struct head_path *p;
	int was, now;

	j->paths = mem_room(j->paths, j->n_paths, &j->cap_paths, sizeof(*j->paths));
	p = &j->paths[j->n_paths];
	*p = (struct head_path){ .order = j->n_paths };
	j->n_paths++;
	if (json_str(o, "path", JSON_MUST, &p->path, err) < 0 || check_path(o, p->path, err) < 0 ||
	    json_bool(o, "own", JSON_MAY, &p->own, err) < 0 || json_bool(o, "foreign", JSON_MAY, &p->foreign, err) < 0 ||
	    (was = read_state(o, "was", &p->was, err)) < 0 || (now = read_state(o, "now", &p->now, err)) < 0)
		return -1;
	p->has_was = was > 0;
	p->has_now = now > 0;
	p->touched = p->has_now && !p->foreign;
	return 0;
}

static int read_package(struct json_obj *o, struct head_journal *j, struct err *err)
{
	struct head_pkg *p;

	j->packages = mem_room(j->packages, j->n_packages, &j->cap_packages, sizeof(*j->packages));
	p = &j->packages[j->n_packages];
	*p = (struct head_pkg){ .order = j->n_packages };
	j->n_packages++;
	if (json_str(o, "name", JSON_MUST, &p->name, err) < 0 || json_str(o, "version", JSON_MAY, &p->version, err) < 0 ||
	    json_bool(o, "foreign", JSON_MAY, &p->foreign, err) < 0 || json_bool(o, "was", JSON_MAY, &p->was_there, err) < 0 ||
	    json_bool(o, "was_auto", JSON_MAY, &p->was_auto, err) < 0)
		return -1;
	p->has_now = json_has(o, "now");
	return json_bool(o, "now", JSON_MAY, &p->now_there, err) < 0 ? -1 : json_bool(o, "now_auto", JSON_MAY, &p->now_auto, err);
}

static int read_setting(struct json_obj *o, struct head_setting **list, size_t *n, size_t *cap, struct err *err)
{
	struct head_setting *s;

	*list = mem_room(*list, *n, cap, sizeof(**list));
	s = &(*list)[*n];
	*s = (struct head_setting){ .order = *n };
	(*n)++;
	return json_str(o, "name", JSON_MUST, &s->name, err) < 0 ? -1 : json_str(o, "was", JSON_MUST, &s->value, err);
}

static int read_step(struct json_obj *o, struct head_journal *j, struct err *err)
{
	autofree char *at = NULL;
	struct head_event *e;

	j->steps = mem_room(j->steps, j->n_steps, &j->cap_steps, sizeof(*j->steps));
	e = &j->steps[j->n_steps];
	*e = (struct head_event){ .order = j->n_steps };
	j->n_steps++;
	return json_str(o, "step", JSON_MUST, &e->step, err) < 0 || json_bool(o, "done", JSON_MUST, &e->done, err) < 0 ||
			       json_bool(o, "seen", JSON_MAY, &e->seen, err) < 0 || json_str(o, "at", JSON_MAY, &at, err) < 0
		       ? -1
		       : 0;
}

/* This and what follows is not cut back: it is taken only when nothing can be wrong with the line any more. */
static int read_account(struct json_obj *o, struct head_journal *j, struct err *err)
{
	autofree char *name = NULL;
	struct str_list *list;
	bool foreign = false;

	if (json_str(o, "name", JSON_MUST, &name, err) < 0 || json_bool(o, "foreign", JSON_MAY, &foreign, err) < 0 ||
	    json_obj_end(o, err) < 0)
		return -1;
	list = foreign ? &j->others : &j->accounts;
	if (!str_list_has(list, name))
		str_list_add(list, name);
	return 0;
}

static int read_kept(struct json_obj *o, struct head_journal *j, struct err *err)
{
	autofree char *what = NULL;

	if (json_str(o, "what", JSON_MUST, &what, err) < 0 || json_obj_end(o, err) < 0)
		return -1;
	if (!str_list_has(&j->kept, what))
		str_list_add(&j->kept, what);
	return 0;
}

/* Of the words here some become arguments of programs: none is an option, a path or a line of its own. */
static int check_word(const struct json_obj *o, const char *key, const char *word, size_t len, struct err *err)
{
	if (*word && *word != '-' && strlen(word) == len &&
	    strspn(word, "0123456789abcdefghijklmnopqrstuvwxyz:-") == strlen(word))
		return 0;
	return json_bad(o, key, err, "'%.60s' is none", word);
}

static int read_array(struct json_obj *o, struct head_journal *j, struct err *err)
{
	autoclean(journal_array_clear) struct head_array a = { .there = true };

	if (json_u64(o, "level", JSON_MUST, 0, 10, &a.level, err) < 0 || json_str(o, "fs", JSON_MUST, &a.fs, err) < 0 ||
	    json_str(o, "seed", JSON_MUST, &a.seed, err) < 0 || json_str(o, "md", JSON_MUST, &a.md_uuid, err) < 0 ||
	    json_str(o, "uuid", JSON_MUST, &a.fs_uuid, err) < 0 || json_strs(o, "disks", JSON_MUST, &a.disks, err) < 0 ||
	    check_word(o, "fs", a.fs, strlen(a.fs), err) < 0 || check_word(o, "seed", a.seed, 32, err) < 0 ||
	    check_word(o, "md", a.md_uuid, HEAD_ARRAY_MD_LEN, err) < 0 ||
	    check_word(o, "uuid", a.fs_uuid, HEAD_ARRAY_FS_LEN, err) < 0 || json_obj_end(o, err) < 0)
		return -1;
	journal_array_clear(&j->array);
	j->array = a;
	a = (struct head_array){ 0 };
	return 0;
}

enum record { REC_PATH, REC_PACKAGE, REC_UNIT, REC_SETTING, REC_LINK, REC_ARRAY, REC_ACCOUNT, REC_KEPT, REC_STEP, REC_COMPLETE };

static int read_kind(struct json_obj *o, enum record kind, struct head_journal *j, struct err *err)
{
	switch (kind) {
	case REC_PATH:
		return read_path(o, j, err);
	case REC_PACKAGE:
		return read_package(o, j, err);
	case REC_UNIT:
		return read_setting(o, &j->units, &j->n_units, &j->cap_units, err);
	case REC_SETTING:
		return read_setting(o, &j->settings, &j->n_settings, &j->cap_settings, err);
	case REC_LINK:
		return read_setting(o, &j->links, &j->n_links, &j->cap_links, err);
	case REC_ARRAY:
		return read_array(o, j, err);
	case REC_ACCOUNT:
		return read_account(o, j, err);
	case REC_KEPT:
		return read_kept(o, j, err);
	case REC_STEP:
		return read_step(o, j, err);
	case REC_COMPLETE:
		if (json_obj_end(o, err) < 0)
			return -1;
		j->complete = true;
		return 0;
	}
	return err_set(err, ERR_DAMAGED, "it is of no known kind");
}

static int read_record(struct json_obj *o, void *out, struct err *err)
{
	static const char *const kinds[] = { "path",	"package", "unit", "setting",  "link", "array",
					     "account", "kept",	   "step", "complete", NULL };
	int kind = 0;

	if (json_enum(o, "record", JSON_MUST, kinds, &kind, err) < 0 || read_kind(o, (enum record)kind, out, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

/* What a line that is not whole had begun goes again. */
static void cut_back(struct head_journal *j, const struct head_journal *to)
{
	while (j->n_paths > to->n_paths)
		journal_path_clear(&j->paths[--j->n_paths]);
	while (j->n_packages > to->n_packages)
		journal_package_clear(&j->packages[--j->n_packages]);
	while (j->n_steps > to->n_steps)
		free(j->steps[--j->n_steps].step);
	for (; j->n_units > to->n_units; j->n_units--) {
		free(j->units[j->n_units - 1].name);
		free(j->units[j->n_units - 1].value);
	}
	for (; j->n_settings > to->n_settings; j->n_settings--) {
		free(j->settings[j->n_settings - 1].name);
		free(j->settings[j->n_settings - 1].value);
	}
	for (; j->n_links > to->n_links; j->n_links--) {
		free(j->links[j->n_links - 1].name);
		free(j->links[j->n_links - 1].value);
	}
}

int head_journal_read(const char *text, size_t len, struct head_journal *j, size_t *good, struct err *err)
{
	size_t at = 0;

	for (size_t n = 1; at < len; n++) {
		const char *line = text + at, *end = memchr(line, '\n', len - at);
		size_t length = end ? (size_t)(end - line) : len - at;
		struct head_journal before = *j;

		if (!end) /* torn by a kill: nobody was told that it is there */
			break;
		if (json_read(line, length, read_record, j, err) < 0) {
			cut_back(j, &before);
			if (at + length + 1 == len)
				break;
			err->kind = ERR_DAMAGED;
			return err_wrap(err, "line %zu", n);
		}
		at += length + 1;
	}
	*good = at;
	return 0;
}
