/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/net.h: many packets for one system call. */
#include "cast/net.h"

#include <errno.h>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>

#define NET_BATCH 64 /* packets of one sendmmsg */

static void *address_of(const struct net_out *o, socklen_t *len)
{
	*len = o->to.ss_family ? net_len(&o->to) : 0;
	return o->to.ss_family ? (void *)(uintptr_t)&o->to : NULL;
}

/* What may be otherwise in a moment: the packet is lost, and repaired like any other. */
static bool passing(int errnum)
{
	switch (errnum) {
	case EAGAIN:
	case ENOBUFS:
	case ENOMEM:
	case EPERM: /* a filter */
	case EACCES:
	case ECONNREFUSED: /* what came back for an earlier one */
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case EADDRNOTAVAIL: /* IPv6 while its address is checked for doubles */
		return true;
	default:
		return false;
	}
}

static int one_by_one(struct net_out *o, const uint8_t *data, size_t len, size_t each, struct err *err)
{
	struct mmsghdr msgs[NET_BATCH];
	struct iovec parts[NET_BATCH];

	while (len) {
		unsigned int n = 0;
		size_t at = 0;
		int sent;

		for (; n < NET_BATCH && at < len; n++) {
			const size_t part = len - at < each ? len - at : each;

			parts[n] = (struct iovec){ .iov_base = (void *)(uintptr_t)(data + at), .iov_len = part };
			msgs[n] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &parts[n], .msg_iovlen = 1 } };
			msgs[n].msg_hdr.msg_name = address_of(o, &msgs[n].msg_hdr.msg_namelen);
			at += part;
		}
		sent = sendmmsg(o->fd, msgs, n, 0);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && !passing(errno))
			return err_errno(err, errno, "send packets of %zu bytes", each);
		if (sent <= 0) {
			o->lost++; /* the first; the others are tried */
			sent = 1;
		}
		for (int i = 0; i < sent; i++) {
			data += parts[i].iov_len;
			len -= parts[i].iov_len;
		}
	}
	return 0;
}

/* 1: the kernel or the device has no segmentation for this. */
static int segmented(struct net_out *o, const uint8_t *data, size_t len, size_t each, struct err *err)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(uint16_t))];
	} control = { 0 };
	struct iovec part = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	const uint16_t size = (uint16_t)each;
	ssize_t sent;

	control.head.cmsg_level = SOL_UDP;
	control.head.cmsg_type = UDP_SEGMENT;
	control.head.cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(&control.head), &size, sizeof(size));
	msg.msg_name = address_of(o, &msg.msg_namelen);
	do {
		sent = sendmsg(o->fd, &msg, 0);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return 0;
	/* EIO: no checksums by the device. EINVAL: an old kernel, too many segments, or an MTU below `each`: the plain way tells.
	 */
	if (errno == EIO || errno == EINVAL || errno == ENOPROTOOPT || errno == EOPNOTSUPP || errno == EMSGSIZE)
		return 1;
	if (!passing(errno))
		return err_errno(err, errno, "send packets of %zu bytes", each);
	o->lost += (len + each - 1) / each;
	return 0;
}

int net_send(struct net_out *o, const void *data, size_t len, size_t each, struct err *err)
{
	int rc;

	if (!each || len > NET_BURST_BYTES || each > UINT16_MAX)
		return err_set(err, ERR_INVALID, "%zu bytes in packets of %zu are no burst", len, each);
	if (o->one_by_one || len <= each)
		return one_by_one(o, data, len, each, err);
	rc = segmented(o, data, len, each, err);
	if (rc <= 0)
		return rc;
	o->one_by_one = true;
	return one_by_one(o, data, len, each, err);
}

void net_offload(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
}

union gro_control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

static void understand(struct net_got *g, struct msghdr *msg, size_t len)
{
	g->len = msg->msg_flags & MSG_TRUNC ? 0 : len;
	g->each = g->len;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		int size;

		if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO || c->cmsg_len < CMSG_LEN(sizeof(size)))
			continue;
		memcpy(&size, CMSG_DATA(c), sizeof(size));
		if (size > 0 && (size_t)size < g->each)
			g->each = (size_t)size;
	}
}

int net_receive(int fd, struct net_got *got, unsigned int n, struct err *err)
{
	union gro_control control[NET_GOT_MAX];
	struct mmsghdr msgs[NET_GOT_MAX];
	struct iovec parts[NET_GOT_MAX];
	int came;

	n = n < NET_GOT_MAX ? n : NET_GOT_MAX;
	for (unsigned int i = 0; i < n; i++) {
		parts[i] = (struct iovec){ .iov_base = got[i].data, .iov_len = NET_GOT_BYTES };
		msgs[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &parts[i],
							 .msg_iovlen = 1,
							 .msg_name = &got[i].from,
							 .msg_namelen = sizeof(got[i].from),
							 .msg_control = &control[i],
							 .msg_controllen = sizeof(control[i]) } };
	}
	came = recvmmsg(fd, msgs, n, MSG_DONTWAIT, NULL);
	if (came < 0 && (errno == EAGAIN || errno == EINTR || passing(errno)))
		return 0;
	if (came < 0)
		return err_errno(err, errno, "receive");
	for (int i = 0; i < came; i++)
		understand(&got[i], &msgs[i].msg_hdr, msgs[i].msg_len);
	return came;
}
