/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How orthrusd divides itself: who speaks with the network has no privilege, who starts dnsmasq hears three numbers only. */
#ifndef ORTHRUS_DAEMON_PRIVSEP_H
#define ORTHRUS_DAEMON_PRIVSEP_H

#include "base/err.h"
#include "sys/privilege.h"

struct daemon_paths;

#define PRIVSEP_CLIENT PRIVILEGE_DAEMON /* whose requests a helper takes, if nothing else is said */
#define PRIVSEP_HELPER "orthrus-net"	/* whom a helper that is started here becomes */

/* As root: the directories that orthrusd writes are there, and are the user's: they may be from a version that ran as root. */
int privsep_prepare(const struct daemon_paths *p, const char *user, struct err *err) WARN_UNUSED;
/* As root, with one thread: prepare, start the helper, and become `user` without any capability. *helper_fd is the connection, or
 * -1 when no dnsmasq is `wanted`. */
int privsep_split(const struct daemon_paths *p, const char *root, const char *user, int wanted, int *helper_fd,
		  struct err *err) WARN_UNUSED;
/* The helper until its end: of orthrusd's connection on standard input, or on systemd's socket (sd_listen_fds(3)). As root it
 * first becomes `user`; another `user` than root may be NULL. `client`: who may connect. */
int privsep_helper(const struct daemon_paths *p, const char *user, const char *client, struct err *err) WARN_UNUSED;

#endif
