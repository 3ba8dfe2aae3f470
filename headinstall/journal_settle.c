/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of all that was said of one name: what it was is what was said first, what it is now, what was said last. */
#include "headinstall/journal_priv.h"

#include "base/mem.h"

#include <string.h>

static int by_path(const void *a, const void *b)
{
	const struct head_path *x = a, *y = b;
	int c = strcmp(x->path, y->path);

	return c ? c : x->order < y->order ? -1 : 1;
}

static int by_package(const void *a, const void *b)
{
	const struct head_pkg *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : x->order < y->order ? -1 : 1;
}

static int by_setting(const void *a, const void *b)
{
	const struct head_setting *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : x->order < y->order ? -1 : 1;
}

static int by_step(const void *a, const void *b)
{
	const struct head_event *x = a, *y = b;
	int c = strcmp(x->step, y->step);

	return c ? c : x->order < y->order ? -1 : 1;
}

static void join_path(struct head_path *into, struct head_path *later)
{
	if (!into->has_was && later->has_was) {
		head_state_copy(&into->was, &later->was);
		into->has_was = true;
	}
	/* What we changed after somebody else had is given back to them. */
	if (later->touched && into->has_now && into->foreign) {
		head_state_copy(&into->was, &into->now);
		into->has_was = true;
	}
	if (later->has_now) {
		head_state_copy(&into->now, &later->now);
		into->has_now = true;
		into->foreign = later->foreign;
	}
	into->own |= later->own;
	into->touched |= later->touched;
	journal_path_clear(later);
}

static void settle_paths(struct head_journal *j)
{
	size_t n = 0;

	if (j->n_paths)
		qsort(j->paths, j->n_paths, sizeof(*j->paths), by_path);
	for (size_t i = 0; i < j->n_paths; i++) {
		if (n && str_eq(j->paths[n - 1].path, j->paths[i].path))
			join_path(&j->paths[n - 1], &j->paths[i]);
		else
			j->paths[n++] = j->paths[i];
	}
	j->n_paths = n;
	for (size_t i = 0; i < n; i++)
		j->paths[i].order = i;
}

/* What somebody else installed or removed since is theirs, and how it was: `later` may be `into` itself. */
static void join_package(struct head_pkg *into, struct head_pkg *later)
{
	if (!later->has_now)
		return;
	into->has_now = !later->foreign;
	into->now_there = later->now_there;
	into->now_auto = later->now_auto;
	if (into->has_now)
		return;
	into->foreign = false;
	into->was_there = into->now_there;
	into->was_auto = into->now_auto;
	if (into == later)
		return;
	free(into->version);
	into->version = later->version;
	later->version = NULL;
}

static void settle_packages(struct head_journal *j)
{
	size_t n = 0;

	if (j->n_packages)
		qsort(j->packages, j->n_packages, sizeof(*j->packages), by_package);
	for (size_t i = 0; i < j->n_packages; i++) {
		struct head_pkg *p = &j->packages[i];

		if (!n || !str_eq(j->packages[n - 1].name, p->name)) {
			join_package(p, p);
			j->packages[n++] = *p;
			continue;
		}
		join_package(&j->packages[n - 1], p);
		journal_package_clear(p);
	}
	j->n_packages = n;
	for (size_t i = 0; i < n; i++)
		j->packages[i].order = i;
}

/* What it was is what was said first, unless they are joined otherwise. */
static void settle_settings(struct head_setting *list, size_t *len, void (*join)(struct head_setting *, struct head_setting *))
{
	size_t n = 0;

	if (*len)
		qsort(list, *len, sizeof(*list), by_setting);
	for (size_t i = 0; i < *len; i++) {
		if (!n || !str_eq(list[n - 1].name, list[i].name)) {
			list[n++] = list[i];
			continue;
		}
		if (join)
			join(&list[n - 1], &list[i]);
		free(list[i].name);
		free(list[i].value);
	}
	*len = n;
	for (size_t i = 0; i < n; i++)
		list[i].order = i;
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(list, word); at; at = strstr(at + 1, word))
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

/* Of an interface all addresses that it was given; with "" all of it was taken away again. */
static void join_link(struct head_setting *into, struct head_setting *later)
{
	char *save = NULL, *word;

	if (!*into->value || !*later->value) {
		free(into->value);
		into->value = later->value;
		later->value = NULL;
		return;
	}
	(void)strtok_r(later->value, " ", &save); /* up or down: as it was first */
	while ((word = strtok_r(NULL, " ", &save))) {
		char *longer = has_word(into->value, word) ? NULL : str_format("%s %s", into->value, word);

		if (!longer)
			continue;
		free(into->value);
		into->value = longer;
	}
}

void head_journal_settle(struct head_journal *j)
{
	size_t n = 0;

	settle_paths(j);
	settle_packages(j);
	settle_settings(j->units, &j->n_units, NULL);
	settle_settings(j->settings, &j->n_settings, NULL);
	settle_settings(j->links, &j->n_links, join_link);
	if (j->n_steps)
		qsort(j->steps, j->n_steps, sizeof(*j->steps), by_step);
	for (size_t i = 0; i < j->n_steps; i++) {
		if (n && str_eq(j->steps[n - 1].step, j->steps[i].step)) {
			j->steps[n - 1].done = j->steps[i].done;
			j->steps[n - 1].seen = j->steps[i].seen;
			free(j->steps[i].step);
		} else {
			j->steps[n++] = j->steps[i];
		}
	}
	j->n_steps = n;
	for (size_t i = 0; i < n; i++)
		j->steps[i].order = i;
}
