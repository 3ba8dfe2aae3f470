/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate_tool: the gate (headfailover/guard/gate.h) held up to what shall not pass it; tests/netns/gate.sh makes the networks. In
 * the namespace "head", eth0 is a head's interface, out0 here is who asks. trials KIND N LEASE_MS EVERY_MS   a guard that renews
 * is stopped, killed, or its wall clock is moved: N times takeover N                        guards of either kind are killed with
 * an open gate, and others take over frames KIND                       each sort of frame, both ways, shut and open cost
 * nanoseconds a packet takes in the BPF program hold KIND INTERFACE ADDRESS...    a gate; commands on standard input: until MS |
 * shut | look; at its end it is closed remove                            for good */
#include "headfailover/guard/gate.h"

#include "base/mem.h"
#include "base/str.h"
#include "tests/lab/gate_ask.h"
#include "tests/lab/gate_sorts.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define LATE_NS MS		 /* what is allowed after the deadline */
#define CLOCK_STEP_NS (500 * MS) /* many times a lease, and short for everybody else on this machine */

/* Between the asker and the guard. The deadline is written before the gate is told: it never lets packets pass for longer. */
struct shared {
	_Atomic int64_t deadline_ns, slowest_ns;
	atomic_bool paused, ready;
	_Atomic uint64_t renewals, failed;
};

static uint64_t number(const char *s)
{
	struct err err = { 0 };
	uint64_t n;

	if (str_to_u64(s, 0, 1000000, &n, &err) < 0)
		die("%s", err.text);
	return n;
}

static enum gate_kind kind_of(const char *s)
{
	for (enum gate_kind k = GATE_ANY; k <= GATE_NFT; k++)
		if (strcmp(s, gate_kind_name(k)) == 0)
			return k;
	die("no such gate: %s", s);
}

static void in_head(void)
{
	autoclose int fd = open("/run/netns/head", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		die("the namespace \"head\"");
}

static void config_all(struct gate_config *c, enum gate_kind kind)
{
	*c = (struct gate_config){ .interfaces = { "eth0" }, .n_interfaces = 1, .n_addrs = 2, .kind = kind };
	frame_addr6(c->addrs[0].bytes, SERVICE);
	c->addrs[1].bytes[10] = c->addrs[1].bytes[11] = 0xff;
	frame_addr4(c->addrs[1].bytes + 12, SERVICE);
}

static struct gate *gate_of(enum gate_kind kind)
{
	struct gate_config c;
	struct err err = { 0 };
	struct gate *g;

	config_all(&c, kind);
	if (gate_open(&c, &g, &err) < 0)
		die("%s; %s", err.text, err.hint);
	return g;
}

static void doze(int64_t ns)
{
	const struct timespec t = { .tv_sec = ns / S, .tv_nsec = ns % S };

	nanosleep(&t, NULL);
}

static pid_t child(void)
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
static pid_t start_guard(struct shared *s, enum gate_kind kind, int64_t lease_ns, int64_t every_ns, int64_t lie_ns)
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
static pid_t start_responder(void)
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

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static struct shared *share(void)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (s == MAP_FAILED)
		die("mmap");
	return s;
}

static void head_mac(uint8_t mac[6])
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

static void wait_ready(struct shared *s, struct asker *a, pid_t pid)
{
	int64_t end = boot_ns() + 10 * S;

	while (!s->ready) {
		asker_round(a); /* nothing may be answered while a guard starts */
		if (boot_ns() > end || waitpid(pid, NULL, WNOHANG) == pid)
			die("the guard did not start");
	}
}

static _Noreturn void not_all(const struct asker *a, int64_t since_ns)
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

static void judge(struct figures *f, const struct asker *a, int64_t deadline_ns, enum fault fault, uint64_t n)
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
static void trial(struct asker *a, struct shared *s, pid_t *guard, const struct setting *set, uint64_t n, struct figures *f)
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

static int cmd_trials(const struct setting *set, uint64_t n)
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
static int cmd_takeover(uint64_t n)
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

struct sorter {
	struct gate *gate;
	int outside, inside;
	uint8_t from[6];
	uint64_t counted, arrived; /* as they should be */
	uint64_t came;		   /* to out0, from us */
	unsigned int wrong;
	bool nft;	       /* it does not look through other headers behind a tag in the frame: they are as of the service */
	struct frame sentinel; /* of the service, either way */
};

static uint64_t count_of(struct sorter *s)
{
	struct gate_view v;
	struct err err = { 0 };

	if (gate_look(s->gate, &v, &err) < 0 || v.n_missing)
		die("look: %s, %zu missing", err.text, v.n_missing);
	return v.passed + v.dropped;
}

static void count_arrived(struct sorter *s)
{
	uint8_t bytes[512];
	struct sockaddr_ll from;
	socklen_t len = sizeof(from);

	while (recvfrom(s->outside, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len) > 0)
		s->came += from.sll_pkttype != PACKET_OUTGOING && memcmp(bytes + 6, s->from, 6) == 0;
}

/* Frames keep their order: when the sentinel behind it was counted, so was this one, or never will. */
static void try_sort(struct sorter *s, const struct sort *x, bool leaving, bool open)
{
	int fd = leaving ? s->inside : s->outside;
	/* Of what comes in, the kernel takes the first tag out of the frame. */
	bool unsure = s->nft && x->headers && x->tags > !leaving;
	bool service = unsure || (leaving ? x->leaving : x->coming);
	int64_t end;

	if (send(fd, x->f.bytes, x->f.len, 0) < 0 && errno != ENOBUFS)
		die("%s", x->name);
	if (send(fd, s->sentinel.bytes, s->sentinel.len, 0) < 0 && errno != ENOBUFS)
		die("the sentinel");
	s->counted += service + 1;
	if (leaving)
		s->arrived += (open || !service) + (open ? 1 : 0);
	end = boot_ns() + 200 * MS;
	for (;;) {
		uint64_t counted = count_of(s);

		count_arrived(s);
		if (counted == s->counted && s->came == s->arrived)
			return;
		if (boot_ns() > end) {
			fprintf(stderr, "gate_tool: %s, %s, %s: counted %jd too many, arrived %jd too many\n", x->name,
				leaving ? "leaving" : "coming in", open ? "open" : "shut", (intmax_t)(counted - s->counted),
				(intmax_t)(s->came - s->arrived));
			s->wrong++;
			s->counted = counted;
			s->arrived = s->came;
			return;
		}
	}
}

static int cmd_frames(const char *kind_name)
{
	struct sorter s = { .from = { 0x02, 0x6f, 0x72, 0x74, 0, 1 } };
	struct sorts all = { .from = { 0x02, 0x6f, 0x72, 0x74, 0, 1 } };
	static const uint8_t data[16] = { 0x30, 0x39 }, everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct err err = { 0 };
	uint64_t tried = 0;
	uint8_t mac[6];

	s.outside = frame_socket("out0", mac);
	in_head();
	s.inside = frame_socket("eth0", mac);
	s.gate = gate_of(kind_of(kind_name));
	s.nft = strcmp(kind_name, "nft") == 0;
	sorts_make(&all);
	frame_begin(&s.sentinel, everybody, s.from, "", ETHERTYPE_IP);
	frame_ip4(&s.sentinel, SERVICE, SERVICE, 17, 0, data, sizeof(data), 0);
	s.counted = count_of(&s);
	for (int open = 0; open < 2; open++) {
		if (gate_deadline(s.gate, open ? boot_ns() + 3600 * S : 0, &err) < 0)
			die("%s", err.text);
		for (size_t i = 0; i < all.n; i++) {
			for (int leaving = 0; leaving < 2; leaving++) {
				try_sort(&s, &all.all[i], leaving, open);
				tried++;
			}
		}
	}
	gate_close(s.gate);
	free(all.all);
	printf("RESULT gate_frames kind=%s sorts=%zu tried=%ju wrong=%u\n", kind_name, all.n, (uintmax_t)tried, s.wrong);
	return s.wrong ? 1 : 0;
}

extern const char gate_object[], gate_object_end[];

static int cmd_cost(void)
{
	static const uint8_t mac[6] = { 2 }, data[16] = { 0x30, 0x39 };
	struct bpf_object *o = bpf_object__open_mem(gate_object, (size_t)(gate_object_end - gate_object), NULL);
	static const char *const names[] = { "ip4", "ip6", "service4", "lldp" };
	int fd;

	if (!o || bpf_object__load(o) < 0)
		die("the BPF program");
	fd = bpf_program__fd(bpf_object__find_program_by_name(o, "gate_out"));
	printf("RESULT gate_cost");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct frame f;
		uint8_t dst[16], key[16] = { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 9, [15] = SERVICE }, yes = 1;
		LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = f.bytes, .repeat = 1000000);

		bpf_map_update_elem(bpf_object__find_map_fd_by_name(o, "service"), key, &yes, BPF_ANY);
		frame_addr6(dst, STRANGER);
		frame_begin(&f, mac, mac, "", i == 1 ? ETHERTYPE_IPV6 : i == 3 ? 0x88cc : ETHERTYPE_IP);
		if (i == 1)
			frame_ip6(&f, HEAD, dst, "", 17, data, sizeof(data), 0);
		else
			frame_ip4(&f, i == 2 ? SERVICE : HEAD, STRANGER, 17, 0, data, sizeof(data), 0);
		run.data_size_in = (uint32_t)f.len;
		if (bpf_prog_test_run_opts(fd, &run) < 0)
			die("bpf_prog_test_run_opts");
		printf(" %s_ns=%u", names[i], run.duration);
	}
	printf("\n");
	bpf_object__close(o);
	return 0;
}

static void answer(struct gate *g, const char *word, uint64_t ms)
{
	struct err err = { 0 };
	struct gate_view v;

	if (strcmp(word, "look") == 0) {
		if (gate_look(g, &v, &err) < 0)
			printf("error: %s\n", err.text);
		else
			printf("kind=%s open=%d passed=%ju dropped=%ju missing=%zu %s\n", gate_kind_name(v.kind),
			       v.deadline_ns > boot_ns(), (uintmax_t)v.passed, (uintmax_t)v.dropped, v.n_missing, v.missing);
	} else if (strcmp(word, "shut") == 0 || strcmp(word, "until") == 0) {
		if (gate_deadline(g, *word == 'u' ? boot_ns() + (int64_t)ms * MS : 0, &err) < 0)
			printf("error: %s\n", err.text);
		else
			printf("ok\n");
	} else if (strcmp(word, "drop") == 0) {
		struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
		struct __user_cap_data_struct none[2] = { 0 };

		printf("%s\n", syscall(SYS_capset, &h, none) < 0 ? "error" : "ok");
	} else {
		die("no such command: %s", word);
	}
}

static void read_addr(const char *s, struct addr6 *out)
{
	struct err err = { 0 };
	uint32_t four;

	*out = (struct addr6){ .bytes = { [10] = 0xff, [11] = 0xff } };
	if (strchr(s, ':') ? addr6_read(s, out, &err) < 0 : addr4_read(s, &four, &err) < 0)
		die("%s", err.text);
	four = htonl(four);
	if (!strchr(s, ':'))
		memcpy(out->bytes + 12, &four, 4);
}

static int cmd_hold(const char *kind, const char *interface, char **addrs)
{
	struct gate_config c = { .interfaces = { interface }, .n_interfaces = 1, .kind = kind_of(kind) };
	struct err err = { 0 };
	struct gate *g;
	char line[64], word[32];

	for (; *addrs; addrs++)
		read_addr(*addrs, &c.addrs[c.n_addrs++]);
	if (gate_open(&c, &g, &err) < 0) {
		fprintf(stderr, "gate_tool: %s\n", err.text);
		return err_exit_code(err.kind);
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin)) {
		unsigned long ms = 0;

		if (sscanf(line, "%31s %lu", word, &ms) >= 1)
			answer(g, word, ms);
	}
	gate_close(g);
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = { 0 };

	if ((argc == 6 || argc == 7) && strcmp(argv[1], "trials") == 0)
		return cmd_trials(&(struct setting){ .kind = kind_of(argv[2]),
						     .lease_ns = (int64_t)number(argv[4]) * MS,
						     .every_ns = (int64_t)number(argv[5]) * MS,
						     .lie_ns = argc == 7 ? (int64_t)number(argv[6]) * MS : 0 },
				  number(argv[3]));
	if (argc == 3 && strcmp(argv[1], "takeover") == 0)
		return cmd_takeover(number(argv[2]));
	if (argc == 3 && strcmp(argv[1], "frames") == 0)
		return cmd_frames(argv[2]);
	if (argc == 2 && strcmp(argv[1], "cost") == 0)
		return cmd_cost();
	if (argc >= 5 && strcmp(argv[1], "hold") == 0)
		return cmd_hold(argv[2], argv[3], argv + 4);
	if (argc != 2 || strcmp(argv[1], "remove") != 0)
		die("see its source for how it is used");
	if (gate_remove(&err) < 0)
		die("%s", err.text);
	return 0;
}
