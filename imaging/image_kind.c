/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/image_kind.h"

#include "base/str.h"

#include <string.h>

#define KIND_MAX 40 /* with the time before it an id is a plain name too, of at most 63 characters */

static int check(const char *kind, struct err *err)
{
	if (strlen(kind) > KIND_MAX)
		return err_set(err, ERR_INVALID, "image kind '%.80s' is longer than %d characters", kind, KIND_MAX);
	return str_check_name(kind, err);
}

int image_kind_check(const char *kind, struct err *err)
{
	return check(kind, err) < 0 ? err_wrap(err, "--kind") : 0;
}
