/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the state to what netboot is given. */
#ifndef ORTHRUS_DAEMON_BOOT_INPUT_H
#define ORTHRUS_DAEMON_BOOT_INPUT_H

#include "daemon/payloads.h"
#include "daemon/roster.h"
#include "netboot/netboot.h"

/* A site that is not applied yet, with the nodes as they would be. */
struct boot_wish {
	const struct site *site;
	const struct roster *roster;
	const struct str_list *withdrawn; /* nodes whose orders would be taken back */
};

struct boot_input {
	struct site own_site;
	struct roster own_roster;
	const struct site *site; /* its own, or those of a wish */
	const struct roster *roster;
	const struct boot_wish *wish; /* NULL: as the state has it */
	struct netboot_node *nodes;
	char **payloads;  /* keys, one per node, NULL where it boots its disk */
	char **esp_uuids; /* one per node, NULL where it is not known */
	char *server_url, *discover_payload;
	bool discover_wait;
	struct netboot_input in; /* points into the rest */
};
/* `missing` gets "NAME" of images that nodes need and the store lacks. ERR_NOT_FOUND: no site is applied. */
int boot_input_make(struct daemon *d, struct payloads *p, struct boot_input *out, struct str_list *missing,
		    struct err *err) WARN_UNUSED;
/* The same for a wish, which it points into; nothing is made for it. */
int boot_input_look(struct daemon *d, struct payloads *p, const struct boot_wish *wish, struct boot_input *out,
		    struct err *err) WARN_UNUSED;
void boot_input_free(struct boot_input *b);

#endif
