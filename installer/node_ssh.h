/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ssh on a node: its host certificate, whom it lets in as root, and how it knows the others. All of it is public. */
#ifndef ORTHRUS_INSTALLER_NODE_SSH_H
#define ORTHRUS_INSTALLER_NODE_SSH_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct node_ssh {
	char *certificate;  /* of the node's Ed25519 host key: one line */
	char *user_ca;	    /* whose certificates open root's account: one line */
	char *known_hosts;  /* lines of known_hosts(5) */
	struct buf revoked; /* a key revocation list */
};
void node_ssh_free(struct node_ssh *s);
/* {"certificate","user_ca","known_hosts","revoked": base64}: bytes from the network. */
int node_ssh_read(const char *json, size_t len, struct node_ssh *out, struct err *err) WARN_UNUSED;
/* Write them below root_fd's etc/ssh, with what names them in sshd_config.d and ssh_config.d last. *changed: sshd must read its
 * configuration again. */
int node_ssh_apply(int root_fd, const struct node_ssh *s, bool *changed, struct err *err) WARN_UNUSED;

#endif
