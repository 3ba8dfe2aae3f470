/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/lldp_listen.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/imager/lldp.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/threads.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define SCAN_MS 2000 /* how often cards are looked for: drivers come late, cables are moved */
#define CARDS_MAX 64

struct card {
	int index;
	char name[IF_NAMESIZE];
	int64_t until_ns; /* what was heard is true so long; 0: nothing was heard */
	bool seen;	  /* in this look at the cards */
};
struct lldp_listener {
	char *dir;
	bool any_card;
	int sock, stop;
	pthread_t thread;
	struct card cards[CARDS_MAX];
	size_t n_cards;
};

static char *frame_file(const struct lldp_listener *l, const struct card *c)
{
	return fs_join(l->dir, c->name);
}

static void forget(struct lldp_listener *l, struct card *c)
{
	autofree char *file = frame_file(l, c);

	c->until_ns = 0;
	unlink(file);
}

static bool has_link(const char *name)
{
	autofree char *path = str_format("/sys/class/net/%s/carrier", name);
	autoclean(buf_free) struct buf text = { 0 };
	struct err none = { 0 };

	return fs_read(path, 16, &text, &none) == 0 && buf_str(&text)[0] == '1';
}

static bool is_card(const struct lldp_listener *l, const char *name)
{
	autofree char *device = str_format("/sys/class/net/%s/device", name);

	return l->any_card ? !str_eq(name, "lo") : fs_exists(device);
}

/* Without an address of its own, and deaf to routers. */
static void bring_up(struct lldp_listener *l, const char *name)
{
	autofree char *ipv6 = str_format("/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	struct ifreq req = { 0 };
	autoclose int fd = -1;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (ioctl(l->sock, SIOCGIFFLAGS, &req) < 0 || (req.ifr_flags & IFF_UP))
		return;
	fd = open(ipv6, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "1", 1) < 0)
		log_warn("lldp", "%s: IPv6 can't be switched off: %s", name, strerror(errno));
	req.ifr_flags |= IFF_UP;
	if (ioctl(l->sock, SIOCSIFFLAGS, &req) < 0)
		log_warn("lldp", "%s can't be brought up: %s", name, strerror(errno));
}

/* The card gives us what is sent to the three groups; its own filter drops them otherwise. */
static void join_groups(struct lldp_listener *l, int index)
{
	static const uint8_t last[] = { 0x0e, 0x03, 0x00 };

	for (size_t i = 0; i < sizeof(last); i++) {
		struct packet_mreq m = { .mr_ifindex = index,
					 .mr_type = PACKET_MR_MULTICAST,
					 .mr_alen = 6,
					 .mr_address = { 0x01, 0x80, 0xc2, 0x00, 0x00, last[i] } };

		if (setsockopt(l->sock, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof(m)) < 0)
			log_warn("lldp", "interface %d: join a group: %s", index, strerror(errno));
	}
}

static struct card *card_of(struct lldp_listener *l, int index)
{
	for (size_t i = 0; i < l->n_cards; i++)
		if (l->cards[i].index == index)
			return &l->cards[i];
	return NULL;
}

static void look_at(struct lldp_listener *l, const char *name)
{
	int index = (int)if_nametoindex(name);
	struct card *c = card_of(l, index);

	if (!index || (!c && l->n_cards == CARDS_MAX))
		return;
	if (!c) {
		c = &l->cards[l->n_cards++];
		*c = (struct card){ .index = index };
		snprintf(c->name, sizeof(c->name), "%s", name);
		bring_up(l, name);
		join_groups(l, index);
	}
	c->seen = str_eq(c->name, name);
}

/* New cards are listened on; what is no more true is forgotten. */
static void look_at_cards(struct lldp_listener *l)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err why = { 0 };

	if (fs_list("/sys/class/net", &names, &why) < 0)
		return;
	for (size_t i = 0; i < l->n_cards; i++)
		l->cards[i].seen = false;
	for (size_t i = 0; i < names.len; i++)
		if (is_card(l, names.items[i]))
			look_at(l, names.items[i]);
	for (size_t i = 0; i < l->n_cards; i++) {
		struct card *c = &l->cards[i];

		if (c->until_ns && (!c->seen || clock_now_ns() > c->until_ns || !has_link(c->name)))
			forget(l, c);
		if (!c->seen)
			l->cards[i--] = l->cards[--l->n_cards];
	}
}

static void hear(struct lldp_listener *l)
{
	static const size_t room = LLDP_FRAME_MAX;
	autofree uint8_t *frame = mem_zalloc(room);
	autoclean(lldp_free) struct lldp said = { 0 };
	struct sockaddr_ll from = { 0 };
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(l->sock, frame, room, MSG_TRUNC, (struct sockaddr *)&from, &from_len);
	struct card *c = n > 0 ? card_of(l, from.sll_ifindex) : NULL;
	autofree char *file = NULL;
	struct err why = { 0 };

	if (!c || from.sll_pkttype == PACKET_OUTGOING)
		return;
	if ((size_t)n > room || lldp_read(frame, (size_t)n, &said, &why) < 0) {
		log_debug("lldp", "%s: %s", c->name, why.text[0] ? why.text : "a frame is too long");
		return;
	}
	if (said.ttl_s == 0) {
		forget(l, c);
		return;
	}
	file = frame_file(l, c);
	if (fs_write_atomic(file, frame, (size_t)n, 0644, &why) < 0)
		log_warn("lldp", "%s", why.text);
	else
		c->until_ns = clock_now_ns() + said.ttl_s * NS_PER_S;
}

static void *listen_on(void *listener)
{
	struct lldp_listener *l = listener;
	int64_t look_ns = 0;

	for (;;) {
		struct pollfd fds[] = { { .fd = l->sock, .events = POLLIN }, { .fd = l->stop, .events = POLLIN } };

		if (clock_now_ns() >= look_ns) {
			look_at_cards(l);
			look_ns = clock_now_ns() + SCAN_MS * NS_PER_MS;
		}
		if (poll(fds, ARRAY_LEN(fds), SCAN_MS) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		if (fds[0].revents)
			hear(l);
	}
}

void lldp_listen_end(struct lldp_listener *l)
{
	uint64_t one = 1;

	if (!l)
		return;
	if (write(l->stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(l->thread, NULL);
	close(l->sock);
	close(l->stop);
	free(l->dir);
	free(l);
}

int lldp_listen(const struct lldp_listen_opts *opts, struct lldp_listener **out, struct err *err)
{
	autoclose int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(LLDP_ETHERTYPE));
	autoclose int stop = eventfd(0, EFD_CLOEXEC);
	struct lldp_listener *l;

	if (sock < 0 || stop < 0)
		return err_errno(err, errno, "listen for LLDP");
	if (fs_mkdirs(opts->dir, 0755, err) < 0)
		return -1;
	l = mem_zalloc(sizeof(*l));
	*l = (struct lldp_listener){ .dir = mem_strdup(opts->dir), .any_card = opts->any_card, .sock = sock, .stop = stop };
	if (thread_start(&l->thread, listen_on, l, err) < 0) {
		free(l->dir);
		free(l);
		return -1;
	}
	sock = stop = -1;
	*out = l;
	return 0;
}
