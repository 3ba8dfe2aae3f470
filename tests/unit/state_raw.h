/* SPDX-License-Identifier: GPL-2.0-or-later */
/* raft without the state around it, for the tests that show a trap: a machine that only counts. */
#ifndef ORTHRUS_TESTS_STATE_RAW_H
#define ORTHRUS_TESTS_STATE_RAW_H

#include "headfailover/state/member.h"
#include "sys/clock.h"

struct counter {
	unsigned int applied;
	size_t bytes;
};

static inline int count_apply(void *ctx, uint64_t index, const void *entry, size_t len, struct err *err)
{
	struct counter *c = ctx;

	(void)index;
	(void)entry;
	(void)err;
	c->applied++;
	c->bytes += len;
	return 0;
}

static inline void count_snapshot(void *ctx, struct buf *out)
{
	struct counter *c = ctx;

	buf_add_u64(out, c->applied);
}

static inline int count_restore(void *ctx, const void *data, size_t len, struct err *err)
{
	struct counter *c = ctx;

	(void)err;
	assert_int_equal(len, 8);
	c->applied = *(const uint8_t *)data;
	return 0;
}

static inline int raw_open(const char *log_dir, bool bootstrap, struct counter *c, struct member **out, struct err *err)
{
	struct member_opts o = { .dir = log_dir, .id = 1, .address = "127.0.0.1:8444", .bootstrap = bootstrap };

	*c = (struct counter){ 0 };
	o.machine = (struct member_machine){ count_apply, count_snapshot, count_restore, c };
	o.tuning.patience_ns = NS_PER_S;
	return member_open(&o, out, err);
}

#endif
