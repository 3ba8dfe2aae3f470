/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many refusals are written down: whoever asks without end must not fill the disk of the head. What is over is counted, and
 * the count is written. Pure: the time is passed in. */
#ifndef ORTHRUS_DAEMON_AUDIT_LIMIT_H
#define ORTHRUS_DAEMON_AUDIT_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_LIMIT_SOURCES 64	  /* told apart at once; more are one source together */
#define AUDIT_LIMIT_PER_SOURCE 20 /* lines in a minute */
#define AUDIT_LIMIT_ALL 120	  /* of all sources together */
#define AUDIT_LIMIT_OTHERS "other addresses"
#define AUDIT_SOURCE_LEN 64

/* Of an address its source: itself, or the /64 of IPv6, out of which one machine has as many addresses as it likes (RFC 8981). */
void audit_source(const char *address, char out[AUDIT_SOURCE_LEN]);

/* `struct audit_limit l = { 0 };` */
struct audit_limit {
	int64_t minute_ns; /* when the minute began; 0: none did */
	unsigned int written;
	struct audit_source {
		char name[AUDIT_SOURCE_LEN];
		unsigned int written;
		uint64_t more; /* that were not */
	} sources[AUDIT_LIMIT_SOURCES + 1];
	size_t n;
};
/* May a refusal of this source be written now? If not it is counted. The minute must not be over (audit_limit_over). */
bool audit_limit_take(struct audit_limit *l, const char *source, int64_t now_ns);
/* True when a minute is over, with the counts still in it; then audit_limit_clear(). */
bool audit_limit_over(const struct audit_limit *l, int64_t now_ns);
void audit_limit_clear(struct audit_limit *l);

#endif
