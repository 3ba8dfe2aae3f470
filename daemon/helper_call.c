/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/helper_call.h"

#include "base/mem.h"
#include "daemon/querier_wire.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MS 15000 /* it waits 3 s for the end of dnsmasq */

void helper_call_close(struct helper_call *h)
{
	if (h->fd >= 0)
		close(steal_fd(h->fd));
	h->ended = false;
}

static int lost(struct helper_call *h, int errnum, struct err *err)
{
	helper_call_close(h);
	if (errnum)
		err_errno(err, errnum, "orthrusd's helper");
	else
		err_set(err, ERR_FAILED, "orthrusd's helper has ended");
	return err_hint(err, h->socket ? "see: systemctl status orthrus-helper" : "start orthrusd again");
}

static int reach(struct helper_call *h, struct err *err)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	autoclose int fd = -1;

	if (h->fd >= 0)
		return 0;
	if (!h->socket)
		return lost(h, 0, err);
	if (strlen(h->socket) >= sizeof(to.sun_path))
		return err_set(err, ERR_INVALID, "the helper's socket has too long a path: %s", h->socket);
	memcpy(to.sun_path, h->socket, strlen(h->socket));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		err_errno(err, errno, "reach orthrusd's helper at %s", h->socket);
		return err_hint(err, "see: systemctl status orthrus-helper.socket orthrus-helper");
	}
	h->fd = steal_fd(fd);
	h->ended = false;
	return 0;
}

/* 1: a packet; 0: nobody is there any more, or it is none (errno). */
static int take(struct helper_call *h, struct helper_answer *a)
{
	struct err ignored = { 0 };
	char packet[sizeof(*a)];
	ssize_t n;

	do
		n = recv(h->fd, packet, sizeof(packet), MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n > 0 && helper_answer_read(packet, (size_t)n, a, &ignored) == 0)
		return 1;
	errno = n < 0 ? errno : n == 0 ? 0 : EBADMSG;
	return 0;
}

static int await(struct helper_call *h, struct helper_answer *a, struct err *err)
{
	for (;;) {
		struct pollfd p = { .fd = h->fd, .events = POLLIN };
		int n = poll(&p, 1, ANSWER_MS);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return lost(h, n == 0 ? ETIMEDOUT : errno, err);
		if (!take(h, a))
			return lost(h, errno, err);
		if (a->tells != HELPER_ENDED)
			return 0;
		h->ended = true;
		h->status = a->value;
	}
}

static int exchange(struct helper_call *h, const struct helper_request *r, struct helper_answer *a, struct err *err)
{
	if (reach(h, err) < 0)
		return -1;
	/* Who was shown the door can still read why. */
	if (send(h->fd, r, sizeof(*r), MSG_NOSIGNAL) != (ssize_t)sizeof(*r) && errno != EPIPE)
		return lost(h, errno, err);
	if (await(h, a, err) < 0)
		return -1;
	/* Of one that is started or stopped now it has told nothing yet. */
	h->ended = h->ended && r->ask != HELPER_DNSMASQ_START && r->ask != HELPER_DNSMASQ_STOP;
	if (a->tells == HELPER_FAILED)
		return err_set(err, a->value > ERR_NONE && a->value <= ERR_DAMAGED ? (enum err_kind)a->value : ERR_FAILED, "%s",
			       a->text);
	return 0;
}

int helper_call(struct helper_call *h, enum helper_ask ask, pid_t *pid, struct err *err)
{
	const struct helper_request r = { .ask = ask };
	struct helper_answer a;

	if (exchange(h, &r, &a, err) < 0)
		return -1;
	if (pid)
		*pid = a.value;
	return 0;
}

int helper_call_querier(struct helper_call *h, unsigned int index, unsigned int families, struct err *err)
{
	static const enum helper_ask asks[] = { HELPER_QUERIER_STOP, HELPER_QUERIER_IPV4, HELPER_QUERIER_IPV6,
						HELPER_QUERIER_BOTH };
	const struct helper_request r = { .ask = asks[families % ARRAY_LEN(asks)], .index = families ? index : 0 };
	struct helper_answer a;

	return exchange(h, &r, &a, err);
}

int helper_look_querier(struct helper_call *h, struct querier_view *out, struct err *err)
{
	const struct helper_request r = { .ask = HELPER_QUERIER_LOOK };
	struct helper_answer a;

	return exchange(h, &r, &a, err) < 0 ? -1 : querier_wire_read(a.text, QUERIER_WIRE, out, err);
}

bool helper_ended(struct helper_call *h, int *status)
{
	struct helper_answer a;

	if (!h->ended && h->fd >= 0 && take(h, &a)) {
		if (a.tells != HELPER_ENDED)
			return false;
		h->ended = true;
		h->status = a.value;
	}
	*status = h->ended ? h->status : HELPER_GONE;
	if (!h->ended)
		helper_call_close(h);
	h->ended = false;
	return true;
}

int helper_share_leases(const char *path, struct err *err)
{
	autoclose int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0660);
	struct group group, *found = NULL;
	char text[4096];

	if (fd < 0)
		return err_errno(err, errno, "open %s", path);
	if (getgrnam_r(HELPER_GROUP, &group, text, sizeof(text), &found) != 0 || !found) {
		err_set(err, ERR_NOT_FOUND, "there is no group %s", HELPER_GROUP);
		return err_hint(err, "run: systemd-sysusers");
	}
	if (fchown(fd, (uid_t)-1, found->gr_gid) < 0 || fchmod(fd, 0660) < 0)
		return err_errno(err, errno, "let dnsmasq write %s", path);
	return 0;
}
