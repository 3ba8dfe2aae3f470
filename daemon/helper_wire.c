/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/helper_wire.h"

#include "cast/querier.h"
#include "daemon/querier_wire.h"

#include <string.h>

_Static_assert(QUERIER_WIRE < sizeof(((struct helper_answer *)0)->text), "it is told in an answer");
_Static_assert(sizeof(struct helper_request) == 8 && sizeof(struct helper_answer) == 256, "no holes between the members");

unsigned int helper_querier_families(uint32_t ask)
{
	switch (ask) {
	case HELPER_QUERIER_IPV4:
		return QUERIER_BIT(QUERIER_IPV4);
	case HELPER_QUERIER_IPV6:
		return QUERIER_BIT(QUERIER_IPV6);
	case HELPER_QUERIER_BOTH:
		return QUERIER_BIT(QUERIER_IPV4) | QUERIER_BIT(QUERIER_IPV6);
	}
	return 0;
}

int helper_request_read(const void *data, size_t len, struct helper_request *out, struct err *err)
{
	struct helper_request r;

	if (len != sizeof(r))
		return err_set(err, ERR_REFUSED, "a request of %zu bytes: it must have %zu", len, sizeof(r));
	memcpy(&r, data, sizeof(r));
	if (r.ask < HELPER_DNSMASQ_START || r.ask >= HELPER_ASKS_END)
		return err_set(err, ERR_REFUSED, "there is no request %u", r.ask);
	if (helper_querier_families(r.ask)) {
		if (r.index == 0 || r.index > INT32_MAX)
			return err_set(err, ERR_REFUSED, "there is no interface %u", r.index);
	} else if (r.index != 0) {
		return err_set(err, ERR_REFUSED, "there is no dnsmasq number %u", r.index);
	}
	*out = r;
	return 0;
}

int helper_answer_read(const void *data, size_t len, struct helper_answer *out, struct err *err)
{
	struct helper_answer a;

	if (len != sizeof(a))
		return err_set(err, ERR_REFUSED, "an answer of %zu bytes: it must have %zu", len, sizeof(a));
	memcpy(&a, data, sizeof(a));
	if (a.tells < HELPER_DONE || a.tells > HELPER_ENDED || a.text[sizeof(a.text) - 1])
		return err_set(err, ERR_REFUSED, "an answer that means nothing (%u)", a.tells);
	*out = a;
	return 0;
}
