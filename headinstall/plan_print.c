/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/plan.h"

#include "base/mem.h"

#include <string.h>

static void print_indented(const char *text, struct buf *out)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		buf_addf(out, "        %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

void head_plan_print(const struct plan *plan, struct buf *out)
{
	for (size_t i = 0; i < plan->len; i++) {
		const struct plan_step *step = &plan->steps[i];
		const struct head_step *s = step->arg;
		autofree char *text = str_printable(step->text, strlen(step->text));

		buf_addf(out, "%3zu %c %s\n", i + 1, step->effect == PLAN_DESTROYS ? '!' : ' ', text);
		for (size_t k = 0; k < s->n_writes; k++)
			if (s->writes[k].diff)
				print_indented(s->writes[k].diff, out);
	}
}

static void put_diffs(const struct head_step *s, struct json_out *w)
{
	autoclean(buf_free) struct buf all = { 0 };

	for (size_t k = 0; k < s->n_writes; k++)
		if (s->writes[k].diff)
			buf_adds(&all, s->writes[k].diff);
	if (all.len)
		json_put_str(w, "diff", buf_str(&all));
}

void head_plan_json(const struct plan *plan, struct json_out *w)
{
	json_put_obj(w, NULL);
	json_put_arr(w, "steps");
	for (size_t i = 0; i < plan->len; i++) {
		const struct plan_step *step = &plan->steps[i];
		const struct head_step *s = step->arg;

		json_put_obj(w, NULL);
		json_put_str(w, "id", step->name);
		json_put_str(w, "text", step->text);
		json_put_arr(w, "files");
		for (size_t k = 0; k < s->n_writes; k++)
			json_put_str(w, NULL, s->writes[k].path);
		for (size_t k = 0; k < s->paths.len; k++)
			json_put_str(w, NULL, s->paths.items[k]);
		json_end_arr(w);
		put_diffs(s, w);
		json_put_bool(w, "destructive", step->effect == PLAN_DESTROYS);
		json_end_obj(w);
	}
	json_end_arr(w);
	json_end_obj(w);
}

size_t head_plan_changes(const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->len; i++)
		n += plan->steps[i].effect != PLAN_READS;
	return n;
}
