/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a packet to or from the helper: what is taken has the length and the numbers of the closed list, and text that
 * ends. */
#include "daemon/helper_wire.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct helper_request r;
	struct helper_answer a;
	struct err err = { 0 };

	if (helper_request_read(data, size, &r, &err) == 0) {
		bool querier = r.ask >= HELPER_QUERIER_IPV4 && r.ask <= HELPER_QUERIER_BOTH;

		if (size != 8 || (r.index != 0) != querier || r.index > INT32_MAX || r.ask < HELPER_DNSMASQ_START ||
		    r.ask > HELPER_QUERIER_LOOK || querier != (helper_querier_families(r.ask) != 0))
			abort();
	} else if (err.kind != ERR_REFUSED) {
		abort();
	}
	err = (struct err){ 0 };
	if (helper_answer_read(data, size, &a, &err) == 0) {
		if (size != 256 || strnlen(a.text, sizeof(a.text)) == sizeof(a.text) || !a.tells || a.tells > HELPER_ENDED)
			abort();
	} else if (err.kind != ERR_REFUSED) {
		abort();
	}
	return 0;
}
