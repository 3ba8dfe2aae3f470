/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the desk answers. */
#include "base/mem.h"
#include "base/str.h"
#include "cast/desk_priv.h"
#include "cast/file.h"
#include "cast/wire.h"
#include "sys/clock.h"
#include "sys/http_server.h"

#include <string.h>

#define SLOW_NS NS_PER_S	  /* a wrong secret is answered so late */
#define ROWS_NS (100 * NS_PER_MS) /* pieces that nobody has read yet are read for so long, then who asked asks again */
#define ASK_MAX ((size_t)3 << 20) /* the bits of all pieces that there can be, in base64 */

static bool secret_is_right(const struct desk *d, const char *bearer)
{
	struct digest given;

	digest_of(bearer ? bearer : "", bearer ? strlen(bearer) : 0, &given);
	return digest_cmp(&given, &d->secret) == 0;
}

bool desk_takes_body(void *desk, const struct http_call *call)
{
	return secret_is_right(desk, http_bearer(call));
}

/* 1: go on; 0: it is answered later; -1: refused. */
static int enter(struct desk *d, struct http_call *call, bool also_stopped, struct err *err)
{
	int rc = 1;

	if (!secret_is_right(d, http_bearer(call))) {
		if (http_wait(call, "never", SLOW_NS))
			return 0;
		pthread_mutex_lock(&d->lock);
		d->view.refused++;
		pthread_mutex_unlock(&d->lock);
		err_set(err, ERR_REFUSED, "that is not the secret of this cast");
		return err_hint(err, "take the token that the sender printed this time");
	}
	pthread_mutex_lock(&d->lock);
	if (d->stopped_ns && !also_stopped) {
		http_set_status(call, 410); /* gone: it is of no use to ask again */
		rc = err_set(err, ERR_FAILED, "%s", d->why);
	}
	pthread_mutex_unlock(&d->lock);
	return rc;
}

static int hear_number(struct desk *d, struct http_call *call, struct err *err)
{
	uint64_t number = 0;

	if (http_query_u64(call, "number", 0, 65535, &number, err) < 0)
		return -1;
	desk_book_heard(d, (uint16_t)number);
	return 0;
}

static int get_cast(void *ctx, struct http_call *call, struct err *err)
{
	struct desk *d = ctx;
	struct ticket_offer offer = { .cast = d->opts.session->cast, .file = *file_facts(d->opts.file) };
	int rc = enter(d, call, false, err);

	if (rc <= 0)
		return rc;
	memcpy(offer.sign_public, d->opts.keys->sign.public, SESSION_SIGN_PUBLIC);
	offer.parts = file_parts(d->opts.file, &offer.n_parts);
	ticket_offer_write(&offer, http_out(call));
	return 0;
}

/* What a receiver has is believed (it is checked there); but it must be of this file. */
static int check_have(const struct desk *d, const struct ticket_ask *ask, struct err *err)
{
	const struct ticket_file *f = file_facts(d->opts.file);
	uint64_t pieces = ticket_pieces(f);

	if (!ask->has)
		return 0;
	if (digest_cmp(&ask->id, &f->id) != 0)
		return err_set(err, ERR_CONFLICT, "what the receiver has is of another file");
	if (ask->have_len != (pieces + 7) / 8 || (pieces % 8 && ask->have[ask->have_len - 1] >> (pieces % 8)))
		return err_set(err, ERR_INVALID, "have: the file has %llu pieces", (unsigned long long)pieces);
	return 0;
}

static int give_ticket(struct desk *d, struct http_call *call, const struct ticket_ask *ask, struct err *err)
{
	struct ticket t = { .file = *file_facts(d->opts.file), .multicast = true };
	uint8_t own_key[SESSION_KEY];
	uint16_t old = 0, number;
	int rc;

	if (desk_book_add(d, ask, http_from(call), &t, &old, err) < 0) {
		if (err->kind == ERR_FAILED)
			http_set_status(call, 503);
		return -1;
	}
	if (old)
		d->opts.leave(d->opts.ctx, old, false);
	number = t.session.number;
	random_bytes(own_key, SESSION_KEY);
	rc = d->opts.join(d->opts.ctx, number, own_key, ask->have, err);
	if (rc < 0 && err->kind == ERR_REFUSED) {
		t.multicast = false;
		rc = 0;
	}
	t.session = *d->opts.session; /* what joining may have changed */
	t.session.number = number;
	memcpy(t.session.own_key, own_key, SESSION_KEY);
	if (rc < 0)
		desk_book_drop(d, number);
	else
		ticket_write(&t, http_out(call));
	explicit_bzero(&t, sizeof(t));
	explicit_bzero(own_key, sizeof(own_key));
	return rc;
}

static int post_ticket(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(ticket_ask_clear) struct ticket_ask ask = { 0 };
	struct desk *d = ctx;
	int rc = enter(d, call, false, err);
	const char *body;
	size_t len;

	if (rc <= 0)
		return rc;
	body = http_body(call, &len);
	if (ticket_ask_read(body, len, &ask, err) < 0 || check_have(d, &ask, err) < 0)
		return -1;
	return give_ticket(d, call, &ask, err);
}

static int fill_rows(struct desk *d, uint64_t from, struct wire_rows *r, struct err *err)
{
	uint64_t left = ticket_pieces(file_facts(d->opts.file)) - from;
	uint8_t text[WIRE_ROWS_SIGNED_MAX];
	size_t len;

	*r = (struct wire_rows){ .first = (uint32_t)from, .n = (uint16_t)(left < WIRE_ROWS_MAX ? left : WIRE_ROWS_MAX) };
	for (uint16_t i = 0; i < r->n; i++)
		if (file_digest(d->opts.file, (uint32_t)from + i, &r->digests[i], err) < 0)
			return -1;
	len = wire_rows_signed(d->opts.session->cast, r, text);
	return sign_bytes(&d->opts.keys->sign, text, len, r->signature, err);
}

static int get_rows(void *ctx, struct http_call *call, struct err *err)
{
	autofree struct wire_rows *rows = mem_array(TICKET_ROWS_MAX, sizeof(*rows));
	int64_t until = clock_now_ns() + ROWS_NS;
	struct desk *d = ctx;
	int rc = enter(d, call, false, err);
	uint64_t pieces, from = 0;
	size_t n = 0;

	if (rc <= 0)
		return rc;
	pieces = ticket_pieces(file_facts(d->opts.file));
	if (hear_number(d, call, err) < 0 || http_query_u64(call, "from", 0, pieces - 1, &from, err) < 0 ||
	    file_check(d->opts.file, err) < 0)
		return -1;
	do {
		if (fill_rows(d, from, &rows[n], err) < 0)
			return -1;
		from += rows[n++].n;
	} while (from < pieces && n < TICKET_ROWS_MAX && clock_now_ns() < until);
	ticket_rows_write(rows, n, http_out(call));
	return 0;
}

static int get_data(void *ctx, struct http_call *call, struct err *err)
{
	struct desk *d = ctx;
	int rc = enter(d, call, false, err), fd;
	size_t n_parts;

	if (rc <= 0)
		return rc;
	if (hear_number(d, call, err) < 0 || file_check(d->opts.file, err) < 0)
		return -1;
	if (file_parts(d->opts.file, &n_parts)) {
		http_out_reader(call, file_read_at, d->opts.file, file_facts(d->opts.file)->size_bytes,
				"application/octet-stream");
		return 0;
	}
	fd = file_dup(d->opts.file, err);
	if (fd < 0)
		return -1;
	http_out_file(call, fd, file_facts(d->opts.file)->size_bytes, "application/octet-stream");
	return 0;
}

static int post_report(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(ticket_report_clear) struct ticket_report r = { 0 };
	struct desk *d = ctx;
	int rc = enter(d, call, true, err);
	enum ticket_state state;
	const char *body;
	size_t len;
	bool news;

	if (rc <= 0)
		return rc;
	body = http_body(call, &len);
	if (ticket_report_read(body, len, &r, err) < 0)
		return -1;
	state = r.state;
	if (desk_book_report(d, &r, &news, err) < 0)
		return -1;
	if (news && state != TICKET_HELD_UP) /* it takes part still */
		d->opts.leave(d->opts.ctx, r.number, state == TICKET_DONE || state == TICKET_SYNCING);
	if (news && (state == TICKET_DONE || state == TICKET_FAILED) && d->opts.changed)
		d->opts.changed(d->opts.ctx);
	buf_adds(http_out(call), "{}");
	return 0;
}

static const struct http_route routes[] = {
	{ "GET", "/v1/cast", HTTP_ANYBODY, get_cast, 0, NULL },
	{ "POST", "/v1/ticket", HTTP_ANYBODY, post_ticket, ASK_MAX, NULL },
	{ "GET", "/v1/rows", HTTP_ANYBODY, get_rows, 0, "from number" },
	{ "GET", "/v1/data", HTTP_ANYBODY, get_data, 0, "number" },
	{ "POST", "/v1/report", HTTP_ANYBODY, post_report, 0, NULL },
};

const struct http_route *desk_routes(size_t *n)
{
	*n = ARRAY_LEN(routes);
	return routes;
}
