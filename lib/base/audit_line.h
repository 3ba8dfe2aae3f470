/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A line of the audit log: one JSON object (RFC 8259) that is chained to the line before it. Pure.
 *
 * The line is BODY,"hash":"HEX"} where HEX is the SHA-256 of the bytes of BODY, and BODY has in "prev" the hash of the line
 *before, 64 zeros in the first of all. So each line vouches for itself and for all before it, and any tool can check one: sed
 *'s/,"hash":"[0-9a-f]*"}$//' | head -c -1 | sha256sum Strings are cut to what a person reads. Secrets are never in a line: a
 *request is named by its keyed digest. */
#ifndef ORTHRUS_BASE_AUDIT_LINE_H
#define ORTHRUS_BASE_AUDIT_LINE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define AUDIT_LINE_MAX ((size_t)32 << 10) /* bytes of a line with its newline */
#define AUDIT_NO_LINE "0000000000000000000000000000000000000000000000000000000000000000"
#define AUDIT_AT_LEN 21

enum audit_phase {
	AUDIT_BEGIN,	/* an act begins: on disk before it does */
	AUDIT_END,	/* how the act of line `begun` ended */
	AUDIT_REFUSED,	/* something was asked for and refused before anything began */
	AUDIT_REFUSALS, /* `count` more like that, which have no line of their own */
	AUDIT_NOTE,	/* about the log itself */
};
enum audit_result { AUDIT_DONE, AUDIT_DENIED, AUDIT_FAILED }; /* "done", "refused", "failed" */
const char *audit_phase_name(enum audit_phase p);
const char *audit_result_name(enum audit_result r);

/* What is to be written. NULL and 0 are left out; borrowed strings. */
struct audit_entry {
	enum audit_phase phase;
	const char *at;		  /* UTC; NULL: whoever writes it says now */
	uint64_t begun;		  /* of AUDIT_END */
	const char *who, *from;	  /* "uid 0", "certificate NAME", "node NAME"; "local" or an address */
	const char *what;	  /* "POST /v1/install", "image build NAME" */
	const char *nodes;	  /* a folded node set */
	const char *request;	  /* keyed digest of the request, hex */
	enum audit_result result; /* of AUDIT_END and AUDIT_REFUSED */
	unsigned int status;	  /* HTTP's, or a program's exit code */
	uint64_t count;		  /* of AUDIT_REFUSALS */
	const char *text;
};
/* Append the line with its newline to `out`; its hash is `hash`. */
void audit_line_print(const struct audit_entry *e, uint64_t number, const char *at, const char prev[DIGEST_HEX_LEN],
		      struct buf *out, char hash[DIGEST_HEX_LEN]);

/* A line that was read; owns its strings, NULL where it has none. */
struct audit_line {
	uint64_t number, begun, count, status;
	enum audit_phase phase;
	enum audit_result result;
	char *at, *who, *from, *what, *nodes, *request, *text;
	char prev[DIGEST_HEX_LEN], hash[DIGEST_HEX_LEN];
};
void audit_line_free(struct audit_line *l);

/* None of them is 0 or 1: a check that was not made is none of these. */
enum audit_check {
	AUDIT_GOOD = 2, /* what was written: its hash is its own */
	AUDIT_CHANGED =
		3, /* it has the form of a line, and another hash than it should; *out has its number if that can be read */
	AUDIT_UNREADABLE = 4, /* no line at all */
};
/* `text` without the newline. `err` says what is wrong with what is not good. */
enum audit_check audit_line_read(const char *text, size_t len, struct audit_line *out, struct err *err) WARN_UNUSED;

#endif
