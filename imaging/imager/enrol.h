/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of POST /v1/enrol (docs/api.yaml): who asks to be a node, and what the head says to it. */
#ifndef ORTHRUS_IMAGER_ENROL_H
#define ORTHRUS_IMAGER_ENROL_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct enrol_ask {
	const char *csr;	  /* PKCS#10 PEM */
	const char *seal_key;	  /* X25519 public key, 64 hex digits */
	const char *token;	  /* or NULL */
	const char *machine_json; /* the inventory, or NULL: the head knows the key */
};
void enrol_print(const struct enrol_ask *ask, struct buf *out);

struct enrol_answer {
	bool approved;
	char *node, *certificate; /* when approved: the name, and the PEM; NULL else */
	char *fingerprint;	  /* else: 64 hex digits, what the head takes us for */
};
void enrol_answer_free(struct enrol_answer *a);
/* Pure. Strict: the certificate is one PEM block of at most 8 KiB, the name one that a host may have. */
int enrol_answer_read(const char *text, size_t len, struct enrol_answer *out, struct err *err) WARN_UNUSED;

#endif
