/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Own addresses that nodes got with a site: written down, so that taking it back gives them what they had, wherever that was. */
#include "base/mem.h"
#include "daemon/site_history.h"

#include <string.h>

#define DOC_MAX ((size_t)500 << 10) /* below what a document may have */

/* One node's own addresses: "10.1.0.5", "fd00::5"; "" for none. */
struct own {
	char four[ADDR4_LEN], six[ADDR6_LEN];
};

static struct own own_of(const struct node *n)
{
	struct own o = { 0 };

	if (n->addr4)
		addr4_print(n->addr4, o.four);
	if (n->has6)
		addr6_print(&n->addr6, o.six);
	return o;
}

static bool same(const struct own *a, const struct own *b)
{
	return str_eq(a->four, b->four) && str_eq(a->six, b->six);
}

static void put_own(struct json_out *w, const char *key, const struct own *o)
{
	json_put_obj(w, key);
	json_put_str(w, "ipv4", o->four);
	json_put_str(w, "ipv6", o->six);
	json_end_obj(w);
}

int site_history_moves(struct change *c, const struct roster *was, const struct roster *is, struct err *err)
{
	autoclean(site_revisions_free) struct site_revisions l = { 0 };
	autoclean(buf_free) struct buf json = { 0 };
	autofree char *name = NULL;
	struct json_out w;
	size_t n = 0;

	if (site_history_list(c->d, &l, err) < 0)
		return -1;
	name = str_format("%012llu", (unsigned long long)(l.len ? l.items[l.len - 1].number : 0) + 1);
	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "moves");
	for (size_t i = 0; i < is->len; i++) {
		struct own before = own_of(&was->nodes[i]), now = own_of(&is->nodes[i]);

		if (same(&before, &now))
			continue;
		json_put_obj(&w, NULL);
		json_put_str(&w, "node", is->nodes[i].name);
		put_own(&w, "was", &before);
		put_own(&w, "is", &now);
		json_end_obj(&w);
		n++;
	}
	json_end_arr(&w);
	json_end_obj(&w);
	/* Of thousands that move at once the old places are not kept: then they are found again by their host numbers. */
	if (n && json.len <= DOC_MAX)
		change_put(c, SITE_MOVES, name, &json);
	else
		change_delete(c, SITE_MOVES, name); /* of a site that was not applied after all */
	return change_commit(c, err);
}

static int read_own(struct json_obj *o, const char *key, struct own *out, struct err *err)
{
	autofree char *four = NULL, *six = NULL;
	struct json_obj a;

	if (json_obj(o, key, JSON_MUST, &a, err) < 0 || json_str(&a, "ipv4", JSON_MUST, &four, err) < 0 ||
	    json_str(&a, "ipv6", JSON_MUST, &six, err) < 0)
		return -1;
	if (strlen(four) >= sizeof(out->four) || strlen(six) >= sizeof(out->six))
		return json_bad(o, key, err, "it is no address");
	memcpy(out->four, four, strlen(four) + 1);
	memcpy(out->six, six, strlen(six) + 1);
	return json_obj_end(&a, err);
}

/* Whoever was given others since keeps those. */
static int move_one(struct json_obj *o, struct roster *roster, struct err *err)
{
	autofree char *name = NULL;
	struct own was, is, now;
	struct node *n;

	if (json_str(o, "node", JSON_MUST, &name, err) < 0 || read_own(o, "was", &was, err) < 0 ||
	    read_own(o, "is", &is, err) < 0 || json_obj_end(o, err) < 0)
		return -1;
	n = roster_find(roster, name);
	if (!n)
		return 0;
	now = own_of(n);
	if (!same(&now, &is))
		return 0;
	n->addr4 = 0;
	n->has6 = was.six[0] != '\0';
	return (was.four[0] && addr4_read(was.four, &n->addr4, err) < 0) || (n->has6 && addr6_read(was.six, &n->addr6, err) < 0)
		       ? -1
		       : 0;
}

static int read_moves(struct json_obj *o, void *to, struct err *err)
{
	struct json_arr a;

	if (json_arr(o, "moves", JSON_MUST, &a, err) < 0)
		return -1;
	for (size_t i = 0; i < a.len; i++) {
		struct json_obj move;

		if (json_arr_obj(&a, i, &move, err) < 0 || move_one(&move, to, err) < 0)
			return -1;
	}
	return json_obj_end(o, err);
}

int site_history_move_back(struct daemon *d, uint64_t to, struct roster *roster, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	autoclean(site_revisions_free) struct site_revisions l = { 0 };

	if (state_list(d->state, SITE_MOVES "/", &docs, err) < 0 || site_history_list(d, &l, err) < 0)
		return -1;
	for (size_t i = docs.len; i-- > 0;) {
		uint64_t number;

		if (str_to_u64(docs.items[i].key + strlen(SITE_MOVES "/"), 0, UINT64_MAX, &number, err) < 0)
			return -1;
		if (number <= to || !l.len || number > l.items[l.len - 1].number)
			continue;
		if (json_read(docs.items[i].value, strlen(docs.items[i].value), read_moves, roster, err) < 0)
			return err_wrap(err, "document %s", docs.items[i].key);
	}
	return 0;
}
