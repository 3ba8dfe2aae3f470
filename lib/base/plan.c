/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/plan.h"

#include "base/mem.h"

#include <string.h>

struct plan_step *plan_add(struct plan *plan, int type, enum plan_effect effect, const char *name, char *text, void *arg,
			   void (*arg_free)(void *))
{
	struct plan_step *step;

	plan->steps = mem_room(plan->steps, plan->len, &plan->cap, sizeof(*plan->steps));
	step = &plan->steps[plan->len++];
	*step = (struct plan_step){
		.type = type, .effect = effect, .name = mem_strdup(name), .text = text, .arg = arg, .arg_free = arg_free
	};
	return step;
}

void plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->len; i++) {
		struct plan_step *step = &plan->steps[i];

		free(step->name);
		free(step->text);
		if (step->arg_free)
			step->arg_free(step->arg);
	}
	free(plan->steps);
	*plan = (struct plan){ 0 };
}

void plan_digest(const struct plan *plan, struct digest *out)
{
	autoclean(buf_free) struct buf b = { 0 };

	for (size_t i = 0; i < plan->len; i++) {
		const struct plan_step *step = &plan->steps[i];

		/* Lengths keep one step's text from passing for the next one's name. */
		buf_add_u32(&b, (uint32_t)step->type);
		buf_add_u8(&b, (uint8_t)step->effect);
		buf_add_u64(&b, strlen(step->name));
		buf_adds(&b, step->name);
		buf_add_u64(&b, strlen(step->text));
		buf_adds(&b, step->text);
	}
	digest_of(buf_str(&b), b.len, out);
}

void plan_print(const struct plan *plan, struct buf *out)
{
	for (size_t i = 0; i < plan->len; i++) {
		const struct plan_step *step = &plan->steps[i];
		/* Names in it may come from a disk or another machine. */
		autofree char *text = str_printable(step->text, strlen(step->text));

		buf_addf(out, "%3zu %c %s\n", i + 1, step->effect == PLAN_DESTROYS ? '!' : ' ', text);
	}
}

static const char *effect_name(enum plan_effect effect)
{
	switch (effect) {
	case PLAN_READS:
		return "reads";
	case PLAN_WRITES:
		return "writes";
	case PLAN_DESTROYS:
		return "destroys";
	}
	return "unknown";
}

void plan_to_json(const struct plan *plan, struct json_out *w, const char *key)
{
	struct digest digest;
	char hex[DIGEST_HEX_LEN];

	plan_digest(plan, &digest);
	digest_hex(&digest, hex);
	json_put_obj(w, key);
	json_put_str(w, "digest", hex);
	json_put_arr(w, "steps");
	for (size_t i = 0; i < plan->len; i++) {
		json_put_obj(w, NULL);
		json_put_str(w, "name", plan->steps[i].name);
		json_put_str(w, "effect", effect_name(plan->steps[i].effect));
		json_put_str(w, "text", plan->steps[i].text);
		json_end_obj(w);
	}
	json_end_arr(w);
	json_end_obj(w);
}

const char *plan_event_name(enum plan_event ev)
{
	switch (ev) {
	case PLAN_BEGIN:
		return "begin";
	case PLAN_DONE:
		return "done";
	case PLAN_FAILED:
		return "failed";
	case PLAN_SKIPPED:
		return "skipped";
	case PLAN_UNDONE:
		return "undone";
	}
	return "unknown";
}

static int name_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The journal knows steps by their name: of two with one name, the second would pass for done. */
static int check_names(const struct plan *plan, struct err *err)
{
	autofree const char **names = mem_array(plan->len, sizeof(*names));

	for (size_t i = 0; i < plan->len; i++)
		names[i] = plan->steps[i].name;
	qsort(names, plan->len, sizeof(*names), name_cmp);
	for (size_t i = 1; i < plan->len; i++)
		if (str_eq(names[i - 1], names[i]))
			return err_set(err, ERR_INVALID, "two steps of the plan have the name '%s'", names[i]);
	return 0;
}

static int note(const struct plan_ops *ops, void *ctx, const struct plan_step *step, enum plan_event ev, const struct err *cause,
		struct err *err)
{
	return ops->note ? ops->note(ctx, step, ev, cause, err) : 0;
}

static int run_step(const struct plan_step *step, const struct plan_ops *ops, void *ctx, struct err *err)
{
	if (ops->was_done && ops->was_done(ctx, step))
		return note(ops, ctx, step, PLAN_SKIPPED, NULL, err);
	if (note(ops, ctx, step, PLAN_BEGIN, NULL, err) < 0)
		return -1;
	if (ops->perform(ctx, step, err) < 0) {
		struct err unheard = { 0 };

		/* The step's own error is what the reader needs, even when the journal fails as well. */
		(void)!note(ops, ctx, step, PLAN_FAILED, err, &unheard);
		return -1;
	}
	return note(ops, ctx, step, PLAN_DONE, NULL, err);
}

int plan_run(const struct plan *plan, const struct plan_ops *ops, void *ctx, struct err *err)
{
	if (check_names(plan, err) < 0)
		return -1;
	for (size_t i = 0; i < plan->len; i++)
		if (run_step(&plan->steps[i], ops, ctx, err) < 0)
			return err_wrap(err, "%s", plan->steps[i].name);
	return 0;
}

static int undo_step(const struct plan_step *step, const struct plan_ops *ops, void *ctx, struct err *err)
{
	if (!ops->was_done || !ops->was_done(ctx, step))
		return 0;
	if (ops->undo(ctx, step, err) < 0)
		return -1;
	return note(ops, ctx, step, PLAN_UNDONE, NULL, err);
}

int plan_undo(const struct plan *plan, const struct plan_ops *ops, void *ctx, struct err *err)
{
	int rc = 0;

	if (!ops->undo)
		return 0;
	for (size_t i = plan->len; i-- > 0;) {
		struct err later = { 0 };

		if (undo_step(&plan->steps[i], ops, ctx, rc == 0 ? err : &later) < 0 && rc == 0)
			rc = err_wrap(err, "undo %s", plan->steps[i].name);
	}
	return rc;
}
