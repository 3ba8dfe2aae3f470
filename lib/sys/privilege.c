/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/privilege.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int privilege_user(const char *name, struct privilege_user *out, struct err *err)
{
	char text[4096];
	struct passwd pw, *found = NULL;
	int rc = getpwnam_r(name, &pw, text, sizeof(text), &found);

	if (rc)
		return err_errno(err, rc, "look for the user %s", name);
	if (!found || strlen(name) >= sizeof(out->name)) {
		err_set(err, ERR_NOT_FOUND, "there is no user %s", name);
		return err_hint(err, "run: systemd-sysusers; it makes the users of the package");
	}
	if (pw.pw_uid == 0)
		return err_set(err, ERR_REFUSED, "the user %s is root", name);
	*out = (struct privilege_user){ .uid = pw.pw_uid, .gid = pw.pw_gid };
	snprintf(out->name, sizeof(out->name), "%s", name);
	return 0;
}

static int set_caps(uint64_t caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)caps, .permitted = (uint32_t)caps, .inheritable = (uint32_t)caps },
		{ .effective = (uint32_t)(caps >> 32),
		  .permitted = (uint32_t)(caps >> 32),
		  .inheritable = (uint32_t)(caps >> 32) },
	};

	return syscall(SYS_capset, &head, data) < 0 ? -1 : 0;
}

static bool has_only(uint64_t caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &head, d) < 0)
		return false;
	for (int i = 0; i < 2; i++)
		if (d[i].permitted != (uint32_t)(caps >> (32 * i)) || d[i].effective != d[i].permitted)
			return false;
	for (int cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 && !(caps & PRIVILEGE_CAP(cap)))
			return false;
	return true;
}

int privilege_has_none(struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	if (syscall(SYS_capget, &head, d) < 0)
		return err_errno(err, errno, "look at our capabilities");
	if (d[0].permitted || d[1].permitted || d[0].effective || d[1].effective)
		return err_set(err, ERR_REFUSED, "this process still has capabilities (%08x%08x)", d[1].permitted,
			       d[0].permitted);
	return 0;
}

/* What this kernel does not know is EINVAL: there are no more. */
static int drop_bounds(uint64_t caps)
{
	for (int cap = 0; cap < 64; cap++)
		if (!(caps & PRIVILEGE_CAP(cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
			return -1;
	return 0;
}

static int raise_ambient(uint64_t caps)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -1;
	for (int cap = 0; cap < 64; cap++)
		if ((caps & PRIVILEGE_CAP(cap)) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -1;
	return 0;
}

int privilege_become(const struct privilege_user *u, uint64_t caps, struct err *err)
{
	if (drop_bounds(caps) < 0 || prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || initgroups(u->name, u->gid) < 0 ||
	    setresgid(u->gid, u->gid, u->gid) < 0 || setresuid(u->uid, u->uid, u->uid) < 0 || set_caps(caps) < 0 ||
	    raise_ambient(caps) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, errno, "become the user %s", u->name);
	if (setresuid(0, 0, 0) == 0 || geteuid() != u->uid || getegid() != u->gid || !has_only(caps))
		return err_set(err, ERR_REFUSED, "rights of root stay after becoming the user %s", u->name);
	return 0;
}

int privilege_keep(uint64_t caps, struct err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || syscall(SYS_capget, &head, d) < 0)
		return err_errno(err, errno, "look at our capabilities");
	for (int i = 0; i < 2; i++) {
		d[i].permitted &= (uint32_t)(caps >> (32 * i));
		d[i].effective = d[i].permitted;
		d[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, d) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, errno, "give up capabilities");
	return 0;
}

int privilege_hide_memory(struct err *err)
{
	const struct rlimit none = { 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
		return err_errno(err, errno, "forbid core dumps");
	return 0;
}

/* Of an open directory; it is given last, so that what is cut short is gone on with. */
static int give_below(int dirfd, const char *shown, uid_t uid, dev_t dev, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	if (fs_list_fd(dirfd, shown, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(shown, names.items[i]);
		struct stat st;

		if (fstatat(dirfd, names.items[i], &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT)
				continue;
			return err_errno(err, errno, "look at %s", path);
		}
		if (st.st_dev != dev || (!S_ISDIR(st.st_mode) && st.st_nlink > 1))
			continue;
		if (S_ISDIR(st.st_mode)) {
			autoclose int fd = openat(dirfd, names.items[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (fd < 0)
				return err_errno(err, errno, "open %s", path);
			if (give_below(fd, path, uid, dev, err) < 0)
				return -1;
		}
		if (st.st_uid != uid && fchownat(dirfd, names.items[i], uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0)
			return err_errno(err, errno, "give %s to uid %u", path, uid);
	}
	return 0;
}

int privilege_give(const char *path, uid_t uid, struct err *err)
{
	autoclose int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "open %s", path);
	if (S_ISDIR(st.st_mode) ? give_below(fd, path, uid, st.st_dev, err) < 0 : st.st_nlink > 1)
		return S_ISDIR(st.st_mode) ? -1 : 0;
	return st.st_uid == uid || fchown(fd, uid, (gid_t)-1) == 0 ? 0 : err_errno(err, errno, "give %s to uid %u", path, uid);
}

int privilege_give_to_owner_of_dir(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	autofree char *dir = slash && slash != path ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup(slash ? "/" : ".");
	struct stat st;

	if (geteuid() != 0)
		return 0;
	if (stat(dir, &st) < 0)
		return err_errno(err, errno, "look at %s", dir);
	return st.st_uid == 0 ? 0 : privilege_give(path, st.st_uid, err);
}

int privilege_close_dir(const char *path, mode_t mode, gid_t gid, struct err *err)
{
	autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	bool give;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : err_errno(err, errno, "open directory %s", path);
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "look at directory %s", path);
	if (geteuid() != 0 && geteuid() != st.st_uid)
		return 0;
	give = geteuid() == 0 && gid && st.st_gid == 0;
	if (give && fchown(fd, (uid_t)-1, gid) < 0)
		return err_errno(err, errno, "give directory %s to the group %u", path, gid);
	if ((give || (st.st_mode & 0777 & ~mode)) && fchmod(fd, mode) < 0)
		return err_errno(err, errno, "close directory %s to others", path);
	return 0;
}
