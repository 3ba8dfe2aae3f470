/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The strict half of JSON reading: json-c takes a duplicate key, a huge number or half a surrogate pair silently, we do not. */
#ifndef ORTHRUS_BASE_JSON_SCAN_H
#define ORTHRUS_BASE_JSON_SCAN_H

#include "base/err.h"

#include <stddef.h>

/* Check that `text` is one JSON value (RFC 8259) with nothing after it: UTF-8, unique keys without NUL, integers that fit 64
 * bits, depth <= JSON_DEPTH_MAX. ERR_INVALID begins with "line L, column C" (characters, from 1). */
int json_scan(const char *text, size_t len, struct err *err) WARN_UNUSED;

#endif
