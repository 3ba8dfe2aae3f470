/* SPDX-License-Identifier: GPL-2.0-or-later */
/* announce_tool INTERFACE ADDRESS/PREFIX...: what a guard does with announce.h and addresses.h, for tests/netns/announce.sh.
 * Commands on standard input: take (the announcements begin, then the addresses are given) | drop. What happens goes to standard
 * output, a line each, with milliseconds of CLOCK_BOOTTIME. */
#include "headfailover/guard/announce.h"

#include "base/mem.h"
#include "headfailover/guard/announce_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS 1000000

struct tool {
	struct announce *announce;
	struct addresses *addresses;
	struct burst burst;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "announce_tool: %s\n", what);
	exit(2);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void say(const char *what, const char *more)
{
	printf("%.3f %s %s\n", (double)now_ns() / MS, what, more);
	fflush(stdout);
}

static void read_addr(char *text, const char *interface, struct service_addr *out)
{
	char *slash = strchr(text, '/');
	struct err err = { 0 };
	uint32_t four;

	if (!slash)
		die("an address needs a prefix");
	*slash = 0;
	*out = (struct service_addr){ .prefix = (unsigned int)strtoul(slash + 1, NULL, 10), .interface = interface };
	if (strchr(text, ':')) {
		if (addr6_read(text, &out->addr, &err) < 0)
			die(err.text);
		return;
	}
	if (addr4_read(text, &four, &err) < 0)
		die(err.text);
	four = htonl(four);
	out->addr = (struct addr6){ .bytes = { [10] = 0xff, [11] = 0xff } };
	memcpy(out->addr.bytes + 12, &four, 4);
}

static void tell_events(struct tool *t)
{
	static const char *const kinds[] = { "nothing", "conflict", "link-up", "link-down", "gone" };
	struct announce_event e;

	while (announce_read(t->announce, &e) != ANNOUNCE_NOTHING) {
		char addr[ADDR6_LEN], more[128] = "";
		uint32_t four;

		memcpy(&four, e.addr.bytes + 12, 4);
		if (announce_is4(&e.addr))
			addr4_print(ntohl(four), addr);
		else
			addr6_print(&e.addr, addr);
		if (e.kind == ANNOUNCE_CONFLICT)
			snprintf(more, sizeof(more), "%s %02x:%02x:%02x:%02x:%02x:%02x", addr, e.mac[0], e.mac[1], e.mac[2],
				 e.mac[3], e.mac[4], e.mac[5]);
		say(kinds[e.kind], more);
		if (e.kind == ANNOUNCE_LINK_UP)
			burst_start(&t->burst, now_ns());
	}
}

static void tell_addresses(struct tool *t)
{
	struct addresses_state s;

	addresses_done(t->addresses, &s);
	say(s.n_failed ? "failed" : s.there ? "there" : "away", s.error);
}

static void command(struct tool *t, const char *word)
{
	if (strncmp(word, "take", 4) == 0) {
		burst_start(&t->burst, now_ns());
	} else if (strncmp(word, "drop", 4) == 0) {
		burst_stop(&t->burst);
		addresses_want(t->addresses, false);
	} else {
		die("no such command");
	}
	say("did", strncmp(word, "take", 4) == 0 ? "take" : "drop");
	/* After the first announcement, as the guard does. */
	if (strncmp(word, "take", 4) == 0) {
		int64_t next;
		char failed[32];

		burst_due(&t->burst, now_ns(), &next);
		snprintf(failed, sizeof(failed), "%u", announce_send(t->announce));
		say("sent", failed);
		addresses_want(t->addresses, true);
	}
}

static void run(struct tool *t)
{
	struct pollfd p[3] = { { .fd = 0, .events = POLLIN },
			       { .fd = announce_fd(t->announce), .events = POLLIN },
			       { .fd = addresses_fd(t->addresses), .events = POLLIN } };

	for (;;) {
		int64_t next, now = now_ns();
		struct timespec wait;
		char line[64], failed[32];

		if (burst_due(&t->burst, now, &next)) {
			snprintf(failed, sizeof(failed), "%u", announce_send(t->announce));
			say("sent", failed);
		}
		if (next == INT64_MAX)
			next = now + 3600 * (int64_t)1000 * MS;
		next = next > now ? next - now : 0;
		wait = (struct timespec){ .tv_sec = next / 1000000000, .tv_nsec = next % 1000000000 };
		ppoll(p, 3, &wait, NULL);
		tell_events(t);
		if (p[2].revents)
			tell_addresses(t);
		if (p[0].revents) {
			ssize_t n = read(0, line, sizeof(line) - 1);

			if (n <= 0)
				return;
			line[n] = 0;
			command(t, line);
		}
	}
}

int main(int argc, char **argv)
{
	struct service_addr addrs[SERVICE_ADDRS];
	struct tool t = { .burst = { .done = BURST_STEPS } };
	struct err err = { 0 };
	size_t n = 0;

	if (argc < 3 || argc > SERVICE_ADDRS)
		die("see its source for how it is used");
	for (int i = 2; i < argc; i++)
		read_addr(argv[i], argv[1], &addrs[n++]);
	if (addresses_open(addrs, n, &t.addresses, &err) < 0 || announce_open(addrs, n, &t.announce, &err) < 0)
		die(err.text);
	say("ready", "");
	run(&t);
	announce_free(t.announce);
	addresses_free(t.addresses);
	return 0;
}
