/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/dash_child.h"

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/loop.h"
#include "sys/spawn.h"

#include <stdatomic.h>
#include <stdlib.h>

#define LIMIT_NS (3600 * NS_PER_S)

struct dash_child {
	struct loop *loop;
	struct str_list words;
	struct dash_child_calls calls;
	atomic_bool stop;
	int status;
	struct err err;
	bool failed;
};

/* It knows nothing of the child, which may be gone when the loop comes to it. */
struct line {
	struct dash_child_calls calls;
	char *text;
};

static void on_line(void *ctx)
{
	struct line *l = ctx;

	l->calls.line(l->calls.ctx, l->text);
	free(l->text);
	free(l);
}

static void child_free(struct dash_child *c)
{
	str_list_free(&c->words);
	free(c);
}

static void on_end(void *ctx)
{
	struct dash_child *c = ctx;

	c->calls.ended(c->calls.ctx, c->status, c->failed ? c->err.text : NULL);
	child_free(c);
}

/* On the helper thread. */
static void heard(void *ctx, bool is_stderr, const char *text)
{
	struct dash_child *c = ctx;
	struct line *l = mem_zalloc(sizeof(*l));

	(void)is_stderr;
	*l = (struct line){ .calls = c->calls, .text = mem_strdup(text) };
	if (loop_post(c->loop, on_line, l))
		return;
	free(l->text);
	free(l);
}

/* Its end is posted as its lines are, or it would overtake them. */
static void work(void *ctx)
{
	struct dash_child *c = ctx;
	const struct spawn s = {
		.argv = (const char *const *)c->words.items, .timeout_ns = LIMIT_NS, .stop = &c->stop, .line = heard, .ctx = c
	};
	struct spawn_result r = { 0 };

	c->failed = spawn_run(&s, &r, &c->err) < 0;
	c->status = r.status;
	spawn_result_free(&r);
	if (!loop_post(c->loop, on_end, c))
		child_free(c);
}

static void done(void *ctx)
{
	(void)ctx;
}

int dash_child_start(struct loop *loop, const struct str_list *words, const struct dash_child_calls *calls,
		     struct dash_child **out, struct err *err)
{
	struct dash_child *c = mem_zalloc(sizeof(*c));

	c->loop = loop;
	c->calls = *calls;
	for (size_t i = 0; i < words->len; i++)
		str_list_add(&c->words, words->items[i]);
	if (loop_work(loop, work, done, c, err) == 0) {
		*out = c;
		return 0;
	}
	child_free(c);
	return -1;
}

void dash_child_stop(struct dash_child *c)
{
	atomic_store(&c->stop, true);
}
