/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rescue system: this machine from memory, for a person who repairs it by ssh or at its console. It has no password and no
 * key of its own maker: it makes its host key, and the cluster's authority alone lets people in. */
#ifndef ORTHRUS_IMAGER_RESCUE_H
#define ORTHRUS_IMAGER_RESCUE_H

#include "base/buf.h"
#include "base/err.h"
#include "raidsetup/raidsetup.h"

#include <stdbool.h>

struct head;

/* Was this machine started with what the rescue system needs? */
bool rescue_is_here(const char *root);
/* Below `root`: an ssh host key and the head's certificate for it, hostname and motd. /init starts sshd once
 * etc/ssh/sshd_config.d/orthrus.conf is there. Tells the head, by asking for the certificate, that the rescue system is up. */
int rescue_prepare(const char *root, struct head *head, const char *node, const struct disks *disks, struct err *err) WARN_UNUSED;
/* Pure. What somebody reads who logs in: where he is, what lies on the disks, what is safe. */
void rescue_motd(const char *node, const struct disks *disks, struct buf *out);

#endif
