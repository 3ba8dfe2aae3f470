/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int ring_open(struct ring *r, size_t record_size, struct err *err)
{
	*r = (struct ring){ .wake = -1, .size = record_size };
	if (record_size > RING_RECORD)
		return err_set(err, ERR_INVALID, "a record of %zu bytes; a ring takes up to %d", record_size, RING_RECORD);
	r->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return r->wake < 0 ? err_errno(err, errno, "eventfd") : 0;
}

void ring_close(struct ring *r)
{
	if (r->wake >= 0)
		close(r->wake);
	r->wake = -1;
}

bool ring_put(struct ring *r, const void *record)
{
	const uint32_t put = atomic_load_explicit(&r->put, memory_order_relaxed);
	const uint64_t one = 1;

	if (put - atomic_load_explicit(&r->taken, memory_order_acquire) == RING_SLOTS) {
		atomic_fetch_add_explicit(&r->dropped, 1, memory_order_relaxed);
		return false;
	}
	memcpy(r->slots[put % RING_SLOTS], record, r->size);
	atomic_store_explicit(&r->put, put + 1, memory_order_release);
	/* It fails only when it was not looked at for 2^64 records; then it is readable all the same. */
	return write(r->wake, &one, sizeof(one)) == (ssize_t)sizeof(one) || errno == EAGAIN;
}

bool ring_take(struct ring *r, void *record)
{
	const uint32_t taken = atomic_load_explicit(&r->taken, memory_order_relaxed);

	if (taken == atomic_load_explicit(&r->put, memory_order_acquire))
		return false;
	memcpy(record, r->slots[taken % RING_SLOTS], r->size);
	atomic_store_explicit(&r->taken, taken + 1, memory_order_release);
	return true;
}

void ring_rest(struct ring *r)
{
	uint64_t n;

	while (read(r->wake, &n, sizeof(n)) < 0 && errno == EINTR)
		;
}
