/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Casts into another network, for as long as this runs: docs/adr/0010-relays.md. */
#include "cast/relay.h"
#include "base/mem.h"
#include "cmd/cast_watch.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "site/site.h"

#include <stdio.h>

static int find(const struct site *s, const char *network, const struct site_relay **out, struct err *err)
{
	autoclean(buf_free) struct buf names = { 0 };

	*out = site_relay(&s->cast, network);
	if (*out)
		return 0;
	for (size_t i = 0; i < s->cast.n_relays; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", s->cast.relays[i].network);
	err_set(err, ERR_NOT_FOUND, "site.json has no relay for a network '%s'", network);
	return names.len ? err_hint(err, "it has relays for: %s", buf_str(&names))
			 : err_hint(err, "it is written in cast.relays: site.json(5)");
}

static void list(const struct str_list *l, struct buf *out)
{
	for (size_t i = 0; i < l->len; i++)
		buf_addf(out, "%s%s", i ? ", " : "", l->items[i]);
}

static void print_plan(const struct cmd *c, const struct site_relay_role *o, const char *network)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(buf_free) struct buf from = { 0 }, to = { 0 }, words = { 0 };

	list(&o->from, &from);
	list(&o->to, &to);
	site_relay_words(o, &words);
	plan_add(&plan, 0, PLAN_READS, "take",
		 str_format("take the packets of casts at %s, port %llu, from %s", o->address, (unsigned long long)o->port,
			    buf_str(&from)),
		 NULL, NULL);
	plan_add(&plan, 1, PLAN_READS, "bring",
		 str_format("send them to network %s, to the %d groups from %s on", network, RELAY_GROUPS, o->group), NULL, NULL);
	if (o->to.len)
		plan_add(&plan, 2, PLAN_READS, "pass", str_format("send them to the relays at %s, too", buf_str(&to)), NULL,
			 NULL);
	plan_add(&plan, 3, PLAN_READS, "node", str_format("on a node: orthrus-node relay %s", buf_str(&words)), NULL, NULL);
	cmd_print_plan(c, &plan);
}

static void on_tick(void *ctx, struct progress *p)
{
	(void)ctx;
	(void)p; /* it has no end that it could be on its way to */
}

static void on_stop(void *ctx)
{
	relay_stop(ctx);
}

static void print_result(const struct cmd *c, const struct relay *r)
{
	autoclean(buf_free) struct buf out = { 0 };
	char bytes[STR_BYTES_MAX];
	struct relay_view v;
	struct json_out w;

	relay_look(r, &v);
	str_from_bytes(v.bytes, bytes);
	cmd_say(c, "%s in %llu packets were passed on; %llu were refused, %llu could not leave, %llu came too fast", bytes,
		(unsigned long long)v.packets, (unsigned long long)v.refused, (unsigned long long)v.lost,
		(unsigned long long)v.dropped);
	if (!c->json)
		return;
	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "packets", v.packets);
	json_put_u64(&w, "bytes", v.bytes);
	json_put_u64(&w, "refused", v.refused);
	json_put_u64(&w, "lost", v.lost);
	json_put_u64(&w, "dropped", v.dropped);
	json_put_u64(&w, "cpu_ms", (uint64_t)(cast_cpu_seconds() * 1000));
	json_put_u64(&w, "memory_bytes", cast_memory_bytes());
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

static int run(struct cmd *c, struct relay *r, struct err *err)
{
	struct cast_watch watch = { .tick = on_tick, .stop = on_stop, .ctx = r };
	int rc;

	if (cast_watch_start(&watch, c, err) < 0)
		return -1;
	rc = relay_run(r, err);
	cast_watch_end(&watch);
	if (rc == 0)
		print_result(c, r);
	return rc;
}

int cmd_cast_relay(struct cmd *c, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(site_relay_role_free) struct site_relay_role role = { 0 };
	const struct site_relay *me;
	struct relay_opts opts;
	struct relay *r;
	int rc;

	if (cmd_args(c, 1, 1, err) < 0 || cmd_read_site(c->site_path, &text, err) < 0 ||
	    site_read(buf_str(&text), text.len, c->site_path, &site, err) < 0 || find(&site, c->argv[0], &me, err) < 0)
		return -1;
	site_relay_role(&site, me, &role);
	if (c->plan) {
		print_plan(c, &role, me->network);
		return 0;
	}
	if (relay_words(&opts, role.address, role.port, role.group, &role.from, &role.to, err) < 0)
		return -1;
	if (relay_open(&opts, &r, err) < 0)
		return err_hint(err, "it runs on %s, which has that address in network %s", me->machine, me->network);
	cmd_say(c, "casts that come to %s, port %llu, go on to network %s", role.address, (unsigned long long)role.port,
		me->network);
	fflush(stdout);
	rc = run(c, r, err);
	relay_close(r);
	return rc;
}
