/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a MAC address to its node without reading 5,000 documents: a whole room that is switched on says hello at once. */
#ifndef ORTHRUS_DAEMON_MAC_INDEX_H
#define ORTHRUS_DAEMON_MAC_INDEX_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct daemon;
struct mac_index {
	struct mac_entry {
		char mac[STR_MAC_LEN];
		char *node;
	} * items;
	size_t len;
	bool fresh; /* false: made anew at the next look */
};
/* Only between change_begin and change_end. *node is a new string, NULL when nobody has this MAC address. */
int mac_index_find(struct daemon *d, const char *mac, char **node, struct err *err) WARN_UNUSED;
void mac_index_free(struct mac_index *x);

#endif
