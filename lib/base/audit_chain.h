/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is a row of audit lines the whole log, as it was written? What is missing, changed, put in or moved is named by its number.
 * Pure. */
#ifndef ORTHRUS_BASE_AUDIT_CHAIN_H
#define ORTHRUS_BASE_AUDIT_CHAIN_H

#include "base/audit_line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIT_FINDINGS_MAX 100 /* kept; all are counted */

enum audit_fault {
	AUDIT_FAULT_CHANGED = 2, /* a line, or its very form, is not what was written */
	AUDIT_FAULT_MISSING,	 /* lines are missing */
	AUDIT_FAULT_MOVED,	 /* a line stands where it does not belong: again, or in another place */
	AUDIT_FAULT_FOREIGN,	 /* a line that is whole in itself, but was not written behind the one before it */
	AUDIT_FAULT_TORN, /* the last line was not written to its end: a crash does that, and nothing was done on the strength of
			     it */
	AUDIT_FAULT_CUT,  /* lines that the cluster's state knows are not there */
	AUDIT_FAULT_REPLACED, /* the line that the cluster's state knows is another one */
};
const char *audit_fault_name(enum audit_fault f); /* "changed" */

struct audit_finding {
	enum audit_fault fault;
	uint64_t number; /* of the line, as well as it is known */
	char *text;	 /* a sentence, with file and line */
};

/* What the cluster's state says of the newest line that it was told of. number 0: nothing. */
struct audit_anchor {
	uint64_t number;
	char hash[DIGEST_HEX_LEN];
};

/* `autoclean(audit_chain_free) struct audit_chain c = { .anchor = ... };` */
struct audit_chain {
	struct audit_anchor anchor; /* given by the caller */
	uint64_t first, last;	    /* numbers of the first and the last line; 0: there is none */
	uint64_t lines;
	char hash[DIGEST_HEX_LEN]; /* of the last */
	bool hash_known;	   /* false behind a line that can't be read */
	bool anchored;		   /* the anchor's line was there, as it should be */
	uint64_t faults;
	struct audit_finding *findings;
	size_t n_findings, cap_findings;
};
void audit_chain_free(struct audit_chain *c);
/* The next line, without its newline. `file` and `line_no` (from 1) say where it stands. */
void audit_chain_add(struct audit_chain *c, const char *file, uint64_t line_no, const char *text, size_t len);
/* `len` bytes without a newline at the end of `file`; `newest`: the file that is written to, where a crash may leave that. */
void audit_chain_torn(struct audit_chain *c, const char *file, size_t len, bool newest);
/* All lines were given: compare with the anchor. */
void audit_chain_end(struct audit_chain *c);

#endif
