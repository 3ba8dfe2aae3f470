/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which keys are a node's: the document "ident/NAME", and "spki/HEX" from a key back to its node. */
#ifndef ORTHRUS_DAEMON_IDENT_H
#define ORTHRUS_DAEMON_IDENT_H

#include "base/digest.h"
#include "base/keywords.h"
#include "daemon/change.h"
#include "sys/keys_seal.h"

struct http_call;

/* The public halves of what a machine made for itself. */
struct node_key {
	struct digest spki;	    /* SHA-256 of the TLS key's SubjectPublicKeyInfo */
	uint8_t seal[SEAL_KEY_LEN]; /* secrets are sealed to it */
};
/* SHA-256(spki || seal): what people compare, by the words of its first 64 bits. */
void node_key_fingerprint(const struct node_key *k, struct digest *out);
void node_key_words(const struct node_key *k, char out[KEYWORDS_LEN]);

/* A node has at most two keys: the one that was approved last, and the one of the system on its disks, which is another while a
 * new installation has not ended. */
struct ident {
	bool has_now, has_installed;
	struct node_key now, installed;
	char *at, *by; /* when and by whom the newest was approved; never NULL with has_now */
};
void ident_free(struct ident *id);
/* 1: it has a key; 0: the node never enrolled. */
int ident_get(struct daemon *d, const char *node, struct ident *out, struct err *err) WARN_UNUSED;
/* Whose key is this? *node NULL: nobody's. The caller frees. */
int ident_find(struct daemon *d, const struct digest *spki, char **node, struct err *err) WARN_UNUSED;

/* The node's newest key becomes this one. What no system on its disks uses any more is nobody's key from the commit on. */
int ident_approve(struct change *c, const char *node, const struct node_key *k, const char *by, struct err *err) WARN_UNUSED;
/* The node is another machine from now on, with this key: what it had is forgotten as by ident_forget(). */
int ident_replace(struct change *c, const char *node, const struct node_key *k, const char *by, struct err *err) WARN_UNUSED;
/* What is installed now was installed under the newest key. */
int ident_installed(struct change *c, const char *node, struct err *err) WARN_UNUSED;
/* What was installed begins to be erased. */
int ident_erased(struct change *c, const char *node, struct err *err) WARN_UNUSED;
/* These are no nodes any more, or other machines: they have no key. */
int ident_forget(struct change *c, const struct str_list *nodes, struct err *err) WARN_UNUSED;

/* Who calls, over HTTP_NODE? The node still exists, and the key of the connection is still one of its. Fills name and run (either
 * may be NULL); else ERR_REFUSED and status 403, and nothing is told to the caller but that it must enrol. Call it under the
 * change lock when something is written after it. */
int ident_caller(struct daemon *d, struct http_call *call, char **node, struct run *r, struct err *err) WARN_UNUSED;

#endif
