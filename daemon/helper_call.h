/* SPDX-License-Identifier: GPL-2.0-or-later */
/* orthrusd's side of the helper. One thread uses it. */
#ifndef ORTHRUS_DAEMON_HELPER_CALL_H
#define ORTHRUS_DAEMON_HELPER_CALL_H

#include "base/err.h"
#include "daemon/helper_wire.h"

#include <stdbool.h>
#include <sys/types.h>

/* The group of the helper and dnsmasq, which orthrusd belongs to: the file of leases is written by both. */
#define HELPER_GROUP "orthrus-net"
#define HELPER_GONE (-1) /* for a status of waitpid(2): the helper is gone, and dnsmasq with it */

struct querier_view;
struct helper_call {
	const char *socket; /* where the helper listens: connected to when it is needed; or NULL */
	int fd;		    /* the connection; -1: none */
	bool ended;	    /* it told meanwhile that dnsmasq ended, with `status` */
	int status;
};
/* `*pid`: of dnsmasq, after a start; may be NULL. */
int helper_call(struct helper_call *h, enum helper_ask ask, pid_t *pid, struct err *err) WARN_UNUSED;
/* A querier on this interface, of these families (QUERIER_BIT()s); 0: none. */
int helper_call_querier(struct helper_call *h, unsigned int index, unsigned int families, struct err *err) WARN_UNUSED;
/* ERR_NOT_FOUND: none runs (any more). */
int helper_look_querier(struct helper_call *h, struct querier_view *out, struct err *err) WARN_UNUSED;
/* h->fd can be read. True: dnsmasq ended. *status as of waitpid(2), or HELPER_GONE. */
bool helper_ended(struct helper_call *h, int *status) WARN_UNUSED;
/* dnsmasq shall be able to write its file of leases, which is made when it is not there. */
int helper_share_leases(const char *path, struct err *err) WARN_UNUSED;
void helper_call_close(struct helper_call *h);

#endif
