/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Switches a head off as the guard would, by a process of its own: fence_tool SITE HEAD [SECONDS]
 * Prints "confirmed", "waits: WHY" or "failed: WHY"; exit 0, 3 or 1. */
#include "headfailover/guard/fence.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"

#include <poll.h>
#include <stdio.h>

static int ask(const struct fence_set *set)
{
	struct fence_helper h;
	struct fence_answer a = { 0 };
	struct pollfd p = { .events = POLLIN };
	struct err err = { 0 };
	int got = -1;

	if (fence_helper_start(set, &h, &err) < 0) {
		printf("failed: %s\n", err.text);
		return 1;
	}
	p.fd = h.fd;
	if (fence_helper_ask(&h, 7))
		while ((got = fence_helper_take(&h, &a)) == 0)
			poll(&p, 1, -1);
	fence_helper_end(&h);
	if (got != 1 || a.number != 7) {
		printf("failed: the helper is gone\n");
		return 1;
	}
	if (a.verdict == FENCE_CONFIRMED)
		printf("confirmed\n");
	else
		printf("%s: %s\n", a.verdict == FENCE_WAITS ? "waits" : "failed", a.text);
	return a.verdict == FENCE_CONFIRMED ? 0 : a.verdict == FENCE_WAITS ? 3 : 1;
}

int main(int argc, char **argv)
{
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(site_free) struct site site = { 0 };
	autoclean(fence_set_free) struct fence_set set = { 0 };
	struct err err = { 0 };
	uint64_t seconds = 20;

	if (argc < 3 || (argc > 3 && str_to_u64(argv[3], 1, 600, &seconds, &err) < 0) ||
	    fs_read(argv[1], 1 << 20, &text, &err) < 0 || site_read(buf_str(&text), text.len, argv[1], &site, &err) < 0 ||
	    fence_set_load(&site, argv[2], &set, &err) < 0) {
		printf("failed: %s\n", argc < 3 ? "usage: fence_tool SITE HEAD [SECONDS]" : err.text);
		return 1;
	}
	set.timeout_ns = (int64_t)seconds * 1000000000;
	return ask(&set);
}
