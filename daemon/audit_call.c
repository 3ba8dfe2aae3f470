/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/audit_call.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/nodeset.h"
#include "base/str.h"
#include "daemon/power.h"

#include <string.h>

bool audit_is_report(const char *method, const char *pattern)
{
	static const char *const reports[] = { "/v1/imager/hello",  "/v1/imager/event", "/v1/imager/done",
					       "/v1/imager/booted", "/v1/imager/cast",	"/v1/enrol",
					       "/v1/images/look",   "/v1/hostkey",	"/v1/console/:name" };

	if (!str_eq(method, "POST"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(reports); i++)
		if (str_eq(reports[i], pattern))
			return true;
	return false;
}

static bool open_body(const char *body, size_t len, struct json_doc *doc, struct json_obj *o)
{
	struct err ignored = { 0 };

	return len && json_parse(body, len, doc, &ignored) == 0 && json_root_obj(doc, o, &ignored) == 0;
}

bool audit_is_plan(const char *body, size_t len)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct err ignored = { 0 };
	struct json_obj o;
	bool plan = false;

	return open_body(body, len, &doc, &o) && json_bool(&o, "plan", JSON_MAY, &plan, &ignored) == 0 && plan;
}

/* The "act" of POST /v1/power when it is one of the words; else NULL. */
static const char *power_act(const char *pattern, const char *body, size_t len, enum power_ask *ask)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *act = NULL;
	struct err ignored = { 0 };
	struct json_obj o;

	if (!str_eq(pattern, "/v1/power") || !open_body(body, len, &doc, &o) || json_str(&o, "act", JSON_MAY, &act, &ignored) < 0)
		return NULL;
	for (size_t i = 0; power_ask_names[i]; i++) {
		*ask = (enum power_ask)i;
		if (str_eq(power_ask_names[i], act))
			return power_ask_names[i];
	}
	return NULL;
}

bool audit_is_look(const char *pattern, const char *body, size_t len)
{
	enum power_ask ask;

	return power_act(pattern, body, len, &ask) && ask <= POWER_LAST_READ;
}

/* "cast stop NAME/ID", or "cast stop all". What is no name of an image is left out: the handler refuses it. */
static char *cast_act(const char *pattern, const char *body, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *image = NULL;
	struct err ignored = { 0 };
	struct json_obj o;

	if (!str_starts(pattern, "/v1/casts/") || !open_body(body, len, &doc, &o) ||
	    json_str(&o, "image", JSON_MAY, &image, &ignored) < 0 || (image && image[strspn(image, letters)]))
		return NULL;
	return str_format("cast %s %s", pattern + strlen("/v1/casts/"), image ? image : "all");
}

char *audit_what(const char *pattern, const char *body, size_t len)
{
	enum power_ask ask;
	const char *act = power_act(pattern, body, len, &ask);

	return act ? str_format("power %s", act) : cast_act(pattern, body, len);
}

/* A name that is none is left out: the handler refuses it. */
static void add_name(struct nodeset *set, const char *name)
{
	struct err ignored = { 0 };

	if (name && str_check_hostname(name, &ignored) == 0 && nodeset_add(set, name, &ignored) < 0)
		return;
}

static void add_list(struct json_obj *o, const char *list, const char *key, struct nodeset *set)
{
	struct err ignored = { 0 };
	struct json_arr arr;

	if (json_arr(o, list, JSON_MAY, &arr, &ignored) <= 0)
		return;
	for (size_t i = 0; i < arr.len; i++) {
		autofree char *name = NULL;
		struct json_obj item;

		if (json_arr_obj(&arr, i, &item, &ignored) == 0) {
			if (json_str(&item, key, JSON_MAY, &name, &ignored) < 0)
				continue;
		} else if (json_arr_str(&arr, i, &name, &ignored) < 0) {
			continue;
		}
		add_name(set, name);
	}
}

char *audit_nodes(const char *body, size_t len)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(nodeset_free) struct nodeset set = { 0 };
	autoclean(buf_free) struct buf folded = { 0 };
	autofree char *node = NULL;
	struct err ignored = { 0 };
	struct json_obj o;

	if (!open_body(body, len, &doc, &o))
		return NULL;
	add_list(&o, "nodes", "name", &set);
	add_list(&o, "items", "node", &set);
	if (json_str(&o, "node", JSON_MAY, &node, &ignored) == 0)
		add_name(&set, node);
	nodeset_fold(&set, &folded);
	return folded.len ? buf_steal(&folded) : NULL;
}

/* SHA-256(key || SHA-256(key || what || 0 || body)): keyed inside and outside, as HMAC (RFC 2104) is. */
void audit_digest(const uint8_t key[AUDIT_KEY_LEN], const char *what, const char *body, size_t len, char hex[DIGEST_HEX_LEN])
{
	struct digest_ctx *inner = digest_new();
	struct digest_ctx *outer = digest_new();
	struct digest d;

	digest_add(inner, key, AUDIT_KEY_LEN);
	digest_add(inner, what, strlen(what) + 1);
	digest_add(inner, body, len);
	digest_end(inner, &d);
	digest_add(outer, key, AUDIT_KEY_LEN);
	digest_add(outer, d.bytes, DIGEST_LEN);
	digest_end(outer, &d);
	digest_hex(&d, hex);
}
