/* SPDX-License-Identifier: GPL-2.0-or-later */
/* headfailover/guard/wire: who is believed, and that whatever else comes changes nothing and is counted by its reason. */
#include "tests/unit/guard_wire.h"

struct pair {
	struct guard_wire a, b; /* head 0 and witness 2 */
};

static void meet(struct pair *p)
{
	voter_start(&p->a, 0, 0xa1);
	voter_start(&p->b, 2, 0xb1);
	greet(&p->a, &p->b, MS);
}

static const struct lease_msg propose = {
	LEASE_PROPOSE, 0, 2, LEASE_NOBODY, 0, 0x1122334455667700, 0x0102030405060708, 100 * MS
};

static void test_layout(void **state)
{
	static const uint8_t want[] = { 'O', 'G', 'R', 'D', 1, 4, 0, 2, 1, 0xff, 0, 0 };
	static const uint8_t numbers[] = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0, 1, 2,	 3,    4,
					   5,	 6,    7,    8,	   0,	 0,    0,    0, 5, 0xf5, 0xe1, 0 };
	struct guard_keys keys = test_keys(7, "atlas");
	uint8_t tag[GUARD_WIRE_TAG];
	struct packets d;
	struct pair p;

	(void)state;
	meet(&p);
	d = say(&p.a, propose);
	assert_memory_equal(d.by[1], want, sizeof(want));
	assert_true(field(d.by[1], AT_KEY, 4) == keys.key[0].id && field(d.by[1], AT_CLUSTER, 8) == keys.key[0].cluster);
	assert_true(field(d.by[1], AT_BOOT, 8) == 0xa1 && field(d.by[1], AT_NUMBER, 8) == p.a.peers[2].sent);
	assert_true(field(d.by[1], AT_ECHO_BOOT, 8) == 0xb1 && field(d.by[1], AT_ECHO_NUMBER, 8) == p.b.peers[0].sent);
	assert_memory_equal(d.by[1] + AT_BALLOT, numbers, sizeof(numbers));
	assert_int_equal(crypto_generichash(tag, sizeof(tag), d.by[1], AT_TAG, keys.key[0].bytes, GUARD_KEY_LEN), 0);
	assert_memory_equal(d.by[1] + AT_TAG, tag, sizeof(tag));
	/* The links differ in their number only, and in what follows from it. */
	assert_memory_equal(d.by[0] + AT_OWNER, d.by[1] + AT_OWNER, AT_TAG - AT_OWNER);
	assert_int_equal(d.by[0][AT_LINK], 0);
	assert_memory_not_equal(d.by[0] + AT_TAG, d.by[1] + AT_TAG, GUARD_WIRE_TAG);
}

static void test_every_kind_there_and_back(void **state)
{
	static const struct lease_msg all[] = {
		{ LEASE_HELLO, 1, 0, 1, LEASE_PAUSED | LEASE_UNFIT, 3, 4, 5 },
		{ LEASE_HELLO, 2, 1, LEASE_NOBODY, LEASE_QUARANTINE, UINT64_MAX, UINT64_MAX, 0 },
		{ LEASE_PREPARE, 1, 2, LEASE_NOBODY, 0, 0x501, 0, 0 },
		{ LEASE_PROMISE, 2, 1, LEASE_NOBODY, 0, 0x501, 6, 0 },
		{ LEASE_PROMISE, 2, 1, 1, 0, 0x501, 6, LEASE_MAX_NS },
		{ LEASE_PROPOSE, 1, 0, LEASE_NOBODY, 0, 0x501, 7, LEASE_MAX_NS },
		{ LEASE_ACCEPT, 2, 0, LEASE_NOBODY, 0, 0x500, 0, 0 },
		{ LEASE_REJECT, 1, 0, 1, 0, 0x601, 7, 1 },
		{ LEASE_REJECT, 1, 0, LEASE_NOBODY, 0, 0x601, 7, 0 },
		{ LEASE_RELEASE, 0, 2, 1, 0, 0x601, 7, 0 },
		{ LEASE_RELEASE, 0, 1, LEASE_NOBODY, 0, 0x601, 7, 0 },
		{ LEASE_RELEASED, 2, 0, LEASE_NOBODY, 0, 0x601, 0, 0 },
	};
	struct guard_wire v[VOTERS];
	struct guard_heard h;

	(void)state;
	for (uint8_t i = 0; i < VOTERS; i++)
		voter_start(&v[i], i, 100U + i);
	for (uint8_t i = 0; i < VOTERS; i++)
		for (uint8_t k = 0; k < i; k++)
			greet(&v[i], &v[k], MS);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct packets d = say(&v[all[i].from], all[i]);
		struct guard_wire *to = &v[all[i].to];

		assert_int_equal(hear(to, i % 2, &d, &h), GUARD_TAKEN);
		assert_memory_equal(&h.msg, &all[i], sizeof(all[i]));
		assert_true(h.from == all[i].from && h.boot == 100U + all[i].from && !h.new_boot && !h.answer);
		assert_int_equal(hear(to, !(i % 2), &d, &h), GUARD_COPY);
	}
}

/* What is no message is not written; and when another program writes it, it is not taken. */
static void test_senseless(void **state)
{
	static const struct lease_msg bad[] = {
		{ LEASE_HELLO, 0, 2, 2, 0, 0, 0, 1 },		     /* a witness has no lease */
		{ LEASE_HELLO, 0, 2, LEASE_NOBODY, 8, 0, 0, 0 },     /* a flag that there isn't */
		{ LEASE_HELLO, 0, 2, LEASE_NOBODY, 0, 0, 0, 1 },     /* nobody has it for 1 ns */
		{ LEASE_HELLO, 0, 2, 0, 0, 0, 0, LEASE_MAX_NS + 1 }, /* too long */
		{ LEASE_HELLO, 0, 2, 0, 0, 0, 0, -1 },		     /* too short */
		{ LEASE_PROPOSE, 0, 2, LEASE_NOBODY, 0, 0, 0, INT64_MIN },
		{ LEASE_PROPOSE, 0, 2, LEASE_NOBODY, 0x10, 0, 0, 1 },
		{ LEASE_PROPOSE, 0, 2, 0, 0, 0, 0, 1 },		   /* an owner where there is none */
		{ LEASE_PREPARE, 0, 2, LEASE_NOBODY, 0, 0, 0, 1 }, /* a length where there is none */
		{ LEASE_RELEASE, 0, 2, 1, 0, 0, 0, 1 },
		{ LEASE_ACCEPT, 0, 2, LEASE_NOBODY, 0, 0, 0, 0 }, /* to a witness, which asked for nothing */
		{ LEASE_PROMISE, 0, 2, LEASE_NOBODY, 0, 0, 0, 0 },
		{ LEASE_REJECT, 0, 2, LEASE_NOBODY, 0, 0, 0, 0 },
		{ LEASE_RELEASED, 0, 2, LEASE_NOBODY, 0, 0, 0, 0 },
		{ LEASE_PREPARE, 2, 0, LEASE_NOBODY, 0, 0, 0, 0 }, /* by a witness, which must not ask */
		{ LEASE_PROPOSE, 2, 0, LEASE_NOBODY, 0, 0, 0, 1 },
		{ LEASE_RELEASE, 2, 0, LEASE_NOBODY, 0, 0, 0, 0 },
	};
	struct guard_wire *of[VOTERS] = { 0 };
	struct packets d;
	struct pair p;

	(void)state;
	meet(&p);
	of[0] = &p.a;
	of[2] = &p.b;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct lease_msg *m = &bad[i];
		struct guard_wire *from = of[m->from];

		assert_false(guard_wire_write(from, m, d.by));
		d = say(from, hello(m->from, m->to));
		patch(d.by[0], AT_KIND, 1, m->kind);
		patch(d.by[0], AT_OWNER, 1, m->owner);
		patch(d.by[0], AT_FLAGS, 1, m->flags);
		patch(d.by[0], AT_LEASE, 8, (uint64_t)m->lease_ns);
		sign(d.by[0], &from->keys.key[0]);
		MUST_REFUSE(of[m->to], 0, d.by[0], GUARD_SENSELESS);
	}
}

static void test_not_written(void **state)
{
	struct guard_wire w;
	struct packets d;

	(void)state;
	voter_start(&w, 0, 1);
	for (unsigned int from = 0; from < 256; from++)
		for (unsigned int to = 0; to < 256; to++) {
			struct lease_msg m = hello((uint8_t)from, (uint8_t)to);

			assert_int_equal(guard_wire_write(&w, &m, d.by), from == 0 && (to == 1 || to == 2));
		}
	for (unsigned int kind = 0; kind < 256; kind++) {
		struct lease_msg m = hello(0, 1);

		m.kind = (enum lease_kind)kind;
		assert_int_equal(guard_wire_write(&w, &m, d.by), kind >= LEASE_HELLO && kind < LEASE_KIND_END);
	}
}

/* Each in its own allocation: a read beyond it would be found. */
static void test_lengths(void **state)
{
	struct guard_heard h;
	struct packets d;
	struct pair p;

	(void)state;
	meet(&p);
	d = say(&p.a, propose);
	for (size_t len = 0; len < 1500; len++) {
		autofree uint8_t *exact = mem_zalloc(len + !len);

		if (len == GUARD_WIRE_LEN)
			continue;
		memcpy(exact, d.by[0], len < GUARD_WIRE_LEN ? len : GUARD_WIRE_LEN);
		must_refuse_bytes(&p.b, 0, exact, len, len < GUARD_WIRE_LEN ? GUARD_SHORT : GUARD_LONG, __LINE__);
		if (len <= AT_VERSION)
			continue;
		exact[AT_VERSION]++;
		must_refuse_bytes(&p.b, 0, exact, len, GUARD_VERSION, __LINE__);
	}
	assert_int_equal(hear(&p.b, 0, &d, &h), GUARD_TAKEN);
}

static void test_every_flipped_bit(void **state)
{
	struct guard_heard h;
	struct packets d;
	struct pair p;

	(void)state;
	meet(&p);
	d = say(&p.a, propose);
	for (unsigned int bit = 0; bit < 8 * GUARD_WIRE_LEN; bit++) {
		const unsigned int at = bit / 8;
		enum guard_refused why = at < AT_VERSION		   ? GUARD_MAGIC
					 : at == AT_VERSION		   ? GUARD_VERSION
					 : at >= AT_KEY && at < AT_CLUSTER ? GUARD_UNKNOWN_KEY
									   : GUARD_FORGED;

		d.by[0][at] ^= (uint8_t)(1 << bit % 8);
		MUST_REFUSE(&p.b, 0, d.by[0], why);
		d.by[0][at] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(hear(&p.b, 0, &d, &h), GUARD_TAKEN);
	assert_true(refused(&p.b, GUARD_FORGED) == 8 * (GUARD_WIRE_LEN - 9) && refused(&p.b, GUARD_MAGIC) == 32);
}

/* By one who has the key: what a program that errs could send, or somebody who moves datagrams. */
static void test_not_for_us(void **state)
{
	static const struct {
		unsigned int at, bytes;
		uint64_t value;
		enum guard_refused why;
	} cases[] = {
		{ AT_CLUSTER, 8, 5, GUARD_CLUSTER },
		{ AT_FROM, 1, 2, GUARD_REFLECTED },
		{ AT_FROM, 1, 3, GUARD_STRANGER },
		{ AT_FROM, 1, 255, GUARD_STRANGER },
		{ AT_TO, 1, 1, GUARD_ASTRAY },
		{ AT_TO, 1, 255, GUARD_ASTRAY },
		{ AT_LINK, 1, 1, GUARD_LINK },
		{ AT_LINK, 1, 4, GUARD_LINK },
		{ AT_KIND, 1, LEASE_KIND_END, GUARD_KIND },
		{ AT_KIND, 1, 255, GUARD_KIND },
		{ AT_ZERO, 1, 1, GUARD_SENSELESS },
		{ AT_BOOT, 8, 0, GUARD_SENSELESS },
		{ AT_NUMBER, 8, 0, GUARD_SENSELESS },
		{ AT_ECHO_BOOT, 8, 0, GUARD_SENSELESS },
		{ AT_ECHO_NUMBER, 8, 0, GUARD_SENSELESS },
		{ AT_KIND, 1, 0, GUARD_SENSELESS }, /* a PROOF with a ballot */
		{ AT_ECHO_BOOT, 8, 0xb2, GUARD_UNPROVEN },
		{ AT_ECHO_NUMBER, 8, 1000, GUARD_UNPROVEN },
		{ AT_BOOT, 8, 0xa2, GUARD_UNPROVEN },
		{ AT_NUMBER, 8, 1, GUARD_REPEATED },
	};
	struct guard_heard h;
	struct packets d;
	struct pair p;

	(void)state;
	meet(&p);
	d = say(&p.a, propose);
	assert_int_equal(hear(&p.b, 0, &d, &h), GUARD_TAKEN);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		d = say(&p.a, propose);
		patch(d.by[0], cases[i].at, cases[i].bytes, cases[i].value);
		sign(d.by[0], &p.a.keys.key[0]);
		MUST_REFUSE(&p.b, 0, d.by[0], cases[i].why);
	}
	/* Moved to another link, or back to where they came from, as they are. */
	d = say(&p.a, propose);
	MUST_REFUSE(&p.b, 1, d.by[0], GUARD_LINK);
	MUST_REFUSE(&p.a, 0, d.by[0], GUARD_REFLECTED);
	assert_int_equal(hear(&p.b, 0, &d, &h), GUARD_TAKEN);
}

static void test_other_clusters(void **state)
{
	struct guard_keys same_key = test_keys(7, "boreas"), other_key = test_keys(8, "atlas");
	struct err err = { 0 };
	struct guard_wire w;
	struct packets d;
	struct pair p;

	(void)state;
	meet(&p);
	assert_int_equal(guard_wire_init(&w, 0, VOTERS, LINKS, 0xa1, &same_key, &err), 0);
	d = say(&w, hello(0, 2));
	patch(d.by[0], AT_KEY, 4, p.a.keys.key[0].id);
	sign(d.by[0], &p.a.keys.key[0]);
	MUST_REFUSE(&p.b, 0, d.by[0], GUARD_CLUSTER);
	assert_int_equal(guard_wire_init(&w, 0, VOTERS, LINKS, 0xa1, &other_key, &err), 0);
	d = say(&w, hello(0, 2));
	MUST_REFUSE(&p.b, 0, d.by[0], GUARD_UNKNOWN_KEY);
	patch(d.by[0], AT_KEY, 4, p.a.keys.key[0].id);
	patch(d.by[0], AT_CLUSTER, 8, p.a.keys.key[0].cluster);
	MUST_REFUSE(&p.b, 0, d.by[0], GUARD_FORGED);
}

static struct guard_keys both(const struct guard_keys *first, const struct guard_keys *second)
{
	return (struct guard_keys){ .n = 2, .key = { first->key[0], second->key[0] } };
}

static void exchange(struct pair *p)
{
	struct packets d = say(&p->a, propose);
	struct guard_heard h;

	assert_int_equal(hear(&p->b, 0, &d, &h), GUARD_TAKEN);
	d = say(&p->b, hello(2, 0));
	assert_int_equal(hear(&p->a, 1, &d, &h), GUARD_TAKEN);
	assert_false(h.new_boot);
}

/* One voter after the other, and at no moment is a message lost or somebody proven anew. */
static void test_new_key(void **state)
{
	struct guard_keys old = test_keys(7, "atlas"), new = test_keys(9, "atlas");
	const struct guard_keys steps[] = { both(&old, &new), both(&new, &old), new };
	struct guard_keys none = { 0 }, twice = both(&old, &old), three = { .n = 3 };
	struct err err = { 0 };
	struct packets d, kept;
	struct pair p;

	(void)state;
	meet(&p);
	d = say(&p.a, propose);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		exchange(&p);
		assert_int_equal(guard_wire_keys(&p.a, &steps[i], &err), 0);
		exchange(&p);
		kept = say(&p.b, hello(2, 0));
		assert_int_equal(guard_wire_keys(&p.b, &steps[i], &err), 0);
	}
	exchange(&p);
	MUST_REFUSE(&p.b, 0, d.by[0], GUARD_UNKNOWN_KEY);
	MUST_REFUSE(&p.a, 1, kept.by[1], GUARD_REPEATED);
	/* What is no set of keys changes nothing. */
	assert_int_equal(guard_wire_keys(&p.a, &none, &err), -1);
	assert_int_equal(guard_wire_keys(&p.a, &twice, &err), -1);
	assert_int_equal(guard_wire_keys(&p.a, &three, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	exchange(&p);
}

static void test_init(void **state)
{
	static const struct {
		uint8_t self;
		unsigned int voters, links;
		uint64_t boot;
	} bad[] = { { 0, 1, 1, 1 }, { 3, 3, 1, 1 }, { 0, 6, 1, 1 }, { 0, 3, 0, 1 }, { 0, 3, 5, 1 }, { 0, 3, 1, 0 } };
	struct guard_keys keys = test_keys(7, "atlas"), none = { 0 };
	struct guard_wire w;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(guard_wire_init(&w, bad[i].self, bad[i].voters, bad[i].links, bad[i].boot, &keys, &err), -1);
		assert_int_equal(err.kind, ERR_INVALID);
	}
	assert_int_equal(guard_wire_init(&w, 0, 3, 1, 1, &none, &err), -1);
	assert_int_equal(guard_wire_init(&w, 4, 5, 4, 1, &keys, &err), 0);
	for (unsigned int i = 1; i < GUARD_REFUSED_END; i++)
		for (unsigned int k = 0; k < i; k++)
			assert_string_not_equal(guard_refused_name((enum guard_refused)i),
						guard_refused_name((enum guard_refused)k));
	assert_string_equal(guard_refused_name(GUARD_REFUSED_END), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),	   cmocka_unit_test(test_every_kind_there_and_back),
		cmocka_unit_test(test_senseless),  cmocka_unit_test(test_not_written),
		cmocka_unit_test(test_lengths),	   cmocka_unit_test(test_every_flipped_bit),
		cmocka_unit_test(test_not_for_us), cmocka_unit_test(test_other_clusters),
		cmocka_unit_test(test_new_key),	   cmocka_unit_test(test_init),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
