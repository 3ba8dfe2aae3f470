/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compares the canonical JSON of both: a part of the site that is new tomorrow is compared too. */
#include "daemon/site_diff.h"

#include "base/mem.h"
#include "daemon/json_diff.h"

#include <string.h>

#define KEYS_MAX JSON_KEYS_MAX

/* The lists of named things, and what one of them is called. */
static const struct {
	const char *key, *one;
} lists[] = {
	{ "networks", "network" },	 { "heads", "head" },	     { "service_addresses", "service address" },
	{ "images", "image" },		 { "groups", "node group" }, { "disk_layouts", "disk layout" },
	{ "nodes", "settings of node" },
};

/* One side: "group compute" -> its JSON. Parts that are no lists of named things are under their key: "cluster". */
struct parts {
	struct str_list names, values;
};

static void parts_free(struct parts *p)
{
	str_list_free(&p->names);
	str_list_free(&p->values);
}

static const char *find(const struct parts *p, const char *name)
{
	for (size_t i = 0; i < p->names.len; i++)
		if (str_eq(p->names.items[i], name))
			return p->values.items[i];
	return NULL;
}

static const char *singular(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (str_eq(lists[i].key, key))
			return lists[i].one;
	return NULL;
}

/* A group's JSON with what it has from the group it extends: that changes too, when the other is changed. */
static int whole_group(const struct site *site, const char *name, struct json_obj *e, char **raw, struct err *err)
{
	const struct site_group *g = site_group(site, name);
	const struct {
		const char *key, *value;
	} own[] = { { "image", g->image }, { "layout", g->layout }, { "network", g->network }, { "boot", g->boot } };
	autoclean(buf_free) struct buf text = { 0 };
	const char *keys[KEYS_MAX];
	size_t n = json_keys(e, keys, KEYS_MAX);
	struct json_out w;

	json_out_init(&w, &text, false);
	json_put_obj(&w, NULL);
	for (size_t i = 0; i < n; i++) {
		autofree char *value = NULL;

		if (str_eq(keys[i], "bmc")) /* of which each member may be inherited: below */
			continue;
		if (json_raw(e, keys[i], JSON_MUST, &value, err) < 0)
			return -1;
		json_put_raw(&w, keys[i], value);
	}
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (own[i].value && !json_has(e, own[i].key))
			json_put_str(&w, own[i].key, own[i].value);
	if (!json_has(e, "kernel_args"))
		json_put_strs(&w, "kernel_args", &g->kernel_args);
	if (g->bmc_protocol || g->bmc_user) {
		json_put_obj(&w, "bmc");
		if (g->bmc_protocol)
			json_put_str(&w, "protocol", g->bmc_protocol);
		if (g->bmc_user)
			json_put_str(&w, "user", g->bmc_user);
		json_end_obj(&w);
	}
	if (!json_has(e, "interfaces"))
		site_interfaces_print(site_interfaces(site, name, NULL), &w);
	json_end_obj(&w);
	free(*raw);
	*raw = buf_steal(&text);
	return 0;
}

static int take_list(const struct site *site, struct json_obj *o, const char *key, struct parts *out, struct err *err)
{
	struct json_arr a;

	if (json_arr(o, key, JSON_MUST, &a, err) < 0)
		return -1;
	for (size_t i = 0; i < a.len; i++) {
		autofree char *name = NULL;
		autofree char *raw = NULL;
		struct json_obj e;

		if (json_arr_obj(&a, i, &e, err) < 0 || json_str(&e, "name", JSON_MUST, &name, err) < 0 ||
		    json_arr_raw(&a, i, &raw, err) < 0)
			return -1;
		if (str_eq(key, "groups") && whole_group(site, name, &e, &raw, err) < 0)
			return -1;
		str_list_addf(&out->names, "%s %s", singular(key), name);
		str_list_add(&out->values, raw);
	}
	return 0;
}

/* "cluster": {"name": ..} -> "cluster.name" */
static int take_members(struct json_obj *o, const char *key, struct parts *out, struct err *err)
{
	const char *keys[KEYS_MAX];
	struct json_obj child;
	size_t n;

	if (json_obj(o, key, JSON_MUST, &child, err) < 0)
		return -1;
	n = json_keys(&child, keys, KEYS_MAX);
	for (size_t i = 0; i < n; i++) {
		autofree char *raw = NULL;

		if (json_raw(&child, keys[i], JSON_MUST, &raw, err) < 0)
			return -1;
		str_list_addf(&out->names, "%s.%s", key, keys[i]);
		str_list_add(&out->values, raw);
	}
	return 0;
}

static int take_apart(const struct site *site, struct parts *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	const char *keys[KEYS_MAX];
	struct json_obj o;
	size_t n;

	site_print(site, &text);
	if (json_parse(buf_str(&text), text.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0)
		return -1;
	n = json_keys(&o, keys, KEYS_MAX);
	for (size_t i = 0; i < n; i++) {
		autofree char *raw = NULL;

		if (singular(keys[i])) {
			if (take_list(site, &o, keys[i], out, err) < 0)
				return -1;
			continue;
		}
		if (str_eq(keys[i], "format"))
			continue;
		if (json_raw(&o, keys[i], JSON_MUST, &raw, err) < 0)
			return -1;
		if (raw[0] == '{') {
			if (take_members(&o, keys[i], out, err) < 0)
				return -1;
			continue;
		}
		str_list_add(&out->names, keys[i]);
		str_list_add(&out->values, raw);
	}
	return 0;
}

static void say(struct plan *plan, const char *what, const char *name, char *text)
{
	autofree char *step = str_format("%s:%s", what, name);

	plan_add(plan, 0, PLAN_WRITES, step, text, NULL, NULL);
}

/* A thing has a kind and a name, "node group compute"; a value only its path, "cluster.name". */
static bool is_value(const char *name)
{
	return strchr(name, ' ') == NULL;
}

static void say_new(struct plan *plan, const char *name, const char *now)
{
	autofree char *shown = json_diff_shown(now);

	if (is_value(name))
		say(plan, "set", name, str_format("set %s to %s", name, shown));
	else
		say(plan, "add", name, str_format("add %s", name));
}

static void say_gone(struct plan *plan, const char *name, const char *before)
{
	autofree char *shown = json_diff_shown(before);

	say(plan, "remove", name,
	    is_value(name) ? str_format("remove %s, which is %s", name, shown) : str_format("remove %s", name));
}

static int say_changed(struct plan *plan, const char *name, const char *before, const char *now, struct err *err)
{
	struct json_place at = { .thing = is_value(name) ? "" : name, .path = is_value(name) ? name : "" };

	return json_diff(&at, before, now, plan, err);
}

/* The order counts: nodes talk to the first head unless there is a service address. */
static void say_orders(const struct parts *was, const struct parts *is, struct plan *plan)
{
	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		autoclean(str_list_free) struct str_list before = { 0 }, now = { 0 };
		autofree char *start = str_format("%s ", lists[k].one);
		struct json_place at = { .thing = "", .path = lists[k].key };

		for (size_t i = 0; i < was->names.len; i++)
			if (str_starts(was->names.items[i], start))
				str_list_add(&before, was->names.items[i] + strlen(start));
		for (size_t i = 0; i < is->names.len; i++)
			if (str_starts(is->names.items[i], start))
				str_list_add(&now, is->names.items[i] + strlen(start));
		json_diff_order(&at, &before, &now, plan);
	}
}

int site_diff(const struct site *old, const struct site *new_site, struct plan *plan, struct err *err)
{
	autoclean(parts_free) struct parts was = { 0 };
	autoclean(parts_free) struct parts is = { 0 };

	if ((old && take_apart(old, &was, err) < 0) || take_apart(new_site, &is, err) < 0)
		return err_wrap(err, "compare the sites");
	for (size_t i = 0; i < is.names.len; i++) {
		const char *name = is.names.items[i], *before = find(&was, name);

		if (!before)
			say_new(plan, name, is.values.items[i]);
		else if (say_changed(plan, name, before, is.values.items[i], err) < 0)
			return err_wrap(err, "compare the sites");
	}
	for (size_t i = 0; i < was.names.len; i++)
		if (!find(&is, was.names.items[i]))
			say_gone(plan, was.names.items[i], was.values.items[i]);
	say_orders(&was, &is, plan);
	return 0;
}
