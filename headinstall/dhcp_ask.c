/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/dhcp.h"

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/confine.h"
#include "sys/log.h"
#include "sys/threads.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_MAX 32
#define AGAIN_NS (NS_PER_S) /* a switch's port may drop the first */

struct port {
	const char *name;
	int fd, index;
	uint8_t mac[DHCP_MAC_LEN];
};
struct ask {
	struct port ports[PORTS_MAX];
	size_t n;
	uint32_t xid;
	int64_t wait_ns;
	struct dhcp_servers *out;
};

void dhcp_servers_free(struct dhcp_servers *s)
{
	for (size_t i = 0; i < s->len; i++)
		free(s->items[i].interface);
	free(s->items);
	*s = (struct dhcp_servers){ 0 };
}

static bool open_port(const char *name, struct port *p)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	struct ifreq request = { 0 };

	p->fd = -1;
	p->name = name;
	p->index = (int)if_nametoindex(name);
	if (!p->index || strlen(name) >= sizeof(request.ifr_name))
		return false;
	p->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return false;
	memcpy(request.ifr_name, name, strlen(name));
	at.sll_ifindex = p->index;
	if (ioctl(p->fd, SIOCGIFHWADDR, &request) == 0 && request.ifr_hwaddr.sa_family == ARPHRD_ETHER &&
	    bind(p->fd, (struct sockaddr *)&at, sizeof(at)) == 0) {
		memcpy(p->mac, request.ifr_hwaddr.sa_data, DHCP_MAC_LEN);
		return true;
	}
	close(p->fd);
	return false;
}

static void send_all(const struct ask *a)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct port *p = &a->ports[i];
		struct sockaddr_ll to = {
			.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = p->index, .sll_halen = ETH_ALEN
		};
		autoclean(buf_free) struct buf frame = { 0 };

		memset(to.sll_addr, 0xff, ETH_ALEN);
		dhcp_discover(&frame, p->mac, a->xid);
		/* The kernel makes the Ethernet header. Where nothing can be sent, nobody will answer. */
		if (sendto(p->fd, frame.data + ETH_HLEN, frame.len - ETH_HLEN, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			log_debug("head", "DHCPDISCOVER on %s: %s", p->name, strerror(errno));
	}
}

static void note_server(struct ask *a, const struct port *p, uint32_t server)
{
	struct dhcp_servers *s = a->out;

	for (size_t i = 0; i < s->len; i++)
		if (s->items[i].server == server && str_eq(s->items[i].interface, p->name))
			return;
	s->items = mem_room(s->items, s->len, &s->cap, sizeof(*s->items));
	s->items[s->len++] = (struct dhcp_server){ .interface = mem_strdup(p->name), .server = server };
}

static void take_all(struct ask *a, struct port *p)
{
	uint8_t packet[2048];
	uint32_t server;
	ssize_t n;

	/* A flood must not hold us here past the time: so many at once, then the clock is looked at. */
	for (int i = 0; i < 64 && (n = recv(p->fd, packet, sizeof(packet), 0)) > 0; i++)
		if (dhcp_offer(packet, (size_t)n, p->mac, a->xid, &server))
			note_server(a, p, server);
}

static void *listen_all(void *arg)
{
	struct ask *a = arg;
	struct pollfd fds[PORTS_MAX];
	int64_t begin = clock_now_ns(), again = begin + AGAIN_NS, now;
	struct err why = { 0 };

	if (confine_calls(false, &why) < 0)
		log_debug("head", "%s", why.text);
	send_all(a);
	while ((now = clock_now_ns()) < begin + a->wait_ns) {
		int64_t until = again < begin + a->wait_ns ? again : begin + a->wait_ns;

		if (now >= again) {
			send_all(a);
			again += a->wait_ns;
			continue;
		}
		for (size_t i = 0; i < a->n; i++)
			fds[i] = (struct pollfd){ .fd = a->ports[i].fd, .events = POLLIN };
		if (poll(fds, a->n, (int)((until - now) / NS_PER_MS) + 1) <= 0)
			continue;
		for (size_t i = 0; i < a->n; i++)
			if (fds[i].revents)
				take_all(a, &a->ports[i]);
	}
	return NULL;
}

int dhcp_ask(const struct str_list *interfaces, int64_t wait_ns, struct dhcp_servers *out, struct err *err)
{
	struct ask a = { .wait_ns = wait_ns, .out = out };
	pthread_t thread;
	int rc = 0;

	if (getrandom(&a.xid, sizeof(a.xid), 0) != (ssize_t)sizeof(a.xid))
		return err_errno(err, errno, "random bytes for a DHCPDISCOVER");
	for (size_t i = 0; i < interfaces->len && a.n < PORTS_MAX; i++)
		a.n += open_port(interfaces->items[i], &a.ports[a.n]);
	if (a.n == 0)
		return 0;
	rc = thread_start(&thread, listen_all, &a, err);
	if (rc == 0)
		pthread_join(thread, NULL);
	for (size_t i = 0; i < a.n; i++)
		close(a.ports[i].fd);
	return rc;
}
