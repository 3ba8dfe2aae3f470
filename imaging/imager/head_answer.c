/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/head.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define SQUASHFS_BYTES_MAX (UINT64_C(1) << 40)

static int read_order(struct json_obj *o, struct head_answer *out, struct err *err)
{
	struct json_obj order;
	int there = json_obj(o, "order", JSON_MAY, &order, err);

	if (there < 0)
		return -1;
	if (!there)
		return out->action == HEAD_INSTALL || out->action == HEAD_DISKLESS
			       ? json_bad(o, "order", err, "is missing, although the action needs one")
			       : 0;
	if (order_read(&order, &out->order, err) < 0)
		return -1;
	if (!str_eq(out->order.node, out->node))
		return json_bad(o, "order", err, "is for %s, but this machine is %s", out->order.node, out->node);
	return 0;
}

static int read_squashfs(struct json_obj *o, struct head_answer *out, struct err *err)
{
	struct json_obj s;
	int there = json_obj(o, "squashfs", JSON_MAY, &s, err);

	if (there < 0)
		return -1;
	if (!there)
		return out->action == HEAD_DISKLESS ? json_bad(o, "squashfs", err, "is missing, although the action needs one")
						    : 0;
	if (json_str(&s, "digest", JSON_MUST, &out->squashfs_digest, err) < 0 ||
	    json_u64(&s, "bytes", JSON_MUST, 1, SQUASHFS_BYTES_MAX, &out->squashfs_bytes, err) < 0)
		return -1;
	if (strlen(out->squashfs_digest) != DIGEST_HEX_LEN - 1 ||
	    strspn(out->squashfs_digest, "0123456789abcdef") != DIGEST_HEX_LEN - 1)
		return json_bad(&s, "digest", err, "is not 64 hex digits");
	return json_obj_end(&s, err);
}

static int read_all(struct json_obj *o, struct head_answer *out, struct err *err)
{
	static const char *const actions[] = { "wait", "install", "disk", "rescue", "diskless", NULL };
	static const enum head_action meanings[] = { HEAD_WAIT, HEAD_INSTALL, HEAD_DISK, HEAD_RESCUE, HEAD_DISKLESS };
	int action = 0;

	if (json_str(o, "node", JSON_MUST, &out->node, err) < 0 || json_enum(o, "action", JSON_MUST, actions, &action, err) < 0)
		return -1;
	out->action = meanings[action];
	if (read_order(o, out, err) < 0 || read_squashfs(o, out, err) < 0)
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
	free(a->squashfs_digest);
	order_free(&a->order);
	*a = (struct head_answer){ 0 };
}
