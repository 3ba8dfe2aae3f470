/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How fast a relay is: packets as a sender's, at a rate, and what of them comes out of the group. For tests/bench/relay.sh.
 *     relay_blast send RELAY PORT MIB MB-PER-SECOND
 *     relay_blast take GROUP PORT RELAY       until nothing came for a second; one line of JSON */
#include "base/mem.h"
#include "base/str.h"
#include "cast/net.h"
#include "cast/wire.h"
#include "sys/clock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKET 1448
#define BURST 45

static int send_all(char **argv, struct err *err)
{
	const uint64_t bytes = strtoull(argv[2], NULL, 10) << 20, rate = strtoull(argv[3], NULL, 10) * 1000000;
	const struct wire_head h = { .type = WIRE_DATA, .cast = 0x80000005 };
	static uint8_t burst[BURST * PACKET];
	struct net_out out = { 0 };
	struct net_way way;
	const int64_t begin = clock_now_ns();

	if (net_parse(argv[0], (uint16_t)strtoul(argv[1], NULL, 10), &out.to, err) < 0 || net_towards(&out.to, &way, err) < 0 ||
	    net_open(&way.local, false, &out.fd, err) < 0)
		return -1;
	(void)net_send_buffer(out.fd, NET_BUFFER);
	for (int i = 0; i < BURST; i++)
		wire_head_write(&h, burst + (size_t)i * PACKET);
	for (uint64_t sent = 0; sent < bytes; sent += sizeof(burst)) {
		while ((double)sent > (double)rate * (double)(clock_now_ns() - begin) * 1e-9)
			(void)poll(NULL, 0, 0);
		if (net_send(&out, burst, sizeof(burst), PACKET, err) < 0)
			return -1;
	}
	return 0;
}

static int take_all(char **argv, struct err *err)
{
	struct sockaddr_storage group, relay;
	struct net_got got[8] = { 0 };
	int64_t first = 0, last = 0;
	uint64_t bytes = 0;
	struct net_way way;
	int fd, n;

	if (net_parse(argv[0], (uint16_t)strtoul(argv[1], NULL, 10), &group, err) < 0 || net_parse(argv[2], 0, &relay, err) < 0 ||
	    net_towards(&relay, &way, err) < 0 || net_open(&group, true, &fd, err) < 0 ||
	    net_join(fd, &group, &relay, way.index, err) < 0)
		return -1;
	(void)net_receive_buffer(fd, NET_BUFFER);
	net_offload(fd);
	for (size_t i = 0; i < ARRAY_LEN(got); i++)
		got[i].data = mem_zalloc(NET_GOT_BYTES);
	puts("ready");
	fflush(stdout);
	while (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, first ? 1000 : 20000) == 1) {
		n = net_receive(fd, got, ARRAY_LEN(got), err);
		if (n < 0)
			return -1;
		last = clock_now_ns();
		first = first ? first : last;
		for (int i = 0; i < n; i++)
			bytes += got[i].len;
	}
	printf("{\"bytes\":%llu,\"seconds\":%.3f,\"dropped\":%u}\n", (unsigned long long)bytes, (double)(last - first) * 1e-9,
	       net_dropped(fd));
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };
	int rc = 2;

	if (argc == 6 && str_eq(argv[1], "send"))
		rc = send_all(argv + 2, &err);
	else if (argc == 5 && str_eq(argv[1], "take"))
		rc = take_all(argv + 2, &err);
	if (rc)
		fprintf(stderr, "relay_blast: %s\n",
			err.text[0] ? err.text : "send RELAY PORT MIB MB-PER-SECOND | take GROUP PORT RELAY");
	return rc < 0 ? 1 : rc;
}
