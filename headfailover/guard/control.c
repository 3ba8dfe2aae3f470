/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int address(const char *path, struct sockaddr_un *out, struct err *err)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(out->sun_path))
		return err_set(err, ERR_INVALID, "%s is too long for a socket's name", path);
	memcpy(out->sun_path, path, strlen(path) + 1);
	return 0;
}

int control_open(struct control *c, const char *path, gid_t gid, struct err *err)
{
	struct sockaddr_un to;

	*c = (struct control){ .fd = -1 };
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		c->clients[i] = -1;
	if (address(path, &to, err) < 0)
		return -1;
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return err_errno(err, errno, "socket");
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(err, errno, "%s of an earlier guard", path);
	if (bind(c->fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return err_errno(err, errno, "%s", path);
	if (chown(path, (uid_t)-1, gid) < 0) {
		err_errno(err, errno, "give %s to the group %u", path, (unsigned int)gid);
		return err_hint(err, "the guard has to be in that group: SupplementaryGroups= of its unit");
	}
	if (chmod(path, 0660) < 0 || listen(c->fd, CONTROL_CLIENTS) < 0)
		return err_errno(err, errno, "%s", path);
	return 0;
}

static void hang_up(struct control *c, size_t i)
{
	close(c->clients[i]);
	c->clients[i] = -1;
	c->watches[i] = 0;
}

void control_close(struct control *c)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i] >= 0)
			hang_up(c, i);
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void control_poll(const struct control *c, struct pollfd fds[CONTROL_POLLED])
{
	fds[0] = (struct pollfd){ .fd = c->fd, .events = POLLIN };
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		fds[1 + i] = (struct pollfd){ .fd = c->clients[i], .events = POLLIN };
}

/* A free place; where there is none, that of whoever has been silent for longest of those that don't watch. CONTROL_CLIENTS: all
 * watch. */
static size_t place(struct control *c)
{
	size_t found = CONTROL_CLIENTS;

	for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
		if (c->clients[i] < 0)
			return i;
		if (!c->watches[i] && (found == CONTROL_CLIENTS || c->heard[i] < c->heard[found]))
			found = i;
	}
	if (found < CONTROL_CLIENTS)
		hang_up(c, found);
	return found;
}

static void let_in(struct control *c)
{
	const int fd = accept4(c->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	size_t i;

	if (fd < 0)
		return;
	i = place(c);
	if (i == CONTROL_CLIENTS) {
		close(fd);
		return;
	}
	c->clients[i] = fd;
	c->heard[i] = ++c->turn;
}

static bool is_text(const char *s, size_t size)
{
	return memchr(s, 0, size);
}

/* A packet of another size, version or kind is no request: whoever sent it is hung up on. */
static bool is_request(const struct control_request *q, ssize_t len)
{
	return len == (ssize_t)sizeof(*q) && q->version == CONTROL_VERSION && q->ask >= CONTROL_STATUS &&
	       q->ask < CONTROL_ASK_END && is_text(q->name, sizeof(q->name)) && is_text(q->text, sizeof(q->text));
}

static void serve(struct control *c, size_t i, control_fn answer, void *ctx)
{
	struct control_answer a = { .version = CONTROL_VERSION };
	struct control_request q;
	/* MSG_TRUNC: a longer packet shows its length. */
	const ssize_t len = recv(c->clients[i], &q, sizeof(q), MSG_TRUNC);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!is_request(&q, len)) {
		hang_up(c, i);
		return;
	}
	c->heard[i] = ++c->turn;
	answer(ctx, &q, &a);
	a.version = CONTROL_VERSION;
	c->watches[i] |= q.ask == CONTROL_WATCH && !a.error;
	if (send(c->clients[i], &a, sizeof(a), MSG_NOSIGNAL) != (ssize_t)sizeof(a))
		hang_up(c, i);
}

void control_serve(struct control *c, const struct pollfd fds[CONTROL_POLLED], control_fn answer, void *ctx)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i] >= 0 && fds[1 + i].fd == c->clients[i] && fds[1 + i].revents)
			serve(c, i, answer, ctx);
	if (fds[0].revents)
		let_in(c);
}

void control_tell(struct control *c, const struct control_event *e)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i] >= 0 && c->watches[i] &&
		    send(c->clients[i], e, sizeof(*e), MSG_NOSIGNAL) != (ssize_t)sizeof(*e))
			hang_up(c, i);
}
