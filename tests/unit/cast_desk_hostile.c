/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/guest at a desk that says and sends what it likes, and cast/desk with guests who do: neither writes where it may not, nor
 * keeps more than it must. */
#include "base/mem.h"
#include "base/str.h"
#include "cast/desk_priv.h"
#include "cast/file.h"
#include "cast/guest.h"
#include "cast/layout.h"
#include "cast/out.h"
#include "cast/treehash.h"
#include "cast/wire.h"
#include "sys/fs.h"
#include "sys/http_client.h"
#include "sys/http_server.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PIECES 4
#define SIZE (3 * TICKET_PIECE + 77)

/* A desk of our own, which has the right keys. */
struct liar {
	char *dir, *target, name[8];
	uint8_t *data;
	struct desk_keys keys;
	struct http_server *server;
	struct ticket_file file; /* as it is offered */
	uint64_t ticket_size;	 /* as the ticket says */
	struct token token;
	struct guest *guest;
	struct ticket_offer offer;
	struct ticket ticket;
	size_t heard; /* bytes of the last body */
};

static void check(int rc, const struct err *err)
{
	if (rc != 0)
		fail_msg("%s", err->text);
}

static int get_cast(void *ctx, struct http_call *call, struct err *err)
{
	struct liar *l = ctx;
	struct ticket_offer o = { .cast = 5, .file = l->file };

	(void)err;
	memcpy(o.sign_public, l->keys.sign.public, SESSION_SIGN_PUBLIC);
	ticket_offer_write(&o, http_out(call));
	return 0;
}

static int post_ticket(void *ctx, struct http_call *call, struct err *err)
{
	struct liar *l = ctx;
	struct ticket t = { .session = { .cast = 5, .number = 1, .symbol_bytes = LAYOUT_SYMBOL }, .file = l->file };

	(void)err;
	(void)http_body(call, &l->heard);
	t.file.size_bytes = l->ticket_size;
	memcpy(t.session.sign_public, l->keys.sign.public, SESSION_SIGN_PUBLIC);
	((struct sockaddr_in *)&t.session.group)->sin_family = ((struct sockaddr_in *)&t.session.sender)->sin_family = AF_INET;
	((struct sockaddr_in *)&t.session.group)->sin_port = ((struct sockaddr_in *)&t.session.sender)->sin_port = htons(1);
	ticket_write(&t, http_out(call));
	return 0;
}

static int get_rows(void *ctx, struct http_call *call, struct err *err)
{
	struct liar *l = ctx;
	struct wire_rows r = { 0 };
	struct treehash *t = treehash_new();
	uint8_t text[WIRE_ROWS_SIGNED_MAX];
	uint64_t from = 0;
	int rc = http_query_u64(call, "from", 0, PIECES - 1, &from, err);

	r.first = (uint32_t)from;
	r.n = (uint16_t)(PIECES - from);
	for (uint64_t i = from; i < PIECES; i++)
		treehash_of(t, l->data + i * TICKET_PIECE, i == PIECES - 1 ? 77 : TICKET_PIECE, &r.digests[i - from]);
	treehash_free(t);
	if (rc == 0)
		rc = sign_bytes(&l->keys.sign, text, wire_rows_signed(5, &r, text), r.signature, err);
	if (rc == 0)
		ticket_rows_write(&r, 1, http_out(call));
	return rc;
}

/* What was asked for, and more. */
static int get_data(void *ctx, struct http_call *call, struct err *err)
{
	struct liar *l = ctx;
	static const uint8_t more[1000] = { 1, 2, 3 };

	(void)err;
	buf_add(http_out(call), l->data, 3 * (size_t)TICKET_PIECE);
	buf_add(http_out(call), more, sizeof(more));
	return 0;
}

static bool nobody_may(void *ctx, const struct http_call *call)
{
	const struct liar *l = ctx;

	return l->ticket_size == SIZE && http_bearer(call) != NULL;
}

static const struct http_route routes[] = {
	{ "GET", "/v1/cast", HTTP_ANYBODY, get_cast, 0, NULL },
	{ "POST", "/v1/ticket", HTTP_ANYBODY, post_ticket, 1 << 20, NULL },
	{ "GET", "/v1/rows", HTTP_ANYBODY, get_rows, 0, "from number" },
	{ "GET", "/v1/data", HTTP_ANYBODY, get_data, 0, "number" },
};

static void facts(struct liar *l)
{
	struct layout *layout = NULL;
	struct err err = { 0 };

	memcpy(l->name, "file", sizeof("file"));
	l->file = (struct ticket_file){
		.name = l->name, .size_bytes = SIZE, .piece_bytes = TICKET_PIECE, .mode = 0644, .symbol_bytes = LAYOUT_SYMBOL
	};
	check(layout_of_pieces(SIZE, TICKET_PIECE, LAYOUT_SYMBOL, &layout, &err), &err);
	layout_digest(layout, &l->file.layout);
	layout_drop(layout);
	ticket_file_id(&l->file, &l->file.id);
	l->ticket_size = SIZE;
}

static int set_up(void **state)
{
	struct liar *l = mem_zalloc(sizeof(*l));
	struct http_server_opts opts = {
		.routes = routes, .n_routes = ARRAY_LEN(routes), .ctx = l, .workers = 1, .takes_body = nobody_may
	};
	autofree char *crt = NULL, *key = NULL;
	struct err err = { 0 };
	struct http_tls tls;

	l->dir = mem_strdup("/tmp/orthrus-cast-liar.XXXXXX");
	if (!mkdtemp(l->dir))
		return -1;
	crt = fs_join(l->dir, "crt");
	key = fs_join(l->dir, "key");
	l->target = fs_join(l->dir, "target");
	l->data = mem_zalloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		l->data[i] = (uint8_t)(i * 7 + i / 509);
	facts(l);
	check(desk_keys_make("127.0.0.1", &l->keys, &err), &err);
	check(fs_write_atomic(crt, l->keys.crt.data, l->keys.crt.len, 0600, &err), &err);
	check(fs_write_atomic(key, l->keys.key.data, l->keys.key.len, 0600, &err), &err);
	tls = (struct http_tls){ .listen = "127.0.0.1:0", .crt = crt, .key = key, .ca = crt };
	check(http_server_new(&opts, &l->server, &err), &err);
	check(http_server_tls(l->server, &tls, &err), &err);
	l->token = (struct token){ .host = "127.0.0.1", .port = (uint16_t)http_server_port(l->server), .pin = l->keys.pin };
	check(guest_open(&l->token, &l->guest, &err), &err);
	*state = l;
	return 0;
}

static int tear_down(void **state)
{
	struct liar *l = *state;
	struct err err = { 0 };
	int rc;

	guest_close(l->guest);
	http_server_stop(l->server);
	desk_keys_clear(&l->keys);
	ticket_clear(&l->ticket);
	ticket_offer_clear(&l->offer);
	rc = fs_remove_tree(l->dir, &err);
	free(l->dir);
	free(l->target);
	free(l->data);
	free(l);
	return rc;
}

static int ticket(struct liar *l, struct err *err)
{
	struct guest_wish wish = { .path = l->target, .offer = &l->offer };

	return guest_ticket(l->guest, &wish, &l->ticket, err);
}

/* More than was asked for is not taken: not as the next piece, and not as one behind the last. */
static void test_more_than_was_asked_for(void **state)
{
	struct liar *l = *state;
	struct out *o = NULL;
	struct out_opts opts = { .path = l->target, .hands = 1, .file = &l->offer.file };
	_Atomic uint64_t bytes = 0;
	atomic_bool stop = false;
	struct treehash *t = treehash_new();
	struct digest d;
	struct err err = { 0 };

	check(guest_offer(l->guest, &l->offer, &err), &err);
	check(out_open(&opts, &o, &err), &err);
	check(ticket(l, &err), &err);
	treehash_of(t, l->data + 3 * TICKET_PIECE, 77, &d);
	treehash_free(t);
	check(out_chunk(o, 0, 3, l->data + 3 * TICKET_PIECE, 77, &d, &err), &err); /* it is there already */
	check(guest_fetch(l->guest, &l->ticket, o, &bytes, &stop, &err), &err);
	assert_int_equal(bytes, 3 * TICKET_PIECE);
	assert_true(out_whole(o));
	check(out_finish(o, &err), &err);
	out_close(o, NULL);
}

/* The ticket is for the file that was offered, and for which there is room. */
static void test_another_file_than_was_offered(void **state)
{
	struct liar *l = *state;
	struct err err = { 0 };

	check(guest_offer(l->guest, &l->offer, &err), &err);
	l->ticket_size = SIZE + 100 * (uint64_t)TICKET_PIECE;
	assert_int_equal(ticket(l, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	l->ticket_size = SIZE;
	err = (struct err){ 0 };
	check(ticket(l, &err), &err);
}

/* What it says of the file costs no memory before it is known to make sense. */
static void test_offers_that_cost_memory(void **state)
{
	static const struct {
		uint64_t size;
		uint32_t piece;
		uint16_t symbol;
	} lies[] = {
		{ (uint64_t)1 << 44, 64 << 20, 64 },	 /* 2^31 blocks */
		{ (uint64_t)1 << 24, 1, LAYOUT_SYMBOL }, /* pieces of a byte */
		{ (uint64_t)1 << 49, 1 << 25, 512 },
	};
	struct liar *l = *state;

	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		struct err err = { 0 };

		l->file.size_bytes = lies[i].size;
		l->file.piece_bytes = lies[i].piece;
		l->file.symbol_bytes = lies[i].symbol;
		assert_int_equal(guest_offer(l->guest, &l->offer, &err), -1);
		assert_int_equal(err.kind, ERR_FAILED);
	}
}

static void test_bodies_of_strangers(void **state)
{
	struct liar *l = *state;
	autofree char *body = mem_zalloc(500001);
	autoclean(buf_free) struct buf url = { 0 };
	char pin[DIGEST_HEX_LEN];
	struct http_client_opts opts = { .pin = pin };
	struct http_client *c = NULL;
	struct err err = { 0 };

	memset(body, 'x', 500000);
	token_url(&l->token, &url);
	digest_hex(&l->token.pin, pin);
	opts.base_url = buf_str(&url);
	check(http_client_new(&opts, &c, &err), &err);
	for (int known = 0; known < 2; known++) {
		autoclean(http_reply_free) struct http_reply reply = { 0 };
		struct http_request req = { .method = "POST", .path = "/v1/ticket", .body = body, .body_len = 500000 };

		if (known)
			http_client_set_bearer(c, "me");
		check(http_send(c, &req, &reply, &err), &err);
		assert_int_equal(reply.status, 200);
		assert_int_equal(l->heard, known ? 500000 : 0);
	}
	http_client_free(c);
}

/* One that shows the token takes no more than its share of the numbers. */
static void test_tickets_of_one(void **state)
{
	struct ticket_ask ask = { .host = (char[]){ "n" } };
	struct desk_keys keys;
	struct desk_opts opts = { .address = "127.0.0.1", .keys = &keys };
	struct desk *d = NULL;
	struct ticket t;
	uint16_t old;
	struct err err = { 0 };

	(void)state;
	check(desk_keys_make("127.0.0.1", &keys, &err), &err);
	check(desk_open(&opts, &d, &err), &err);
	for (int i = 0; i < DESK_TICKETS_OF_ONE; i++) {
		memcpy(ask.guest, &i, sizeof(i));
		check(desk_book_add(d, &ask, "10.0.0.1", &t, &old, &err), &err);
	}
	assert_int_equal(desk_book_add(d, &ask, "10.0.0.1", &t, &old, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	check(desk_book_add(d, &ask, "10.0.0.2", &t, &old, &err), &err);
	desk_close(d);
	desk_keys_clear(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_more_than_was_asked_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_another_file_than_was_offered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_offers_that_cost_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bodies_of_strangers, set_up, tear_down),
		cmocka_unit_test(test_tickets_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
