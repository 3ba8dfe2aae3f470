/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handlers of the REST API (docs/api.yaml) and what they share. */
#ifndef ORTHRUS_DAEMON_API_H
#define ORTHRUS_DAEMON_API_H

#include "base/json.h"
#include "base/plan.h"
#include "daemon/daemon.h"
#include "sys/http_server.h"

#include <stddef.h>

/* routes.c: the one table. */
const struct http_route *api_routes(size_t *n);

/* The request's body as an object; the document must live as long as the object is read. */
int api_body(const struct http_call *call, struct json_doc *doc, struct json_obj *o, struct err *err) WARN_UNUSED;
/* A step that this daemon does itself, for people and --plan. */
void api_step(struct plan *plan, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* {"digest":..,"steps":[..]} is the answer. */
void api_steps(struct http_call *call, const struct plan *plan);
/* {"error":{..}} or null as the value of `key`. */
void api_put_error(struct json_out *w, const char *key, const struct err *e);
/* Is the node being installed? Then ERR_REFUSED, unless `force`. */
int api_not_installing(const char *node, const struct run *r, bool force, struct err *err) WARN_UNUSED;
/* Does the machine speak of the installation that was ordered? Otherwise ERR_CONFLICT. */
int api_check_install(const struct run *r, const char *node, const char *install_id, struct err *err) WARN_UNUSED;
/* api_node.c: "ipv4" and "ipv6" of a request, in the families that the network has; "" takes an own one back, if the other is
 * left. */
int api_read_addresses(struct json_obj *o, const struct site *site, struct node *n, struct err *err) WARN_UNUSED;
/* A new node, checked against everything in the roster and put into it (the content of `n` is taken). Addresses that it
 * has not are the lowest free ones, looked for from *from on; it boots as its group says. */
struct roster;
int api_node_make(struct roster *roster, const struct site *site, struct node *n, uint64_t *from, struct plan *plan,
		  struct err *err) WARN_UNUSED;
struct change;
/* api_cast.c: after the commit by which these are nodes no more: what is cast to them ends, and a step says so. */
void api_shut_casts(struct daemon *d, const struct str_list *nodes, struct plan *plan);
/* The rest after a commit: the change is released, since nobody may wait for the reconciler while holding the lock it needs, and
 * a step "problem" says what does not follow yet. */
void api_follow(struct daemon *d, struct change *c, struct plan *plan);
/* What may be said of a node when it is added or changed, all keys that are left of `o`. */
int api_read_wishes(struct json_obj *o, const struct site *site, struct node *n, struct err *err) WARN_UNUSED;
/* "MAC 52:54:..", or by what an expected machine will be recognized. Caller frees. */
char *api_known_by(const struct node *n);
/* "add n01: group ...", and one step for each wish that differs. */
void api_say_added(struct plan *plan, const struct site *site, const struct node *n);
void api_say_changes(struct plan *plan, const struct site *site, const struct node *old, const struct node *n);
/* Another machine under this name than the one that told its inventory: what that said is forgotten, and `r` begins anew. */
int api_forget_machine(struct daemon *d, struct change *c, const struct node *n, struct run *r, struct plan *plan,
		       struct err *err) WARN_UNUSED;

#define API_HANDLER(name) int name(void *ctx, struct http_call *call, struct err *err) WARN_UNUSED
API_HANDLER(api_status); /* api_event.c */
API_HANDLER(api_events);
API_HANDLER(api_state_digest);
API_HANDLER(api_audit); /* api_audit.c */
API_HANDLER(api_hooks);
API_HANDLER(api_site_get); /* api_site.c */
API_HANDLER(api_site_put);
API_HANDLER(api_site_undo);
API_HANDLER(api_site_history);
API_HANDLER(api_site_revision);
API_HANDLER(api_nodes_get); /* api_node_get.c */
API_HANDLER(api_node_get);
API_HANDLER(api_nodes_add); /* api_node.c */
API_HANDLER(api_node_set);  /* api_node_set.c */
API_HANDLER(api_nodes_set);
API_HANDLER(api_node_remove); /* api_node_remove.c */
API_HANDLER(api_nodes_remove);
API_HANDLER(api_node_replace); /* api_node_replace.c */
API_HANDLER(api_enrol);	       /* api_enrol.c */
API_HANDLER(api_pending_get);  /* api_pending.c */
API_HANDLER(api_approve);      /* api_approve.c */
API_HANDLER(api_reject);
API_HANDLER(api_tokens_get); /* api_token.c */
API_HANDLER(api_tokens_make);
API_HANDLER(api_token_delete);
API_HANDLER(api_import);      /* api_import.c */
API_HANDLER(api_install);     /* api_install.c */
API_HANDLER(api_boot);	      /* api_boot.c */
API_HANDLER(api_image_users); /* api_image.c */
API_HANDLER(api_image_look);
API_HANDLER(api_image_delete);
API_HANDLER(api_image_file); /* api_files.c */
API_HANDLER(api_pack);
API_HANDLER(api_diskless);
API_HANDLER(api_imager_hello); /* api_imager.c */
API_HANDLER(api_imager_orders);
API_HANDLER(api_imager_event); /* api_progress.c */
API_HANDLER(api_imager_done);
API_HANDLER(api_imager_booted); /* api_booted.c */
API_HANDLER(api_imager_cast);	/* api_cast.c */
API_HANDLER(api_casts);
API_HANDLER(api_casts_stop);
API_HANDLER(api_casts_resume);
API_HANDLER(api_secrets_list); /* api_secret.c */
API_HANDLER(api_secret_put);
API_HANDLER(api_secret_rotate);
API_HANDLER(api_secret_remove);
API_HANDLER(api_node_files);   /* api_node_files.c */
API_HANDLER(api_node_secrets); /* api_node_secret.c */
API_HANDLER(api_node_hostkey);
API_HANDLER(api_node_program);
API_HANDLER(api_node_relay);
API_HANDLER(api_power); /* api_power.c */
API_HANDLER(api_power_job);
API_HANDLER(api_console); /* api_console.c */
API_HANDLER(api_console_read);
API_HANDLER(api_console_log);

#endif
