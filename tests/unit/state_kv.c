/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The documents without raft: expectations, ids, history, snapshots; and a model to compare with. */
#include "state_command.h"

#include "headfailover/state/kv.h"

#include <stdio.h>

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static struct kv_result apply(struct kv *kv, uint64_t index, uint64_t seq, const struct state_op *ops, size_t n)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct kv_result r;
	struct err err = { 0 };

	encode(ops, n, seq, &b);
	if (kv_apply(kv, index, b.data, b.len, &r, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

static struct kv_result set(struct kv *kv, uint64_t index, const char *key, const char *value, uint64_t expect)
{
	return apply(kv, index, index, &(struct state_op){ key, value, expect }, 1);
}

static uint64_t version(const struct kv *kv, const char *key)
{
	autoclean(state_doc_free) struct state_doc d = { 0 };
	struct err err = { 0 };

	return kv_get(kv, key, &d, &err) < 0 ? 0 : d.version;
}

static void test_expectations(void **state)
{
	struct kv *kv = kv_new(NULL);
	struct kv_result r;

	(void)state;
	assert_int_equal(set(kv, 10, "a", "1", 0).revision, 10);
	r = set(kv, 12, "a", "2", 0);
	assert_true(r.conflict);
	assert_int_equal(r.found, 10);
	assert_string_equal(r.key, "a");
	assert_int_equal(kv_revision(kv), 10);
	assert_int_equal(kv_applied(kv), 12);
	assert_int_equal(set(kv, 15, "a", "2", 10).revision, 15);
	assert_int_equal(version(kv, "a"), 15);
	assert_true(set(kv, 16, "a", NULL, 10).conflict);
	assert_false(set(kv, 17, "a", NULL, 15).conflict);
	assert_int_equal(version(kv, "a"), 0);
	assert_int_equal(set(kv, 18, "a", "3", 15).found, 0);
	/* All or none: the second expectation fails, so the first is not written. */
	assert_false(set(kv, 20, "b", "1", STATE_ANY).conflict);
	r = apply(kv, 21, 21, (struct state_op[]){ { "c", "1", 0 }, { "b", "2", 19 }, { "d", "1", STATE_ANY } }, 3);
	assert_true(r.conflict);
	assert_string_equal(r.key, "b");
	assert_int_equal(r.found, 20);
	assert_int_equal(version(kv, "c"), 0);
	assert_int_equal(version(kv, "d"), 0);
	assert_int_equal(version(kv, "b"), 20);
	r = apply(kv, 22, 22, (struct state_op[]){ { "c", "1", 0 }, { "b", NULL, 20 }, { "d", "1", STATE_ANY } }, 3);
	assert_int_equal(r.revision, 22);
	assert_int_equal(version(kv, "c"), 22);
	assert_int_equal(version(kv, "d"), 22);
	assert_int_equal(version(kv, "b"), 0);
	kv_free(kv);
}

static void test_applied_once(void **state)
{
	struct kv_limits small = { .commands = 4 };
	struct kv *kv = kv_new(&small), *copy;
	autoclean(buf_free) struct buf snap = { 0 };
	struct state_op up = { "n", "1", 0 };
	struct kv_result r;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(apply(kv, 3, 100, &up, 1).revision, 3);
	/* Sent again, because nobody heard the answer: the answer of then, and no second write. */
	r = apply(kv, 4, 100, &up, 1);
	assert_true(r.again);
	assert_false(r.conflict);
	assert_int_equal(r.revision, 3);
	assert_int_equal(kv_revision(kv), 3);
	/* A conflict is remembered as one, even if it would succeed now. */
	assert_true(apply(kv, 5, 101, &up, 1).conflict);
	assert_int_equal(set(kv, 6, "n", NULL, 3).revision, 6);
	r = apply(kv, 7, 101, &up, 1);
	assert_true(r.again && r.conflict);
	assert_string_equal(r.key, "n");
	assert_int_equal(r.found, 3);
	/* Also over a snapshot; forgotten after as many others as are remembered. */
	kv_snapshot(kv, &snap);
	assert_int_equal(kv_restore(&small, snap.data, snap.len, &copy, &err), 0);
	assert_true(apply(copy, 8, 100, &up, 1).again);
	for (uint64_t i = 0; i < 4; i++)
		apply(copy, 20 + i, 200 + i, &(struct state_op){ "x", "1", STATE_ANY }, 1);
	assert_false(apply(copy, 30, 100, &up, 1).again);
	kv_free(copy);
	kv_free(kv);
}

static size_t count_changes(const struct kv *kv, const char *prefix, uint64_t since, uint64_t *first)
{
	autoclean(state_changes_free) struct state_changes c = { 0 };
	struct err err = { 0 };

	if (kv_changes(kv, prefix, since, &c, &err) < 0) {
		assert_int_equal(err.kind, ERR_NOT_FOUND);
		assert_true(err.hint[0]);
		return SIZE_MAX;
	}
	assert_int_equal(c.revision, kv_revision(kv));
	*first = c.len ? c.items[0].revision : 0;
	assert_int_equal(kv_has_changes(kv, prefix, since), c.len > 0);
	return c.len;
}

static void test_history(void **state)
{
	struct kv_limits small = { .changes = 8, .changes_bytes = 100 };
	struct kv *kv = kv_new(&small);
	uint64_t first;
	char value[90] = { 0 };

	(void)state;
	assert_int_equal(count_changes(kv, "", 0, &first), 0);
	for (uint64_t i = 1; i <= 8; i++)
		set(kv, i, i % 2 ? "odd" : "even", "1", STATE_ANY);
	assert_int_equal(count_changes(kv, "", 0, &first), 8);
	assert_int_equal(count_changes(kv, "even", 0, &first), 4);
	assert_int_equal(first, 2);
	assert_int_equal(count_changes(kv, "even", 2, &first), 3);
	assert_int_equal(count_changes(kv, "", 8, &first), 0);
	assert_int_equal(count_changes(kv, "none", 3, &first), 0);
	/* The ninth pushes the first out. */
	set(kv, 9, "odd", NULL, STATE_ANY);
	assert_true(count_changes(kv, "", 0, &first) == SIZE_MAX);
	assert_true(kv_has_changes(kv, "none", 0));
	assert_int_equal(count_changes(kv, "", 1, &first), 8);
	/* Deleting what is not there is a write, but no change. */
	set(kv, 10, "nothing", NULL, STATE_ANY);
	assert_int_equal(kv_revision(kv), 10);
	assert_int_equal(count_changes(kv, "", 9, &first), 0);
	/* A write of several keys leaves as a whole. */
	apply(kv, 11, 11, (struct state_op[]){ { "a", "1", 0 }, { "b", "1", 0 }, { "c", "1", 0 } }, 3);
	for (uint64_t i = 12; i <= 16; i++)
		set(kv, i, "x", "1", STATE_ANY);
	assert_int_equal(count_changes(kv, "", 10, &first), 8);
	set(kv, 17, "x", "2", STATE_ANY);
	assert_true(count_changes(kv, "", 10, &first) == SIZE_MAX);
	assert_int_equal(count_changes(kv, "", 11, &first), 6);
	assert_int_equal(first, 12);
	/* Bytes count too, and what is larger than all of the history leaves none. */
	memset(value, 'v', sizeof(value) - 1);
	set(kv, 18, "x", value, STATE_ANY);
	assert_int_equal(count_changes(kv, "", 17, &first), 1);
	apply(kv, 19, 19, (struct state_op[]){ { "y", value, 0 }, { "z", value, 0 } }, 2);
	assert_true(count_changes(kv, "", 18, &first) == SIZE_MAX);
	assert_int_equal(count_changes(kv, "", 19, &first), 0);
	kv_free(kv);
}

static void test_dump_and_digest(void **state)
{
	struct kv *a = kv_new(NULL), *b = kv_new(NULL);
	autoclean(buf_free) struct buf dump = { 0 };
	char one[65], two[65];

	(void)state;
	set(a, 3, "site", "{\"x\":[1,2]}", 0);
	set(a, 4, "node/n01", "true", 0);
	kv_dump(a, &dump);
	assert_string_equal(dump.data, "{\"revision\":4,\"documents\":[{\"key\":\"node/n01\",\"version\":4,\"value\":true},"
				       "{\"key\":\"site\",\"version\":3,\"value\":{\"x\":[1,2]}}]}");
	/* The digest is of the documents, not of the way there. */
	set(b, 3, "site", "{\"x\":[1,2]}", 0);
	set(b, 4, "node/n01", "true", 0);
	set(b, 5, "tmp", "1", 0);
	kv_digest(a, one);
	kv_digest(b, two);
	assert_string_not_equal(one, two);
	set(b, 6, "tmp", NULL, 5);
	kv_digest(b, two);
	assert_string_equal(one, two);
	assert_int_not_equal(digest_cmp(kv_chain(a), kv_chain(b)), 0);
	/* A version is part of it. */
	set(b, 7, "node/n01", "true", 4);
	kv_digest(b, two);
	assert_string_not_equal(one, two);
	kv_free(a);
	kv_free(b);
}

static void test_snapshot_damage(void **state)
{
	struct kv *kv = kv_new(NULL), *copy = NULL;
	autoclean(buf_free) struct buf snap = { 0 };

	(void)state;
	set(kv, 5, "a", "1", 0);
	set(kv, 6, "b", "2", 0);
	set(kv, 7, "a", NULL, 0);
	kv_snapshot(kv, &snap);
	for (size_t len = 0; len < snap.len; len++) {
		struct err err = { 0 };

		assert_int_equal(kv_restore(NULL, snap.data, len, &copy, &err), -1);
		assert_int_equal(err.kind, ERR_DAMAGED);
	}
	for (size_t bit = 0; bit < snap.len * 8; bit++) {
		struct err err = { 0 };

		snap.data[bit / 8] ^= (char)(1 << bit % 8);
		assert_int_equal(kv_restore(NULL, snap.data, snap.len, &copy, &err), -1);
		assert_int_equal(err.kind, ERR_DAMAGED);
		snap.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	kv_free(kv);
}

static void test_refuses_nonsense(void **state)
{
	struct kv *kv = kv_new(NULL);
	autoclean(buf_free) struct buf b = { 0 };
	struct kv_result r;
	struct err err = { 0 };
	char before[65], after[65];

	(void)state;
	set(kv, 5, "a", "1", 0);
	kv_digest(kv, before);
	assert_int_equal(kv_apply(kv, 6, "rubbish!", 8, &r, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	encode(&(struct state_op){ "a", "2", STATE_ANY }, 1, 6, &b);
	assert_int_equal(kv_apply(kv, 5, b.data, b.len, &r, &err), -1); /* an index that was there already */
	b.data[4] = 2;							/* a version of the future */
	assert_int_equal(kv_apply(kv, 6, b.data, b.len, &r, &err), -1);
	assert_non_null(strstr(err.text, "version 2"));
	kv_digest(kv, after);
	assert_string_equal(before, after);
	assert_int_equal(kv_applied(kv), 5);
	kv_free(kv);
}

/* A model: an array of keys with versions, and a list of all changes there ever were. */
#define KEYS 12
#define STEPS 3000
struct model {
	uint64_t version[KEYS];
	int value[KEYS];
	uint64_t change_revision[STEPS * 3];
	int change_key[STEPS * 3];
	size_t n_changes;
};

static void model_compare(const struct kv *kv, const struct model *m, uint64_t since)
{
	autoclean(state_docs_free) struct state_docs l = { 0 };
	autoclean(state_changes_free) struct state_changes c = { 0 };
	struct err err = { 0 };
	size_t at = 0, i;

	kv_list(kv, "k/", &l);
	for (int k = 0; k < KEYS; k++) {
		autofree char *key = str_format("k/%02d", k), *value = str_format("%d", m->value[k]);

		assert_int_equal(version(kv, key), m->version[k]);
		if (!m->version[k])
			continue;
		assert_string_equal(l.items[at].key, key);
		assert_string_equal(l.items[at].value, value);
		assert_int_equal(l.items[at++].version, m->version[k]);
	}
	assert_int_equal(at, l.len);
	if (kv_changes(kv, "", since, &c, &err) < 0)
		return;
	for (i = 0; i < m->n_changes && m->change_revision[i] <= since; i++)
		;
	assert_int_equal(m->n_changes - i, c.len);
	for (at = 0; at < c.len; at++, i++) {
		autofree char *key = str_format("k/%02d", m->change_key[i]);

		assert_int_equal(c.items[at].revision, m->change_revision[i]);
		assert_string_equal(c.items[at].key, key);
	}
}

static void model_step(struct kv *kv, struct model *m, uint64_t index, uint64_t *seed)
{
	struct state_op ops[3];
	char keys[3][8], values[3][16];
	int which[3], n = 1 + (int)(next_random(seed) % 3), first = (int)(next_random(seed) % KEYS);
	bool ok = true;

	for (int i = 0; i < n; i++) {
		int k = which[i] = (first + i * 5) % KEYS;
		uint64_t pick = next_random(seed) % 4;

		snprintf(keys[i], sizeof(keys[i]), "k/%02d", k);
		snprintf(values[i], sizeof(values[i]), "%d", (int)index);
		ops[i].key = keys[i];
		ops[i].value = next_random(seed) % 3 ? values[i] : NULL;
		ops[i].expect = pick < 2 ? STATE_ANY : pick == 2 ? m->version[k] : next_random(seed) % (index + 1);
		ok = ok && (ops[i].expect == STATE_ANY || ops[i].expect == m->version[k]);
	}
	assert_int_equal(apply(kv, index, index, ops, (size_t)n).conflict, !ok);
	for (int i = 0; ok && i < n; i++) {
		int k = which[i];

		if (ops[i].value || m->version[k]) {
			m->change_revision[m->n_changes] = index;
			m->change_key[m->n_changes++] = k;
		}
		m->version[k] = ops[i].value ? index : 0;
		m->value[k] = (int)index;
	}
}

static void test_against_model(void **state)
{
	struct kv_limits limits = { .changes = 64, .commands = 16 };
	struct model *m = mem_zalloc(sizeof(*m));
	struct kv *kv = kv_new(&limits);
	uint64_t seed = 20260101, index = 1;
	struct err err = { 0 };

	(void)state;
	for (int step = 0; step < STEPS; step++) {
		index += 1 + next_random(&seed) % 3; /* raft has entries of its own in between */
		model_step(kv, m, index, &seed);
		if (step % 7 == 0)
			model_compare(kv, m, index - next_random(&seed) % (index < 60 ? index : 60));
		if (step % 50 == 0) {
			autoclean(buf_free) struct buf one = { 0 }, two = { 0 };
			struct kv *copy;

			kv_snapshot(kv, &one);
			assert_int_equal(kv_restore(&limits, one.data, one.len, &copy, &err), 0);
			kv_snapshot(copy, &two);
			assert_int_equal(one.len, two.len);
			assert_memory_equal(one.data, two.data, one.len);
			kv_free(kv);
			kv = copy;
		}
	}
	kv_free(kv);
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expectations),	cmocka_unit_test(test_applied_once),
		cmocka_unit_test(test_history),		cmocka_unit_test(test_dump_and_digest),
		cmocka_unit_test(test_snapshot_damage), cmocka_unit_test(test_refuses_nonsense),
		cmocka_unit_test(test_against_model),
	};

	return cmocka_run_group_tests_name("state_kv", tests, NULL, NULL);
}
