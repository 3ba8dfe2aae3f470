/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/guard_watch.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/change.h"
#include "daemon/daemon.h"
#include "headfailover/guard/control.h"
#include "headfailover/guard/control_json.h"
#include "sys/log.h"
#include "sys/threads.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <syslog.h>
#include <unistd.h>

#define LOOK_MS 2000

struct guard_watch {
	struct daemon *d;
	char *path;
	int stop; /* eventfd(2) */
	pthread_t thread;
};

static void note(struct guard_watch *w, const struct control_event *e)
{
	const enum event_level level = e->severity <= LOG_ERR	    ? EVENT_ERROR
				       : e->severity == LOG_WARNING ? EVENT_WARNING
								    : EVENT_INFO;

	event_note(w->d, level, e->kind, NULL, "the guard: %s", e->text);
}

/* Until it ends, or we do: true then. */
static bool hear(struct guard_watch *w, int fd)
{
	struct pollfd fds[] = { { .fd = w->stop, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	struct control_event e;
	struct err err = { 0 };

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return true;
		if (fds[0].revents)
			return true;
		if (!fds[1].revents)
			continue;
		switch (control_next(fd, &e, &err)) {
		case 1:
			note(w, &e);
			break;
		case 0:
			event_note(w->d, EVENT_WARNING, "guard-ended", NULL,
				   "the guard of this head ended: it does not answer for the service addresses until it is "
				   "started again");
			return false;
		default:
			log_err("guard", "its events", &err);
			return false;
		}
	}
}

static void *run(void *arg)
{
	struct guard_watch *w = arg;
	struct pollfd stop = { .fd = w->stop, .events = POLLIN };

	do {
		autoclose int fd = -1;
		struct err none = { 0 }; /* the usual case: a cluster with one head */

		if (control_watch(w->path, &fd, &none) == 0 && hear(w, fd))
			break;
	} while (poll(&stop, 1, LOOK_MS) <= 0);
	return NULL;
}

static char *path_of(const struct daemon *d)
{
	return str_format("%s%s", d->paths.root, GUARD_SOCKET);
}

int guard_watch_start(struct daemon *d, struct guard_watch **out, struct err *err)
{
	struct guard_watch *w = mem_zalloc(sizeof(*w));

	*w = (struct guard_watch){ .d = d, .path = path_of(d), .stop = eventfd(0, EFD_CLOEXEC) };
	if (w->stop < 0)
		err_errno(err, errno, "eventfd");
	else if (thread_start(&w->thread, run, w, err) == 0) {
		*out = w;
		return 0;
	}
	mem_autoclose_(&w->stop);
	free(w->path);
	free(w);
	return -1;
}

void guard_watch_stop(struct guard_watch *w)
{
	const uint64_t one = 1;

	if (!w)
		return;
	while (write(w->stop, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(w->thread, NULL);
	close(w->stop);
	free(w->path);
	free(w);
}

void guard_watch_status(struct daemon *d, struct json_out *w)
{
	const struct control_request q = { .ask = CONTROL_STATUS };
	autofree char *path = path_of(d);
	struct control_answer a;
	struct err none = { 0 };

	if (control_call(path, &q, &a, &none) < 0)
		return;
	json_put_obj(w, "guard");
	control_put_json(&a.status, w);
	json_end_obj(w);
}
