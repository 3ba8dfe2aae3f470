/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This head's keys and certificates follow the site, and so does the listener for nodes and administrators that shows them. */
#ifndef ORTHRUS_DAEMON_HEAD_TLS_H
#define ORTHRUS_DAEMON_HEAD_TLS_H

#include "base/err.h"
#include "sys/clock.h"

#include <stdint.h>

struct daemon;
struct payloads;
struct site;
struct str_list;

#define HEAD_TLS_EVERY_NS (3600 * NS_PER_S) /* how often the server's certificate is looked at */

struct head_tls {	  /* all zero at first */
	uint64_t version; /* of the site that was followed last */
	int64_t checked_ns;
};

/* Pure: the names and addresses that the certificate is for, appended. */
void head_tls_names(const struct site *site, struct str_list *names, struct str_list *addrs);
/* Makes what lacks or ends soon, tells the imagers whom to believe, and listens. Does nothing while the site is the same and the
 * last look was less than HEAD_TLS_EVERY_NS ago. */
int head_tls_follow(struct head_tls *t, struct daemon *d, struct payloads *payloads, const struct site *site, uint64_t version,
		    struct err *err) WARN_UNUSED;

#endif
