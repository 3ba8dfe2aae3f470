/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who waits for approval, and from where, without reading 2,000 documents: whoever asks as a stranger asks often. */
#ifndef ORTHRUS_DAEMON_WAITING_H
#define ORTHRUS_DAEMON_WAITING_H

#include "base/err.h"
#include "daemon/audit_limit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct daemon;
struct waiting {
	struct waiting_one {
		char *name;		       /* "MAC/FINGERPRINT", of the document "pend/..." */
		char source[AUDIT_SOURCE_LEN]; /* an IPv4 address, or a /64 of IPv6 */
		size_t bytes;		       /* of the document */
		uint64_t seen_s;	       /* wall clock */
		bool rejected;
	} * items;
	size_t len, cap;
	bool fresh; /* false: made anew at the next look */
};
/* Both only between change_begin and change_end. As the state is now, without what the change under way will write. */
int waiting_look(struct daemon *d, const struct waiting **out, struct err *err) WARN_UNUSED;
/* The document "pend/NAME" was written (value NULL: deleted); called with each commit. */
void waiting_follow(struct daemon *d, const char *key, const char *value);
void waiting_free(struct waiting *w);

#endif
