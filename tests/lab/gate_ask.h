/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate_tool's other end: asks a service address all kinds of questions all the time, and knows when the newest answer to each
 * left. The time is the kernel's stamp of the frame at out0, by the wall clock, which tests move: so what that is ahead of
 * CLOCK_BOOTTIME is known before and after. */
#ifndef ORTHRUS_TESTS_GATE_ASK_H
#define ORTHRUS_TESTS_GATE_ASK_H

#include "tests/lab/gate_frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define UDP_PORT 7777
#define US INT64_C(1000)
#define MS INT64_C(1000000)
#define S INT64_C(1000000000)
#define ROUND_NS (100 * US)

static const char *const questions[] = { "ARP", "ND", "UDP4", "UDP6", "TCP4", "TCP6", "ICMP4", "ICMP6" };
enum question { Q_ARP, Q_ND, Q_UDP4, Q_UDP6, Q_TCP4, Q_TCP6, Q_ICMP4, Q_ICMP6, QUESTIONS };

struct asker {
	int fd;
	struct frame asks[QUESTIONS];
	int64_t last_ns[QUESTIONS]; /* when the newest answer left the head, by CLOCK_BOOTTIME */
	uint64_t answers[QUESTIONS];
	int64_t ahead_ns, ahead_then_ns, moved_ns; /* the wall clock's: now, before it was moved, when that was (0: never) */
	int64_t round_ns;
};

static _Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static _Noreturn void die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "gate_tool: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (%s)\n", strerror(errno));
	exit(2);
}

static inline int64_t clock_of(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (int64_t)t.tv_sec * S + t.tv_nsec;
}

static inline int64_t boot_ns(void)
{
	return clock_of(CLOCK_BOOTTIME);
}

static inline int64_t wall_ahead_ns(void)
{
	int64_t best = INT64_MAX, ahead = 0;

	for (int i = 0; i < 5; i++) {
		int64_t a = boot_ns(), wall = clock_of(CLOCK_REALTIME), b = boot_ns();

		if (b - a < best) {
			best = b - a;
			ahead = wall - (a + b) / 2;
		}
	}
	return ahead;
}

static inline int frame_socket(const char *interface, uint8_t mac[6])
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL)), mib = 8 << 20;
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	struct ifreq req = { 0 };

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", interface);
	at.sll_ifindex = (int)if_nametoindex(interface);
	if (fd < 0 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || ioctl(fd, SIOCGIFHWADDR, &req) < 0)
		die("a packet socket at %s", interface);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &mib, sizeof(mib));
	memcpy(mac, req.ifr_hwaddr.sa_data, 6);
	return fd;
}

static inline void make_asks(struct asker *a, const uint8_t head[6], const uint8_t own[6])
{
	const uint8_t udp[16] = { 0x30, 0x39, UDP_PORT >> 8, UDP_PORT & 0xff, 0, 16, 0, 0, 'g', 'a', 't', 'e' };
	const uint8_t syn[20] = {
		0x30, 0x39, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0
	}; /* answered by a reset: nobody listens */
	uint8_t echo4[16] = { 8, [4] = 1 }, echo6[16] = { 128, [4] = 1 }, to[16];
	struct frame *f;

	frame_addr6(to, SERVICE);
	for (enum question q = 0; q < QUESTIONS; q++) {
		bool six = q == Q_ND || q == Q_UDP6 || q == Q_TCP6 || q == Q_ICMP6;

		f = &a->asks[q];
		frame_begin(f, head, own, "", q == Q_ARP ? ETHERTYPE_ARP : six ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	}
	frame_arp(&a->asks[Q_ARP], 1, STRANGER, SERVICE, own);
	frame_nd(&a->asks[Q_ND], STRANGER, "", 135, SERVICE, own);
	frame_ip4(&a->asks[Q_UDP4], STRANGER, SERVICE, 17, 0, udp, sizeof(udp), 6);
	frame_ip6(&a->asks[Q_UDP6], STRANGER, to, "", 17, udp, sizeof(udp), 6);
	frame_ip4(&a->asks[Q_TCP4], STRANGER, SERVICE, 6, 0, syn, sizeof(syn), 16);
	frame_ip6(&a->asks[Q_TCP6], STRANGER, to, "", 6, syn, sizeof(syn), 16);
	frame_ip4(&a->asks[Q_ICMP4], STRANGER, SERVICE, 1, 0, echo4, sizeof(echo4), 2);
	frame_ip6(&a->asks[Q_ICMP6], STRANGER, to, "", 58, echo6, sizeof(echo6), 2);
}

/* Of which question a frame is the answer; QUESTIONS: of none. An answer is whatever leaves the head as the service address. */
static inline enum question answer_kind(const uint8_t *p, size_t len)
{
	uint8_t four[4], six[16];

	frame_addr4(four, SERVICE);
	frame_addr6(six, SERVICE);
	if (len >= 42 && p[12] == 8 && p[13] == 6)
		return memcmp(p + 28, four, 4) == 0 ? Q_ARP : QUESTIONS;
	if (len >= 34 && p[12] == 8 && p[13] == 0 && memcmp(p + 26, four, 4) == 0)
		return p[23] == 17 ? Q_UDP4 : p[23] == 6 ? Q_TCP4 : Q_ICMP4;
	if (len < 62 || p[12] != 0x86 || p[13] != 0xdd)
		return QUESTIONS;
	if (len >= 78 && p[20] == 58 && p[54] == 136 && memcmp(p + 62, six, 16) == 0)
		return Q_ND;
	if (memcmp(p + 22, six, 16) == 0)
		return p[20] == 17 ? Q_UDP6 : p[20] == 6 ? Q_TCP6 : Q_ICMP6;
	return QUESTIONS;
}

/* A stamp of the wall clock, as CLOCK_BOOTTIME, which is `now`. Of two readings one lies at the wrong side of when it was moved.
 */
static inline int64_t stamp_to_boot(const struct asker *a, int64_t stamp, int64_t now)
{
	int64_t after = stamp - a->ahead_ns, before = stamp - a->ahead_then_ns;

	if (!a->moved_ns)
		return after;
	return after >= a->moved_ns - MS && after <= now + MS ? after : before;
}

static inline void take_answers(struct asker *a)
{
	uint8_t bytes[512];
	struct sockaddr_ll from;
	struct iovec v = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	union {
		char bytes[CMSG_SPACE(sizeof(struct timespec))];
		struct cmsghdr align;
	} control;

	for (;;) {
		struct msghdr m = { .msg_name = &from,
				    .msg_namelen = sizeof(from),
				    .msg_iov = &v,
				    .msg_iovlen = 1,
				    .msg_control = &control,
				    .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(a->fd, &m, 0);
		struct timespec t = { 0 };
		enum question q;
		int64_t left;

		if (n < 0)
			return;
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		q = answer_kind(bytes, (size_t)n);
		if (q == QUESTIONS)
			continue;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
			if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
				memcpy(&t, CMSG_DATA(c), sizeof(t));
		if (!t.tv_sec)
			die("no time stamp");
		left = stamp_to_boot(a, (int64_t)t.tv_sec * S + t.tv_nsec, boot_ns());
		a->answers[q]++;
		if (left > a->last_ns[q])
			a->last_ns[q] = left;
	}
}

static inline void asker_open(struct asker *a, const uint8_t head[6])
{
	int on = 1;
	uint8_t own[6];

	*a = (struct asker){ .fd = frame_socket("out0", own) };
	if (setsockopt(a->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0)
		die("SO_TIMESTAMPNS");
	a->ahead_ns = wall_ahead_ns();
	make_asks(a, head, own);
}

/* Asks one of each, and takes what answers there are. */
static inline void asker_round(struct asker *a)
{
	int64_t now = boot_ns();

	for (enum question q = 0; q < QUESTIONS; q++)
		if (send(a->fd, a->asks[q].bytes, a->asks[q].len, 0) < 0 && errno != ENOBUFS && errno != EAGAIN)
			die("a question by %s", questions[q]);
	do
		take_answers(a);
	while (boot_ns() < now + ROUND_NS);
}

static inline void asker_until(struct asker *a, int64_t when_ns)
{
	while (boot_ns() < when_ns)
		asker_round(a);
}

static inline bool asker_heard_all(const struct asker *a, int64_t since_ns)
{
	for (enum question q = 0; q < QUESTIONS; q++)
		if (a->last_ns[q] < since_ns)
			return false;
	return true;
}

static inline enum question asker_last(const struct asker *a)
{
	enum question last = Q_ARP;

	for (enum question q = 0; q < QUESTIONS; q++)
		if (a->last_ns[q] > a->last_ns[last])
			last = q;
	return last;
}

/* Relative, so that it can be taken back to the nanosecond. False: this process may not. */
static inline bool asker_move_clock(struct asker *a, int64_t by_ns)
{
	int64_t down = by_ns < 0 ? -((-by_ns + S - 1) / S) : by_ns / S; /* its nanoseconds are never negative */
	struct timex t = { .modes = ADJ_SETOFFSET | ADJ_NANO, .time = { .tv_sec = down, .tv_usec = by_ns - down * S } };

	take_answers(a);
	a->ahead_then_ns = wall_ahead_ns();
	a->moved_ns = boot_ns();
	if (adjtimex(&t) < 0) {
		a->moved_ns = 0;
		return false;
	}
	a->ahead_ns = wall_ahead_ns();
	return true;
}

#endif
