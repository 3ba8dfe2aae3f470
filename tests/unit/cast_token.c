/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/token: one text for each token, every slip is found, and no error text has a part of the secret. */
#include "cast/token.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct token sample(const char *host)
{
	struct token t = { .port = 40123 };

	snprintf(t.host, sizeof(t.host), "%s", host);
	digest_of("key", 3, &t.pin);
	memcpy(t.secret, "0123456789abcdef", TOKEN_SECRET);
	return t;
}

static char *text_of(const struct token *t)
{
	struct buf b = { 0 };

	token_write(t, &b);
	return buf_steal(&b);
}

static void reads_back(const char *host, const char *url)
{
	struct token t = sample(host), back;
	autofree char *text = text_of(&t);
	autoclean(buf_free) struct buf is = { 0 };
	char bearer[TOKEN_BEARER_LEN];
	struct err err = { 0 };

	assert_true(str_starts(text, "orthrus-cast1:"));
	assert_int_equal(token_read(text, strlen(text), &back, &err), 0);
	assert_memory_equal(&back, &t, sizeof(t));
	token_url(&back, &is);
	assert_string_equal(buf_str(&is), url);
	token_bearer(&back, bearer);
	assert_string_equal(bearer, "30313233343536373839616263646566");
}

static void test_it_reads_what_it_writes(void **state)
{
	(void)state;
	reads_back("10.0.0.1", "https://10.0.0.1:40123");
	reads_back("fd00::1", "https://[fd00::1]:40123");
}

static void test_white_space_around_it(void **state)
{
	struct token t = sample("10.0.0.1"), back;
	autofree char *text = text_of(&t), *wide = str_format(" \t%s\r\n\n", text);
	struct err err = { 0 };

	(void)state;
	assert_int_equal(token_read(wide, strlen(wide), &back, &err), 0);
	assert_memory_equal(&back, &t, sizeof(t));
}

static void refused(const char *text, size_t len, const struct token *right)
{
	struct token out = *right, none = { 0 };
	char secret[TOKEN_BEARER_LEN];
	struct err err = { 0 };

	assert_int_equal(token_read(text, len, &out, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
	assert_true(err.hint[0] != '\0');
	token_bearer(right, secret);
	secret[8] = '\0';
	assert_null(strstr(err.text, secret));
	assert_memory_equal(&out, &none, sizeof(none));
}

static void test_each_slip_is_found(void **state)
{
	struct token t = sample("fd00::1");
	autofree char *text = text_of(&t), *copy = NULL;
	size_t len = strlen(text);

	(void)state;
	for (size_t i = 0; i < len; i++) { /* one character wrong, missing, twice; and the end cut off */
		copy = mem_strdup(text);
		copy[i] = copy[i] == '7' ? '1' : '7';
		refused(copy, len, &t);
		memmove(copy + i, text + i + 1, len - i);
		refused(copy, len - 1, &t);
		free(copy);
		copy = str_format("%.*s%c%s", (int)i, text, text[i], text + i);
		refused(copy, len + 1, &t);
		free(steal(copy));
		refused(text, i, &t);
	}
}

/* With a right checksum over it, as only a program makes it. */
static void refused_with_sum(const char *fields)
{
	struct token t = sample("10.0.0.1");
	char hex[DIGEST_HEX_LEN];
	autofree char *text = NULL;
	struct digest d;

	digest_of(fields, strlen(fields), &d);
	digest_hex(&d, hex);
	text = str_format("%s:%.8s", fields, hex);
	refused(text, strlen(text), &t);
}

#define PIN "2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"
#define SECRET "30313233343536373839616263646566"
static void test_what_no_sender_prints(void **state)
{
	struct token t = sample("10.0.0.1");
	char nul[] = "orthrus-cast1:10.0.0.1\0:1";
	autofree char *endless = mem_zalloc(TOKEN_TEXT_MAX + 100);

	(void)state;
	refused("", 0, &t);
	refused("hello", 5, &t);
	refused(nul, sizeof(nul) - 1, &t);
	memset(endless, 'a', TOKEN_TEXT_MAX + 99);
	memcpy(endless, "orthrus-cast1:", 14);
	refused(endless, TOKEN_TEXT_MAX + 99, &t);
	refused_with_sum("orthrus-cast1:head.example:4000:" PIN ":" SECRET); /* no name: who would answer to it? */
	refused_with_sum("orthrus-cast1:10.0.0.1:0:" PIN ":" SECRET);
	refused_with_sum("orthrus-cast1:10.0.0.1:65536:" PIN ":" SECRET);
	refused_with_sum("orthrus-cast1:10.0.0.1:04000:" PIN ":" SECRET);
	refused_with_sum("orthrus-cast1:[10.0.0.1]:4000:" PIN ":" SECRET);
	refused_with_sum("orthrus-cast1:fd00::1:4000:" PIN ":" SECRET);
	refused_with_sum("orthrus-cast1:10.0.0.1:4000:" PIN ":" SECRET ":" SECRET);
	refused_with_sum("orthrus-cast1:10.0.0.1:4000:" PIN);
	refused_with_sum("orthrus-cast1:10.0.0.1:4000:2C70E12B7A0646F92279F427C7B38E7334D8E5389CFF167A1DC30E73F826B683:" SECRET);
}

static void test_it_is_wiped(void **state)
{
	struct token t = sample("10.0.0.1"), none = { 0 };

	(void)state;
	token_clear(&t);
	assert_memory_equal(&t, &none, sizeof(t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_reads_what_it_writes),
		cmocka_unit_test(test_white_space_around_it),
		cmocka_unit_test(test_each_slip_is_found),
		cmocka_unit_test(test_what_no_sender_prints),
		cmocka_unit_test(test_it_is_wiped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
