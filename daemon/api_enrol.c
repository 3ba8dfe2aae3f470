/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine asks to be one of the nodes. It proves that it holds its key by the signature of its request; that it may be a node
 * it can't prove: the administrator's word, a token, or (only when the site says so) its MAC address does. Every byte is from a
 * machine that nothing vouches for. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/audit.h"
#include "daemon/enrol_read.h"
#include "daemon/enrol_token.h"
#include "daemon/pending.h"
#include "daemon/roster.h"
#include "daemon/trust_mac.h"
#include "sys/clock.h"
#include "sys/keys.h"
#include "sys/keys_x509.h"
#include "sys/log.h"

#include <string.h>

#define WAIT_MAX_S 60
#define TOLD_AT_ONCE 1000
#define TOLD_EVERY_NS (5 * NS_PER_S)
#define SEEN_AGAIN_S 60 /* that a machine still asks is written so often */

/* The one that was issued a moment ago? */
static void find_young(struct daemon *d, const char *node, const struct enrol *e, struct buf *crt)
{
	autoclean(change_end) struct change c = { 0 };
	const char *pem;

	change_begin(&c, d);
	pem = certs_find(&d->certs, node, &e->key.spki, clock_wall_s());
	if (pem)
		buf_adds(crt, pem);
}

static void keep_young(struct daemon *d, const char *node, const struct enrol *e, const struct buf *crt)
{
	autoclean(change_end) struct change c = { 0 };

	change_begin(&c, d);
	certs_add(&d->certs, node, &e->key.spki, buf_str(crt), clock_wall_s());
}

static int issue(struct daemon *d, struct http_call *call, const char *node, const struct enrol *e, struct buf *crt,
		 struct err *err)
{
	const struct buf request = { .data = e->csr, .len = strlen(e->csr) };

	/* Nothing is issued that is not written down. */
	if (audit_act(d, call, NULL, node, err) < 0)
		return -1;
	if (pki_issue_node(d->paths.pki_dir, node, &request, crt, err) < 0)
		return err_wrap(err, "a certificate for %s", node);
	keep_young(d, node, e, crt);
	return 0;
}

static int answer_certificate(struct daemon *d, struct http_call *call, const char *node, const struct enrol *e, struct err *err)
{
	autoclean(buf_free) struct buf crt = { 0 };
	char until[CLOCK_UTC_LEN];
	struct json_out w;
	int64_t end;

	find_young(d, node, e, &crt);
	if ((!crt.len && issue(d, call, node, e, &crt, err) < 0) || x509_until(&crt, &end, err) < 0)
		return -1;
	clock_utc(end, until);
	json_out_init(&w, http_out(call), false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "state", "approved");
	json_put_str(&w, "node", node);
	json_put_str(&w, "certificate", buf_str(&crt));
	json_put_str(&w, "until", until);
	json_end_obj(&w);
	return 0;
}

/* The key is known. Its sealing key belongs to it: another one beside it was never compared by anybody. */
static int check_seal(struct daemon *d, const char *node, const struct node_key *k, struct err *err)
{
	autoclean(ident_free) struct ident id = { 0 };

	if (ident_get(d, node, &id, err) < 0)
		return -1;
	if ((id.has_now && digest_cmp(&id.now.spki, &k->spki) == 0 && memcmp(id.now.seal, k->seal, SEAL_KEY_LEN) == 0) ||
	    (id.has_installed && digest_cmp(&id.installed.spki, &k->spki) == 0 &&
	     memcmp(id.installed.seal, k->seal, SEAL_KEY_LEN) == 0))
		return 0;
	log_warn("enrol", "%s: refused its key with a sealing key that was not approved with it", node);
	return err_set(err, ERR_REFUSED, "the sealing key is not the one that was approved with this key");
}

/* The node that the MAC address stands for, or an empty one. What the machine says of itself selects a configuration and nothing
 * else.
 */
static int find_node(struct daemon *d, const struct machine *m, struct node *out, struct err *err)
{
	autofree char *name = NULL;

	if (mac_index_find(d, m->mac, &name, err) < 0)
		return -1;
	return name ? daemon_node(d, name, out, NULL, err) : 0;
}

static int check_fits(const struct node *n, const struct machine *m, struct err *err)
{
	if (n->macs.len && !str_list_has(&n->macs, m->mac)) {
		err_set(err, ERR_REFUSED, "%s has other MAC addresses than %s", n->name, m->mac);
		return err_hint(err, "if it is the same node: orthrus node set %s --mac %s", n->name, m->mac);
	}
	if (!n->serial || str_eq(n->serial, m->serial))
		return 0;
	return err_set(err, ERR_REFUSED, "%s must have the serial number %s, this machine has %s", n->name, n->serial,
		       m->serial ? m->serial : "none");
}

/* Approved: whatever waits with this MAC address waits no longer. */
static int approve(struct change *c, const char *node, const struct enrol *e, const char *by, enum event_level level,
		   struct err *err)
{
	char words[KEYWORDS_LEN];

	node_key_words(&e->key, words);
	if (ident_approve(c, node, &e->key, by, err) < 0 || pending_delete_mac(c, e->machine.mac, err) < 0)
		return -1;
	change_event(c, level, "node-approved", node, "the key %s is its key now: %s", words, by);
	return change_commit(c, err);
}

/* The node waited for its machine: what it says of its MAC address must not be another node's, or neither could boot. */
static int take_mac(struct change *c, struct node *n, const char *mac, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autoclean(roster_free) struct roster roster = { 0 };

	if (n->macs.len)
		return 0;
	str_list_add(&n->macs, mac);
	if (daemon_site(c->d, &site, NULL, err) < 0 || roster_load(c->d, &roster, err) < 0 ||
	    roster_check(&roster, &site, n, err) < 0)
		return -1;
	change_node(c, n);
	return 0;
}

static int by_token(struct change *c, struct http_call *call, struct enrol *e, char **node, struct err *err)
{
	autoclean(node_free) struct node n = { 0 };
	autofree char *by = NULL;

	if (enrol_token_use(c, e->token, node, err) < 0) {
		http_set_status(call, 403);
		return -1;
	}
	if (daemon_node(c->d, *node, &n, NULL, err) < 0 || check_fits(&n, &e->machine, err) < 0 ||
	    take_mac(c, &n, e->machine.mac, err) < 0)
		return -1;
	if (audit_act(c->d, call, "POST /v1/enrol (a token approves the key)", *node, err) < 0)
		return -1;
	by = str_format("a token, from %s", http_who(call));
	return approve(c, *node, e, by, EVENT_INFO, err);
}

static int refuse_rejected(struct err *err)
{
	err_set(err, ERR_REFUSED, "the administrator rejected this machine");
	return err_hint(err, "if that was a mistake: orthrus node discover shows it, orthrus node approve takes it");
}

/* 1: it does; 0: the administrator must say it. */
static int mac_suffices(struct daemon *d, const struct node *n, struct err *err)
{
	autoclean(ident_free) struct ident id = { 0 };
	autoclean(run_free) struct run r = { 0 };

	if (ident_get(d, n->name, &id, err) < 0 || daemon_run(d, n->name, &r, err) < 0)
		return -1;
	return trust_mac_suffices(n, &r, &id, clock_wall_s());
}

/* The site trusts MAC addresses: said at each new key, for whoever is on that network can have one. */
static int by_mac(struct change *c, struct http_call *call, const struct enrol *e, const struct node *n, struct err *err)
{
	autofree char *by = str_format(TRUST_MAC_BY ", from %s (enrol.trust_mac)", http_who(call));
	autoclean(pending_free) struct pending p = { 0 };

	if (check_fits(n, &e->machine, err) < 0 || pending_get(c->d, e->machine.mac, &e->key, &p, err) < 0)
		return -1;
	/* Of this very key somebody said no. */
	if (p.rejected)
		return refuse_rejected(err);
	if (audit_act(c->d, call, "POST /v1/enrol (the MAC address alone approves the key)", n->name, err) < 0)
		return -1;
	return approve(c, n->name, e, by, EVENT_WARNING, err);
}

static char *machine_json(const struct machine *m)
{
	autoclean(buf_free) struct buf json = { 0 };
	struct json_out w;

	json_out_init(&w, &json, false);
	machine_print(m, &w, NULL);
	return buf_steal(&json);
}

/* May another one be told? A room of a thousand at once, then one every five seconds: events push each other out, and nobody on
 * the network shall push out those that matter (GCRA, ITU-T I.371). */
static bool may_tell(struct daemon *d)
{
	int64_t now = clock_now_ns(), due = d->arrivals.due_ns > now ? d->arrivals.due_ns : now;

	if (due - now > TOLD_AT_ONCE * TOLD_EVERY_NS)
		return false;
	d->arrivals.due_ns = due + TOLD_EVERY_NS;
	d->arrivals.muted = false;
	return true;
}

/* One event for a machine, however many keys it makes. */
static void tell_pending(struct change *c, const struct enrol *e, const struct node *n)
{
	autofree char *same = str_format("pend/%s/", e->machine.mac);
	char words[KEYWORDS_LEN];
	size_t bytes;

	if (state_usage(c->d->state, same, &bytes))
		return;
	if (may_tell(c->d)) {
		node_key_words(&e->key, words);
		change_event(c, EVENT_INFO, "node-pending", n->name,
			     "a machine with MAC %s, serial %s asks to be %s; its key is %s", e->machine.mac,
			     e->machine.serial && e->machine.serial[0] ? e->machine.serial : "none",
			     n->name ? "this node" : "a node", words);
	} else if (!c->d->arrivals.muted) {
		c->d->arrivals.muted = true;
		change_event(c, EVENT_WARNING, "node-pending-many", NULL,
			     "so many machines ask to be nodes that they are not told one by one now; `orthrus node discover` "
			     "lists them");
	}
}

/* What a new or changed asking writes down; nothing when it was heard of a moment ago. */
static int note_pending(struct change *c, struct http_call *call, const struct enrol *e, const struct node *n, struct pending *p,
			struct err *err)
{
	int known = pending_get(c->d, e->machine.mac, &e->key, p, err);
	autofree char *machine = machine_json(&e->machine);
	uint64_t now = (uint64_t)clock_wall_s();
	char at[CLOCK_UTC_LEN];

	if (known < 0)
		return -1;
	if (known && p->seen_s + SEEN_AGAIN_S > now && str_eq(p->machine, machine) && str_eq(p->from, http_who(call)))
		return 0;
	clock_utc(clock_wall_s(), at);
	p->key = e->key;
	p->seen_s = now;
	model_set(&p->mac, e->machine.mac);
	model_set(&p->from, http_who(call));
	model_set(&p->last_seen, at);
	model_set(&p->machine, machine);
	if (!known)
		model_set(&p->first_seen, at);
	if (pending_put(c, p, err) < 0)
		return -1;
	if (!known)
		tell_pending(c, e, n);
	return change_commit(c, err);
}

static void answer_pending(struct http_call *call, const struct node_key *k)
{
	char words[KEYWORDS_LEN], hex[DIGEST_HEX_LEN];
	struct digest fp;
	struct json_out w;

	node_key_fingerprint(k, &fp);
	digest_hex(&fp, hex);
	node_key_words(k, words);
	json_out_init(&w, http_out(call), false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "state", "pending");
	json_put_str(&w, "fingerprint", hex);
	json_put_str(&w, "words", words);
	json_end_obj(&w);
}

/* Nobody vouches for it yet: it waits, and is woken when somebody does. */
static int wait_for_word(struct change *c, struct http_call *call, const struct enrol *e, const struct node *n, uint64_t wait_s,
			 struct err *err)
{
	autoclean(pending_free) struct pending p = { 0 };
	autofree char *topic = NULL;

	if (note_pending(c, call, e, n, &p, err) < 0)
		return -1;
	if (p.rejected)
		return refuse_rejected(err);
	topic = pending_topic(&p);
	if (wait_s && http_wait(call, topic, (int64_t)wait_s * NS_PER_S))
		return 0;
	answer_pending(call, &e->key);
	return 0;
}

/* *node is whose key it is in the end, or NULL: then the call has its answer, or waits. */
static int decide(struct change *c, struct http_call *call, struct enrol *e, uint64_t wait_s, char **node, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autoclean(node_free) struct node n = { 0 };
	int bound;

	if (ident_find(c->d, &e->key.spki, node, err) < 0)
		return -1;
	if (*node)
		return check_seal(c->d, *node, &e->key, err);
	if (!e->has_machine) {
		http_set_status(call, 403);
		err_set(err, ERR_REFUSED, "no node has this key");
		return err_hint(err, "the machine must enrol with its inventory: start it from the network");
	}
	if (e->token)
		return by_token(c, call, e, node, err);
	if (daemon_site(c->d, &site, NULL, err) < 0 || find_node(c->d, &e->machine, &n, err) < 0)
		return -1;
	bound = site.trust_mac && n.name ? mac_suffices(c->d, &n, err) : 0;
	if (bound <= 0)
		return bound < 0 ? -1 : wait_for_word(c, call, e, &n, wait_s, err);
	*node = mem_strdup(n.name);
	return by_mac(c, call, e, &n, err);
}

static int answer_enrol(struct daemon *d, struct http_call *call, struct enrol *e, uint64_t wait_s, struct err *err)
{
	autofree char *node = NULL;
	autoclean(change_end) struct change c = { 0 };

	change_begin(&c, d);
	if (decide(&c, call, e, wait_s, &node, err) < 0)
		return -1;
	change_release(&c);
	return node ? answer_certificate(d, call, node, e, err) : 0;
}

/* What costs time to check is checked before anybody else has to wait for it. */
int api_enrol(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(enrol_free) struct enrol e = { 0 };
	uint64_t wait_s = 0;
	size_t len;
	const char *body = http_body(call, &len);

	if (http_query_u64(call, "wait", 0, WAIT_MAX_S, &wait_s, err) < 0 || enrol_read(body, len, &e, err) < 0)
		return -1;
	return answer_enrol(ctx, call, &e, wait_s, err);
}
