/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image comes by a cast, and whatever the cast does not bring comes over HTTPS: a head that has none, that talks nonsense,
 * whose cast is of other bytes, silent, or ended in its midst. Needs root and a network namespace. */
#include "image_fixture.h"

#include "tests/unit/cast_lan.h"

#include "base/base64.h"
#include "cast/layout.h"
#include "cast/tx.h"
#include "imaging/chunk_source.h"
#include "imaging/imager/bring.h"
#include "imaging/imager/bring_ticket.h"
#include "sys/clock.h"
#include "sys/threads.h"

#include <netinet/in.h>

#define GROUP "232.9.9.9"
#define PORT 45000

/* A head of the store's files, and its answer to whoever asks for a ticket. */
struct head {
	struct fixture *f;
	const char *name, *id;
	char *answer; /* what it says; NULL: it can't be asked */
	unsigned int asked;
	bool again;	   /* the last question said so */
	unsigned int gets; /* ranges of packs */
	/* A cast: made when it is first asked for. */
	bool casts, other_layout;
	unsigned int more; /* so many times it has another cast for who asks again */
	uint64_t fails_at; /* the source fails at this chunk; 0: never */
	bool fails_none;   /* it fails at each */
	struct chunk_source *source;
	struct layout *layout;
	struct tx *tx;
	struct session session;
	struct sign_key sign;
	pthread_t thread;
	int rc;
	uint16_t number;
};

static int get(void *ctx, const char *path, uint64_t first, uint64_t len, size_t max, struct buf *out, struct err *err)
{
	struct head *h = ctx;
	bool image = str_starts(path, "/v1/images/");
	autofree char *local = image ? str_format("%s/images/%s", h->f->store_dir, path + strlen("/v1/images/"))
				     : str_format("%s/packs/%s", h->f->store_dir, path + strlen("/v1/packs/"));
	autoclean(buf_free) struct buf all = { 0 };

	(void)max;
	h->gets += !image;
	if (fs_read(local, 1 << 28, &all, err) < 0)
		return -1;
	buf_add(out, all.data + first, len ? (size_t)len : all.len);
	return 0;
}

static const uint8_t *chunk(void *ctx, uint32_t n, uint8_t *scratch, struct err *err)
{
	struct head *h = ctx;

	if (h->fails_none || (h->fails_at && n >= h->fails_at)) {
		err_set(err, ERR_FAILED, "a disk");
		return NULL;
	}
	return chunk_source_read(h->source, n, scratch, err) < 0 ? NULL : scratch;
}

static int sign_poll(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64], struct err *err)
{
	const struct head *h = ctx;

	return sign_bytes(&h->sign, data, len, signature, err);
}

static void *run_cast(void *arg)
{
	struct head *h = arg;
	struct err err = { 0 };

	h->rc = tx_run(h->tx, &err);
	return NULL;
}

static void begin_cast(struct head *h)
{
	struct tx_opts opts = {
		.expected = 1,
		.gather_ns = 5 * NS_PER_S,
		.source = { .chunk = chunk, .sign = sign_poll, .ctx = h },
		.interface = "d0",
	};

	OK(chunk_source_open(h->f->store, h->name, h->id, &h->f->public, &h->source, err));
	OK(layout_new(chunk_source_lens(h->source), chunk_source_count(h->source), LAYOUT_SYMBOL, &h->layout, err));
	h->session = (struct session){ .cast = 77, .symbol_bytes = LAYOUT_SYMBOL };
	h->session.group = lan_addr(GROUP, PORT);
	h->session.sender = lan_addr(LAN_V4, 0);
	memset(h->session.group_key, 5, SESSION_KEY);
	OK(sign_key_make(&h->sign, err));
	opts.layout = h->layout;
	opts.session = &h->session;
	OK(tx_open(&opts, &h->tx, err));
	OK(thread_start(&h->thread, run_cast, h, err));
}

static void end_cast(struct head *h)
{
	if (!h->tx)
		return;
	tx_stop(h->tx);
	pthread_join(h->thread, NULL);
	tx_close(h->tx);
	h->tx = NULL;
	layout_drop(h->layout);
	chunk_source_close(h->source);
}

static void put_ticket(struct head *h, struct buf *out)
{
	char key[2 * SESSION_KEY + 1], own[2 * SESSION_KEY + 1], sign[2 * SESSION_SIGN_PUBLIC + 1], hex[DIGEST_HEX_LEN];
	uint8_t own_key[SESSION_KEY];
	struct digest layout;

	memset(own_key, h->number, sizeof(own_key));
	str_hex(h->session.group_key, SESSION_KEY, key);
	str_hex(own_key, SESSION_KEY, own);
	str_hex(h->sign.public, SESSION_SIGN_PUBLIC, sign);
	layout_digest(h->layout, &layout);
	layout.bytes[0] ^= h->other_layout;
	digest_hex(&layout, hex);
	buf_addf(out,
		 "{\"state\":\"ticket\",\"ticket\":{\"cast\":77,\"number\":%u,\"group\":\"" GROUP
		 "\",\"port\":%d,\"sender\":\"" LAN_V4 "\",\"sender_port\":%u,\"symbol_bytes\":%d,\"group_key\":\"%s\",\"own_"
		 "key\":\"%s\",\"sign_public\":\"%s\",\"layout\":\"%s\",\"chunks\":%zu}}",
		 h->number, PORT, tx_port(h->tx), LAYOUT_SYMBOL, key, own, sign, hex, chunk_source_count(h->source));
}

/* The bitmap of the question, or NULL; the caller frees. */
static char *have_of(const char *body)
{
	const char *at = strstr(body, "\"have\":\"");
	autoclean(buf_free) struct buf raw = { 0 };

	if (!at)
		return NULL;
	at += strlen("\"have\":\"");
	OK(base64_read(at, strcspn(at, "\""), &raw, err));
	return buf_steal(&raw);
}

static int ask(void *ctx, const char *body, size_t len, struct buf *answer, struct err *err)
{
	struct head *h = ctx;
	uint8_t own_key[SESSION_KEY];
	autofree char *have = NULL;

	assert_int_equal(strlen(body), len);
	assert_non_null(strstr(body, "\"image\":\"compute\""));
	h->asked++;
	h->again = strstr(body, "\"again\":true") != NULL;
	if (h->again && h->more) {
		h->more--;
		end_cast(h);
		h->fails_at *= 2;
	} else if (!h->casts || h->again) {
		if (!h->answer)
			return err_set(err, ERR_FAILED, "no answer");
		buf_adds(answer, h->answer);
		return 0;
	}
	if (!h->tx)
		begin_cast(h);
	have = have_of(body);
	memset(own_key, ++h->number, sizeof(own_key));
	if (tx_join(h->tx, h->number, own_key, (const uint8_t *)have, err) < 0)
		return -1;
	put_ticket(h, answer);
	return 0;
}

/* Of "compute/ID"; the caller frees. */
static char *id_of(const char *ref)
{
	return mem_strdup(ref + strlen("compute/"));
}

static void count(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
	uint64_t *last = ctx;

	assert_true(done_bytes >= *last && done_bytes <= total_bytes);
	*last = done_bytes;
}

/* The newest image "compute" into f->target; what is wrong is no reason to fail. */
static void bring(struct fixture *f, struct head *h, struct bring_result *out)
{
	const struct fetch_source source = { .get = get, .ctx = h };
	autofree char *ref = take_image(f, "compute"), *id = id_of(ref);
	autoclean(fetch_docs_free) struct fetch_docs docs = { 0 };
	struct restore_source src = { .key = &f->public, .cluster_id = "c1", .name = "compute" };
	uint64_t seen = 0;
	const struct bring_opts opts = { .source = &source,
					 .name = "compute",
					 .id = id,
					 .ask = ask,
					 .ask_ctx = h,
					 .progress = count,
					 .progress_ctx = &seen,
					 .silence_ns = NS_PER_S };
	struct restore *r = NULL;
	struct err none = { 0 };
	autoclose int fd = fs_open_dir(f->target, &none);

	assert_true(fd >= 0);
	h->f = f;
	h->name = opts.name;
	h->id = opts.id;
	OK(fetch_docs(&source, opts.name, opts.id, &docs, err));
	src.manifest = docs.manifest.data;
	src.manifest_len = docs.manifest.len;
	src.manifest_sig = docs.signature.data;
	src.manifest_sig_len = docs.signature.len;
	src.tree = docs.tree.data;
	src.tree_len = docs.tree.len;
	src.chunks = docs.chunks.data;
	src.chunks_len = docs.chunks.len;
	OK(restore_begin(&src, fd, &r, err));
	OK(bring_chunks(&opts, r, out, err));
	OK(restore_finish(r, err));
	assert_int_equal(out->before_bytes + out->cast_bytes + out->https_bytes, restore_stored_bytes(r));
	assert_int_equal(fetch_there(r), restore_stored_bytes(r));
	assert_int_equal(seen, restore_stored_bytes(r));
	restore_free(r);
	end_cast(h);
}

static void put_tree(struct fixture *f)
{
	put_noise(f->tree, "large", 9 << 20, 1);
	put_noise(f->tree, "other", 3 << 20, 2);
	put_file(f->tree, "small", "hello\n", 6);
}

static void assert_same(const struct fixture *f)
{
	static const char *const names[] = { "large", "other", "small" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		autofree char *a = fs_join(f->tree, names[i]), *b = fs_join(f->target, names[i]);
		autoclean(buf_free) struct buf x = { 0 }, y = { 0 };

		OK(fs_read(a, 1 << 28, &x, err));
		OK(fs_read(b, 1 << 28, &y, err));
		assert_int_equal(x.len, y.len);
		assert_memory_equal(x.data, y.data, x.len);
	}
}

static void all_by_the_cast(void **state)
{
	struct fixture *f = *state;
	struct head h = { .casts = true };
	struct bring_result b;
	autofree char *text = NULL;

	put_tree(f);
	bring(f, &h, &b);
	assert_same(f);
	assert_int_equal(h.rc, 0);
	assert_int_equal(b.https_bytes, 0);
	assert_int_equal(h.gets, 0);
	assert_int_equal(b.casts, 1);
	assert_string_equal(b.why, "");
	text = bring_text(&b);
	assert_non_null(strstr(text, "by the cast"));
	assert_null(strstr(text, "HTTPS"));
}

/* Its disk fails in the midst: what came stays, the rest comes over HTTPS. The head is asked once more, and has no other. */
static void half_of_it(void **state)
{
	static char none[] = "{\"state\":\"none\",\"reason\":\"its cast is over\"}";
	struct fixture *f = *state;
	struct head h = { .casts = true, .fails_at = 5, .answer = none };
	struct bring_result b;

	put_tree(f);
	bring(f, &h, &b);
	assert_same(f);
	assert_true(b.https_bytes > 0);
	assert_true(h.gets > 0);
	assert_string_equal(b.why, "the cast ended before all was there; its cast is over");
}

/* Cast after cast is cut off, and each one brings something: all comes by casts. */
static void half_after_half(void **state)
{
	struct fixture *f = *state;
	struct head h = { .casts = true, .fails_at = 2, .more = 9 };
	struct bring_result b;

	put_tree(f);
	bring(f, &h, &b);
	assert_same(f);
	assert_int_equal(b.https_bytes, 0);
	assert_int_equal(h.gets, 0);
	assert_true(b.casts > 1 && b.casts == h.asked);
	assert_string_equal(b.why, "");
}

/* Cast after cast brings nothing: there is an end to it. */
static void nothing_after_nothing(void **state)
{
	struct fixture *f = *state;
	struct head h = { .casts = true, .fails_none = true, .more = 100 };
	struct bring_result b;

	put_tree(f);
	bring(f, &h, &b);
	assert_same(f);
	assert_int_equal(b.cast_bytes, 0);
	assert_int_equal(b.casts, 4);
	assert_string_not_equal(b.why, "");
}

static void by_https(struct fixture *f, struct head *h, const char *why)
{
	struct bring_result b;
	autofree char *text = NULL;

	put_tree(f);
	bring(f, h, &b);
	assert_same(f);
	assert_int_equal(b.cast_bytes, 0);
	assert_int_equal(h->asked, 1);
	if (!strstr(b.why, why))
		fail_msg("'%s' does not say '%s'", b.why, why);
	text = bring_text(&b);
	assert_non_null(strstr(text, "over HTTPS: "));
}

static void a_head_that_does_not_answer(void **state)
{
	struct head h = { 0 };

	by_https(*state, &h, "no answer");
}

static void a_head_that_has_none(void **state)
{
	static char none[] = "{\"state\":\"none\",\"reason\":\"the site does not cast\"}";
	struct head h = { .answer = none };

	by_https(*state, &h, "the site does not cast");
}

static void a_head_that_talks_nonsense(void **state)
{
	static char nonsense[] = "{\"state\":\"ticket\",\"ticket\":{\"cast\":0}}";
	struct head h = { .answer = nonsense };

	by_https(*state, &h, "no ticket");
}

static void a_cast_of_other_chunks(void **state)
{
	struct head h = { .casts = true, .other_layout = true };

	by_https(*state, &h, "another layout");
}

/* Nobody sends there. */
static void a_silent_cast(void **state)
{
	static char ticket[1024];
	struct fixture *f = *state;
	struct head h = { .answer = ticket }, known = { .f = f, .name = "compute" };
	autofree char *ref = NULL, *id = NULL;
	autoclean(buf_free) struct buf text = { 0 };

	put_tree(f);
	ref = take_image(f, "compute");
	known.id = id = id_of(ref);
	begin_cast(&known);
	put_ticket(&known, &text);
	end_cast(&known);
	snprintf(ticket, sizeof(ticket), "%s", buf_str(&text));
	/* Numbers begin at 1. */
	*strstr(ticket, "\"number\":0") = '"';
	strstr(ticket, "\"number\":0")[9] = '1';
	by_https(f, &h, "heard");
}

static void tickets(void **state)
{
	static const char good[] = "{\"state\":\"none\",\"reason\":\"a \\u001b reason\"}";
	struct bring_ticket t;
	struct err why = { 0 };

	(void)state;
	OK(bring_ticket_read(good, strlen(good), &t, err));
	assert_false(t.given);
	assert_null(strchr(t.reason, 0x1b));
	bring_ticket_free(&t);
	assert_int_equal(bring_ticket_read("{}", 2, &t, &why), -1);
}

/* Behind a relay the cast comes from its address, and reports go to the sender's. */
static void tickets_behind_a_relay(void **state)
{
	static const char form[] =
		"{\"state\":\"ticket\",\"ticket\":{\"cast\":77,\"number\":1,\"group\":\"232.1.2.3\",\"port\":4580,"
		"\"sender\":\"10.1.0.1\",\"sender_port\":5000,%s\"symbol_bytes\":1408,\"group_key\":\"%064d\",\"own_key\":\"%"
		"064d\","
		"\"sign_public\":\"%064d\",\"layout\":\"%064d\",\"chunks\":3}}";
	static const struct {
		const char *source;
		bool good;
	} cases[] = { { "\"source\":\"10.2.0.9\",\"source_port\":4580,", true },
		      { "", true },
		      { "\"source\":\"232.2.0.9\",\"source_port\":4580,", false },
		      { "\"source\":\"fd00::9\",\"source_port\":4580,", false },
		      { "\"source\":\"10.2.0.9\",", false },
		      { "\"source_port\":4580,", false } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *text = str_format(form, cases[i].source, 1, 2, 3, 4);
		struct bring_ticket t;
		struct err why = { 0 };
		int rc = bring_ticket_read(text, strlen(text), &t, &why);

		if ((rc == 0) != cases[i].good)
			fail_msg("%s: %s", cases[i].source, why.text);
		if (rc < 0)
			continue;
		assert_int_equal(net_port(&t.session.sender), 5000);
		assert_int_equal(t.session.source.ss_family, i == 0 ? AF_INET : AF_UNSPEC);
		assert_int_equal(net_port(&t.session.source), i == 0 ? 4580 : 0);
		bring_ticket_free(&t);
	}
}

/* The numbers are those of the receiver's list, and the bytes those of the chunks. */
static void the_source_counts_as_the_restorer_does(void **state)
{
	struct fixture *f = *state;
	autofree char *ref = NULL, *id = NULL;
	struct chunk_source *s;
	struct verify_key other = { { 1 } };
	struct err why = { 0 };

	put_tree(f);
	put_noise(f->tree, "again", 3 << 20, 2); /* chunks that are there twice */
	ref = take_image(f, "compute");
	id = id_of(ref);
	OK(chunk_source_open(f->store, "compute", id, &f->public, &s, err));
	assert_true(chunk_source_count(s) > 3);
	for (size_t i = 0; i < chunk_source_count(s); i++) {
		autofree char *data = mem_zalloc(chunk_source_lens(s)[i]);

		OK(chunk_source_read(s, i, data, err));
		assert_memory_equal(data, "\x28\xb5\x2f\xfd", 4); /* zstd */
	}
	chunk_source_close(s);
	assert_int_equal(chunk_source_open(f->store, "compute", id, &other, &s, &why), -1);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(all_by_the_cast),
		TEST(half_of_it),
		TEST(half_after_half),
		TEST(nothing_after_nothing),
		TEST(a_head_that_does_not_answer),
		TEST(a_head_that_has_none),
		TEST(a_head_that_talks_nonsense),
		TEST(a_cast_of_other_chunks),
		TEST(a_silent_cast),
		TEST(the_source_counts_as_the_restorer_does),
		cmocka_unit_test(tickets),
		cmocka_unit_test(tickets_behind_a_relay),
	};

	if (!lan_make())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
