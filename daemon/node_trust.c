/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/node_trust.h"

#include "base/mem.h"
#include "daemon/change.h"
#include "daemon/secret_store.h"
#include "daemon/ssh_trust.h"

static int follow_secrets(struct daemon *d, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autoclean(change_end) struct change c = { 0 };
	bool changed;

	change_begin(&c, d);
	/* The site as it is now that nobody else writes. */
	if (daemon_site(d, &site, NULL, err) < 0 || secrets_follow_site(&c, &site, &changed, err) < 0)
		return -1;
	return changed ? change_commit(&c, err) : 0;
}

int node_trust_follow(struct daemon *d, const struct site *site, struct err *err)
{
	autofree char *due = secrets_follow_plan(d, site);

	if (ssh_follow(d, site, err) < 0)
		return err_wrap(err, "ssh keys of the cluster");
	return due && follow_secrets(d, err) < 0 ? err_wrap(err, "secrets of nodes") : 0;
}
