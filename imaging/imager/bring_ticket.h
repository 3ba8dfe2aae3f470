/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of POST /v1/imager/cast: what the machine says of itself, and the head's answer: a ticket of an image's cast, or why there is
 * none. */
#ifndef ORTHRUS_IMAGER_BRING_TICKET_H
#define ORTHRUS_IMAGER_BRING_TICKET_H

#include "base/digest.h"
#include "base/err.h"
#include "base/json.h"
#include "cast/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Key "link" of the open object: of the interface towards this server, "https://10.1.0.1:8443"; nothing where that is not known
 * or its host has no numeric address. */
void bring_ticket_facts(const char *server, struct json_out *w);

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
