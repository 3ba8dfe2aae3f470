/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The certificates of nodes that were issued lately. A node that asks again and again is given the same one: a new one each time
 * would be lines of the audit log without end, for which a single node suffices. */
#ifndef ORTHRUS_DAEMON_CERTS_H
#define ORTHRUS_DAEMON_CERTS_H

#include "base/digest.h"

#include <stdint.h>

#define CERTS_YOUNG_S INT64_C(3600) /* given again for so long; a node asks every six hours */
#define CERTS_KEPT 8192		    /* the oldest go first */

/* `struct certs l = { 0 };`. Not locked. */
struct certs {
	struct cert {
		struct digest spki; /* of the key */
		char *node, *pem;
		int64_t issued_s; /* wall clock */
	} * items;
	size_t len, cap;
};
/* The young certificate of this node and key as PEM, or NULL. Valid until the next call. */
const char *certs_find(struct certs *l, const char *node, const struct digest *spki, int64_t now_s);
void certs_add(struct certs *l, const char *node, const struct digest *spki, const char *pem, int64_t now_s);
void certs_free(struct certs *l);

#endif
