/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/desk, guest, file: real TLS on the loopback, without any multicast. */
#include "cast_desk_bench.h"
#include "sys/clock.h"
#include "sys/http_client.h"
#include "sys/threads.h"

#include <unistd.h>

#define SYNC_NS (400 * NS_PER_MS)

/* --- the file --- */

static void test_a_file_that_changes(void **state)
{
	struct bench *b = *state;
	autofree uint8_t *scratch = mem_aligned(64, TICKET_PIECE);
	struct err err = { 0 };

	check(file_check(b->file, &err), &err);
	assert_int_equal(truncate(b->path, TICKET_PIECE), 0);
	assert_int_equal(file_check(b->file, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_null(file_chunk(b->file, 0, scratch, &err));
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_null(file_chunk(b->file, 4, scratch, &err)); /* not there any more */
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_int_equal(guest_offer(b->guest, &b->offer, &err), 0);
}

/* --- the desk --- */

static void test_a_file_is_fetched(void **state)
{
	struct bench *b = *state;
	struct out *o = begin(b);
	autoclean(buf_free) struct buf got = { 0 };
	_Atomic uint64_t bytes = 0;
	atomic_bool stop = false;
	struct desk_view v;
	struct desk_guest g;
	struct err err = { 0 };

	ticket(b, NULL, 0);
	assert_true(b->ticket.multicast);
	assert_int_equal(b->ticket.session.number, 1);
	assert_int_equal(b->ticket.session.cast, 99);
	assert_int_equal(b->joined, 1);
	desk_look(b->desk, &v);
	assert_true(v.waited_for == 1 && v.done == 0 && v.fetching == 0);
	check(report(b, TICKET_FETCHING, NULL, &err), &err);
	desk_look(b->desk, &v);
	assert_true(v.waited_for == 1 && v.fetching == 1 && b->left == 1 && !b->left_whole && b->changes == 0);
	check(guest_fetch(b->guest, &b->ticket, o, &bytes, &stop, &err), &err);
	assert_int_equal(bytes, SIZE);
	check(out_finish(o, &err), &err);
	out_close(o, NULL);
	check(fs_read(b->target, SIZE + 1, &got, &err), &err);
	assert_int_equal(got.len, SIZE);
	assert_memory_equal(got.data, b->data, SIZE);
	check(report(b, TICKET_DONE, NULL, &err), &err);
	desk_look(b->desk, &v);
	assert_true(v.waited_for == 0 && v.done == 1 && v.failed == 0 && v.fetching == 0);
	assert_true(b->left == 1 && b->left_whole && b->changes == 1);
	assert_true(desk_guest(b->desk, 0, &g));
	assert_true(g.state == DESK_DONE && g.fetching && g.report.tls_bytes == 5);
	assert_string_equal(g.address, "127.0.0.1");
	desk_guest_clear(&g);
	assert_false(desk_guest(b->desk, 1, &g));
	desk_wait(b->desk, INT64_MAX / 2, 0);
}

static void test_what_was_kept_is_not_sent_again(void **state)
{
	struct bench *b = *state;
	struct out *o = begin(b);
	autofree uint8_t *have = NULL;
	_Atomic uint64_t bytes = 0;
	atomic_bool stop = false;
	struct digest d;
	struct err err = { 0 };
	size_t len;

	for (uint32_t i = 0; i < 4; i += 2) {
		check(file_digest(b->file, i, &d, &err), &err);
		check(out_chunk(o, 0, i, b->data + i * TICKET_PIECE, TICKET_PIECE, &d, &err), &err);
	}
	out_close(o, NULL);
	o = begin(b);
	check(guest_verify(b->guest, &b->offer, o, &stop, &err), &err);
	have = out_have(o, &len);
	ticket(b, have, len);
	assert_int_equal(b->have, 0x05);
	check(guest_fetch(b->guest, &b->ticket, o, &bytes, &stop, &err), &err);
	assert_int_equal(bytes, SIZE - 2 * TICKET_PIECE);
	assert_true(out_whole(o));
	out_close(o, NULL);
}

static void test_who_comes_again_is_one_receiver(void **state)
{
	struct bench *b = *state;
	struct desk_view v;
	struct desk_guest g;
	struct err err = { 0 };

	out_close(begin(b), NULL);
	ticket(b, NULL, 0);
	ticket(b, NULL, 0);
	assert_int_equal(b->ticket.session.number, 2);
	assert_true(b->left == 1 && !b->left_whole);
	desk_look(b->desk, &v);
	assert_int_equal(v.waited_for, 1);
	assert_true(desk_guest(b->desk, 0, &g));
	assert_int_equal(g.state, DESK_REPLACED);
	desk_guest_clear(&g);
	check(report(b, TICKET_FAILED, "no room", &err), &err);
	assert_true(desk_guest(b->desk, 1, &g));
	assert_int_equal(g.state, DESK_FAILED);
	assert_string_equal(g.report.why, "no room");
	desk_guest_clear(&g);
	/* Another's word is not taken, nor one that comes later. */
	check(report(b, TICKET_DONE, NULL, &err), &err);
	desk_look(b->desk, &v);
	assert_true(v.failed == 1 && v.done == 0);
	b->ticket.receipt[0] ^= 1;
	assert_int_equal(report(b, TICKET_DONE, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	b->over = true;
	ticket(b, NULL, 0);
	assert_false(b->ticket.multicast);
}

static void test_a_wrong_secret(void **state)
{
	struct bench *b = *state;
	struct token wrong = b->token;
	struct guest *g = NULL;
	struct desk_view v;
	struct err err = { 0 };
	int64_t begin_ns = clock_now_ns();

	wrong.secret[0] ^= 1;
	check(guest_open(&wrong, &g, &err), &err);
	assert_int_equal(guest_offer(g, &b->offer, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_true(clock_now_ns() - begin_ns >= NS_PER_S); /* slowed */
	guest_close(g);
	desk_look(b->desk, &v);
	assert_int_equal(v.refused, 1);
	/* Another server, which would like to know the secret. */
	wrong = b->token;
	wrong.pin.bytes[0] ^= 1;
	check(guest_open(&wrong, &g, &err), &err);
	assert_int_equal(guest_offer(g, &b->offer, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_true(err.hint[0] != '\0');
	guest_close(g);
}

static int ask(struct bench *b, const char *method, const char *path, const char *body, struct http_reply *reply, struct err *err)
{
	char pin[DIGEST_HEX_LEN], bearer[TOKEN_BEARER_LEN];
	autoclean(buf_free) struct buf url = { 0 };
	struct http_client_opts opts = { .pin = pin, .bearer = bearer };
	struct http_request req = { .method = method, .path = path, .body = body, .body_len = body ? strlen(body) : 0 };
	struct http_client *c = NULL;
	int rc;

	token_url(&b->token, &url);
	token_bearer(&b->token, bearer);
	digest_hex(&b->token.pin, pin);
	opts.base_url = buf_str(&url);
	check(http_client_new(&opts, &c, err), err);
	rc = http_send(c, &req, reply, err);
	http_client_free(c);
	return rc;
}

static void test_what_is_asked_wrongly(void **state)
{
	struct bench *b = *state;
	static const struct {
		const char *method, *path, *body;
		int status;
	} cases[] = {
		{ "GET", "/v1/rows?from=6", NULL, 400 },
		{ "GET", "/v1/rows?to=6", NULL, 400 },
		{ "GET", "/v1/rows?from=5&number=65535", NULL, 200 },
		{ "GET", "/v1/data?number=x", NULL, 400 },
		{ "GET", "/v1/nothing", NULL, 404 },
		{ "POST", "/v1/ticket", "{}", 400 },
		{ "POST", "/v1/ticket",
		  "{\"guest\":\"00000000000000000000000000000000\",\"host\":\"n\",\"have\":\"AA==\","
		  "\"id\":\"0000000000000000000000000000000000000000000000000000000000000000\"}",
		  409 },
		{ "POST", "/v1/report", "[]", 400 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autoclean(http_reply_free) struct http_reply reply = { 0 };
		struct err err = { 0 };

		check(ask(b, cases[i].method, cases[i].path, cases[i].body, &reply, &err), &err);
		if (reply.status != cases[i].status)
			fail_msg("%s: %d, not %d: %s", cases[i].path, reply.status, cases[i].status, buf_str(&reply.body));
	}
	assert_int_equal(b->joined, 0);
}

static void *stop_soon(void *ctx)
{
	struct bench *b = ctx;

	desk_stop(b->desk, "the sender was stopped");
	return NULL;
}

static void test_a_desk_that_stops(void **state)
{
	struct bench *b = *state;
	struct out *o = begin(b);
	_Atomic uint64_t bytes = 0;
	atomic_bool stop = false;
	struct desk_guest g;
	struct err err = { 0 };
	pthread_t thread;

	ticket(b, NULL, 0);
	check(thread_start(&thread, stop_soon, b, &err), &err);
	desk_wait(b->desk, INT64_MAX / 2, NS_PER_MS); /* ends: it was stopped */
	pthread_join(thread, NULL);
	assert_int_equal(guest_fetch(b->guest, &b->ticket, o, &bytes, &stop, &err), -1);
	assert_non_null(strstr(err.text, "the sender was stopped"));
	assert_int_equal(report(b, TICKET_FAILED, "stopped", &err), 0);
	assert_true(desk_guest(b->desk, 0, &g));
	assert_int_equal(g.state, DESK_FAILED);
	desk_guest_clear(&g);
	out_close(o, NULL);
}

static void test_who_is_silent_is_given_up(void **state)
{
	struct bench *b = *state;
	struct desk_view v;
	struct desk_guest g;

	out_close(begin(b), NULL);
	ticket(b, NULL, 0);
	desk_wait(b->desk, NS_PER_MS, NS_PER_S);
	desk_look(b->desk, &v);
	assert_true(v.failed == 1 && v.waited_for == 0);
	assert_true(desk_guest(b->desk, 0, &g));
	assert_non_null(strstr(g.report.why, "not heard of"));
	desk_guest_clear(&g);
}

/* Its disk is slow, and it says so: it is waited for as long as it does. */
static void *sync_slowly(void *arg)
{
	struct bench *b = arg;
	struct err err = { 0 };

	for (int i = 0; i < 8; i++) {
		check(report(b, TICKET_SYNCING, NULL, &err), &err);
		clock_sleep_ns(SYNC_NS / 4);
	}
	check(report(b, TICKET_DONE, NULL, &err), &err);
	return NULL;
}

static void test_a_slow_disk_is_waited_for(void **state)
{
	struct bench *b = *state;
	struct desk_view v;
	struct desk_guest g;
	struct err err = { 0 };
	pthread_t thread;

	out_close(begin(b), NULL);
	ticket(b, NULL, 0);
	/* One that takes nothing for now takes part still. */
	check(report(b, TICKET_HELD_UP, NULL, &err), &err);
	desk_look(b->desk, &v);
	assert_true(v.waited_for == 1 && v.syncing == 0 && b->left == 0 && b->changes == 0);
	check(report(b, TICKET_SYNCING, NULL, &err), &err);
	desk_look(b->desk, &v);
	assert_true(v.waited_for == 1 && v.syncing == 1 && v.done == 0 && b->left_whole && b->changes == 0);
	check(thread_start(&thread, sync_slowly, b, &err), &err);
	desk_wait(b->desk, SYNC_NS, NS_PER_S);
	pthread_join(thread, NULL);
	desk_look(b->desk, &v);
	assert_true(v.done == 1 && v.failed == 0 && v.syncing == 0 && v.waited_for == 0);
	assert_true(desk_guest(b->desk, 0, &g));
	assert_true(g.state == DESK_DONE && g.syncing);
	desk_guest_clear(&g);
	/* Until it does not. */
	ticket(b, NULL, 0);
	check(report(b, TICKET_SYNCING, NULL, &err), &err);
	desk_wait(b->desk, NS_PER_MS, NS_PER_S);
	assert_true(desk_guest(b->desk, 1, &g));
	assert_non_null(strstr(g.report.why, "its disk"));
	desk_guest_clear(&g);
}

static void test_a_fetch_that_is_stopped(void **state)
{
	struct bench *b = *state;
	struct out *o = begin(b);
	_Atomic uint64_t bytes = 0;
	atomic_bool stop = true;
	struct err err = { 0 };

	ticket(b, NULL, 0);
	assert_int_equal(guest_fetch(b->guest, &b->ticket, o, &bytes, &stop, &err), -1);
	assert_string_equal(err.text, "stopped");
	out_close(o, NULL);
}

#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DESK(test_a_file_that_changes),
		WITH_DESK(test_a_file_is_fetched),
		WITH_DESK(test_what_was_kept_is_not_sent_again),
		WITH_DESK(test_who_comes_again_is_one_receiver),
		WITH_DESK(test_a_wrong_secret),
		WITH_DESK(test_what_is_asked_wrongly),
		WITH_DESK(test_a_desk_that_stops),
		WITH_DESK(test_who_is_silent_is_given_up),
		WITH_DESK(test_a_slow_disk_is_waited_for),
		WITH_DESK(test_a_fetch_that_is_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
