/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The querier's loop as a program, with times that a test can wait for: querier_tool INTERFACE 4|6|46 EVERY_MS ANSWER_MS.
 * A line for each change: "ipv4 this head, as 10.1.0.5". */
#include "base/mem.h"
#include "base/str.h"
#include "daemon/querier_serve.h"
#include "daemon/querier_wire.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

static void say(const char *family, struct querier_side *before, const struct querier_side *now)
{
	autofree char *was = querier_text(before), *is = querier_text(now);

	if (now->state != QUERIER_OFF && !str_eq(was, is)) {
		printf("%s %s\n", family, is);
		fflush(stdout);
	}
	*before = *now;
}

static int listen_to(int fd)
{
	struct querier_view before = { 0 }, now;
	struct err err = { 0 };
	uint8_t packet[QUERIER_WIRE];
	ssize_t n;

	while ((n = recv(fd, packet, sizeof(packet), 0)) > 0) {
		if (querier_wire_read(packet, (size_t)n, &now, &err) < 0) {
			fprintf(stderr, "querier_tool: %s\n", err.text);
			return 1;
		}
		say("ipv4", &before.side[QUERIER_IPV4], &now.side[QUERIER_IPV4]);
		say("ipv6", &before.side[QUERIER_IPV6], &now.side[QUERIER_IPV6]);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct querier_serve s = { .opts = querier_defaults };
	struct err err = { 0 };
	uint64_t every = 0, answer = 0;
	int pair[2];

	log_init("querier_tool", false);
	if (argc != 5 || str_to_u64(argv[3], 1, 1000000, &every, &err) < 0 ||
	    str_to_u64(argv[4], 1, 1000000, &answer, &err) < 0) {
		fprintf(stderr, "usage: querier_tool INTERFACE 4|6|46 EVERY_MS ANSWER_MS\n");
		return 2;
	}
	s.opts.every_ns = (int64_t)every * NS_PER_MS;
	s.opts.answer_ns = (int64_t)answer * NS_PER_MS;
	s.families =
		(strchr(argv[2], '4') ? QUERIER_BIT(QUERIER_IPV4) : 0) | (strchr(argv[2], '6') ? QUERIER_BIT(QUERIER_IPV6) : 0);
	s.index = if_nametoindex(argv[1]);
	s.packet_fd = querier_socket(s.index, &err);
	if (s.packet_fd < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		fprintf(stderr, "querier_tool: %s\n", err.text);
		return 1;
	}
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		s.tell_fd = pair[1];
		return querier_serve(&s, &err) < 0;
	}
	close(pair[1]);
	return listen_to(pair[0]);
}
