/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clusters for tests of the dashboard, as their daemon and guard would tell them. */
#ifndef ORTHRUS_TESTS_UNIT_DASH_CLUSTER_H
#define ORTHRUS_TESTS_UNIT_DASH_CLUSTER_H

#include "base/json.h"
#include "base/mem.h"
#include "tui/dash_state.h"

#include <string.h>

static inline void must(int rc, const struct err *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

#define MDSTAT_WHOLE "md0 : active raid1 vda2[0] vdb2[1]\n      1 blocks [2/2] [UU]\n"
#define MDSTAT_BROKEN "md0 : active raid1 vda2[0]\n      1 blocks [2/1] [U_]\n      [=>...]  recovery = 12.6% (1/2)\n"

/* Of ten nodes one fails, two are installed, one waits for its order, the others are up. */
static inline void put_node(struct json_out *w, size_t i, size_t digits)
{
	static const char *const states[] = { "up", "up", "installing", "up", "failed", "up", "installing", "ready", "up", "up" };
	const char *state = states[i % 10];
	autofree char *name = str_format("n%0*zu", (int)digits, i + 1);
	autofree char *ipv4 = str_format("10.77.%zu.%zu", (i + 11) / 256, (i + 11) % 256);
	autofree char *mac = str_format("52:54:00:00:%02zx:%02zx", (i + 1) / 256, (i + 1) % 256);

	json_put_obj(w, NULL);
	json_put_str(w, "name", name);
	json_put_str(w, "group", i % 8 == 7 ? "login" : "compute");
	json_put_str(w, "ipv4", ipv4);
	json_put_str(w, "ipv6", NULL);
	json_put_str(w, "state", state);
	json_put_arr(w, "macs");
	json_put_str(w, NULL, mac);
	json_end_arr(w);
	if (strcmp(state, "installing") == 0) {
		json_put_str(w, "step", "write");
		json_put_u64(w, "percent", (i * 7) % 100);
	}
	if (strcmp(state, "failed") == 0)
		json_put_str(w, "error", "disk /dev/vda has bad sectors: 3 of 64 reads failed");
	if (strcmp(state, "ready") != 0)
		json_put_str(w, "installed_image", "compute/0123456789abcdef");
	if (strcmp(state, "up") == 0) {
		json_put_obj(w, "booted");
		json_put_str(w, "mdstat", i == 8 ? MDSTAT_BROKEN : MDSTAT_WHOLE);
		json_end_obj(w);
	}
	json_end_obj(w);
}

static inline void add_nodes(struct dash_state *s, size_t n, size_t digits)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct dash_state news = { 0 };
	struct err err = { 0 };
	struct json_out w;

	json_out_init(&w, &b, false);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "nodes");
	for (size_t i = 0; i < n; i++)
		put_node(&w, i, digits);
	json_end_arr(&w);
	json_end_obj(&w);
	must(node_rows_read(buf_str(&b), b.len, &news.nodes, &err), &err);
	dash_state_take(s, &news, DASH_NODE_ROWS | DASH_DAEMON);
}

static inline void add_status(struct dash_state *s, const char *cluster)
{
	static const char site[] = "{\"groups\":[{\"name\":\"compute\"},{\"name\":\"login\"}],\"heads\":[{\"name\":\"head1\"},{"
				   "\"name\":\"head2\"}]}";
	autofree char *text = cluster ? str_format("{\"version\":\"0.1.0\",\"cluster\":\"%s\",\"head\":\"head1\"}", cluster)
				      : mem_strdup("{\"version\":\"0.1.0\",\"cluster\":null,\"head\":null}");
	struct dash_state news = { 0 };
	struct err err = { 0 };

	must(dash_status_read(text, strlen(text), &news.status, &err), &err);
	if (cluster)
		must(dash_site_read(site, strlen(site), &news.site, &err), &err);
	dash_state_take(s, &news, DASH_STATUS | DASH_SITE | DASH_DAEMON);
}

#define GUARD_SPREAD "{\"count\":3,\"last_us\":12300,\"p50_us\":8000,\"p99_us\":41000,\"worst_us\":41000}"

/* HOLDER NULL: nobody; QUIET: the witness was not heard for five seconds. */
static inline void add_guard(struct dash_state *s, const char *holder, bool quiet)
{
	autofree char *who = holder ? str_format("\"%s\"", holder) : mem_strdup("null");
	autofree char *text = str_format(
		"{\"guard\":{\"self\":\"head1\",\"role\":\"%s\",\"holder\":%s,\"epoch\":7,\"held_us\":10800000000,\"lease_us\":"
		"200000,"
		"\"renew_us\":40000,\"gate\":\"bpf\",\"renewals\":" GUARD_SPREAD ",\"gaps\":" GUARD_SPREAD ",\"voters\":["
		"{\"name\":\"head2\",\"role\":\"head\",\"heard\":true,\"ago_us\":9000,\"quarantine\":false,\"paused\":false,"
		"\"unfit\":false},"
		"{\"name\":\"w1\",\"role\":\"witness\",\"heard\":true,\"ago_us\":%d,\"quarantine\":false,\"paused\":false,"
		"\"unfit\":false}]}}",
		holder && strcmp(holder, "head1") == 0 ? "holder" : "standby", who, quiet ? 5000000 : 11000);
	struct dash_state news = { 0 };
	struct err err = { 0 };

	must(dash_guard_read(text, strlen(text), &news.guard, &err), &err);
	dash_state_take(s, &news, DASH_GUARD);
}

static inline void add_no_guard(struct dash_state *s)
{
	struct dash_state news = { 0 };
	struct err err = { 0 };

	err_set(&err, ERR_NOT_FOUND, "no guard runs on this machine: nobody answers at /run/orthrus-guard/control");
	err_hint(&err, "`systemctl status orthrus-guard` says why");
	dash_silence_set(&news.guard_silence, &err);
	dash_state_take(s, &news, DASH_GUARD);
}

static inline void add_no_daemon(struct dash_state *s)
{
	struct dash_state news = { 0 };
	struct err err = { 0 };

	err_set(&err, ERR_FAILED, "orthrusd does not run here: there is no /run/orthrus/api.sock");
	err_hint(&err, "start it (systemctl start orthrusd), or name another head with --api https://HOST:8443 --ca FILE");
	dash_silence_set(&news.daemon, &err);
	dash_state_take(s, &news, DASH_DAEMON);
}

#define MACHINE(fingerprint, words, mac, state, node, other, conflict, why)                                                      \
	"{\"fingerprint\":\"" fingerprint "\",\"words\":\"" words "\",\"mac\":\"" mac                                            \
	"\",\"from\":\"10.77.0.200\",\"first_seen\":\"a\",\"last_seen\":\"b\",\"state\":\"" state "\",\"node\":" node            \
	",\"other_key\":" other ",\"conflict\":" conflict ",\"why\":\"" why                                                      \
	"\",\"machine\":{\"dmi\":{\"vendor\":\"QEMU\",\"product\":\"Standard PC\",\"serial\":\"S-1\"}}}"

static inline void add_waiting(struct dash_state *s)
{
	static const char text[] = "{\"pending\":[" MACHINE(
		"aa", "TIDE ITCH SLOW REIN RULE MOT", "52:54:00:12:34:56", "pending", "null", "false", "false",
		"") "," MACHINE("bb", "OUT GULF BEAK LOSS RAFT GOLD", "52:54:00:12:34:57", "pending", "\"n04\"", "true", "false",
				"") "," MACHINE("cc", "AD NOSE ROD LIMB MEND FEE", "52:54:00:12:34:58", "pending", "null",
						"false", "true",
						"it looks like two nodes") "," MACHINE("dd", "ABE SIT BUG HUT LEAF TOO",
										       "52:54:00:12:34:59", "rejected", "null",
										       "false", "false", "") "]}";
	struct dash_state news = { 0 };
	struct err err = { 0 };

	must(pending_rows_read(text, sizeof(text) - 1, &news.pending, &err), &err);
	dash_state_take(s, &news, DASH_PENDING_ROWS);
}

#define RECEIVER(node, state, percent, ppm, way, late)                                                                           \
	"{\"node\":\"" node "\",\"state\":\"" state "\",\"way\":\"" way "\",\"percent\":" percent ",\"loss_ppm\":" ppm           \
	",\"straggler\":" late "}"

static inline void add_casts(struct dash_state *s)
{
	static const char text[] =
		"{\"casts\":[{\"image\":\"compute/"
		"0123456789abcdef\",\"state\":\"sending\",\"runs\":true,\"cast\":3,\"seconds\":9,"
		"\"bytes\":1073741824,\"wire_bytes\":734003200,\"sending_ms\":4000,\"rate\":123731968,\"pass\":1,\"loss_ppm\":"
		"1000,"
		"\"rejected\":0,\"complete\":1,\"percent\":62,\"expected\":[],\"nodes\":[" RECEIVER(
			"n03", "receiving", "62", "1000", "cast",
			"false") "," RECEIVER("n07", "lagging", "24", "90000", "cast",
					      "true") "," RECEIVER("n13", "complete", "100", "0", "cast",
								   "false") "," RECEIVER("n17", "silent", "0", "0", "https",
											 "false") "],"
												  "\"findings\":[{\"kind\":"
												  "\"cable\",\"about\":\"n07\","
												  "\"text\":\"n07 loses 9 % and "
												  "nobody else does: look at its "
												  "cable\"}]}],"
												  "\"stopped\":[]}";
	struct dash_state news = { 0 };
	struct err err = { 0 };

	must(cast_views_read(text, sizeof(text) - 1, &news.casts, &err), &err);
	dash_state_take(s, &news, DASH_CAST_VIEWS);
}

static inline void add_events(struct dash_state *s, size_t n)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct dash_state news = { 0 };
	struct err err = { 0 };

	buf_adds(&b, "{\"events\":[");
	for (size_t i = 1; i <= n; i++)
		buf_addf(&b,
			 "%s{\"number\":%zu,\"at\":\"2026-11-21T05:%02zu:%02zuZ\",\"level\":\"%s\",\"kind\":\"node\",\"node\":"
			 "\"n%02zu\","
			 "\"text\":\"%s\"}",
			 i > 1 ? "," : "", i, i / 60 % 60, i % 60, i % 5 ? "info" : "warning", i % 40 + 1,
			 i % 5 ? "its system is up" : "installation failed: disk /dev/vda has bad sectors");
	buf_addf(&b, "],\"last\":%zu}", n);
	must(event_page_read(buf_str(&b), b.len, &news.events, &err), &err);
	dash_state_take(s, &news, DASH_EVENT_ROWS);
}

/* One more, of a hostile machine: what a terminal would obey is shown, not sent. */
static inline void add_long_event(struct dash_state *s)
{
	static const char text[] =
		"{\"events\":[{\"number\":900,\"at\":\"2026-11-21T06:00:00Z\",\"level\":\"warning\",\"kind\":\"node\",\"node\":"
		"\"n01\",\"text\":\"the key GALL BODY RICK GEM SPA LENS is its key now: its MAC address alone, from 10.77.0.9 "
		"\\u001b]0;owned\\u0007 \\u202e\\u009b31m\"}],\"last\":900}";
	struct dash_state news = { 0 };
	struct err err = { 0 };

	must(event_page_read(text, sizeof(text) - 1, &news.events, &err), &err);
	dash_state_take(s, &news, DASH_EVENT_ROWS);
}

/* All of it at once. */
static inline void add_all(struct dash_state *s, size_t nodes, size_t digits)
{
	add_status(s, "beowulf");
	add_guard(s, "head1", false);
	add_nodes(s, nodes, digits);
	add_waiting(s);
	add_casts(s);
	add_events(s, 30);
}

#endif
