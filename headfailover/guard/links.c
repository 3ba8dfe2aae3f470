/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/links.h"

#include "sys/inet.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define RECEIVE_BYTES (1 << 20) /* some 1,300 datagrams as the kernel counts them: a flood's, while the guard is not there */
#define PRIORITY 6		/* TC_PRIO_INTERACTIVE; more takes a capability */

/* What this module reads of an address; nothing here is longer. */
union address {
	sa_family_t family;
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static union address address_of(const struct sockaddr_storage *s)
{
	union address a;

	memcpy(&a, s, sizeof(a));
	return a;
}

static socklen_t address_len(const union address *a)
{
	return a->family == AF_INET ? sizeof(a->v4) : sizeof(a->v6);
}

static in_port_t address_port(const union address *a)
{
	return a->family == AF_INET ? a->v4.sin_port : a->v6.sin6_port;
}

static bool is_link_local(const union address *a)
{
	return a->family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&a->v6.sin6_addr);
}

/* One machine's, not a group's and not anybody's. */
static bool is_of_one(const union address *a)
{
	if (a->family == AF_INET)
		return a->v4.sin_addr.s_addr != INADDR_ANY && a->v4.sin_addr.s_addr != INADDR_BROADCAST &&
		       !IN_MULTICAST(ntohl(a->v4.sin_addr.s_addr));
	return a->family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&a->v6.sin6_addr) && !IN6_IS_ADDR_MULTICAST(&a->v6.sin6_addr);
}

/* Zones don't count: a socket with link-local addresses hears one interface only. */
static bool is_same(const union address *a, const union address *b)
{
	if (a->family != b->family || address_port(a) != address_port(b))
		return false;
	if (a->family == AF_INET)
		return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
}

int guard_link_address(const char *text, uint16_t port, struct sockaddr_storage *out, struct err *err)
{
	return inet_address(text, port, out, err);
}

/* --- opening */

static int check(const struct guard_link_config *c, unsigned int number, struct err *err)
{
	const union address local = address_of(&c->local);
	bool any = false;

	if (!memchr(c->interface, '\0', sizeof(c->interface)))
		return err_set(err, ERR_INVALID, "link %u of the guard: its interface has too long a name", number);
	if (!is_of_one(&local) || !address_port(&local))
		return err_set(err, ERR_INVALID, "link %u of the guard: this machine has no address and port there", number);
	if (is_link_local(&local) && !c->interface[0])
		return err_set(err, ERR_INVALID, "link %u of the guard: a link-local address needs the name of its interface",
			       number);
	for (unsigned int i = 0; i < LEASE_VOTERS; i++) {
		const union address peer = address_of(&c->peers[i]);

		if (!peer.family)
			continue;
		if (peer.family != local.family || !is_of_one(&peer) || !address_port(&peer) ||
		    is_link_local(&peer) != is_link_local(&local) || is_same(&peer, &local))
			return err_set(err, ERR_INVALID,
				       "link %u of the guard: the address of voter %u is not one that this machine's can reach",
				       number, i);
		any = true;
	}
	return any ? 0 : err_set(err, ERR_INVALID, "link %u of the guard leads to no voter", number);
}

/* A datagram that waits in a queue behind others' traffic is a lease that ends. */
static void prefer(int fd, sa_family_t family)
{
	const int bytes = RECEIVE_BYTES, priority = PRIORITY, class = IPTOS_CLASS_CS6;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (family == AF_INET)
		(void)setsockopt(fd, IPPROTO_IP, IP_TOS, &class, sizeof(class));
	else
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof(class));
	(void)setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)); /* IP_TOS sets it, too: after that */
}

/* By name, since asking for an index by name may have the kernel load a module, which takes its time. */
static int to_interface(int fd, const char *name, unsigned int *index)
{
	int got = 0;
	socklen_t len = sizeof(got);

	*index = 0;
	if (!name[0])
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &got, &len) < 0)
		return -1;
	*index = (unsigned int)got;
	return 0;
}

/* The address need not be there yet: a socket that is bound to it works from when it is. */
static int bind_to(int fd, const struct guard_link *k)
{
	union address local = address_of(&k->config.local);
	const int on = 1;

	if (local.family == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) < 0 || bind(fd, &local.any, sizeof(local.v4)) < 0
			       ? -1
			       : 0;
	local.v6.sin6_scope_id = is_link_local(&local) ? k->index : 0;
	return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0 ||
			       setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) < 0 ||
			       bind(fd, &local.any, sizeof(local.v6)) < 0
		       ? -1
		       : 0;
}

static void shut(struct guard_link *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
	k->index = 0;
}

/* -1: not now; counts.error says why. */
static int open_one(struct guard_link *k)
{
	const sa_family_t family = k->config.local.ss_family;

	k->fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (k->fd < 0 || to_interface(k->fd, k->config.interface, &k->index) < 0 || bind_to(k->fd, k) < 0) {
		k->counts.error = errno;
		shut(k);
		return -1;
	}
	prefer(k->fd, family);
	k->counts.opened++;
	k->counts.error = 0;
	return 0;
}

int guard_links_open(struct guard_links *l, const struct guard_link_config *config, unsigned int n, struct err *err)
{
	*l = (struct guard_links){ 0 };
	if (n < 1 || n > GUARD_LINKS)
		return err_set(err, ERR_INVALID, "the guard has %u links: it needs one, and may have %u", n, GUARD_LINKS);
	for (unsigned int i = 0; i < n; i++)
		if (check(&config[i], i, err) < 0)
			return -1;
	for (; l->n < n; l->n++) {
		struct guard_link *k = &l->link[l->n];

		*k = (struct guard_link){ .fd = -1, .config = config[l->n] };
		if (open_one(k) < 0 && k->counts.error == EADDRINUSE) {
			err_set(err, ERR_EXISTS, "link %u of the guard: its address and port are in use", l->n);
			return err_hint(err, "another guard runs on this machine, or two links are the same one");
		}
	}
	return 0;
}

void guard_links_close(struct guard_links *l)
{
	for (unsigned int i = 0; i < l->n; i++)
		shut(&l->link[i]);
	l->n = 0;
}

/* --- what becomes of interfaces */

/* Is the socket still of the interface that has this name now? (SIOCGIFNAME takes no lock that others may hold for long.) */
static bool still_there(const struct guard_link *k)
{
	struct ifreq req = { .ifr_ifindex = (int)k->index };

	return !k->index ||
	       (ioctl(k->fd, SIOCGIFNAME, &req) == 0 && strncmp(req.ifr_name, k->config.interface, sizeof(req.ifr_name)) == 0);
}

static void look_at_drops(struct guard_link *k)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(k->fd, SOL_SOCKET, SO_MEMINFO, info, &len) < 0)
		return;
	k->counts.dropped += info[SK_MEMINFO_DROPS] - k->drops_seen; /* it wraps, and so does the difference */
	k->drops_seen = info[SK_MEMINFO_DROPS];
}

unsigned int guard_links_mend(struct guard_links *l)
{
	unsigned int changed = 0;

	for (unsigned int i = 0; i < l->n; i++) {
		struct guard_link *k = &l->link[i];

		if (k->fd >= 0)
			look_at_drops(k);
		if (k->fd >= 0 && still_there(k))
			continue;
		if (k->fd >= 0)
			changed |= 1U << i;
		shut(k);
		k->drops_seen = 0;
		if (open_one(k) == 0)
			changed |= 1U << i;
	}
	return changed;
}

/* --- there and back */

static bool send_one(struct guard_link *k, union address to, const uint8_t packet[GUARD_WIRE_LEN])
{
	ssize_t n = -1;

	if (k->fd < 0)
		return false; /* counts.error says since when it is */
	if (is_link_local(&to))
		to.v6.sin6_scope_id = k->index;
	/* Once more: an error may be what came back for an earlier datagram. */
	for (int i = 0; i < 2 && n < 0; i++)
		n = sendto(k->fd, packet, GUARD_WIRE_LEN, MSG_DONTWAIT | MSG_NOSIGNAL, &to.any, address_len(&to));
	k->counts.error = n < 0 ? errno : 0;
	return n == GUARD_WIRE_LEN;
}

unsigned int guard_links_send(struct guard_links *l, uint8_t voter, const uint8_t packets[GUARD_LINKS][GUARD_WIRE_LEN],
			      int64_t now_ns)
{
	unsigned int took = 0;

	assert(voter < LEASE_VOTERS);
	for (unsigned int i = 0; i < l->n; i++) {
		struct guard_link *k = &l->link[i];
		const union address to = address_of(&k->config.peers[voter]);

		if (!to.family)
			continue;
		if (!send_one(k, to, packets[i])) {
			k->counts.not_sent++;
			continue;
		}
		k->counts.sent++;
		k->counts.sent_ns = now_ns;
		took++;
	}
	return took;
}

static bool is_voters(const struct guard_link *k, const union address *from)
{
	for (unsigned int i = 0; i < LEASE_VOTERS; i++) {
		const union address peer = address_of(&k->config.peers[i]);

		if (peer.family && is_same(&peer, from))
			return true;
	}
	return false;
}

unsigned int guard_links_receive(struct guard_links *l, unsigned int link, struct guard_got got[GUARD_BATCH], bool *more,
				 int64_t now_ns)
{
	struct mmsghdr msgs[GUARD_BATCH];
	union address from[GUARD_BATCH];
	struct iovec parts[GUARD_BATCH];
	struct guard_link *k = &l->link[link];
	unsigned int kept = 0;
	int n;

	assert(link < l->n);
	*more = false;
	if (k->fd < 0)
		return 0;
	for (unsigned int i = 0; i < GUARD_BATCH; i++) {
		parts[i] = (struct iovec){ .iov_base = got[i].data, .iov_len = sizeof(got[i].data) };
		msgs[i] = (struct mmsghdr){
			.msg_hdr = { .msg_name = &from[i], .msg_namelen = sizeof(from[i]), .msg_iov = &parts[i], .msg_iovlen = 1 }
		};
	}
	n = recvmmsg(k->fd, msgs, GUARD_BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
	*more = n == GUARD_BATCH || (n < 0 && errno == EINTR);
	for (int i = 0; i < n; i++) {
		if (!is_voters(k, &from[i])) {
			k->counts.strangers++;
			continue;
		}
		if (kept != (unsigned int)i)
			memcpy(got[kept].data, got[i].data, GUARD_WIRE_LEN);
		got[kept++].len = msgs[i].msg_len;
	}
	k->counts.got += kept;
	if (kept)
		k->counts.got_ns = now_ns;
	return kept;
}

int64_t guard_links_poll(const struct guard_links *l, struct pollfd p[GUARD_LINKS], int64_t now_ns)
{
	int64_t next = INT64_MAX;

	for (unsigned int i = 0; i < GUARD_LINKS; i++) {
		const bool rests = i < l->n && l->link[i].rest_ns > now_ns;

		p[i] = (struct pollfd){ .fd = i < l->n && !rests ? l->link[i].fd : -1, .events = POLLIN };
		if (rests && l->link[i].rest_ns < next)
			next = l->link[i].rest_ns;
	}
	return next;
}

void guard_links_useless(struct guard_links *l, unsigned int link, int64_t now_ns)
{
	struct guard_link *k = &l->link[link];

	assert(link < l->n);
	if (k->useless_ns && now_ns - k->useless_ns < 2 * GUARD_REST_NS)
		k->rest_ns = now_ns + GUARD_REST_NS;
	k->useless_ns = now_ns;
}
