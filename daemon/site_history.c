/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/site_history.h"

#include "base/mem.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>

#define CURRENT "site-revision"
#define HISTORY "site-history"
#define TEXT "site-text"
#define TEMPLATES "site-templates"

void site_revision_free(struct site_revision *r)
{
	free(r->at);
	free(r->who);
	free(r->reason);
	*r = (struct site_revision){ 0 };
}

void site_revisions_free(struct site_revisions *l)
{
	for (size_t i = 0; i < l->len; i++)
		site_revision_free(&l->items[i]);
	free(l->items);
	*l = (struct site_revisions){ 0 };
}

void site_revision_put(const struct site_revision *r, struct json_out *w)
{
	json_put_u64(w, "revision", r->number);
	json_put_str(w, "at", r->at);
	json_put_str(w, "who", r->who);
	json_put_str(w, "digest", r->digest);
	json_put_str(w, "reason", r->reason);
	if (r->restores)
		json_put_u64(w, "restores", r->restores);
	json_put_u64(w, "nodes", r->nodes);
}

int site_reason_check(const char *reason, struct err *err)
{
	autofree char *clean = reason ? str_printable(reason, strlen(reason)) : NULL;

	if (!reason || (strlen(reason) <= SITE_REASON_MAX && str_eq(reason, clean)))
		return 0;
	return err_set(err, ERR_INVALID, "the reason is a line of at most %d bytes, without control characters", SITE_REASON_MAX);
}

static int read_revision(struct json_obj *o, void *to, struct err *err)
{
	struct site_revision *r = to;
	autofree char *digest = NULL;

	if (json_u64(o, "revision", JSON_MUST, 1, UINT64_MAX, &r->number, err) < 0 ||
	    json_str(o, "at", JSON_MAY, &r->at, err) < 0 || json_str(o, "who", JSON_MAY, &r->who, err) < 0 ||
	    json_str(o, "digest", JSON_MUST, &digest, err) < 0 || json_str(o, "reason", JSON_MAY, &r->reason, err) < 0 ||
	    json_u64(o, "restores", JSON_MAY, 1, UINT64_MAX, &r->restores, err) < 0 ||
	    json_u64(o, "nodes", JSON_MAY, 0, UINT64_MAX, &r->nodes, err) < 0)
		return -1;
	if (strlen(digest) != DIGEST_HEX_LEN - 1)
		return json_bad(o, "digest", err, "it is none");
	memcpy(r->digest, digest, DIGEST_HEX_LEN);
	return json_obj_end(o, err);
}

/* Keys in the order of their numbers. */
static char *name_of(uint64_t number)
{
	return str_format("%012llu", (unsigned long long)number);
}

static void digest_text(const char *text, char hex[DIGEST_HEX_LEN])
{
	struct digest d;

	digest_of(text, strlen(text), &d);
	digest_hex(&d, hex);
}

/* A site that was applied before there was a history is revision 1 of it. number 0: none is applied. */
static int current(struct daemon *d, struct site_revision *out, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 }, site = { 0 };
	int have = daemon_get(d, CURRENT, &doc, err);

	if (have < 0)
		return -1;
	if (have)
		return json_read(doc.value, strlen(doc.value), read_revision, out, err) < 0 ? err_wrap(err, "document " CURRENT)
											    : 0;
	have = daemon_get(d, "site", &site, err);
	if (have <= 0)
		return have;
	out->number = 1;
	digest_text(site.value, out->digest);
	return 0;
}

int site_history_list(struct daemon *d, struct site_revisions *out, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	struct site_revision now = { 0 };

	if (current(d, &now, err) < 0 || state_list(d->state, HISTORY "/", &docs, err) < 0) {
		site_revision_free(&now);
		return -1;
	}
	out->items = mem_array(docs.len + 1, sizeof(*out->items));
	for (size_t i = 0; i < docs.len; i++) {
		struct site_revision *r = &out->items[out->len++];

		if (json_read(docs.items[i].value, strlen(docs.items[i].value), read_revision, r, err) < 0) {
			site_revision_free(&now);
			return err_wrap(err, "document %s", docs.items[i].key);
		}
		if (r->number == now.number) /* kept for the next one, which never came */
			site_revision_free(&out->items[--out->len]);
	}
	if (now.number)
		out->items[out->len++] = now;
	return 0;
}

static int not_kept(struct daemon *d, uint64_t number, struct err *err)
{
	autoclean(site_revisions_free) struct site_revisions l = { 0 };

	if (site_history_list(d, &l, err) < 0)
		return -1;
	if (!l.len) {
		err_set(err, ERR_NOT_FOUND, "no site is applied yet");
		return err_hint(err, "make one with `orthrus site init`, then `orthrus site apply`");
	}
	err_set(err, ERR_NOT_FOUND, "there is no revision %llu of the site", (unsigned long long)number);
	return err_hint(err, "`orthrus site show --history` lists those that are kept: %llu to %llu",
			(unsigned long long)l.items[0].number, (unsigned long long)l.items[l.len - 1].number);
}

/* The document of a revision, or that of the site that is applied. 0: there is none. */
static int part(struct daemon *d, uint64_t number, const char *kind, const char *applied, struct buf *out, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autoclean(site_revision_free) struct site_revision now = { 0 };
	autofree char *name = name_of(number), *key = str_format("%s/%s", kind, name);
	int have;

	if (current(d, &now, err) < 0)
		return -1;
	have = daemon_get(d, number == now.number ? applied : key, &doc, err);
	if (have > 0)
		buf_adds(out, doc.value);
	return have;
}

int site_history_text(struct daemon *d, uint64_t number, struct buf *out, struct err *err)
{
	int have = part(d, number, TEXT, "site", out, err);

	return have < 0 ? -1 : have ? 0 : not_kept(d, number, err);
}

int site_history_templates(struct daemon *d, uint64_t number, struct buf *out, struct err *err)
{
	return part(d, number, TEMPLATES, "templates", out, err) < 0 ? -1 : 0;
}

static const struct site_revision *find(const struct site_revisions *l, uint64_t number)
{
	for (size_t i = 0; i < l->len; i++)
		if (l->items[i].number == number)
			return &l->items[i];
	return NULL;
}

uint64_t site_history_origin(const struct site_revisions *l, uint64_t number)
{
	const struct site_revision *r = find(l, number);

	/* It only ever points back. */
	while (r && r->restores && r->restores < number) {
		number = r->restores;
		r = find(l, number);
	}
	return number;
}

uint64_t site_history_before(const struct site_revisions *l)
{
	uint64_t origin = l->len ? site_history_origin(l, l->items[l->len - 1].number) : 0, before = 0;

	for (size_t i = 0; i < l->len; i++)
		if (l->items[i].number < origin)
			before = l->items[i].number;
	return before;
}

static void put_meta(struct change *c, const struct site_revision *r, const char *prefix)
{
	autoclean(buf_free) struct buf json = { 0 };
	autofree char *name = name_of(r->number);
	struct json_out w;

	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	site_revision_put(r, &w);
	json_end_obj(&w);
	if (prefix)
		change_put(c, prefix, name, &json);
	else
		change_put_key(c, CURRENT, &json);
}

/* Each of the texts may be as large as half a write: one at a time, and what says that they are there last. */
static int keep_part(struct change *c, const char *applied, const char *kind, const char *name, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	int have = daemon_get(c->d, applied, &doc, err);

	if (have <= 0)
		return have;
	buf_adds(&text, doc.value);
	change_put(c, kind, name, &text);
	return change_commit(c, err);
}

int site_history_keep(struct change *c, struct err *err)
{
	autoclean(site_revision_free) struct site_revision now = { 0 };
	autofree char *name = NULL;

	if (current(c->d, &now, err) < 0)
		return -1;
	if (!now.number)
		return 0;
	name = name_of(now.number);
	if (keep_part(c, "site", TEXT, name, err) < 0 || keep_part(c, "templates", TEMPLATES, name, err) < 0)
		return err_wrap(err, "keep the site that is applied");
	put_meta(c, &now, HISTORY);
	return change_commit(c, err) < 0 ? err_wrap(err, "keep the site that is applied") : 0;
}

static void forget(struct change *c, uint64_t number)
{
	autofree char *name = name_of(number);

	change_delete(c, HISTORY, name);
	change_delete(c, TEXT, name);
	change_delete(c, TEMPLATES, name);
	change_delete(c, SITE_MOVES, name);
}

int site_history_next(struct change *c, struct site_revision *r, struct err *err)
{
	autoclean(site_revision_free) struct site_revision now = { 0 };
	char at[CLOCK_UTC_LEN];

	if (current(c->d, &now, err) < 0)
		return -1;
	clock_utc(clock_wall_s(), at);
	free(r->at);
	r->at = mem_strdup(at);
	r->number = now.number + 1;
	put_meta(c, r, NULL);
	if (r->number > SITE_REVISIONS_KEPT + 1)
		forget(c, r->number - SITE_REVISIONS_KEPT - 1);
	return 0;
}
