/* SPDX-License-Identifier: GPL-2.0-or-later */
/* 64 bits of a key's fingerprint as six short words that two people can compare aloud (RFC 1751). Pure. */
#ifndef ORTHRUS_BASE_KEYWORDS_H
#define ORTHRUS_BASE_KEYWORDS_H

#include "base/err.h"

#include <stdint.h>

#define KEYWORDS_BYTES 8
#define KEYWORDS_LEN 30 /* six words of at most four letters, the blanks between them, and NUL */

/* Six words; the last one carries two bits of parity besides, so that most slips of the tongue are noticed. */
void keywords_of(const uint8_t fp[KEYWORDS_BYTES], char out[KEYWORDS_LEN]);
/* Back again. Letters of both cases, words parted by blanks, '-', '.' or ','; the digits 0, 1 and 5 stand for the letters O, L
 * and S, as RFC 1751 has it. ERR_INVALID names the word that is none, or says that the parity is wrong. */
int keywords_read(const char *text, uint8_t fp[KEYWORDS_BYTES], struct err *err) WARN_UNUSED;

#endif
