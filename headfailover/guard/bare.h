/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which interfaces of this head have no gate, though packets for a service address can come by them: Linux answers for its
 * addresses on every interface, whether site.json names it or not. */
#ifndef ORTHRUS_GUARD_BARE_H
#define ORTHRUS_GUARD_BARE_H

#include "base/str.h"
#include "headfailover/guard/gate.h"

/* Their names, in order, to *out: Ethernet, up, no port of a bridge or bond, and not (as a VLAN or macvlan) at an interface that
 * has the gate, which looks into tags. `root`: below it is /sys. What can't be read is left out. */
void guard_bare_interfaces(const char *root, const struct gate_config *gate, struct str_list *out);

#endif
