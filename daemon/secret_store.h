/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cluster's secrets for nodes (munge's key, and what an administrator puts there): documents "secret/NAME", whose values are
 * encrypted under a key that is not in the state. A node gets those of its group, sealed to its own key. */
#ifndef ORTHRUS_DAEMON_SECRET_STORE_H
#define ORTHRUS_DAEMON_SECRET_STORE_H

#include "base/digest.h"
#include "base/json.h"
#include "daemon/change.h"
#include "daemon/daemon.h"
#include "sys/keys_seal.h"

#include <stddef.h>

#define SECRET_GENERATED_MIN 16
#define SECRET_GENERATED_MAX 4096
#define SECRET_MUNGE_BYTES 1024

struct secret {
	char *name;
	char *path;		/* on the node, relative to its root */
	char *owner, *group;	/* the file's */
	unsigned int mode;	/* see node_secret_mode() */
	char *unit;		/* restarted where it changed; NULL: none */
	struct str_list groups; /* whose nodes get it; none: all nodes */
	bool declared;		/* made because an image has munge: its groups follow the site */
	bool generated;		/* its value is random bytes: it can be rotated */
	uint64_t version, bytes;
	char *changed; /* UTC */
	char *box;     /* the value, encrypted; never leaves this daemon */
};
struct secrets {
	struct secret *items; /* by name */
	size_t len;
};
void secret_free(struct secret *s);
void secrets_free(struct secrets *l);
int secret_read(const char *json, size_t len, struct secret *out, struct err *err) WARN_UNUSED;
void secret_print(const struct secret *s, struct json_out *w);	    /* whole, for the state */
void secret_put_public(const struct secret *s, struct json_out *w); /* its keys into the open object: nothing of the value */

int secret_load(struct daemon *d, const char *name, struct secret *out, struct err *err) WARN_UNUSED; /* ERR_NOT_FOUND */
int secrets_load(struct daemon *d, struct secrets *out, struct err *err) WARN_UNUSED;
/* A new value, of the next version. */
int secret_set_value(struct daemon *d, struct secret *s, const void *value, size_t len, struct err *err) WARN_UNUSED;
int secret_generate(struct daemon *d, struct secret *s, size_t len, struct err *err) WARN_UNUSED;
void secret_write(struct change *c, const struct secret *s);

/* {"secrets":[..]} for a node of this group, each value sealed to `key`; which they are is in *out. */
struct secret_delivery {
	struct str_list names; /* freed by the caller */
	struct digest what;    /* of names and values: equal when nothing is new */
};
int secrets_deliver(struct daemon *d, const char *group, const uint8_t key[SEAL_KEY_LEN], struct buf *json,
		    struct secret_delivery *out, struct err *err) WARN_UNUSED;

/* munge's key, wherever an image has munge: made when it is not there, for the groups whose nodes need it. Between change_begin
 * and commit; *changed: something is to be committed. The step says it to people and --plan. */
int secrets_follow_site(struct change *c, const struct site *site, bool *changed, struct err *err) WARN_UNUSED;
/* NULL, or what secrets_follow_site() would do, as a sentence. Caller frees. */
char *secrets_follow_plan(struct daemon *d, const struct site *site);

#endif
