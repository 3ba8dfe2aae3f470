/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/signals.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_open(struct signals *s, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, &s->before);
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd >= 0)
		return 0;
	sigprocmask(SIG_SETMASK, &s->before, NULL);
	return err_errno(err, errno, "watch for signals");
}

enum signals_news signals_read(const struct signals *s)
{
	enum signals_news news = SIGNALS_NONE;
	struct signalfd_siginfo one;

	while (read(s->fd, &one, sizeof(one)) == (ssize_t)sizeof(one)) {
		if (one.ssi_signo == SIGINT)
			news = SIGNALS_INTERRUPT;
		else if (one.ssi_signo != SIGWINCH)
			return SIGNALS_END;
		else if (news == SIGNALS_NONE)
			news = SIGNALS_RESIZED;
	}
	return news;
}

bool signals_ending(void)
{
	sigset_t waiting;

	return sigpending(&waiting) == 0 && (sigismember(&waiting, SIGHUP) == 1 || sigismember(&waiting, SIGTERM) == 1);
}

bool signals_end(void)
{
	static const struct timespec now;
	sigset_t set;
	bool any = false;

	if (!signals_ending())
		return false;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	while (sigtimedwait(&set, NULL, &now) > 0)
		any = true;
	return any;
}

void signals_close(struct signals *s)
{
	if (s->fd < 0)
		return;
	close(s->fd);
	s->fd = -1;
	sigprocmask(SIG_SETMASK, &s->before, NULL);
}
