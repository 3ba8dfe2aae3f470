/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which files of a node a site may write: by a template, or as a secret. Pure. */
#ifndef ORTHRUS_INSTALLER_HOSTPATH_H
#define ORTHRUS_INSTALLER_HOSTPATH_H

#include "base/err.h"

#define HOSTPATH_MAX 200

/* `path` is relative ("etc/hosts"), of letters, digits and . _ - + @ between single slashes, nowhere "." or "..". Refused is what
 * makes the node this node or keeps others out of it: accounts, identity, ssh host keys, Orthrus' own files, the kernel's
 * directories. The error says which it is. */
int hostpath_check(const char *path, struct err *err) WARN_UNUSED;

#endif
