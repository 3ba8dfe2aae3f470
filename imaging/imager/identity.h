/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By what the head knows this machine again: two keys, and the fingerprint of both that people compare (docs/enrolment.md). */
#ifndef ORTHRUS_IMAGER_IDENTITY_H
#define ORTHRUS_IMAGER_IDENTITY_H

#include "base/digest.h"
#include "base/err.h"
#include "base/keywords.h"
#include "base/str.h"
#include "sys/keys_csr.h"

#define IDENTITY_DIR "/run/orthrus"

struct identity {
	struct node_keys keys;
	char *csr;			       /* PKCS#10 PEM */
	char *key_path, *crt_path, *seal_path; /* node.key, node.crt (when the head has given one) and node.seal */
	char fingerprint[DIGEST_HEX_LEN];      /* SHA-256, hex */
	char words[KEYWORDS_LEN];	       /* its first 64 bits */
	char seal_key[2 * SEAL_KEY_LEN + 1];   /* the public half, hex */
};

/* Where an identity may be found, in this order; what can't be looked at is said on the console and is no obstacle. */
struct identity_sources {
	const char *dir;  /* of mode 0700, in memory: what this program had when it ran before, since the machine was started */
	const char *tcti; /* of a TPM 2.0 for tpm2-tools, or NULL */
	/* In the system on this machine's disks: 1 found, 0 none. NULL: there are no disks. */
	int (*on_disks)(void *ctx, struct node_keys *out, struct err *err);
	void *ctx;
};
/* Finds this machine's identity or makes a new one; keeps it in `dir` (files of mode 0600) and, where there is one, in the TPM.
 * Says on the console where it is from, and the fingerprint. */
int identity_find(const struct identity_sources *from, struct identity *out, struct err *err) WARN_UNUSED;
/* Takes `keys` (cleared then, also on failure) as the identity, and keeps them in `dir`. */
int identity_take(struct node_keys *keys, const char *dir, struct identity *out, struct err *err) WARN_UNUSED;
/* Wipes what is secret; the files stay. */
void identity_free(struct identity *id);
/* "fingerprint: WORD WORD WORD WORD WORD WORD" on every console. */
void identity_say(const struct identity *id);

/* The three files by which an installed system, mounted at `root_fd`, is known: read only when they are root's alone. 1: in *out,
 * with the time they were written; 0: this is no installed node, or it is one of another cluster, or of a machine that has none
 * of the addresses `macs`: disks that were moved do not take a node's name with them. -1: they are there, and can't be trusted.
 */
int identity_in_tree(int root_fd, const char *cluster_id, const struct str_list *macs, struct node_keys *out, int64_t *written_s,
		     struct err *err) WARN_UNUSED;

#endif
