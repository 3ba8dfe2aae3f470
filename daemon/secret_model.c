/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "daemon/secret_store.h"
#include "installer/node_secrets.h"

#include <stdio.h>
#include <string.h>

void secret_free(struct secret *s)
{
	free(s->name);
	free(s->path);
	free(s->owner);
	free(s->group);
	free(s->unit);
	str_list_free(&s->groups);
	free(s->changed);
	free(s->box);
	*s = (struct secret){ 0 };
}

void secrets_free(struct secrets *l)
{
	for (size_t i = 0; i < l->len; i++)
		secret_free(&l->items[i]);
	free(l->items);
	*l = (struct secrets){ 0 };
}

static int read_all(struct json_obj *o, void *to, struct err *err)
{
	struct secret *s = to;
	autofree char *mode = NULL;
	struct err why = { 0 };

	if (json_str(o, "name", JSON_MUST, &s->name, err) < 0 || json_str(o, "path", JSON_MUST, &s->path, err) < 0 ||
	    json_str(o, "owner", JSON_MUST, &s->owner, err) < 0 || json_str(o, "group", JSON_MUST, &s->group, err) < 0 ||
	    json_str(o, "mode", JSON_MUST, &mode, err) < 0 || json_str(o, "restart", JSON_MAY, &s->unit, err) < 0 ||
	    json_strs(o, "groups", JSON_MUST, &s->groups, err) < 0 ||
	    json_bool(o, "declared", JSON_MUST, &s->declared, err) < 0 ||
	    json_bool(o, "generated", JSON_MUST, &s->generated, err) < 0 ||
	    json_u64(o, "version", JSON_MUST, 1, INT64_MAX, &s->version, err) < 0 ||
	    json_u64(o, "bytes", JSON_MUST, 1, NODE_SECRET_BYTES_MAX, &s->bytes, err) < 0 ||
	    json_str(o, "changed", JSON_MUST, &s->changed, err) < 0 || json_str(o, "box", JSON_MUST, &s->box, err) < 0)
		return -1;
	if (node_secret_mode(mode, &s->mode, &why) < 0)
		return json_bad(o, "mode", err, "%s", why.text);
	return json_obj_end(o, err);
}

int secret_read(const char *json, size_t len, struct secret *out, struct err *err)
{
	*out = (struct secret){ 0 };
	if (json_read(json, len, read_all, out, err) == 0)
		return 0;
	secret_free(out);
	return -1;
}

void secret_put_public(const struct secret *s, struct json_out *w)
{
	char mode[8];

	snprintf(mode, sizeof(mode), "%04o", s->mode);
	json_put_str(w, "name", s->name);
	json_put_str(w, "path", s->path);
	json_put_str(w, "owner", s->owner);
	json_put_str(w, "group", s->group);
	json_put_str(w, "mode", mode);
	json_put_str(w, "restart", s->unit);
	json_put_strs(w, "groups", &s->groups);
	json_put_bool(w, "declared", s->declared);
	json_put_bool(w, "generated", s->generated);
	json_put_u64(w, "version", s->version);
	json_put_u64(w, "bytes", s->bytes);
	json_put_str(w, "changed", s->changed);
}

void secret_print(const struct secret *s, struct json_out *w)
{
	json_put_obj(w, NULL);
	secret_put_public(s, w);
	json_put_str(w, "box", s->box);
	json_end_obj(w);
}
