/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/ssh_trust.h"

#include "base/digest.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/pki_ssh.h"

#include <string.h>

#define PUBLIC_KEY_MAX 4096
#define KEYS_GONE_MAX 64     /* of one node within the life of a certificate: each is a line that every node reads */
#define KEYS_PASSING_MAX 512 /* ditto, of systems in its memory: such a node may start often */
#define ENDED_AT_ONCE 1000   /* so many that have ended are dropped by one change, which holds 4096 documents */
#define HOUR_S 3600

/* "sshkey/DIGEST" */
struct known_key {
	char *node, *key;
	bool gone;
	int64_t until_s; /* no certificate over it is good any more then, by itself; 0: of the installed system, which asks anew
			  */
};

static void known_free(struct known_key *k)
{
	free(k->node);
	free(k->key);
	*k = (struct known_key){ 0 };
}

static void digest_name(const char *key, char hex[DIGEST_HEX_LEN])
{
	struct digest d;

	digest_of(key, strlen(key), &d);
	digest_hex(&d, hex);
}

static int read_known(struct json_obj *o, void *to, struct err *err)
{
	struct known_key *k = to;

	if (json_str(o, "node", JSON_MUST, &k->node, err) < 0 || json_str(o, "key", JSON_MUST, &k->key, err) < 0 ||
	    json_bool(o, "gone", JSON_MUST, &k->gone, err) < 0 || json_i64(o, "until", JSON_MUST, &k->until_s, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

static void write_known(struct change *c, const struct known_key *k)
{
	autoclean(buf_free) struct buf json = { 0 };
	char hex[DIGEST_HEX_LEN];
	struct json_out w;

	digest_name(k->key, hex);
	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "node", k->node);
	json_put_str(&w, "key", k->key);
	json_put_bool(&w, "gone", k->gone);
	json_put_i64(&w, "until", k->until_s);
	json_end_obj(&w);
	change_put(c, "sshkey", hex, &json);
}

/* 1: there; 0: not. */
static int load_known(struct daemon *d, const char *key, struct known_key *out, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *name = NULL;
	char hex[DIGEST_HEX_LEN];
	struct err why = { 0 };

	digest_name(key, hex);
	name = str_format("sshkey/%s", hex);
	if (state_get(d->state, name, &doc, &why) == 0)
		return json_read(doc.value, strlen(doc.value), read_known, out, err) < 0 ? err_wrap(err, "%s", name) : 1;
	if (why.kind == ERR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

static int read_current(struct json_obj *o, void *to, struct err *err)
{
	char **key = to;

	return json_str(o, "key", JSON_MUST, key, err) < 0 ? -1 : json_obj_end(o, err);
}

int ssh_current(struct daemon *d, const char *node, char **key, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *name = str_format("hostkey/%s", node);
	struct err why = { 0 };

	if (state_get(d->state, name, &doc, &why) == 0)
		return json_read(doc.value, strlen(doc.value), read_current, key, err) < 0 ? err_wrap(err, "%s", name) : 0;
	if (why.kind == ERR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

static void write_current(struct change *c, const char *node, const char *key)
{
	autoclean(buf_free) struct buf json = { 0 };
	struct json_out w;

	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "key", key);
	json_end_obj(&w);
	change_put(c, "hostkey", node, &json);
}

/* The list would only grow: a key whose certificates have ended by themselves needs no line. The rest goes with the next change:
 * after a long pause they may be thousands. *ended: how many went. */
static void drop(struct change *c, const struct state_doc *doc, size_t *ended)
{
	if ((*ended)++ < ENDED_AT_ONCE)
		change_delete(c, "sshkey", doc->key + strlen("sshkey/"));
}

/* Of `node`. */
struct key_counts {
	size_t gone, passing; /* each gone one is a line */
};
static int drop_ended(struct change *c, const char *node, int64_t now, struct key_counts *kept, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	size_t ended = 0;

	*kept = (struct key_counts){ 0 };
	if (state_list(c->d->state, "sshkey/", &docs, err) < 0)
		return -1;
	for (size_t i = 0; i < docs.len; i++) {
		autoclean(known_free) struct known_key k = { 0 };

		if (json_read(docs.items[i].value, strlen(docs.items[i].value), read_known, &k, err) < 0)
			return err_wrap(err, "%s", docs.items[i].key);
		if (k.until_s && k.until_s < now)
			drop(c, &docs.items[i], &ended);
		else if (k.until_s && str_eq(k.node, node))
			++*(k.gone ? &kept->gone : &kept->passing);
	}
	return 0;
}

static void write_gone(struct change *c, const char *node, const char *key, int64_t now)
{
	autoclean(known_free) struct known_key k = {
		.node = mem_strdup(node), .key = mem_strdup(key), .gone = true, .until_s = now + (int64_t)SSH_HOST_CERT_S
	};

	write_known(c, &k);
}

static int revoke_key(struct change *c, const char *node, const char *key, struct key_counts *kept, struct err *err)
{
	int64_t now = clock_wall_s();

	write_gone(c, node, key, now);
	return drop_ended(c, node, now, kept, err);
}

/* The keys that these nodes show now; they go into `keys`. */
static int forget_current(struct change *c, const struct str_list *nodes, int64_t now, struct str_list *keys, struct err *err)
{
	for (size_t i = 0; i < nodes->len; i++) {
		autofree char *key = NULL;

		if (ssh_current(c->d, nodes->items[i], &key, err) < 0)
			return -1;
		if (!key)
			continue;
		change_delete(c, "hostkey", nodes->items[i]);
		write_gone(c, nodes->items[i], key, now);
		str_list_add(keys, key);
	}
	return 0;
}

int ssh_forget(struct change *c, const struct str_list *nodes, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	autoclean(str_list_free) struct str_list current = { 0 };
	int64_t now = clock_wall_s();
	size_t ended = 0;

	if (forget_current(c, nodes, now, &current, err) < 0 || state_list(c->d->state, "sshkey/", &docs, err) < 0)
		return -1;
	for (size_t i = 0; i < docs.len; i++) {
		autoclean(known_free) struct known_key k = { 0 };

		if (json_read(docs.items[i].value, strlen(docs.items[i].value), read_known, &k, err) < 0)
			return err_wrap(err, "%s", docs.items[i].key);
		if (str_list_has(&current, k.key))
			continue;
		if (k.until_s && k.until_s < now)
			drop(c, &docs.items[i], &ended);
		else if (!k.gone && str_list_has(nodes, k.node))
			write_gone(c, k.node, k.key, now);
	}
	return 0;
}

int ssh_count(struct daemon *d, const struct str_list *nodes, size_t *counts, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };

	if (state_list(d->state, "sshkey/", &docs, err) < 0)
		return -1;
	for (size_t i = 0; i < docs.len; i++) {
		autoclean(known_free) struct known_key k = { 0 };

		if (json_read(docs.items[i].value, strlen(docs.items[i].value), read_known, &k, err) < 0)
			return err_wrap(err, "%s", docs.items[i].key);
		for (size_t n = 0; n < nodes->len && !k.gone; n++)
			counts[n] += str_eq(nodes->items[n], k.node);
	}
	return 0;
}

/* 1: the file has this key; a head may lack the file. */
static int is_in_file(const char *path, const char key[SSH_KEY_LEN], struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	char have[SSH_KEY_LEN];

	if (!fs_exists(path))
		return 0;
	if (fs_read(path, PUBLIC_KEY_MAX, &text, err) < 0 || ssh_key_read(buf_str(&text), text.len, have, err) < 0)
		return err_wrap(err, "%s", path);
	return str_eq(have, key);
}

/* Whoever has such a key and says that it is a node's host key, and then shows another, would have the authority revoked, and
 * with it the certificates of all. 1: it is one of the cluster's own keys. */
static int is_clusters_own(struct daemon *d, const char key[SSH_KEY_LEN], struct err *err)
{
	autofree char *login = fs_join(d->paths.ssh_dir, "root.pub");
	autofree char *host = str_format("%s/etc/ssh/ssh_host_ed25519_key.pub", d->paths.root);
	char host_ca[SSH_KEY_LEN], user_ca[SSH_KEY_LEN];
	int rc;

	if (pki_ssh_public(d->paths.pki_dir, SSH_HOST_CA, host_ca, err) < 0 ||
	    pki_ssh_public(d->paths.pki_dir, SSH_USER_CA, user_ca, err) < 0)
		return -1;
	if (str_eq(host_ca, key) || str_eq(user_ca, key))
		return 1;
	rc = is_in_file(login, key, err);
	return rc ? rc : is_in_file(host, key, err);
}

/* What it had is revoked, but not without end: the lists of all would be full. */
static int replace_key(struct change *c, const char *node, const char *current, struct err *err)
{
	struct key_counts kept;

	if (revoke_key(c, node, current, &kept, err) < 0)
		return -1;
	if (kept.gone < KEYS_GONE_MAX)
		return 0;
	err_set(err, ERR_REFUSED, "%s: it has shown %zu ssh host keys within four weeks, and gets no certificate for another",
		node, kept.gone + 1);
	return err_hint(err, "look at who is root there; `orthrus node remove %s` shuts it out", node);
}

/* 1: known as this node's; 0: not known. */
static int key_is_free(struct change *c, const char *node, const char *key, struct known_key *known, struct err *err)
{
	int there = load_known(c->d, key, known, err), own = is_clusters_own(c->d, key, err);

	if (there < 0 || own < 0)
		return -1;
	if (own)
		return err_set(err, ERR_REFUSED, "%s: this ssh key is one of the cluster's own, and no host key of a node", node);
	if (!there || (!known->gone && str_eq(known->node, node)))
		return there;
	err_set(err, ERR_REFUSED, "%s: its ssh host key %s %s", node, known->gone ? "was revoked with" : "is that of",
		known->node);
	return err_hint(err, "make the node its own: rm /etc/ssh/ssh_host_*; ssh-keygen -A; systemctl restart ssh");
}

int ssh_passing_key(struct change *c, const char *node, const char key[SSH_KEY_LEN], bool *changed, struct err *err)
{
	autoclean(known_free) struct known_key known = { 0 };
	int64_t now = clock_wall_s();
	int there = key_is_free(c, node, key, &known, err);
	struct key_counts counts;

	*changed = false;
	/* One that the installed system shows too is that one's. A node asks every few minutes: not each time a write. */
	if (there < 0 || (there && (!known.until_s || known.until_s - now >= (int64_t)SSH_HOST_CERT_S)))
		return there < 0 ? -1 : 0;
	known_free(&known);
	known = (struct known_key){ .node = mem_strdup(node),
				    .key = mem_strdup(key),
				    .until_s = now + (int64_t)SSH_HOST_CERT_S + HOUR_S };
	write_known(c, &known);
	*changed = true;
	if (drop_ended(c, node, now, &counts, err) < 0)
		return -1;
	if (there || counts.passing < KEYS_PASSING_MAX)
		return 0;
	err_set(err, ERR_REFUSED,
		"%s: it has shown %zu passing ssh host keys within four weeks, and gets no certificate for another", node,
		counts.passing);
	return err_hint(err, "look at why it starts so often, or who is root there; `orthrus node remove %s` shuts it out", node);
}

int ssh_host_key(struct change *c, const char *node, const char key[SSH_KEY_LEN], bool *changed, struct err *err)
{
	autoclean(known_free) struct known_key known = { 0 };
	autofree char *current = NULL;

	*changed = false;
	if (key_is_free(c, node, key, &known, err) < 0 || ssh_current(c->d, node, &current, err) < 0)
		return -1;
	if (known.until_s)
		return ssh_passing_key(c, node, key, changed, err);
	if (str_eq(current, key))
		return 0;
	if (current && replace_key(c, node, current, err) < 0)
		return -1;
	known_free(&known);
	known = (struct known_key){ .node = mem_strdup(node), .key = mem_strdup(key) };
	write_known(c, &known);
	write_current(c, node, key);
	change_event(c, current ? EVENT_WARNING : EVENT_INFO, "host-key", node, "%s",
		     current ? "shows another ssh host key; the one before is revoked" : "its ssh host key is certified");
	*changed = true;
	return 0;
}
