/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listens for LLDP on every network card from the imager's start on, in a thread of its own: a switch speaks up only every 30 s,
 * and nobody waits for it. What was heard last on a card lies as a raw frame in DIR/CARD, where the inventory reads it. */
#ifndef ORTHRUS_IMAGER_LLDP_LISTEN_H
#define ORTHRUS_IMAGER_LLDP_LISTEN_H

#include "base/err.h"

#include <stdbool.h>

#define LLDP_DIR "/run/orthrus/lldp"

struct lldp_listener;
struct lldp_listen_opts {
	const char *dir; /* LLDP_DIR; made */
	bool any_card;	 /* also those without hardware behind them, but for lo: for tests */
};
/* Cards that are down are brought up, without IPv6: another network's routers have no say here. A frame that is not sound is not
 * kept; one whose time is over, or whose card has no link any more, is removed. */
int lldp_listen(const struct lldp_listen_opts *opts, struct lldp_listener **out, struct err *err) WARN_UNUSED;
void lldp_listen_end(struct lldp_listener *l); /* NULL is fine */

#endif
