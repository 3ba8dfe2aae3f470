/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/talk.h"

#include "base/mem.h"
#include "headfailover/guard/bare.h"
#include "headfailover/guard/notes.h"
#include "headfailover/guard/realtime.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>

#define TICK_MS 500
#define PROBLEM_NS (60 * NS_PER_S)
#define BARE_NS (60 * NS_PER_S)
#define GATE_UNKNOWN 10 /* ticks */

/* --- what the loop noted */

static void log_event(const struct control_event *e)
{
	if (e->severity <= LOG_ERR)
		log_error("guard", "%s", e->text);
	else if (e->severity == LOG_WARNING)
		log_warn("guard", "%s", e->text);
	else
		log_info("guard", "%s", e->text);
}

/* `silence`: it is over when the other head is heard again. */
static void set_problem(struct talk *t, const char *text, int64_t until_ns, bool silence)
{
	snprintf(t->problem, sizeof(t->problem), "%s", text);
	t->problem_until_ns = until_ns;
	t->problem_silence = silence;
}

static void forget_problem(struct talk *t, const struct loop_now *now)
{
	if (clock_now_ns() >= t->problem_until_ns || (t->problem_silence && talk_other_lives(t, now)))
		t->problem[0] = 0;
}

/* What an administrator has to put right stays in the status until it is: what is noted again as long as it is so, for a while.
 */
static void keep_problem(struct talk *t, const struct loop_note *n, const struct control_event *e)
{
	const bool again = n->kind == LEASE_NOTE_LONGER || n->kind == LOOP_CONFLICT || n->kind == LOOP_GATE_FAIL;

	if (e->severity <= LOG_ERR)
		set_problem(t, e->text, again ? clock_now_ns() + PROBLEM_NS : INT64_MAX,
			    n->kind == LEASE_NOTE_REFUSED || n->kind == LEASE_NOTE_FENCE_FAILED);
	else if (n->kind == LOOP_GAINED || n->kind == LOOP_ADDRESSES_RIGHT)
		t->problem[0] = 0;
}

static void count(struct talk *t, const struct loop_note *n)
{
	t->takeovers += n->kind == LEASE_NOTE_TAKEOVER;
	t->losses += n->kind == LOOP_LOST;
	t->late += n->kind == LEASE_NOTE_LATE;
	if (n->kind == LOOP_RENEWED)
		spread_add(&t->renewals, n->value);
	if (n->kind == LEASE_NOTE_TAKEOVER)
		spread_add(&t->gaps, n->value);
}

void talk_say(struct talk *t, int severity, const char *kind, const char *fmt, ...)
{
	struct control_event e = { .version = CONTROL_VERSION, .wall_s = clock_wall_s(), .severity = (uint32_t)severity };
	va_list args;

	snprintf(e.kind, sizeof(e.kind), "%s", kind);
	va_start(args, fmt);
	vsnprintf(e.text, sizeof(e.text), fmt, args);
	va_end(args);
	log_event(&e);
	if (severity <= LOG_ERR)
		set_problem(t, e.text, INT64_MAX, strncmp(kind, "fence", 5) == 0);
	control_tell(&t->control, &e);
}

static void take_notes(struct talk *t)
{
	struct control_event e;
	struct loop_note n;

	ring_rest(&t->loop->notes);
	while (ring_take(&t->loop->notes, &n)) {
		count(t, &n);
		if (n.kind == LOOP_FENCE)
			talk_fence_begin(t, n.who);
		if (n.kind == LOOP_GAINED)
			t->last_holder = t->config->lease.self;
		if (!talk_fence_note(t, n.kind) || !note_tell(t->config, &n, loop_clock(t->loop), &e))
			continue;
		e.wall_s = clock_wall_s();
		log_event(&e);
		keep_problem(t, &n, &e);
		control_tell(&t->control, &e);
	}
}

/* --- its turns */

static void take_signals(struct talk *t)
{
	struct signalfd_siginfo s;
	struct err err = { 0 };

	while (read(t->signals, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
		if (s.ssi_signo == SIGHUP) {
			if (talk_new_keys(t, &err) < 0)
				log_err("guard", "new keys", &err);
			continue;
		}
		/* Asked twice, it goes at once: its gate shuts by itself, whatever others think. */
		if (t->asked_to_stop++)
			atomic_store(&t->loop->dead, true);
		sd_notify(0, "STOPPING=1");
		loop_order(t->loop, LEASE_ON_STOP, LEASE_NOBODY, true);
	}
}

/* A gate that is not there lets everything through: then this head ends, and starts again with a gate. */
static void look_at_gate(struct talk *t)
{
	struct err err = { 0 };
	struct gate_view v;

	if (!t->loop->gate || t->gate_missing)
		return;
	if (gate_look(t->loop->gate, &v, &err) < 0) {
		if (!t->gate_unknown++)
			log_err("guard", "the gate", &err);
		if (t->gate_unknown < GATE_UNKNOWN)
			return;
		log_error("guard", "whether the gate is there can't be told for long: this guard ends, and is started again");
	} else {
		t->gate_unknown = 0;
		if (!v.n_missing)
			return;
		log_error(
			"guard",
			"the gate is not at %s any more (somebody took it off, or the interface was made anew): this guard ends, "
			"and is started again with a gate",
			v.missing);
	}
	t->gate_missing = true;
	atomic_store(&t->loop->dead, true);
	loop_order(t->loop, LEASE_ON_STOP, LEASE_NOBODY, true);
}

/* Two clocks may differ by M while a lease lasts: each by a half of that. */
static void look_at_clock(struct talk *t)
{
	const struct lease_config *c = &t->config->lease;
	const int64_t allowed = lease_margin_ns(c->lease_ns) * 1000000 / c->lease_ns / 2;
	struct err err = { 0 };
	int64_t ppm = 0;
	bool wrong;

	if (realtime_clock_ppm(&ppm, &err) < 0) {
		if (!t->clock_unknown)
			talk_say(t, LOG_ERR, "clock-rate",
				 "nobody looks after this machine's clock: %s; is it ProtectClock= of the unit?", err.text);
		t->clock_unknown = true;
		return;
	}
	wrong = ppm > allowed || ppm < -allowed;
	if (wrong == t->clock_wrong)
		return;
	t->clock_wrong = wrong;
	if (wrong) {
		talk_say(t, LOG_ERR, "clock-rate",
			 "this machine's clock is made to run %lld ppm %s than by itself, which is more than the %lld ppm that a "
			 "lease of %lld ms "
			 "allows: set `maxslewrate 400` in chrony.conf",
			 (long long)(ppm < 0 ? -ppm : ppm), ppm < 0 ? "slower" : "faster", (long long)allowed,
			 (long long)(c->lease_ns / 1000000));
	} else {
		t->problem[0] = 0;
		talk_say(t, LOG_INFO, "clock-rate", "this machine's clock runs as it should");
	}
	loop_order(t->loop, wrong ? LOOP_UNFIT : LOOP_FIT, LOOP_CLOCK, true);
}

/* An interface without a gate is told once, and again when they are others. */
static void look_for_bare(struct talk *t)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	char all[sizeof(t->bare)] = "";

	if (!t->config->head || clock_now_ns() < t->bare_ns)
		return;
	t->bare_ns = clock_now_ns() + BARE_NS;
	guard_bare_interfaces(t->root, &t->config->gate, &names);
	for (size_t i = 0; i < names.len; i++) {
		const size_t used = strlen(all);

		snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "", names.items[i]);
	}
	if (strcmp(all, t->bare) == 0)
		return;
	memcpy(t->bare, all, sizeof(all));
	if (all[0])
		talk_say(t, LOG_WARNING, "interface-bare",
			 "no gate is at %s: whoever asks for a service address there gets an answer as long as this machine has "
			 "it, "
			 "even when its guard is stopped; name it in pair.interfaces",
			 all);
}

static void tick(struct talk *t)
{
	struct loop_now now;

	loop_see(t->loop, &now);
	/* A loop that has stopped must not look well to systemd. */
	if (now.turns != t->turns)
		sd_notify(0, "WATCHDOG=1");
	t->turns = now.turns;
	if (now.lease.owner != t->holder) {
		t->holder = now.lease.owner;
		t->holder_ns = now.lease.now_ns;
	}
	if (now.lease.owner < LEASE_HEADS)
		t->last_holder = now.lease.owner;
	talk_fence_tick(t, &now);
	forget_problem(t, &now);
	look_at_gate(t);
	look_at_clock(t);
	look_for_bare(t);
}

static void *run(void *ctx)
{
	struct talk *t = ctx;
	int64_t tick_ns = 0;

	t->holder = t->last_holder = LEASE_NOBODY;
	while (!atomic_load(&t->over)) {
		struct pollfd fds[3 + CONTROL_POLLED] = { { .fd = t->signals, .events = POLLIN },
							  { .fd = t->loop->notes.wake, .events = POLLIN },
							  { .fd = t->fence.fd, .events = POLLIN } };

		control_poll(&t->control, fds + 3);
		if (poll(fds, 3 + CONTROL_POLLED, TICK_MS) < 0)
			continue;
		if (fds[0].revents)
			take_signals(t);
		if (fds[1].revents)
			take_notes(t);
		if (fds[2].revents)
			talk_fence_heard(t);
		control_serve(&t->control, fds + 3, talk_answer, t);
		if (clock_now_ns() < tick_ns)
			continue;
		tick_ns = clock_now_ns() + TICK_MS * NS_PER_MS;
		tick(t);
	}
	take_notes(t);
	return NULL;
}

int talk_signals(struct talk *t, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	t->signals = pthread_sigmask(SIG_BLOCK, &set, NULL) ? -1 : signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return t->signals < 0 ? err_errno(err, errno, "signalfd") : 0;
}

int talk_begin(struct talk *t, struct err *err)
{
	const int rc = pthread_create(&t->thread, NULL, run, t);

	if (rc)
		return err_errno(err, rc, "a thread");
	t->runs = true;
	pthread_setname_np(t->thread, "talk");
	return 0;
}

/* The loop has ended: a note of nothing wakes the thread. */
void talk_end(struct talk *t)
{
	const struct loop_note last = { .kind = LOOP_RENEWED, .value = 0 };

	if (!t->runs)
		return;
	atomic_store(&t->over, true);
	ring_put(&t->loop->notes, &last);
	pthread_join(t->thread, NULL);
	t->runs = false;
}
