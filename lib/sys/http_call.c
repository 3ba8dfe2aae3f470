/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/http_call.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct http_call *http_call_new(const char *method, const char *path, int64_t now_ns)
{
	struct http_call *call = mem_zalloc(sizeof(*call));

	http_call_ask(call, method, path);
	call->begun_ns = now_ns;
	call->fd = -1;
	return call;
}

void http_call_target(struct http_call *call, const char *raw)
{
	call->cut = strstr(raw, "%00") != NULL;
}

void http_call_ask(struct http_call *call, const char *method, const char *path)
{
	static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

	call->method = "";
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (str_eq(methods[i], str_eq(method, "HEAD") ? "GET" : method))
			call->method = methods[i];
	free(call->path);
	call->path = mem_strdup(path);
}

static void pairs_free(struct http_pairs *p)
{
	for (size_t i = 0; i < p->len; i++) {
		free(p->names[i]);
		free(p->values[i]);
	}
}

void http_call_free(struct http_call *call)
{
	if (!call)
		return;
	if (call->bearer)
		explicit_bzero(call->bearer, strlen(call->bearer));
	if (call->fd >= 0)
		close(call->fd);
	pairs_free(&call->params);
	pairs_free(&call->query);
	buf_free(&call->body);
	buf_free(&call->out);
	free(call->path);
	free(call->who);
	free(call->from);
	free(call->if_match);
	free(call->if_range);
	free(call->bearer);
	free(call->node);
	free(call->range);
	free(call);
}

bool http_pairs_add(struct http_pairs *p, const char *name, const char *value)
{
	if (p->len == HTTP_PAIRS_MAX)
		return false;
	p->names[p->len] = mem_strdup(name);
	p->values[p->len++] = mem_strdup(value);
	return true;
}

static const char *pair(const struct http_pairs *p, const char *name)
{
	for (size_t i = 0; i < p->len; i++)
		if (str_eq(p->names[i], name))
			return p->values[i];
	return NULL;
}

/* Segment by segment; notes parameters into `params` (which may be NULL). A parameter is never empty. */
static bool pattern_fits(const char *pattern, const char *path, struct http_pairs *params)
{
	for (;;) {
		size_t a = strcspn(pattern, "/"), b = strcspn(path, "/");

		if (pattern[0] == ':') {
			autofree char *name = mem_strndup(pattern + 1, a - 1);
			autofree char *value = mem_strndup(path, b);

			if (!b)
				return false;
			if (params)
				http_pairs_add(params, name, value);
		} else if (a != b || memcmp(pattern, path, a) != 0) {
			return false;
		}
		pattern += a;
		path += b;
		if (!*pattern || !*path)
			return *pattern == *path;
		pattern++;
		path++;
	}
}

const struct http_route *http_route_find(const struct http_route *routes, size_t n, struct http_call *call, int *status)
{
	*status = 404;
	for (size_t i = 0; i < n; i++) {
		if (!pattern_fits(routes[i].pattern, call->path, NULL))
			continue;
		if (str_eq(routes[i].method, call->method)) {
			pattern_fits(routes[i].pattern, call->path, &call->params);
			return &routes[i];
		}
		*status = 405;
	}
	return NULL;
}

static int status_of(enum err_kind kind)
{
	switch (kind) {
	case ERR_USAGE:
	case ERR_INVALID:
		return 400;
	case ERR_REFUSED:
		return 403;
	case ERR_NOT_FOUND:
		return 404;
	case ERR_EXISTS:
	case ERR_CONFLICT:
		return 409;
	case ERR_NONE:
	case ERR_FAILED:
	case ERR_PARTIAL:
	case ERR_DAMAGED:
		break;
	}
	return 500;
}

void http_call_fail(struct http_call *call, int status, const struct err *err)
{
	struct json_out w;

	if (call->fd >= 0)
		close(steal_fd(call->fd));
	call->read = NULL;
	buf_clear(&call->out);
	json_out_init(&w, &call->out, false);
	json_put_obj(&w, NULL);
	json_put_err(&w, "error", err);
	json_end_obj(&w);
	call->status = status ? status : status_of(err->kind);
	call->etag[0] = '\0';
	call->content_type = NULL;
}

static bool digits_to_u64(const char *s, size_t len, uint64_t *out)
{
	char text[21];
	struct err err;

	if (!len || len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	return str_to_u64(text, 0, UINT64_MAX, out, &err) == 0;
}

/* RFC 9110, 14.2: a range that is not understood, or several of them, is as if none was asked for. */
enum http_range http_range_read(const char *range, uint64_t size, uint64_t *first, uint64_t *len)
{
	uint64_t a, z = UINT64_MAX;
	const char *dash;

	if (!range || !str_starts(range, "bytes="))
		return HTTP_RANGE_NONE;
	range += strlen("bytes=");
	dash = strchr(range, '-');
	if (!dash || strchr(range, ','))
		return HTTP_RANGE_NONE;
	if (dash == range) { /* the last z bytes */
		if (!digits_to_u64(dash + 1, strlen(dash + 1), &z))
			return HTTP_RANGE_NONE;
		if (z == 0 || size == 0)
			return HTTP_RANGE_UNSATISFIABLE;
		*len = z < size ? z : size;
		*first = size - *len;
		return HTTP_RANGE_PART;
	}
	if (!digits_to_u64(range, (size_t)(dash - range), &a) || (dash[1] && !digits_to_u64(dash + 1, strlen(dash + 1), &z)) ||
	    z < a)
		return HTTP_RANGE_NONE;
	if (a >= size)
		return HTTP_RANGE_UNSATISFIABLE;
	if (z > size - 1)
		z = size - 1;
	*first = a;
	*len = z - a + 1;
	return HTTP_RANGE_PART;
}

const char *http_method(const struct http_call *call)
{
	return call->method;
}

const char *http_param(const struct http_call *call, const char *name)
{
	return pair(&call->params, name);
}

const char *http_query(const struct http_call *call, const char *name)
{
	return pair(&call->query, name);
}

/* `words` between single blanks. */
static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	while (words && *words) {
		size_t n = strcspn(words, " ");

		if (n == len && memcmp(words, word, n) == 0)
			return true;
		words += n + (words[n] == ' ');
	}
	return false;
}

int http_query_check(const struct http_call *call, struct err *err)
{
	const char *known = call->route->query;

	if (call->cut)
		return err_set(err, ERR_INVALID, "the request's path or query has a NUL byte (%%00)");
	if (call->too_many)
		return err_set(err, ERR_INVALID, "the request has more than %d query parameters", HTTP_PAIRS_MAX);
	for (size_t i = 0; i < call->query.len; i++) {
		const char *name = call->query.names[i];

		if (!has_word(known, name)) {
			err_set(err, ERR_INVALID, "%s %s does not know the query parameter '%s'", call->method, call->path, name);
			return known ? err_hint(err, "it knows: %s", known) : err_hint(err, "it knows none");
		}
		for (size_t j = 0; j < i; j++)
			if (str_eq(call->query.names[j], name))
				return err_set(err, ERR_INVALID, "query parameter '%s' is given twice", name);
	}
	return 0;
}

/* A word that is not understood is refused: taken for "no", a "plan" would be carried out. */
int http_query_flag(const struct http_call *call, const char *name, bool *out, struct err *err)
{
	const char *text = pair(&call->query, name);

	*out = str_eq(text, "1") || str_eq(text, "true");
	if (*out || !text || str_eq(text, "0") || str_eq(text, "false"))
		return 0;
	return err_set(err, ERR_INVALID, "query parameter '%s': it is 1 or 0, true or false", name);
}

int http_query_u64(const struct http_call *call, const char *name, uint64_t min, uint64_t max, uint64_t *out, struct err *err)
{
	const char *text = pair(&call->query, name);

	if (!text)
		return 0;
	return str_to_u64(text, min, max, out, err) < 0 ? err_wrap(err, "query parameter '%s'", name) : 0;
}

const char *http_body(const struct http_call *call, size_t *len)
{
	*len = call->body.len;
	return buf_str(&call->body);
}

const char *http_if_match(const struct http_call *call)
{
	return call->if_match;
}

const char *http_peer_node(const struct http_call *call, struct digest *spki)
{
	*spki = call->spki;
	return call->node;
}

const char *http_bearer(const struct http_call *call)
{
	return call->bearer;
}

const char *http_who(const struct http_call *call)
{
	return call->who ? call->who : "somebody";
}

const char *http_from(const struct http_call *call)
{
	return call->from ? call->from : "unknown";
}

const char *http_path(const struct http_call *call)
{
	return call->path;
}

bool http_for_admin(const struct http_call *call)
{
	return call->route && call->route->who == HTTP_ADMIN;
}

const char *http_pattern(const struct http_call *call)
{
	return call->route ? call->route->pattern : "";
}

int http_status(const struct http_call *call)
{
	return call->status ? call->status : 200;
}

uint64_t http_act(const struct http_call *call)
{
	return call->act;
}

void http_set_act(struct http_call *call, uint64_t act)
{
	call->act = act;
}

struct buf *http_out(struct http_call *call)
{
	return &call->out;
}

void http_set_status(struct http_call *call, int status)
{
	call->status = status;
}

void http_set_etag(struct http_call *call, const char *tag)
{
	snprintf(call->etag, sizeof(call->etag), "\"%s\"", tag);
}

void http_set_type(struct http_call *call, const char *type)
{
	call->content_type = type;
}

void http_out_file(struct http_call *call, int fd, uint64_t size, const char *content_type)
{
	call->fd = fd;
	call->fd_size = size;
	call->content_type = content_type;
}

void http_out_reader(struct http_call *call, http_read_fn read, void *ctx, uint64_t size, const char *content_type)
{
	call->read = read;
	call->read_ctx = ctx;
	call->fd_size = size;
	call->content_type = content_type;
}

bool http_wait(struct http_call *call, const char *topic, int64_t wait_ns)
{
	int64_t until = call->begun_ns + wait_ns;

	if (call->over || clock_now_ns() >= until)
		return false;
	snprintf(call->topic, sizeof(call->topic), "%s", topic);
	call->wait_until_ns = until;
	call->waits = true;
	return true;
}
