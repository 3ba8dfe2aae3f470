/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/leave.h"

#include "base/mem.h"
#include "headfailover/guard/addresses.h"
#include "headfailover/guard/gate.h"
#include "site/site.h"
#include "sys/fs.h"

#include <string.h>

#define SITE_MAX ((size_t)512 << 10)

static void add(const struct addr6 *addr, unsigned int prefix, struct service_addr *all, size_t *n)
{
	if (*n < SERVICE_ADDRS)
		all[(*n)++] = (struct service_addr){ .addr = *addr, .prefix = prefix, .interface = "any interface" };
}

/* Those that a guard gives: "nfs" goes with its disk. */
static size_t collect(const struct site *s, struct service_addr *all)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_vips; i++) {
		const struct site_vip *v = &s->vips[i];
		const struct addr6 four = { .bytes = { [10] = 0xff,
						       [11] = 0xff,
						       (uint8_t)(v->addr4 >> 24),
						       (uint8_t)(v->addr4 >> 16),
						       (uint8_t)(v->addr4 >> 8),
						       (uint8_t)v->addr4 } };

		if (str_eq(v->name, "nfs"))
			continue;
		if (v->addr4)
			add(&four, 32, all, &n);
		if (v->has6)
			add(&v->addr6, 128, all, &n);
	}
	return n;
}

static int take_addresses(const struct site *s, struct err *err)
{
	struct service_addr all[SERVICE_ADDRS];
	struct addresses *a = NULL;
	size_t n = collect(s, all);

	if (n == 0)
		return 0;
	/* They are gone when it returns. */
	if (addresses_open(all, n, &a, err) < 0)
		return -1;
	addresses_free(a);
	return 0;
}

int guard_leave(const char *site_path, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(site_free) struct site site = { 0 };

	if (!fs_exists(site_path))
		return gate_remove(err);
	if (fs_read(site_path, SITE_MAX, &text, err) < 0 || site_read(buf_str(&text), text.len, site_path, &site, err) < 0) {
		err_wrap(err, "which service addresses are to go is not known");
		return err->hint[0] ? -1 : err_hint(err, "put %s right, then run this again", site_path);
	}
	return take_addresses(&site, err) < 0 ? -1 : gate_remove(err);
}
