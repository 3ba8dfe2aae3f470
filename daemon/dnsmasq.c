/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/dnsmasq.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "daemon/helper_call.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/spawn.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#define BACKOFF_MIN_NS NS_PER_S
#define BACKOFF_MAX_NS (60 * NS_PER_S)
#define STEADY_NS (60 * NS_PER_S) /* ran so long: the next death starts again with the short pause */
#define END_GRACE_MS 3000

struct dnsmasq {
	struct dnsmasq_opts opts;
	pthread_t thread;
	int wake_fd;
	pthread_mutex_t lock;
	/* under the lock */
	bool wanted, reload, restart, stop;
	pid_t pid; /* 0: does not run */
	uint64_t starts;
	char *last_end;
	/* the supervisor's own */
	int pid_fd;
	int64_t started_ns, next_start_ns, backoff_ns;
};

static void wake(struct dnsmasq *d)
{
	uint64_t one = 1;

	if (write(d->wake_fd, &one, sizeof(one)) < 0)
		log_error("dnsmasq", "cannot wake the supervisor");
}

static void set_pid(struct dnsmasq *d, pid_t pid)
{
	pthread_mutex_lock(&d->lock);
	d->pid = pid;
	if (pid)
		d->starts++;
	pthread_mutex_unlock(&d->lock);
}

static void note_end(struct dnsmasq *d, bool bad, const char *text)
{
	pthread_mutex_lock(&d->lock);
	free(d->last_end);
	d->last_end = mem_strdup(text);
	pthread_mutex_unlock(&d->lock);
	d->opts.tell(d->opts.ctx, bad, text);
}

/* Without its pid_fd its end would never be noticed: then it is ended here and counts as not started. Where files or memory are
 * short, the next try may do better. */
static int spawn_watched(const struct spawn *s, pid_t *pid, int *pid_fd, struct err *err)
{
	if (spawn_start(s, pid, err) < 0)
		return -1;
	*pid_fd = pidfd_open(*pid, 0);
	if (*pid_fd >= 0)
		return 0;
	err_errno(err, errno, "watch its process %d", (int)*pid);
	kill(*pid, SIGKILL); /* not reaped yet: the number is still its own */
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	return -1;
}

static void start(struct dnsmasq *d)
{
	autofree char *conf = str_format("--conf-file=%s", d->opts.conf_path);
	const char *const argv[] = { d->opts.program ? d->opts.program : "dnsmasq", conf, NULL };
	struct spawn s = { .argv = argv };
	struct err err = { 0 };
	pid_t pid;

	d->started_ns = clock_now_ns();
	d->next_start_ns = d->started_ns + d->backoff_ns;
	if ((d->opts.before_start && d->opts.before_start(d->opts.ctx, &err) < 0) ||
	    (d->opts.helper ? helper_call(d->opts.helper, HELPER_DNSMASQ_START, &pid, &err)
			    : spawn_watched(&s, &pid, &d->pid_fd, &err)) < 0) {
		autofree char *text =
			str_format("dnsmasq cannot be started: %s%s%s", err.text, err.hint[0] ? "; " : "", err.hint);

		d->backoff_ns = d->backoff_ns * 2 < BACKOFF_MAX_NS ? d->backoff_ns * 2 : BACKOFF_MAX_NS;
		note_end(d, true, text);
		return;
	}
	set_pid(d, pid);
	log_info("dnsmasq", "started (pid %d)", (int)pid);
}

static char *end_text(int status, int64_t pause_ns)
{
	long long s = (long long)(pause_ns / NS_PER_S);

	if (status == HELPER_GONE)
		return str_format("dnsmasq ended with orthrusd's helper; it is started again in %lld s", s);
	if (WIFSIGNALED(status))
		return str_format("dnsmasq was ended by signal %d; it is started again in %lld s", WTERMSIG(status), s);
	return str_format("dnsmasq ended (exit %d); it is started again in %lld s", WEXITSTATUS(status), s);
}

/* It ended by itself, or was asked to. `status`: as the helper told it. */
static void reap(struct dnsmasq *d, bool expected, int status)
{
	autofree char *text = NULL;

	while (!d->opts.helper && waitpid(d->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (d->pid_fd >= 0)
		close(steal_fd(d->pid_fd));
	set_pid(d, 0);
	if (expected)
		return;
	if (clock_now_ns() - d->started_ns > STEADY_NS)
		d->backoff_ns = BACKOFF_MIN_NS;
	d->next_start_ns = clock_now_ns() + d->backoff_ns;
	text = end_text(status, d->backoff_ns);
	d->backoff_ns = d->backoff_ns * 2 < BACKOFF_MAX_NS ? d->backoff_ns * 2 : BACKOFF_MAX_NS;
	note_end(d, true, text);
}

static void end_child(struct dnsmasq *d)
{
	struct pollfd p = { .fd = d->pid_fd, .events = POLLIN };
	struct err err = { 0 };

	if (!d->pid)
		return;
	if (d->opts.helper) {
		/* A helper that is gone has ended it. */
		if (helper_call(d->opts.helper, HELPER_DNSMASQ_STOP, NULL, &err) < 0)
			log_err("dnsmasq", "end it", &err);
	} else {
		kill(d->pid, SIGTERM);
		if (poll(&p, 1, END_GRACE_MS) <= 0)
			kill(d->pid, SIGKILL);
	}
	reap(d, true, 0);
}

static void tell_reload(struct dnsmasq *d)
{
	struct err err = { 0 };

	if (!d->opts.helper)
		kill(d->pid, SIGHUP);
	else if (helper_call(d->opts.helper, HELPER_DNSMASQ_RELOAD, NULL, &err) < 0)
		log_err("dnsmasq", "let it read its hosts again", &err);
}

/* What becomes readable when it ends. */
static int end_fd(const struct dnsmasq *d)
{
	if (!d->pid)
		return -1;
	return d->opts.helper ? d->opts.helper->fd : d->pid_fd;
}

static void look_for_end(struct dnsmasq *d, bool readable)
{
	int status = 0;

	if (!d->pid)
		return;
	if (d->opts.helper && !readable && d->opts.helper->fd >= 0 && !d->opts.helper->ended)
		return;
	if (d->opts.helper ? helper_ended(d->opts.helper, &status) : readable)
		reap(d, false, status);
}

/* How long nothing has to be done; -1: until woken. */
static int pause_ms(const struct dnsmasq *d, bool wanted, int64_t turn_ns)
{
	int64_t now = clock_now_ns(), at = turn_ns;

	if (!d->pid && wanted && d->next_start_ns < at)
		at = d->next_start_ns;
	if (at == INT64_MAX)
		return -1;
	return at <= now ? 0 : (int)((at - now + NS_PER_MS - 1) / NS_PER_MS);
}

/* In the meantime the helper may have told of dnsmasq's end, or be gone. */
static int64_t take_turn(struct dnsmasq *d)
{
	int64_t next;

	if (!d->opts.turn)
		return INT64_MAX;
	next = d->opts.turn(d->opts.ctx, clock_now_ns());
	if (d->opts.helper)
		look_for_end(d, false);
	return next;
}

static void *supervise(void *arg)
{
	struct dnsmasq *d = arg;
	int64_t turn_ns = INT64_MAX;
	bool wanted = false;

	for (;;) {
		struct pollfd p[2] = { { .fd = d->wake_fd, .events = POLLIN }, { .fd = end_fd(d), .events = POLLIN } };
		bool reload, restart, stop;
		uint64_t n;

		if (poll(p, 2, pause_ms(d, wanted, turn_ns)) < 0 && errno != EINTR)
			log_error("dnsmasq", "poll: errno %d", errno);
		if ((p[0].revents & POLLIN) && read(d->wake_fd, &n, sizeof(n)) < 0)
			log_error("dnsmasq", "cannot read the wake-up");
		look_for_end(d, p[1].revents);
		pthread_mutex_lock(&d->lock);
		wanted = d->wanted;
		reload = d->reload;
		restart = d->restart;
		stop = d->stop;
		d->reload = d->restart = false;
		pthread_mutex_unlock(&d->lock);
		if (stop)
			break;
		if (restart) {
			end_child(d);
			d->next_start_ns = 0;
			d->backoff_ns = BACKOFF_MIN_NS;
		} else if (reload && d->pid) {
			tell_reload(d);
			look_for_end(d, false);
		}
		if (wanted && !d->pid && clock_now_ns() >= d->next_start_ns)
			start(d);
		turn_ns = take_turn(d);
	}
	end_child(d);
	return NULL;
}

/* dnsmasq changes its user, and with that forgets to die with us: after a SIGKILL of this daemon the old one still holds the
 * port. */
static void end_old(const struct dnsmasq_opts *opts)
{
	autoclean(buf_free) struct buf pid_text = { 0 };
	autoclean(buf_free) struct buf cmdline = { 0 };
	autofree char *path = NULL;
	autofree char *want = str_format("--conf-file=%s", opts->conf_path);
	struct err ignored = { 0 };
	uint64_t pid;
	autoclose int fd = -1;
	bool ours = false;

	if (fs_read(opts->pid_path, 32, &pid_text, &ignored) < 0)
		return;
	if (pid_text.len && pid_text.data[pid_text.len - 1] == '\n')
		pid_text.data[--pid_text.len] = '\0';
	if (str_to_u64(buf_str(&pid_text), 2, INT32_MAX, &pid, &ignored) < 0)
		return;
	/* First the handle, then the look: the number can't be given to another process in between. */
	fd = pidfd_open((pid_t)pid, 0);
	path = str_format("/proc/%d/cmdline", (int)pid);
	if (fd < 0 || fs_read(path, 65536, &cmdline, &ignored) < 0)
		return;
	for (size_t i = 0; i < cmdline.len; i += strlen(cmdline.data + i) + 1)
		ours = ours || str_eq(cmdline.data + i, want);
	if (!ours)
		return;
	log_warn("dnsmasq", "ending an old one (pid %d) that a killed daemon left behind", (int)pid);
	if (pidfd_send_signal(fd, SIGTERM, NULL, 0) == 0) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, END_GRACE_MS) <= 0)
			pidfd_send_signal(fd, SIGKILL, NULL, 0);
	}
}

int dnsmasq_new(const struct dnsmasq_opts *opts, struct dnsmasq **out, struct err *err)
{
	struct dnsmasq *d = mem_zalloc(sizeof(*d));
	int rc;

	if (!opts->helper)
		end_old(opts);
	d->opts = *opts;
	d->pid_fd = -1;
	d->backoff_ns = BACKOFF_MIN_NS;
	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&d->lock, NULL);
	rc = d->wake_fd < 0 ? errno : pthread_create(&d->thread, NULL, supervise, d);
	if (rc) {
		if (d->wake_fd >= 0)
			close(d->wake_fd);
		pthread_mutex_destroy(&d->lock);
		free(d);
		return err_errno(err, rc, "start the supervisor of dnsmasq");
	}
	*out = d;
	return 0;
}

static void ask(struct dnsmasq *d, bool *flag)
{
	pthread_mutex_lock(&d->lock);
	*flag = true;
	pthread_mutex_unlock(&d->lock);
	wake(d);
}

void dnsmasq_run(struct dnsmasq *d)
{
	ask(d, &d->wanted);
}

void dnsmasq_reload(struct dnsmasq *d)
{
	ask(d, &d->reload);
}

void dnsmasq_restart(struct dnsmasq *d)
{
	ask(d, &d->restart);
}

void dnsmasq_turn(struct dnsmasq *d)
{
	wake(d);
}

void dnsmasq_status(struct dnsmasq *d, struct json_out *w)
{
	pthread_mutex_lock(&d->lock);
	json_put_str(w, "dnsmasq", d->pid ? "running" : d->wanted ? "failed" : "off");
	json_put_i64(w, "dnsmasq_pid", d->pid);
	json_put_u64(w, "dnsmasq_starts", d->starts);
	json_put_str(w, "dnsmasq_last_end", d->last_end);
	pthread_mutex_unlock(&d->lock);
}

void dnsmasq_stop(struct dnsmasq *d)
{
	if (!d)
		return;
	ask(d, &d->stop);
	pthread_join(d->thread, NULL);
	close(d->wake_fd);
	pthread_mutex_destroy(&d->lock);
	free(d->last_end);
	free(d);
}
