/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/ticket.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cast/layout.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define NAME_MAX_BYTES 1024
#define HEX_MAX 64

/* --- values that JSON has no word for --- */

static void put_hex(struct json_out *w, const char *key, const void *data, size_t len)
{
	char hex[HEX_MAX + 1];

	str_hex(data, len, hex);
	json_put_str(w, key, hex);
	explicit_bzero(hex, sizeof(hex));
}

static int read_hex(struct json_obj *o, const char *key, void *out, size_t len, struct err *err)
{
	char *hex = NULL;
	struct err bad;
	int rc = json_str(o, key, JSON_MUST, &hex, err);

	if (rc == 0 && str_unhex(hex, out, len, &bad) < 0)
		rc = json_bad(o, key, err, "not %zu hex digits", 2 * len);
	if (hex)
		explicit_bzero(hex, strlen(hex));
	free(hex);
	return rc;
}

static int read_number(struct json_obj *o, const char *key, uint64_t min, uint64_t max, uint64_t *out, struct err *err)
{
	return json_u64(o, key, JSON_MUST, min, max, out, err);
}

static int read_name(struct json_obj *o, const char *key, char **out, struct err *err)
{
	if (json_str(o, key, JSON_MUST, out, err) < 0)
		return -1;
	return strlen(*out) > NAME_MAX_BYTES ? json_bad(o, key, err, "longer than %d bytes", NAME_MAX_BYTES) : 0;
}

static void put_address(struct json_out *w, const char *key, const struct sockaddr_storage *a)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
	bool six = a->ss_family == AF_INET6;
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(a->ss_family, six ? (const void *)&in6->sin6_addr : (const void *)&in4->sin_addr, text, sizeof(text));
	json_put_obj(w, key);
	json_put_str(w, "address", text);
	json_put_u64(w, "port", ntohs(in4->sin_port)); /* at the same place in both families */
	json_end_obj(w);
}

static int read_address(struct json_obj *o, const char *key, struct sockaddr_storage *out, struct err *err)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	autofree char *text = NULL;
	struct json_obj a;
	uint64_t port = 0;

	*out = (struct sockaddr_storage){ 0 };
	if (json_obj(o, key, JSON_MUST, &a, err) < 0 || json_str(&a, "address", JSON_MUST, &text, err) < 0 ||
	    read_number(&a, "port", 1, 65535, &port, err) < 0 || json_obj_end(&a, err) < 0)
		return -1;
	if (inet_pton(AF_INET, text, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
	} else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
	} else {
		return json_bad(&a, "address", err, "not a numeric address");
	}
	in4->sin_port = htons((uint16_t)port);
	return 0;
}

/* --- the file --- */

void ticket_file_clear(struct ticket_file *f)
{
	free(f->name);
	*f = (struct ticket_file){ 0 };
}

uint64_t ticket_pieces(const struct ticket_file *f)
{
	return f->size_bytes / f->piece_bytes + (f->size_bytes % f->piece_bytes != 0);
}

uint32_t ticket_piece_len(const struct ticket_file *f, uint64_t piece)
{
	uint64_t left = f->size_bytes - piece * f->piece_bytes;

	return left < f->piece_bytes ? (uint32_t)left : f->piece_bytes;
}

uint32_t ticket_piece_bytes(uint64_t size_bytes)
{
	for (uint32_t piece = TICKET_PIECE; piece <= LAYOUT_CHUNK_BYTES_MAX; piece *= 2)
		if ((size_bytes - 1) / piece < TICKET_PIECES_MAX)
			return piece;
	return 0;
}

void ticket_file_id(const struct ticket_file *f, struct digest *out)
{
	struct buf b = { 0 };

	buf_adds(&b, "orthrus cast file\n");
	buf_add_u64(&b, f->size_bytes);
	buf_add_u32(&b, f->piece_bytes);
	buf_add_u64(&b, (uint64_t)f->mtime_ns);
	buf_adds(&b, f->name);
	digest_of(b.data, b.len, out);
	buf_free(&b);
}

static void put_file(struct json_out *w, const char *key, const struct ticket_file *f)
{
	json_put_obj(w, key);
	json_put_str(w, "name", f->name);
	json_put_u64(w, "size_bytes", f->size_bytes);
	json_put_u64(w, "piece_bytes", f->piece_bytes);
	json_put_i64(w, "mtime_ns", f->mtime_ns);
	json_put_u64(w, "mode", f->mode);
	json_put_u64(w, "symbol_bytes", f->symbol_bytes);
	put_hex(w, "layout", f->layout.bytes, DIGEST_LEN);
	put_hex(w, "id", f->id.bytes, DIGEST_LEN);
	json_end_obj(w);
}

static int read_file(struct json_obj *o, struct ticket_file *f, struct err *err)
{
	uint64_t piece = 0, mode = 0, symbol = 0;

	if (read_name(o, "name", &f->name, err) < 0 || read_number(o, "size_bytes", 1, INT64_MAX, &f->size_bytes, err) < 0 ||
	    read_number(o, "piece_bytes", 1, LAYOUT_CHUNK_BYTES_MAX, &piece, err) < 0 ||
	    json_i64(o, "mtime_ns", JSON_MUST, &f->mtime_ns, err) < 0 || read_number(o, "mode", 0, 0777, &mode, err) < 0 ||
	    read_number(o, "symbol_bytes", 64, LAYOUT_SYMBOL_JUMBO, &symbol, err) < 0 ||
	    read_hex(o, "layout", f->layout.bytes, DIGEST_LEN, err) < 0 || read_hex(o, "id", f->id.bytes, DIGEST_LEN, err) < 0 ||
	    json_obj_end(o, err) < 0)
		return -1;
	f->piece_bytes = (uint32_t)piece;
	f->mode = (uint32_t)mode;
	f->symbol_bytes = (uint16_t)symbol;
	if (ticket_pieces(f) > TICKET_PIECES_MAX)
		return json_bad(o, "piece_bytes", err, "the file would have more than %llu pieces",
				(unsigned long long)TICKET_PIECES_MAX);
	return 0;
}

void ticket_offer_clear(struct ticket_offer *o)
{
	ticket_file_clear(&o->file);
	for (size_t i = 0; i < o->n_parts; i++)
		free(o->parts[i].name);
	free(o->parts);
	o->parts = NULL;
	o->n_parts = 0;
}

static void put_parts(struct json_out *w, const struct ticket_offer *o)
{
	json_put_arr(w, "parts");
	for (size_t i = 0; i < o->n_parts; i++) {
		json_put_obj(w, NULL);
		json_put_str(w, "name", o->parts[i].name);
		json_put_u64(w, "bytes", o->parts[i].bytes);
		json_end_obj(w);
	}
	json_end_arr(w);
}

static int read_part(const struct json_arr *a, struct ticket_offer *o, uint64_t *left, struct err *err)
{
	struct ticket_part *p = &o->parts[o->n_parts];
	struct json_obj part;

	if (json_arr_obj(a, o->n_parts, &part, err) < 0)
		return -1;
	o->n_parts++;
	if (read_name(&part, "name", &p->name, err) < 0 || read_number(&part, "bytes", 1, *left, &p->bytes, err) < 0)
		return -1;
	*left -= p->bytes;
	return json_obj_end(&part, err);
}

static int read_parts(struct json_obj *o, struct ticket_offer *offer, struct err *err)
{
	uint64_t left = offer->file.size_bytes;
	struct json_arr parts;
	int rc = json_arr_max(o, "parts", JSON_MAY, TICKET_PARTS_MAX, &parts, err);

	if (rc <= 0)
		return rc;
	offer->parts = mem_array(parts.len + 1, sizeof(offer->parts[0]));
	while (offer->n_parts < parts.len)
		if (!left || read_part(&parts, offer, &left, err) < 0)
			return left ? -1 : json_bad(o, "parts", err, "more bytes than are cast");
	return left ? json_bad(o, "parts", err, "fewer bytes than are cast") : 0;
}

void ticket_offer_write(const struct ticket_offer *o, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "cast", o->cast);
	put_hex(&w, "sign_public", o->sign_public, SESSION_SIGN_PUBLIC);
	put_file(&w, "file", &o->file);
	if (o->n_parts)
		put_parts(&w, o);
	json_end_obj(&w);
}

static int offer_root(struct json_obj *o, void *out, struct err *err)
{
	struct ticket_offer *offer = out;
	struct json_obj file;
	uint64_t cast = 0;

	if (read_number(o, "cast", 0, UINT32_MAX, &cast, err) < 0 ||
	    read_hex(o, "sign_public", offer->sign_public, SESSION_SIGN_PUBLIC, err) < 0 ||
	    json_obj(o, "file", JSON_MUST, &file, err) < 0 || read_file(&file, &offer->file, err) < 0 ||
	    read_parts(o, offer, err) < 0)
		return -1;
	offer->cast = (uint32_t)cast;
	return json_obj_end(o, err);
}

int ticket_offer_read(const char *json, size_t len, struct ticket_offer *out, struct err *err)
{
	return json_read(json, len, offer_root, out, err);
}

/* --- the wish --- */

void ticket_ask_clear(struct ticket_ask *a)
{
	free(a->host);
	free(a->have);
	*a = (struct ticket_ask){ 0 };
}

void ticket_ask_write(const struct ticket_ask *a, struct buf *out)
{
	autoclean(buf_free) struct buf have = { 0 };
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	put_hex(&w, "guest", a->guest, TICKET_GUEST);
	json_put_str(&w, "host", a->host);
	if (a->tls_only)
		json_put_bool(&w, "multicast", false);
	cable_put(&a->cable, &w);
	if (a->has) {
		base64_put(&have, a->have, a->have_len);
		put_hex(&w, "id", a->id.bytes, DIGEST_LEN);
		json_put_str(&w, "have", buf_str(&have));
	}
	json_end_obj(&w);
}

static int read_have(struct json_obj *o, struct ticket_ask *a, struct err *err)
{
	autofree char *text = NULL;
	struct buf have = { 0 };
	struct err bad;

	if (!a->has)
		return 0;
	if (read_hex(o, "id", a->id.bytes, DIGEST_LEN, err) < 0 || json_str(o, "have", JSON_MUST, &text, err) < 0)
		return -1;
	if (base64_read(text, strlen(text), &have, &bad) < 0 || !have.len || have.len > TICKET_PIECES_MAX / 8) {
		buf_free(&have);
		return json_bad(o, "have", err, "no bits of pieces in base64");
	}
	a->have_len = have.len;
	a->have = (uint8_t *)buf_steal(&have);
	return 0;
}

static int ask_root(struct json_obj *o, void *out, struct err *err)
{
	struct ticket_ask *a = out;
	bool multicast = true;

	a->has = json_has(o, "have") || json_has(o, "id");
	if (read_hex(o, "guest", a->guest, TICKET_GUEST, err) < 0 || read_name(o, "host", &a->host, err) < 0 ||
	    read_have(o, a, err) < 0 || json_bool(o, "multicast", JSON_MAY, &multicast, err) < 0 ||
	    cable_read(o, &a->cable, err) < 0)
		return -1;
	a->tls_only = !multicast;
	return json_obj_end(o, err);
}

int ticket_ask_read(const char *json, size_t len, struct ticket_ask *out, struct err *err)
{
	return json_read(json, len, ask_root, out, err);
}

/* --- the ticket --- */

void ticket_clear(struct ticket *t)
{
	ticket_file_clear(&t->file);
	explicit_bzero(t, sizeof(*t));
}

void ticket_write(const struct ticket *t, struct buf *out)
{
	const struct session *s = &t->session;
	struct json_out w;

	buf_reserve(out, 4096 + 6 * strlen(t->file.name)); /* holds keys: one copy to wipe */
	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "cast", s->cast);
	json_put_u64(&w, "number", s->number);
	json_put_bool(&w, "multicast", t->multicast);
	put_hex(&w, "group_key", s->group_key, SESSION_KEY);
	put_hex(&w, "own_key", s->own_key, SESSION_KEY);
	put_hex(&w, "sign_public", s->sign_public, SESSION_SIGN_PUBLIC);
	put_address(&w, "group", &s->group);
	put_address(&w, "sender", &s->sender);
	if (s->group2.ss_family) {
		put_address(&w, "group2", &s->group2);
		put_address(&w, "sender2", &s->sender2);
	}
	if (s->broadcast.ss_family)
		put_address(&w, "broadcast", &s->broadcast);
	put_hex(&w, "receipt", t->receipt, TICKET_RECEIPT);
	put_file(&w, "file", &t->file);
	json_end_obj(&w);
}

/* The other ways. */
static int read_more(struct json_obj *o, struct session *s, struct err *err)
{
	if ((json_has(o, "group2") || json_has(o, "sender2")) &&
	    (read_address(o, "group2", &s->group2, err) < 0 || read_address(o, "sender2", &s->sender2, err) < 0))
		return -1;
	if (s->group2.ss_family != s->sender2.ss_family || s->group2.ss_family == s->group.ss_family)
		return json_bad(o, "group2", err, "not of the other address family");
	if (json_has(o, "broadcast") && read_address(o, "broadcast", &s->broadcast, err) < 0)
		return -1;
	return s->broadcast.ss_family == AF_INET6 ? json_bad(o, "broadcast", err, "no IPv4 address") : 0;
}

static int read_session(struct json_obj *o, struct session *s, struct err *err)
{
	uint64_t cast = 0, number = 0;

	if (read_number(o, "cast", 0, UINT32_MAX, &cast, err) < 0 || read_number(o, "number", 1, 65535, &number, err) < 0 ||
	    read_hex(o, "group_key", s->group_key, SESSION_KEY, err) < 0 ||
	    read_hex(o, "own_key", s->own_key, SESSION_KEY, err) < 0 ||
	    read_hex(o, "sign_public", s->sign_public, SESSION_SIGN_PUBLIC, err) < 0 ||
	    read_address(o, "group", &s->group, err) < 0 || read_address(o, "sender", &s->sender, err) < 0)
		return -1;
	if (s->group.ss_family != s->sender.ss_family)
		return json_bad(o, "group", err, "of another address family than the sender");
	s->cast = (uint32_t)cast;
	s->number = (uint16_t)number;
	return read_more(o, s, err);
}

static int ticket_root(struct json_obj *o, void *out, struct err *err)
{
	struct ticket *t = out;
	struct json_obj file;

	if (read_session(o, &t->session, err) < 0 || json_bool(o, "multicast", JSON_MUST, &t->multicast, err) < 0 ||
	    read_hex(o, "receipt", t->receipt, TICKET_RECEIPT, err) < 0 || json_obj(o, "file", JSON_MUST, &file, err) < 0 ||
	    read_file(&file, &t->file, err) < 0 || json_obj_end(o, err) < 0)
		return -1;
	t->session.symbol_bytes = t->file.symbol_bytes;
	return 0;
}

int ticket_read(const char *json, size_t len, struct ticket *out, struct err *err)
{
	return json_read(json, len, ticket_root, out, err);
}
