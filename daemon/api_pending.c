/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines that wait for the administrator's word, as `node discover` lists them. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/expect.h"
#include "daemon/pending.h"
#include "daemon/roster.h"

#include <string.h>

/* Which node it may be, and what speaks for or against it. */
static int find_claim(struct daemon *d, const struct roster *roster, const struct pending *p, const char **node, int *known,
		      struct err *why, struct err *err)
{
	autoclean(machine_free) struct machine m = { 0 };
	autoclean(ident_free) struct ident id = { 0 };
	const struct node *n = NULL;

	if (machine_read(p->machine, strlen(p->machine), &m, err) < 0)
		return -1;
	if (expect_match(roster, &m, &n, why) < 0)
		return 0;
	*node = n ? n->name : NULL;
	*known = n ? ident_get(d, n->name, &id, err) : 0;
	if (*known < 0)
		return -1;
	err_set(why, ERR_NONE, "%s",
		!n	      ? "no node has this MAC address, or waits for its serial number or switch port"
		: *known      ? "the node has another key: a new installation of it, another machine, or somebody else"
		: n->macs.len ? "the node has no key yet"
			      : "the node waits for such a machine");
	return 0;
}

static int put_pending(struct daemon *d, const struct roster *roster, const struct pending *p, struct json_out *w,
		       struct err *err)
{
	char hex[DIGEST_HEX_LEN], words[KEYWORDS_LEN];
	const char *node = NULL;
	struct err why = { 0 };
	struct digest fp;
	int known = 0;

	if (find_claim(d, roster, p, &node, &known, &why, err) < 0)
		return -1;
	node_key_fingerprint(&p->key, &fp);
	digest_hex(&fp, hex);
	json_put_obj(w, NULL);
	json_put_str(w, "fingerprint", hex);
	node_key_words(&p->key, words);
	json_put_str(w, "words", words);
	json_put_str(w, "mac", p->mac);
	json_put_str(w, "from", p->from);
	json_put_str(w, "first_seen", p->first_seen);
	json_put_str(w, "last_seen", p->last_seen);
	json_put_str(w, "state", p->rejected ? "rejected" : "pending");
	json_put_str(w, "node", node);
	json_put_bool(w, "other_key", known);
	json_put_bool(w, "conflict", why.kind != ERR_NONE);
	json_put_str(w, "why", why.text);
	json_put_raw(w, "machine", p->machine);
	json_end_obj(w);
	return 0;
}

int api_pending_get(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(pendings_free) struct pendings l = { 0 };
	autoclean(roster_free) struct roster roster = { 0 };
	struct json_out w;

	if (pending_list(d, &l, err) < 0 || (l.len && roster_load(d, &roster, err) < 0))
		return -1;
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "pending");
	for (size_t i = 0; i < l.len; i++) {
		if (put_pending(d, &roster, &l.items[i], &w, err) < 0)
			return -1;
		pending_free(&l.items[i]);
	}
	json_end_arr(&w);
	json_end_obj(&w);
	return 0;
}
