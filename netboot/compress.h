/* SPDX-License-Identifier: GPL-2.0-or-later */
/* zstd (RFC 8878) as the kernel's initramfs loader takes it, on all processors, yet with the same bytes whatever their number. */
#ifndef ORTHRUS_NETBOOT_COMPRESS_H
#define ORTHRUS_NETBOOT_COMPRESS_H

#include "base/buf.h"
#include "base/err.h"

/* One frame with a checksum, appended to `out`. */
int compress_zstd(const struct buf *in, int level, struct buf *out, struct err *err) WARN_UNUSED;
/* What the result depends on besides the input: the library's version. */
unsigned int compress_version(void);

#endif
