/* SPDX-License-Identifier: GPL-2.0-or-later */
/* castinsider INTERFACE TOKEN-FILE once|on|symbols: somebody who may receive a cast, so has its group key, and makes packets with
 * the sender's address (docs/cast.md, "Who may take part"). It takes a ticket, says to the desk that it has all, and waits until
 * DATA comes. Then, once: one POLL that says OVER, and such that are as far ahead as numbers go. on: a POLL every 20 ms too that
 * is one that the sender may have sent, and asks about nothing. symbols: also a wrong symbol for each sixteenth one of the
 * sender's. On SIGTERM it says "heard=N made=N" and ends. */
#include "base/mem.h"
#include "cast/guest.h"
#include "cast/layout.h"
#include "cast/net.h"
#include "cast/seal.h"
#include "cast/wire.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/keys.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define PACKET_MAX (LAYOUT_SYMBOL_JUMBO + WIRE_DATA_MORE)
#define HEADS (sizeof(struct iphdr) + sizeof(struct udphdr))
#define EVERY_NS (20 * NS_PER_MS)
#define ONE_OF 16

struct insider {
	struct ticket ticket;
	struct seal *group;
	struct sign_key key; /* his own: of no use */
	int in, out;	     /* the group; a raw socket */
	struct net_got got[NET_GOT_MAX];
	unsigned long heard, made;
	uint64_t counter; /* the greatest that was heard */
	uint32_t seq;
	int64_t next_ns;
	bool said_once, on, symbols;
};

static volatile sig_atomic_t over; /* set by the handler */

static void on_term(int signal)
{
	(void)signal;
	over = 1;
}

static _Noreturn void die(const struct err *err)
{
	fprintf(stderr, "castinsider: %s\n", err->text);
	exit(1);
}

static void nonce_of(uint64_t counter, uint8_t out[SEAL_NONCE])
{
	memset(out, 0, SEAL_NONCE);
	for (int i = 11; i > 3; i--, counter >>= 8)
		out[i] = (uint8_t)counter;
}

/* Sealed, and with the sender's address. */
static void put(struct insider *s, uint8_t *p, size_t head, size_t len, uint64_t counter)
{
	const struct sockaddr_in *from = (const struct sockaddr_in *)&s->ticket.session.sender;
	const struct sockaddr_in *to = (const struct sockaddr_in *)&s->ticket.session.group;
	const size_t all = head + len + WIRE_TAG;
	uint8_t nonce[SEAL_NONCE], packet[HEADS + PACKET_MAX];
	struct seal_job job = {
		.nonce = nonce, .aad = p, .aad_len = head, .in = p + head, .out = p + head, .len = len, .tag = p + head + len
	};
	struct iphdr ip = { .version = 4,
			    .ihl = 5,
			    .ttl = 1,
			    .protocol = IPPROTO_UDP,
			    .tot_len = htons((uint16_t)(HEADS + all)),
			    .saddr = from->sin_addr.s_addr,
			    .daddr = to->sin_addr.s_addr };
	struct udphdr udp = { .source = from->sin_port, .dest = to->sin_port, .len = htons((uint16_t)(sizeof(udp) + all)) };

	nonce_of(counter, nonce);
	seal_close_many(s->group, &job, 1);
	memcpy(packet, &ip, sizeof(ip));
	memcpy(packet + sizeof(ip), &udp, sizeof(udp));
	memcpy(packet + HEADS, p, all);
	s->made += sendto(s->out, packet, HEADS + all, 0, (const struct sockaddr *)to, sizeof(*to)) > 0;
}

static void put_poll(struct insider *s, struct wire_poll p, uint64_t counter, bool is_signed)
{
	const struct wire_head head = { .type = WIRE_POLL, .cast = s->ticket.session.cast, .counter = counter };
	uint8_t text[WIRE_POLL_SIGNED_MAX], packet[WIRE_HEAD + WIRE_PACKET_MAX + WIRE_TAG];
	struct err ignored = { 0 };

	p.now_us = (uint64_t)clock_now_ns() / 1000;
	p.grtt_us = 1000;
	p.crowd = 1;
	p.marks = UINT32_MAX;
	p.is_signed = is_signed;
	if (is_signed && sign_bytes(&s->key, text, wire_poll_signed(head.cast, counter, &p, text), p.signature, &ignored) < 0)
		return;
	wire_head_write(&head, packet);
	put(s, packet, WIRE_HEAD, wire_poll_write(&p, packet + WIRE_HEAD), counter);
}

static void say_once(struct insider *s)
{
	struct wire_poll p = { .seq = UINT32_MAX, .stage = WIRE_OVER, .pass = 1, .sent = s->counter };

	s->said_once = true;
	put_poll(s, p, UINT64_MAX, true);
	put_poll(s, p, UINT64_MAX - 1, false);
	p.seq = s->seq + 1;
	put_poll(s, p, s->counter + 1000, true);
	put_poll(s, p, s->counter + 1001, false);
	p.stage = WIRE_PASS;
	p.seq = UINT32_MAX;
	put_poll(s, p, UINT64_MAX - 2, false);
	put_poll(s, p, s->counter + 1002, false);
	p.seq = s->seq + 1000; /* this one may be */
	put_poll(s, p, s->counter + 1003, false);
}

/* In the place of one that will come. */
static void put_symbol(struct insider *s, const struct wire_data *like)
{
	struct wire_data d = *like;
	uint8_t packet[PACKET_MAX];

	d.head.counter += 2000;
	d.index = (uint8_t)(like->index ^ 1);
	random_bytes(packet, sizeof(packet));
	wire_data_write(&d, packet);
	put(s, packet, WIRE_DATA_HEAD, s->ticket.session.symbol_bytes, d.head.counter);
}

static void take_poll(struct insider *s, uint8_t *p, size_t len, uint64_t counter)
{
	uint8_t nonce[SEAL_NONCE];
	struct seal_job job = { .nonce = nonce,
				.aad = p,
				.aad_len = WIRE_HEAD,
				.in = p + WIRE_HEAD,
				.out = p + WIRE_HEAD,
				.len = len - WIRE_HEAD - WIRE_TAG,
				.tag = p + len - WIRE_TAG };
	struct wire_poll poll;
	struct err ignored = { 0 };

	nonce_of(counter, nonce);
	seal_open_many(s->group, &job, 1);
	if (job.ok && wire_poll_read(job.out, job.len, &poll, &ignored) == 0 && poll.stage != WIRE_OVER && poll.seq < UINT32_MAX)
		s->seq = poll.is_signed ? poll.seq : s->seq;
}

static void hear(struct insider *s, uint8_t *p, size_t len)
{
	struct wire_head h;
	struct wire_data d;
	struct err ignored = { 0 };

	if (wire_head_read(p, len, &h, &ignored) < 0 || len < WIRE_HEAD + WIRE_TAG || h.counter > s->counter + 1000000)
		return; /* maybe his own */
	s->heard++;
	if (h.type == WIRE_POLL)
		take_poll(s, p, len, h.counter);
	if (h.type != WIRE_DATA || wire_data_read(p, len, &d, &ignored) < 0)
		return;
	s->counter = h.counter > s->counter + 1500 ? s->counter : h.counter;
	if (!s->said_once && s->heard > 2000)
		say_once(s);
	if (s->said_once && s->symbols && s->heard % ONE_OF == 0)
		put_symbol(s, &d);
}

static void go_on(struct insider *s)
{
	const struct wire_poll p = { .seq = s->seq + 500, .stage = WIRE_PASS, .pass = 1, .sent = s->counter };

	if (!s->said_once || !s->on || clock_now_ns() < s->next_ns)
		return;
	s->next_ns = clock_now_ns() + EVERY_NS;
	put_poll(s, p, s->counter + 3000, false);
}

static void take_ticket(struct insider *s, const char *token_file)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct ticket_report done = { .state = TICKET_DONE };
	struct ticket_offer offer;
	struct guest_wish wish = { .path = "/insider", .offer = &offer };
	struct guest *g = NULL;
	struct token token;
	struct err err = { 0 };

	if (fs_read(token_file, TOKEN_TEXT_MAX, &text, &err) < 0 || token_read(buf_str(&text), text.len, &token, &err) < 0 ||
	    guest_open(&token, &g, &err) < 0 || guest_offer(g, &offer, &err) < 0 || guest_ticket(g, &wish, &s->ticket, &err) < 0)
		die(&err);
	done.number = s->ticket.session.number;
	memcpy(done.receipt, s->ticket.receipt, TICKET_RECEIPT);
	if (guest_report(g, &done, &err) < 0)
		die(&err);
	ticket_offer_clear(&offer);
	guest_close(g);
}

static void open_sockets(struct insider *s, const char *interface)
{
	struct ip_mreqn by = { 0 };
	unsigned int index = 0;
	struct err err = { 0 };

	if (net_interface(interface, &index, &err) < 0 || net_open(&s->ticket.session.group, true, &s->in, &err) < 0 ||
	    net_join(s->in, &s->ticket.session.group, &s->ticket.session.sender, index, &err) < 0)
		die(&err);
	(void)net_receive_buffer(s->in, NET_BUFFER);
	by.imr_ifindex = (int)index;
	s->out = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (s->out < 0 || setsockopt(s->out, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof(by)) < 0) {
		err_errno(&err, errno, "a raw socket");
		die(&err);
	}
	for (unsigned int i = 0; i < NET_GOT_MAX; i++)
		s->got[i].data = mem_aligned(64, NET_GOT_BYTES);
}

int main(int argc, char **argv)
{
	struct sigaction term = { .sa_handler = on_term };
	struct insider s = { 0 };
	struct err err = { 0 };

	if (argc != 4 || (strcmp(argv[3], "once") != 0 && strcmp(argv[3], "on") != 0 && strcmp(argv[3], "symbols") != 0)) {
		fputs("usage: castinsider INTERFACE TOKEN-FILE once|on|symbols\n", stderr);
		return 2;
	}
	s.symbols = strcmp(argv[3], "symbols") == 0;
	s.on = s.symbols || strcmp(argv[3], "on") == 0;
	sigaction(SIGTERM, &term, NULL);
	take_ticket(&s, argv[2]);
	open_sockets(&s, argv[1]);
	s.group = seal_new(s.ticket.session.group_key);
	if (sign_key_make(&s.key, &err) < 0)
		die(&err);
	puts("ready");
	fflush(stdout);
	while (!over) {
		struct pollfd p = { .fd = s.in, .events = POLLIN };
		const int n = poll(&p, 1, 10) > 0 ? net_receive(s.in, s.got, NET_GOT_MAX, &err) : 0;

		for (int i = 0; i < n; i++)
			hear(&s, s.got[i].data, s.got[i].len);
		go_on(&s);
	}
	printf("heard=%lu made=%lu\n", s.heard, s.made);
	return 0;
}
