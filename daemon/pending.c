/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/pending.h"

#include "base/mem.h"
#include "sys/clock.h"

#include <string.h>

void pending_free(struct pending *p)
{
	free(p->mac);
	free(p->from);
	free(p->first_seen);
	free(p->last_seen);
	free(p->machine);
	*p = (struct pending){ 0 };
}

void pendings_free(struct pendings *l)
{
	for (size_t i = 0; i < l->len; i++)
		pending_free(&l->items[i]);
	free(l->items);
	*l = (struct pendings){ 0 };
}

static int read_pending(struct json_obj *o, void *pending, struct err *err)
{
	autofree char *spki = NULL, *seal = NULL;
	struct pending *out = pending;

	if (json_str(o, "spki", JSON_MUST, &spki, err) < 0 || json_str(o, "seal", JSON_MUST, &seal, err) < 0 ||
	    str_unhex(spki, out->key.spki.bytes, DIGEST_LEN, err) < 0 || str_unhex(seal, out->key.seal, SEAL_KEY_LEN, err) < 0 ||
	    json_str(o, "mac", JSON_MUST, &out->mac, err) < 0 || json_str(o, "from", JSON_MUST, &out->from, err) < 0 ||
	    json_str(o, "first_seen", JSON_MUST, &out->first_seen, err) < 0 ||
	    json_str(o, "last_seen", JSON_MUST, &out->last_seen, err) < 0 ||
	    json_u64(o, "seen_s", JSON_MUST, 0, UINT64_MAX, &out->seen_s, err) < 0 ||
	    json_bool(o, "rejected", JSON_MUST, &out->rejected, err) < 0 ||
	    json_raw(o, "machine", JSON_MUST, &out->machine, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

int pending_read(const char *key, const char *value, struct pending *out, struct err *err)
{
	autoclean(pending_free) struct pending p = { 0 };

	if (json_read(value, strlen(value), read_pending, &p, err) < 0)
		return err_wrap(err, "document %s", key);
	*out = p;
	p = (struct pending){ 0 };
	return 0;
}

/* "MAC/FINGERPRINT": those of one MAC address are beside each other. The caller frees. */
static char *name_of(const char *mac, const struct node_key *key)
{
	char hex[DIGEST_HEX_LEN];
	struct digest fp;

	node_key_fingerprint(key, &fp);
	digest_hex(&fp, hex);
	return str_format("%s/%s", mac, hex);
}

char *pending_topic(const struct pending *p)
{
	return name_of(p->mac, &p->key);
}

int pending_get(struct daemon *d, const char *mac, const struct node_key *key, struct pending *out, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *name = name_of(mac, key);
	autofree char *where = str_format("pend/%s", name);
	struct err why = { 0 };

	if (state_get(d->state, where, &doc, &why) == 0)
		return pending_read(doc.key, doc.value, out, err) < 0 ? -1 : 1;
	if (why.kind == ERR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

static int by_arrival(const void *a, const void *b)
{
	const struct pending *x = a, *y = b;
	int order = strcmp(x->first_seen, y->first_seen);

	return order ? order : strcmp(x->mac, y->mac);
}

static int list(struct daemon *d, const char *prefix, struct pendings *out, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	autoclean(pendings_free) struct pendings l = { 0 };

	if (state_list(d->state, prefix, &docs, err) < 0)
		return -1;
	l.items = mem_array(docs.len ? docs.len : 1, sizeof(*l.items));
	/* What was read goes: together they are megabytes. */
	for (; l.len < docs.len; l.len++) {
		if (pending_read(docs.items[l.len].key, docs.items[l.len].value, &l.items[l.len], err) < 0)
			return -1;
		state_doc_free(&docs.items[l.len]);
	}
	qsort(l.items, l.len, sizeof(*l.items), by_arrival);
	*out = l;
	l = (struct pendings){ 0 };
	return 0;
}

int pending_list(struct daemon *d, struct pendings *out, struct err *err)
{
	return list(d, "pend/", out, err);
}

struct pending *pendings_find(const struct pendings *l, const char *fingerprint, const struct pending *after)
{
	for (size_t i = after ? (size_t)(after - l->items) + 1 : 0; i < l->len; i++) {
		char hex[DIGEST_HEX_LEN];
		struct digest fp;

		node_key_fingerprint(&l->items[i].key, &fp);
		digest_hex(&fp, hex);
		if (str_eq(hex, fingerprint))
			return &l->items[i];
	}
	return NULL;
}

static void print(const struct pending *p, struct buf *json)
{
	char spki[DIGEST_HEX_LEN], seal[2 * SEAL_KEY_LEN + 1];
	struct json_out w;

	digest_hex(&p->key.spki, spki);
	str_hex(p->key.seal, SEAL_KEY_LEN, seal);
	json_out_init(&w, json, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "spki", spki);
	json_put_str(&w, "seal", seal);
	json_put_str(&w, "mac", p->mac);
	json_put_str(&w, "from", p->from);
	json_put_str(&w, "first_seen", p->first_seen);
	json_put_str(&w, "last_seen", p->last_seen);
	json_put_u64(&w, "seen_s", p->seen_s);
	json_put_bool(&w, "rejected", p->rejected);
	json_put_raw(&w, "machine", p->machine);
	json_end_obj(&w);
}

void pending_delete(struct change *c, const struct pending *p)
{
	autofree char *name = name_of(p->mac, &p->key);

	change_delete(c, "pend", name);
}

/* How many places, and bytes of documents, are taken; or may be. */
struct places {
	size_t n, bytes;
};

/* Who waits, without those that this change lets go. */
struct room {
	struct change *c;
	const struct waiting *w;
	bool *gone; /* one for each of w */
};

static struct places places_of(const struct room *r, const char *source)
{
	struct places sum = { 0 };

	for (size_t i = 0; i < r->w->len; i++) {
		if (r->gone[i] || (source && !str_eq(r->w->items[i].source, source)))
			continue;
		sum.n++;
		sum.bytes += r->w->items[i].bytes;
	}
	return sum;
}

static void let_go(struct room *r, size_t i)
{
	change_delete(r->c, "pend", r->w->items[i].name);
	r->gone[i] = true;
}

static struct places places_for(const char *source)
{
	if (!source)
		return (struct places){ PENDING_MAX, PENDING_BYTES_MAX };
	return strchr(source, ':') ? (struct places){ PENDING_PER_NETWORK, PENDING_NETWORK_BYTES }
				   : (struct places){ PENDING_PER_ADDRESS, PENDING_ADDRESS_BYTES };
}

static bool fits(const struct places *taken, const struct places *max, const struct places *more)
{
	return taken->n + more->n <= max->n && taken->bytes + more->bytes <= max->bytes;
}

/* It may go for others: rejected, or not heard of for long. */
static bool is_old(const struct waiting_one *one, const char *source, const char *own, uint64_t now)
{
	return (one->rejected || one->seen_s + PENDING_KEPT_S < now) && (!source || str_eq(one->source, source)) &&
	       !str_starts(one->name, own);
}

/* Of those that may go the one that was heard of the longest ago; r->w->len: there is none. */
static size_t find_oldest(const struct room *r, const char *source, const char *own, uint64_t now)
{
	size_t oldest = r->w->len;

	for (size_t i = 0; i < r->w->len; i++)
		if (!r->gone[i] && is_old(&r->w->items[i], source, own, now) &&
		    (oldest == r->w->len || r->w->items[i].seen_s < r->w->items[oldest].seen_s))
			oldest = i;
	return oldest;
}

/* Of all (source NULL) or of one source so many go that there is room for `more`, and no more. */
static bool make_room_of(struct room *r, const char *source, const char *own, const struct places *more)
{
	struct places taken = places_of(r, source), max = places_for(source);
	uint64_t now = (uint64_t)clock_wall_s();

	while (!fits(&taken, &max, more)) {
		size_t i = find_oldest(r, source, own, now);

		if (i == r->w->len)
			return false;
		let_go(r, i);
		taken.n--;
		taken.bytes -= r->w->items[i].bytes;
	}
	return true;
}

static int refuse(const char *source, size_t n, struct err *err)
{
	if (source)
		err_set(err, ERR_REFUSED, "too many machines from %s wait for approval (%zu)", source, n);
	else
		err_set(err, ERR_REFUSED, "too many machines wait for approval (%zu)", n);
	return err_hint(
		err, "the administrator must approve some (orthrus node discover), or reject them (orthrus node reject --all)");
}

/* Of the keys that this machine waits with only the newest few stay. */
static int drop_own(struct room *r, const char *own, struct err *err)
{
	autofree char *prefix = str_format("pend/%s", own);
	autoclean(pendings_free) struct pendings same = { 0 };

	if (list(r->c->d, prefix, &same, err) < 0)
		return -1;
	for (size_t i = 0; i + PENDING_KEYS_PER_MAC <= same.len; i++) {
		autofree char *name = pending_topic(&same.items[i]);

		for (size_t k = 0; k < r->w->len; k++)
			if (str_eq(r->w->items[k].name, name))
				let_go(r, k);
	}
	return 0;
}

/* A thousand machines that are none must not fill the memory, nor one address the list, nor one machine that makes a new key at
 * each start push the others out. `old` is the length of the document that is replaced, 0: there is none. */
static int make_room(struct change *c, const struct pending *p, size_t len, size_t old, struct err *err)
{
	autofree char *own = str_format("%s/", p->mac);
	const struct places more = { .n = !old, .bytes = len - old };
	struct room r = { .c = c };
	autofree bool *gone = NULL;
	char source[AUDIT_SOURCE_LEN];

	if (waiting_look(c->d, &r.w, err) < 0)
		return -1;
	r.gone = gone = mem_array(r.w->len + 1, sizeof(*gone));
	if (!old && drop_own(&r, own, err) < 0)
		return -1;
	audit_source(p->from, source);
	if (!make_room_of(&r, source, own, &more))
		return refuse(source, places_of(&r, source).n, err);
	return make_room_of(&r, NULL, own, &more) ? 0 : refuse(NULL, places_of(&r, NULL).n, err);
}

int pending_put(struct change *c, const struct pending *p, struct err *err)
{
	autoclean(buf_free) struct buf json = { 0 };
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *name = name_of(p->mac, &p->key);
	autofree char *key = str_format("pend/%s", name);
	struct err none = { 0 };
	size_t old = 0;

	if (state_get(c->d->state, key, &doc, &none) == 0)
		old = strlen(doc.value);
	else if (none.kind != ERR_NOT_FOUND) {
		*err = none;
		return -1;
	}
	print(p, &json);
	/* The administrator's word is taken in any case: it is a few bytes. */
	if (json.len > old && !p->rejected && make_room(c, p, json.len, old, err) < 0)
		return -1;
	change_put(c, "pend", name, &json);
	return 0;
}

int pending_delete_mac(struct change *c, const char *mac, struct err *err)
{
	autoclean(pendings_free) struct pendings l = { 0 };
	autofree char *prefix = str_format("pend/%s/", mac);

	if (list(c->d, prefix, &l, err) < 0)
		return -1;
	for (size_t i = 0; i < l.len; i++)
		pending_delete(c, &l.items[i]);
	return 0;
}
