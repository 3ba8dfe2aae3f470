/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numeric addresses as the kernel takes them. */
#ifndef ORTHRUS_SYS_INET_H
#define ORTHRUS_SYS_INET_H

#include "base/err.h"

#include <stdint.h>
#include <sys/socket.h>

/* "10.0.0.1" or "fd00::1" (no zone) with a port. ERR_INVALID: it is neither. */
int inet_address(const char *text, uint16_t port, struct sockaddr_storage *out, struct err *err) WARN_UNUSED;

#endif
