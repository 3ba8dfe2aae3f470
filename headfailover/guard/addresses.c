/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rtnetlink(7). Each time all addresses of the kernel are looked at, and what is not as wanted is changed: so it does not matter
 * what others did meanwhile, nor what an earlier process left. */
#include "headfailover/guard/addresses.h"

#include "base/mem.h"
#include "headfailover/guard/announce_frame.h"
#include "sys/threads.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define AGAIN_MS 1000
#define PART_MAX 32768

struct addresses {
	struct service_addr all[SERVICE_ADDRS];
	char interfaces[SERVICE_ADDRS][IFNAMSIZ];
	size_t n;
	bool right[SERVICE_ADDRS]; /* found where it should be, in this try */
	int netlink, monitor, kick, done;
	uint32_t seq;
	atomic_bool there, stop;
	bool started;
	pthread_t thread;
	pthread_mutex_t lock; /* of state */
	struct addresses_state state;
	_Alignas(struct nlmsghdr) unsigned char part[PART_MAX];
};

struct request {
	struct nlmsghdr h;
	struct ifaddrmsg a;
	unsigned char attrs[128];
};

static void put_attr(struct request *r, uint16_t type, const void *value, size_t len)
{
	struct rtattr a = { .rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type };
	size_t at = r->h.nlmsg_len - offsetof(struct request, attrs);

	memcpy(r->attrs + at, &a, sizeof(a));
	memcpy(r->attrs + at + sizeof(a), value, len);
	r->h.nlmsg_len += (uint32_t)RTA_SPACE(len);
}

/* Sends it, and takes the acknowledgement, which is there when send() returns. 0, or what errno would be. */
static int ask(struct addresses *s, struct request *r)
{
	struct nlmsghdr h;
	int32_t error;
	ssize_t n;

	r->h.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	r->h.nlmsg_seq = ++s->seq;
	if (send(s->netlink, r, r->h.nlmsg_len, 0) < 0)
		return errno;
	while ((n = recv(s->netlink, s->part, sizeof(s->part), MSG_DONTWAIT)) > 0) {
		if ((size_t)n < NLMSG_LENGTH(sizeof(error)))
			return EBADMSG;
		memcpy(&h, s->part, sizeof(h));
		memcpy(&error, s->part + NLMSG_HDRLEN, sizeof(error));
		if (h.nlmsg_type == NLMSG_ERROR && h.nlmsg_seq == s->seq)
			return -error;
	}
	return n < 0 ? errno : EBADMSG;
}

static void failed(struct addresses_state *state, const struct addr6 *addr, const char *interface, int why)
{
	char text[ADDR6_LEN];
	uint32_t four;
	struct err e = { 0 };

	if (state->n_failed++ > 0)
		return;
	memcpy(&four, addr->bytes + 12, 4);
	if (announce_is4(addr))
		addr4_print(be32toh(four), text);
	else
		addr6_print(addr, text);
	err_errno(&e, why, "%s at %s", text, interface);
	snprintf(state->error, sizeof(state->error), "%.*s", (int)sizeof(state->error) - 1, e.text);
}

static int give(struct addresses *s, size_t i)
{
	const struct service_addr *a = &s->all[i];
	bool four = announce_is4(&a->addr);
	const void *bytes = a->addr.bytes + (four ? 12 : 0);
	struct ifa_cacheinfo never_chosen = { .ifa_prefered = 0, .ifa_valid = UINT32_MAX };
	uint32_t flags = (four ? 0 : IFA_F_NODAD) | (a->route ? 0 : IFA_F_NOPREFIXROUTE);
	struct request r = { .h = { .nlmsg_len = offsetof(struct request, attrs),
				    .nlmsg_type = RTM_NEWADDR,
				    .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE },
			     .a = { .ifa_family = four ? AF_INET : AF_INET6,
				    .ifa_prefixlen = (uint8_t)a->prefix,
				    .ifa_index = if_nametoindex(a->interface) } };

	if (!r.a.ifa_index)
		return ENODEV;
	put_attr(&r, IFA_LOCAL, bytes, four ? 4 : 16);
	put_attr(&r, IFA_ADDRESS, bytes, four ? 4 : 16);
	put_attr(&r, IFA_FLAGS, &flags, sizeof(flags));
	if (!four)
		put_attr(&r, IFA_CACHEINFO, &never_chosen, sizeof(never_chosen));
	return ask(s, &r);
}

struct found {
	struct addr6 addr;
	struct ifaddrmsg a;
};

static int take(struct addresses *s, const struct found *f)
{
	bool four = announce_is4(&f->addr);
	struct request r = {
		.h = { .nlmsg_len = offsetof(struct request, attrs), .nlmsg_type = RTM_DELADDR },
		.a = { .ifa_family = f->a.ifa_family, .ifa_prefixlen = f->a.ifa_prefixlen, .ifa_index = f->a.ifa_index }
	};
	int rc;

	put_attr(&r, IFA_LOCAL, f->addr.bytes + (four ? 12 : 0), four ? 4 : 16);
	rc = ask(s, &r);
	return rc == EADDRNOTAVAIL || rc == ENODEV ? 0 : rc;
}

/* The kernel's address in a message; false: it has none. IFA_LOCAL is what counts where it is given. */
static bool read_addr(const unsigned char *m, size_t len, struct found *out)
{
	size_t at = NLMSG_SPACE(sizeof(struct ifaddrmsg));
	bool local = false, any = false;
	struct rtattr a;

	if (len < at)
		return false;
	memcpy(&out->a, m + NLMSG_HDRLEN, sizeof(out->a));
	for (; at + sizeof(a) <= len; at += RTA_ALIGN(a.rta_len)) {
		size_t n = out->a.ifa_family == AF_INET ? 4 : 16;

		memcpy(&a, m + at, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > len - at)
			return any;
		if ((a.rta_type != IFA_LOCAL && (a.rta_type != IFA_ADDRESS || local)) || a.rta_len != RTA_LENGTH(n))
			continue;
		out->addr = (struct addr6){ .bytes = { [10] = n == 4 ? 0xff : 0, [11] = n == 4 ? 0xff : 0 } };
		memcpy(out->addr.bytes + 16 - n, m + at + sizeof(a), n);
		local = local || a.rta_type == IFA_LOCAL;
		any = true;
	}
	return any;
}

/* Which of ours it is; s->n: none. */
static size_t which(const struct addresses *s, const struct addr6 *addr)
{
	size_t i = 0;

	while (i < s->n && !addr6_same(&s->all[i].addr, addr))
		i++;
	return i;
}

/* Those of one part of the kernel's list that are ours, to `found`. True: that was the last part. */
static bool read_part(struct addresses *s, size_t len, struct found *found, size_t max, size_t *n)
{
	struct nlmsghdr h;

	for (size_t at = 0; at + sizeof(h) <= len; at += NLMSG_ALIGN(h.nlmsg_len)) {
		memcpy(&h, s->part + at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len - at)
			return true;
		if (h.nlmsg_seq != s->seq)
			continue; /* of an earlier request */
		if (h.nlmsg_type == NLMSG_DONE || h.nlmsg_type == NLMSG_ERROR)
			return true;
		if (h.nlmsg_type == RTM_NEWADDR && *n < max && read_addr(s->part + at, h.nlmsg_len, &found[*n]) &&
		    which(s, &found[*n].addr) < s->n)
			(*n)++;
	}
	return false;
}

static int list(struct addresses *s, struct found *found, size_t max, size_t *n)
{
	struct request r = { .h = { .nlmsg_len = offsetof(struct request, attrs),
				    .nlmsg_type = RTM_GETADDR,
				    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
				    .nlmsg_seq = ++s->seq } };

	*n = 0;
	if (send(s->netlink, &r, r.h.nlmsg_len, 0) < 0)
		return errno;
	for (;;) {
		ssize_t got = recv(s->netlink, s->part, sizeof(s->part), MSG_DONTWAIT);

		if (got < 0)
			return errno;
		if (read_part(s, (size_t)got, found, max, n))
			return 0;
	}
}

static void reconcile(struct addresses *s, bool there, struct addresses_state *state)
{
	struct found found[2 * SERVICE_ADDRS];
	size_t n;
	int rc = list(s, found, ARRAY_LEN(found), &n);

	*state = (struct addresses_state){ .there = there };
	memset(s->right, 0, sizeof(s->right));
	if (rc)
		failed(state, &s->all[0].addr, s->all[0].interface, rc);
	for (size_t k = 0; k < n && !rc; k++) {
		size_t i = which(s, &found[k].addr);
		const struct service_addr *a = &s->all[i];

		if (there && found[k].a.ifa_prefixlen == a->prefix && found[k].a.ifa_index == if_nametoindex(a->interface))
			s->right[i] = true;
		else if ((rc = take(s, &found[k])) != 0)
			failed(state, &a->addr, a->interface, rc);
		rc = 0;
	}
	for (size_t i = 0; i < s->n && there; i++)
		if (!s->right[i] && (rc = give(s, i)) != 0)
			failed(state, &s->all[i].addr, s->all[i].interface, rc);
}

static void drain(int fd, unsigned char *buf, size_t len)
{
	ssize_t n;

	do
		n = recv(fd, buf, len, MSG_DONTWAIT);
	while (n > 0 || (n < 0 && errno == ENOBUFS));
}

/* True: it tells nothing new; our own changes come back to us as somebody's. */
static bool same(const struct addresses_state *a, const struct addresses_state *b)
{
	return a->there == b->there && a->n_failed == b->n_failed && strcmp(a->error, b->error) == 0;
}

static void *run(void *arg)
{
	struct addresses *s = arg;
	const struct sched_param usual = { 0 };
	struct pollfd p[2] = { { .fd = s->kick, .events = POLLIN }, { .fd = s->monitor, .events = POLLIN } };
	struct addresses_state state = { 0 };

	pthread_setschedparam(pthread_self(), SCHED_OTHER, &usual); /* it waits for others' locks: nothing to hurry for */
	while (!s->stop) {
		struct addresses_state before = state;
		eventfd_t n;
		bool kicked;

		poll(p, 2, state.n_failed ? AGAIN_MS : -1);
		kicked = eventfd_read(s->kick, &n) == 0;
		drain(s->monitor, s->part, sizeof(s->part));
		if (s->stop)
			break;
		reconcile(s, s->there, &state);
		if (!kicked && same(&state, &before))
			continue;
		pthread_mutex_lock(&s->lock);
		s->state = state;
		pthread_mutex_unlock(&s->lock);
		eventfd_write(s->done, 1);
	}
	return NULL;
}

static void addresses_free_(struct addresses **s)
{
	addresses_free(*s);
}

static int open_all(struct addresses *s, struct err *err)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_LINK };

	s->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	s->monitor = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (s->kick < 0 || s->done < 0 || s->netlink < 0 || s->monitor < 0 ||
	    bind(s->monitor, (struct sockaddr *)&at, sizeof(at)) < 0)
		return err_errno(err, errno, "the service addresses: netlink");
	return 0;
}

static int copy(struct addresses *s, const struct service_addr *addrs, size_t n, struct err *err)
{
	if (n == 0 || n > SERVICE_ADDRS)
		return err_set(err, ERR_USAGE, "service addresses: 1 to %d, not %zu", SERVICE_ADDRS, n);
	for (; s->n < n; s->n++) {
		const struct service_addr *a = &addrs[s->n];

		if (strlen(a->interface) >= IFNAMSIZ || a->prefix == 0 || a->prefix > (announce_is4(&a->addr) ? 32 : 128))
			return err_set(err, ERR_USAGE, "service addresses: one with the prefix %u at %s", a->prefix,
				       a->interface);
		snprintf(s->interfaces[s->n], IFNAMSIZ, "%s", a->interface);
		s->all[s->n] = *a;
		s->all[s->n].interface = s->interfaces[s->n];
	}
	return 0;
}

int addresses_open(const struct service_addr *addrs, size_t n, struct addresses **out, struct err *err)
{
	autoclean(addresses_free_) struct addresses *s = mem_zalloc(sizeof(*s));
	struct addresses_state state;
	pthread_mutexattr_t hurry;

	s->netlink = s->monitor = s->kick = s->done = -1;
	/* Who waits for it may be in a hurry, and who has it is not. */
	pthread_mutexattr_init(&hurry);
	pthread_mutexattr_setprotocol(&hurry, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&s->lock, &hurry);
	pthread_mutexattr_destroy(&hurry);
	if (copy(s, addrs, n, err) < 0 || open_all(s, err) < 0)
		return -1;
	reconcile(s, false, &state);
	if (state.n_failed)
		return err_set(err, ERR_FAILED, "a service address can't be taken away: %s", state.error);
	if (thread_start(&s->thread, run, s, err) < 0)
		return -1;
	s->started = true;
	*out = steal(s);
	return 0;
}

void addresses_want(struct addresses *s, bool there)
{
	s->there = there;
	eventfd_write(s->kick, 1);
}

int addresses_fd(const struct addresses *s)
{
	return s->done;
}

void addresses_done(struct addresses *s, struct addresses_state *out)
{
	eventfd_t n;

	if (eventfd_read(s->done, &n) < 0)
		n = 0; /* asked without need */
	pthread_mutex_lock(&s->lock);
	*out = s->state;
	pthread_mutex_unlock(&s->lock);
}

void addresses_free(struct addresses *s)
{
	const int fds[] = { s ? s->netlink : -1, s ? s->monitor : -1, s ? s->kick : -1, s ? s->done : -1 };

	if (!s)
		return;
	if (s->started) {
		s->stop = true;
		eventfd_write(s->kick, 1);
		pthread_join(s->thread, NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
