/* SPDX-License-Identifier: GPL-2.0-or-later */
/* calm: deadlines are of milliseconds */
/* The loop of the guard does what its core wants, in the order that docs/failover.md gives, also when its gate does not obey; and
 * who makes it tell something all the time does not make it tell all of it. Gate and links are this test's own. */
#include "guard_wire.h"
#include "headfailover/guard/loop_acts.h"
#include "sys/clock.h"
#include "sys/spawn.h"

#include <sched.h>
#include <time.h>
#include <unistd.h>

#define T_NS (50 * MS)

/* What the loop did, in order: kinds of messages to voter 1, 'G' gate moved, 'S' shut, 'F' could not be shut. */
static struct {
	char did[4096];
	size_t n;
	bool stuck; /* the gate can't be shut */
	int64_t deadline_ns;
} lab;

static void did(char what)
{
	if (lab.n + 1 < sizeof(lab.did))
		lab.did[lab.n++] = what;
}

int gate_deadline(struct gate *g, int64_t boot_ns, struct err *err)
{
	(void)g;
	if (lab.stuck) {
		did('F');
		return err_set(err, ERR_REFUSED, "stuck");
	}
	did(boot_ns ? 'G' : 'S');
	lab.deadline_ns = boot_ns;
	return 0;
}

unsigned int guard_links_send(struct guard_links *l, uint8_t voter, const uint8_t packets[GUARD_LINKS][GUARD_WIRE_LEN],
			      int64_t now_ns)
{
	(void)l;
	(void)now_ns;
	if (voter == 1)
		did((char)('0' + packets[0][AT_KIND]));
	return 1;
}

unsigned int guard_links_receive(struct guard_links *l, unsigned int link, struct guard_got got[GUARD_BATCH], bool *more,
				 int64_t now_ns)
{
	(void)l;
	(void)link;
	(void)got;
	(void)now_ns;
	*more = false;
	return 0;
}

unsigned int guard_links_mend(struct guard_links *l)
{
	(void)l;
	return 0;
}

int64_t guard_links_poll(const struct guard_links *l, struct pollfd p[GUARD_LINKS], int64_t now_ns)
{
	(void)l;
	(void)p;
	(void)now_ns;
	return INT64_MAX;
}

void guard_links_useless(struct guard_links *l, unsigned int link, int64_t now_ns)
{
	(void)l;
	(void)link;
	(void)now_ns;
}

static char to_1(enum lease_kind kind)
{
	return (char)('0' + kind);
}

struct bench {
	struct guard_config config;
	struct loop loop;
};

static int setup(void **state)
{
	struct bench *b = mem_zalloc(sizeof(*b));
	struct guard_keys keys = test_keys(1, "atlas");
	struct err err = { 0 };

	memset(&lab, 0, sizeof(lab));
	b->config.lease = (struct lease_config){
		.self = 0, .n_voters = 3, .lease_ns = T_NS, .renew_ns = T_NS / 5, .hold_off_ns = 3000 * MS, .seed = 1
	};
	b->config.head = true;
	assert_int_equal(guard_wire_init(&b->loop.wire, 0, 3, 1, 7, &keys, &err), 0);
	assert_int_equal(loop_init(&b->loop, &b->config, &err), 0);
	b->loop.gate = (struct gate *)&lab; /* only handed back to gate_deadline() above */
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	loop_clear(&b->loop);
	free(b);
	return 0;
}

static void tell(struct loop *l, struct lease_msg m)
{
	m.to = 0;
	loop_step(l, LEASE_ON_MESSAGE, m.from, true, &m);
}

static void sleep_until(const struct loop *l, int64_t at)
{
	int64_t left = at - loop_clock(l);
	struct timespec t = { .tv_sec = left / 1000000000, .tv_nsec = left % 1000000000 };

	if (left > 0)
		nanosleep(&t, NULL);
}

/* Voter 2 lets it have the lease; a machine that is busy may be too late, and tries again. */
static void become_holder(struct loop *l)
{
	if (!l->lease.started)
		loop_step(l, LEASE_ON_START, LEASE_NOBODY, true, NULL);
	for (int i = 0; i < 1000 && l->lease.state != HEAD_HOLDING; i++) {
		struct lease_msg yes = { .from = 2, .owner = LEASE_NOBODY };

		sleep_until(l, l->timer_ns);
		loop_step(l, LEASE_ON_TIMER, LEASE_NOBODY, true, NULL);
		if (l->lease.state == HEAD_PREPARING) {
			yes.kind = LEASE_PROMISE;
			yes.ballot = l->lease.ballot;
			tell(l, yes);
		}
		if (l->lease.state == HEAD_PROPOSING) {
			yes.kind = LEASE_ACCEPT;
			yes.ballot = l->lease.ballot;
			tell(l, yes);
		}
	}
	assert_int_equal(l->lease.state, HEAD_HOLDING);
	assert_true(l->has);
}

static void shuts_before_it_says_so(void **state)
{
	struct bench *b = *state;
	const char *shut, *release;

	become_holder(&b->loop);
	assert_non_null(strchr(lab.did, 'G'));
	assert_true(lab.deadline_ns <= b->loop.lease.asked_ns + T_NS - lease_margin_ns(T_NS));
	loop_step(&b->loop, LEASE_ON_PAUSE, LEASE_NOBODY, true, NULL);
	shut = strchr(lab.did, 'S');
	release = strchr(lab.did, to_1(LEASE_RELEASE));
	assert_true(shut && release && shut < release);
	assert_int_equal(lab.deadline_ns, 0);
	assert_false(b->loop.has);
}

/* A gate that can't be shut is open until its deadline. The own voter knows of no lease any more, and grants it to whoever asks:
 * with that and his own the other head would have a majority. */
static void gives_nothing_while_the_gate_is_open(void **state)
{
	struct bench *b = *state;
	struct loop *l = &b->loop;
	struct lease_msg m = { .kind = LEASE_PREPARE, .from = 1, .owner = LEASE_NOBODY };
	int64_t open_until;

	become_holder(l);
	open_until = lab.deadline_ns;
	lab.stuck = true;
	loop_step(l, LEASE_ON_PAUSE, LEASE_NOBODY, true, NULL);
	assert_null(strchr(lab.did, to_1(LEASE_RELEASE)));
	m.ballot = ((l->lease.heard_ballot >> 8) + 1) << 8 | 1;
	tell(l, m);
	m.kind = LEASE_PROPOSE;
	m.epoch = l->lease.heard_epoch + 1;
	m.lease_ns = T_NS;
	tell(l, m);
	if (loop_clock(l) < open_until)
		assert_null(strchr(lab.did, to_1(LEASE_ACCEPT)));
	else
		print_message("this machine is too busy for that\n");
	while (loop_clock(l) < open_until + MS) {
		sleep_until(l, loop_clock(l) + T_NS / 10);
		loop_step(l, LEASE_ON_TIMER, LEASE_NOBODY, true, NULL);
	}
	m.ballot += 256;
	tell(l, m);
	assert_non_null(strchr(lab.did, to_1(LEASE_ACCEPT)));
}

static unsigned int notes_of(struct loop *l, uint32_t kind)
{
	struct loop_note n;
	unsigned int found = 0;

	while (ring_take(&l->notes, &n))
		found += n.kind == kind;
	return found;
}

static void tells_now_and_then(void **state)
{
	struct bench *b = *state;
	struct loop *l = &b->loop;
	struct lease_msg longer = { .kind = LEASE_PROPOSE, .from = 1, .owner = LEASE_NOBODY, .lease_ns = 2 * T_NS };

	become_holder(l);
	for (int i = 0; i < 100; i++) {
		longer.ballot = (uint64_t)(i + 1) << 8 | 1;
		tell(l, longer);
	}
	assert_int_equal(notes_of(l, LEASE_NOTE_LONGER), 1);
	lab.stuck = true;
	for (int i = 0; i < 20; i++) {
		loop_step(l, LEASE_ON_RESUME, LEASE_NOBODY, true, NULL);
		loop_step(l, LEASE_ON_PAUSE, LEASE_NOBODY, true, NULL);
		sleep_until(l, loop_clock(l) + T_NS / 4);
		loop_step(l, LEASE_ON_TIMER, LEASE_NOBODY, true, NULL);
	}
	assert_true(strchr(strchr(lab.did, 'F') + 1, 'F'));
	assert_int_equal(notes_of(l, LOOP_GATE_FAIL), 1);
}

/* In a network of this test's own: g0 is ours. */
static void cables_and_claims(void **state)
{
	static const struct addr6 addr = { { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 9, [15] = 1 } };
	const struct service_addr ours[] = { { .addr = addr, .prefix = 32, .interface = "g0" } };
	const struct service_addr others[] = { { .addr = addr, .prefix = 32, .interface = "g1" } };
	struct bench *b = *state;
	struct loop *l = &b->loop;
	struct announce *other = NULL;
	struct err err = { 0 };

	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		skip();
	assert_int_equal(SPAWN(&err, "ip", "link", "add", "g0", "type", "veth", "peer", "name", "g1"), 0);
	b->config.gate.interfaces[0] = "g0";
	b->config.gate.n_interfaces = 1;
	assert_int_equal(announce_open(ours, 1, &l->announce, &err), 0);
	assert_int_equal(announce_open(others, 1, &other, &err), 0);
	/* The cable is out when it starts: such a head is not to take the addresses while the other one can. */
	loop_order(l, LEASE_ON_STOP, LEASE_NOBODY, true);
	loop_run_lease(l);
	assert_int_equal(l->unfit, LOOP_CABLE);
	assert_int_equal(notes_of(l, LOOP_CABLE_OUT), 1);
	assert_int_equal(SPAWN(&err, "ip", "link", "set", "g0", "up"), 0);
	assert_int_equal(SPAWN(&err, "ip", "link", "set", "g1", "up"), 0);
	for (int i = 0; i < 500 && l->unfit; i++) { /* the kernel tells of a carrier within a second */
		loop_look_around(l);
		clock_sleep_ns(10 * MS);
	}
	assert_int_equal(l->unfit, 0);
	/* Somebody says that he has it, again and again. */
	l->has = true;
	for (int i = 0; i < 50; i++) {
		assert_int_equal(announce_send(other), 0);
		loop_look_around(l);
	}
	assert_int_equal(notes_of(l, LOOP_CONFLICT), 1);
	assert_true(l->look_ns > loop_clock(l) - 1000 * MS); /* and he is not listened to all the time */
	l->has = false;
	announce_free(other);
	announce_free(l->announce);
	l->announce = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shuts_before_it_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(gives_nothing_while_the_gate_is_open, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_now_and_then, setup, teardown),
		cmocka_unit_test_setup_teardown(cables_and_claims, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
