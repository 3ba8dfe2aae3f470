/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/nodes.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>

#define WHAT "the daemon's list of nodes"
#define DISKLESS "diskless" /* the step of a node that could not run its image from memory: docs/api.yaml */

static void row_clear(struct node_row *r)
{
	free(r->name);
	free(r->group);
	free(r->ipv4);
	free(r->ipv6);
	free(r->state);
	free(r->step);
	free(r->image);
	free(r->error);
	free(r->hint);
	free(r->raw);
	free(r->mdstat);
	str_list_free(&r->macs);
}

void node_rows_free(struct node_rows *rows)
{
	for (size_t i = 0; i < rows->len; i++)
		row_clear(&rows->items[i]);
	free(rows->items);
	*rows = (struct node_rows){ 0 };
}

/* Its arrays, as it told them when it came up. */
static int read_booted(struct json_obj *o, struct node_row *r, struct err *err)
{
	struct json_obj booted;
	int found = json_obj(o, "booted", JSON_MAY, &booted, err);

	if (found <= 0)
		return found;
	return json_str(&booted, "mdstat", JSON_MAY, &r->mdstat, err);
}

/* Keys that a newer daemon may add are not ours to refuse: no json_obj_end here. */
static int row_read(struct json_obj *o, struct node_row *r, struct err *err)
{
	if (json_str(o, "name", JSON_MUST, &r->name, err) < 0 || json_str(o, "group", JSON_MUST, &r->group, err) < 0 ||
	    json_str(o, "ipv4", JSON_MAY, &r->ipv4, err) < 0 || json_str(o, "ipv6", JSON_MAY, &r->ipv6, err) < 0 ||
	    json_str(o, "state", JSON_MUST, &r->state, err) < 0 || json_str(o, "step", JSON_MAY, &r->step, err) < 0 ||
	    json_str(o, "error", JSON_MAY, &r->error, err) < 0 || json_str(o, "hint", JSON_MAY, &r->hint, err) < 0 ||
	    json_str(o, "installed_image", JSON_MAY, &r->image, err) < 0 ||
	    json_u64(o, "percent", JSON_MAY, 0, 100, &r->percent, err) < 0 || json_strs(o, "macs", JSON_MUST, &r->macs, err) < 0)
		return -1;
	return read_booted(o, r, err);
}

int node_rows_read(const char *json, size_t len, struct node_rows *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj root;
	struct json_arr nodes;

	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &root, err) < 0 ||
	    json_arr(&root, "nodes", JSON_MUST, &nodes, err) < 0)
		return err_wrap(err, WHAT);
	out->items = mem_array(nodes.len, sizeof(*out->items));
	for (; out->len < nodes.len; out->len++) {
		struct json_obj o;

		if (json_arr_obj(&nodes, out->len, &o, err) < 0)
			return err_wrap(err, WHAT);
		if (row_read(&o, &out->items[out->len], err) < 0 ||
		    json_arr_raw(&nodes, out->len, &out->items[out->len].raw, err) < 0) {
			row_clear(&out->items[out->len]);
			return err_wrap(err, WHAT);
		}
	}
	return 0;
}

const struct node_row *node_rows_find(const struct node_rows *rows, const char *name)
{
	for (size_t i = 0; i < rows->len; i++)
		if (str_eq(rows->items[i].name, name))
			return &rows->items[i];
	return NULL;
}

char *node_row_doing(const struct node_row *r)
{
	if (str_eq(r->state, "failed") || str_eq(r->step, DISKLESS))
		return r->error ? mem_strdup(r->error) : NULL;
	if (str_eq(r->state, "installing") && r->step)
		return str_format("%s %llu %%", r->step, (unsigned long long)r->percent);
	return r->macs.len ? NULL : mem_strdup("waits for its machine");
}
