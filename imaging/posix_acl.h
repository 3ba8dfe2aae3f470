/* SPDX-License-Identifier: GPL-2.0-or-later */
/* POSIX ACLs between the kernel's form, which images hold (acl(5), xattr(7)), and libarchive's. */
#ifndef ORTHRUS_IMAGING_POSIX_ACL_H
#define ORTHRUS_IMAGING_POSIX_ACL_H

#include "base/err.h"
#include "imaging/tree.h"

#include <stdbool.h>

struct archive_entry;

#define POSIX_ACL_ACCESS "system.posix_acl_access"
#define POSIX_ACL_DEFAULT "system.posix_acl_default"

bool posix_acl_is(const char *xattr_name);
/* Is this the kernel's form of an ACL that the kernel would take? */
bool posix_acl_valid(const void *value, size_t len) WARN_UNUSED;
/* Give `x`, which is an ACL, to `out`. An access ACL also sets out's permission bits: the group's are then the owning group's,
 * not the mask. False when it is no ACL of the kernel's form; `out` then has none. */
bool posix_acl_to_entry(const struct tree_xattr *x, struct archive_entry *out) WARN_UNUSED;
/* The ACL of `in` as an extended attribute's value: 1 and a new value, 0 when there is none (or only what the mode says too), -1
 * when it can't be told: it names users by a name, or is none that the kernel takes. For an access ACL *mode gets the permission
 * bits that stat(2) shows beside it. */
int posix_acl_of_entry(struct archive_entry *in, bool is_default, struct tree_xattr *out, uint16_t *mode) WARN_UNUSED;

#endif
