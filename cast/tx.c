/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/tx.h: its beginning and end, and what other threads do with it. */
#include "base/mem.h"
#include "cast/tx_priv.h"
#include "sys/clock.h"
#include "sys/keys.h"
#include "sys/log.h"
#include "sys/threads.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#define HANDS_MAX 64
#define HOPS 1				    /* routers are passed where an operator says so, not by chance */
#define RATE_FIRST_MAX ((uint64_t)64 << 20) /* bytes a second */
#define SEND_BUFFER ((size_t)512 << 10)	    /* some bursts; what waits longer makes the clock of POLLs wrong */
#define REPORT_BUFFER ((size_t)8 << 20)	    /* thousands of reports at once */
#define SPEED_DEFAULT 1000		    /* Mbit/s, where the interface does not say */
#define REPORT_WINDOW 1024
#define PORT_TRIES 8 /* to find one that is free in both families */
#define IP_HEADS 48  /* IPv6 and UDP */

/* By ioctl: /sys shows the interfaces of the namespace that it was mounted in. */
static uint64_t link_bytes_per_s(int fd, const char *interface)
{
	struct ethtool_cmd cmd = { .cmd = ETHTOOL_GSET };
	struct ifreq req = { .ifr_data = (char *)&cmd };
	uint32_t mbit;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", interface);
	mbit = ioctl(fd, SIOCETHTOOL, &req) == 0 ? ethtool_cmd_speed(&cmd) : 0;
	if (mbit == 0 || mbit == (uint32_t)SPEED_UNKNOWN || mbit == UINT16_MAX)
		mbit = SPEED_DEFAULT;
	return (uint64_t)mbit * 1000000 / 8;
}

static int open_socket(struct tx *t, const struct sockaddr_storage *sender, const struct sockaddr_storage *group,
		       const struct net_way *way, struct err *err)
{
	autoclose int fd = -1;

	if (net_open(sender, false, &fd, err) < 0 ||
	    (net_multicast(group) && net_multicast_by(fd, group->ss_family, way->index, HOPS, err) < 0))
		return -1;
	if (t->jumbo)
		net_whole(fd, sender->ss_family);
	(void)net_send_buffer(fd, SEND_BUFFER);
	(void)net_receive_buffer(fd, REPORT_BUFFER);
	t->fds[t->n_fds++] = steal_fd(fd);
	return 0;
}

/* The other family where there is one, with the same port; where it can't be, there is one way less. */
static bool open_second(struct tx *t, const struct net_way *way)
{
	struct session *s = &t->session;
	struct err err = { 0 };

	net_port_set(&s->sender2, t->port);
	if (open_socket(t, &s->sender2, &s->group2, way, &err) == 0)
		return true;
	log_debug("cast", "cast %08x goes without a second address family: %s", s->cast, err.text);
	return false;
}

static void close_sockets(struct tx *t)
{
	while (t->n_fds)
		close(t->fds[--t->n_fds]);
}

/* Both families at the same port: what is to be tried, from the i-th on. */
static int open_both(struct tx *t, const struct net_way *way, bool *whole, struct err *err)
{
	struct sockaddr_storage bound;

	close_sockets(t);
	if (open_socket(t, &t->session.sender, &t->session.group, way, err) < 0 || net_bound(t->fds[0], &bound, err) < 0)
		return -1;
	t->port = net_port(&bound);
	*whole = !t->session.sender2.ss_family || open_second(t, way);
	return 0;
}

/* Ports of a range are tried one after the other: no two casts hear each other's reports. Where none is free in both families,
 * one way less. */
static int open_ports(struct tx *t, unsigned int ports, const struct net_way *way, struct err *err)
{
	const uint16_t first = net_port(&t->session.sender);
	const unsigned int tries = !first ? PORT_TRIES : ports ? ports : 1;
	unsigned int half = 0;
	bool whole = false;

	for (unsigned int i = 0; i < tries; i++) {
		struct err why = { 0 };

		if (first)
			net_port_set(&t->session.sender, (uint16_t)(first + i));
		if (open_both(t, way, &whole, &why) == 0 && whole)
			return 0;
		if (t->n_fds && !half)
			half = i + 1;
		*err = why;
		if (!t->n_fds && why.kind != ERR_EXISTS)
			return -1;
	}
	if (!half)
		return tries > 1 ? err_wrap(err, "%u ports from %u on are in use", tries, first) : -1;
	if (first)
		net_port_set(&t->session.sender, (uint16_t)(first + half - 1));
	return open_both(t, way, &whole, err);
}

static int open_sockets(struct tx *t, const struct tx_opts *o, uint64_t *link, struct err *err)
{
	struct net_way way;

	if (o->interface[0]) {
		snprintf(way.name, sizeof(way.name), "%s", o->interface);
		if (net_interface(way.name, &way.index, err) < 0)
			return -1;
	} else if (net_towards(&t->session.sender, &way, err) < 0) {
		return -1;
	}
	t->jumbo = net_mtu(way.name) >= WIRE_PROBE_JUMBO + IP_HEADS;
	if (open_ports(t, o->ports, &way, err) < 0)
		return -1;
	*link = link_bytes_per_s(t->fds[0], way.name);
	tx_outlets_make(t);
	return 0;
}

static struct sender *make_sender(const struct tx_opts *o, uint64_t link)
{
	struct sender_opts so = { .layout = o->layout,
				  .expected = o->expected,
				  .gather_ns = o->gather_ns,
				  .empty_ns = o->empty_ns,
				  .rate_first = link / 4,
				  .rate_max = o->rate_max };

	/* Behind a fast link of ours there may be slower ones; it is doubled every round trip anyway. */
	if (so.rate_first > RATE_FIRST_MAX)
		so.rate_first = RATE_FIRST_MAX;
	if (so.rate_max && so.rate_first > so.rate_max)
		so.rate_first = so.rate_max;
	random_bytes(&so.seed, sizeof(so.seed));
	return sender_new(&so, clock_now_ns());
}

int tx_open(const struct tx_opts *o, struct tx **out, struct err *err)
{
	struct tx *t = mem_zalloc(sizeof(*t));
	const unsigned int cores = threads_for_work(HANDS_MAX + 1);
	const unsigned int hands = o->hands ? o->hands : cores > 1 ? cores - 1 : 1;
	uint64_t link = 0;

	t->session = *o->session;
	t->rate_max = o->rate_max;
	t->packet = WIRE_DATA_MORE + (size_t)layout_symbol_bytes(o->layout);
	t->one_by_one = o->one_by_one;
	t->small_instead = o->small_instead;
	t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&t->lock, NULL);
	t->peers = mem_array(TX_PEERS, sizeof(struct tx_peer *));
	for (unsigned int i = 0; i < TX_HEAR; i++)
		t->got[i].data = mem_aligned(64, NET_GOT_BYTES);
	tx_store_init(&t->store, o->layout, &o->source);
	tx_ring_init(&t->ring, t, hands < HANDS_MAX ? hands : HANDS_MAX);
	if ((t->wake < 0 ? err_errno(err, errno, "eventfd") : open_sockets(t, o, &link, err)) < 0) {
		tx_close(t);
		return -1;
	}
	t->sender = make_sender(o, link);
	*out = t;
	return 0;
}

bool tx_takes_jumbo(const char *interface)
{
	return net_mtu(interface) >= TX_JUMBO_MTU;
}

uint16_t tx_port(const struct tx *t)
{
	return t->port;
}

static void peer_clear(struct tx_peer *p)
{
	if (p->seal)
		seal_free(p->seal);
	if (p->replay)
		replay_free(p->replay);
	*p = (struct tx_peer){ .probes = p->probes, .hellos = p->hellos }; /* what it heard is looked at later, too */
}

static void peer_free(struct tx_peer *p)
{
	if (p)
		peer_clear(p);
	free(p);
}

void tx_close(struct tx *t)
{
	if (!t)
		return;
	tx_ring_clear(&t->ring);
	tx_store_clear(&t->store);
	for (unsigned int i = 0; i < TX_PEERS; i++)
		peer_free(t->peers[i]);
	for (unsigned int i = 0; i <= LAYOUT_K_MAX; i++)
		if (t->fecs[i])
			fec_free(t->fecs[i]);
	for (unsigned int i = 0; i < TX_HEAR; i++)
		free(t->got[i].data);
	if (t->sender)
		sender_free(t->sender);
	close_sockets(t);
	if (t->wake >= 0)
		close(t->wake);
	free(t->peers);
	pthread_mutex_destroy(&t->lock);
	explicit_bzero(t, sizeof(*t));
	free(t);
}

static void wake(const struct tx *t)
{
	const uint64_t one = 1;

	/* It is full when it was not looked at yet: then it need not be written. */
	if (write(t->wake, &one, sizeof(one)) < 0)
		return;
}

int tx_join(struct tx *t, uint16_t number, const uint8_t own_key[SESSION_KEY], const uint8_t *have, struct err *err)
{
	struct tx_peer *p;
	int rc = 0;

	if (number == WIRE_FROM_SENDER)
		return err_set(err, ERR_INVALID, "0 is no receiver's number");
	p = mem_zalloc(sizeof(*p));
	p->seal = seal_new(own_key);
	p->replay = replay_new(REPORT_WINDOW);
	pthread_mutex_lock(&t->lock);
	if (t->over) {
		rc = err_set(err, ERR_REFUSED, "the cast is over");
	} else if (t->peers[number]) {
		rc = err_set(err, ERR_EXISTS, "receiver %u joined already", number);
	} else if (!sender_join(t->sender, number, have, clock_now_ns())) {
		rc = err_set(err, ERR_REFUSED, "the cast is ending");
	} else {
		t->peers[number] = steal(p);
	}
	pthread_mutex_unlock(&t->lock);
	peer_free(p);
	wake(t);
	return rc;
}

/* With the lock. */
static void peer_gone(struct tx *t, struct tx_peer *p)
{
	if (p->told)
		modes_left(&t->modes, p->probes);
	peer_clear(p);
}

void tx_leave(struct tx *t, uint16_t number, bool whole)
{
	struct tx_peer *p;

	pthread_mutex_lock(&t->lock);
	p = t->peers[number];
	if (p && p->seal && !t->over)
		sender_leave(t->sender, number, whole, clock_now_ns());
	if (p)
		peer_gone(t, p); /* an empty one stays: the number is never used again */
	pthread_mutex_unlock(&t->lock);
	wake(t);
}

void tx_start(struct tx *t)
{
	pthread_mutex_lock(&t->lock);
	if (!t->over)
		sender_start(t->sender, clock_now_ns());
	pthread_mutex_unlock(&t->lock);
	wake(t);
}

void tx_stop(struct tx *t)
{
	const int was = errno;

	atomic_store(&t->stop, true);
	wake(t);
	errno = was;
}

const struct fec *tx_fec(struct tx *t, unsigned int k)
{
	struct fec *f;

	pthread_mutex_lock(&t->lock);
	if (!t->fecs[k])
		t->fecs[k] = fec_new(k);
	f = t->fecs[k];
	pthread_mutex_unlock(&t->lock);
	return f;
}

void tx_look(struct tx *t, struct tx_view *out)
{
	pthread_mutex_lock(&t->lock);
	*out = (struct tx_view){
		.wire_bytes = t->wire_bytes, .rejected = t->rejected, .ways = t->said_ways, .too_large = t->too_large
	};
	sender_look(t->sender, &out->sender);
	if (t->first_ns)
		out->seconds = (double)((t->last_ns ? t->last_ns : clock_now_ns()) - t->first_ns) / (double)NS_PER_S;
	pthread_mutex_unlock(&t->lock);
}

bool tx_look_at(struct tx *t, uint16_t number, struct sender_receiver_view *out)
{
	bool found;

	pthread_mutex_lock(&t->lock);
	found = sender_look_at(t->sender, number, out);
	if (found && t->peers[number]) {
		out->probes = t->peers[number]->probes;
		out->hellos = t->peers[number]->hellos;
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}
