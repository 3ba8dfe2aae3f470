/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a machine becomes a node: it waits, it is rejected, its token is taken or not, and its certificate never runs out. Needs
 * root, as the rig does. */
#include "tests/unit/imager_rig.h"

#include "imaging/imager/head_priv.h"

#include <sys/stat.h>

static const struct head_event an_event = {
	.install_id = "00112233445566778899aabbccddeeff", .step = "restore", .event = "begin", .text = "restore", .percent = -1
};

static struct head *connect_with(const struct rig *r, const char *token)
{
	const struct head_opts opts = { .server = "http://localhost",
					.unix_socket = r->sock,
					.token = token,
					.identity = &r->enrolling.id,
					.pause_ns = 5 * NS_PER_MS };
	struct head *h = NULL;
	struct err err = { 0 };

	if (head_open(&opts, &h, &err) < 0)
		fail_msg("%s", err.text);
	return h;
}

static enum head_standing enrol_once(struct head *h)
{
	enum head_standing standing = HEAD_PENDING;
	struct err err = { 0 };

	if (head_enrol(h, "{\"mac\":\"52:54:00:77:00:01\"}", 0, &standing, &err) < 0)
		fail_msg("%s", err.text);
	return standing;
}

static void a_machine_is_pending_then_a_node(void **state)
{
	struct rig *r = *state;
	struct head *h = r->head;
	autoclean(head_answer_free) struct head_answer a = { 0 };
	autofree char *seal = str_format("\"seal_key\":\"%s\"", r->enrolling.id.seal_key);
	struct stat st;
	struct err err = { 0 };

	assert_int_equal(head_hello(h, "{}", &a, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	r->enrolling.pending = 2;
	assert_int_equal(enrol_once(h), HEAD_PENDING);
	assert_int_equal(enrol_once(h), HEAD_PENDING);
	assert_false(fs_exists(r->enrolling.id.crt_path));
	assert_int_equal(enrol_once(h), HEAD_APPROVED);
	assert_int_equal(stat(r->enrolling.id.crt_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_non_null(strstr(r->enrolling.body, seal));
	assert_non_null(strstr(r->enrolling.body, "\"machine\":{\"mac\":\"52:54:00:77:00:01\"}"));
	assert_non_null(strstr(r->enrolling.body, "-----BEGIN CERTIFICATE REQUEST-----\\n"));
	assert_null(strstr(r->enrolling.body, "\"token\""));
}

/* Somebody between the two would have to give the head another key. */
static void a_head_that_sees_another_key_is_not_believed(void **state)
{
	struct rig *r = *state;
	struct head *h = r->head;
	enum head_standing standing = HEAD_PENDING;
	struct err err = { 0 };

	r->enrolling.pending = 1;
	r->enrolling.sees = "00000000000000000000000000000000000000000000000000000000000000aa";
	assert_int_equal(head_enrol(h, "{}", 0, &standing, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_non_null(strstr(err.hint, "approve nothing"));
}

static void a_token_is_told_once_it_is_taken_or_not(void **state)
{
	struct rig *r = *state;
	struct head *h = connect_with(r, "the-token-1");

	r->enrolling.pending = 1;
	assert_int_equal(enrol_once(h), HEAD_PENDING);
	assert_non_null(strstr(r->enrolling.body, "\"token\":\"the-token-1\""));
	assert_int_equal(enrol_once(h), HEAD_APPROVED);
	assert_non_null(strstr(r->enrolling.body, "\"token\":\"the-token-1\""));
	assert_int_equal(enrol_once(h), HEAD_APPROVED);
	assert_null(strstr(r->enrolling.body, "the-token-1"));
	head_close(h);
	/* One that is used up: the machine waits for the administrator like any other. */
	h = connect_with(r, "the-token-2");
	r->enrolling.bad_token = "the token was used before";
	r->enrolling.pending = 1;
	r->enrolling.asked = 0;
	assert_int_equal(enrol_once(h), HEAD_PENDING);
	assert_int_equal(r->enrolling.asked, 2);
	assert_null(strstr(r->enrolling.body, "the-token-2"));
	head_close(h);
}

/* A certificate of which little is left is renewed before the next call; a head that gives none yet is borne. */
static void certificates_are_renewed_in_time(void **state)
{
	struct rig *r = *state;
	struct head *h = r->head;
	struct err err = { 0 };

	assert_int_equal(enrol_once(h), HEAD_APPROVED);
	assert_int_equal(head_event(h, &an_event, &err), 0);
	assert_int_equal(r->enrolling.asked, 1);
	h->renew_at_ns = clock_now_ns();
	r->enrolling.rejected = "the head is busy with something else";
	assert_int_equal(head_event(h, &an_event, &err), 0);
	assert_int_equal(r->enrolling.asked, 2);
	assert_true(h->renew_at_ns > clock_now_ns() + 60 * NS_PER_S);
	assert_int_equal(head_event(h, &an_event, &err), 0);
	assert_int_equal(r->enrolling.asked, 2);
	h->renew_at_ns = clock_now_ns();
	r->enrolling.rejected = NULL;
	assert_int_equal(head_event(h, &an_event, &err), 0);
	assert_int_equal(r->enrolling.asked, 3);
	/* Half of 24 hours; of a short one half of that; and never in a circle. */
	assert_in_range(h->renew_at_ns - clock_now_ns(), 43100 * NS_PER_S, 43200 * NS_PER_S);
	r->enrolling.minutes = 60;
	assert_int_equal(enrol_once(h), HEAD_APPROVED);
	assert_in_range(h->renew_at_ns - clock_now_ns(), 1700 * NS_PER_S, 1800 * NS_PER_S);
	r->enrolling.minutes = 1;
	assert_int_equal(enrol_once(h), HEAD_APPROVED);
	assert_in_range(h->renew_at_ns - clock_now_ns(), 59 * NS_PER_S, 60 * NS_PER_S);
	assert_int_equal(r->events.len, 4);
}

/* A rejected machine asks again with longer and longer pauses, one that waits for approval says so; then all is as ever. */
static void a_machine_comes_in_however_long_it_takes(void **state)
{
	struct rig *r = *state;

	r->opts.pause_ns = NS_PER_MS;
	r->opts.say_ns = NS_PER_MS;
	r->enrolling.reject_first = 4;
	r->enrolling.pending = 3;
	r->hellos = HELLOS_MOST; /* it is told to start from its disk */
	serve(&r->opts, "52:54:00:77:00:01", r->head);
	assert_int_equal(r->enrolling.asked, 8);
	assert_int_equal(r->hellos, HELLOS_MOST + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_machine_is_pending_then_a_node, begin, end),
		cmocka_unit_test_setup_teardown(a_head_that_sees_another_key_is_not_believed, begin, end),
		cmocka_unit_test_setup_teardown(a_token_is_told_once_it_is_taken_or_not, begin, end),
		cmocka_unit_test_setup_teardown(certificates_are_renewed_in_time, begin, end),
		cmocka_unit_test_setup_teardown(a_machine_comes_in_however_long_it_takes, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
