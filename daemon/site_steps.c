/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/site_steps.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void step_free(void *arg)
{
	struct site_step *s = arg;

	free(s->path);
	free(s->diff);
	free(s->nodes);
	free(s);
}

struct plan_step *site_step_add(struct plan *plan, enum site_step_kind kind, const char *name, const struct site_step *about,
				const char *fmt, ...)
{
	struct site_step *arg = NULL;
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	if (about) {
		arg = mem_zalloc(sizeof(*arg));
		*arg = *about;
	}
	return plan_add(plan, (int)kind, PLAN_WRITES, name, text, arg, arg ? step_free : NULL);
}

void site_facts_free(struct site_facts *f)
{
	for (size_t i = 0; i < f->n_files; i++) {
		free(f->files[i].path);
		free(f->files[i].node);
		free(f->files[i].before);
		free(f->files[i].after);
		free(f->files[i].unread);
	}
	for (size_t i = 0; i < f->n_wishes; i++) {
		free(f->wishes[i].node);
		free(f->wishes[i].group);
		free(f->wishes[i].before);
		free(f->wishes[i].after);
	}
	free(f->files);
	free(f->wishes);
}

/* Does a step of the site's values begin like one of these? */
static bool touches(const struct plan *plan, const char *const *starts, size_t n)
{
	for (size_t i = 0; i < plan->len; i++) {
		const char *what = strchr(plan->steps[i].name, ':');

		if (plan->steps[i].type != SITE_STEP_VALUE || !what)
			continue;
		for (size_t k = 0; k < n; k++)
			if (str_starts(what + 1, starts[k]))
				return true;
	}
	return false;
}

/* Of a new or changed image nothing is there yet. */
static void say_images(const struct site_facts *f, struct plan *plan)
{
	for (size_t i = 0; i < f->site->n_images; i++) {
		const char *name = f->site->images[i].name;
		autofree char *start = str_format("image %s", name), *member = str_format("image %s:", name);
		autofree char *step = str_format("by-hand:image:%s", name);
		bool touched = false;

		for (size_t k = 0; k < plan->len && !touched; k++) {
			const char *what = strchr(plan->steps[k].name, ':');

			touched = plan->steps[k].type == SITE_STEP_VALUE && what &&
				  (str_eq(what + 1, start) || str_starts(what + 1, member));
		}
		if (touched)
			site_step_add(
				plan, SITE_STEP_BYHAND, step, NULL,
				"image %s: build it with `orthrus image build %s`; until then nodes are installed with what the "
				"store has",
				name, name);
	}
}

static void say_by_hand(const struct site_facts *f, struct plan *plan)
{
	static const char *const of_guard[] = { "pair", "head ", "order of heads", "heads", "service address ", "network " };

	if (!f->old)
		return;
	say_images(f, plan);
	if ((f->old->pair.given || f->site->pair.given) && touches(plan, of_guard, ARRAY_LEN(of_guard)))
		site_step_add(plan, SITE_STEP_BYHAND, "by-hand:guard", NULL,
			      "orthrus-guard reads the site file when it starts: put this one on each head and witness, then "
			      "`systemctl restart orthrus-guard` there, one after the other, the head that answers last");
}

int site_steps(const struct site_facts *f, bool diff, struct plan *plan, struct err *err)
{
	if (site_steps_files(f, diff, plan, err) < 0)
		return -1;
	site_steps_services(f, plan);
	if (f->old && site_steps_nodes(f, plan, err) < 0)
		return -1;
	say_by_hand(f, plan);
	return site_steps_dangers(f, plan, err);
}

static const char *kind_name(int kind)
{
	static const char *const names[] = {
		[SITE_STEP_OTHER] = "other",	   [SITE_STEP_VALUE] = "value", [SITE_STEP_ADDRESS] = "address",
		[SITE_STEP_TEMPLATE] = "template", [SITE_STEP_ORDER] = "order", [SITE_STEP_FILE] = "file",
		[SITE_STEP_SERVICE] = "service",   [SITE_STEP_NODES] = "nodes", [SITE_STEP_BYHAND] = "by-hand",
		[SITE_STEP_DANGER] = "danger",
	};

	return kind >= 0 && (size_t)kind < ARRAY_LEN(names) ? names[kind] : names[SITE_STEP_OTHER];
}

static void put_about(const struct site_step *s, struct json_out *w)
{
	const struct {
		const char *key, *value;
	} words[] = { { "path", s->path },   { "action", s->action }, { "service", s->service }, { "clients", s->clients },
		      { "nodes", s->nodes }, { "when", s->when },     { "diff", s->diff } };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].value)
			json_put_str(w, words[i].key, words[i].value);
	if (!s->files)
		return;
	json_put_u64(w, "files", s->files);
	json_put_u64(w, "added", s->added);
	json_put_u64(w, "removed", s->removed);
}

void site_steps_put(const struct plan *plan, struct json_out *w)
{
	struct digest digest;
	char hex[DIGEST_HEX_LEN];

	plan_digest(plan, &digest);
	digest_hex(&digest, hex);
	json_put_str(w, "digest", hex);
	json_put_arr(w, "steps");
	for (size_t i = 0; i < plan->len; i++) {
		const struct plan_step *s = &plan->steps[i];

		json_put_obj(w, NULL);
		json_put_str(w, "name", s->name);
		json_put_str(w, "effect", s->effect == PLAN_DESTROYS ? "destroys" : "writes");
		json_put_str(w, "text", s->text);
		json_put_str(w, "kind", kind_name(s->type));
		if (s->arg)
			put_about(s->arg, w);
		json_end_obj(w);
	}
	json_end_arr(w);
}
