/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	err->kind = kind;
	err->hint[0] = '\0';
	return -1;
}

int err_errno(struct err *err, int errnum, const char *fmt, ...)
{
	va_list ap;
	size_t used;
	char reason[128];

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror_r(errnum, reason, sizeof(reason)));
	err->kind = errnum == ENOENT ? ERR_NOT_FOUND : errnum == EEXIST ? ERR_EXISTS : ERR_FAILED;
	err->hint[0] = '\0';
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char inner[sizeof(err->text)];
	va_list ap;
	size_t used;

	memcpy(inner, err->text, sizeof(inner));
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	used = strlen(err->text);
	snprintf(err->text + used, sizeof(err->text) - used, ": %s", inner);
	if (err->kind == ERR_NONE)
		err->kind = ERR_FAILED;
	return -1;
}

int err_hint(struct err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	return -1;
}

int err_exit_code(enum err_kind kind)
{
	switch (kind) {
	case ERR_NONE:
		return 0;
	case ERR_USAGE:
	case ERR_INVALID:
		return 2;
	case ERR_REFUSED:
		return 3;
	case ERR_PARTIAL:
		return 4;
	case ERR_FAILED:
	case ERR_NOT_FOUND:
	case ERR_EXISTS:
	case ERR_CONFLICT:
	case ERR_DAMAGED:
		break;
	}
	return 1;
}

static const char *const kind_names[] = {
	[ERR_NONE] = "none",	   [ERR_FAILED] = "failed",	  [ERR_USAGE] = "usage",   [ERR_REFUSED] = "refused",
	[ERR_PARTIAL] = "partial", [ERR_NOT_FOUND] = "not_found", [ERR_EXISTS] = "exists", [ERR_CONFLICT] = "conflict",
	[ERR_INVALID] = "invalid", [ERR_DAMAGED] = "damaged",
};

const char *err_kind_name(enum err_kind kind)
{
	return kind_names[kind];
}

enum err_kind err_kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++)
		if (strcmp(name, kind_names[i]) == 0)
			return (enum err_kind)i;
	return ERR_FAILED;
}
