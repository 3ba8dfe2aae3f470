/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was read of the state is kept as long as the state says the same, and is everybody's own. */
#include "daemon/parsed.h"

#include "base/json.h"
#include "base/mem.h"
#include "daemon/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

/* A document called NAME. */
#define DOC(name, at, text, number)                                                                                              \
	char name##_key[] = at, name##_value[] = text;                                                                           \
	const struct state_doc name = { name##_key, name##_value, number }

#define N1 "{\"name\":\"n1\",\"group\":\"compute\",\"macs\":[\"52:54:00:00:00:01\",\"52:54:00:00:00:02\"],\"ipv4\":\"10.0.0.1\"}"
#define N1_LATER                                                                                                                 \
	"{\"name\":\"n1\",\"group\":\"login\",\"macs\":[],\"serial\":\"S1\",\"switch\":\"sw\",\"port\":\"7\",\"image\":\"i\","   \
	"\"layout\":\"l\"}"

static void what_is_kept_is_what_was_read(void **state)
{
	struct parsed *p = parsed_new(&parsed_nodes);
	DOC(first, "node/n1", N1, 7);
	DOC(same, "node/n1", "it is not read again", 7);
	DOC(later, "node/n1", N1_LATER, 9);
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		autoclean(node_free) struct node n = { 0 };

		assert_int_equal(parsed_get(p, i ? &same : &first, &n, &err), 0);
		assert_string_equal(n.name, "n1");
		assert_int_equal(n.macs.len, 2);
		assert_string_equal(n.macs.items[1], "52:54:00:00:00:02");
		assert_int_equal(n.addr4, 0x0a000001);
		/* It is the caller's own: what the caller does to it, nobody else sees. */
		n.macs.items[1][0] = 'x';
		n.name[0] = 'x';
	}
	{
		autoclean(node_free) struct node n = { 0 };

		assert_int_equal(parsed_get(p, &later, &n, &err), 0);
		assert_string_equal(n.group, "login");
		assert_string_equal(n.serial, "S1");
		assert_string_equal(n.switch_name, "sw");
		assert_string_equal(n.switch_port, "7");
		assert_string_equal(n.image, "i");
		assert_string_equal(n.layout, "l");
	}
	assert_int_equal(parsed_len(p), 1);
	parsed_free(p);
}

static void what_cannot_be_read_is_not_kept(void **state)
{
	struct parsed *p = parsed_new(&parsed_nodes);
	DOC(bad, "node/n1", "{\"name\":", 7);
	DOC(good, "node/n1", N1, 7);
	autoclean(node_free) struct node n = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(parsed_get(p, &bad, &n, &err), -1);
	assert_int_equal(parsed_len(p), 0);
	err = (struct err){ 0 };
	assert_int_equal(parsed_get(p, &good, &n, &err), 0);
	parsed_free(p);
}

static void what_is_gone_is_forgotten(void **state)
{
	struct parsed *p = parsed_new(&parsed_nodes);
	static const int order[] = { 3, 1, 4, 0, 5, 9, 2, 6, 8, 7 }, left[] = { 0, 4, 5, 9 };
	char keys[10][16], values[10][80];
	struct state_doc all[10], few[5];
	struct state_docs docs = { .items = few, .len = 5 };
	DOC(unasked, "node/nobody-asked-for-it", N1, 99);
	struct err err = { 0 };

	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(keys[i], sizeof(keys[i]), "node/n%d", i);
		snprintf(values[i], sizeof(values[i]), "{\"name\":\"n%d\",\"group\":\"g\",\"macs\":[]}", i);
		all[i] = (struct state_doc){ keys[i], values[i], (uint64_t)i + 1 };
	}
	for (size_t i = 0; i < 10; i++) {
		autoclean(node_free) struct node n = { 0 };

		assert_int_equal(parsed_get(p, &all[order[i]], &n, &err), 0);
	}
	assert_int_equal(parsed_len(p), 10);
	for (size_t i = 0; i < 4; i++)
		few[i] = all[left[i]];
	few[4] = unasked;
	parsed_keep(p, &docs);
	assert_int_equal(parsed_len(p), 4);
	for (size_t i = 0; i < 10; i++) {
		autoclean(node_free) struct node n = { 0 };

		assert_int_equal(parsed_get(p, &all[i], &n, &err), 0);
		assert_string_equal(n.name, all[i].key + 5);
	}
	assert_int_equal(parsed_len(p), 10);
	parsed_free(p);
	parsed_free(NULL);
}

static void a_run_is_copied_whole(void **state)
{
	static const char text[] =
		"{\"state\":\"failed\",\"prior\":\"up\",\"prior_boot\":\"disk\",\"install_id\":\"a\",\"image\":\"b\",\"prior_"
		"image\":\"c\","
		"\"prior_install_id\":\"d\",\"shown_digest\":\"e\",\"step\":\"f\",\"step_text\":\"g\",\"error\":\"h\",\"hint\":"
		"\"i\","
		"\"percent\":7,\"since\":\"j\",\"last_seq\":8,\"seen\":\"k\",\"booted\":{\"l\":1},\"esp_uuid\":\"m\","
		"\"steps\":[{\"name\":\"n\",\"at\":\"o\",\"begun_s\":9,\"seconds\":10,\"result\":\"done\"}]}";
	struct parsed *p = parsed_new(&parsed_runs);
	char key[] = "run/n1", value[sizeof(text)];
	const struct state_doc d = { key, value, 3 };
	autoclean(run_free) struct run read = { 0 }, first = { 0 }, again = { 0 };
	autoclean(buf_free) struct buf want = { 0 }, got = { 0 };
	struct json_out w;
	struct err err = { 0 };

	(void)state;
	memcpy(value, text, sizeof(text));
	assert_int_equal(run_read(text, &read, &err), 0);
	assert_int_equal(parsed_get(p, &d, &first, &err), 0);
	run_free(&first);
	assert_int_equal(parsed_get(p, &d, &again, &err), 0);
	json_out_init(&w, &want, true);
	run_print(&read, &w);
	json_out_init(&w, &got, true);
	run_print(&again, &w);
	assert_string_equal(buf_str(&got), buf_str(&want));
	parsed_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_is_what_was_read),
		cmocka_unit_test(what_cannot_be_read_is_not_kept),
		cmocka_unit_test(what_is_gone_is_forgotten),
		cmocka_unit_test(a_run_is_copied_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
