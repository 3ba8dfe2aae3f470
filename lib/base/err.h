/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Errors that explain themselves: what failed, why, and what to do next. */
#ifndef ORTHRUS_BASE_ERR_H
#define ORTHRUS_BASE_ERR_H

#include <stdarg.h>

#define WARN_UNUSED __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* What sort of failure it was. The first five are also the exit codes of every program (docs/man/orthrus.8). */
enum err_kind {
	ERR_NONE = 0,
	ERR_FAILED = 1,	 /* the attempt failed: system, network, another program */
	ERR_USAGE = 2,	 /* the caller asked for something that makes no sense */
	ERR_REFUSED = 3, /* a safety rule forbids it */
	ERR_PARTIAL = 4, /* some of several targets failed */
	ERR_NOT_FOUND,	 /* exit code 1; HTTP 404 */
	ERR_EXISTS,	 /* exit code 1; HTTP 409: the name is taken */
	ERR_CONFLICT,	 /* exit code 1; HTTP 409: somebody changed it meanwhile (compare-and-set) */
	ERR_INVALID,	 /* exit code 2; HTTP 400: a value was checked and is wrong */
	ERR_DAMAGED,	 /* exit code 1: bytes that should be intact are not */
};

/* Lives on the caller's stack, zero-initialised (`struct err err = { 0 };`); owns nothing, needs no free. */
struct err {
	enum err_kind kind;
	char text[768]; /* one line, no trailing newline or full stop */
	char hint[384]; /* the next step for the reader, may be empty */
};

/* Set kind and text; always returns -1, so that `return err_set(err, ...)` is the idiom. `err` must not be NULL. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Like err_set with ERR_FAILED (ERR_NOT_FOUND for ENOENT, ERR_EXISTS for EEXIST), appending ": " and the text of errno value
 * `errnum`. */
int err_errno(struct err *err, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Put context in front going up: "restore n07: " + text. Keeps kind and hint. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Set the next step ("run `orthrus image list` to see what there is"). Returns -1. */
int err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The process exit code that stands for `kind` (0-4). */
int err_exit_code(enum err_kind kind);

/* The word for `kind` in JSON error documents: "refused", "not_found"; and back (an unknown word is ERR_FAILED). */
const char *err_kind_name(enum err_kind kind);
enum err_kind err_kind_of(const char *name);

#endif
