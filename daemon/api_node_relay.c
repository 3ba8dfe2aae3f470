/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A node asks whether it is to bring casts into a network: it does so from then on, by orthrus-node: orthrus-sync(8). */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/ident.h"

static const struct site_relay *relay_of(const struct site_cast *c, const char *node)
{
	for (size_t i = 0; i < c->n_relays; i++)
		if (str_eq(c->relays[i].machine, node))
			return &c->relays[i];
	return NULL;
}

/* What is an environment file for systemd, too. */
int api_node_relay(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(site_free) struct site site = { 0 };
	autoclean(site_relay_role_free) struct site_relay_role role = { 0 };
	const struct site_relay *me;
	autofree char *node = NULL;

	if (ident_caller(d, call, &node, NULL, err) < 0 || daemon_site(d, &site, NULL, err) < 0)
		return -1;
	me = relay_of(&site.cast, node);
	if (!me || !site.cast.on) {
		http_set_status(call, 204);
		return 0;
	}
	site_relay_role(&site, me, &role);
	http_set_type(call, "text/plain");
	buf_adds(http_out(call), "ORTHRUS_RELAY=");
	site_relay_words(&role, http_out(call));
	buf_addc(http_out(call), '\n');
	return 0;
}
