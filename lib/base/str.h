/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings, numbers and sizes, read strictly: nothing is guessed, nothing is cut. */
#ifndef ORTHRUS_BASE_STR_H
#define ORTHRUS_BASE_STR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A new string; the caller frees. Never NULL. */
char *str_format(const char *fmt, ...) PRINTF_LIKE(1, 2) __attribute__((returns_nonnull));
bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* A whole decimal number in [min, max]: no sign, no space, no trailing byte. Error ERR_INVALID names the text and range. */
int str_to_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out, struct err *err) WARN_UNUSED;

/* "512M", "2G", "1T", "4096" (bytes): binary units K M G T P. Overflow and fractions are errors. */
int str_to_bytes(const char *s, uint64_t *out_bytes, struct err *err) WARN_UNUSED;
/* "512 MiB", "1.8 TiB", "17 B" into out; for people, not for parsing. */
#define STR_BYTES_MAX 24
void str_from_bytes(uint64_t bytes, char out[STR_BYTES_MAX]);

/* Lower-case hex; `out` takes 2 * len + 1. */
void str_hex(const void *data, size_t len, char *out);
/* Exactly 2 * len lower- or upper-case hex digits, else ERR_INVALID. */
int str_unhex(const char *hex, void *out, size_t len, struct err *err) WARN_UNUSED;

/* "aa:bb:cc:dd:ee:ff" (or with '-') -> lower case with ':'; unicast and not all zero, else ERR_INVALID. */
#define STR_MAC_LEN 18
int str_to_mac(const char *s, char out[STR_MAC_LEN], struct err *err) WARN_UNUSED;

/* A DNS label (RFC 1123: 1-63 of a-z 0-9 '-', not at the ends; upper case refused). ERR_INVALID says what is wrong. */
int str_check_hostname(const char *s, struct err *err) WARN_UNUSED;
/* A name we allow for images, groups, arrays: 1-63 of a-z A-Z 0-9 '.' '_' '-', first alphanumeric. */
int str_check_name(const char *s, struct err *err) WARN_UNUSED;

/* Length (1-4) of the valid UTF-8 sequence at `p` (RFC 3629: no surrogates, nothing overlong), or 0; `left` bytes are there. */
size_t str_utf8_len(const char *p, size_t left);
/* Make bytes from elsewhere printable: invalid UTF-8, control characters (C0, C1) and those that turn the direction of text (UAX
 * #9) become \xNN, byte by byte. Caller frees. */
char *str_printable(const char *s, size_t len) __attribute__((returns_nonnull));

/* A growing list of owned strings. `autoclean(str_list_free) struct str_list l = { 0 };` items[len] is NULL when len > 0: usable
 * as argv. */
struct str_list {
	char **items;
	size_t len, cap;
};
void str_list_add(struct str_list *list, const char *s); /* copies */
void str_list_addf(struct str_list *list, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool str_list_has(const struct str_list *list, const char *s);
void str_list_free(struct str_list *list);

/* Which of the `n` words was meant by `word`: one that it begins (from 3 letters on), or at most two edits away. NULL when none
 * is. */
const char *str_nearest(const char *word, const char *const *known, size_t n);

#endif
