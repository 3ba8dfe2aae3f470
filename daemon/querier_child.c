/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/querier_child.h"

#include "base/mem.h"
#include "daemon/querier_serve.h"
#include "sys/confine.h"
#include "sys/log.h"
#include "sys/privilege.h"
#include "sys/spawn.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first packet to it, with the socket that it listens on (SCM_RIGHTS). */
struct errand {
	uint32_t index, families;
};
union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static int send_errand(int fd, const struct errand *e, int packet_fd)
{
	struct errand copy = *e;
	struct iovec io = { .iov_base = &copy, .iov_len = sizeof(copy) };
	union control control = { 0 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &packet_fd, sizeof(int));
	return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(copy) ? 0 : -1;
}

static int take_errand(struct errand *e)
{
	struct iovec io = { .iov_base = e, .iov_len = sizeof(*e) };
	union control control = { 0 };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(STDIN_FILENO, &m, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n == (ssize_t)sizeof(*e) ? CMSG_FIRSTHDR(&m) : NULL;
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
	return fd;
}

int querier_child_run(struct err *err)
{
	struct errand e = { 0 };
	autoclose int fd = take_errand(&e);
	struct querier_serve s = { .opts = querier_defaults, .index = e.index, .packet_fd = fd, .tell_fd = STDIN_FILENO };
	struct privilege_user nobody;

	if (fd < 0) {
		err_set(err, ERR_USAGE, "--querier: orthrusd's helper did not start it");
		return err_hint(err, "it is started by itself when cast.querier of site.json says so");
	}
	s.families = e.families;
	if (geteuid() == 0 && (privilege_user("nobody", &nobody, err) < 0 || privilege_become(&nobody, PRIVILEGE_NONE, err) < 0))
		return -1;
	if (privilege_has_none(err) < 0 || privilege_hide_memory(err) < 0 || confine_calls(true, err) < 0)
		return -1;
	log_info("querier", "listens on interface %u (as uid %u)", e.index, geteuid());
	return querier_serve(&s, err);
}

void querier_child_end(struct querier_child *c)
{
	if (c->fd >= 0)
		close(steal_fd(c->fd));
	if (c->pid) {
		kill(c->pid, SIGKILL); /* it holds nothing that would be lost */
		while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	*c = (struct querier_child){ .fd = -1 };
}

int querier_child_start(struct querier_child *c, unsigned int index, unsigned int families, struct err *err)
{
	static const char *const argv[] = { "orthrusd", "--querier", NULL };
	const struct errand e = { .index = index, .families = families };
	struct spawn s = { .argv = argv, .program = SPAWN_SELF, .no_capabilities = true };
	autoclose int packet_fd = -1, mine = -1, its = -1;
	int pair[2];

	querier_child_end(c);
	packet_fd = querier_socket(index, err);
	if (packet_fd < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, errno, "make a socket for the querier");
	mine = pair[0];
	its = pair[1];
	s.stdin_fd = its;
	if (send_errand(mine, &e, packet_fd) < 0)
		return err_errno(err, errno, "hand the querier its socket");
	if (spawn_start(&s, &c->pid, err) < 0) {
		c->pid = 0;
		return -1;
	}
	c->fd = steal_fd(mine);
	c->index = index;
	c->families = families;
	return 0;
}

int querier_child_look(struct querier_child *c, struct querier_view *out, struct err *err)
{
	uint8_t packet[QUERIER_WIRE];
	ssize_t n;

	if (!c->pid)
		return err_set(err, ERR_NOT_FOUND, "no querier runs");
	for (;;) {
		n = recv(c->fd, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0 || querier_wire_read(packet, (size_t)n, out, err) < 0) {
			querier_child_end(c);
			return err_set(err, ERR_NOT_FOUND, "the querier has ended");
		}
		memcpy(c->last, packet, sizeof(packet));
	}
	return querier_wire_read(c->last, sizeof(c->last), out, err);
}
