/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Base64 (RFC 4648, section 4: with '=' and without line breaks), read strictly: one text for each value. */
#ifndef ORTHRUS_BASE_BASE64_H
#define ORTHRUS_BASE_BASE64_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

/* Append the text. */
void base64_put(struct buf *out, const void *data, size_t len);
/* Append the bytes; ERR_INVALID (out is as it was) for anything that base64_put() does not write. Room is made first: no copy of
 * a secret is left behind by a buffer that grew. */
int base64_read(const char *text, size_t len, struct buf *out, struct err *err) WARN_UNUSED;

#endif
