/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of headfailover/guard/control.h: the side that asks. */
#include "base/mem.h"
#include "headfailover/guard/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#define PATIENCE_S 2

static int reach(const char *path, int *fd, struct err *err)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	autoclose int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (s < 0)
		return err_errno(err, errno, "socket");
	if (strlen(path) >= sizeof(to.sun_path))
		return err_set(err, ERR_INVALID, "%s is too long for a socket's name", path);
	memcpy(to.sun_path, path, strlen(path) + 1);
	if (setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return err_errno(err, errno, "%s", path);
	if (connect(s, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		if (errno != ENOENT && errno != ECONNREFUSED)
			return err_errno(err, errno, "%s", path);
		err_set(err, ERR_NOT_FOUND, "no guard runs on this machine: nobody answers at %s", path);
		return err_hint(err, "`systemctl status orthrus-guard` says why");
	}
	*fd = steal_fd(s);
	return 0;
}

/* Texts end where they must, whatever was sent. */
static int end_status(struct control_status *s)
{
	s->cluster[CONTROL_NAME - 1] = s->self[CONTROL_NAME - 1] = s->holder[CONTROL_NAME - 1] = 0;
	s->role[sizeof(s->role) - 1] = s->gate[sizeof(s->gate) - 1] = s->problem[CONTROL_TEXT - 1] = 0;
	if (s->n_peers > LEASE_VOTERS)
		return -1;
	for (size_t i = 0; i < s->n_peers; i++)
		s->peers[i].name[CONTROL_NAME - 1] = 0;
	return 0;
}

static int ask(int fd, const struct control_request *q, struct control_answer *a, struct err *err)
{
	struct control_request whole = *q;
	ssize_t n;

	whole.version = CONTROL_VERSION;
	n = send(fd, &whole, sizeof(whole), MSG_NOSIGNAL);
	if (n == (ssize_t)sizeof(whole))
		n = recv(fd, a, sizeof(*a), MSG_TRUNC);
	if (n < 0 && errno == EAGAIN) {
		err_set(err, ERR_FAILED, "the guard does not answer within %d s", PATIENCE_S);
		return err_hint(err, "is it stopped? `systemctl status orthrus-guard`; its gate shuts by itself");
	}
	if (n < 0 && errno != ECONNRESET && errno != EPIPE)
		return err_errno(err, errno, "the guard");
	if (n != (ssize_t)sizeof(*a) || a->version != CONTROL_VERSION) {
		err_set(err, ERR_FAILED, "the guard does not understand what is asked, or is asked by too many at once");
		return err_hint(err, "is it of another version? `systemctl restart orthrus-guard` after an upgrade");
	}
	a->text[CONTROL_TEXT - 1] = a->hint[CONTROL_TEXT - 1] = 0;
	if (end_status(&a->status) < 0)
		return err_set(err, ERR_DAMAGED, "the guard's status has %u voters", a->status.n_peers);
	if (a->error == ERR_NONE)
		return 0;
	err_set(err, (enum err_kind)a->error, "%s", a->text);
	return a->hint[0] ? err_hint(err, "%s", a->hint) : -1;
}

int control_call(const char *path, const struct control_request *q, struct control_answer *a, struct err *err)
{
	autoclose int fd = -1;

	return reach(path, &fd, err) < 0 ? -1 : ask(fd, q, a, err);
}

int control_watch(const char *path, int *fd, struct err *err)
{
	const struct control_request q = { .ask = CONTROL_WATCH };
	const struct timeval forever = { 0 };
	struct control_answer a;
	autoclose int s = -1;

	if (reach(path, &s, err) < 0 || ask(s, &q, &a, err) < 0)
		return -1;
	if (setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof(forever)) < 0)
		return err_errno(err, errno, "%s", path);
	*fd = steal_fd(s);
	return 0;
}

int control_next(int fd, struct control_event *e, struct err *err)
{
	ssize_t n;

	do
		n = recv(fd, e, sizeof(*e), MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return 0;
	if (n < 0)
		return err_errno(err, errno, "the guard's events");
	if (n != (ssize_t)sizeof(*e) || e->version != CONTROL_VERSION)
		return err_set(err, ERR_DAMAGED, "the guard's event is of another version than this program");
	e->kind[sizeof(e->kind) - 1] = e->text[CONTROL_TEXT - 1] = 0;
	return 1;
}
