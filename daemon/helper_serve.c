/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/helper_serve.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/helper_wire.h"
#include "daemon/querier_child.h"
#include "netboot/netboot.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/spawn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONF_MAX ((size_t)64 << 10)
#define END_GRACE_MS 3000

struct helper {
	const struct helper_opts *opts;
	int client, refused;
	pid_t pid; /* of dnsmasq; 0: it does not run */
	int pid_fd;
	struct querier_child querier;
};

/* Who does not take it has gone, or will be told when it asks again. */
static void tell_answer(int fd, const struct helper_answer *a)
{
	if (send(fd, a, sizeof(*a), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_warn("helper", "orthrusd does not take an answer: %s", strerrordesc_np(errno));
}

static void tell(int fd, enum helper_tells tells, int value, const char *text)
{
	struct helper_answer a = { .tells = tells, .value = value };

	if (text)
		snprintf(a.text, sizeof(a.text), "%s", text);
	tell_answer(fd, &a);
}

static int wait_for(struct helper *h)
{
	int status = 0;

	while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
		;
	h->pid = 0;
	if (h->pid_fd >= 0)
		close(steal_fd(h->pid_fd));
	return status;
}

static void stop(struct helper *h)
{
	struct pollfd p = { .fd = h->pid_fd, .events = POLLIN };

	if (!h->pid)
		return;
	kill(h->pid, SIGTERM);
	if (poll(&p, 1, END_GRACE_MS) <= 0)
		kill(h->pid, SIGKILL);
	wait_for(h);
}

/* dnsmasq gets the bytes that were looked at, not the file, which is orthrusd's to change. */
static int checked_conf(const struct helper_opts *o, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autoclose int fd = -1;

	if (fs_read_nofollow(o->conf_path, CONF_MAX, &text, err) < 0 ||
	    netboot_conf_check(buf_str(&text), text.len, o->run_dir, o->tftp_dir, err) < 0)
		return -1;
	fd = memfd_create("dnsmasq.conf", MFD_CLOEXEC);
	if (fd < 0 || fs_write_all(fd, "dnsmasq.conf", text.data, text.len, err) < 0 || lseek(fd, 0, SEEK_SET) != 0)
		return err_errno(err, errno, "hand dnsmasq its configuration");
	return steal_fd(fd);
}

static int start(struct helper *h, struct err *err)
{
	static const char *const argv[] = { "dnsmasq", "--conf-file=-", NULL };
	autoclose int conf = -1;
	struct spawn s = { .argv = argv };
	int rc;

	if (h->pid)
		return err_set(err, ERR_CONFLICT, "dnsmasq runs already (pid %d)", (int)h->pid);
	conf = checked_conf(h->opts, err);
	if (conf < 0)
		return -1;
	s.stdin_fd = conf;
	rc = spawn_start(&s, &h->pid, err);
	if (rc < 0) {
		h->pid = 0;
		return -1;
	}
	h->pid_fd = pidfd_open(h->pid, 0);
	if (h->pid_fd >= 0)
		return 0;
	err_errno(err, errno, "watch dnsmasq");
	kill(h->pid, SIGKILL);
	wait_for(h);
	return -1;
}

/* What it tells is looked at before it is passed on. */
static int look_at_querier(struct helper *h, struct helper_answer *a, struct err *err)
{
	struct querier_view view;

	if (querier_child_look(&h->querier, &view, err) < 0)
		return -1;
	memcpy(a->text, h->querier.last, QUERIER_WIRE);
	return 0;
}

static int act(struct helper *h, const struct helper_request *r, struct helper_answer *a, struct err *err)
{
	switch ((enum helper_ask)r->ask) {
	case HELPER_DNSMASQ_START:
		if (start(h, err) < 0)
			return -1;
		a->value = (int)h->pid;
		return 0;
	case HELPER_DNSMASQ_RELOAD:
		if (!h->pid)
			return err_set(err, ERR_CONFLICT, "dnsmasq does not run");
		return kill(h->pid, SIGHUP) < 0 ? err_errno(err, errno, "tell dnsmasq") : 0;
	case HELPER_DNSMASQ_STOP:
		stop(h);
		return 0;
	case HELPER_QUERIER_IPV4:
	case HELPER_QUERIER_IPV6:
	case HELPER_QUERIER_BOTH:
		return querier_child_start(&h->querier, r->index, helper_querier_families(r->ask), err);
	case HELPER_QUERIER_STOP:
		querier_child_end(&h->querier);
		return 0;
	case HELPER_QUERIER_LOOK:
		return look_at_querier(h, a, err);
	case HELPER_ASKS_END:
		break;
	}
	return err_set(err, ERR_REFUSED, "there is no request %u", r->ask);
}

static void let_go(struct helper *h)
{
	stop(h);
	querier_child_end(&h->querier);
	close(steal_fd(h->client));
}

/* A packet that is longer than a request is told by its real length. Who sends what is none has its connection ended. */
static void answer(struct helper *h)
{
	struct helper_answer a = { .tells = HELPER_DONE };
	struct helper_request r;
	char packet[sizeof(r)];
	struct err err = { 0 };
	ssize_t n = recv(h->client, packet, sizeof(packet), MSG_TRUNC | MSG_DONTWAIT);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		let_go(h);
		return;
	}
	if (helper_request_read(packet, (size_t)n, &r, &err) < 0) {
		log_err("helper", "refused", &err);
		tell(h->client, HELPER_FAILED, (int)err.kind, err.text);
		let_go(h);
		return;
	}
	if (act(h, &r, &a, &err) < 0) {
		/* That a querier has ended is asked again and again. */
		if (r.ask != HELPER_QUERIER_LOOK)
			log_err("helper", "cannot do it", &err);
		tell(h->client, HELPER_FAILED, (int)err.kind, err.text);
		return;
	}
	tell_answer(h->client, &a);
}

/* A socket that is closed with a request in it takes away what was answered: the last one stays until there is another. */
static void refuse(struct helper *h, int fd, enum err_kind kind, const char *why)
{
	tell(fd, HELPER_FAILED, (int)kind, why);
	shutdown(fd, SHUT_WR);
	if (h->refused >= 0)
		close(h->refused);
	h->refused = fd;
}

static void greet(struct helper *h)
{
	autoclose int fd = accept4(h->opts->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct ucred who = { 0 };
	socklen_t len = sizeof(who);

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) < 0 || len != sizeof(who)) {
		log_error("helper", "refused: a connection of nobody knows whom");
	} else if (who.uid != h->opts->client && who.uid != 0) {
		log_error("helper", "refused: uid %u is not orthrusd's", who.uid);
		refuse(h, steal_fd(fd), ERR_REFUSED, "only orthrusd may ask");
	} else if (h->client >= 0) {
		log_warn("helper", "refused: another orthrusd (pid %d)", (int)who.pid);
		refuse(h, steal_fd(fd), ERR_CONFLICT, "another orthrusd is being served");
	} else {
		h->client = steal_fd(fd);
	}
}

static void tell_end(struct helper *h)
{
	tell(h->client, HELPER_ENDED, wait_for(h), NULL);
}

int helper_serve(const struct helper_opts *opts, struct err *err)
{
	struct helper h = {
		.opts = opts, .client = opts->listen_fd < 0 ? opts->fd : -1, .refused = -1, .pid_fd = -1, .querier = { .fd = -1 }
	};

	for (;;) {
		struct pollfd p[] = { { .fd = opts->signal_fd, .events = POLLIN },
				      { .fd = h.client, .events = POLLIN },
				      { .fd = h.pid ? h.pid_fd : -1, .events = POLLIN },
				      { .fd = opts->listen_fd, .events = POLLIN } };

		if (poll(p, ARRAY_LEN(p), -1) < 0) {
			if (errno == EINTR)
				continue;
			err_errno(err, errno, "wait for requests");
			break;
		}
		if (p[0].revents)
			break;
		/* Its end before the next request, which may be the next start. */
		if (p[2].revents)
			tell_end(&h);
		if (p[1].revents)
			answer(&h);
		if (p[3].revents)
			greet(&h);
		if (opts->listen_fd < 0 && h.client < 0)
			break;
	}
	stop(&h);
	querier_child_end(&h.querier);
	if (h.client >= 0)
		close(h.client);
	if (h.refused >= 0)
		close(h.refused);
	return err->kind == ERR_NONE ? 0 : -1;
}
