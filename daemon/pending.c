/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/pending.h"

#include "base/mem.h"
#include "sys/clock.h"

#include <string.h>

#define LOOK_AGAIN_NS (300 * NS_PER_S) /* whether some of too many may go by now */

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

static int read_doc(const struct state_doc *doc, struct pending *out, struct err *err)
{
	autoclean(pending_free) struct pending p = { 0 };

	if (json_read(doc->value, strlen(doc->value), read_pending, &p, err) < 0)
		return err_wrap(err, "document %s", doc->key);
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
		return read_doc(&doc, out, err) < 0 ? -1 : 1;
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
	for (; l.len < docs.len; l.len++)
		if (read_doc(&docs.items[l.len], &l.items[l.len], err) < 0)
			return -1;
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

	c->d->pending_full_ns = 0;
	change_delete(c, "pend", name);
}

/* Those that were not heard of for long or were rejected, but for those of `mac`; *kept is how many are left. */
static int drop_old(struct change *c, const char *mac, size_t *kept, size_t *bytes, struct err *err)
{
	autoclean(pendings_free) struct pendings l = { 0 };
	uint64_t now = (uint64_t)clock_wall_s();

	if (pending_list(c->d, &l, err) < 0)
		return -1;
	*kept = *bytes = 0;
	for (size_t i = 0; i < l.len; i++) {
		if ((l.items[i].rejected || l.items[i].seen_s + PENDING_KEPT_S < now) && !str_eq(l.items[i].mac, mac)) {
			pending_delete(c, &l.items[i]);
			continue;
		}
		++*kept;
		*bytes += strlen(l.items[i].machine);
	}
	return 0;
}

/* A thousand machines that are none must not fill the memory, nor one that makes a new key at each start push the others out. */
static int make_room(struct change *c, const struct pending *p, size_t len, struct err *err)
{
	autoclean(pendings_free) struct pendings same = { 0 };
	autofree char *prefix = str_format("pend/%s/", p->mac);
	size_t bytes, n = state_usage(c->d->state, "pend/", &bytes);
	int64_t now = clock_now_ns();

	if (list(c->d, prefix, &same, err) < 0)
		return -1;
	for (size_t i = 0; i + PENDING_KEYS_PER_MAC <= same.len; i++)
		pending_delete(c, &same.items[i]);
	if (n < PENDING_MAX && bytes + len <= PENDING_BYTES_MAX)
		return 0;
	/* To read them all takes seconds, for which everybody else would wait: not for each of those who are too many. */
	if (c->d->pending_full_ns <= now) {
		if (drop_old(c, p->mac, &n, &bytes, err) < 0)
			return -1;
		if (n < PENDING_MAX && bytes + len <= PENDING_BYTES_MAX)
			return 0;
		c->d->pending_full_ns = now + LOOK_AGAIN_NS;
	}
	err_set(err, ERR_REFUSED, "too many machines wait for approval (%zu)", n);
	return err_hint(err, "the administrator must approve or reject some: orthrus node discover");
}

int pending_put(struct change *c, const struct pending *p, struct err *err)
{
	autoclean(buf_free) struct buf json = { 0 };
	autoclean(pending_free) struct pending old = { 0 };
	autofree char *name = name_of(p->mac, &p->key);
	int known = pending_get(c->d, p->mac, &p->key, &old, err);

	if (p->rejected)
		c->d->pending_full_ns = 0;
	print(p, &json);
	if (known < 0 || (!known && make_room(c, p, json.len, err) < 0))
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
