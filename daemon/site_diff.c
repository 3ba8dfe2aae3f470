/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compares the canonical JSON of both: a part of the site that is new tomorrow is compared too. */
#include "daemon/site_diff.h"

#include "base/mem.h"

#include <string.h>

#define KEYS_MAX JSON_KEYS_MAX

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
	static const char *const words[][2] = {
		{ "networks", "network" }, { "heads", "head" },	       { "service_addresses", "service address" },
		{ "images", "image" },	   { "groups", "node group" }, { "disk_layouts", "disk layout" },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_eq(words[i][0], key))
			return words[i][1];
	return NULL;
}

static int take_list(struct json_obj *o, const char *key, struct parts *out, struct err *err)
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
			if (take_list(&o, keys[i], out, err) < 0)
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

static void say(struct plan *plan, const char *what, const char *name, const char *from, const char *to)
{
	autofree char *step = str_format("%s:%s", what, name);
	bool is_short = to && strlen(to) <= 60 && (!from || strlen(from) <= 60);
	char *text;

	if (is_short && from)
		text = str_format("%s %s from %s to %s", what, name, from, to);
	else if (is_short)
		text = str_format("%s %s to %s", what, name, to);
	else
		text = str_format("%s %s", what, name);
	plan_add(plan, 0, PLAN_WRITES, step, text, NULL, NULL);
}

static bool is_value(const char *name)
{
	return strchr(name, ' ') == NULL;
}

int site_diff(const struct site *old, const struct site *new_site, struct plan *plan, struct err *err)
{
	autoclean(parts_free) struct parts was = { 0 };
	autoclean(parts_free) struct parts is = { 0 };

	if ((old && take_apart(old, &was, err) < 0) || take_apart(new_site, &is, err) < 0)
		return err_wrap(err, "compare the sites");
	for (size_t i = 0; i < is.names.len; i++) {
		const char *name = is.names.items[i], *before = find(&was, name), *now = is.values.items[i];

		if (!before)
			say(plan, is_value(name) ? "set" : "add", name, NULL, is_value(name) ? now : NULL);
		else if (!str_eq(before, now))
			say(plan, "change", name, is_value(name) ? before : NULL, is_value(name) ? now : NULL);
	}
	for (size_t i = 0; i < was.names.len; i++)
		if (!find(&is, was.names.items[i]))
			say(plan, "remove", was.names.items[i], NULL, NULL);
	return 0;
}
