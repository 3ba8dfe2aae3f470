/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Casts: a node's imager asks for its ticket, an administrator looks and ends. */
#include "base/base64.h"
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/cast.h"
#include "daemon/cast_facts.h"
#include "daemon/cast_lines.h"
#include "daemon/change.h"
#include "daemon/ident.h"
#include "sys/clock.h"

#include <string.h>

struct wish {
	char *image, *id;
	bool again;
	struct buf have;
	struct cable cable;
};

static void wish_free(struct wish *w)
{
	free(w->image);
	free(w->id);
	buf_free(&w->have);
}

static int read_wish(const struct http_call *call, struct wish *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *have = NULL;
	struct err why = { 0 };
	struct json_obj o;

	if (api_body(call, &doc, &o, err) < 0 || json_str(&o, "image", JSON_MUST, &out->image, err) < 0 ||
	    json_str(&o, "id", JSON_MUST, &out->id, err) < 0 || json_bool(&o, "again", JSON_MAY, &out->again, err) < 0 ||
	    json_str(&o, "have", JSON_MAY, &have, err) < 0 || cable_read(&o, &out->cable, err) < 0)
		return -1;
	if (have && (base64_read(have, strlen(have), &out->have, &why) < 0 || out->have.len > CAST_HAVE_MAX))
		return json_bad(&o, "have", err, "is no bitmap in Base64");
	return json_obj_end(&o, err);
}

/* Only what it was ordered to install: an image may hold what is for other nodes. */
static int check_order(const char *node, const struct run *r, const struct wish *w, struct err *err)
{
	autofree char *ref = str_format("%s/%s", w->image, w->id);

	if ((r->state == RUN_ORDERED || r->state == RUN_INSTALLING) && str_eq(r->image, ref))
		return 0;
	return err_set(err, ERR_CONFLICT, "%s is not being installed with image %.200s", node, ref);
}

static void put_key(struct json_out *w, const char *name, const uint8_t key[SESSION_KEY])
{
	char hex[2 * SESSION_KEY + 1];

	str_hex(key, SESSION_KEY, hex);
	json_put_str(w, name, hex);
	explicit_bzero(hex, sizeof(hex));
}

static void put_ticket(struct json_out *w, const struct cast_ticket *t)
{
	char layout[DIGEST_HEX_LEN];

	digest_hex(&t->layout, layout);
	json_put_obj(w, "ticket");
	json_put_u64(w, "cast", t->cast);
	json_put_u64(w, "number", t->number);
	json_put_str(w, "group", t->group);
	json_put_u64(w, "port", t->port);
	json_put_str(w, "sender", t->sender);
	json_put_u64(w, "sender_port", t->sender_port);
	if (t->source[0]) {
		json_put_str(w, "source", t->source);
		json_put_u64(w, "source_port", t->port);
	}
	if (t->group2[0]) {
		json_put_str(w, "group2", t->group2);
		json_put_str(w, "sender2", t->sender2);
	}
	if (t->broadcast[0])
		json_put_str(w, "broadcast", t->broadcast);
	json_put_u64(w, "symbol_bytes", t->symbol_bytes);
	put_key(w, "group_key", t->group_key);
	put_key(w, "own_key", t->own_key);
	put_key(w, "sign_public", t->sign_public);
	json_put_str(w, "layout", layout);
	json_put_u64(w, "chunks", t->chunks);
	json_end_obj(w);
}

static void answer(struct http_call *call, enum cast_word word, const struct cast_ticket *t)
{
	struct json_out w;

	json_out_init(&w, http_out(call), false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "state", word == CAST_TICKET ? "ticket" : "none");
	if (word == CAST_TICKET)
		put_ticket(&w, t);
	else
		json_put_str(&w, "reason", t->reason[0] ? t->reason : "its cast does not begin");
	json_end_obj(&w);
}

static void find_switch(struct daemon *d, const char *node, const struct cable *cable, char **name, char **port)
{
	autoclean(machine_free) struct machine m = { 0 };
	struct err none = { 0 };

	if (daemon_machine(d, node, &m, &none) > 0)
		cast_switch_of(&m, cable, name, port);
}

/* Under the change lock from who it is to its ticket: whoever removes it finds it among those that can read the cast. */
static int ask(struct daemon *d, struct http_call *call, struct wish *w, enum cast_word *word, struct cast_ticket *t,
	       struct err *err)
{
	autofree char *node = NULL;
	autoclean(run_free) struct run r = { 0 };
	autoclean(change_end) struct change c = { 0 };
	autofree char *switch_name = NULL, *switch_port = NULL;
	struct cast_ask a = { .name = w->image, .id = w->id, .again = w->again, .have_len = w->have.len, .cable = w->cable };

	change_begin(&c, d);
	if (ident_caller(d, call, &node, &r, err) < 0 || check_order(node, &r, w, err) < 0)
		return -1;
	find_switch(d, node, &w->cable, &switch_name, &switch_port);
	a.switch_name = switch_name;
	a.switch_port = switch_port;
	a.node = node;
	a.from = http_from(call);
	a.have = (const uint8_t *)buf_str(&w->have);
	*word = casts_ask(d->casts, &a, t);
	return 0;
}

int api_imager_cast(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(wish_free) struct wish w = { 0 };
	autofree char *topic = NULL;
	struct cast_ticket t;
	enum cast_word word = CAST_NONE;

	if (read_wish(call, &w, err) < 0 || ask(d, call, &w, &word, &t, err) < 0)
		return -1;
	topic = str_format(CAST_TOPIC "%.100s/%.100s", w.image, w.id);
	if (word == CAST_WAIT && http_wait(call, topic, SESSION_TICKET_S * NS_PER_S))
		return 0;
	answer(call, word, &t);
	explicit_bzero(&t, sizeof(t));
	return 0;
}

int api_casts(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	struct json_out w;

	(void)err;
	json_out_init(&w, http_out(call), true);
	casts_print(d->casts, &w);
	return 0;
}

/* Of both: which, and only to see what would be? */
typedef int casts_change(struct casts *cs, const char *which, bool only_plan, const char *who, struct plan *plan,
			 struct err *err);

static int change_casts(struct daemon *d, struct http_call *call, casts_change *change, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autofree char *image = NULL;
	bool only_plan = false;
	struct json_obj o;

	if (api_body(call, &doc, &o, err) < 0 || json_str(&o, "image", JSON_MAY, &image, err) < 0 ||
	    json_bool(&o, "plan", JSON_MAY, &only_plan, err) < 0 || json_obj_end(&o, err) < 0 ||
	    change(d->casts, image, only_plan, http_who(call), &plan, err) < 0)
		return -1;
	api_steps(call, &plan);
	return 0;
}

int api_casts_stop(void *ctx, struct http_call *call, struct err *err)
{
	return change_casts(ctx, call, casts_end, err);
}

int api_casts_resume(void *ctx, struct http_call *call, struct err *err)
{
	return change_casts(ctx, call, casts_resume, err);
}

void api_shut_casts(struct daemon *d, const struct str_list *nodes, struct plan *plan)
{
	size_t n = d->casts ? casts_shut(d->casts, nodes) : 0;

	if (n)
		api_step(plan, "cast", "%zu cast%s that %s could read end%s; the other nodes go on in new ones", n,
			 n == 1 ? "" : "s", nodes->len == 1 ? nodes->items[0] : "they", n == 1 ? "s" : "");
}
