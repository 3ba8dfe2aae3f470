/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps exports out of the image store: to write or remove there would cost every image. */
#include "imaging/export_priv.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/store_place.h"
#include "imaging/store_priv.h"

#include <string.h>

int export_place_check(const struct export *x, struct err *err)
{
	autofree char *real = NULL, *shown = str_printable(x->target, strlen(x->target));
	bool meets;

	if (str_eq(x->target, "-"))
		return 0;
	if (store_place_compare(x->store->path, x->store, x->target, true, &meets, &real, err) < 0)
		return -1;
	if (str_eq(real, "/")) {
		err_set(err, ERR_REFUSED, "%s is the root of the running system", shown);
		return err_hint(err, "name a directory of its own for the image");
	}
	if (!meets)
		return 0;
	err_set(err, ERR_REFUSED, "%s is, holds or lies in the image store %s", shown, x->store->path);
	return err_hint(err, "name a place outside of the image store");
}
