/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/change.h"

#include <stdarg.h>
#include <stdio.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

/* docs/api.yaml describes exactly these; tests/cli/api.sh compares the two. */
static const struct http_route routes[] = {
	{ "GET", "/v1/status", HTTP_ADMIN, api_status, 0, NULL },
	{ "GET", "/v1/events", HTTP_ADMIN, api_events, 0, "since latest wait" },
	{ "GET", "/v1/hooks", HTTP_ADMIN, api_hooks, 0, NULL },
	{ "GET", "/v1/audit", HTTP_ADMIN, api_audit, 0, "since latest limit" },
	{ "GET", "/v1/state/digest", HTTP_ADMIN, api_state_digest, 0, NULL },
	{ "GET", "/v1/site", HTTP_ADMIN, api_site_get, 0, NULL },
	{ "PUT", "/v1/site", HTTP_ADMIN, api_site_put, 512 * KIB, "plan diff reason" },
	{ "GET", "/v1/site/history", HTTP_ADMIN, api_site_history, 0, NULL },
	{ "GET", "/v1/site/history/:revision", HTTP_ADMIN, api_site_revision, 0, NULL },
	{ "POST", "/v1/site/undo", HTTP_ADMIN, api_site_undo, 0, NULL },
	{ "GET", "/v1/nodes", HTTP_ADMIN, api_nodes_get, 0, NULL },
	{ "POST", "/v1/nodes", HTTP_ADMIN, api_nodes_add, MIB, NULL },
	{ "PATCH", "/v1/nodes", HTTP_ADMIN, api_nodes_set, 8 * MIB, NULL },
	{ "GET", "/v1/nodes/:name", HTTP_ADMIN, api_node_get, 0, NULL },
	{ "PATCH", "/v1/nodes/:name", HTTP_ADMIN, api_node_set, 0, "plan" },
	{ "POST", "/v1/remove", HTTP_ADMIN, api_nodes_remove, MIB, NULL },
	{ "DELETE", "/v1/nodes/:name", HTTP_ADMIN, api_node_remove, 0, "plan force keep_secrets" },
	{ "POST", "/v1/nodes/:name/replace", HTTP_ADMIN, api_node_replace, 0, NULL },
	{ "POST", "/v1/enrol", HTTP_ANYBODY, api_enrol, 64 * KIB, "wait" },
	{ "GET", "/v1/pending", HTTP_ADMIN, api_pending_get, 0, NULL },
	{ "POST", "/v1/approve", HTTP_ADMIN, api_approve, 256 * KIB, NULL },
	{ "POST", "/v1/reject", HTTP_ADMIN, api_reject, 256 * KIB, NULL },
	{ "GET", "/v1/tokens", HTTP_ADMIN, api_tokens_get, 0, NULL },
	{ "POST", "/v1/tokens", HTTP_ADMIN, api_tokens_make, 256 * KIB, NULL },
	{ "DELETE", "/v1/tokens/:id", HTTP_ADMIN, api_token_delete, 0, "plan" },
	{ "POST", "/v1/import", HTTP_ADMIN, api_import, 8 * MIB, NULL },
	{ "POST", "/v1/install", HTTP_ADMIN, api_install, MIB, NULL },
	{ "POST", "/v1/boot", HTTP_ADMIN, api_boot, MIB, NULL },
	{ "GET", "/v1/casts", HTTP_ADMIN, api_casts, 0, NULL },
	{ "POST", "/v1/casts/stop", HTTP_ADMIN, api_casts_stop, 0, NULL },
	{ "POST", "/v1/casts/resume", HTTP_ADMIN, api_casts_resume, 0, NULL },
	{ "POST", "/v1/power", HTTP_ADMIN, api_power, MIB, NULL },
	{ "GET", "/v1/power/:job", HTTP_ADMIN, api_power_job, 0, "seen wait" },
	{ "POST", "/v1/console/:name", HTTP_ADMIN, api_console, 0, NULL },
	{ "GET", "/v1/console/:name", HTTP_ADMIN, api_console_read, 0, "since wait" },
	{ "GET", "/v1/console/:name/log", HTTP_ADMIN, api_console_log, 0, NULL },
	{ "GET", "/v1/image-users/:name/:id", HTTP_ADMIN, api_image_users, 0, NULL },
	{ "POST", "/v1/images/look", HTTP_ADMIN, api_image_look, 0, NULL },
	{ "DELETE", "/v1/images/:name/:id", HTTP_ADMIN, api_image_delete, 0, "plan" },
	{ "GET", "/v1/images/:name/:id/:file", HTTP_NODE, api_image_file, 0, NULL },
	{ "GET", "/v1/diskless/:name/:id", HTTP_NODE, api_diskless, 0, NULL },
	{ "GET", "/v1/packs/:pack", HTTP_NODE, api_pack, 0, NULL },
	{ "POST", "/v1/imager/hello", HTTP_NODE, api_imager_hello, 256 * KIB, NULL },
	{ "GET", "/v1/imager/orders", HTTP_NODE, api_imager_orders, 0, "wait" },
	{ "POST", "/v1/imager/cast", HTTP_NODE, api_imager_cast, 4 * MIB, NULL },
	{ "POST", "/v1/imager/event", HTTP_NODE, api_imager_event, 16 * KIB, NULL },
	{ "POST", "/v1/imager/done", HTTP_NODE, api_imager_done, 256 * KIB, NULL },
	{ "POST", "/v1/imager/booted", HTTP_NODE, api_imager_booted, 64 * KIB, NULL },
	{ "GET", "/v1/secrets", HTTP_NODE, api_node_secrets, 0, NULL },
	{ "POST", "/v1/hostkey", HTTP_NODE, api_node_hostkey, 0, NULL },
	{ "GET", "/v1/node-program", HTTP_NODE, api_node_program, 0, "have" },
	{ "GET", "/v1/relay", HTTP_NODE, api_node_relay, 0, NULL },
	{ "GET", "/v1/cluster-secrets", HTTP_ADMIN, api_secrets_list, 0, NULL },
	{ "PUT", "/v1/cluster-secrets/:name", HTTP_ADMIN, api_secret_put, 128 * KIB, "plan" },
	{ "POST", "/v1/cluster-secrets/:name/rotate", HTTP_ADMIN, api_secret_rotate, 0, "plan" },
	{ "DELETE", "/v1/cluster-secrets/:name", HTTP_ADMIN, api_secret_remove, 0, "plan" },
	{ "GET", "/v1/nodes/:name/files", HTTP_ADMIN, api_node_files, 0, NULL },
};

const struct http_route *api_routes(size_t *n)
{
	*n = ARRAY_LEN(routes);
	return routes;
}

int api_body(const struct http_call *call, struct json_doc *doc, struct json_obj *o, struct err *err)
{
	size_t len;
	const char *text = http_body(call, &len);

	if (!len)
		return err_set(err, ERR_INVALID, "the request has no body");
	return json_parse(text, len, doc, err) < 0 || json_root_obj(doc, o, err) < 0 ? err_wrap(err, "the request's body") : 0;
}

void api_step(struct plan *plan, const char *name, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	plan_add(plan, 0, PLAN_WRITES, name, mem_strdup(text), NULL, NULL);
}

void api_steps(struct http_call *call, const struct plan *plan)
{
	struct json_out w;

	json_out_init(&w, http_out(call), true);
	plan_to_json(plan, &w, NULL);
}

void api_put_error(struct json_out *w, const char *key, const struct err *e)
{
	if (e->kind == ERR_NONE) {
		json_put_str(w, key, NULL);
		return;
	}
	json_put_obj(w, key);
	json_put_str(w, "kind", err_kind_name(e->kind));
	json_put_str(w, "text", e->text);
	json_put_str(w, "hint", e->hint);
	json_end_obj(w);
}

int api_not_installing(const char *node, const struct run *r, bool force, struct err *err)
{
	if (force || (r->state != RUN_ORDERED && r->state != RUN_INSTALLING))
		return 0;
	err_set(err, ERR_REFUSED, "%s: an installation is %s", node, r->state == RUN_ORDERED ? "ordered" : "under way");
	if (r->state == RUN_ORDERED)
		return err_hint(err, "withdraw it first: orthrus node boot %s --disk", node);
	return err_hint(err, "wait for its end; if the machine is dead: orthrus node boot %s --disk --force", node);
}

int api_check_install(const struct run *r, const char *node, const char *install_id, struct err *err)
{
	if (str_eq(r->install_id, install_id))
		return 0;
	err_set(err, ERR_CONFLICT, "%s: this is not the installation that was ordered", node);
	return err_hint(err, "the machine must say hello again");
}
