/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of commands and of the documents share: operations as the bytes of a command. */
#ifndef ORTHRUS_TESTS_STATE_COMMAND_H
#define ORTHRUS_TESTS_STATE_COMMAND_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "headfailover/state/command.h"
#include "headfailover/state/state.h"

#include <string.h>

static inline void encode(const struct state_op *ops, size_t n, uint64_t seq, struct buf *out)
{
	struct command_id id = { .client = 7, .seq = seq };
	struct err err = { 0 };

	buf_clear(out);
	if (command_encode(&id, ops, n, out, &err) < 0)
		fail_msg("%s", err.text);
}

#endif
