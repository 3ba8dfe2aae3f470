/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/trust_mac.h"

#include "base/str.h"
#include "sys/clock.h"

#include <string.h>

/* Such a time is text that sorts as it passes. One in the future is of a clock that was wrong. */
static bool just_approved(const struct ident *id, int64_t now_s)
{
	char from[CLOCK_UTC_LEN], now[CLOCK_UTC_LEN];

	clock_utc(now_s - TRUST_MAC_AGAIN_S, from);
	clock_utc(now_s, now);
	return strcmp(id->at, from) > 0 && strcmp(id->at, now) <= 0;
}

bool trust_mac_suffices(const struct node *n, const struct run *r, const struct ident *id, int64_t now_s)
{
	if (!id->has_now)
		return true;
	if (just_approved(id, now_s))
		return false;
	if (r->state == RUN_ORDERED || r->state == RUN_INSTALLING)
		return true;
	return !id->has_installed && (n->boot == NODE_BOOT_DISKLESS || str_starts(id->by, TRUST_MAC_BY));
}
