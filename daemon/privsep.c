/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/privsep.h"

#include "base/mem.h"
#include "base/str.h"
#include "daemon/daemon.h"
#include "daemon/exports.h"
#include "daemon/helper_serve.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/privilege.h"
#include "sys/spawn.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

/* What dnsmasq needs: addresses that have no ARP entry yet, raw sockets, and ports below 1024. */
#define HELPER_CAPS (PRIVILEGE_CAP(CAP_NET_ADMIN) | PRIVILEGE_CAP(CAP_NET_RAW) | PRIVILEGE_CAP(CAP_NET_BIND_SERVICE))

/* What is begun in the log by whoever may not give it away is still for the group adm, as the other logs. */
static int share_log(const char *dir, struct err *err)
{
	autoclose int fd = fs_open_dir(dir, err);
	struct group group, *adm = NULL;
	char text[4096];

	if (fd < 0)
		return -1;
	if (getgrnam_r("adm", &group, text, sizeof(text), &adm) != 0 || !adm)
		return 0;
	if (fchown(fd, (uid_t)-1, adm->gr_gid) < 0 || fchmod(fd, 02755) < 0)
		return err_errno(err, errno, "give %s to the group adm", dir);
	return 0;
}

/* What images hold is for this user, and no other. The store is root's, who writes it; it is made now, for then it is clear who
 * reads it. One on a file system that is read-only, or not mounted, is no reason to serve nobody. */
static int close_images(const struct daemon_paths *p, const struct privilege_user *u, struct err *err)
{
	struct err late = { 0 };

	if (!fs_exists(p->store_dir) && fs_mkdirs(p->store_dir, 0750, err) < 0)
		return -1;
	if (privilege_close_dir(p->store_dir, 0750, u->gid, &late) < 0)
		log_err("daemon", "other users of this machine may read what is in images", &late);
	return privilege_close_dir(p->diskless_dir, 0700, 0, err);
}

static int prepare(const struct daemon_paths *p, const struct privilege_user *u, struct err *err)
{
	const char *const dirs[] = { p->var_dir, p->log_dir, p->tftp_dir, p->run_dir, p->diskless_dir };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (fs_mkdirs(dirs[i], 0755, err) < 0 || privilege_give(dirs[i], u->uid, err) < 0)
			return err_wrap(err, "directories of the user %s", u->name);
	return close_images(p, u, err) < 0 || share_log(p->log_dir, err) < 0 ? -1 : exports_link(p, err);
}

int privsep_prepare(const struct daemon_paths *p, const char *user, struct err *err)
{
	struct privilege_user u;

	return privilege_user(user, &u, err) < 0 ? -1 : prepare(p, &u, err);
}

static int start_helper(const char *root, int *helper_fd, struct err *err)
{
	const char *const argv[] = { "orthrusd", "--helper", "--user", PRIVSEP_HELPER, "--root", root, NULL };
	int pair[2];
	struct spawn s = { .argv = argv, .program = SPAWN_SELF };
	pid_t pid;
	int rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, errno, "make a socket for the helper");
	s.stdin_fd = pair[1];
	rc = spawn_start(&s, &pid, err);
	close(pair[1]);
	if (rc < 0)
		close(pair[0]);
	else
		*helper_fd = pair[0];
	return rc;
}

int privsep_split(const struct daemon_paths *p, const char *root, const char *user, int wanted, int *helper_fd, struct err *err)
{
	struct privilege_user u, helper;

	*helper_fd = -1;
	if (geteuid() != 0) {
		err_set(err, ERR_REFUSED, "--user: only root can become another user");
		return err_hint(err, "leave it out where systemd starts orthrusd as its user");
	}
	if (privilege_user(user, &u, err) < 0 || (wanted && privilege_user(PRIVSEP_HELPER, &helper, err) < 0) ||
	    prepare(p, &u, err) < 0 || (wanted && start_helper(root, helper_fd, err) < 0))
		return -1;
	return privilege_become(&u, PRIVILEGE_NONE, err);
}

/* The one that systemd made for us, else -1. */
static int listener(int *fd, struct err *err)
{
	int n = sd_listen_fds(1);

	*fd = -1;
	if (n < 0)
		return err_errno(err, -n, "take the socket from systemd");
	if (n == 0)
		return 0;
	if (n != 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_SEQPACKET, 1, NULL, 0) <= 0)
		return err_set(err, ERR_REFUSED, "systemd gave %d sockets: one of SOCK_SEQPACKET is wanted", n);
	*fd = SD_LISTEN_FDS_START;
	return 0;
}

static int take_signals(struct err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? err_errno(err, errno, "take signals") : fd;
}

int privsep_helper(const struct daemon_paths *p, const char *user, const char *client, struct err *err)
{
	autofree char *conf = fs_join(p->run_dir, "dnsmasq.conf");
	struct helper_opts opts = { .fd = STDIN_FILENO, .conf_path = conf, .run_dir = p->run_dir, .tftp_dir = p->tftp_dir };
	struct privilege_user u, asker = { 0 };
	autoclose int signals = -1;

	if (listener(&opts.listen_fd, err) < 0 || (opts.listen_fd >= 0 && privilege_user(client, &asker, err) < 0))
		return -1;
	if (opts.listen_fd < 0 && sd_is_socket_unix(STDIN_FILENO, SOCK_SEQPACKET, 0, NULL, 0) <= 0) {
		err_set(err, ERR_USAGE, "--helper: neither systemd nor orthrusd started it");
		return err_hint(err, "run: systemctl start orthrus-helper.socket");
	}
	if (geteuid() == 0 &&
	    (privilege_user(user ? user : PRIVSEP_HELPER, &u, err) < 0 || privilege_become(&u, HELPER_CAPS, err) < 0))
		return -1;
	if (privilege_hide_memory(err) < 0)
		return -1;
	opts.client = asker.uid;
	signals = take_signals(err);
	if (signals < 0)
		return -1;
	opts.signal_fd = signals;
	log_info("helper", "starts dnsmasq for orthrusd (as uid %u)", geteuid());
	return helper_serve(&opts, err);
}
