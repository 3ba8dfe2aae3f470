/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the querier's process tells of itself, by way of the helper, to orthrusd: a packet of fixed size. */
#ifndef ORTHRUS_DAEMON_QUERIER_WIRE_H
#define ORTHRUS_DAEMON_QUERIER_WIRE_H

#include "base/err.h"
#include "cast/querier.h"

#include <stddef.h>
#include <stdint.h>

struct querier_view {
	struct querier_side side[QUERIER_FAMILIES]; /* times and startup queries are not told: 0 */
};
#define QUERIER_WIRE 100

void querier_wire_write(const struct querier *q, uint8_t out[QUERIER_WIRE]);
/* ERR_REFUSED: another length, or values that mean nothing. */
int querier_wire_read(const void *data, size_t len, struct querier_view *out, struct err *err) WARN_UNUSED;

#endif
