/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The administrator's word about machines that wait: they are not wanted. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/pending.h"

#include <string.h>

#define WRITE_BYTES ((size_t)512 << 10) /* a write of the state is at most 1 MiB */
#define TOLD_ONE_BY_ONE 10		/* more are one event: thousands would push out those that matter */

/* One of the request's, by its fingerprint. */
struct unwanted {
	char *fingerprint;
	bool found;
};
struct rejecting {
	struct change *c;
	struct unwanted *items; /* sorted */
	size_t len, n, bytes;	/* rejected now; of their documents since the last write */
	bool only_plan;
	const char *who;
	struct plan plan;
};

static void rejecting_free(struct rejecting *r)
{
	for (size_t i = 0; i < r->len; i++)
		free(r->items[i].fingerprint);
	free(r->items);
	plan_free(&r->plan);
}

static int by_fingerprint(const void *a, const void *b)
{
	return strcmp(((const struct unwanted *)a)->fingerprint, ((const struct unwanted *)b)->fingerprint);
}

static int read_request(struct http_call *call, struct rejecting *r, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(str_list_free) struct str_list fingerprints = { 0 };
	struct json_obj o;

	if (api_body(call, &doc, &o, err) < 0 || json_bool(&o, "plan", JSON_MAY, &r->only_plan, err) < 0 ||
	    json_strs(&o, "fingerprints", JSON_MUST, &fingerprints, err) < 0 || json_obj_end(&o, err) < 0)
		return -1;
	if (fingerprints.len > PENDING_MAX)
		return json_bad(&o, "fingerprints", err, "has %zu entries; at most %d are rejected at once", fingerprints.len,
				PENDING_MAX);
	r->items = mem_array(fingerprints.len + 1, sizeof(*r->items));
	for (size_t i = 0; i < fingerprints.len; i++)
		r->items[i].fingerprint = fingerprints.items[i];
	qsort(r->items, fingerprints.len, sizeof(*r->items), by_fingerprint);
	/* Twice the same is one. */
	for (size_t i = 0; i < fingerprints.len; i++)
		if (!r->len || by_fingerprint(&r->items[r->len - 1], &r->items[i]) != 0)
			r->items[r->len++] = r->items[i];
	for (size_t i = 0; i < r->len; i++)
		r->items[i].fingerprint = mem_strdup(r->items[i].fingerprint);
	return 0;
}

static struct unwanted *find(const struct rejecting *r, const struct pending *p)
{
	char hex[DIGEST_HEX_LEN];
	struct unwanted key = { .fingerprint = hex };
	struct digest fp;

	node_key_fingerprint(&p->key, &fp);
	digest_hex(&fp, hex);
	return r->len ? bsearch(&key, r->items, r->len, sizeof(*r->items), by_fingerprint) : NULL;
}

/* All of them are there, or nothing is done. */
static int check_there(struct rejecting *r, const struct pendings *l, struct err *err)
{
	for (size_t i = 0; i < l->len; i++) {
		struct unwanted *u = find(r, &l->items[i]);

		if (u)
			u->found = true;
	}
	for (size_t i = 0; i < r->len; i++) {
		if (r->items[i].found)
			continue;
		err_set(err, ERR_NOT_FOUND, "no machine with the fingerprint %.64s waits for approval", r->items[i].fingerprint);
		return err_hint(err, "`orthrus node discover --once` lists those that do");
	}
	return 0;
}

static int write_some(struct rejecting *r, size_t more, struct err *err)
{
	if (r->only_plan || (r->bytes && r->bytes + more <= WRITE_BYTES)) {
		r->bytes += more;
		return 0;
	}
	r->bytes = more;
	return change_commit(r->c, err);
}

static int reject_one(struct rejecting *r, struct pending *p, const char *fingerprint, bool tell, struct err *err)
{
	autofree char *step = str_format("reject:%.16s", fingerprint);
	char words[KEYWORDS_LEN];

	node_key_words(&p->key, words);
	api_step(&r->plan, step, "reject the machine with MAC %s and the key %s: it is told so as long as it asks", p->mac,
		 words);
	if (write_some(r, strlen(p->machine), err) < 0)
		return -1;
	if (tell)
		change_event(r->c, EVENT_INFO, "node-rejected", NULL, "the machine with MAC %s and the key %s was rejected by %s",
			     p->mac, words, r->who);
	p->rejected = true;
	r->n++;
	return r->only_plan ? 0 : pending_put(r->c, p, err);
}

static int reject_all(struct rejecting *r, struct pendings *l, struct err *err)
{
	bool tell = r->len <= TOLD_ONE_BY_ONE;

	/* Under every MAC address that the machine with this key waits with. */
	for (size_t i = 0; i < l->len; i++) {
		const struct unwanted *u = l->items[i].rejected ? NULL : find(r, &l->items[i]);

		if (u && reject_one(r, &l->items[i], u->fingerprint, tell, err) < 0)
			return -1;
	}
	if (r->only_plan)
		return 0;
	if (!tell && r->n)
		change_event(r->c, EVENT_INFO, "node-rejected", NULL, "%zu machines that waited were rejected by %s", r->n,
			     r->who);
	return change_commit(r->c, err);
}

int api_reject(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(rejecting_free) struct rejecting r = { .who = http_who(call) };
	autoclean(pendings_free) struct pendings l = { 0 };
	autoclean(change_end) struct change c = { 0 };

	change_begin(&c, ctx);
	r.c = &c;
	if (read_request(call, &r, err) < 0 || pending_list(ctx, &l, err) < 0 || check_there(&r, &l, err) < 0 ||
	    reject_all(&r, &l, err) < 0)
		return -1;
	api_steps(call, &r.plan);
	return 0;
}
