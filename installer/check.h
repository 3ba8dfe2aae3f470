/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which values an order may carry: they end up in shell-read, line-based and systemd files, so each has a narrow alphabet.
 * Domain, kernel arguments, console and time zone are checked as in site.json (site/words.h). */
#ifndef ORTHRUS_INSTALLER_CHECK_H
#define ORTHRUS_INSTALLER_CHECK_H

#include "base/err.h"

#include <stddef.h>

/* Each returns 0, or -1 with ERR_INVALID saying which byte or length is wrong. None of them accepts a control byte. */
int check_hex(const char *s, size_t len, struct err *err) WARN_UNUSED; /* exactly `len` lower-case hex digits */
int check_server(const char *s, struct err *err) WARN_UNUSED;	       /* a host name or a numeric address */
int check_hosts_line(const char *s, struct err *err) WARN_UNUSED;      /* "ADDRESS NAME [NAME...]" */
int check_admin_keys(const char *s, struct err *err) WARN_UNUSED;      /* lines of printable text */
int check_prefixed(const char *s, struct err *err) WARN_UNUSED;	       /* "ADDRESS/PREFIX LENGTH", IPv4 or IPv6 */
int check_url(const char *s, struct err *err) WARN_UNUSED;	       /* "https://HOST[:PORT]" without a path */

#endif
