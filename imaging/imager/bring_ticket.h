/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head's answer to POST /v1/imager/cast: a ticket of an image's cast, or why there is none. Pure. */
#ifndef ORTHRUS_IMAGER_BRING_TICKET_H
#define ORTHRUS_IMAGER_BRING_TICKET_H

#include "base/digest.h"
#include "base/err.h"
#include "cast/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bring_ticket {
	bool given;
	char *reason; /* not given: why, printable */
	struct session session;
	struct digest layout;
	uint64_t chunks;
};
int bring_ticket_read(const char *text, size_t len, struct bring_ticket *out, struct err *err) WARN_UNUSED;
void bring_ticket_free(struct bring_ticket *t); /* keys are wiped */

#endif
