/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/enrol_token.h"

#include "base/digest.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/keys.h"
#include "sys/log.h"

#include <stdio.h>
#include <string.h>

void enrol_token_free(struct enrol_token *t)
{
	free(t->node);
	free(t->by);
	free(t->at);
	free(t->hash);
	*t = (struct enrol_token){ 0 };
}

void enrol_tokens_free(struct enrol_tokens *l)
{
	for (size_t i = 0; i < l->len; i++)
		enrol_token_free(&l->items[i]);
	free(l->items);
	*l = (struct enrol_tokens){ 0 };
}

static char *hash_of(const char *token)
{
	char hex[DIGEST_HEX_LEN];
	struct digest d;

	digest_of(token, strlen(token), &d);
	digest_hex(&d, hex);
	return mem_strdup(hex);
}

static void set_hash(struct enrol_token *t, const char *hash)
{
	t->hash = mem_strdup(hash);
	snprintf(t->id, sizeof(t->id), "%s", hash);
}

static int read_token(struct json_obj *o, void *token, struct err *err)
{
	struct enrol_token *out = token;

	if (json_str(o, "node", JSON_MUST, &out->node, err) < 0 || json_str(o, "by", JSON_MUST, &out->by, err) < 0 ||
	    json_str(o, "at", JSON_MUST, &out->at, err) < 0 ||
	    json_u64(o, "until_s", JSON_MUST, 0, UINT64_MAX, &out->until_s, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

static int read_doc(const struct state_doc *doc, struct enrol_token *out, struct err *err)
{
	autoclean(enrol_token_free) struct enrol_token t = { 0 };

	if (json_read(doc->value, strlen(doc->value), read_token, &t, err) < 0)
		return err_wrap(err, "an enrolment token");
	set_hash(&t, doc->key + strlen("tok/"));
	*out = t;
	t = (struct enrol_token){ 0 };
	return 0;
}

int enrol_token_make(struct change *c, const char *node, const char *by, uint64_t ttl_s, char out[ENROL_TOKEN_LEN],
		     struct enrol_token *told, struct err *err)
{
	autoclean(buf_free) struct buf json = { 0 };
	autofree char *hash = NULL;
	uint8_t raw[(ENROL_TOKEN_LEN - 1) / 2];
	char at[CLOCK_UTC_LEN];
	size_t bytes;
	struct json_out w;

	if (ttl_s == 0 || ttl_s > ENROL_TOKEN_MAX_S)
		return err_set(err, ERR_INVALID, "a token is good for 1 to %d seconds, not for %llu", ENROL_TOKEN_MAX_S,
			       (unsigned long long)ttl_s);
	if (state_usage(c->d->state, "tok/", &bytes) >= ENROL_TOKENS_MAX)
		return err_set(err, ERR_REFUSED, "there are %d tokens already: revoke some", ENROL_TOKENS_MAX);
	random_bytes(raw, sizeof(raw));
	str_hex(raw, sizeof(raw), out);
	explicit_bzero(raw, sizeof(raw));
	hash = hash_of(out);
	clock_utc(clock_wall_s(), at);
	*told = (struct enrol_token){
		.node = mem_strdup(node), .by = mem_strdup(by), .at = mem_strdup(at), .until_s = (uint64_t)clock_wall_s() + ttl_s
	};
	set_hash(told, hash);
	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "node", told->node);
	json_put_str(&w, "by", told->by);
	json_put_str(&w, "at", told->at);
	json_put_u64(&w, "until_s", told->until_s);
	json_end_obj(&w);
	change_put(c, "tok", hash, &json);
	return 0;
}

/* NULL, or why it is not good; only the log is told. */
static const char *look_up(struct daemon *d, const char *token, struct enrol_token *out)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *hash = NULL, *key = NULL;
	uint64_t now = (uint64_t)clock_wall_s();
	struct err why = { 0 };

	if (strlen(token) != ENROL_TOKEN_LEN - 1)
		return "it has another length";
	/* Found by the hash: how long the search takes says nothing about the token. */
	hash = hash_of(token);
	key = str_format("tok/%s", hash);
	if (state_get(d->state, key, &doc, &why) < 0)
		return why.kind == ERR_NOT_FOUND ? "there is none, or it was used" : "the state cannot be read";
	if (read_doc(&doc, out, &why) < 0)
		return "its document is damaged";
	if (out->until_s < now)
		return "it is over";
	/* It would be good for longer than any token is: the clock went back, and nobody knows whether it is over. */
	return out->until_s - now > ENROL_TOKEN_MAX_S ? "this head's clock went back since it was made" : NULL;
}

int enrol_token_use(struct change *c, const char *token, char **node, struct err *err)
{
	autoclean(enrol_token_free) struct enrol_token t = { 0 };
	const char *wrong = look_up(c->d, token, &t);

	if (wrong) {
		log_warn("enrol", "refused a token: %s", wrong);
		err_set(err, ERR_REFUSED, "the token is not, or no longer, good");
		return err_hint(err, "get a new one: orthrus node token NODE");
	}
	enrol_token_delete(c, &t);
	*node = steal(t.node);
	return 0;
}

int enrol_token_list(struct daemon *d, struct enrol_tokens *out, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	autoclean(enrol_tokens_free) struct enrol_tokens l = { 0 };

	if (state_list(d->state, "tok/", &docs, err) < 0)
		return -1;
	l.items = mem_array(docs.len ? docs.len : 1, sizeof(*l.items));
	for (; l.len < docs.len; l.len++)
		if (read_doc(&docs.items[l.len], &l.items[l.len], err) < 0)
			return -1;
	*out = l;
	l = (struct enrol_tokens){ 0 };
	return 0;
}

void enrol_token_delete(struct change *c, const struct enrol_token *t)
{
	change_delete(c, "tok", t->hash);
}

int enrol_token_sweep(struct change *c, const struct str_list *nodes, struct err *err)
{
	autoclean(enrol_tokens_free) struct enrol_tokens l = { 0 };

	if (enrol_token_list(c->d, &l, err) < 0)
		return -1;
	for (size_t i = 0; i < l.len; i++)
		if (l.items[i].until_s < (uint64_t)clock_wall_s() || (nodes && str_list_has(nodes, l.items[i].node)))
			enrol_token_delete(c, &l.items[i]);
	return 0;
}
