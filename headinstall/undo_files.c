/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Paths are given back as they were. What is ours was seen before the packages were removed, since their scripts write there too:
 * what these change without need is put back as well. */
#include "base/mem.h"
#include "headinstall/accounts.h"
#include "headinstall/apply_priv.h"
#include "headinstall/paths.h"
#include "headinstall/programs.h"
#include "sys/fs.h"

#include <string.h>
#include <unistd.h>

struct undo {
	struct head_apply *a;
	const struct head_journal *leaving, *now;
	struct str_list *kept, owned; /* owned: by packages of ours that stay */
	bool some_stay;
};

static const struct head_state *state_in(const struct head_journal *j, const char *path)
{
	static const struct head_state absent;
	const struct head_path *p = head_journal_path(j, path);

	return p ? &p->now : &absent;
}

/* `leaving` has the states as what was. */
static const struct head_state *left(const struct undo *u, const char *path)
{
	static const struct head_state absent;
	const struct head_path *p = head_journal_path(u->leaving, path);

	return p ? &p->was : &absent;
}

static bool is_accounts(const char *path, bool *members)
{
	*members = str_eq(path, "/etc/group") || str_eq(path, "/etc/gshadow");
	return *members || str_eq(path, "/etc/passwd") || str_eq(path, "/etc/shadow");
}

static void account_names(const struct head_journal *j, const char *kind, struct str_list *out)
{
	for (size_t i = 0; i < j->accounts.len; i++)
		if (str_starts(j->accounts.items[i], kind))
			str_list_add(out, j->accounts.items[i] + strlen(kind));
}

/* Somebody made users since: ours go line by line. */
static int without_accounts(struct undo *u, const char *path, bool members, const struct head_state *from, struct err *err)
{
	const struct head_record *r = u->a->record;
	autofree char *original = str_format("%s/%s", r->originals, from->digest), *full = apply_place(u->a, path);
	autoclean(str_list_free) struct str_list names = { 0 }, users = { 0 };
	autoclean(buf_free) struct buf is = { 0 }, shall = { 0 };
	bool passwd = str_eq(path, "/etc/passwd") || str_eq(path, "/etc/shadow");

	account_names(&r->j, "passwd:", &users);
	account_names(&r->j, passwd ? "passwd:" : "group:", &names);
	if (fs_read(original, (size_t)16 << 20, &is, err) < 0)
		return err_wrap(err, "the users of this machine");
	head_accounts_without(buf_str(&is), &names, members, &users, &shall);
	if (fs_write_atomic(full, buf_str(&shall), shall.len, from->mode, err) < 0)
		return -1;
	return chown(full, from->uid, from->gid) < 0 ? err_set(err, ERR_FAILED, "give %s its owner", full) : 0;
}

/* What a package that goes has learned while it ran: in a directory that it brought, or that its script made. */
static bool is_its_state(const struct undo *u, const char *path)
{
	if (u->some_stay || (!str_starts(path, "/var/lib/") && !str_starts(path, "/var/spool/")))
		return false;
	for (size_t len = strlen(path); len > 1; len--) {
		autofree char *dir = path[len] == '/' || !path[len] ? mem_strndup(path, len) : NULL;
		const struct head_path *p = dir ? head_journal_path(&u->a->record->j, dir) : NULL;

		if (p && p->touched && (!p->has_was || p->was.type == HEAD_ABSENT))
			return true;
	}
	return false;
}

/* A head that is none starts no guard, whoever wanted it started. */
static bool is_guards(const struct undo *u, const char *path)
{
	const char *was = head_journal_unit(&u->a->record->j, HEAD_GUARD_UNIT);

	return was && str_eq(was, HEAD_UNIT_OFF) && str_eq(path, HEAD_GUARD_WANTS);
}

/* /etc/rc2.d/K01chrony: systemctl(1) has update-rc.d(8) turn it over when we switch a unit on or off that has a script of that
 * name. */
static bool is_units_rc_link(const struct undo *u, const char *path)
{
	const size_t head = strlen("/etc/rc2.d/S01");

	if (!str_starts(path, "/etc/rc") || strlen(path) <= head || strncmp(path + head - 6, ".d/", 3) != 0)
		return false;
	for (size_t i = 0; i < u->a->record->j.n_units; i++) {
		const char *unit = u->a->record->j.units[i].name;
		size_t len = strlen(path + head);

		if (strncmp(unit, path + head, len) == 0 && str_eq(unit + len, ".service"))
			return true;
	}
	return false;
}

/* What a service of somebody else, or a person, writes while packages are removed: their scripts, which are root's, do not. */
static bool is_others_state(const char *path, const struct head_state *n)
{
	if (n->type == HEAD_ABSENT)
		return false;
	return head_accounts_number(n->uid) ||
	       (n->uid != 0 && (str_starts(path, "/var/lib/") || str_starts(path, "/var/spool/")));
}

/* What a path shall be. */
static const struct head_state *target_of(struct undo *u, const char *path)
{
	static const struct head_state absent;
	const struct head_path *p = head_journal_path(&u->a->record->j, path);
	const struct head_state *was = p && p->has_was ? &p->was : &absent, *l = left(u, path), *n = state_in(u->now, path);

	/* Made by orthrusd for programs that are installed here: it leads to what is gone. */
	if (n->type == HEAD_LINK && str_starts(n->target, "/var/lib/orthrus/"))
		return &absent;
	if (is_its_state(u, path) || is_guards(u, path))
		return &absent;
	if (is_units_rc_link(u, path))
		return was;
	if (!p || !p->touched)
		return is_others_state(path, n) ? n : l;
	if (str_list_has(&u->owned, path))
		return n;
	/* Of what a script of a package that stays has made, nobody knows whose it is. */
	if (u->some_stay && !p->own && was->type == HEAD_ABSENT && n->type != HEAD_ABSENT) {
		str_list_addf(u->kept, "%s: it may be of a package that stays", path);
		return n;
	}
	if (!p->foreign && head_state_same(l, &p->now))
		return was;
	if (!head_state_same(l, was))
		str_list_addf(u->kept, "%s: it was changed since it was installed", path);
	return l;
}

/* A script may have removed the directory of what is kept. */
static int make_parents(struct undo *u, const char *path, struct err *err)
{
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		autofree char *dir = mem_strndup(path, (size_t)(slash - path)), *full = apply_place(u->a, dir);

		if (!fs_exists(full) && head_tree_restore(&u->a->record->tree, dir, left(u, dir), err) < 0)
			return -1;
	}
	return 0;
}

static int restore_path(struct undo *u, const char *path, bool removing, struct err *err)
{
	const struct head_path *p = head_journal_path(&u->a->record->j, path);
	const struct head_state *n = state_in(u->now, path), *to;
	struct err why = { 0 };
	bool members;

	if (p && p->touched && is_accounts(path, &members) &&
	    (p->foreign || u->a->record->j.others.len || !head_state_same(left(u, path), &p->now)))
		return removing ? 0 : without_accounts(u, path, members, left(u, path), err);
	to = target_of(u, path);
	if ((to->type == HEAD_ABSENT) != removing || head_state_same(n, to))
		return 0;
	if (!removing && make_parents(u, path, err) < 0)
		return -1;
	if (head_tree_restore(&u->a->record->tree, path, to, &why) == 0)
		return 0;
	if (why.kind == ERR_EXISTS)
		str_list_addf(u->kept, "%s: something is in it that was not installed", path);
	else if (why.kind == ERR_NOT_FOUND && !to->kept)
		str_list_addf(u->kept, "%s: its former content was not kept, since it is long", path);
	else if (why.kind == ERR_NOT_FOUND || why.kind == ERR_DAMAGED)
		str_list_addf(u->kept, "%s: it could not be made what it was: %s", path, why.text);
	else {
		*err = why;
		return -1;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Every path that any of the three knows, each once. */
static void all_paths(const struct undo *u, struct str_list *out)
{
	const struct head_journal *const lists[] = { &u->a->record->j, u->leaving, u->now };
	size_t n = 0;

	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (size_t i = 0; i < lists[l]->n_paths; i++)
			if (head_tree_watched(lists[l]->paths[i].path))
				str_list_add(out, lists[l]->paths[i].path);
	if (!out->len)
		return;
	qsort(out->items, out->len, sizeof(*out->items), by_name);
	for (size_t i = 0; i < out->len; i++) {
		if (n && str_eq(out->items[n - 1], out->items[i]))
			free(out->items[i]);
		else
			out->items[n++] = out->items[i];
	}
	out->len = n;
}

/* Of packages that we installed and that are still there. */
static int find_owned(struct undo *u, struct err *err)
{
	for (size_t i = 0; i < u->a->record->j.n_packages; i++) {
		const struct head_pkg *p = &u->a->record->j.packages[i];
		const struct head_pkg *is = head_journal_package(u->now, p->name);
		autoclean(spawn_result_free) struct spawn_result r = { 0 };

		if (p->was_there || !p->has_now || !p->now_there || !is)
			continue;
		u->some_stay = true;
		if (PROGRAM(u->a->record->root, &r, err, "dpkg-query", "-L", p->name) < 0)
			return -1;
		for (char *at = r.out.data; at && *at;) {
			char *end = strchr(at, '\n');

			if (end)
				*end++ = '\0';
			str_list_add(&u->owned, at);
			at = end;
		}
	}
	return 0;
}

/* One that a kill has left there. */
static void remove_policy(const struct undo *u)
{
	autofree char *full = apply_place(u->a, HEAD_POLICY);
	autoclean(buf_free) struct buf is = { 0 };
	struct err none = { 0 };

	if (fs_read(full, 4096, &is, &none) == 0 && str_eq(buf_str(&is), HEAD_POLICY_TEXT))
		(void)!unlink(full);
}

static int restore_all(struct undo *u, struct err *err)
{
	autoclean(str_list_free) struct str_list paths = { 0 };
	size_t named = u->kept->len;

	all_paths(u, &paths);
	/* What is in a directory goes before it, and comes after it. */
	for (size_t i = paths.len; i-- > 0;)
		if (restore_path(u, paths.items[i], true, err) < 0)
			return -1;
	/* Each is looked at twice, and named once. */
	while (u->kept->len > named) {
		free(u->kept->items[--u->kept->len]);
		u->kept->items[u->kept->len] = NULL;
	}
	for (size_t i = 0; i < paths.len; i++)
		if (restore_path(u, paths.items[i], false, err) < 0)
			return -1;
	return 0;
}

/* Directories that could not go, since something is in them. */
static void name_left(struct undo *u)
{
	for (size_t i = 0; i < u->a->record->j.n_paths; i++) {
		const struct head_path *p = &u->a->record->j.paths[i];
		autofree char *full = apply_place(u->a, p->path);

		if (p->touched && !p->foreign && (!p->has_was || p->was.type == HEAD_ABSENT) && p->now.type == HEAD_DIRECTORY &&
		    fs_exists(full) && !u->some_stay)
			str_list_addf(u->kept, "%s: something is in it that was not installed", p->path);
	}
}

int undo_files(struct head_apply *a, const struct head_journal *leaving, struct str_list *kept, struct err *err)
{
	autoclean(head_journal_free) struct head_journal now = { 0 };
	struct undo u = { .a = a, .leaving = leaving, .now = &now, .kept = kept };
	int rc;

	if (head_tree_look(&a->record->tree, false, &now, err) < 0 || program_packages(a->record->root, &now, err) < 0)
		return -1;
	rc = find_owned(&u, err) < 0 ? -1 : restore_all(&u, err);
	str_list_free(&u.owned);
	if (rc < 0)
		return -1;
	remove_policy(&u);
	name_left(&u);
	return 0;
}
