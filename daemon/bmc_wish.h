/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the BMC of a node is reached: document "bmc/NODE", and its password in "sealed/bmc/NODE", which only this daemon can open.
 * No answer of the API, event or log line has the password. */
#ifndef ORTHRUS_DAEMON_BMC_WISH_H
#define ORTHRUS_DAEMON_BMC_WISH_H

#include "daemon/change.h"
#include "power/bmc.h"

/* The document. NULL: not set, the group's default holds or there is none. */
struct bmc_wish {
	char *address, *user, *pin;
	char *protocol; /* one of bmc_protocol_names */
	bool has_password;
};
void bmc_wish_free(struct bmc_wish *w);
/* Strict. */
int bmc_wish_read(const char *json, struct bmc_wish *out, struct err *err) WARN_UNUSED;
/* 1: there is one; 0: none. */
int bmc_wish_get(struct daemon *d, const char *node, struct bmc_wish *out, struct err *err) WARN_UNUSED;
/* What a node's document does not say of user and protocol is its group's (groups[].bmc in site.json). */
void bmc_wish_fill(struct bmc_wish *w, const struct site *site, const char *group);
/* {"address","protocol","user","pin","password_set"} or null as the value of `key`. */
void bmc_wish_put(const struct bmc_wish *w, struct json_out *out, const char *key);

/* What a request wants changed: its key "bmc", an object with any of address, protocol, user, password, pin. NULL: not said; "":
 * taken back. */
struct bmc_request {
	char *address, *protocol, *user, *password, *pin;
	bool given;
};
int bmc_request_read(struct json_obj *o, struct bmc_request *out, struct err *err) WARN_UNUSED;
void bmc_request_free(struct bmc_request *r); /* wipes the password */
/* Checks it and puts the documents into the change; steps tell what is new. Another address has another key: its pin is dropped
 * unless it is said anew; with no address any more the password is. `group` is the node's, as it shall be. */
int bmc_request_apply(struct change *c, const struct site *site, const char *node, const char *group,
		      const struct bmc_request *req, struct plan *plan, struct err *err) WARN_UNUSED;
/* A node whose BMC has no address gets the one that its machine tells. Only while an administrator looks: whoever has this
 * address is sent the user's name and what IPMI makes of the password, so that no machine may choose it by itself. */
int bmc_wish_adopt(struct change *c, const char *node, const struct machine *m, struct plan *plan, struct err *err) WARN_UNUSED;
/* Of a node that is removed. */
void bmc_forget(struct change *c, const char *node);

/* All that is needed to call it, the password opened. Points into itself: not to be copied. */
struct bmc_access {
	struct bmc bmc;
	struct bmc_wish wish;
	struct buf password;
	char *node;
};
int bmc_access_load(struct daemon *d, const char *node, struct bmc_access *out, struct err *err) WARN_UNUSED;
void bmc_access_free(struct bmc_access *a);

#endif
