/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/build_priv.h"

#include "base/mem.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Things of one machine or one moment. `suffix` and `prefix` choose among a directory's entries; both NULL: all of them. */
static const struct {
	const char *dir, *prefix, *suffix;
} unwanted[] = {
	{ "etc/ssh", "ssh_host_", NULL },
	{ "etc", ".pwd.lock", NULL },
	{ "etc", ".resolv.conf", NULL },
	{ "etc", "hostname", NULL },
	{ "etc", NULL, "-" }, /* passwd- and the like */
	{ "var/lib/dbus", "machine-id", NULL },
	{ "var/lib/systemd", "random-seed", NULL },
	{ "var/lib/systemd", "credential.secret", NULL },
	{ "var/lib/apt/lists", NULL, NULL },
	{ "var/lib/dpkg", NULL, "-old" },
	{ "var/cache/debconf", NULL, "-old" },
	{ "var/cache/apt", NULL, NULL },
	{ "var/cache/ldconfig", NULL, NULL },
	{ "var/cache/man", NULL, NULL },
	{ "var/tmp", NULL, NULL },
	{ "tmp", NULL, NULL },
	{ "run", NULL, NULL },
};

/* The keys are the node's own: made at its first start, before sshd looks for them. */
static const char keys_unit[] = "[Unit]\n"
				"Description=Make the ssh host keys that are missing\n"
				"Before=ssh.service ssh.socket\n"
				"ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key\n"
				"\n"
				"[Service]\n"
				"Type=oneshot\n"
				"RemainAfterExit=yes\n"
				"ExecStart=/usr/bin/ssh-keygen -A\n"
				"\n"
				"[Install]\n"
				"WantedBy=ssh.service multi-user.target\n";

static int remove_matching(const char *root, const char *dir, const char *prefix, const char *suffix, struct err *err)
{
	autofree char *at = fs_join(root, dir);
	autoclean(str_list_free) struct str_list names = { 0 };

	if (!fs_exists(at))
		return 0;
	if (fs_list(at, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(at, names.items[i]);

		if ((!prefix || str_starts(names.items[i], prefix)) && (!suffix || str_ends(names.items[i], suffix)) &&
		    fs_remove_tree(path, err) < 0)
			return -1;
	}
	return 0;
}

/* Call `fn` for everything in the tree, directories after what is in them. */
static int each_entry(const char *path, int (*fn)(void *ctx, FTSENT *e, struct err *err), void *ctx, struct err *err)
{
	autofree char *top = mem_strdup(path);
	char *paths[] = { top, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	FTSENT *e;
	int rc = 0;

	if (!fts)
		return err_errno(err, errno, "read %s", path);
	while (rc == 0 && (errno = 0, e = fts_read(fts))) {
		if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR || e->fts_info == FTS_NS)
			rc = err_errno(err, e->fts_errno, "read %s", e->fts_path);
		else if (e->fts_info != FTS_D)
			rc = fn(ctx, e, err);
	}
	if (rc == 0 && errno)
		rc = err_errno(err, errno, "read %s", path);
	fts_close(fts);
	return rc;
}

static int remove_log(void *ctx, FTSENT *e, struct err *err)
{
	(void)ctx;
	if (e->fts_info == FTS_DP)
		return 0;
	return unlink(e->fts_path) < 0 ? err_errno(err, errno, "remove %s", e->fts_path) : 0;
}

struct clamp {
	int64_t began_s, newest_s;
};

static int find_newest(void *ctx, FTSENT *e, struct err *err)
{
	struct clamp *c = ctx;
	int64_t t = e->fts_statp->st_mtim.tv_sec;

	(void)err;
	if (e->fts_info == FTS_F && t < c->began_s && t > c->newest_s)
		c->newest_s = t;
	return 0;
}

static int clamp_time(void *ctx, FTSENT *e, struct err *err)
{
	const struct clamp *c = ctx;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = c->newest_s } };

	/* Not fts_statp: taking out a file has changed its directory since. */
	struct stat st;

	if (lstat(e->fts_path, &st) < 0)
		return err_errno(err, errno, "look at %s", e->fts_path);
	if (st.st_mtim.tv_sec <= c->newest_s)
		return 0;
	return utimensat(AT_FDCWD, e->fts_path, times, AT_SYMLINK_NOFOLLOW) < 0
		       ? err_errno(err, errno, "set the time of %s", e->fts_path)
		       : 0;
}

static int put_file(const char *root, const char *path, const char *text, mode_t mode, struct err *err)
{
	autofree char *full = fs_join(root, path);

	return fs_write_atomic(full, text, strlen(text), mode, err);
}

static int enable_services(const char *root, struct err *err)
{
	static const char *const argv[] = { "systemctl",
					    "enable",
					    "orthrus-ssh-keys.service",
					    "systemd-networkd.service",
					    "systemd-resolved.service",
					    "systemd-timesyncd.service",
					    "ssh.service",
					    NULL };

	return spawn_run(&(struct spawn){ .argv = argv, .chroot_dir = root }, NULL, err);
}

/* systemd-resolved's answer file: the package makes the link only when it finds none there. */
static int link_resolver(const char *root, struct err *err)
{
	autofree char *path = fs_join(root, "etc/resolv.conf");

	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(err, errno, "remove %s", path);
	return symlink("../run/systemd/resolve/stub-resolv.conf", path) < 0 ? err_errno(err, errno, "create %s", path) : 0;
}

int build_settle(const char *root, int64_t began_s, struct err *err)
{
	struct clamp clamp = { .began_s = began_s };
	autofree char *log = fs_join(root, "var/log");

	if (put_file(root, "etc/systemd/system/orthrus-ssh-keys.service", keys_unit, 0644, err) < 0 ||
	    enable_services(root, err) < 0 || link_resolver(root, err) < 0 || each_entry(log, remove_log, NULL, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(unwanted); i++)
		if (remove_matching(root, unwanted[i].dir, unwanted[i].prefix, unwanted[i].suffix, err) < 0)
			return -1;
	/* Empty, it is filled at each machine's first start (machine-id(5)); missing, that would count as a first boot with
	 * presets applied. */
	if (put_file(root, "etc/machine-id", "", 0444, err) < 0)
		return -1;
	if (each_entry(root, find_newest, &clamp, err) < 0)
		return -1;
	return each_entry(root, clamp_time, &clamp, err);
}
