/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/relay.h: what a relay is told in words. */
#include "base/str.h"
#include "cast/relay.h"
#include "sys/inet.h"

static int read_list(const struct str_list *list, uint16_t port, struct sockaddr_storage *out, size_t max, size_t *n,
		     struct err *err)
{
	if (list->len > max)
		return err_set(err, ERR_INVALID, "%zu addresses are more than %zu", list->len, max);
	for (*n = 0; *n < list->len; ++*n)
		if (inet_address(list->items[*n], port, &out[*n], err) < 0)
			return -1;
	return 0;
}

int relay_words(struct relay_opts *o, const char *address, uint64_t port, const char *group, const struct str_list *from,
		const struct str_list *to, struct err *err)
{
	const uint16_t p = (uint16_t)port;

	*o = (struct relay_opts){ 0 };
	if (!port || port > UINT16_MAX)
		return err_set(err, ERR_INVALID, "%llu is no port", (unsigned long long)port);
	return inet_address(address, p, &o->address, err) < 0 || inet_address(group, p, &o->group, err) < 0 ||
			       read_list(from, p, o->from, RELAY_FROM_MAX, &o->n_from, err) < 0 ||
			       read_list(to, p, o->to, RELAY_TO_MAX, &o->n_to, err) < 0
		       ? -1
		       : 0;
}
