/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An ssh public key as one line of text (RFC 4253 section 6.6, RFC 8709): Ed25519 only, whose one form leaves nothing to choose.
 */
#ifndef ORTHRUS_BASE_SSH_KEY_H
#define ORTHRUS_BASE_SSH_KEY_H

#include "base/err.h"

#include <stddef.h>

#define SSH_KEY_LEN 81 /* "ssh-ed25519 " and 68 characters, with NUL */

/* Read "ssh-ed25519 AAAA... [COMMENT]", with or without a line break at its end; `out` gets it without the comment. ERR_INVALID
 * for another type, and for any byte that does not belong there. */
int ssh_key_read(const char *text, size_t len, char out[SSH_KEY_LEN], struct err *err) WARN_UNUSED;

#endif
