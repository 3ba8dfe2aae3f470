/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A head whose keys are not as they must be does nothing: it neither goes on without them nor makes others in their place. */
#ifndef ORTHRUS_DAEMON_KEYS_CHECK_H
#define ORTHRUS_DAEMON_KEYS_CHECK_H

#include "daemon/daemon.h"
#include "sys/secretbox.h"

/* When the daemon starts, before anybody is answered. A key that the state or another key needs and that is missing, empty,
 * short, readable by others or not the other half of its certificate: ERR_REFUSED or ERR_DAMAGED, with the file's name. Keys that
 * nothing needs yet may be missing: they are made when they are needed. Makes nothing. */
int keys_check(struct daemon *d, struct err *err) WARN_UNUSED;

/* The key that secrets are sealed with in the state; made with the first secret, and never again. */
int keys_of_secrets(struct daemon *d, struct secret_key *out, struct err *err) WARN_UNUSED;

#endif
