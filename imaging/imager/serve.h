/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The imager's life: say hello, wait for orders, carry them out, until the machine is to start from its own disks. */
#ifndef ORTHRUS_IMAGER_SERVE_H
#define ORTHRUS_IMAGER_SERVE_H

#include "base/err.h"
#include "imaging/imager/head.h"
#include "imaging/imager/install.h"
#include "imaging/imager/inventory.h"

/* Who and what this machine is now; `mac` is canonical. */
int serve_inventory(const struct install_work *work, const char *mac, struct inventory *out, struct err *err) WARN_UNUSED;
/* Returns when the machine shall be restarted; a head that can't be reached or refuses us is asked again for ever. Until the
 * administrator has approved this machine, its fingerprint is said again and again. */
void serve(const struct install_opts *opts, const char *mac, struct head *head);

#endif
