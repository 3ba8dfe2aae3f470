/* SPDX-License-Identifier: GPL-2.0-or-later */
/* json-c has a type called json_bool, and we a function: its type is renamed where the two meet, here. */
#define json_bool json_c_bool
#include <json-c/json.h>
#undef json_bool

#include "base/json.h"

#include "base/json_scan.h"
#include "base/mem.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

int json_parse(const char *text, size_t len, struct json_doc *doc, struct err *err)
{
	struct json_tokener *tok;
	enum json_tokener_error status;

	*doc = (struct json_doc){ 0 };
	if (len > INT_MAX - 1)
		return err_set(err, ERR_INVALID, "%zu bytes are too many for a JSON document", len);
	if (json_scan(text, len, err) < 0)
		return -1;
	tok = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
	if (!tok)
		return err_set(err, ERR_FAILED, "out of memory");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	doc->root = json_tokener_parse_ex(tok, text, (int)len);
	status = json_tokener_get_error(tok);
	if (status == json_tokener_continue) { /* a bare number ends only where the text does */
		doc->root = json_tokener_parse_ex(tok, "", 1);
		status = json_tokener_get_error(tok);
	}
	json_tokener_free(tok);
	if (status != json_tokener_success)
		return err_set(err, ERR_INVALID, "json-c does not take the text: %s", json_tokener_error_desc(status));
	return 0;
}

void json_doc_free(struct json_doc *doc)
{
	json_object_put(doc->root);
	doc->root = NULL;
}

static const char *type_name(struct json_object *node)
{
	switch (json_object_get_type(node)) {
	case json_type_null:
		return "null";
	case json_type_boolean:
		return "true or false";
	case json_type_double:
		return "a number with a fraction";
	case json_type_int:
		return "a whole number";
	case json_type_object:
		return "an object";
	case json_type_array:
		return "an array";
	case json_type_string:
		return "a string";
	}
	return "unknown";
}

static int bad_type(const char *path, struct json_object *node, const char *wanted, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s: is %s, but must be %s", path[0] ? path : "the document", type_name(node), wanted);
}

/* "a.b" + "c" -> "a.b.c"; a path that does not fit ends in "...": paths are for people. */
static void path_key(const char *parent, const char *key, char out[JSON_PATH_MAX])
{
	autofree char *shown = str_printable(key, strlen(key));
	autofree char *path = str_format("%s%s%s", parent, parent[0] ? "." : "", shown);

	if (snprintf(out, JSON_PATH_MAX, "%s", path) >= JSON_PATH_MAX)
		memcpy(out + JSON_PATH_MAX - 4, "...", 4);
}

static void path_index(const char *parent, size_t i, char out[JSON_PATH_MAX])
{
	if (snprintf(out, JSON_PATH_MAX, "%s[%zu]", parent, i) >= JSON_PATH_MAX)
		memcpy(out + JSON_PATH_MAX - 4, "...", 4);
}

static int as_obj(struct json_object *node, const char *path, struct json_obj *o, struct err *err)
{
	if (!json_object_is_type(node, json_type_object))
		return bad_type(path, node, "an object", err);
	o->node = node;
	o->n_asked = 0;
	return 0;
}

static int as_arr(struct json_object *node, const char *path, struct json_arr *a, struct err *err)
{
	if (!json_object_is_type(node, json_type_array))
		return bad_type(path, node, "an array", err);
	a->node = node;
	a->len = json_object_array_length(node);
	return 0;
}

int json_root_obj(const struct json_doc *doc, struct json_obj *o, struct err *err)
{
	o->path[0] = '\0';
	return as_obj(doc->root, "", o, err);
}

int json_root_arr(const struct json_doc *doc, struct json_arr *a, struct err *err)
{
	a->path[0] = '\0';
	return as_arr(doc->root, "", a, err);
}

int json_read(const char *text, size_t len, json_reader read, void *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	if (json_parse(text, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0)
		return -1;
	return read(&o, out, err);
}

static struct json_object *lookup(const struct json_obj *o, const char *key)
{
	struct json_object *node = NULL;

	json_object_object_get_ex(o->node, key, &node);
	return node;
}

bool json_has(const struct json_obj *o, const char *key)
{
	return lookup(o, key) != NULL;
}

int json_bad(const struct json_obj *o, const char *key, struct err *err, const char *fmt, ...)
{
	char path[JSON_PATH_MAX], why[512];
	va_list ap;

	path_key(o->path, key, path);
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return err_set(err, ERR_INVALID, "%s: %s", path, why);
}

/* Mark `key` as read and find its value: 1 found, 0 absent and that is allowed, -1 missing. */
static int ask(struct json_obj *o, const char *key, enum json_need need, struct json_object **node, struct err *err)
{
	if (o->n_asked < JSON_KEYS_MAX)
		o->asked[o->n_asked] = key;
	if (o->n_asked <= JSON_KEYS_MAX)
		o->n_asked++;
	*node = lookup(o, key);
	if (*node)
		return 1;
	return need == JSON_MAY ? 0 : json_bad(o, key, err, "is missing");
}

/* The same, and the value must be of `type`. */
static int ask_typed(struct json_obj *o, const char *key, enum json_need need, enum json_type type, const char *wanted,
		     struct json_object **node, struct err *err)
{
	char path[JSON_PATH_MAX];
	int found = ask(o, key, need, node, err);

	if (found <= 0 || json_object_is_type(*node, type))
		return found;
	path_key(o->path, key, path);
	return bad_type(path, *node, wanted, err);
}

/* A new copy of a string node; -1 when it holds a NUL, which a C string would cut at. */
static int copy_string(struct json_object *node, const char *path, char **out, struct err *err)
{
	const char *s = json_object_get_string(node);

	if (strlen(s) != (size_t)json_object_get_string_len(node))
		return err_set(err, ERR_INVALID, "%s: holds a NUL character", path);
	free(*out);
	*out = mem_strdup(s);
	return 0;
}

int json_str(struct json_obj *o, const char *key, enum json_need need, char **out, struct err *err)
{
	struct json_object *node;
	char path[JSON_PATH_MAX];
	int found = ask_typed(o, key, need, json_type_string, "a string", &node, err);

	if (found <= 0)
		return found;
	path_key(o->path, key, path);
	return copy_string(node, path, out, err);
}

int json_bool(struct json_obj *o, const char *key, enum json_need need, bool *out, struct err *err)
{
	struct json_object *node;
	int found = ask_typed(o, key, need, json_type_boolean, "true or false", &node, err);

	if (found <= 0)
		return found;
	*out = json_object_get_boolean(node);
	return 0;
}

int json_u64(struct json_obj *o, const char *key, enum json_need need, uint64_t min, uint64_t max, uint64_t *out, struct err *err)
{
	struct json_object *node;
	uint64_t v;
	int found = ask_typed(o, key, need, json_type_int, "a whole number", &node, err);

	if (found <= 0)
		return found;
	v = json_object_get_uint64(node); /* clamps a negative number to 0 */
	if (json_object_get_int64(node) < 0 || v < min || v > max)
		return json_bad(o, key, err, "%s is not between %llu and %llu", json_object_get_string(node),
				(unsigned long long)min, (unsigned long long)max);
	*out = v;
	return 0;
}

int json_i64(struct json_obj *o, const char *key, enum json_need need, int64_t *out, struct err *err)
{
	struct json_object *node;
	int found = ask_typed(o, key, need, json_type_int, "a whole number", &node, err);

	if (found <= 0)
		return found;
	if (json_object_get_uint64(node) > INT64_MAX) /* json_object_get_int64 would clamp it */
		return json_bad(o, key, err, "%s is too large a number", json_object_get_string(node));
	*out = json_object_get_int64(node);
	return 0;
}

int json_enum(struct json_obj *o, const char *key, enum json_need need, const char *const *names, int *out, struct err *err)
{
	autoclean(buf_free) struct buf all = { 0 };
	autofree char *shown = NULL;
	autofree char *s = NULL;

	if (json_str(o, key, need, &s, err) < 0)
		return -1;
	if (!s)
		return 0;
	for (int i = 0; names[i]; i++) {
		if (str_eq(names[i], s)) {
			*out = i;
			return 0;
		}
		buf_addf(&all, "%s\"%s\"", i ? ", " : "", names[i]);
	}
	shown = str_printable(s, strnlen(s, 64));
	return json_bad(o, key, err, "\"%s\" is not one of %s", shown, buf_str(&all));
}

int json_strs(struct json_obj *o, const char *key, enum json_need need, struct str_list *out, struct err *err)
{
	autoclean(str_list_free) struct str_list list = { 0 };
	struct json_arr a;
	int found = json_arr(o, key, need, &a, err);

	if (found <= 0)
		return found;
	for (size_t i = 0; i < a.len; i++) {
		autofree char *s = NULL;

		if (json_arr_str(&a, i, &s, err) < 0)
			return -1;
		str_list_add(&list, s);
	}
	str_list_free(out);
	*out = list;
	list = (struct str_list){ 0 };
	return 0;
}

int json_obj(struct json_obj *o, const char *key, enum json_need need, struct json_obj *child, struct err *err)
{
	struct json_object *node;
	int found = ask_typed(o, key, need, json_type_object, "an object", &node, err);

	if (found <= 0)
		return found;
	path_key(o->path, key, child->path);
	return as_obj(node, child->path, child, err) < 0 ? -1 : 1;
}

int json_arr(struct json_obj *o, const char *key, enum json_need need, struct json_arr *child, struct err *err)
{
	struct json_object *node;
	int found = ask_typed(o, key, need, json_type_array, "an array", &node, err);

	if (found <= 0)
		return found;
	path_key(o->path, key, child->path);
	return as_arr(node, child->path, child, err) < 0 ? -1 : 1;
}

int json_arr_max(struct json_obj *o, const char *key, enum json_need need, size_t max, struct json_arr *child, struct err *err)
{
	int found = json_arr(o, key, need, child, err);

	if (found > 0 && child->len > max)
		return json_bad(o, key, err, "has %zu entries, at most %zu", child->len, max);
	return found;
}

int json_arr_obj(const struct json_arr *a, size_t i, struct json_obj *child, struct err *err)
{
	path_index(a->path, i, child->path);
	return as_obj(json_object_array_get_idx(a->node, i), child->path, child, err);
}

int json_arr_str(const struct json_arr *a, size_t i, char **out, struct err *err)
{
	struct json_object *node = json_object_array_get_idx(a->node, i);
	char path[JSON_PATH_MAX];

	path_index(a->path, i, path);
	if (!json_object_is_type(node, json_type_string))
		return bad_type(path, node, "a string", err);
	return copy_string(node, path, out, err);
}

static void copy_raw(struct json_object *node, char **out)
{
	free(*out);
	*out = mem_strdup(json_object_to_json_string_ext(node, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

int json_raw(struct json_obj *o, const char *key, enum json_need need, char **out, struct err *err)
{
	struct json_object *node;
	int found = ask(o, key, need, &node, err);

	if (found <= 0)
		return found;
	copy_raw(node, out);
	return 0;
}

int json_arr_raw(const struct json_arr *a, size_t i, char **out, struct err *err)
{
	if (i >= a->len)
		return err_set(err, ERR_INVALID, "%s: has only %zu elements", a->path, a->len);
	copy_raw(json_object_array_get_idx(a->node, i), out);
	return 0;
}

size_t json_keys(const struct json_obj *o, const char **keys, size_t max)
{
	size_t n = 0;

	for (struct lh_entry *e = json_object_get_object(o->node)->head; e && n < max; e = e->next)
		keys[n++] = lh_entry_k(e);
	return n;
}

static bool was_asked(const struct json_obj *o, const char *key)
{
	for (size_t i = 0; i < o->n_asked && i < JSON_KEYS_MAX; i++)
		if (str_eq(o->asked[i], key))
			return true;
	return false;
}

int json_obj_end(struct json_obj *o, struct err *err)
{
	autoclean(buf_free) struct buf known = { 0 };
	const char *unread = NULL, *near;

	if (o->n_asked > JSON_KEYS_MAX)
		return 0;
	for (struct lh_entry *e = json_object_get_object(o->node)->head; e && !unread; e = e->next)
		if (!was_asked(o, lh_entry_k(e)))
			unread = lh_entry_k(e);
	if (!unread)
		return 0;
	for (size_t i = 0; i < o->n_asked; i++)
		buf_addf(&known, "%s%s", i ? ", " : "", o->asked[i]);
	near = str_nearest(unread, o->asked, o->n_asked);
	json_bad(o, unread, err, "unknown key; known are: %s", buf_str(&known));
	if (near)
		err_hint(err, "did you mean \"%s\"?", near);
	return -1;
}
