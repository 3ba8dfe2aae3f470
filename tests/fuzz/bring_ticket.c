/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head's answer to an imager that asks for a ticket: any bytes are refused with a reason, or are a ticket whose numbers and
 * addresses can be used as they are. */
#include "cast/layout.h"
#include "imaging/imager/bring_ticket.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bring_ticket t;
	struct err err = { 0 };

	if (bring_ticket_read((const char *)data, size, &t, &err) < 0) {
		if (!err.text[0])
			abort();
		return 0;
	}
	if (t.given ? !t.session.number || !t.session.cast || t.session.symbol_bytes % 64 || !t.session.symbol_bytes ||
			      t.session.symbol_bytes > LAYOUT_SYMBOL_JUMBO ||
			      t.session.group.ss_family != t.session.sender.ss_family || t.reason
		    : !t.reason)
		abort();
	bring_ticket_free(&t);
	return 0;
}
