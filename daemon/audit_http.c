/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests in the audit log. */
#include "base/mem.h"
#include "daemon/audit_priv.h"
#include "sys/log.h"

int audit_act(struct daemon *d, struct http_call *call, const char *what, const char *nodes, struct err *err)
{
	autofree char *asked = str_format("%s %s", http_method(call), http_path(call));
	size_t len;
	const char *body = http_body(call, &len);
	autofree char *named = nodes ? NULL : audit_nodes(body, len);
	char request[DIGEST_HEX_LEN];
	struct audit_entry e = { .phase = AUDIT_BEGIN,
				 .who = audit_who(http_who(call), http_from(call)),
				 .from = http_from(call),
				 .what = what ? what : asked,
				 .nodes = nodes ? nodes : named,
				 .request = request };
	uint64_t number;

	if (http_act(call))
		return 0;
	if (!e.nodes && str_starts(http_pattern(call), "/v1/nodes/:name"))
		e.nodes = http_param(call, "name");
	audit_digest(d->audit->key, asked, body, len, request);
	if (auditlog_write(d->audit->log, &e, &number, err) < 0) {
		http_set_status(call, 503);
		return -1;
	}
	http_set_act(call, number);
	audit_written(d->audit);
	return 0;
}

static void refuse_call(struct daemon *d, struct http_call *call, const struct err *err)
{
	autofree char *asked = str_format("%s %s", http_method(call)[0] ? http_method(call) : "?", http_path(call));

	audit_refuse(d->audit, http_who(call), http_from(call), asked, http_status(call), err->text);
}

static int on_begin(void *ctx, struct http_call *call, struct err *err)
{
	const char *plan = http_query(call, "plan");
	size_t len;
	const char *body = http_body(call, &len);
	autofree char *what = NULL;

	if (audit_is_report(http_method(call), http_pattern(call)) || str_eq(plan, "1") || str_eq(plan, "true") ||
	    audit_is_plan(body, len) || audit_is_look(http_pattern(call), body, len))
		return 0;
	what = audit_what(http_pattern(call), body, len);
	return audit_act(ctx, call, what, NULL, err);
}

static void write_end(struct daemon *d, const struct audit_entry *e)
{
	struct err why = { 0 };

	if (auditlog_write(d->audit->log, e, NULL, &why) < 0)
		log_err("audit", "write how an act ended", &why);
	audit_written(d->audit);
}

uint64_t audit_keep(struct http_call *call)
{
	uint64_t act = http_act(call);

	http_set_act(call, 0);
	return act;
}

void audit_ended(struct daemon *d, uint64_t act, enum audit_result result, const char *text)
{
	struct audit_entry e = { .phase = AUDIT_END, .begun = act, .result = result, .text = text };

	if (act)
		write_end(d, &e);
}

static void on_end(void *ctx, struct http_call *call, const struct err *err)
{
	struct daemon *d = ctx;
	int status = http_status(call);
	struct audit_entry e = { .phase = AUDIT_END, .begun = http_act(call), .status = (unsigned int)status };

	if (!e.begun) {
		/* An administrator who may not do what he only looked at is no news; a machine that is turned away is. */
		if (status >= 400 && status < 500 && !http_for_admin(call))
			refuse_call(d, call, err);
		return;
	}
	e.result = status < 400 ? AUDIT_DONE : status < 500 ? AUDIT_DENIED : AUDIT_FAILED;
	e.text = status >= 400 ? err->text : NULL;
	write_end(d, &e);
}

/* Root's slips of the pen are not written down; what comes over the network is, and who is not root. */
static void on_refused(void *ctx, struct http_call *call, const struct err *err)
{
	if (!str_eq(http_from(call), "local") || http_status(call) == 403)
		refuse_call(ctx, call, err);
}

const struct http_auditor *audit_of_http(void)
{
	static const struct http_auditor auditor = { on_begin, on_end, on_refused };

	return &auditor;
}
