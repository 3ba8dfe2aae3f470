/* SPDX-License-Identifier: GPL-2.0-or-later */
/* state_open() with the settings that only tests change. */
#ifndef ORTHRUS_STATE_OPEN_H
#define ORTHRUS_STATE_OPEN_H

#include "base/err.h"
#include "headfailover/state/kv.h"
#include "headfailover/state/member.h"

struct state;
struct state_opts;

struct state_tuning {
	struct member_tuning member;
	struct kv_limits limits;
};
int state_open_tuned(const struct state_opts *opts, const struct state_tuning *tuning, struct state **out,
		     struct err *err) WARN_UNUSED;

#endif
