/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/secret_given.h"

#include "base/json.h"
#include "base/mem.h"
#include "daemon/change.h"
#include "daemon/daemon.h"

#include <string.h>

#define PREFIX "given"

static int read_given(struct json_obj *o, void *names, struct err *err)
{
	return json_strs(o, "secrets", JSON_MUST, names, err) < 0 ? -1 : json_obj_end(o, err);
}

int secret_given_load(struct daemon *d, const char *node, struct str_list *out, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *key = str_format(PREFIX "/%s", node);
	struct err why = { 0 };

	if (state_get(d->state, key, &doc, &why) == 0)
		return json_read(doc.value, strlen(doc.value), read_given, out, err) < 0 ? err_wrap(err, "document %s", key) : 0;
	if (why.kind == ERR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

int secret_given_add(struct change *c, const char *node, const struct str_list *names, struct err *err)
{
	autoclean(str_list_free) struct str_list all = { 0 };
	autoclean(buf_free) struct buf json = { 0 };
	struct json_out w;
	size_t before;

	if (secret_given_load(c->d, node, &all, err) < 0)
		return -1;
	before = all.len;
	for (size_t i = 0; i < names->len; i++)
		if (!str_list_has(&all, names->items[i]))
			str_list_add(&all, names->items[i]);
	if (all.len == before)
		return 0;
	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "secrets");
	for (size_t i = 0; i < all.len; i++)
		json_put_str(&w, NULL, all.items[i]);
	json_end_arr(&w);
	json_end_obj(&w);
	change_put(c, PREFIX, node, &json);
	return 0;
}

void secret_given_forget(struct change *c, const char *node)
{
	change_delete(c, PREFIX, node);
}
