/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What another site means for nodes: what they get, and when. */
#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/site_steps.h"
#include "installer/order.h"

#include <stdlib.h>
#include <string.h>

void site_wish_print(const struct order *o, const char *image, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "image", image);
	json_put_str(&w, "domain", o->domain);
	layout_print(&o->layout, &w, "layout");
	json_put_strs(&w, "kernel_args", &o->kernel_args);
	json_put_str(&w, "serial_console", o->serial_console);
	json_put_str(&w, "timezone", o->timezone);
	json_put_str(&w, "admin_keys", o->admin_keys);
	json_put_strs(&w, "ntp", &o->ntp);
	json_put_strs(&w, "hosts", &o->hosts);
	order_networks_print(&o->networks, &w);
	json_put_str(&w, "server_url", o->server_url);
	json_end_obj(&w);
}

/* The keys of a wish, for people. */
static const struct {
	const char *key, *word;
} parts[] = {
	{ "image", "image" },
	{ "domain", "domain" },
	{ "layout", "disk layout" },
	{ "kernel_args", "kernel arguments" },
	{ "serial_console", "serial console" },
	{ "timezone", "time zone" },
	{ "admin_keys", "administrators' ssh keys" },
	{ "ntp", "time servers" },
	{ "hosts", "/etc/hosts" },
	{ "networks", "network configuration" },
	{ "server_url", "address of the head" },
	{ "error", "what can be made of its networks" },
};

/* "image, time zone"; empty when nothing differs. A key that has no word here is told as it is. */
static int differing(const struct site_wish *wish, struct buf *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc a = { 0 }, b = { 0 };
	const char *keys[2 * JSON_KEYS_MAX];
	struct json_obj was, is;
	size_t n, of_now;

	if (str_eq(wish->before, wish->after))
		return 0;
	if (json_parse(wish->before, strlen(wish->before), &a, err) < 0 || json_root_obj(&a, &was, err) < 0 ||
	    json_parse(wish->after, strlen(wish->after), &b, err) < 0 || json_root_obj(&b, &is, err) < 0)
		return -1;
	of_now = n = json_keys(&is, keys, JSON_KEYS_MAX);
	n += json_keys(&was, keys + n, JSON_KEYS_MAX);
	for (size_t i = 0; i < n; i++) {
		autofree char *before = NULL, *now = NULL;
		const char *word = keys[i];

		/* A node that runs from memory has no layout. */
		if ((i >= of_now && json_has(&is, keys[i])) || (wish->runs == SITE_RUNS_MEMORY && str_eq(keys[i], "layout")))
			continue;
		if (json_raw(&was, keys[i], JSON_MAY, &before, err) < 0 || json_raw(&is, keys[i], JSON_MAY, &now, err) < 0)
			return -1;
		if (str_eq(before, now))
			continue;
		for (size_t k = 0; k < ARRAY_LEN(parts); k++)
			if (str_eq(parts[k].key, keys[i]))
				word = parts[k].word;
		buf_addf(out, "%s%s", out->len ? ", " : "", word);
	}
	return 0;
}

/* Nodes for which the same differs, and that run the same. */
struct alike {
	enum site_runs runs;
	char *what;
	struct nodeset nodes;
};
struct alikes {
	struct alike *items;
	size_t len, cap;
};

static void alikes_free(struct alikes *l)
{
	for (size_t i = 0; i < l->len; i++) {
		free(l->items[i].what);
		nodeset_free(&l->items[i].nodes);
	}
	free(l->items);
}

static int put(struct alikes *l, enum site_runs runs, const char *what, const char *node, struct err *err)
{
	size_t i = 0;

	while (i < l->len && (l->items[i].runs != runs || !str_eq(l->items[i].what, what)))
		i++;
	if (i == l->len) {
		l->items = mem_room(l->items, l->len, &l->cap, sizeof(*l->items));
		l->items[l->len++] = (struct alike){ .runs = runs, .what = mem_strdup(what) };
	}
	return nodeset_add(&l->items[i].nodes, node, err);
}

static void say_alike(struct alike *a, size_t number, struct plan *plan)
{
	autofree char *name = str_format("nodes:%zu", number);
	autoclean(buf_free) struct buf nodes = { 0 };
	struct site_step about = { .when = a->runs == SITE_RUNS_MEMORY ? "next-boot" : "next-installation" };

	nodeset_fold(&a->nodes, &nodes);
	about.nodes = mem_strdup(buf_str(&nodes));
	switch (a->runs) {
	case SITE_RUNS_NOTHING:
		site_step_add(plan, SITE_STEP_NODES, name, &about, "%s: %s, when installed", about.nodes, a->what);
		break;
	case SITE_RUNS_DISK:
		site_step_add(plan, SITE_STEP_NODES, name, &about,
			      "%s: %s, at the next installation (orthrus node install %s); until then they run as they are",
			      about.nodes, a->what, about.nodes);
		break;
	case SITE_RUNS_MEMORY:
		site_step_add(plan, SITE_STEP_NODES, name, &about, "%s: %s, at the next boot", about.nodes, a->what);
		break;
	}
}

/* What a machine is told to do as a relay of casts; NULL: it is none. */
static char *relay_words(const struct site *site, const char *machine)
{
	autoclean(buf_free) struct buf out = { 0 };

	for (size_t i = 0; i < site->cast.n_relays; i++) {
		struct site_relay_role role = { 0 };

		if (!str_eq(site->cast.relays[i].machine, machine))
			continue;
		site_relay_role(site, &site->cast.relays[i], &role);
		site_relay_words(&role, &out);
		site_relay_role_free(&role);
	}
	return out.len ? buf_steal(&out) : NULL;
}

static void say_relay(const struct site_facts *f, const char *node, struct plan *plan)
{
	autofree char *was = relay_words(f->old, node), *is = relay_words(f->site, node), *name = str_format("relay:%s", node);
	struct site_step about = { .when = "now" };

	if (str_eq(was, is))
		return;
	about.nodes = mem_strdup(node);
	site_step_add(plan, SITE_STEP_NODES, name, &about, "%s: %s, within minutes and without a restart", node,
		      !is   ? "brings casts on no more"
		      : was ? "brings casts on elsewhere"
			    : "brings casts into its network");
}

int site_steps_nodes(const struct site_facts *f, struct plan *plan, struct err *err)
{
	autoclean(alikes_free) struct alikes all = { 0 };

	for (size_t i = 0; i < f->n_wishes; i++) {
		autoclean(buf_free) struct buf what = { 0 };

		if (differing(&f->wishes[i], &what, err) < 0)
			return err_wrap(err, "%s", f->wishes[i].node);
		if (what.len && put(&all, f->wishes[i].runs, buf_str(&what), f->wishes[i].node, err) < 0)
			return -1;
		say_relay(f, f->wishes[i].node, plan);
	}
	for (size_t i = 0; i < all.len; i++)
		say_alike(&all.items[i], i + 1, plan);
	return 0;
}

static bool is_on(const struct site *site, const struct site_wish *w, const char *network)
{
	const struct site_interfaces *l = site_interfaces(site, w->group, w->node);

	for (size_t i = 0; i < l->len; i++)
		if (str_eq(l->items[i].network, network))
			return true;
	return false;
}

int site_steps_networks(const struct site_facts *f, struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < f->old->n_networks; i++) {
		const char *name = f->old->networks[i].name;
		autofree char *step = str_format("danger:network:%s", name);
		autoclean(nodeset_free) struct nodeset nodes = { 0 };
		autoclean(buf_free) struct buf folded = { 0 };

		if (f->old->networks[i].role == SITE_PROVISION || site_network(f->site, name))
			continue;
		for (size_t k = 0; k < f->n_wishes; k++)
			if (is_on(f->old, &f->wishes[k], name) && nodeset_add(&nodes, f->wishes[k].node, err) < 0)
				return -1;
		if (!nodeset_count(&nodes))
			continue;
		nodeset_fold(&nodes, &folded);
		site_step_add(
			plan, SITE_STEP_DANGER, step, NULL,
			"network %s goes, and these nodes use it: %s. Their addresses on it belong to nobody from now on, though "
			"installed nodes keep them until they are installed again",
			name, buf_str(&folded));
	}
	return 0;
}
