/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/guest.h"

#include "base/mem.h"
#include "base/str.h"
#include "cast/guest_priv.h"
#include "cast/layout.h"
#include "cast/net.h"
#include "cast/out.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/keys.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_NS (120 * NS_PER_S)
#define BUSY_TRIES 120
#define BUSY_NS (250 * NS_PER_MS)
#define MACHINE_ID_MAX 64
#define SYMBOL_LEAST 512
#define BLOCK_COST 64 /* bytes, about */

int guest_open(const struct token *token, struct guest **out, struct err *err)
{
	autoclean(buf_free) struct buf url = { 0 };
	char pin[DIGEST_HEX_LEN], bearer[TOKEN_BEARER_LEN];
	struct http_client_opts opts = { .pin = pin, .bearer = bearer, .timeout_ns = TIMEOUT_NS };
	struct guest *g = mem_zalloc(sizeof(*g));
	struct sockaddr_storage to;
	struct err no_way = { 0 };
	int rc;

	token_url(token, &url);
	token_bearer(token, bearer);
	digest_hex(&token->pin, pin);
	opts.base_url = buf_str(&url);
	rc = http_client_new(&opts, &g->http, err);
	explicit_bzero(bearer, sizeof(bearer));
	if (rc < 0) {
		free(g);
		return -1;
	}
	g->where = buf_steal(&url);
	if (net_parse(token->host, token->port, &to, &no_way) == 0)
		cable_towards(&to, &g->cable);
	*out = g;
	return 0;
}

void guest_close(struct guest *g)
{
	if (!g)
		return;
	http_client_free(g->http);
	free(g->where);
	free(g);
}

int guest_call(struct guest *g, const struct http_request *req, struct http_reply *reply, struct err *err)
{
	int rc = http_send(g->http, req, reply, err);

	g->gone = rc == 0 ? reply->status >= 400 && reply->status < 500 : reply->nobody;
	if (rc == 0)
		return http_reply_ok(reply, err);
	if (reply->nobody)
		err_hint(err, "see whether `orthrus cast send` still runs there, and whether a filter is between");
	else if (err->kind == ERR_REFUSED)
		err_hint(err, "the token is of another cast: take the one that the sender printed this time");
	return -1;
}

/* An answer of a desk that is no desk must not be taken for one. */
static int get(struct guest *g, const char *path, struct http_reply *reply, struct err *err)
{
	struct http_request req = { .method = "GET", .path = path };

	return guest_call(g, &req, reply, err);
}

static int cut_otherwise(struct err *err)
{
	err_set(err, ERR_FAILED, "the sender cuts the file otherwise than this program would");
	return err_hint(err, "run the same version of orthrus on both sides");
}

/* A desk may say any size, before anybody knows whether there is room on the disk: what is kept of each block is not to take the
 * machine's memory. */
static int check_memory(const struct ticket_file *f, struct err *err)
{
	const uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t blocks = f->size_bytes / f->symbol_bytes / (LAYOUT_K_MAX / 2) + ticket_pieces(f);

	if (blocks < memory / 2 / BLOCK_COST)
		return 0;
	return err_set(err, ERR_FAILED,
		       "the sender's file of %llu bytes has more pieces than this machine's memory can keep account of",
		       (unsigned long long)f->size_bytes);
}

/* What both said is of one file. */
static bool same_file(const struct ticket_file *a, const struct ticket_file *b)
{
	return a->size_bytes == b->size_bytes && a->piece_bytes == b->piece_bytes && a->symbol_bytes == b->symbol_bytes &&
	       digest_cmp(&a->id, &b->id) == 0 && digest_cmp(&a->layout, &b->layout) == 0;
}

static int check_layout(const struct ticket_file *f, struct err *err)
{
	struct layout *l = NULL;
	struct digest is;

	/* Many small pieces or symbols take memory: none are cut, so whoever says so is no sender. */
	if (f->piece_bytes != ticket_piece_bytes(f->size_bytes) || f->symbol_bytes < SYMBOL_LEAST)
		return cut_otherwise(err);
	if (check_memory(f, err) < 0)
		return -1;
	if (layout_of_pieces(f->size_bytes, f->piece_bytes, f->symbol_bytes, &l, err) < 0)
		return -1;
	layout_digest(l, &is);
	layout_drop(l);
	if (digest_cmp(&is, &f->layout) == 0)
		return 0;
	return cut_otherwise(err);
}

int guest_offer(struct guest *g, struct ticket_offer *out, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	*out = (struct ticket_offer){ 0 };
	if (get(g, "/v1/cast", &reply, err) < 0)
		return -1;
	if (ticket_offer_read(buf_str(&reply.body), reply.body.len, out, err) == 0 && check_layout(&out->file, err) == 0)
		return 0;
	ticket_offer_clear(out);
	return err_wrap(err, "the answer of %s", g->where);
}

/* What stands for this receiver, and tells nobody what it was made of. */
static void mark_of(const char *path, uint8_t mark[TICKET_GUEST])
{
	autoclean(buf_free) struct buf id = { 0 }, text = { 0 };
	struct err ignored = { 0 };
	char cwd[PATH_MAX] = "", host[HOST_NAME_MAX + 1] = "";
	struct digest d;

	if (fs_read("/etc/machine-id", MACHINE_ID_MAX, &id, &ignored) < 0)
		buf_clear(&id);
	if (path[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		cwd[0] = '\0';
	gethostname(host, sizeof(host) - 1);
	buf_addf(&text, "orthrus cast guest\n%s\n%s\n%s/%s", buf_str(&id), host, cwd, path);
	digest_of(text.data, text.len, &d);
	memcpy(mark, d.bytes, TICKET_GUEST);
}

/* Asks anew while too many ask: each after a time of its own. */
static int ask_patiently(struct guest *g, const struct http_request *req, struct http_reply *reply, struct err *err)
{
	for (int i = 0; i < BUSY_TRIES; i++) {
		uint16_t r;

		if (guest_call(g, req, reply, err) == 0)
			return 0;
		if (reply->status != 503)
			return -1;
		random_bytes(&r, sizeof(r));
		clock_sleep_ns(BUSY_NS + r * (2 * BUSY_NS / UINT16_MAX));
	}
	return -1;
}

int guest_ticket(struct guest *g, const struct guest_wish *wish, struct ticket *out, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(ticket_ask_clear) struct ticket_ask ask = { 0 };
	autoclean(buf_free) struct buf body = { 0 };
	struct http_request req = { .method = "POST", .path = "/v1/ticket" };
	char host[HOST_NAME_MAX + 1] = "";
	int rc;

	*out = (struct ticket){ 0 };
	gethostname(host, sizeof(host) - 1);
	ask.host = mem_strdup(host);
	ask.tls_only = wish->tls_only;
	ask.cable = g->cable;
	mark_of(wish->path, ask.guest);
	if (wish->have) {
		ask.has = true;
		ask.id = wish->offer->file.id;
		ask.have = mem_dup(wish->have, wish->have_len);
		ask.have_len = wish->have_len;
	}
	ticket_ask_write(&ask, &body);
	req.body = body.data;
	req.body_len = body.len;
	if (ask_patiently(g, &req, &reply, err) < 0)
		return -1;
	rc = ticket_read(buf_str(&reply.body), reply.body.len, out, err);
	explicit_bzero(reply.body.data, reply.body.len);
	if (rc == 0 && (out->session.cast != wish->offer->cast || !same_file(&out->file, &wish->offer->file)))
		rc = err_set(err, ERR_DAMAGED, "the ticket is for another file than was offered");
	if (rc == 0)
		return 0;
	ticket_clear(out);
	return err_wrap(err, "the answer of %s", g->where);
}

int guest_report(struct guest *g, const struct ticket_report *r, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(buf_free) struct buf body = { 0 };
	struct http_request req = { .method = "POST", .path = "/v1/report", .timeout_ns = 10 * NS_PER_S };

	ticket_report_write(r, &body);
	req.body = body.data;
	req.body_len = body.len;
	return guest_call(g, &req, &reply, err);
}

static int check_rows(const struct guest_rows *of, const struct wire_rows *r, uint64_t at, struct err *err)
{
	uint8_t text[WIRE_ROWS_SIGNED_MAX];
	struct verify_key key;
	size_t len;

	if (r->first != at || r->n > ticket_pieces(of->file) - at)
		return err_set(err, ERR_DAMAGED, "digests of other pieces than were asked for");
	memcpy(key.public, of->sign_public, sizeof(key.public));
	len = wire_rows_signed(of->cast, r, text);
	return verify_bytes(&key, text, len, r->signature, sizeof(r->signature), err);
}

int guest_digests(struct guest *g, const struct guest_rows *of, uint64_t from, struct digest *digests, size_t *n, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autofree struct wire_rows *rows = mem_array(TICKET_ROWS_MAX, sizeof(*rows));
	autofree char *path = str_format("/v1/rows?from=%llu&number=%u", (unsigned long long)from, of->number);
	size_t n_rows = 0;

	*n = 0;
	if (get(g, path, &reply, err) < 0)
		return -1;
	if (ticket_rows_read(buf_str(&reply.body), reply.body.len, rows, &n_rows, err) < 0)
		return err_wrap(err, "the answer of %s", g->where);
	for (size_t i = 0; i < n_rows; i++) {
		if (check_rows(of, &rows[i], from + *n, err) < 0)
			return err_wrap(err, "the answer of %s", g->where);
		memcpy(digests + *n, rows[i].digests, rows[i].n * sizeof(digests[0]));
		*n += rows[i].n;
	}
	return *n ? 0 : err_set(err, ERR_DAMAGED, "the answer of %s has no digests", g->where);
}

int guest_verify(struct guest *g, const struct ticket_offer *offer, struct out *o, const atomic_bool *stop, struct err *err)
{
	struct guest_rows of = { .cast = offer->cast, .sign_public = offer->sign_public, .file = &offer->file };
	autofree struct digest *digests = mem_array(GUEST_DIGESTS_MAX, sizeof(*digests));
	uint64_t pieces = ticket_pieces(&offer->file);

	for (uint64_t at = 0; at < pieces;) {
		size_t n;

		if (atomic_load(stop))
			return err_set(err, ERR_FAILED, "stopped");
		if (!out_has(o, at)) {
			at++;
			continue;
		}
		if (guest_digests(g, &of, at, digests, &n, err) < 0 || out_verify(o, at, digests, n, err) < 0)
			return -1;
		at += n;
	}
	return 0;
}
