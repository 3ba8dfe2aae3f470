/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images that are not to be cast for a while: documents "cast-stop/NAME/ID", since orthrusd may be started anew at any time, and
 * whoever stopped a cast at night must not find it going again. What is left of them goes with the last order of the image. */
#include "base/json.h"
#include "base/mem.h"
#include "base/plan.h"
#include "daemon/cast_priv.h"
#include "daemon/change.h"
#include "daemon/roster.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <string.h>

#define STOPS "cast-stop"
#define MODE_OFF "cast.mode of site.json"

struct stop {
	char *by, *at;
};

static void stop_free(struct stop *s)
{
	free(s->by);
	free(s->at);
}

static int read_stop(struct json_obj *o, void *out, struct err *err)
{
	struct stop *s = out;

	if (json_str(o, "by", JSON_MUST, &s->by, err) < 0 || json_str(o, "at", JSON_MUST, &s->at, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

static void put_stop(struct change *c, const char *ref, const char *who)
{
	autoclean(buf_free) struct buf json = { 0 };
	char at[CLOCK_UTC_LEN];
	struct json_out w;

	clock_utc(clock_wall_s(), at);
	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "by", who);
	json_put_str(&w, "at", at);
	json_end_obj(&w);
	change_put(c, STOPS, ref, &json);
}

int cast_check_stopped(const struct casts *cs, const char *name, const char *id, struct err *err)
{
	autofree char *key = str_format(STOPS "/%s/%s", name, id);
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autoclean(stop_free) struct stop s = { 0 };
	struct err why = { 0 };

	if (state_get(cs->d->state, key, &doc, &why) < 0)
		return 0;
	if (json_read(doc.value, strlen(doc.value), read_stop, &s, &why) < 0)
		log_err("cast", key, &why);
	return err_set(err, ERR_REFUSED, "its cast was stopped by %s, until `orthrus cast resume %s`", s.by ? s.by : "somebody",
		       name);
}

/* Is image "NAME/ID" meant by "NAME/ID", "NAME" or NULL? */
static bool is_called(const char *ref, const char *which)
{
	size_t len = which ? strlen(which) : 0;

	return !which || str_eq(ref, which) || (strncmp(ref, which, len) == 0 && ref[len] == '/');
}

/* Those that nodes are to install, each once. */
static int ordered_images(struct daemon *d, const char *which, struct str_list *out, struct err *err)
{
	autoclean(roster_free) struct roster roster = { 0 };

	if (roster_load(d, &roster, err) < 0)
		return -1;
	for (size_t i = 0; i < roster.len; i++) {
		autoclean(run_free) struct run r = { 0 };

		if (daemon_run(d, roster.nodes[i].name, &r, err) < 0)
			return -1;
		if ((r.state == RUN_ORDERED || r.state == RUN_INSTALLING) && r.image && is_called(r.image, which) &&
		    !str_list_has(out, r.image))
			str_list_add(out, r.image);
	}
	return 0;
}

static int stopped_images(struct daemon *d, const char *which, struct str_list *out, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };

	if (state_list(d->state, STOPS "/", &docs, err) < 0)
		return -1;
	for (size_t i = 0; i < docs.len; i++)
		if (is_called(docs.items[i].key + strlen(STOPS "/"), which))
			str_list_add(out, docs.items[i].key + strlen(STOPS "/"));
	return 0;
}

/* --- stop --- */

/* Returns how many run. */
static size_t end_casts(struct casts *cs, const char *which, bool only_plan, const char *who, struct plan *plan)
{
	size_t n = 0;

	pthread_mutex_lock(&cs->lock);
	for (struct cast *c = cs->list; c; c = c->link) {
		autofree char *ref = str_format("%s/%s", c->name, c->id), *step = str_format("cast:%s", ref);

		if (!cast_is_live(c) || !is_called(ref, which))
			continue;
		n++;
		if (plan)
			plan_add(plan, 0, PLAN_WRITES, step,
				 str_format("%s the cast of %s: its nodes get the rest over HTTPS", only_plan ? "end" : "ended",
					    ref),
				 NULL, NULL);
		if (only_plan)
			continue;
		c->ended_by = mem_strdup(who);
		cast_close(c);
	}
	pthread_mutex_unlock(&cs->lock);
	return n;
}

static void stop_image(struct change *c, const char *ref, bool only_plan, const char *who, struct plan *plan)
{
	autofree char *step = str_format("no-cast:%s", ref);

	plan_add(plan, 1, PLAN_WRITES, step,
		 str_format("%s no cast of %s until no node is ordered to install it any more, or `orthrus cast resume %s`",
			    only_plan ? "begin" : "there is", ref, ref),
		 NULL, NULL);
	put_stop(c, ref, who);
	change_event(c, EVENT_INFO, "cast-stopped", NULL,
		     "%s stopped the cast of %s: nodes get it over HTTPS until none is ordered to install it, or `orthrus cast "
		     "resume`",
		     who, ref);
}

int casts_end(struct casts *cs, const char *which, bool only_plan, const char *who, struct plan *plan, struct err *err)
{
	autoclean(str_list_free) struct str_list ordered = { 0 }, stopped = { 0 };
	autoclean(change_end) struct change c = { 0 };
	size_t n;

	change_begin(&c, cs->d);
	if (ordered_images(cs->d, which, &ordered, err) < 0 || stopped_images(cs->d, which, &stopped, err) < 0)
		return -1;
	/* First what hurts now; nobody begins another while the change is under way. */
	n = end_casts(cs, which, only_plan, who, plan);
	if (which && !n && !ordered.len && !stopped.len) {
		err_set(err, ERR_NOT_FOUND, "no image %s is cast now, nor ordered to be installed", which);
		return err_hint(err, "`orthrus cast status` lists what is");
	}
	for (size_t i = 0; i < ordered.len; i++)
		if (!str_list_has(&stopped, ordered.items[i]))
			stop_image(&c, ordered.items[i], only_plan, who, plan);
	if (only_plan || change_commit(&c, err) == 0)
		return 0;
	return err_wrap(err, "what was cast ends, but may begin again");
}

/* --- go on --- */

int casts_resume(struct casts *cs, const char *which, bool only_plan, const char *who, struct plan *plan, struct err *err)
{
	autoclean(str_list_free) struct str_list stopped = { 0 };
	autoclean(change_end) struct change c = { 0 };

	change_begin(&c, cs->d);
	if (stopped_images(cs->d, which, &stopped, err) < 0)
		return -1;
	if (which && !stopped.len) {
		err_set(err, ERR_NOT_FOUND, "no cast of an image %s is stopped", which);
		return err_hint(err, "`orthrus cast status` lists what is");
	}
	for (size_t i = 0; i < stopped.len; i++) {
		const char *ref = stopped.items[i];
		autofree char *step = str_format("cast:%s", ref);

		plan_add(plan, 0, PLAN_WRITES, step,
			 str_format("%s may be cast again, to nodes that ask for it from now on", ref), NULL, NULL);
		change_delete(&c, STOPS, ref);
		change_event(&c, EVENT_INFO, "cast-resumed", NULL, "%s lets %s be cast again", who, ref);
	}
	return only_plan ? 0 : change_commit(&c, err);
}

/* What was stopped and nobody is to install any more. */
static int forget_stops(struct casts *cs, struct err *err)
{
	autoclean(str_list_free) struct str_list ordered = { 0 }, stopped = { 0 };
	autoclean(change_end) struct change c = { 0 };

	if (stopped_images(cs->d, NULL, &stopped, err) < 0)
		return -1;
	if (!stopped.len)
		return 0;
	change_begin(&c, cs->d);
	if (ordered_images(cs->d, NULL, &ordered, err) < 0)
		return -1;
	for (size_t i = 0; i < stopped.len; i++) {
		if (str_list_has(&ordered, stopped.items[i]))
			continue;
		change_delete(&c, STOPS, stopped.items[i]);
		change_event(&c, EVENT_INFO, "cast-resumed", NULL,
			     "no node is ordered to install %s any more: it is cast again the next time", stopped.items[i]);
	}
	return change_commit(&c, err);
}

void casts_follow(struct casts *cs, const struct site *site)
{
	struct err err = { 0 };

	if (!site->cast.on)
		end_casts(cs, NULL, false, MODE_OFF, NULL);
	if (forget_stops(cs, &err) < 0)
		log_err("cast", "forget what was stopped", &err);
}

void cast_print_stopped(struct casts *cs, struct json_out *w)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	struct err err = { 0 };

	if (state_list(cs->d->state, STOPS "/", &docs, &err) < 0)
		log_err("cast", "list what is stopped", &err);
	json_put_arr(w, "stopped");
	for (size_t i = 0; i < docs.len; i++) {
		autoclean(stop_free) struct stop s = { 0 };

		if (json_read(docs.items[i].value, strlen(docs.items[i].value), read_stop, &s, &err) < 0)
			log_err("cast", docs.items[i].key, &err);
		json_put_obj(w, NULL);
		json_put_str(w, "image", docs.items[i].key + strlen(STOPS "/"));
		json_put_str(w, "by", s.by);
		json_put_str(w, "at", s.at);
		json_end_obj(w);
	}
	json_end_arr(w);
}
