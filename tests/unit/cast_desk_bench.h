/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A desk, a file on it and a guest of it, for tests of them: real TLS on the loopback, and a cast that only writes down what it
 * is told. */
#ifndef ORTHRUS_TESTS_CAST_DESK_BENCH_H
#define ORTHRUS_TESTS_CAST_DESK_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "cast/desk.h"
#include "cast/file.h"
#include "cast/guest.h"
#include "cast/out.h"
#include "sys/fs.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define SIZE (5 * TICKET_PIECE + 77)

struct bench {
	char *dir, *path, *target;
	uint8_t *data;
	struct file *file;
	struct desk_keys keys;
	struct session session;
	struct desk *desk;
	struct token token;
	struct guest *guest;
	struct ticket_offer offer;
	struct ticket ticket;
	/* what the cast was told */
	uint16_t joined, left;
	bool left_whole, over;
	uint8_t have;
	unsigned int changes;
};

static void check(int rc, const struct err *err)
{
	if (rc != 0)
		fail_msg("%s", err->text);
}

static int on_join(void *ctx, uint16_t number, const uint8_t own_key[SESSION_KEY], const uint8_t *have, struct err *err)
{
	struct bench *b = ctx;

	(void)own_key;
	b->joined = number;
	b->have = have ? have[0] : 0;
	return b->over ? err_set(err, ERR_REFUSED, "over") : 0;
}

static void on_leave(void *ctx, uint16_t number, bool whole)
{
	struct bench *b = ctx;

	b->left = number;
	b->left_whole = whole;
}

static void on_changed(void *ctx)
{
	((struct bench *)ctx)->changes++;
}

static void open_desk(struct bench *b)
{
	struct desk_opts opts = { .address = "127.0.0.1",
				  .file = b->file,
				  .session = &b->session,
				  .keys = &b->keys,
				  .join = on_join,
				  .leave = on_leave,
				  .changed = on_changed,
				  .ctx = b };
	struct sockaddr_in *sender = (struct sockaddr_in *)&b->session.sender;
	struct err err = { 0 };

	check(desk_keys_make("127.0.0.1", &b->keys, &err), &err);
	check(desk_group("232.9.8.7", false, &b->session.group, &err), &err);
	sender->sin_family = AF_INET;
	sender->sin_port = htons(4444);
	sender->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	b->session.cast = 99;
	b->session.symbol_bytes = file_facts(b->file)->symbol_bytes;
	memcpy(b->session.sign_public, b->keys.sign.public, SESSION_SIGN_PUBLIC);
	check(desk_open(&opts, &b->desk, &err), &err);
	desk_token(b->desk, &b->token);
}

static int set_up(void **state)
{
	struct bench *b = mem_zalloc(sizeof(*b));
	struct err err = { 0 };

	b->dir = mem_strdup("/tmp/orthrus-cast-desk.XXXXXX");
	if (!mkdtemp(b->dir))
		return -1;
	b->path = fs_join(b->dir, "file");
	b->target = fs_join(b->dir, "target");
	b->data = mem_zalloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		b->data[i] = (uint8_t)(i * 7 + i / 509);
	check(fs_write_atomic(b->path, b->data, SIZE, 0644, &err), &err);
	check(file_open(b->path, &b->file, &err), &err);
	open_desk(b);
	check(guest_open(&b->token, &b->guest, &err), &err);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;
	struct err err = { 0 };
	int rc;

	guest_close(b->guest);
	desk_close(b->desk);
	file_close(b->file);
	desk_keys_clear(&b->keys);
	ticket_clear(&b->ticket);
	ticket_offer_clear(&b->offer);
	rc = fs_remove_tree(b->dir, &err);
	free(b->dir);
	free(b->path);
	free(b->target);
	free(b->data);
	free(b);
	return rc;
}

static struct out *begin(struct bench *b)
{
	struct out_opts opts = { .path = b->target, .hands = 1, .file = &b->offer.file };
	struct out *o = NULL;
	struct err err = { 0 };

	if (!b->offer.file.name)
		check(guest_offer(b->guest, &b->offer, &err), &err);
	check(out_open(&opts, &o, &err), &err);
	return o;
}

static void ticket(struct bench *b, const uint8_t *have, size_t len)
{
	struct guest_wish wish = { .path = b->target, .offer = &b->offer, .have = have, .have_len = len };
	struct err err = { 0 };

	ticket_clear(&b->ticket);
	check(guest_ticket(b->guest, &wish, &b->ticket, &err), &err);
}

static int report(struct bench *b, enum ticket_state state, const char *why, struct err *err)
{
	struct ticket_report r = { .number = b->ticket.session.number, .state = state, .tls_bytes = 5 };
	int rc;

	memcpy(r.receipt, b->ticket.receipt, TICKET_RECEIPT);
	r.why = why ? mem_strdup(why) : NULL;
	rc = guest_report(b->guest, &r, err);
	ticket_report_clear(&r);
	return rc;
}

#endif
