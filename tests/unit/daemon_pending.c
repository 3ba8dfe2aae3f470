/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines that wait for approval: they fill neither the memory nor the list, and nobody takes the places of all. The state is a
 * real one: only its write can be told to fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/pending.h"
#include "sys/clock.h"

#include "state_help.h"

#define KIB ((size_t)1024)

static bool refuses;

int __real_state_write(struct state *s, const struct state_op *ops, size_t n, uint64_t *revision, struct err *err);
int __wrap_state_write(struct state *s, const struct state_op *ops, size_t n, uint64_t *revision, struct err *err);
int __wrap_state_write(struct state *s, const struct state_op *ops, size_t n, uint64_t *revision, struct err *err)
{
	return refuses ? err_set(err, ERR_FAILED, "no space") : __real_state_write(s, ops, n, revision, err);
}

static int start(void **state)
{
	struct daemon *d = mem_zalloc(sizeof(*d));
	struct state_opts opts = { .id = 1, .address = "127.0.0.1:1" };
	struct err err = { 0 };

	if (memory_dir_setup(state) < 0)
		return -1;
	d->paths.state_dir = *state;
	opts.dir = d->paths.state_dir;
	pthread_mutex_init(&d->change_lock, NULL);
	assert_int_equal(state_open(&opts, &d->state, &err), 0);
	assert_int_equal(event_start(d, &err), 0);
	refuses = false;
	*state = d;
	return 0;
}

static int end(void **state)
{
	struct daemon *d = *state;

	state_close(d->state);
	waiting_free(&d->waiting);
	pthread_mutex_destroy(&d->change_lock);
	*state = d->paths.state_dir;
	free(d);
	return dir_teardown(state);
}

/* A machine asks; its key and MAC address follow from `n`, `bytes` is about how long its document is. */
struct asking {
	unsigned int n;
	const char *mac, *from;
	size_t bytes;
	int64_t age_s;
	bool rejected, given_up;
};

static int asks(struct daemon *d, struct asking a, struct err *err)
{
	autoclean(change_end) struct change c = { 0 };
	autofree char *mac = a.mac ? mem_strdup(a.mac) : str_format("52:54:00:00:%02x:%02x", a.n >> 8, a.n & 0xff);
	autofree char *filler = mem_zalloc(a.bytes + 1), *machine = NULL, *from = mem_strdup(a.from);
	char seen[] = "now", first[16];
	struct pending p = { .mac = mac, .from = from, .last_seen = seen, .first_seen = first, .rejected = a.rejected };

	*err = (struct err){ 0 };
	memcpy(p.key.spki.bytes, &a.n, sizeof(a.n));
	memset(filler, 'x', a.bytes);
	machine = str_format("{\"x\":\"%s\"}", filler);
	p.machine = machine;
	snprintf(first, sizeof(first), "%08u", a.n);
	p.seen_s = (uint64_t)(clock_wall_s() - a.age_s);
	change_begin(&c, d);
	if (pending_put(&c, &p, err) < 0)
		return -1;
	return a.given_up ? 0 : change_commit(&c, err);
}

static void must_ask(struct daemon *d, struct asking a)
{
	struct err err = { 0 };

	if (asks(d, a, &err) < 0)
		fail_msg("%u from %s: %s", a.n, a.from, err.text);
}

static void is_refused(struct daemon *d, struct asking a, const char *says)
{
	struct err err = { 0 };

	assert_int_equal(asks(d, a, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	if (!strstr(err.text, says))
		fail_msg("'%s' does not say '%s'", err.text, says);
	assert_non_null(strstr(err.hint, "node reject --all"));
}

static size_t count(struct daemon *d)
{
	size_t bytes;

	return state_usage(d->state, "pend/", &bytes);
}

static void test_keys_of_one_machine(void **state)
{
	autoclean(pendings_free) struct pendings l = { 0 };
	struct err err = { 0 };

	for (unsigned int n = 0; n < 10; n++)
		must_ask(*state, (struct asking){ .n = n, .mac = "52:54:00:00:00:01", .from = "10.0.0.9" });
	assert_int_equal(pending_list(*state, &l, &err), 0);
	assert_int_equal(l.len, PENDING_KEYS_PER_MAC);
	assert_int_equal(l.items[l.len - 1].key.spki.bytes[0], 9);
}

static void test_bytes_of_one_address(void **state)
{
	const struct asking big = { .bytes = 100 * KIB, .from = "10.0.0.9" };
	size_t most = PENDING_ADDRESS_BYTES / (101 * KIB);
	struct asking a = big;

	/* Those who were not heard of for a day make room for others. */
	a.age_s = PENDING_KEPT_S + 10;
	for (a.n = 0; a.n < most; a.n++)
		must_ask(*state, a);
	a.age_s = 0;
	for (; a.n < 2 * most; a.n++)
		must_ask(*state, a);
	assert_int_equal(count(*state), most);
	is_refused(*state, a, "too many machines from 10.0.0.9 wait");
	/* One that is there may not grow, either; and may still be heard of. */
	a.n--;
	a.bytes = 200 * KIB;
	is_refused(*state, a, "too many machines from 10.0.0.9 wait");
	must_ask(*state, (struct asking){ .n = a.n, .from = "10.0.0.9", .bytes = 100 * KIB });
	must_ask(*state, (struct asking){ .n = 1000, .from = "10.0.0.10", .bytes = 100 * KIB });
	/* Other sources have what is left of all: no more. */
	for (a = big, a.n = 2000; a.n < 2000 + PENDING_BYTES_MAX / (100 * KIB); a.n++) {
		autofree char *from = str_format("10.0.1.%u", a.n % 250);
		struct err err = { 0 };

		a.from = from;
		if (asks(*state, a, &err) < 0)
			break;
	}
	a.from = "10.0.0.11";
	is_refused(*state, a, "too many machines wait");
	must_ask(*state, (struct asking){ .n = 2000, .from = "10.0.0.11", .rejected = true, .bytes = 100 * KIB });
	must_ask(*state, a);
}

static void test_places_of_one_address(void **state)
{
	struct asking a = { .from = "10.0.0.9" };

	/* What was given up is not counted, nor what could not be written. */
	for (a.n = 0; a.n < 10; a.n++) {
		struct err err = { 0 };

		a.given_up = a.n % 2;
		refuses = !a.given_up;
		assert_int_equal(asks(*state, a, &err), a.given_up ? 0 : -1);
	}
	refuses = a.given_up = false;
	for (a.n = 0; a.n < PENDING_PER_ADDRESS; a.n++)
		must_ask(*state, a);
	is_refused(*state, a, "from 10.0.0.9");
	must_ask(*state, (struct asking){ .n = 5000, .from = "10.0.0.8" });
	/* Who is rejected makes room for as many as are needed, and stays rejected as long as nobody needs it. */
	for (unsigned int n = 0; n < 3; n++)
		must_ask(*state, (struct asking){ .n = n, .from = "10.0.0.9", .rejected = true, .age_s = n });
	a.from = "10.0.0.9";
	must_ask(*state, a);
	assert_int_equal(count(*state), PENDING_PER_ADDRESS + 1);
	for (unsigned int n = 0; n < 3; n++) {
		autofree char *mac = str_format("52:54:00:00:00:%02x", n);
		autoclean(pending_free) struct pending p = { 0 };
		struct node_key key = { 0 };
		struct err err = { 0 };

		memcpy(key.spki.bytes, &n, sizeof(n));
		assert_int_equal(pending_get(*state, mac, &key, &p, &err), n < 2);
	}
}

/* A machine whose oldest key goes takes its place, also where there is no other. */
static void test_own_keys_are_room(void **state)
{
	struct asking a = { .from = "10.0.0.9", .mac = "52:54:00:ff:00:01" };

	for (a.n = 10000; a.n < 10000 + PENDING_KEYS_PER_MAC; a.n++)
		must_ask(*state, a);
	for (unsigned int n = PENDING_KEYS_PER_MAC; n < PENDING_PER_ADDRESS; n++)
		must_ask(*state, (struct asking){ .n = n, .from = "10.0.0.9" });
	must_ask(*state, a);
	assert_int_equal(count(*state), PENDING_PER_ADDRESS);
}

/* The list is full and so is the source's part of it: the one that goes for the one is room for the other. */
static void test_both_are_full(void **state)
{
	struct asking a = { .bytes = 100 * KIB };

	for (unsigned int i = 0; i < 81; i++) {
		autofree char *from = str_format("10.0.0.%u", i / 20);

		a.n = i;
		a.from = from;
		a.age_s = i == 0 || i == 25 ? PENDING_KEPT_S + 20 - (int64_t)i / 5 : 0;
		must_ask(*state, a);
	}
	must_ask(*state, (struct asking){ .n = 1000, .from = "10.0.0.0", .bytes = 100 * KIB });
	assert_int_equal(count(*state), 81);
	must_ask(*state, (struct asking){ .n = 1001, .from = "10.0.0.5", .bytes = 100 * KIB });
	assert_int_equal(count(*state), 81);
}

static void test_a_network(void **state)
{
	struct asking a = { 0 };

	for (; a.n < PENDING_PER_NETWORK; a.n++) {
		autofree char *from = str_format("fd00:1::%x:1", a.n);

		a.from = from;
		must_ask(*state, a);
	}
	a.from = "fd00:1::ffff:ffff:1";
	is_refused(*state, a, "from fd00:1::/64");
	for (; a.n < PENDING_MAX; a.n++) {
		autofree char *from = str_format("fd00:2:0:%x::1", a.n);

		a.from = from;
		must_ask(*state, a);
	}
	a.from = "10.0.0.9";
	is_refused(*state, a, "too many machines wait for approval (2048)");
	assert_int_equal(count(*state), PENDING_MAX);
}

/* What is known without reading the documents is what they say, at the next start too. */
static void test_it_is_read_at_a_start(void **state)
{
	struct daemon *d = *state;
	const struct waiting *w;
	struct err err = { 0 };

	must_ask(d, (struct asking){ .n = 1, .from = "10.0.0.9" });
	must_ask(d, (struct asking){ .n = 2, .from = "fd00:1::9", .rejected = true });
	for (int i = 0; i < 2; i++) {
		autoclean(change_end) struct change c = { 0 };

		change_begin(&c, d);
		assert_int_equal(waiting_look(d, &w, &err), 0);
		assert_int_equal(w->len, 2);
		assert_string_equal(w->items[0].source, "10.0.0.9");
		assert_string_equal(w->items[1].source, "fd00:1::/64");
		assert_true(w->items[1].rejected && !w->items[0].rejected);
		assert_true(str_starts(w->items[1].name, "52:54:00:00:00:02/"));
		waiting_follow(d, "pend/x/y", "no document");
		assert_false(d->waiting.fresh);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keys_of_one_machine, start, end),
		cmocka_unit_test_setup_teardown(test_bytes_of_one_address, start, end),
		cmocka_unit_test_setup_teardown(test_places_of_one_address, start, end),
		cmocka_unit_test_setup_teardown(test_own_keys_are_room, start, end),
		cmocka_unit_test_setup_teardown(test_both_are_full, start, end),
		cmocka_unit_test_setup_teardown(test_a_network, start, end),
		cmocka_unit_test_setup_teardown(test_it_is_read_at_a_start, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
