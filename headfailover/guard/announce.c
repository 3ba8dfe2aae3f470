/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/announce.h"

#include "base/buf.h"
#include "base/mem.h"
#include "headfailover/guard/announce_frame.h"
#include "sys/fs.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define READS 32 /* frames that are read at a time: whoever floods us with them does not keep us from renewing */

struct port { /* an interface */
	char name[IFNAMSIZ];
	int index, fd[2]; /* ARP; IPv6, -1 where there is no such address */
	uint8_t mac[6];
	bool up, gone, tell, router; /* tell: how it is, though nothing changed */
};
struct said {
	struct addr6 addr;
	size_t port, n_frames;
	struct announce_frame frames[ANNOUNCE_FRAMES];
};
struct announce {
	int epoll, netlink, control; /* control: for ioctl */
	struct port ports[SERVICE_ADDRS];
	struct said all[SERVICE_ADDRS];
	size_t n_ports, n;
	unsigned int reads;
	size_t len, at; /* of `links` */
	_Alignas(struct nlmsghdr) unsigned char links[16384];
};

void announce_free(struct announce *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n_ports; i++) {
		for (int k = 0; k < 2; k++)
			if (a->ports[i].fd[k] >= 0)
				close(a->ports[i].fd[k]);
	}
	if (a->netlink >= 0)
		close(a->netlink);
	if (a->control >= 0)
		close(a->control);
	if (a->epoll >= 0)
		close(a->epoll);
	free(a);
}

static void announce_free_(struct announce **a)
{
	announce_free(*a);
}

static int look_at_port(const struct announce *a, struct port *p)
{
	struct ifreq req = { .ifr_ifindex = p->index };

	/* By its number first: who asks for a name that is no more has the kernel look for a module of it, and waits for that. */
	if (ioctl(a->control, SIOCGIFNAME, &req) < 0)
		return -1;
	if (strncmp(req.ifr_name, p->name, sizeof(req.ifr_name)) != 0) {
		errno = ENODEV; /* it has another name now */
		return -1;
	}
	if (ioctl(a->control, SIOCGIFHWADDR, &req) < 0)
		return -1;
	memcpy(p->mac, req.ifr_hwaddr.sa_data, 6);
	if (req.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
		errno = EPROTONOSUPPORT;
		return -1;
	}
	if (ioctl(a->control, SIOCGIFFLAGS, &req) < 0)
		return -1;
	p->up = (req.ifr_flags & IFF_UP) && (req.ifr_flags & IFF_RUNNING);
	return 0;
}

/* A router's advertisements say that it is one: the kernel's own do, when it forwards. */
static bool is_router(const char *name)
{
	autoclean(buf_free) struct buf text = { 0 };
	char path[96];
	struct err ignored = { 0 };

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/forwarding", name);
	return fs_read(path, 16, &text, &ignored) == 0 && buf_str(&text)[0] == '1';
}

/* What says nothing of our addresses, or was in a VLAN, does not wake us: their last four bytes are compared (ARP's sender, a
 * neighbour advertisement's target). */
static int put_filter(const struct announce *a, int fd, bool six)
{
	struct sock_filter f[SERVICE_ADDRS + 16];
	struct sock_fprog prog = { .filter = f };
	unsigned short n = 0;

	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (unsigned int)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT));
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	if (six) {
		f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20);
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 1, 0);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 54);
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 136, 1, 0);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, six ? 74 : 28);
	for (size_t i = 0; i < a->n; i++) {
		const uint8_t *b = a->all[i].addr.bytes + 12;
		uint32_t word = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];

		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, word, (uint8_t)(a->n - i), 0);
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 256);
	prog.len = n;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

/* It gets nothing before it has its filter: it is of no protocol until then. */
static int packet_socket(const struct announce *a, const struct port *p, bool six)
{
	autoclose int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(six ? ETH_P_IPV6 : ETH_P_ARP),
				  .sll_ifindex = p->index };
	struct epoll_event e = { .events = EPOLLIN };

	if (fd < 0 || put_filter(a, fd, six) < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return -1;
	return steal_fd(fd);
}

static void make_frames(struct announce *a, size_t port)
{
	const struct port *p = &a->ports[port];

	for (size_t i = 0; i < a->n; i++)
		if (a->all[i].port == port)
			a->all[i].n_frames = announce_make(&a->all[i].addr, p->mac, p->router, a->all[i].frames);
}

static size_t port_of(struct announce *a, const char *name)
{
	size_t i;

	for (i = 0; i < a->n_ports; i++)
		if (strcmp(a->ports[i].name, name) == 0)
			return i;
	a->ports[i] = (struct port){ .fd = { -1, -1 } };
	snprintf(a->ports[i].name, IFNAMSIZ, "%s", name);
	a->n_ports++;
	return i;
}

static int open_port(struct announce *a, size_t i, struct err *err)
{
	struct port *p = &a->ports[i];
	bool has[2] = { false, false };

	p->index = (int)if_nametoindex(p->name);
	if (!p->index || look_at_port(a, p) < 0)
		return err_errno(err, errno, "announcing: the interface %s", p->name);
	for (size_t k = 0; k < a->n; k++)
		if (a->all[k].port == i)
			has[!announce_is4(&a->all[k].addr)] = true;
	p->router = has[1] && is_router(p->name);
	for (int k = 0; k < 2; k++) {
		if (has[k] && (p->fd[k] = packet_socket(a, p, k)) < 0)
			return err_errno(err, errno, "announcing: a packet socket at %s", p->name);
	}
	make_frames(a, i);
	p->tell = !p->up;
	return 0;
}

static int open_links(struct announce *a, struct err *err)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct epoll_event e = { .events = EPOLLIN };

	a->epoll = epoll_create1(EPOLL_CLOEXEC);
	a->control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	a->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (a->epoll < 0 || a->control < 0 || a->netlink < 0 || bind(a->netlink, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    epoll_ctl(a->epoll, EPOLL_CTL_ADD, a->netlink, &e) < 0)
		return err_errno(err, errno, "announcing: to hear of links");
	return 0;
}

int announce_open(const struct service_addr *addrs, size_t n, struct announce **out, struct err *err)
{
	autoclean(announce_free_) struct announce *a = mem_zalloc(sizeof(*a));

	a->epoll = a->netlink = a->control = -1;
	if (n == 0 || n > SERVICE_ADDRS)
		return err_set(err, ERR_USAGE, "announcing is for 1 to %d addresses, not %zu", SERVICE_ADDRS, n);
	for (; a->n < n; a->n++)
		a->all[a->n] = (struct said){ .addr = addrs[a->n].addr, .port = port_of(a, addrs[a->n].interface) };
	if (open_links(a, err) < 0)
		return -1;
	for (size_t i = 0; i < a->n_ports; i++)
		if (open_port(a, i, err) < 0)
			return -1;
	*out = steal(a);
	return 0;
}

/* A socket tells once that its link was down before, though it is up now. */
static bool send_frame(int fd, const struct announce_frame *f)
{
	ssize_t n = send(fd, f->bytes, f->len, MSG_DONTWAIT);

	if (n < 0 && errno == ENETDOWN)
		n = send(fd, f->bytes, f->len, MSG_DONTWAIT);
	return n == (ssize_t)f->len;
}

unsigned int announce_send(struct announce *a)
{
	unsigned int failed = 0;

	for (size_t i = 0; i < a->n; i++) {
		const struct said *s = &a->all[i];
		int fd = a->ports[s->port].fd[!announce_is4(&s->addr)];

		for (size_t k = 0; k < s->n_frames; k++)
			failed += !send_frame(fd, &s->frames[k]);
	}
	return failed;
}

int announce_fd(const struct announce *a)
{
	return a->epoll;
}

/* The next of the kernel's messages about links; `len` 0: there is none more in this part. */
static bool next_link(struct announce *a, struct ifinfomsg *info, uint16_t *type)
{
	struct nlmsghdr h;

	while (a->len - a->at >= sizeof(h)) {
		memcpy(&h, a->links + a->at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > a->len - a->at)
			break;
		if (h.nlmsg_len >= NLMSG_LENGTH(sizeof(*info)))
			memcpy(info, a->links + a->at + NLMSG_HDRLEN, sizeof(*info));
		a->at += NLMSG_ALIGN(h.nlmsg_len) < a->len - a->at ? NLMSG_ALIGN(h.nlmsg_len) : a->len - a->at;
		*type = h.nlmsg_type;
		if ((*type == RTM_NEWLINK || *type == RTM_DELLINK) && h.nlmsg_len >= NLMSG_LENGTH(sizeof(*info)))
			return true;
	}
	a->len = a->at = 0;
	return false;
}

/* What a message about a link is to us. */
static enum announce_kind judge_link(struct announce *a, const struct ifinfomsg *info, uint16_t type, struct announce_event *out)
{
	for (size_t i = 0; i < a->n_ports; i++) {
		struct port *p = &a->ports[i];
		bool was = p->up;

		if (p->index != info->ifi_index || p->gone)
			continue;
		memcpy(out->interface, p->name, IFNAMSIZ);
		if (type == RTM_DELLINK && info->ifi_family == AF_UNSPEC) {
			p->gone = true;
			return ANNOUNCE_GONE;
		}
		if (look_at_port(a, p) < 0)
			return ANNOUNCE_NOTHING; /* it is going; we'll hear of it */
		make_frames(a, i);		 /* it may have got another address */
		p->tell = p->tell && p->up == was;
		if (was && p->up && !((info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_RUNNING))) {
			p->tell = true; /* down, and up again before we looked: told as both, for its neighbours may have moved */
			return ANNOUNCE_LINK_DOWN;
		}
		return p->up == was ? ANNOUNCE_NOTHING : p->up ? ANNOUNCE_LINK_UP : ANNOUNCE_LINK_DOWN;
	}
	return ANNOUNCE_NOTHING;
}

static void look_at_all(struct announce *a)
{
	for (size_t i = 0; i < a->n_ports; i++) {
		struct port *p = &a->ports[i];

		p->tell = !p->gone;
		if (!p->gone)
			p->gone = look_at_port(a, p) < 0 && errno == ENODEV;
	}
}

static enum announce_kind tell_port(struct announce *a, struct announce_event *out)
{
	for (size_t i = 0; i < a->n_ports; i++) {
		struct port *p = &a->ports[i];

		if (!p->tell)
			continue;
		p->tell = false;
		make_frames(a, i);
		memcpy(out->interface, p->name, IFNAMSIZ);
		return p->gone ? ANNOUNCE_GONE : p->up ? ANNOUNCE_LINK_UP : ANNOUNCE_LINK_DOWN;
	}
	return ANNOUNCE_NOTHING;
}

static enum announce_kind read_links(struct announce *a, struct announce_event *out)
{
	struct ifinfomsg info = { 0 };
	uint16_t type;

	for (;;) {
		ssize_t n;

		while (next_link(a, &info, &type)) {
			enum announce_kind kind = judge_link(a, &info, type, out);

			if (kind != ANNOUNCE_NOTHING)
				return kind;
		}
		n = recv(a->netlink, a->links, sizeof(a->links), 0);
		if (n > 0)
			a->len = (size_t)n;
		else if (n < 0 && errno == ENOBUFS) /* some were lost: whatever it was, to announce again does no harm */
			look_at_all(a);
		else
			break;
	}
	return tell_port(a, out);
}

static bool is_ours(const struct announce *a, size_t port, const struct addr6 *addr)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->all[i].port == port && addr6_same(&a->all[i].addr, addr))
			return true;
	return false;
}

static bool read_claims(struct announce *a, size_t port, int fd, struct announce_event *out)
{
	const struct port *p = &a->ports[port];
	uint8_t frame[256];

	while (a->reads < READS) {
		ssize_t n = recv(fd, frame, sizeof(frame), 0);

		if (n <= 0)
			return false; /* none, or the link went down, which netlink tells */
		a->reads++;
		if (!announce_claim(frame, (size_t)n, &out->addr, out->mac) || !is_ours(a, port, &out->addr) ||
		    memcmp(out->mac, p->mac, 6) == 0)
			continue;
		memcpy(out->interface, p->name, IFNAMSIZ);
		return true;
	}
	return false;
}

enum announce_kind announce_read(struct announce *a, struct announce_event *out)
{
	*out = (struct announce_event){ .kind = ANNOUNCE_NOTHING };
	out->kind = read_links(a, out);
	if (out->kind != ANNOUNCE_NOTHING)
		return out->kind;
	for (size_t i = 0; i < a->n_ports; i++)
		for (int k = 0; k < 2; k++)
			if (a->ports[i].fd[k] >= 0 && read_claims(a, i, a->ports[i].fd[k], out))
				return out->kind = ANNOUNCE_CONFLICT;
	a->reads = 0;
	*out = (struct announce_event){ .kind = ANNOUNCE_NOTHING };
	return ANNOUNCE_NOTHING;
}
