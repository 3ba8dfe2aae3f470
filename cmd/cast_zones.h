/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of `orthrus cast status`: networks that relays bring a cast into. */
#ifndef ORTHRUS_CMD_CAST_ZONES_H
#define ORTHRUS_CMD_CAST_ZONES_H

struct cmd;

/* A line for each that a node is in. `cast`: one of the daemon's answer, as JSON. */
void cast_zones_say(const struct cmd *c, const char *cast);

#endif
