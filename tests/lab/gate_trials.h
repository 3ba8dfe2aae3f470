/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate_tool's trials: guards that renew and are stopped, or die, in the namespace "head", and what is still answered then. */
#ifndef ORTHRUS_TESTS_GATE_TRIALS_H
#define ORTHRUS_TESTS_GATE_TRIALS_H

#include "headfailover/guard/gate.h"

#include "base/mem.h"
#include "tests/lab/gate_ask.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define LATE_NS MS		 /* what is allowed after the deadline */
#define CLOCK_STEP_NS (500 * MS) /* many times a lease, and short for everybody else on this machine */

/* Between the asker and the guard. The deadline is written before the gate is told: it never lets packets pass for longer. */
struct shared {
	_Atomic int64_t deadline_ns, slowest_ns;
	atomic_bool paused, ready;
	_Atomic uint64_t renewals, failed;
};

static inline enum gate_kind kind_of(const char *s)
{
	for (enum gate_kind k = GATE_ANY; k <= GATE_NFT; k++)
		if (strcmp(s, gate_kind_name(k)) == 0)
			return k;
	die("no such gate: %s", s);
}

static inline void in_head(void)
{
	autoclose int fd = open("/run/netns/head", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die("the namespace \"head\"");
}

static inline void config_all(struct gate_config *c, enum gate_kind kind)
{
	*c = (struct gate_config){ .interfaces = { "eth0" }, .n_interfaces = 1, .n_addrs = 2, .kind = kind };
	frame_addr6(c->addrs[0].bytes, SERVICE);
	c->addrs[1].bytes[10] = c->addrs[1].bytes[11] = 0xff;
	frame_addr4(c->addrs[1].bytes + 12, SERVICE);
}

static inline struct gate *gate_of(enum gate_kind kind)
{
	struct gate_config c;
	struct err err = { 0 };
	struct gate *g;

	config_all(&c, kind);
	if (gate_open(&c, &g, &err) < 0)
		die("%s; %s", err.text, err.hint);
	return g;
}

static inline void doze(int64_t ns)
{
	const struct timespec t = { .tv_sec = ns / S, .tv_nsec = ns % S };

	nanosleep(&t, NULL);
}

static inline pid_t child(void)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		in_head();
	}
	return pid;
}

/* Renews as a guard does, until it is killed. */
static inline pid_t start_guard(struct shared *s, enum gate_kind kind, int64_t lease_ns, int64_t every_ns, int64_t lie_ns)
{
	struct err err = { 0 };
	struct gate *g;
	pid_t pid;

	s->ready = false;
	pid = child();
	if (pid)
		return pid;
	g = gate_of(kind);
	s->ready = true;
	for (;; doze(s->paused ? 200 * US : every_ns)) {
		int64_t now = boot_ns();

		if (s->paused)
			continue;
		s->deadline_ns = now + lease_ns;
		if (gate_deadline(g, now + lease_ns + lie_ns, &err) < 0)
			s->failed++;
		s->renewals++;
		if (boot_ns() - now > s->slowest_ns)
			s->slowest_ns = boot_ns() - now;
	}
}

/* Sends datagrams back, from the address that they were sent to. */
static inline pid_t start_responder(void)
{
	pid_t pid = child();
	struct sockaddr_in6 at[2] = { { .sin6_family = AF_INET6, .sin6_port = htons(UDP_PORT) },
				      { .sin6_family = AF_INET6, .sin6_port = htons(UDP_PORT) } };
	struct pollfd p[2];

	if (pid)
		return pid;
	frame_addr6(at[0].sin6_addr.s6_addr, SERVICE);
	at[1].sin6_addr.s6_addr[10] = at[1].sin6_addr.s6_addr[11] = 0xff;
	frame_addr4(at[1].sin6_addr.s6_addr + 12, SERVICE);
	for (int i = 0; i < 2; i++) {
		int on = 1;

		p[i] = (struct pollfd){ .fd = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0), .events = POLLIN };
		if (setsockopt(p[i].fd, SOL_IPV6, IPV6_FREEBIND, &on, sizeof(on)) < 0 ||
		    bind(p[i].fd, (struct sockaddr *)&at[i], sizeof(at[i])) < 0)
			die("the UDP responder");
	}
	for (;;) {
		struct sockaddr_in6 from;
		socklen_t len;
		uint8_t bytes[64];
		ssize_t n;

		poll(p, 2, -1);
		for (int i = 0; i < 2; i++) {
			while (len = sizeof(from),
			       (n = recvfrom(p[i].fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len)) >= 0)
				if (sendto(p[i].fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, len) < 0)
					continue; /* dropped by the gate: EPERM or nothing */
		}
	}
}

static inline void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static inline struct shared *share(void)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED)
		die("mmap");
	return s;
}

static inline void head_mac(uint8_t mac[6])
{
	uint8_t *there = mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = there == MAP_FAILED ? -1 : child();

	if (!pid) {
		close(frame_socket("eth0", there));
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		die("the head's MAC address");
	memcpy(mac, there, 6);
	munmap(there, 6);
}

static inline void wait_ready(struct shared *s, struct asker *a, pid_t pid)
{
	int64_t end = boot_ns() + 10 * S;

	while (!s->ready) {
		asker_round(a); /* nothing may be answered while a guard starts */
		if (boot_ns() > end || waitpid(pid, NULL, WNOHANG) == pid)
			die("the guard did not start");
	}
}

static _Noreturn inline void not_all(const struct asker *a, int64_t since_ns)
{
	for (enum question q = 0; q < QUESTIONS; q++)
		if (a->last_ns[q] < since_ns)
			die("no answer to %s for 2 s: the gate does not open", questions[q]);
	die("the gate does not open");
}

enum fault { STOPPED, KILLED, CLOCK, FAULTS };
struct figures {
	uint64_t trials[FAULTS], late, by_kind[QUESTIONS];
	int64_t worst_ns, early_ns; /* after the deadline; what it was before it, on average */
};

static inline void judge(struct figures *f, const struct asker *a, int64_t deadline_ns, enum fault fault, uint64_t n)
{
	enum question last = asker_last(a);
	int64_t after = a->last_ns[last] - deadline_ns;

	f->trials[fault]++;
	f->early_ns -= after;
	if (after > f->worst_ns)
		f->worst_ns = after;
	for (enum question q = 0; q < QUESTIONS; q++)
		f->by_kind[q] += a->last_ns[q] > deadline_ns + LATE_NS;
	if (after <= LATE_NS)
		return;
	f->late++;
	fprintf(stderr, "gate_tool: trial %ju (%s): %s was answered %.3f ms after the deadline\n", (uintmax_t)n,
		(const char *[]){ "stopped", "killed", "clock moved" }[fault], questions[last], (double)after / 1e6);
}

struct setting {
	enum gate_kind kind;
	int64_t lease_ns, every_ns, lie_ns;
};

/* One trial; the guard's process may be another afterwards. */
static inline void trial(struct asker *a, struct shared *s, pid_t *guard, const struct setting *set, uint64_t n,
			 struct figures *f)
{
	/* The clock is moved seldom: other programs on this machine live by it. */
	enum fault fault = n % 20 == 7 ? CLOCK : n % 10 == 0 ? KILLED : STOPPED;
	int64_t began = boot_ns(), by = n % 40 < 20 ? CLOCK_STEP_NS : -CLOCK_STEP_NS;

	s->paused = false;
	while (!asker_heard_all(a, began)) {
		asker_round(a);
		if (boot_ns() > began + 2 * S)
			not_all(a, began);
	}
	asker_until(a, boot_ns() + (int64_t)(n * 7919 % 1000) * set->every_ns / 500); /* anywhere between two renewals */
	if (fault == STOPPED) {
		kill(*guard, SIGSTOP);
	} else if (fault == KILLED) {
		kill(*guard, SIGKILL);
	} else {
		s->paused = true;
		if (!asker_move_clock(a, by)) { /* it may not: then it is as if it was stopped, and counted so */
			fault = STOPPED;
			kill(*guard, SIGSTOP);
		}
	}
	asker_until(a, boot_ns() + set->lease_ns + 4 * MS);
	s->paused = true;
	if (fault == STOPPED) { /* what it was about to do when it was stopped, it does now */
		kill(*guard, SIGCONT);
		asker_until(a, boot_ns() + 2 * MS);
	} else if (fault == KILLED) {
		waitpid(*guard, NULL, 0);
		*guard = start_guard(s, set->kind, set->lease_ns, set->every_ns, set->lie_ns);
		wait_ready(s, a, *guard);
	} else {
		asker_move_clock(a, -by);
		a->moved_ns = 0;
	}
	judge(f, a, s->deadline_ns, fault, n);
}

static inline int cmd_trials(const struct setting *set, uint64_t n)
{
	struct figures f = { .worst_ns = INT64_MIN };
	struct shared *s = share();
	struct asker a;
	uint8_t mac[6];
	pid_t guard, responder;

	s->paused = true;
	head_mac(mac);
	responder = start_responder();
	asker_open(&a, mac);
	guard = start_guard(s, set->kind, set->lease_ns, set->every_ns, set->lie_ns);
	wait_ready(s, &a, guard);
	for (uint64_t i = 0; i < n; i++)
		trial(&a, s, &guard, set, i, &f);
	end_child(guard);
	end_child(responder);
	printf("RESULT gate kind=%s trials=%ju stopped=%ju killed=%ju clock=%ju late=%ju worst_us=%.0f early_avg_us=%.0f "
	       "renewals=%ju failed=%ju "
	       "slowest_us=%.0f answers=",
	       gate_kind_name(set->kind), (uintmax_t)n, (uintmax_t)f.trials[STOPPED], (uintmax_t)f.trials[KILLED],
	       (uintmax_t)f.trials[CLOCK], (uintmax_t)f.late, (double)f.worst_ns / 1e3, (double)f.early_ns / 1e3 / (double)n,
	       (uintmax_t)s->renewals, (uintmax_t)s->failed, (double)s->slowest_ns / 1e3);
	for (enum question q = 0; q < QUESTIONS; q++)
		printf("%s%s:%ju", q ? "," : "", questions[q], (uintmax_t)a.answers[q]);
	printf("\n");
	return f.late ? 1 : 0;
}

/* Guards die with a gate that is open for long; who comes next, of whatever kind, shuts it by being there, and nothing passes
 * from then on. */
static inline int cmd_takeover(uint64_t n)
{
	static const enum gate_kind kinds[] = { GATE_BPF, GATE_BPF, GATE_NFT, GATE_NFT };
	struct shared *s = share();
	struct asker a;
	uint64_t late = 0;
	uint8_t mac[6];
	pid_t guard, responder;

	head_mac(mac);
	responder = start_responder();
	asker_open(&a, mac);
	for (uint64_t i = 0; i < n; i++) {
		int64_t began, shut;

		s->paused = true;
		guard = start_guard(s, kinds[i % ARRAY_LEN(kinds)], 500 * MS, 5 * MS, 0);
		wait_ready(s, &a, guard);
		shut = boot_ns();
		asker_until(&a, shut + 5 * MS);
		began = boot_ns();
		if (a.last_ns[asker_last(&a)] > shut + LATE_NS) {
			fprintf(stderr, "gate_tool: takeover %ju: %s was answered %.3f ms after the new gate was there\n",
				(uintmax_t)i, questions[asker_last(&a)], (double)(a.last_ns[asker_last(&a)] - shut) / 1e6);
			late++;
		}
		s->paused = false;
		while (!asker_heard_all(&a, began)) {
			asker_round(&a);
			if (boot_ns() > began + 2 * S)
				not_all(&a, began);
		}
		end_child(guard); /* open for up to 500 ms more */
	}
	end_child(responder);
	printf("RESULT gate_takeover takeovers=%ju late=%ju\n", (uintmax_t)n, (uintmax_t)late);
	return late ? 1 : 0;
}

#endif
