/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machines that wait for approval, as the daemon tells them, for the verbs of `orthrus node`. */
#ifndef ORTHRUS_CMD_PENDING_H
#define ORTHRUS_CMD_PENDING_H

#include "api/pending.h"
#include "cmd/cmd.h"

int pending_rows_get(struct cmd *c, struct pending_rows *out, struct err *err) WARN_UNUSED;
/* By the six words of its key or the first 16 or more hex digits of its fingerprint. NULL with err: none, or no words at all. */
const struct pending_row *pending_rows_find(const struct pending_rows *rows, const char *key, struct err *err);
/* "MAC 52:..., serial X, Vendor Product, from 10.0.0.7, key WORDS" appended. */
void pending_row_describe(const struct pending_row *row, struct buf *out);

#endif
