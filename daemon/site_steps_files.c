/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/site_steps.h"

#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/text_diff.h"

#include <stdlib.h>
#include <string.h>

#define ONE_BY_ONE 8 /* so many files of nodes are shown each for itself */

static const char *action_of(const struct site_file *f)
{
	return !f->before ? "make" : !f->after ? "remove" : "change";
}

/* "(2 lines more, 1 less)" */
static char *lines_text(size_t added, size_t removed)
{
	if (added && removed)
		return str_format(" (%zu line%s added, %zu removed)", added, added == 1 ? "" : "s", removed);
	return added ? str_format(" (%zu line%s added)", added, added == 1 ? "" : "s")
		     : str_format(" (%zu line%s removed)", removed, removed == 1 ? "" : "s");
}

/* It is no reason to refuse: doing it says what is in its way, and it is tried again. */
static void say_unread(const struct site_file *f, struct plan *plan)
{
	autofree char *name = str_format("file:%s", f->path);
	const struct site_step about = { .path = mem_strdup(f->path), .action = "change", .files = 1 };

	site_step_add(plan, SITE_STEP_FILE, name, &about,
		      f->after ? "write %s (what is there now can't be read: %s)"
			       : "remove what is nobody's any more from %s (it can't be read now: %s)",
		      f->path, f->unread);
}

static void say_file(const struct site_file *f, bool diff, struct plan *plan)
{
	autofree char *name = str_format("file:%s", f->path);
	autoclean(buf_free) struct buf text = { 0 };
	autofree char *lines = NULL;
	struct text_diff n;
	struct site_step about = { .action = action_of(f), .files = 1 };

	text_diff(f->path, f->before, f->after, &n, diff ? &text : NULL);
	about.path = mem_strdup(f->path);
	about.diff = diff ? buf_steal(&text) : NULL;
	about.added = n.added;
	about.removed = n.removed;
	lines = f->after ? lines_text(n.added, n.removed) : mem_strdup("");
	site_step_add(plan, SITE_STEP_FILE, name, &about, "%s %s%s", about.action, f->path, lines);
}

/* Files of nodes that are alike, as one step: what each of them is follows from its node. */
static int say_node_files(const struct site_facts *f, const char *action, bool diff, struct plan *plan, struct err *err)
{
	autoclean(nodeset_free) struct nodeset nodes = { 0 };
	autoclean(buf_free) struct buf text = { 0 }, folded = { 0 };
	autofree char *name = str_format("file:nodes:%s", action), *dir = NULL;
	struct site_step about = { .action = action };

	for (size_t i = 0; i < f->n_files; i++) {
		const struct site_file *x = &f->files[i];
		struct text_diff n;

		if (x->kind != SITE_FILE_NODE || x->unread || !str_eq(action_of(x), action))
			continue;
		text_diff(x->path, x->before, x->after, &n, diff ? &text : NULL);
		about.files++;
		about.added += n.added;
		about.removed += n.removed;
		if (x->node && nodeset_add(&nodes, x->node, err) < 0)
			return -1;
		free(dir);
		dir = mem_strndup(x->path, (size_t)(strrchr(x->path, '/') - x->path));
	}
	if (!about.files)
		return 0;
	nodeset_fold(&nodes, &folded);
	about.path = mem_strdup(dir);
	about.diff = diff ? buf_steal(&text) : NULL;
	about.nodes = folded.len ? mem_strdup(buf_str(&folded)) : NULL;
	site_step_add(plan, SITE_STEP_FILE, name, &about, "%s %zu files in %s%s%s", action, about.files, dir,
		      folded.len ? ", what these find at their next network boot: " : "", buf_str(&folded));
	return 0;
}

int site_steps_files(const struct site_facts *f, bool diff, struct plan *plan, struct err *err)
{
	static const char *const actions[] = { "make", "change", "remove" };
	size_t nodes = 0;

	for (size_t i = 0; i < f->n_files; i++)
		nodes += f->files[i].kind == SITE_FILE_NODE;
	for (size_t i = 0; i < f->n_files; i++)
		if (f->files[i].unread)
			say_unread(&f->files[i], plan);
		else if (f->files[i].kind != SITE_FILE_NODE || nodes <= ONE_BY_ONE)
			say_file(&f->files[i], diff, plan);
	for (size_t i = 0; nodes > ONE_BY_ONE && i < ARRAY_LEN(actions); i++)
		if (say_node_files(f, actions[i], diff, plan, err) < 0)
			return -1;
	return 0;
}
