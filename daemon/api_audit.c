/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The audit log to read, for people and for whoever keeps a copy of it; and the hooks. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/audit.h"
#include "daemon/hooks.h"
#include "sys/auditlog.h"

#define LINES_ANSWER_MAX 1000

int api_audit(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(str_list_free) struct str_list lines = { 0 };
	uint64_t since = 0, latest = 0, limit = LINES_ANSWER_MAX;
	struct audit_anchor head;
	struct json_out w;

	if (http_query_u64(call, "since", 0, UINT64_MAX, &since, err) < 0 ||
	    http_query_u64(call, "latest", 0, UINT64_MAX, &latest, err) < 0 ||
	    http_query_u64(call, "limit", 0, LINES_ANSWER_MAX, &limit, err) < 0)
		return -1;
	audit_drain(d->audit);
	if (audit_anchor(d, &head, err) < 0 || (limit && auditlog_lines(d->paths.log_dir, since, latest, limit, &lines, err) < 0))
		return -1;
	json_out_init(&w, http_out(call), false);
	json_put_obj(&w, NULL);
	json_put_strs(&w, "lines", &lines); /* as texts: their hashes are over their bytes */
	json_put_obj(&w, "head");
	json_put_u64(&w, "number", head.number);
	json_put_str(&w, "hash", head.number ? head.hash : NULL);
	json_end_obj(&w);
	json_end_obj(&w);
	return 0;
}

int api_hooks(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	struct json_out w;

	(void)err;
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	hooks_status(d->hooks, &w);
	json_end_obj(&w);
	return 0;
}
