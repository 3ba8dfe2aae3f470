/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who a process is, and how it becomes less: another user, few capabilities or none, and no way back (capabilities(7)). */
#ifndef ORTHRUS_SYS_PRIVILEGE_H
#define ORTHRUS_SYS_PRIVILEGE_H

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

struct privilege_user {
	char name[33];
	uid_t uid;
	gid_t gid;
};
/* From the system's users. ERR_NOT_FOUND with a hint; root is none of them (ERR_REFUSED). */
int privilege_user(const char *name, struct privilege_user *out, struct err *err) WARN_UNUSED;

#define PRIVILEGE_DAEMON "orthrus" /* the user of orthrusd, and its group, where packages make them */

#define PRIVILEGE_NONE UINT64_C(0)
#define PRIVILEGE_CAP(cap) (UINT64_C(1) << (cap)) /* of linux/capability.h */
/* For a root that has one thread: become `user` with its groups. Of all capabilities only `caps` stay, which the programs that
 * are started have too, and none can ever come back: bounding set, no_new_privs. It is looked at whether that is so. */
int privilege_become(const struct privilege_user *user, uint64_t caps, struct err *err) WARN_UNUSED;
/* The same user, who has of all capabilities only `caps` from now on, as far as it had them; programs that it starts have none,
 * and no set-user-ID gives any back (no_new_privs). */
int privilege_keep(uint64_t caps, struct err *err) WARN_UNUSED;
/* ERR_REFUSED: this process has a capability, whatever its user. */
int privilege_has_none(struct err *err) WARN_UNUSED;
/* Neither a core dump nor another process of the same user shows what is in our memory. */
int privilege_hide_memory(struct err *err) WARN_UNUSED;
/* As root: `path`, and all that is below it on the same file system, belongs to `uid` from now on; groups and modes stay. Goes
 * through no symbolic link. What is absent, or has other names elsewhere (hard links), is left alone. */
int privilege_give(const char *path, uid_t uid, struct err *err) WARN_UNUSED;
/* The directory `path`, or that to which a link there leads, and so all in it, is closed to whom `mode` does not let in. Root
 * gives one of the group root to `gid` too; 0: it stays. Who is neither root nor the owner leaves it as it is, and so does
 * whoever finds none there. */
int privilege_close_dir(const char *path, mode_t mode, gid_t gid, struct err *err) WARN_UNUSED;
/* As root: what was made in a directory of another user's becomes that user's (privilege_give). Nothing to do for others. */
int privilege_give_to_owner_of_dir(const char *path, struct err *err) WARN_UNUSED;

#endif
