/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/rx.h: the ways by which the sender may be heard. At first all that can be opened; then the one that it uses and that
 * brings all. docs/cast.md, "Modes". */
#include "base/mem.h"
#include "cast/rx_priv.h"
#include "sys/clock.h"

#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define HELLO_NS (300 * NS_PER_MS) /* POLLs come every 100 ms while all gather */
#define TELL_NS (10 * NS_PER_MS)
#define TELL_LATE_NS (110 * NS_PER_MS)

static struct rx_way *add(struct rx *r, enum wire_way way, int fd, const struct sockaddr_storage *sender)
{
	struct rx_way *w = &r->ways[r->n_ways++];

	*w = (struct rx_way){ .way = way, .fd = fd, .sender = *sender };
	return w;
}

/* `to`: a group, the broadcast address, or (a cast for one) an address of our own. */
static int open_way(struct rx *r, enum wire_way way, const struct sockaddr_storage *to, const struct sockaddr_storage *sender,
		    unsigned int interface, struct err *err)
{
	const bool group = net_multicast(to);
	autoclose int fd = -1;

	if (net_open(to, group || way == WIRE_BROADCAST, &fd, err) < 0)
		return -1;
	r->buffer_kib = (uint32_t)(net_receive_buffer(fd, NET_BUFFER) >> 10);
	if (!r->opts.one_by_one)
		net_offload(fd);
	if (group && net_join(fd, to, sender, interface, err) < 0)
		return -1;
	for (unsigned int i = 0; i < r->n_ways; i++)
		r->doubled |= r->ways[i].way != WIRE_UNICAST;
	add(r, way, steal_fd(fd), sender);
	return 0;
}

/* Reports have a socket of their own: connected, so that they take no look at the routes. What comes there is meant for us alone.
 */
static int open_back(struct rx *r, const struct net_way *towards, const struct sockaddr_storage *sender, struct err *err)
{
	autoclose int fd = -1;

	if (net_open(&towards->local, false, &fd, err) < 0 || net_connect(fd, sender, err) < 0)
		return -1;
	(void)net_receive_buffer(fd, NET_BUFFER);
	if (!r->opts.one_by_one)
		net_offload(fd);
	r->back.fd = steal_fd(fd);
	return 0;
}

/* Who sends to the group. */
static const struct sockaddr_storage *source_of(const struct rx *r, const struct sockaddr_storage *sender)
{
	return sender == &r->session.sender && r->session.source.ss_family ? &r->session.source : sender;
}

/* The ways of one address family. */
static int open_family(struct rx *r, const struct sockaddr_storage *sender, const struct sockaddr_storage *group, struct err *err)
{
	const struct sockaddr_storage *all = &r->session.broadcast;
	const struct sockaddr_storage *source = source_of(r, sender);
	struct err ignored = { 0 };
	struct net_way way, near;

	if (net_towards(sender, &way, err) < 0 || net_towards(source, &near, err) < 0)
		return -1;
	if (r->opts.interface[0] && net_interface(r->opts.interface, &near.index, err) < 0)
		return -1;
	if (open_way(r,
		     !net_multicast(group)	   ? WIRE_UNICAST
		     : group->ss_family == AF_INET ? WIRE_MC4
						   : WIRE_MC6,
		     group, source, near.index, err) < 0)
		return -1;
	if (all->ss_family == sender->ss_family)
		(void)!open_way(r, WIRE_BROADCAST, all, sender, near.index, &ignored); /* our network may be another one */
	if (r->back.fd >= 0)
		return 0;
	if (open_back(r, &way, sender, err) < 0)
		return -1;
	if (net_multicast(group))
		add(r, WIRE_UNICAST, r->back.fd, sender)->mine = true;
	return 0;
}

/* First what is preferred: the group; then the other family's; broadcast; packets for us alone. */
static int by_rank(const struct rx *r, const struct rx_way *w)
{
	if (w->way == WIRE_BROADCAST || w->way == WIRE_UNICAST)
		return 2 + (w->way == WIRE_UNICAST);
	return w->sender.ss_family == r->session.sender.ss_family ? 0 : 1;
}

static void sort(struct rx *r)
{
	for (unsigned int i = 1; i < r->n_ways; i++)
		for (unsigned int j = i; j && by_rank(r, &r->ways[j]) < by_rank(r, &r->ways[j - 1]); j--) {
			const struct rx_way w = r->ways[j];

			r->ways[j] = r->ways[j - 1];
			r->ways[j - 1] = w;
		}
}

int rx_ways_open(struct rx *r, struct err *err)
{
	const struct session *s = &r->session;
	const bool second = s->group2.ss_family && s->sender2.ss_family;
	struct err other = { 0 };
	int rc = open_family(r, &s->sender, &s->group, err);

	/* A host that has addresses of one family only takes part by that one. */
	if (second && open_family(r, &s->sender2, &s->group2, &other) == 0)
		rc = 0;
	if (rc < 0)
		return -1;
	*err = (struct err){ 0 };
	r->size = r->packet > WIRE_PACKET_MAX ? WIRE_JUMBO : WIRE_FULL;
	sort(r);
	r->way = &r->ways[0];
	return 0;
}

static void close_way(struct rx_way *w)
{
	if (!w->mine)
		close(w->fd);
}

void rx_ways_close(struct rx *r)
{
	while (r->n_ways)
		close_way(&r->ways[--r->n_ways]);
}

void rx_ways_settle(struct rx *r)
{
	unsigned int best = 0;
	uint8_t ways;

	if (r->n_ways < 2)
		return;
	pthread_mutex_lock(&r->lock);
	ways = r->settle & (uint8_t)(r->probes >> 4 * r->size);
	pthread_mutex_unlock(&r->lock);
	if (!ways)
		return;
	while (!(ways & WIRE_HEARD(r->ways[best].way, WIRE_SMALL)))
		if (++best == r->n_ways)
			return;
	for (unsigned int i = 0; i < r->n_ways; i++)
		if (i != best)
			close_way(&r->ways[i]);
	if (!r->ways[best].mine) /* nobody looks there any more */
		(void)net_receive_buffer(r->back.fd, 1);
	r->ways[0] = r->ways[best];
	r->n_ways = 1;
	r->doubled = false;
}

bool rx_ways_hello(struct rx *r, int64_t now_ns, struct wire_report *out, int64_t *until_ns)
{
	const bool news = r->probes != r->said_probes;

	if (!r->hello_ns)
		r->hello_ns = r->began_ns + HELLO_NS;
	if (r->end != RX_GOING || r->hellos >= 2 * RX_HELLOS || (now_ns < r->hello_ns && !(news && r->hellos))) {
		*until_ns = r->hellos < 2 * RX_HELLOS ? r->hello_ns : *until_ns;
		return false;
	}
	*out = (struct wire_report){ .buffer_kib = r->buffer_kib, .rows_from = UINT32_MAX, .state = WIRE_READY };
	if (!news || now_ns >= r->hello_ns)
		r->hello_ns = now_ns + (HELLO_NS << (r->hellos < RX_HELLOS ? r->hellos : RX_HELLOS));
	r->hellos++;
	r->doubled = true; /* it is going to be answered to us alone too */
	r->said_probes = r->probes;
	return true;
}

/* By which ways it could hear, as far as it can open them; of packets for us alone none come as long as others do. */
static uint16_t all_ways(const struct rx *r)
{
	uint16_t all = 0;

	for (unsigned int i = 0; i < r->n_ways; i++)
		if (r->ways[i].way != WIRE_UNICAST)
			all |= WIRE_HEARD(r->ways[i].way, r->size);
	return all;
}

/* The packets of a train come together; the next one comes 100 ms later at most. */
bool rx_ways_told(struct rx *r, int64_t now_ns, int64_t *until_ns)
{
	const uint16_t all = all_ways(r);
	int64_t when;

	if (!r->tell_ns)
		r->tell_ns = now_ns;
	when = r->tell_ns + (r->probes & WIRE_HEARD(r->ways[0].way, r->size) ? TELL_NS : TELL_LATE_NS);
	if (r->n_ways == 1 || (r->probes & all) == all || now_ns >= when)
		return true;
	*until_ns = when;
	return false;
}
