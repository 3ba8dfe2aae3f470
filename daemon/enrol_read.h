/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a machine that wants to be a node sends (POST /v1/enrol), read strictly. Pure. */
#ifndef ORTHRUS_DAEMON_ENROL_READ_H
#define ORTHRUS_DAEMON_ENROL_READ_H

#include "daemon/ident.h"
#include "daemon/model.h"

struct enrol {
	char *csr;   /* PKCS#10 PEM, signed by its own key */
	char *token; /* or NULL */
	struct node_key key;
	bool has_machine;
	struct machine machine;
};
/* ERR_INVALID names what is wrong; *out is empty then. */
int enrol_read(const char *json, size_t len, struct enrol *out, struct err *err) WARN_UNUSED;
void enrol_free(struct enrol *e); /* wipes the token */

#endif
