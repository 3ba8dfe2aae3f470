/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/token.h"

#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <string.h>

#define BEGIN "orthrus-cast1:"
#define CHECK_BYTES 4
#define COPY_HINT "copy the whole line that `orthrus cast send` printed"

void token_clear(struct token *t)
{
	explicit_bzero(t, sizeof(*t));
}

static void put_hex(struct buf *out, const void *data, size_t len)
{
	char hex[2 * DIGEST_LEN + 1];

	str_hex(data, len, hex);
	buf_adds(out, hex);
	explicit_bzero(hex, sizeof(hex));
}

static void put_place(const struct token *t, struct buf *out)
{
	bool six = strchr(t->host, ':') != NULL;

	buf_addf(out, "%s%s%s:%u", six ? "[" : "", t->host, six ? "]" : "", t->port);
}

void token_write(const struct token *t, struct buf *out)
{
	size_t begin = out->len;
	struct digest sum;

	/* Room first: no copy of the secret is left behind by a buffer that grew. */
	buf_reserve(out, TOKEN_TEXT_MAX);
	buf_adds(out, BEGIN);
	put_place(t, out);
	buf_addc(out, ':');
	put_hex(out, t->pin.bytes, DIGEST_LEN);
	buf_addc(out, ':');
	put_hex(out, t->secret, TOKEN_SECRET);
	digest_of(out->data + begin, out->len - begin, &sum);
	buf_addc(out, ':');
	put_hex(out, sum.bytes, CHECK_BYTES);
}

static int no_token(struct err *err, const char *why)
{
	err_set(err, ERR_INVALID, "the token %s", why);
	return err_hint(err, COPY_HINT);
}

/* The last field says whether the others are as they were written. */
static int check_sum(char *text, struct err *err)
{
	char *colon = strrchr(text, ':');
	uint8_t said[CHECK_BYTES];
	struct digest sum;
	struct err bad;

	if (!colon || str_unhex(colon + 1, said, sizeof(said), &bad) < 0)
		return no_token(err, "does not end as one does: its end is missing, or more was copied than the token");
	digest_of(text, (size_t)(colon - text), &sum);
	if (memcmp(sum.bytes, said, sizeof(said)) != 0)
		return no_token(err, "is not as it was printed: a character is wrong, missing or too much");
	*colon = '\0';
	return 0;
}

/* "10.0.0.1:4000" or "[fd00::1]:4000" */
static int read_place(char *text, struct token *out, struct err *err)
{
	char *colon = strrchr(text, ':'), *host = text;
	uint8_t addr[sizeof(struct in6_addr)];
	uint64_t port = 0;
	struct err bad;
	bool six;

	if (!colon || str_to_u64(colon + 1, 1, 65535, &port, &bad) < 0)
		return no_token(err, "names no port");
	six = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
	colon[six ? -1 : 0] = '\0';
	host += six;
	if (strlen(host) >= sizeof(out->host) || inet_pton(six ? AF_INET6 : AF_INET, host, addr) != 1)
		return no_token(err, "names no address");
	memcpy(out->host, host, strlen(host) + 1);
	out->port = (uint16_t)port;
	return 0;
}

static int read_fields(char *text, struct token *out, struct err *err)
{
	char *secret = strrchr(text, ':'), *pin = NULL;
	struct err bad;

	if (secret) {
		*secret++ = '\0';
		pin = strrchr(text, ':');
	}
	if (!pin || str_unhex(secret, out->secret, TOKEN_SECRET, &bad) < 0 ||
	    str_unhex(pin + 1, out->pin.bytes, DIGEST_LEN, &bad) < 0)
		return no_token(err, "lacks the sender's key or the secret");
	*pin = '\0';
	return read_place(text, out, err);
}

/* There is one text for each token. */
static bool is_as_written(const struct token *t, const char *text, size_t len)
{
	struct buf again = { 0 };
	bool same;

	token_write(t, &again);
	same = again.len == len && memcmp(again.data, text, len) == 0;
	explicit_bzero(again.data, again.cap);
	buf_free(&again);
	return same;
}

int token_read(const char *text, size_t len, struct token *out, struct err *err)
{
	static const char blank[] = " \t\r\n";
	char copy[TOKEN_TEXT_MAX];
	int rc;

	*out = (struct token){ 0 };
	while (len && text[len - 1] && strchr(blank, text[len - 1]))
		len--;
	while (len && text[0] && strchr(blank, text[0])) {
		text++;
		len--;
	}
	if (!len)
		return no_token(err, "is empty");
	if (len < strlen(BEGIN) || memcmp(text, BEGIN, strlen(BEGIN)) != 0)
		return no_token(err, "does not begin with " BEGIN);
	if (len >= sizeof(copy) || memchr(text, '\0', len))
		return no_token(err, "is too long, or holds what no text holds");
	memcpy(copy, text, len);
	copy[len] = '\0';
	rc = check_sum(copy, err) < 0 || read_fields(copy + strlen(BEGIN), out, err) < 0 ? -1 : 0;
	explicit_bzero(copy, sizeof(copy));
	if (rc == 0 && !is_as_written(out, text, len))
		rc = no_token(err, "is not written as one is");
	if (rc < 0)
		token_clear(out);
	return rc;
}

void token_url(const struct token *t, struct buf *out)
{
	buf_adds(out, "https://");
	put_place(t, out);
}

void token_bearer(const struct token *t, char out[TOKEN_BEARER_LEN])
{
	str_hex(t->secret, TOKEN_SECRET, out);
}
