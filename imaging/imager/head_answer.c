/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/head.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static int read_order(struct json_obj *o, struct head_answer *out, struct err *err)
{
	struct json_obj order;
	int there = json_obj(o, "order", JSON_MAY, &order, err);

	if (there < 0)
		return -1;
	if (!there)
		return out->action == HEAD_INSTALL ? json_bad(o, "order", err, "is missing, although the action is to install")
						   : 0;
	if (order_read(&order, &out->order, err) < 0)
		return -1;
	if (!str_eq(out->order.node, out->node))
		return json_bad(o, "order", err, "is for %s, but this machine is %s", out->order.node, out->node);
	return 0;
}

static int read_all(struct json_obj *o, struct head_answer *out, struct err *err)
{
	static const char *const actions[] = { "wait", "install", "disk", NULL };
	int action = 0;

	if (json_str(o, "node", JSON_MUST, &out->node, err) < 0 || json_enum(o, "action", JSON_MUST, actions, &action, err) < 0)
		return -1;
	out->action = action == 1 ? HEAD_INSTALL : action == 2 ? HEAD_DISK : HEAD_WAIT;
	if (read_order(o, out, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

int head_answer_read(const char *text, size_t len, struct head_answer *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	*out = (struct head_answer){ 0 };
	if (json_parse(text, len, &doc, err) == 0 && json_root_obj(&doc, &o, err) == 0 && read_all(&o, out, err) == 0)
		return 0;
	head_answer_free(out);
	return -1;
}

void head_answer_free(struct head_answer *a)
{
	free(a->node);
	order_free(&a->order);
	*a = (struct head_answer){ 0 };
}
