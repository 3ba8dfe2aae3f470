/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How far long work has come: a bar on a terminal, a line every few seconds in a log, JSON lines for programs. */
#ifndef ORTHRUS_SYS_PROGRESS_H
#define ORTHRUS_SYS_PROGRESS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum progress_mode {
	PROGRESS_QUIET, /* nothing */
	PROGRESS_BAR,	/* one line, drawn again at most ten times a second */
	PROGRESS_LINES, /* a line every five seconds and one at the end of each stage */
	PROGRESS_JSON,	/* {"progress":{..}} every second and at the end of each stage */
};

/* On the caller's stack, zero-initialised but for out, mode and width; owns nothing. */
struct progress {
	FILE *out;
	enum progress_mode mode;
	unsigned int width; /* columns of the terminal; 0 means 80 */
	char stage[64];
	uint64_t done_bytes, total_bytes, seen_bytes, shown_bytes;
	double per_second; /* bytes, averaged over the last seconds */
	int64_t begin_ns, seen_ns, shown_ns;
	bool open; /* a stage is under way */
	bool shown;
};

/* Bar on a terminal, else lines; `json` and `quiet` as the options say. Takes the terminal's width. */
void progress_init(struct progress *p, FILE *out, bool json, bool quiet);
/* `done_bytes` of `total_bytes` (0: not known) of `stage` are done at the monotonic time `now_ns`. A new stage ends the old one.
 */
void progress_update(struct progress *p, const char *stage, uint64_t done_bytes, uint64_t total_bytes, int64_t now_ns);
/* End the stage under way, if there is one. Call it before printing anything else: the bar's line is then closed. */
void progress_end(struct progress *p, int64_t now_ns);

/* The text of the moment, without line end: for tests and for other ways of showing it. */
void progress_format(const struct progress *p, struct buf *out);

#endif
