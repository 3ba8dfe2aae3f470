/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stands for a head's services: whatever comes to the UDP port, on whatever address, goes back from that address, with this
 * machine's letter behind it. Addresses may come and go.   responder ID PORT */
#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

static int open_socket(uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1, off = 0;

	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0 ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		return -1;
	return fd;
}

/* The address that it came to stays in the control message: it is where the answer comes from. */
static void answer(int fd, char id)
{
	char data[64], control[256];
	struct sockaddr_in6 peer;
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) - 1 };
	struct msghdr m = { .msg_name = &peer,
			    .msg_namelen = sizeof(peer),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &m, 0);

	if (n < 0)
		return;
	data[n] = id;
	iov.iov_len = (size_t)n + 1;
	sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int main(int argc, char **argv)
{
	const struct sched_param real_time = { .sched_priority = 40 };
	struct err err = { 0 };
	uint64_t port;
	int fd;

	if (argc != 3 || strlen(argv[1]) != 1 || str_to_u64(argv[2], 1, 65535, &port, &err) < 0) {
		fprintf(stderr, "usage: responder ID PORT\n");
		return 2;
	}
	fd = open_socket((uint16_t)port);
	if (fd < 0) {
		fprintf(stderr, "responder: port %s: %s\n", argv[2], strerror(errno));
		return 1;
	}
	/* As far as it may: it is not what is measured. */
	mlockall(MCL_CURRENT | MCL_FUTURE);
	if (sched_setscheduler(0, SCHED_FIFO, &real_time) < 0)
		fprintf(stderr, "responder: without real-time priority: %s\n", strerror(errno));
	puts("ready");
	fflush(stdout);
	for (;;)
		answer(fd, argv[1][0]);
}
