/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON in and out, strictly (RFC 8259): the only module that knows json-c. Documents fill typed structs; no tree travels.
 *
 * Reading idiom (every value that goes wrong is named by its path, e.g. "networks[1].ipv4.subnet"):
 *
 *	autoclean(json_doc_free) struct json_doc doc = { 0 };
 *	struct json_obj o;
 *	if (json_parse(text, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0) return -1;
 *	if (json_str(&o, "name", JSON_MUST, &x->name, err) < 0 ||
 *	    json_u64(&o, "port", JSON_MAY, 1, 65535, &x->port, err) < 0)
 *		return -1;
 *	return json_obj_end(&o, err); // an unread key is an error that names it and lists the keys that exist
 */
#ifndef ORTHRUS_BASE_JSON_H
#define ORTHRUS_BASE_JSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object; /* json-c */

#define JSON_PATH_MAX 256
#define JSON_KEYS_MAX 64
#define JSON_DEPTH_MAX 32

struct json_doc {
	struct json_object *root;
};

/* Strict: UTF-8 checked, no duplicate key, no trailing bytes, depth <= JSON_DEPTH_MAX; ERR_INVALID gives line and column. */
int json_parse(const char *text, size_t len, struct json_doc *doc, struct err *err) WARN_UNUSED;
void json_doc_free(struct json_doc *doc);

enum json_need { JSON_MUST, JSON_MAY }; /* JSON_MAY: absent leaves *out as it was and returns 0 */

/* An object being read; points into the document. Remembers which keys were asked for (the strings must live until json_obj_end).
 * An object asked for more than JSON_KEYS_MAX keys is a map whose keys came from json_keys(): none of them can be left unread. */
struct json_obj {
	struct json_object *node;
	char path[JSON_PATH_MAX];
	const char *asked[JSON_KEYS_MAX];
	size_t n_asked;
};
/* An array being read. */
struct json_arr {
	struct json_object *node;
	char path[JSON_PATH_MAX];
	size_t len;
};

/* A whole text that is one object, where nothing of the document is needed afterwards: `read` fills `out` from it and ends with
 * json_obj_end(). What it took before it failed is the caller's to free. */
typedef int (*json_reader)(struct json_obj *o, void *out, struct err *err);
int json_read(const char *text, size_t len, json_reader read, void *out, struct err *err) WARN_UNUSED;
int json_root_obj(const struct json_doc *doc, struct json_obj *o, struct err *err) WARN_UNUSED;
int json_root_arr(const struct json_doc *doc, struct json_arr *a, struct err *err) WARN_UNUSED;
bool json_has(const struct json_obj *o, const char *key); /* present (null counts as absent); does not mark it read */
/* Strings are new and belong to the caller; an old *out is freed first. A NUL inside is an error. */
int json_str(struct json_obj *o, const char *key, enum json_need need, char **out, struct err *err) WARN_UNUSED;
int json_bool(struct json_obj *o, const char *key, enum json_need need, bool *out, struct err *err) WARN_UNUSED;
int json_u64(struct json_obj *o, const char *key, enum json_need need, uint64_t min, uint64_t max, uint64_t *out,
	     struct err *err) WARN_UNUSED;
int json_i64(struct json_obj *o, const char *key, enum json_need need, int64_t *out, struct err *err) WARN_UNUSED;
/* One of `names` (NULL-terminated); *out is its index. */
int json_enum(struct json_obj *o, const char *key, enum json_need need, const char *const *names, int *out,
	      struct err *err) WARN_UNUSED;
int json_strs(struct json_obj *o, const char *key, enum json_need need, struct str_list *out, struct err *err) WARN_UNUSED;
/* Present and right -> 1; absent with JSON_MAY -> 0; else -1. */
int json_obj(struct json_obj *o, const char *key, enum json_need need, struct json_obj *child, struct err *err) WARN_UNUSED;
int json_arr(struct json_obj *o, const char *key, enum json_need need, struct json_arr *child, struct err *err) WARN_UNUSED;
/* An array of more than `max` elements is wrong too: for what comes over the network. */
int json_arr_max(struct json_obj *o, const char *key, enum json_need need, size_t max, struct json_arr *child,
		 struct err *err) WARN_UNUSED;
int json_arr_obj(const struct json_arr *a, size_t i, struct json_obj *child, struct err *err) WARN_UNUSED;
int json_arr_str(const struct json_arr *a, size_t i, char **out, struct err *err) WARN_UNUSED;
/* The text of any value (compact JSON), for documents stored inside documents. Caller frees. */
int json_raw(struct json_obj *o, const char *key, enum json_need need, char **out, struct err *err) WARN_UNUSED;
int json_arr_raw(const struct json_arr *a, size_t i, char **out, struct err *err) WARN_UNUSED;
/* Keys of an object used as a map, in document order; the pointers live as long as the document. */
size_t json_keys(const struct json_obj *o, const char **keys, size_t max);
int json_obj_end(struct json_obj *o, struct err *err) WARN_UNUSED;
/* An ERR_INVALID at o.key: `json_bad(&o, "vip", err, "%s is outside %s", ...)` -> "heads.vip: 10.0.0.1 is outside 10.1.0.0/16".
 * Returns -1. */
int json_bad(const struct json_obj *o, const char *key, struct err *err, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Writing: keys keep the order written. Compact, or indented by 2 with a final newline. */
struct json_out {
	struct buf *buf;
	bool pretty, need_comma;
	unsigned int depth;
};
void json_out_init(struct json_out *w, struct buf *buf, bool pretty);
/* `key` is NULL inside an array and at the top. */
void json_put_obj(struct json_out *w, const char *key);
void json_end_obj(struct json_out *w);
void json_put_arr(struct json_out *w, const char *key);
void json_end_arr(struct json_out *w);
void json_put_str(struct json_out *w, const char *key, const char *value); /* NULL writes null; invalid UTF-8 becomes U+FFFD */
void json_put_u64(struct json_out *w, const char *key, uint64_t value);
void json_put_i64(struct json_out *w, const char *key, int64_t value);
void json_put_bool(struct json_out *w, const char *key, bool value);
void json_put_f64(struct json_out *w, const char *key, double value);	  /* 3 digits after the point */
void json_put_raw(struct json_out *w, const char *key, const char *json); /* trusted, already JSON */
void json_put_strs(struct json_out *w, const char *key, const struct str_list *list);
void json_put_err(struct json_out *w, const char *key, const struct err *err); /* {"kind": "refused", "text": .., "hint": ..} */

#endif
