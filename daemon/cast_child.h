/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that casts one image: orthrusd's program with --cast-child, told by lines on standard input (cast_lines.h), which
 * it answers on standard output. It speaks with the network, so it can read nothing but the store, and write nothing. */
#ifndef ORTHRUS_DAEMON_CAST_CHILD_H
#define ORTHRUS_DAEMON_CAST_CHILD_H

#include "base/err.h"

/* Until the cast is over or standard input is at its end. */
int cast_child_run(struct err *err) WARN_UNUSED;

#endif
