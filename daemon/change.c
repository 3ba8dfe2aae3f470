/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/change.h"

#include "base/mem.h"
#include "daemon/hooks.h"
#include "daemon/reconcile.h"
#include "sys/clock.h"
#include "sys/http_server.h"
#include "sys/log.h"

#include <stdio.h>
#include <string.h>

#define EVENT_TEXT_MAX 1000

void change_begin(struct change *c, struct daemon *d)
{
	*c = (struct change){ .d = d };
	pthread_mutex_lock(&d->change_lock);
}

void change_release(struct change *c)
{
	if (c->d && !c->released)
		pthread_mutex_unlock(&c->d->change_lock);
	c->released = true;
}

void change_end(struct change *c)
{
	change_release(c);
	free(c->ops);
	str_list_free(&c->text);
	str_list_free(&c->topics);
	str_list_free(&c->said);
}

/* The list's strings stay where they are when it grows: only the array of pointers moves. */
static const char *keep(struct change *c, const char *s)
{
	str_list_add(&c->text, s);
	return c->text.items[c->text.len - 1];
}

static void add_op(struct change *c, const char *key, const char *value)
{
	c->ops = mem_room(c->ops, c->n_ops, &c->cap_ops, sizeof(*c->ops));
	c->ops[c->n_ops++] =
		(struct state_op){ .key = keep(c, key), .value = value ? keep(c, value) : NULL, .expect = STATE_ANY };
}

static void touched(struct change *c, const char *prefix, const char *name)
{
	if ((str_eq(prefix, "run") || str_eq(prefix, "order") || str_eq(prefix, "node") || str_eq(prefix, "pend")) &&
	    !str_list_has(&c->topics, name))
		str_list_add(&c->topics, name);
}

void change_put_key(struct change *c, const char *key, const struct buf *json)
{
	add_op(c, key, buf_str(json));
}

void change_put(struct change *c, const char *prefix, const char *name, const struct buf *json)
{
	autofree char *key = str_format("%s/%s", prefix, name);

	add_op(c, key, buf_str(json));
	touched(c, prefix, name);
}

void change_delete(struct change *c, const char *prefix, const char *name)
{
	autofree char *key = str_format("%s/%s", prefix, name);

	add_op(c, key, NULL);
	touched(c, prefix, name);
}

void change_node(struct change *c, const struct node *n)
{
	autoclean(buf_free) struct buf json = { 0 };
	struct json_out w;

	json_out_init(&w, &json, false);
	node_print(n, &w);
	change_put(c, "node", n->name, &json);
}

void change_run(struct change *c, const char *node, const struct run *r)
{
	autoclean(buf_free) struct buf json = { 0 };
	struct json_out w;

	json_out_init(&w, &json, false);
	run_print(r, &w);
	change_put(c, "run", node, &json);
}

static const char *level_name(enum event_level level)
{
	static const char *const names[] = { [EVENT_INFO] = "info", [EVENT_WARNING] = "warning", [EVENT_ERROR] = "error" };

	return names[level];
}

__attribute__((format(printf, 5, 0))) static void add_event(struct change *c, enum event_level level, const char *kind,
							    const char *node, const char *fmt, va_list ap)
{
	uint64_t n = atomic_load(&c->d->last_event) + ++c->n_events;
	autoclean(buf_free) struct buf json = { 0 };
	char text[EVENT_TEXT_MAX], at[CLOCK_UTC_LEN], name[24];
	struct json_out w;

	vsnprintf(text, sizeof(text), fmt, ap);
	clock_utc(clock_wall_s(), at);
	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "number", n);
	json_put_str(&w, "at", at);
	json_put_str(&w, "level", level_name(level));
	json_put_str(&w, "kind", kind);
	json_put_str(&w, "node", node);
	json_put_str(&w, "text", text);
	json_end_obj(&w);
	snprintf(name, sizeof(name), "%012llu", (unsigned long long)n);
	change_put(c, "event", name, &json);
	if (n > EVENTS_KEPT) {
		snprintf(name, sizeof(name), "%012llu", (unsigned long long)(n - EVENTS_KEPT));
		change_delete(c, "event", name);
	}
	str_list_addf(&c->said, "%c%s%s%s", level == EVENT_INFO ? 'i' : 'w', node ? node : "", node ? ": " : "", text);
}

/* Only what was written happened: a plan says nothing in the log. */
static void log_events(struct change *c)
{
	for (size_t i = 0; i < c->said.len; i++)
		if (c->said.items[i][0] == 'i')
			log_info("event", "%s", c->said.items[i] + 1);
		else
			log_warn("event", "%s", c->said.items[i] + 1);
	str_list_free(&c->said);
}

void change_event(struct change *c, enum event_level level, const char *kind, const char *node, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_event(c, level, kind, node, fmt, ap);
	va_end(ap);
}

void change_drop(struct change *c)
{
	c->n_ops = 0;
	c->n_events = 0;
	str_list_free(&c->text);
	str_list_free(&c->topics);
	str_list_free(&c->said);
}

static int commit(struct change *c, struct err *err)
{
	int rc;

	if (!c->n_ops)
		return 0;
	for (size_t i = 0; i < c->n_ops; i++)
		if (str_starts(c->ops[i].key, "node/"))
			c->d->macs.fresh = false;
	rc = state_write(c->d->state, c->ops, c->n_ops, NULL, err);
	for (size_t i = 0; i < c->n_ops && rc == 0; i++)
		waiting_follow(c->d, c->ops[i].key, c->ops[i].value);
	if (rc < 0) {
		c->d->waiting.fresh = false;
		str_list_free(&c->said);
		err_wrap(err, "write the cluster's state");
	}
	log_events(c);
	/* A write that failed may still be there, or come yet: nobody else's event gets its number, and those who wait look. */
	atomic_fetch_add(&c->d->last_event, c->n_events);
	c->n_ops = 0;
	c->n_events = 0;
	hooks_wake(c->d->hooks);
	if (!c->d->http)
		return rc;
	/* Progress is not an event, but those who watch want to look again. */
	http_server_wake(c->d->http, "events");
	for (size_t i = 0; i < c->topics.len; i++)
		http_server_wake(c->d->http, c->topics.items[i]);
	return rc;
}

int change_commit(struct change *c, struct err *err)
{
	if (commit(c, err) == 0)
		return 0;
	if (c->d->reconcile)
		reconcile_kick(c->d->reconcile, false);
	return -1;
}

void event_note(struct daemon *d, enum event_level level, const char *kind, const char *node, const char *fmt, ...)
{
	autoclean(change_end) struct change c = { 0 };
	struct err err = { 0 };
	va_list ap;

	change_begin(&c, d);
	va_start(ap, fmt);
	add_event(&c, level, kind, node, fmt, ap);
	va_end(ap);
	/* Nothing on the machine follows from an event; and the reconciler, which writes some, would wake itself for ever. */
	if (commit(&c, &err) < 0)
		log_err("event", "write an event", &err);
}

int event_start(struct daemon *d, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	uint64_t n = 0;

	if (state_list(d->state, "event/", &docs, err) < 0)
		return -1;
	if (docs.len && str_to_u64(docs.items[docs.len - 1].key + strlen("event/"), 0, UINT64_MAX, &n, err) < 0)
		return err_wrap(err, "the newest event");
	atomic_store(&d->last_event, n);
	return 0;
}
