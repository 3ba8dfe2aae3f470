/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ident.h"

#include "base/mem.h"
#include "daemon/ssh_trust.h"
#include "sys/clock.h"
#include "sys/http_server.h"
#include "sys/log.h"

#include <string.h>

void node_key_fingerprint(const struct node_key *k, struct digest *out)
{
	struct digest_ctx *ctx = digest_new();

	digest_add(ctx, k->spki.bytes, DIGEST_LEN);
	digest_add(ctx, k->seal, SEAL_KEY_LEN);
	digest_end(ctx, out);
}

void node_key_words(const struct node_key *k, char out[KEYWORDS_LEN])
{
	struct digest fp;

	node_key_fingerprint(k, &fp);
	keywords_of(fp.bytes, out);
}

void ident_free(struct ident *id)
{
	free(id->at);
	free(id->by);
	*id = (struct ident){ 0 };
}

static int read_key(struct json_obj *o, const char *name, bool *has, struct node_key *out, struct err *err)
{
	autofree char *spki = NULL, *seal = NULL;
	struct json_obj k;
	int there = json_obj(o, name, JSON_MAY, &k, err);

	if (there <= 0)
		return there;
	*has = true;
	if (json_str(&k, "spki", JSON_MUST, &spki, err) < 0 || json_str(&k, "seal", JSON_MUST, &seal, err) < 0 ||
	    str_unhex(spki, out->spki.bytes, DIGEST_LEN, err) < 0 || str_unhex(seal, out->seal, SEAL_KEY_LEN, err) < 0)
		return -1;
	return json_obj_end(&k, err);
}

static int read_ident(struct json_obj *o, void *ident, struct err *err)
{
	struct ident *out = ident;

	if (read_key(o, "now", &out->has_now, &out->now, err) < 0 ||
	    read_key(o, "installed", &out->has_installed, &out->installed, err) < 0 ||
	    json_str(o, "at", JSON_MUST, &out->at, err) < 0 || json_str(o, "by", JSON_MUST, &out->by, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

int ident_get(struct daemon *d, const char *node, struct ident *out, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autoclean(ident_free) struct ident id = { 0 };
	autofree char *key = str_format("ident/%s", node);
	struct err why = { 0 };

	*out = (struct ident){ 0 };
	if (state_get(d->state, key, &doc, &why) < 0) {
		if (why.kind == ERR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	if (json_read(doc.value, strlen(doc.value), read_ident, &id, err) < 0)
		return err_wrap(err, "document %s", key);
	*out = id;
	id = (struct ident){ 0 };
	return 1;
}

static char *spki_name(const struct digest *spki)
{
	char hex[DIGEST_HEX_LEN];

	digest_hex(spki, hex);
	return mem_strdup(hex);
}

static int read_owner(struct json_obj *o, void *node, struct err *err)
{
	return json_str(o, "node", JSON_MUST, node, err) < 0 ? -1 : json_obj_end(o, err);
}

int ident_find(struct daemon *d, const struct digest *spki, char **node, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *hex = spki_name(spki);
	autofree char *key = str_format("spki/%s", hex);
	struct err why = { 0 };

	*node = NULL;
	if (state_get(d->state, key, &doc, &why) == 0)
		return json_read(doc.value, strlen(doc.value), read_owner, node, err) < 0 ? err_wrap(err, "document %s", key) : 0;
	if (why.kind == ERR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

static void put_key(struct json_out *w, const char *name, const struct node_key *k)
{
	autofree char *hex = spki_name(&k->spki);
	char seal[2 * SEAL_KEY_LEN + 1];

	str_hex(k->seal, SEAL_KEY_LEN, seal);
	json_put_obj(w, name);
	json_put_str(w, "spki", hex);
	json_put_str(w, "seal", seal);
	json_end_obj(w);
}

static void put_ident(struct change *c, const char *node, const struct ident *id)
{
	autoclean(buf_free) struct buf json = { 0 };
	struct json_out w;

	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	if (id->has_now)
		put_key(&w, "now", &id->now);
	if (id->has_installed)
		put_key(&w, "installed", &id->installed);
	json_put_str(&w, "at", id->at ? id->at : "");
	json_put_str(&w, "by", id->by ? id->by : "");
	json_end_obj(&w);
	change_put(c, "ident", node, &json);
}

static bool same_key(const struct node_key *a, const struct node_key *b)
{
	return digest_cmp(&a->spki, &b->spki) == 0 && memcmp(a->seal, b->seal, SEAL_KEY_LEN) == 0;
}

/* The keys are told apart by the TLS key alone when one is given up: a new sealing key beside it changes nothing about who it is.
 */
static bool same_tls(const struct node_key *a, const struct node_key *b)
{
	return digest_cmp(&a->spki, &b->spki) == 0;
}

static void own(struct change *c, const struct node_key *k, const char *node)
{
	autoclean(buf_free) struct buf json = { 0 };
	autofree char *hex = spki_name(&k->spki);
	struct json_out w;

	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "node", node);
	json_end_obj(&w);
	change_put(c, "spki", hex, &json);
}

static void disown(struct change *c, const struct node_key *k)
{
	autofree char *hex = spki_name(&k->spki);

	change_delete(c, "spki", hex);
}

int ident_approve(struct change *c, const char *node, const struct node_key *k, const char *by, struct err *err)
{
	autoclean(ident_free) struct ident id = { 0 };
	char at[CLOCK_UTC_LEN];

	if (ident_get(c->d, node, &id, err) < 0)
		return -1;
	if (id.has_now && !same_tls(&id.now, k) && !(id.has_installed && same_tls(&id.now, &id.installed)))
		disown(c, &id.now);
	id.has_now = true;
	id.now = *k;
	clock_utc(clock_wall_s(), at);
	model_set(&id.at, at);
	model_set(&id.by, by);
	own(c, k, node);
	put_ident(c, node, &id);
	return 0;
}

int ident_installed(struct change *c, const char *node, struct err *err)
{
	autoclean(ident_free) struct ident id = { 0 };

	if (ident_get(c->d, node, &id, err) < 0)
		return -1;
	if (!id.has_now || (id.has_installed && same_key(&id.now, &id.installed)))
		return 0;
	if (id.has_installed && !same_tls(&id.now, &id.installed))
		disown(c, &id.installed);
	id.has_installed = true;
	id.installed = id.now;
	put_ident(c, node, &id);
	return 0;
}

int ident_erased(struct change *c, const char *node, struct err *err)
{
	autoclean(ident_free) struct ident id = { 0 };

	if (ident_get(c->d, node, &id, err) < 0)
		return -1;
	if (!id.has_installed)
		return 0;
	if (!id.has_now || !same_tls(&id.now, &id.installed))
		disown(c, &id.installed);
	id.has_installed = false;
	put_ident(c, node, &id);
	return 0;
}

int ident_replace(struct change *c, const char *node, const struct node_key *k, const char *by, struct err *err)
{
	autoclean(ident_free) struct ident old = { 0 }, id = { .has_now = true, .now = *k, .by = mem_strdup(by) };
	autoclean(str_list_free) struct str_list nodes = { 0 };
	char at[CLOCK_UTC_LEN];

	str_list_add(&nodes, node);
	if (ident_get(c->d, node, &old, err) < 0 || ssh_forget(c, &nodes, err) < 0)
		return -1;
	if (old.has_now && !same_tls(&old.now, k))
		disown(c, &old.now);
	if (old.has_installed && !same_tls(&old.installed, k) && !(old.has_now && same_tls(&old.now, &old.installed)))
		disown(c, &old.installed);
	clock_utc(clock_wall_s(), at);
	model_set(&id.at, at);
	own(c, k, node);
	put_ident(c, node, &id);
	return 0;
}

static int forget_one(struct change *c, const char *node, struct err *err)
{
	autoclean(ident_free) struct ident id = { 0 };
	int known = ident_get(c->d, node, &id, err);

	if (known <= 0)
		return known;
	if (id.has_now)
		disown(c, &id.now);
	if (id.has_installed && !(id.has_now && same_tls(&id.now, &id.installed)))
		disown(c, &id.installed);
	change_delete(c, "ident", node);
	return 0;
}

int ident_forget(struct change *c, const struct str_list *nodes, struct err *err)
{
	for (size_t i = 0; i < nodes->len; i++)
		if (forget_one(c, nodes->items[i], err) < 0)
			return -1;
	/* By ssh they are known no more, either. */
	return ssh_forget(c, nodes, err);
}

/* The certificate says a name; the key is what counts. */
static int check_caller(struct daemon *d, struct http_call *call, char **node, struct run *r)
{
	struct digest spki;
	const char *claimed = http_peer_node(call, &spki);
	struct err why = { 0 };
	autofree char *owner = NULL;

	if (!claimed || ident_find(d, &spki, &owner, &why) < 0 || !owner || !str_eq(owner, claimed)) {
		log_warn("node", "refused %s as %s: %s", http_who(call), claimed ? claimed : "nobody",
			 why.kind != ERR_NONE ? why.text
			 : owner	      ? "its key is another node's"
					      : "no node has its key");
		return -1;
	}
	if (r && daemon_run(d, owner, r, &why) < 0) {
		log_err("node", "refused a call", &why);
		return -1;
	}
	if (node)
		*node = steal(owner);
	return 0;
}

int ident_caller(struct daemon *d, struct http_call *call, char **node, struct run *r, struct err *err)
{
	if (check_caller(d, call, node, r) == 0)
		return 0;
	http_set_status(call, 403);
	err_set(err, ERR_REFUSED, "this machine's key is not, or no longer, a node's");
	return err_hint(err, "the machine must enrol again");
}
