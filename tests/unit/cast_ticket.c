/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/ticket: what is written is read back, and everything else is refused by its path. */
#include "cast/ticket.h"

#include "base/mem.h"
#include "base/str.h"
#include "cast/layout.h"
#include "cast/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The name lives as long as the caller's block. */
#define sample_file() file_named((char[]){ "disk.img" })
static struct ticket_file file_named(char *name)
{
	struct ticket_file f = { .name = name,
				 .size_bytes = 10 * TICKET_PIECE + 1,
				 .piece_bytes = TICKET_PIECE,
				 .mtime_ns = 1790000000123456789,
				 .mode = 0640,
				 .symbol_bytes = 1408 };

	digest_of("layout", 6, &f.layout);
	ticket_file_id(&f, &f.id);
	return f;
}

#define sample(six) ticket_of(sample_file(), six)
static struct ticket ticket_of(struct ticket_file file, bool six)
{
	struct ticket t = { .file = file, .multicast = true };
	struct sockaddr_in *g4 = (struct sockaddr_in *)&t.session.group, *s4 = (struct sockaddr_in *)&t.session.sender;
	struct sockaddr_in6 *g6 = (struct sockaddr_in6 *)&t.session.group, *s6 = (struct sockaddr_in6 *)&t.session.sender;

	t.session.cast = 0xfeedbeef;
	t.session.number = 65534;
	t.session.symbol_bytes = 1408;
	memset(t.session.group_key, 0x11, SESSION_KEY);
	memset(t.session.own_key, 0x22, SESSION_KEY);
	memset(t.session.sign_public, 0x33, SESSION_SIGN_PUBLIC);
	memset(t.receipt, 0x44, TICKET_RECEIPT);
	g4->sin_family = s4->sin_family = six ? AF_INET6 : AF_INET;
	g4->sin_port = htons(61234);
	s4->sin_port = htons(4321);
	inet_pton(six ? AF_INET6 : AF_INET, six ? "ff35::8000:1" : "232.1.2.3",
		  six ? (void *)&g6->sin6_addr : (void *)&g4->sin_addr);
	inet_pton(six ? AF_INET6 : AF_INET, six ? "fd00::1" : "10.0.0.1", six ? (void *)&s6->sin6_addr : (void *)&s4->sin_addr);
	return t;
}

/* With the other ways. */
static struct ticket sample_of_both(void)
{
	struct ticket t = sample(false), six = sample(true);

	t.session.group2 = six.session.group;
	t.session.sender2 = six.session.sender;
	t.session.broadcast = t.session.group;
	inet_pton(AF_INET, "10.0.0.255", &((struct sockaddr_in *)&t.session.broadcast)->sin_addr);
	return t;
}

static void same_file(const struct ticket_file *a, const struct ticket_file *b)
{
	assert_string_equal(a->name, b->name);
	assert_true(a->size_bytes == b->size_bytes && a->piece_bytes == b->piece_bytes && a->mtime_ns == b->mtime_ns);
	assert_true(a->mode == b->mode && a->symbol_bytes == b->symbol_bytes);
	assert_int_equal(digest_cmp(&a->layout, &b->layout), 0);
	assert_int_equal(digest_cmp(&a->id, &b->id), 0);
}

static void test_ticket(void **state)
{
	(void)state;
	for (int six = 0; six < 3; six++) {
		struct ticket t = six == 2 ? sample_of_both() : sample(six), back = { 0 };
		autoclean(buf_free) struct buf b = { 0 };
		struct err err = { 0 };

		ticket_write(&t, &b);
		assert_int_equal(ticket_read(b.data, b.len, &back, &err), 0);
		assert_memory_equal(&back.session, &t.session, sizeof(t.session));
		assert_memory_equal(back.receipt, t.receipt, TICKET_RECEIPT);
		assert_true(back.multicast);
		same_file(&back.file, &t.file);
		ticket_clear(&back);
		assert_int_equal(back.session.own_key[0], 0);
	}
}

/* `json` with `old` replaced by `new` is refused, and the error says `where`. */
static void refused(const char *json, const char *old, const char *new, const char *where)
{
	const char *at = strstr(json, old);
	autofree char *bad = NULL;
	struct ticket t = { 0 };
	struct err err = { 0 };

	assert_non_null(at);
	bad = str_format("%.*s%s%s", (int)(at - json), json, new, at + strlen(old));
	if (ticket_read(bad, strlen(bad), &t, &err) == 0)
		fail_msg("%s instead of %s was taken", new, old);
	if (!strstr(err.text, where))
		fail_msg("'%s' does not name %s", err.text, where);
	ticket_clear(&t);
}

static void test_ticket_is_read_strictly(void **state)
{
	struct ticket t = sample(false);
	autoclean(buf_free) struct buf b = { 0 };
	struct ticket cut = { 0 };
	struct err err = { 0 };

	(void)state;
	ticket_write(&t, &b);
	refused(b.data, "{\"cast\":", "{\"more\":1,\"cast\":", "more");
	refused(b.data, "65534", "0", "number");
	refused(b.data, "65534", "65536", "number");
	refused(b.data, "4276993775", "4294967296", "cast");
	refused(b.data, "1111111111111111", "11", "group_key");
	refused(b.data, "2222222222222222", "222222222222222g", "own_key");
	refused(b.data, "10.0.0.1", "head.example", "sender.address");
	refused(b.data, "10.0.0.1", "fd00::1", "group");
	refused(b.data, "61234", "0", "group.port");
	refused(b.data, "\"piece_bytes\":1048576", "\"piece_bytes\":0", "file.piece_bytes");
	refused(b.data, "\"piece_bytes\":1048576", "\"piece_bytes\":67108865", "file.piece_bytes");
	refused(b.data, "\"size_bytes\":10485761", "\"size_bytes\":0", "file.size_bytes");
	refused(b.data, "\"size_bytes\":10485761", "\"size_bytes\":9223372036854775807", "more than");
	refused(b.data, "\"mode\":416", "\"mode\":2541", "file.mode");
	refused(b.data, "\"multicast\":true", "\"multicast\":1", "multicast");
	for (size_t i = 0; i < b.len; i++) {
		assert_int_equal(ticket_read(b.data, i, &cut, &err), -1);
		ticket_clear(&cut);
	}
}

static void test_words_have_an_end(void **state)
{
	struct ticket_report r = { .number = 1, .state = TICKET_FAILED }, back = { 0 };
	struct err err = { 0 };

	(void)state;
	for (size_t len = TICKET_WHY; len <= TICKET_WHY + 1; len++) {
		autoclean(buf_free) struct buf b = { 0 };

		r.why = mem_zalloc(len + 1);
		memset(r.why, 'w', len);
		ticket_report_write(&r, &b);
		assert_int_equal(ticket_report_read(b.data, b.len, &back, &err), len > TICKET_WHY ? -1 : 0);
		ticket_report_clear(&back);
		free(r.why);
	}
	assert_non_null(strstr(err.text, "why"));
}

static void test_other_ways_are_read_strictly(void **state)
{
	struct ticket t = sample_of_both();
	autoclean(buf_free) struct buf b = { 0 };

	(void)state;
	ticket_write(&t, &b);
	refused(b.data, "\"sender2\"", "\"sender3\"", "sender2");
	refused(b.data, "\"group2\"", "\"group3\"", "group2");
	refused(b.data, "ff35::8000:1", "232.1.2.3", "group2");
	refused(b.data, "fd00::1", "10.0.0.1", "group2");
	refused(b.data, "10.0.0.255", "fd00::ff", "broadcast");
	refused(b.data, "10.0.0.255", "all", "broadcast.address");
}

static void test_offer(void **state)
{
	struct ticket_offer o = { .cast = 7, .file = sample_file() }, back = { 0 };
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	(void)state;
	memset(o.sign_public, 9, sizeof(o.sign_public));
	ticket_offer_write(&o, &b);
	assert_int_equal(ticket_offer_read(b.data, b.len, &back, &err), 0);
	assert_int_equal(back.cast, 7);
	assert_memory_equal(back.sign_public, o.sign_public, sizeof(o.sign_public));
	same_file(&back.file, &o.file);
	ticket_offer_clear(&back);
	ticket_file_clear(&back.file); /* nothing is left to free */
}

static void test_offer_of_parts(void **state)
{
	struct ticket_part parts[] = { { (char[]){ "manifest.json" }, 7 },
				       { (char[]){ "packs/x.pack" }, 10 * TICKET_PIECE - 6 } };
	struct ticket_offer o = { .file = sample_file(), .parts = parts, .n_parts = 2 }, back = { 0 };
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	(void)state;
	ticket_offer_write(&o, &b);
	assert_int_equal(ticket_offer_read(b.data, b.len, &back, &err), 0);
	assert_true(back.n_parts == 2 && back.parts[1].bytes == parts[1].bytes);
	assert_string_equal(back.parts[0].name, "manifest.json");
	ticket_offer_clear(&back);
	/* More than is cast, less, nothing, none. */
	for (int i = 0; i < 4; i++) {
		struct ticket_part wrong[] = { parts[0], parts[1] };

		wrong[1].bytes = (uint64_t[]){ parts[1].bytes + 1, parts[1].bytes - 1, 0, 0 }[i];
		o.parts = wrong;
		buf_clear(&b);
		ticket_offer_write(&o, &b);
		if (i == 3) {
			buf_clear(&b);
			o.n_parts = 0;
			ticket_offer_write(&o, &b);
			b.len--;
			buf_adds(&b, ",\"parts\":[]}");
		}
		assert_int_equal(ticket_offer_read(b.data, b.len, &back, &err), -1);
		ticket_offer_clear(&back);
	}
}

static void test_ask(void **state)
{
	uint8_t have[] = { 0x81, 0x07 };
	struct ticket_ask a = { .host = (char[]){ "n01" }, .has = true, .have = have, .have_len = 2 }, back = { 0 };
	autoclean(buf_free) struct buf b = { 0 }, none = { 0 };
	static const char *const bad[] = {
		"{}",
		"{\"guest\":\"00000000000000000000000000000000\",\"host\":\"n\",\"link\":1}",
		"{\"guest\":\"00\",\"host\":\"n\"}",
		"{\"guest\":\"00000000000000000000000000000000\",\"host\":\"n\",\"have\":\"gQc=\"}",
		"{\"guest\":\"00000000000000000000000000000000\",\"host\":\"n\",\"id\":\"00\",\"have\":\"gQc=\"}",
	};
	struct err err = { 0 };

	(void)state;
	memset(a.guest, 3, TICKET_GUEST);
	digest_of("id", 2, &a.id);
	a.cable = (struct cable){ .interface = "eth0", .speed_mbit = 1000, .duplex = CABLE_FULL, .mtu = 1500 };
	a.tls_only = true;
	ticket_ask_write(&a, &b);
	assert_int_equal(ticket_ask_read(b.data, b.len, &back, &err), 0);
	assert_true(back.has);
	assert_int_equal(back.have_len, 2);
	assert_memory_equal(back.have, have, 2);
	assert_memory_equal(back.guest, a.guest, TICKET_GUEST);
	assert_string_equal(back.host, "n01");
	assert_true(back.tls_only);
	assert_memory_equal(&back.cable, &a.cable, sizeof(a.cable));
	assert_int_equal(digest_cmp(&back.id, &a.id), 0);
	ticket_ask_clear(&back);
	a.has = a.tls_only = false;
	a.cable.interface[0] = '\0';
	ticket_ask_write(&a, &none);
	assert_int_equal(ticket_ask_read(none.data, none.len, &back, &err), 0);
	assert_false(back.has || back.tls_only || back.cable.mtu);
	assert_null(back.have);
	ticket_ask_clear(&back);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(ticket_ask_read(bad[i], strlen(bad[i]), &back, &err), -1);
		ticket_ask_clear(&back);
	}
}

static void test_report(void **state)
{
	struct ticket_report r = { .number = 3,
				   .state = TICKET_FAILED,
				   .why = (char[]){ "no \"room\"" },
				   .ms = 1,
				   .multicast_bytes = 2,
				   .tls_bytes = 3,
				   .kept_bytes = 4,
				   .refetched_bytes = 5,
				   .rejected_packets = 6 },
			     back = { 0 };
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	(void)state;
	memset(r.receipt, 8, TICKET_RECEIPT);
	ticket_report_write(&r, &b);
	assert_int_equal(ticket_report_read(b.data, b.len, &back, &err), 0);
	assert_int_equal(back.number, 3);
	assert_int_equal(back.state, TICKET_FAILED);
	assert_string_equal(back.why, r.why);
	assert_memory_equal(back.receipt, r.receipt, TICKET_RECEIPT);
	assert_true(back.ms == 1 && back.multicast_bytes == 2 && back.tls_bytes == 3 && back.kept_bytes == 4 &&
		    back.refetched_bytes == 5 && back.rejected_packets == 6);
	ticket_report_clear(&back);
	assert_int_equal(ticket_report_read("{\"number\":3}", 12, &back, &err), -1);
	ticket_report_clear(&back);
}

static void test_rows(void **state)
{
	autofree struct wire_rows *rows = mem_array(2, sizeof(*rows)), *back = mem_array(TICKET_ROWS_MAX, sizeof(*back));
	static const char *const bad[] = {
		"{\"rows\":[{\"first\":0,\"digests\":\"\",\"signature\":\"\"}]}",
		"{\"rows\":[{\"first\":0,\"digests\":\"AAAA\",\"signature\":\"AAAA\"}]}",
		"{\"rows\":{}}",
	};
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };
	size_t n;

	(void)state;
	rows[0] = (struct wire_rows){ .first = 0, .n = WIRE_ROWS_MAX };
	rows[1] = (struct wire_rows){ .first = WIRE_ROWS_MAX, .n = 1 };
	for (int i = 0; i < WIRE_ROWS_MAX; i++)
		digest_of(&i, sizeof(i), &rows[0].digests[i]);
	memset(rows[1].signature, 5, WIRE_SIGNATURE);
	ticket_rows_write(rows, 2, &b);
	assert_int_equal(ticket_rows_read(b.data, b.len, back, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_memory_equal(back, rows, 2 * sizeof(*rows));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(ticket_rows_read(bad[i], strlen(bad[i]), back, &n, &err), -1);
}

static void test_pieces(void **state)
{
	struct ticket_file f = sample_file(), other = sample_file();
	struct digest id;

	(void)state;
	assert_int_equal(ticket_pieces(&f), 11);
	assert_int_equal(ticket_piece_len(&f, 0), TICKET_PIECE);
	assert_int_equal(ticket_piece_len(&f, 10), 1);
	assert_int_equal(ticket_piece_bytes(1), TICKET_PIECE);
	assert_int_equal(ticket_piece_bytes(TICKET_PIECE * TICKET_PIECES_MAX), TICKET_PIECE);
	assert_int_equal(ticket_piece_bytes(TICKET_PIECE * TICKET_PIECES_MAX + 1), 2 * TICKET_PIECE);
	assert_int_equal(ticket_piece_bytes(LAYOUT_CHUNK_BYTES_MAX * TICKET_PIECES_MAX + 1), 0);
	other.mtime_ns++;
	ticket_file_id(&other, &id);
	assert_int_not_equal(digest_cmp(&id, &f.id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ticket),
		cmocka_unit_test(test_ticket_is_read_strictly),
		cmocka_unit_test(test_words_have_an_end),
		cmocka_unit_test(test_other_ways_are_read_strictly),
		cmocka_unit_test(test_offer),
		cmocka_unit_test(test_offer_of_parts),
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
