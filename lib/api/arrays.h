/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Software RAID arrays, read from the text of /proc/mdstat (drivers/md/md.c of Linux), as a machine shows it or a node told it.
 * Pure. */
#ifndef ORTHRUS_API_ARRAYS_H
#define ORTHRUS_API_ARRAYS_H

#include <stdbool.h>
#include <stddef.h>

#define ARRAYS_MAX 64	   /* of one machine; more are not looked at */
#define ARRAY_WORD_MAX 32  /* with its end */
#define ARRAY_MARKS_MAX 72 /* a letter for each disk */

struct array_row {
	char name[ARRAY_WORD_MAX];   /* "md127" */
	char level[ARRAY_WORD_MAX];  /* "raid1"; "inactive" when it does not run */
	char marks[ARRAY_MARKS_MAX]; /* "[U_]": '_' is a disk that is not there; "" where the level knows none */
	char work[ARRAY_WORD_MAX];   /* "recovery 12.6%", "resync DELAYED"; "" none */
	bool whole;		     /* it runs, and no disk is missing */
};
struct array_rows {
	struct array_row items[ARRAYS_MAX];
	size_t len;
};
/* What is no line of an array is passed over: kernels add lines. Names and words that are too long are cut. */
void array_rows_read(const char *mdstat, struct array_rows *out);
/* "md0 raid1 [U_], recovery 12.6%" */
#define ARRAY_LINE_MAX (4 * ARRAY_MARKS_MAX)
void array_row_line(const struct array_row *r, char out[ARRAY_LINE_MAX]);

#endif
