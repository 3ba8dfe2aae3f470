/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is who by ssh: nodes' host keys are certified by the cluster's authority, those of removed nodes are revoked, and the heads
 * log in by a certificate that ends soon. Documents: "hostkey/NODE" (the key it has now), "sshkey/DIGEST" (every key that a
 * node ever showed, until the certificates over it have ended). */
#ifndef ORTHRUS_DAEMON_SSH_TRUST_H
#define ORTHRUS_DAEMON_SSH_TRUST_H

#include "base/ssh_key.h"
#include "daemon/change.h"
#include "site/site.h"

#include <stdbool.h>

#define SSH_HOST_CERT_S (UINT64_C(28) * 86400) /* a node asks for a new one every few minutes */
#define SSH_LOGIN_CERT_S (UINT64_C(24) * 3600)

/* `node` shows this host key. One that was revoked, or is another node's, is refused: an image that brings host keys along would
 * make all its nodes one. *changed: something is to be committed; the key that it had before is revoked then. */
int ssh_host_key(struct change *c, const char *node, const char key[SSH_KEY_LEN], bool *changed, struct err *err) WARN_UNUSED;
/* The host key that the node has now; *key NULL: it never showed one. The caller frees. */
int ssh_current(struct daemon *d, const char *node, char **key, struct err *err) WARN_UNUSED;
/* A system that lives in the node's memory shows this key, beside that of the installed one, which stays as it is: good until its
 * certificate ends by itself, or the node is no more. Refused as above; *changed as well. Such a key never becomes the node's. */
int ssh_passing_key(struct change *c, const char *node, const char key[SSH_KEY_LEN], bool *changed, struct err *err) WARN_UNUSED;
/* These nodes are no more, or are other machines from now on: their keys are revoked. */
int ssh_forget(struct change *c, const struct str_list *nodes, struct err *err) WARN_UNUSED;

/* How many keys of each of `nodes` ssh_forget() would revoke, added to counts[]. */
int ssh_count(struct daemon *d, const struct str_list *nodes, size_t *counts, struct err *err) WARN_UNUSED;

/* {"certificate","user_ca","known_hosts","revoked"} for the node, whose addresses are `addrs`. */
int ssh_answer(struct daemon *d, const struct site *site, const char *node, const struct str_list *addrs,
	       const char key[SSH_KEY_LEN], struct buf *json, struct err *err) WARN_UNUSED;

/* ssh_files.c: the text of known_hosts, appended. */
int ssh_known_hosts(struct daemon *d, const struct site *site, struct buf *out, struct err *err) WARN_UNUSED;
/* The files of this head in /var/lib/orthrus/ssh: known_hosts, revoked_keys (a key revocation list), and root's key with its
 * certificate. Made when they are not there, and brought up to date. The authorities must be there (pki_ssh_ensure()). */
int ssh_follow(struct daemon *d, const struct site *site, struct err *err) WARN_UNUSED;

#endif
