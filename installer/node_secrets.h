/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A node's secrets on the node: the head's answer, read strictly, opened with the node's own key, and put in place. By the imager
 * at the installation, by orthrus-node afterwards. */
#ifndef ORTHRUS_INSTALLER_NODE_SECRETS_H
#define ORTHRUS_INSTALLER_NODE_SECRETS_H

#include "base/err.h"
#include "base/str.h"
#include "sys/keys_seal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODE_SECRETS_MAX 256
#define NODE_SECRET_BYTES_MAX ((size_t)64 << 10)

struct node_secrets {
	struct node_secret {
		char *name, *path;   /* path: see hostpath_check() */
		char *owner, *group; /* names, looked up on the node */
		unsigned int mode;   /* nothing for others, nothing executable */
		char *unit;	     /* restarted when the file changed; NULL: none */
		uint64_t version;
		char *sealed; /* base64, to the node's X25519 key */
	} * items;
	size_t len;
};
void node_secrets_free(struct node_secrets *s);
/* {"secrets":[{"name","path","owner","group","mode","restart","version","sealed"}]}: bytes from the network. */
int node_secrets_read(const char *json, size_t len, struct node_secrets *out, struct err *err) WARN_UNUSED;

/* What may be restarted for a secret: "munge", "slurmd", ... NULL-terminated. */
const char *const *node_secret_units(void);
int node_secret_mode(const char *text, unsigned int *mode, struct err *err) WARN_UNUSED; /* "0400" */
/* A user's or group's name, as useradd(8) takes it. */
int node_secret_account(const char *name, struct err *err) WARN_UNUSED;

/* Write those that are not there as they should be, below root_fd; each file has owner, group and mode before it has its name.
 * What an earlier call wrote and `s` no longer has is removed (the list is var/lib/orthrus/secrets). One that fails (its user is
 * not there) does not keep the others away: the first failure is what is returned, at the end. `units` gets those whose file
 * changed, each once; `done` a line for each change, for people. */
int node_secrets_apply(int root_fd, const struct node_secrets *s, const uint8_t key[SEAL_KEY_LEN], struct str_list *units,
		       struct str_list *done, struct err *err) WARN_UNUSED;
/* The node's key from the file of 64 hex digits. */
int node_seal_key(int root_fd, const char *path, uint8_t key[SEAL_KEY_LEN], struct err *err) WARN_UNUSED;

#endif
