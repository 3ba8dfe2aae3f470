/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands in and out: what is not well-formed is refused, whichever way it comes. */
#include "state_command.h"

static void test_command_lengths(void **state)
{
	struct err err = { 0 };

	(void)state;
	for (size_t len = 0; len < 40; len++) {
		autoclean(buf_free) struct buf b = { 0 };
		autoclean(command_free) struct command c = { 0 };
		char value[64] = { 0 };
		struct state_op op[] = { { "node/n01", value, 5 }, { "order/n01", NULL, STATE_ANY } };

		memset(value, 'x', len);
		encode(op, 2, 99, &b);
		assert_int_equal(b.len % 8, 0);
		assert_int_equal(command_decode(b.data, b.len, &c, &err), 0);
		assert_int_equal(c.n, 2);
		assert_int_equal(c.id.client, 7);
		assert_int_equal(c.id.seq, 99);
		assert_int_equal(c.ops[0].value_len, len);
		assert_memory_equal(c.ops[0].value, value, len);
		assert_int_equal(c.ops[0].expect, 5);
		assert_memory_equal(c.ops[1].key, "order/n01", c.ops[1].key_len);
		assert_null(c.ops[1].value);
		assert_true(c.ops[1].expect == STATE_ANY);
	}
}

/* Every cut and every flipped bit is refused or still a well-formed command: never a crash, never a key that is not allowed. */
static void test_command_damage(void **state)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct state_op op[] = { { "a", "{}", 0 }, { "b", NULL, 3 } };

	(void)state;
	encode(op, 2, 1, &b);
	for (size_t len = 0; len < b.len; len++) {
		struct command c;
		struct err err = { 0 };

		assert_int_equal(command_decode(b.data, len, &c, &err), -1);
		assert_int_equal(err.kind, ERR_DAMAGED);
		assert_true(err.text[0]);
	}
	for (size_t bit = 0; bit < b.len * 8; bit++) {
		struct command c;
		struct err err = { 0 };

		b.data[bit / 8] ^= (char)(1 << bit % 8);
		if (command_decode(b.data, b.len, &c, &err) == 0)
			for (size_t i = 0; i < c.n; i++)
				assert_int_equal(command_check_key(c.ops[i].key, c.ops[i].key_len, &err), 0);
		else
			assert_int_equal(err.kind, ERR_DAMAGED);
		command_free(&c);
		b.data[bit / 8] ^= (char)(1 << bit % 8);
	}
}

static void refused(const struct state_op *ops, size_t n, const char *word)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct command_id id = { 1, 1 };
	struct err err = { 0 };

	assert_int_equal(command_encode(&id, ops, n, &b, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	if (!strstr(err.text, word))
		fail_msg("'%s' does not say '%s'", err.text, word);
	assert_int_equal(b.len, 0);
}

static void test_command_refuses(void **state)
{
	static const char *const bad[] = { "node n01", "node/n01\n", "n\xc3\xb6", "a*", "\"", "a\\b" };
	char key[COMMAND_KEY_MAX + 2];
	autofree char *value = mem_zalloc(COMMAND_VALUE_MAX + 2);
	autofree struct state_op *many = mem_array(COMMAND_OPS_MAX + 1, sizeof(*many));

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refused(&(struct state_op){ bad[i], "1", STATE_ANY }, 1, "none of");
	refused(&(struct state_op){ "", "1", STATE_ANY }, 1, "1 to 200");
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = 0;
	refused(&(struct state_op){ key, "1", STATE_ANY }, 1, "201");
	memset(value, '1', COMMAND_VALUE_MAX + 1);
	refused(&(struct state_op){ "big", value, STATE_ANY }, 1, "524289");
	refused((struct state_op[]){ { "a", "1", STATE_ANY }, { "b", "1", STATE_ANY }, { "a", NULL, STATE_ANY } }, 3, "twice");
	refused(many, 0, "1 to");
	for (size_t i = 0; i <= COMMAND_OPS_MAX; i++)
		many[i] = (struct state_op){ "a", "1", STATE_ANY };
	refused(many, COMMAND_OPS_MAX + 1, "4097");
	value[COMMAND_VALUE_MAX] = 0;
	refused((struct state_op[]){ { "a", value, STATE_ANY }, { "b", value, STATE_ANY } }, 2, "too much");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command_lengths),
		cmocka_unit_test(test_command_damage),
		cmocka_unit_test(test_command_refuses),
	};

	return cmocka_run_group_tests_name("state_command", tests, NULL, NULL);
}
