/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An outside host that asks for a service address every millisecond, and writes down who answers (responder.c, by its letter).
 *
 *   prober --address ADDRESS --port PORT --log FILE [--every FILE]
 *          [--arp NETNS INTERFACE OWN-IPV4] [--mac MAC=ID]...
 *
 * Two questions go out each millisecond: a UDP datagram, as a client sends it (by the neighbour table of this host: who announces
 * an address well is found well); and, from another network namespace, so that the first learns nothing of it, an ARP request to
 * all. Each answer repeats the question's number: the datagram, and the hardware address that the ARP request says it comes from.
 * Answers count at the time at which the kernel took them from the wire, UDP and ARP together in that order.
 *
 * The log, times in ms since the start:
 *   mark T TEXT        a line of standard input, at the time it was read
 *   gap FROM TO A B    no UDP answer came between FROM (A's) and TO (B's), 3 ms or more; without trouble it is 1 ms
 *   id T A B VIA       the answer at T is B's, the one before was A's
 *   two T N VIA A B    question N was answered by both: at that moment both had the address. Nothing else explains it: the two
 *                      got the question at the same time
 *   stall FROM TO      this program did not run for 3 ms or more: a gap at that time may be its own
 *   end T QUESTIONS UDP-ANSWERS ARP-ANSWERS STALLS
 * What counts as dual besides "two" is for the reader, who knows what was done to the machines: while one fault lasts an
 * address moves once, so an answer of the old one's after one of the new one's (A ... B, A) is dual.
 * --every: a line for each second and kind: T udp|arp, then a letter for each millisecond, "." for no answer, "2" for two.
 * Standard output says "now ID" when another one answers, and "marked" for each mark. It ends after the mark "end". */
#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>

#define MS 1000000LL
#define GAP_NS (3 * MS)
#define RING 4096  /* questions that are remembered */
#define SETTLE 512 /* after so many more a question's line is written */
#define MACS 8
#define BATCH 256

enum via { UDP, ARP, VIAS };
static const char *const via_names[VIAS] = { "udp", "arp" };

struct question {
	uint32_t number;
	char who[VIAS][2]; /* who answered, first and another */
};
struct answer {
	long long at_ns;
	uint32_t number;
	enum via via;
	char id;
};
struct prober {
	struct sockaddr_storage to;
	socklen_t to_len;
	int udp, arp;
	struct sockaddr_ll everybody;
	struct ether_arp request;
	struct {
		uint8_t mac[6];
		char id;
	} macs[MACS];
	size_t n_macs;
	FILE *log, *every;
	long long start_ns, last_tick_ns, looked_ns;
	struct question ring[RING];
	uint32_t next; /* number of the next question */
	char lines[VIAS][1001];
	struct answer batch[BATCH];
	size_t n_batch;
	long long last_udp_ns;
	char last_udp, last;
	unsigned long long answers[VIAS], stalls;
	char input[256];
	size_t n_input;
};

static int fail(const char *what)
{
	fprintf(stderr, "prober: %s: %s\n", what, strerror(errno));
	return -1;
}

static long long clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000 * MS + t.tv_nsec;
}

static long long now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static double ms(const struct prober *p, long long at_ns)
{
	return (double)(at_ns - p->start_ns) / MS;
}

static int stamp(int fd)
{
	int on = 1, room = 1 << 22;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	return setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
}

static int open_udp(struct prober *p)
{
	p->udp = socket(p->to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return p->udp < 0 || stamp(p->udp) < 0 ? fail("UDP") : 0;
}

/* In another namespace: a socket stays in the one that it was made in. */
static int open_arp(struct prober *p, char *const words[3], const char *address)
{
	autoclose int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	autoclose int there = open(words[0], O_RDONLY | O_CLOEXEC);
	struct packet_mreq all = { .mr_type = PACKET_MR_PROMISC };
	struct ifreq ifr = { 0 };
	unsigned int index;

	if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0)
		return fail(words[0]);
	p->arp = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ARP));
	index = if_nametoindex(words[1]);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", words[1]);
	p->everybody = (struct sockaddr_ll){ .sll_family = AF_PACKET,
					     .sll_protocol = htons(ETH_P_ARP),
					     .sll_ifindex = (int)index,
					     .sll_halen = 6,
					     .sll_addr = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	all.mr_ifindex = (int)index;
	if (p->arp < 0 || !index || bind(p->arp, (struct sockaddr *)&p->everybody, sizeof(p->everybody)) < 0 ||
	    stamp(p->arp) < 0 || setsockopt(p->arp, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0)
		return fail(words[1]);
	p->request.ea_hdr = (struct arphdr){
		.ar_hrd = htons(ARPHRD_ETHER), .ar_pro = htons(ETH_P_IP), .ar_hln = 6, .ar_pln = 4, .ar_op = htons(ARPOP_REQUEST)
	};
	p->request.arp_sha[0] = 0x02; /* a local one; the number is behind it */
	p->request.arp_sha[1] = 0x50;
	if (inet_pton(AF_INET, words[2], p->request.arp_spa) != 1 || inet_pton(AF_INET, address, p->request.arp_tpa) != 1) {
		errno = EINVAL;
		return fail("ARP is for IPv4");
	}
	return setns(home, CLONE_NEWNET) < 0 ? fail("back home") : 0;
}

static void write_lines(const struct prober *p, uint32_t second, int letters)
{
	for (int v = 0; p->every && v < (p->arp >= 0 ? VIAS : 1); v++)
		fprintf(p->every, "%u %s %.*s\n", second, via_names[v], letters, p->lines[v]);
}

/* The letter of a question that nobody answers any more. */
static void settle(struct prober *p, uint32_t number)
{
	const struct question *q = &p->ring[number % RING];

	for (int v = 0; v < VIAS; v++)
		p->lines[v][number % 1000] = q->who[v][1] ? '2' : q->who[v][0] ? q->who[v][0] : '.';
	if (number % 1000 == 999)
		write_lines(p, number / 1000, 1000);
}

static void settle_rest(struct prober *p)
{
	for (uint32_t n = p->next > SETTLE ? p->next - SETTLE : 0; n < p->next; n++)
		settle(p, n);
	if (p->next % 1000)
		write_lines(p, p->next / 1000, (int)(p->next % 1000));
}

static void ask(struct prober *p)
{
	uint32_t number = p->next++;

	p->ring[number % RING] = (struct question){ .number = number };
	number = htonl(number);
	/* Where nobody is, or no room, it is a question without an answer. */
	sendto(p->udp, &number, sizeof(number), MSG_NOSIGNAL, (struct sockaddr *)&p->to, p->to_len);
	if (p->arp >= 0) {
		memcpy(p->request.arp_sha + 2, &number, sizeof(number));
		sendto(p->arp, &p->request, sizeof(p->request), 0, (struct sockaddr *)&p->everybody, sizeof(p->everybody));
	}
	if (p->next > SETTLE)
		settle(p, p->next - 1 - SETTLE);
}

static void tick(struct prober *p)
{
	long long at = now_ns();

	if (p->last_tick_ns && at - p->last_tick_ns >= GAP_NS) {
		fprintf(p->log, "stall %.3f %.3f\n", ms(p, p->last_tick_ns), ms(p, at));
		p->stalls++;
	}
	p->last_tick_ns = at;
	ask(p);
}

static char id_of(const struct prober *p, const uint8_t mac[6])
{
	for (size_t i = 0; i < p->n_macs; i++)
		if (memcmp(p->macs[i].mac, mac, 6) == 0)
			return p->macs[i].id;
	return '?';
}

/* What was taken from a socket, as an answer; false: it is none. */
static bool read_answer(const struct prober *p, enum via via, const uint8_t *data, size_t len, struct answer *a)
{
	const struct ether_arp *reply = (const void *)data;
	uint32_t number;

	a->via = via;
	if (via == UDP) {
		if (len != sizeof(number) + 1)
			return false;
		memcpy(&number, data, sizeof(number));
		a->id = (char)data[sizeof(number)];
	} else {
		if (len < sizeof(*reply) || reply->ea_hdr.ar_op != htons(ARPOP_REPLY) ||
		    memcmp(reply->arp_spa, p->request.arp_tpa, 4) != 0 || memcmp(reply->arp_tha, p->request.arp_sha, 2) != 0)
			return false;
		memcpy(&number, reply->arp_tha + 2, sizeof(number));
		a->id = id_of(p, reply->arp_sha);
	}
	a->number = ntohl(number);
	return true;
}

/* The kernel's time stamps are of the wall clock, which somebody may set: only how old one is counts, and what would be older
 * than the last look at the socket is not. */
static long long stamped_ns(const struct prober *p, const struct timespec *t)
{
	long long age = clock_ns(CLOCK_REALTIME) - (t->tv_sec * 1000 * MS + t->tv_nsec), at = now_ns();

	return age < 0 || at - age < p->looked_ns ? at : at - age;
}

static void drain(struct prober *p, enum via via, int fd)
{
	while (p->n_batch < BATCH) {
		uint8_t data[128], control[128];
		struct iovec iov = { data, sizeof(data) };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
		struct answer *a = &p->batch[p->n_batch];
		struct cmsghdr *c;
		struct timespec t;
		ssize_t n = recvmsg(fd, &m, 0);

		if (n < 0)
			return;
		c = CMSG_FIRSTHDR(&m);
		if (!c || c->cmsg_type != SCM_TIMESTAMPNS || !read_answer(p, via, data, (size_t)n, a))
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof(t));
		a->at_ns = stamped_ns(p, &t);
		p->n_batch++;
	}
}

static int earlier(const void *a, const void *b)
{
	long long x = ((const struct answer *)a)->at_ns, y = ((const struct answer *)b)->at_ns;

	return (x > y) - (x < y);
}

static void take(struct prober *p, const struct answer *a)
{
	struct question *q = &p->ring[a->number % RING];

	p->answers[a->via]++;
	if (q->number == a->number && a->number < p->next) {
		char *who = q->who[a->via];

		if (!who[0]) {
			who[0] = a->id;
		} else if (who[0] != a->id && !who[1]) {
			who[1] = a->id;
			fprintf(p->log, "two %.3f %u %s %c %c\n", ms(p, a->at_ns), a->number, via_names[a->via], who[0], who[1]);
		}
	}
	if (a->via == UDP) {
		if (p->last_udp_ns && a->at_ns - p->last_udp_ns >= GAP_NS)
			fprintf(p->log, "gap %.3f %.3f %c %c\n", ms(p, p->last_udp_ns), ms(p, a->at_ns), p->last_udp, a->id);
		if (p->last_udp != a->id)
			printf("now %c\n", a->id);
		p->last_udp_ns = a->at_ns;
		p->last_udp = a->id;
	}
	if (p->last && p->last != a->id)
		fprintf(p->log, "id %.3f %c %c %s\n", ms(p, a->at_ns), p->last, a->id, via_names[a->via]);
	p->last = a->id;
}

static void take_all(struct prober *p)
{
	long long begun = now_ns();

	do {
		p->n_batch = 0;
		drain(p, UDP, p->udp);
		if (p->arp >= 0)
			drain(p, ARP, p->arp);
		qsort(p->batch, p->n_batch, sizeof(*p->batch), earlier);
		for (size_t i = 0; i < p->n_batch; i++)
			take(p, &p->batch[i]);
	} while (p->n_batch == BATCH);
	p->looked_ns = begun;
	fflush(stdout);
}

/* False: it was the last one. */
static bool read_marks(struct prober *p)
{
	ssize_t n = read(STDIN_FILENO, p->input + p->n_input, sizeof(p->input) - 1 - p->n_input);
	bool last = false;
	char *end;

	if (n <= 0)
		return n < 0 && errno == EINTR;
	p->n_input += (size_t)n;
	p->input[p->n_input] = '\0';
	while ((end = strchr(p->input, '\n'))) {
		*end++ = '\0';
		fprintf(p->log, "mark %.3f %s\n", ms(p, now_ns()), p->input);
		fflush(p->log);
		puts("marked");
		last = last || str_eq(p->input, "end");
		p->n_input -= (size_t)(end - p->input);
		memmove(p->input, end, p->n_input + 1);
	}
	fflush(stdout);
	if (p->n_input == sizeof(p->input) - 1)
		p->n_input = 0;
	return !last;
}

static int run(struct prober *p)
{
	const struct itimerspec every = { .it_interval = { .tv_nsec = MS }, .it_value = { .tv_nsec = MS } };
	autoclose int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct pollfd fds[] = { { .fd = timer, .events = POLLIN },
				{ .fd = p->udp, .events = POLLIN },
				{ .fd = p->arp, .events = POLLIN },
				{ .fd = STDIN_FILENO, .events = POLLIN } };
	uint64_t ticks;

	if (timer < 0 || timerfd_settime(timer, 0, &every, NULL) < 0)
		return fail("timer");
	p->start_ns = now_ns();
	for (;;) {
		if (poll(fds, 4, -1) < 0 && errno != EINTR)
			return fail("poll");
		if (read(timer, &ticks, sizeof(ticks)) == sizeof(ticks))
			tick(p);
		take_all(p);
		if (fds[3].revents && !read_marks(p))
			break;
	}
	settle_rest(p);
	fprintf(p->log, "end %.3f %u %llu %llu %llu\n", ms(p, now_ns()), p->next, p->answers[UDP], p->answers[ARP], p->stalls);
	return 0;
}

static int read_address(struct prober *p, const char *address, uint64_t port)
{
	struct sockaddr_in *a4 = (struct sockaddr_in *)&p->to;
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)&p->to;

	if (inet_pton(AF_INET, address, &a4->sin_addr) == 1) {
		a4->sin_family = AF_INET;
		a4->sin_port = htons((uint16_t)port);
		p->to_len = sizeof(*a4);
		return 0;
	}
	if (inet_pton(AF_INET6, address, &a6->sin6_addr) != 1)
		return -1;
	a6->sin6_family = AF_INET6;
	a6->sin6_port = htons((uint16_t)port);
	p->to_len = sizeof(*a6);
	return 0;
}

static int add_mac(struct prober *p, const char *word)
{
	uint8_t *m = p->macs[p->n_macs].mac;

	if (p->n_macs == MACS ||
	    sscanf(word, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx=%c", m, m + 1, m + 2, m + 3, m + 4, m + 5, &p->macs[p->n_macs].id) != 7)
		return -1;
	p->n_macs++;
	return 0;
}

static int read_options(int argc, char **argv, struct prober *p)
{
	const char *address = NULL, *port = NULL;
	char **arp = NULL;
	struct err err = { 0 };
	uint64_t number = 0;

	for (int i = 1; i < argc; i++) {
		const char *o = argv[i], *value = argv[i + 1];

		if (!value)
			return -1;
		if (str_eq(o, "--arp") && i + 3 < argc) {
			arp = argv + i + 1;
			i += 2;
		} else if (str_eq(o, "--address"))
			address = value;
		else if (str_eq(o, "--port"))
			port = value;
		else if (str_eq(o, "--log"))
			p->log = fopen(value, "we");
		else if (str_eq(o, "--every"))
			p->every = fopen(value, "we");
		else if (!str_eq(o, "--mac") || add_mac(p, value) < 0)
			return -1;
		i++;
	}
	if (!address || !port || !p->log || str_to_u64(port, 1, 65535, &number, &err) < 0 || read_address(p, address, number) < 0)
		return -1;
	return open_udp(p) < 0 || (arp && open_arp(p, arp, address) < 0) ? -1 : 0;
}

int main(int argc, char **argv)
{
	const struct sched_param real_time = { .sched_priority = 60 };
	struct prober *p = mem_zalloc(sizeof(*p));

	p->arp = -1;
	if (read_options(argc, argv, p) < 0) {
		fprintf(stderr, "prober: the header of tests/lab/prober.c says how it is used\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	if (sched_setscheduler(0, SCHED_FIFO, &real_time) < 0)
		fprintf(stderr, "prober: without real-time priority: %s\n", strerror(errno));
	if (run(p) < 0)
		return 1;
	fclose(p->log);
	if (p->every)
		fclose(p->every);
	free(p);
	return 0;
}
