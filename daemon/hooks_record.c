/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "daemon/hooks_priv.h"

void hook_record_free(struct hook_record *r)
{
	free(r->error);
	free(r->error_at);
	*r = (struct hook_record){ 0 };
}

void hook_record_print(const struct hook_record *r, struct buf *json)
{
	struct json_out w;

	json_out_init(&w, json, false);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "last", r->last);
	json_put_u64(&w, "delivered", r->delivered);
	json_put_u64(&w, "failed", r->failed);
	json_put_u64(&w, "dropped", r->dropped);
	json_put_str(&w, "error", r->error);
	json_put_str(&w, "error_at", r->error_at);
	json_end_obj(&w);
}

static int read_keys(struct json_obj *o, void *out, struct err *err)
{
	struct hook_record *r = out;

	if (json_u64(o, "last", JSON_MUST, 0, UINT64_MAX, &r->last, err) < 0 ||
	    json_u64(o, "delivered", JSON_MUST, 0, UINT64_MAX, &r->delivered, err) < 0 ||
	    json_u64(o, "failed", JSON_MUST, 0, UINT64_MAX, &r->failed, err) < 0 ||
	    json_u64(o, "dropped", JSON_MUST, 0, UINT64_MAX, &r->dropped, err) < 0 ||
	    json_str(o, "error", JSON_MAY, &r->error, err) < 0 || json_str(o, "error_at", JSON_MAY, &r->error_at, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

int hook_record_read(const char *json, size_t len, struct hook_record *out, struct err *err)
{
	*out = (struct hook_record){ 0 };
	if (json_read(json, len, read_keys, out, err) == 0)
		return 0;
	hook_record_free(out);
	return -1;
}
