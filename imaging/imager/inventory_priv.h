/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the inventory share. */
#ifndef ORTHRUS_IMAGER_INVENTORY_PRIV_H
#define ORTHRUS_IMAGER_INVENTORY_PRIV_H

#include "base/json.h"
#include "imaging/imager/inventory.h"

/* The one line of a small file of the kernel, made printable; "" when it is not there. Never NULL. */
char *inventory_line(const char *root, const char *path);

/* inventory_nics.c */
int inventory_nics(const char *root, struct inventory *out, struct err *err) WARN_UNUSED;
void inventory_nics_free(struct inventory *inv);
void inventory_print_nics(const struct inventory *inv, struct json_out *w);

#endif
