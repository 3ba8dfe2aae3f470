/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An interface has one of the qdiscs "ingress" and "clsact". A filter for what leaves that is given to the former is taken, and
 * looks at what comes in: so it is asked which one it is (rtnetlink(7)). */
#include "headfailover/guard/gate_priv.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

static bool says_clsact(const unsigned char *answer, size_t len)
{
	static const char want[] = "clsact";
	size_t at = NLMSG_SPACE(sizeof(struct tcmsg));
	struct rtattr a;

	while (at + sizeof(a) <= len) {
		memcpy(&a, answer + at, sizeof(a));
		if (a.rta_len < sizeof(a) || a.rta_len > len - at)
			return false;
		if (a.rta_type == TCA_KIND)
			return a.rta_len == sizeof(a) + sizeof(want) && memcmp(answer + at + sizeof(a), want, sizeof(want)) == 0;
		at += RTA_ALIGN(a.rta_len);
	}
	return false;
}

/* 1: it says what was asked; 0: not in this part; -1: there is no more, or nothing. */
static int look_at(const unsigned char *answer, size_t len, int ifindex)
{
	struct nlmsghdr h;
	struct tcmsg t;

	for (size_t at = 0; at + sizeof(h) <= len; at += NLMSG_ALIGN(h.nlmsg_len)) {
		memcpy(&h, answer + at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len - at || h.nlmsg_type == NLMSG_DONE ||
		    h.nlmsg_type == NLMSG_ERROR)
			return -1;
		if (h.nlmsg_type != RTM_NEWQDISC || h.nlmsg_len < NLMSG_LENGTH(sizeof(t)))
			continue;
		memcpy(&t, answer + at + NLMSG_HDRLEN, sizeof(t));
		if (t.tcm_ifindex == ifindex && t.tcm_parent == TC_H_CLSACT && says_clsact(answer + at, h.nlmsg_len))
			return 1;
	}
	return 0;
}

int gate_check_clsact(int ifindex, const char *interface, struct err *err)
{
	autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	/* All of the qdiscs: asked for one alone, some kernels don't answer. */
	struct {
		struct nlmsghdr h;
		struct tcmsg t;
	} ask = { .h = { .nlmsg_len = sizeof(ask), .nlmsg_type = RTM_GETQDISC, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		  .t = { .tcm_family = AF_UNSPEC, .tcm_ifindex = ifindex } };
	unsigned char answer[32768];
	int found = 0;

	if (fd < 0 || send(fd, &ask, sizeof(ask), 0) < 0)
		return err_errno(err, errno, "the gate: what qdisc is at %s", interface);
	while (!found) {
		ssize_t n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);

		if (n <= 0)
			break;
		found = look_at(answer, (size_t)n, ifindex);
	}
	if (found == 1)
		return 0;
	err_set(err, ERR_REFUSED, "the gate: %s has a qdisc 'ingress' where 'clsact' should be: what leaves is not seen there",
		interface);
	return err_hint(
		err,
		"whatever made it works as well with `tc qdisc add dev %s clsact`; `tc qdisc del dev %s ingress` takes it away",
		interface, interface);
}
