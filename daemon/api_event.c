/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking: the daemon's health, what happened, and whether anything changed. */
#include "base/digest.h"
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/guard_watch.h"
#include "daemon/reconcile.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EVENTS_ANSWER_MAX 1000
#define WAIT_MAX_S 60

static int count_nodes(struct daemon *d, struct json_out *w, struct err *err)
{
	autoclean(state_docs_free) struct state_docs nodes = { 0 };
	uint64_t by_state[RUN_FAILED + 1] = { 0 };

	if (state_list(d->state, "node/", &nodes, err) < 0)
		return -1;
	for (size_t i = 0; i < nodes.len; i++) {
		autoclean(run_free) struct run r = { 0 };

		if (daemon_run(d, nodes.items[i].key + sizeof("node/") - 1, &r, err) < 0)
			return -1;
		by_state[r.state]++;
	}
	json_put_obj(w, "nodes");
	json_put_u64(w, "total", nodes.len);
	for (int s = RUN_NEW; s <= RUN_FAILED; s++)
		json_put_u64(w, run_state_name((enum run_state)s), by_state[s]);
	json_end_obj(w);
	return 0;
}

static int put_site_facts(struct daemon *d, struct json_out *w, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autofree char *url = NULL;
	const struct site_head *head;
	struct err no_head = { 0 };

	if (daemon_site(d, &site, NULL, err) < 0) {
		if (err->kind != ERR_NOT_FOUND)
			return -1;
		json_put_str(w, "cluster", NULL);
		json_put_str(w, "head", NULL);
		json_put_str(w, "url", NULL);
		return 0;
	}
	head = daemon_head(&site, &no_head);
	url = daemon_server_url(&site);
	json_put_str(w, "cluster", site.cluster);
	json_put_str(w, "head", head ? head->name : NULL);
	json_put_str(w, "url", url);
	json_put_bool(w, "trust_mac", site.trust_mac);
	return 0;
}

int api_status(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	struct json_out w;

	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "version", ORTHRUS_VERSION);
	if (put_site_facts(d, &w, err) < 0)
		return -1;
	json_put_i64(&w, "pid", getpid());
	json_put_i64(&w, "uptime_s", (clock_now_ns() - d->started_ns) / NS_PER_S);
	json_put_u64(&w, "revision", state_revision(d->state));
	json_put_u64(&w, "last_event", atomic_load(&d->last_event));
	json_put_u64(&w, "port", http_server_port(d->http));
	if (count_nodes(d, &w, err) < 0)
		return -1;
	reconcile_status(d->reconcile, &w);
	guard_watch_status(d, &w);
	json_end_obj(&w);
	return 0;
}

static void add_document(struct digest_ctx *sum, const struct state_doc *doc)
{
	autofree char *version = str_format("%llu", (unsigned long long)doc->version);

	digest_add(sum, doc->key, strlen(doc->key) + 1);
	digest_add(sum, version, strlen(version) + 1);
	digest_add(sum, doc->value, strlen(doc->value) + 1);
}

/* Where the audit log ends is no part of it: that moves with who is refused, too. */
int api_state_digest(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	struct digest_ctx *sum;
	struct digest digest;
	struct json_out w;
	char hex[DIGEST_HEX_LEN];

	if (state_list(d->state, "", &docs, err) < 0)
		return -1;
	sum = digest_new();
	for (size_t i = 0; i < docs.len; i++)
		if (!str_starts(docs.items[i].key, "audit/"))
			add_document(sum, &docs.items[i]);
	digest_end(sum, &digest);
	digest_hex(&digest, hex);
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "digest", hex);
	json_put_u64(&w, "revision", state_revision(d->state));
	json_end_obj(&w);
	return 0;
}

/* Events (since, last]; those that are no longer kept are left out. */
static void put_events(struct daemon *d, uint64_t since, uint64_t last, struct json_out *w)
{
	uint64_t first = last > EVENTS_KEPT && since < last - EVENTS_KEPT ? last - EVENTS_KEPT + 1 : since + 1;

	json_put_arr(w, "events");
	for (uint64_t n = first; n <= last && n < first + EVENTS_ANSWER_MAX; n++) {
		autofree char *key = str_format("event/%012llu", (unsigned long long)n);
		autoclean(state_doc_free) struct state_doc doc = { 0 };
		struct err gone = { 0 };

		if (state_get(d->state, key, &doc, &gone) == 0)
			json_put_raw(w, NULL, doc.value);
	}
	json_end_arr(w);
	json_put_u64(w, "last", last < first + EVENTS_ANSWER_MAX ? last : first + EVENTS_ANSWER_MAX - 1);
}

int api_events(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	uint64_t last = atomic_load(&d->last_event), since = 0, latest = EVENTS_ANSWER_MAX, wait_s = 0;
	struct json_out w;

	if (http_query_u64(call, "since", 0, UINT64_MAX, &since, err) < 0 ||
	    http_query_u64(call, "latest", 0, EVENTS_KEPT, &latest, err) < 0 ||
	    http_query_u64(call, "wait", 0, WAIT_MAX_S, &wait_s, err) < 0)
		return -1;
	if (since >= last && wait_s && http_wait(call, "events", (int64_t)wait_s * NS_PER_S))
		return 0;
	/* Who does not say where to begin wants the newest; who does wants no gap. */
	if ((!http_query(call, "since") || http_query(call, "latest")) && last > latest && since < last - latest)
		since = last - latest;
	json_out_init(&w, http_out(call), false);
	json_put_obj(&w, NULL);
	put_events(d, since < last ? since : last, last, &w);
	json_end_obj(&w);
	return 0;
}
