/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/relay.h"

#include "base/mem.h"
#include "cast/net.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define HOPS 1 /* as a sender's: the subnet, and nothing behind it */
#define SEND_BUFFER ((size_t)4 << 20)
#define GOT 8 /* units of many packets: what they hold stays in a core's cache */
#define LOOK_NS (10 * NS_PER_S)

struct relay {
	struct relay_opts opts;
	int fd, wake;
	uint16_t port;
	struct net_out out;
	struct net_got got[GOT];
	bool said; /* why something can't leave */
	int64_t looked_ns;
	uint32_t dropped; /* that was said */
	_Atomic uint64_t packets, bytes, refused, lost;
	atomic_bool stop;
};

/* --- what it may be told --- */

static bool same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	struct sockaddr_storage one = *a, other = *b;

	net_port_set(&one, 0);
	net_port_set(&other, 0);
	return net_same(&one, &other);
}

static int check_list(const struct relay_opts *o, const struct sockaddr_storage *list, size_t n, struct err *err)
{
	char text[NET_TEXT];

	for (size_t i = 0; i < n; i++) {
		net_print(&list[i], text);
		if (list[i].ss_family != o->address.ss_family)
			return err_set(err, ERR_INVALID, "%s is of another family than the relay's own address", text);
		if (net_multicast(&list[i]))
			return err_set(err, ERR_INVALID, "%s is a group, not a machine", text);
		if (same_host(&list[i], &o->address))
			return err_set(err, ERR_INVALID, "%s is the relay itself: its packets would go round and round", text);
	}
	return 0;
}

static bool ends_too_high(const struct sockaddr_storage *group)
{
	const uint8_t last = group->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)group)->sin6_addr.s6_addr[15]
							  : ntohl(((const struct sockaddr_in *)group)->sin_addr.s_addr) & 0xff;

	return last + RELAY_GROUPS > 256;
}

int relay_check(const struct relay_opts *o, struct err *err)
{
	char text[NET_TEXT];

	net_print(&o->group, text);
	if (o->group.ss_family != o->address.ss_family || !net_multicast(&o->group))
		return err_set(err, ERR_INVALID, "%s is no group of the relay's family", text);
	if (ends_too_high(&o->group))
		return err_set(err, ERR_INVALID, "%s is not the first of %d groups that differ in their last byte", text,
			       RELAY_GROUPS);
	if (!o->n_from)
		return err_set(err, ERR_INVALID, "there is nobody whose packets are taken");
	if (check_list(o, o->from, o->n_from, err) < 0 || check_list(o, o->to, o->n_to, err) < 0)
		return -1;
	for (size_t i = 0; i < o->n_from; i++)
		for (size_t k = 0; k < o->n_to; k++)
			if (same_host(&o->from[i], &o->to[k])) {
				net_print(&o->to[k], text);
				return err_set(err, ERR_INVALID, "%s would get back what it sends", text);
			}
	return 0;
}

/* --- its sockets --- */

static int open_socket(struct relay *r, struct err *err)
{
	unsigned int interface = 0;
	struct net_way way;

	if (r->opts.interface[0] && net_interface(r->opts.interface, &interface, err) < 0)
		return -1;
	if (net_open(&r->opts.address, false, &r->fd, err) < 0)
		return -1;
	if (!interface) {
		if (net_towards(&r->opts.address, &way, err) < 0)
			return -1;
		interface = way.index;
	}
	if (net_multicast_by(r->fd, r->opts.group.ss_family, interface, HOPS, err) < 0)
		return -1;
	(void)net_receive_buffer(r->fd, NET_BUFFER);
	(void)net_send_buffer(r->fd, SEND_BUFFER);
	if (!r->opts.one_by_one)
		net_offload(r->fd);
	r->port = net_port(&r->opts.address);
	r->out = (struct net_out){ .fd = r->fd, .one_by_one = r->opts.one_by_one };
	r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return r->wake < 0 ? err_errno(err, errno, "eventfd") : 0;
}

int relay_open(const struct relay_opts *o, struct relay **out, struct err *err)
{
	struct relay *r;

	if (relay_check(o, err) < 0)
		return -1;
	r = mem_zalloc(sizeof(*r));
	r->opts = *o;
	r->fd = r->wake = -1;
	if (open_socket(r, err) < 0) {
		relay_close(r);
		return -1;
	}
	for (size_t i = 0; i < GOT; i++)
		r->got[i].data = mem_aligned(64, NET_GOT_BYTES);
	*out = r;
	return 0;
}

void relay_close(struct relay *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < GOT; i++)
		free(r->got[i].data);
	mem_autoclose_(&r->fd);
	mem_autoclose_(&r->wake);
	free(r);
}

/* --- its work --- */

static void put(struct relay *r, const struct sockaddr_storage *to, const uint8_t *data, size_t len, size_t each)
{
	const uint64_t before = r->out.lost;
	struct err err = { 0 };
	char text[NET_TEXT];

	r->out.to = *to;
	net_port_set(&r->out.to, r->port);
	if (net_send(&r->out, data, len, each, &err) < 0) {
		/* Too large for that way, say: others may do, and what is lost is fetched elsewhere. */
		r->lost += (len + each - 1) / each;
		net_print(&r->out.to, text);
		if (!r->said)
			log_err("relay", text, &err);
		r->said = true;
		return;
	}
	r->lost += r->out.lost - before;
}

static void pass_on(struct relay *r, const struct net_got *g)
{
	struct sockaddr_storage group;
	struct relay_run run;

	for (size_t at = 0; at < g->len; at = run.at + run.len) {
		relay_sift(g->data, g->len, g->each, at, &run);
		r->refused += run.refused;
		if (!run.len)
			return;
		r->packets += (run.len + g->each - 1) / g->each;
		r->bytes += run.len;
		relay_group(&r->opts, run.cast, &group);
		put(r, &group, g->data + run.at, run.len, g->each);
		for (size_t i = 0; i < r->opts.n_to; i++)
			put(r, &r->opts.to[i], g->data + run.at, run.len, g->each);
	}
}

static bool is_known(const struct relay *r, const struct sockaddr_storage *from)
{
	for (size_t i = 0; i < r->opts.n_from; i++)
		if (same_host(&r->opts.from[i], from))
			return true;
	return false;
}

static int hear(struct relay *r, struct err *err)
{
	const int n = net_receive(r->fd, r->got, GOT, err);

	for (int i = 0; i < n; i++) {
		const struct net_got *g = &r->got[i];

		if (g->len && is_known(r, &g->from))
			pass_on(r, g);
		else
			r->refused += g->len ? (g->len + g->each - 1) / g->each : 1;
	}
	return n;
}

/* Whoever is behind it sees loss, and nobody else knows where. */
static void look_at_drops(struct relay *r)
{
	const int64_t now = clock_now_ns();
	uint32_t dropped;

	if (now - r->looked_ns < LOOK_NS)
		return;
	r->looked_ns = now;
	dropped = net_dropped(r->fd);
	if (dropped != r->dropped)
		log_warn("relay", "%u packets came faster than they could be taken; `sysctl -w net.core.rmem_max=%zu` makes room",
			 dropped - r->dropped, NET_BUFFER);
	r->dropped = dropped;
}

int relay_run(struct relay *r, struct err *err)
{
	struct pollfd fds[] = { { .fd = r->fd, .events = POLLIN }, { .fd = r->wake, .events = POLLIN } };

	while (!atomic_load(&r->stop)) {
		const int n = hear(r, err);

		if (n < 0)
			return -1;
		if (n == 0)
			look_at_drops(r);
		if (n == 0 && poll(fds, 2, -1) < 0 && errno != EINTR)
			return err_errno(err, errno, "poll");
	}
	return 0;
}

void relay_stop(struct relay *r)
{
	const uint64_t one = 1;
	const int was = errno;

	atomic_store(&r->stop, true);
	/* It is full when it was not looked at yet: then it need not be written. */
	if (write(r->wake, &one, sizeof(one)) < 0)
		errno = was;
}

void relay_look(const struct relay *r, struct relay_view *out)
{
	*out = (struct relay_view){
		.packets = r->packets, .bytes = r->bytes, .refused = r->refused, .lost = r->lost, .dropped = net_dropped(r->fd)
	};
}
