/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The imager's life: say hello, wait for orders, carry them out, until the machine is to start anew or into another system. */
#ifndef ORTHRUS_IMAGER_SERVE_H
#define ORTHRUS_IMAGER_SERVE_H

#include "base/err.h"
#include "imaging/imager/head.h"
#include "imaging/imager/install.h"
#include "imaging/imager/inventory.h"

/* Who and what this machine is now; `mac` is canonical. */
int serve_inventory(const struct install_work *work, const char *mac, struct inventory *out, struct err *err) WARN_UNUSED;
enum serve_end {
	SERVE_RESTART, /* the machine shall be restarted */
	SERVE_SYSTEM,  /* what is mounted at opts->target shall be the root from now on */
	SERVE_RESCUE,  /* the rescue system shall run, as far as rescue.h could prepare it */
};
/* Returns when there is nothing left to do here; a head that can't be reached or refuses us is asked again for ever. Until the
 * administrator has approved this machine, its fingerprint is said again and again. */
enum serve_end serve(const struct install_opts *opts, const char *mac, struct head *head);

#endif
