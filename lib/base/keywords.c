/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/keywords.h"

#include "base/keywords_table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 6
#define WORD_BITS 11
#define SHORT_WORDS 571 /* of up to three letters; those of four come behind them */
#define BETWEEN " \t\r\n-.,"

/* The sum of all pairs of bits. */
static uint64_t parity(uint64_t bits)
{
	uint64_t sum = 0;

	for (; bits; bits >>= 2)
		sum += bits & 3;
	return sum & 3;
}

void keywords_of(const uint8_t fp[KEYWORDS_BYTES], char out[KEYWORDS_LEN])
{
	uint64_t bits = 0;
	char *at = out;

	for (size_t i = 0; i < KEYWORDS_BYTES; i++)
		bits = bits << 8 | fp[i];
	for (unsigned int i = 0; i < WORDS; i++) {
		/* The last word has the nine bits that are left, and the parity. */
		uint64_t n = i + 1 < WORDS ? bits >> (64 - WORD_BITS * (i + 1)) : bits << 2 | parity(bits);
		const char *word = keywords_table[n & (KEYWORDS_N - 1)];
		size_t len = strlen(word);

		if (i)
			*at++ = ' ';
		memcpy(at, word, len);
		at += len;
	}
	*at = '\0';
}

static int by_word(const void *key, const void *item)
{
	return strcmp(key, item);
}

/* Its place in the dictionary, or -1. */
static int find(const char *text, size_t len)
{
	char word[5] = "";
	const char(*found)[5];

	if (len > 4)
		return -1;
	for (size_t i = 0; i < len; i++) {
		int c = toupper((unsigned char)text[i]);

		word[i] = (char)(c == '0' ? 'O' : c == '1' ? 'L' : c == '5' ? 'S' : c);
	}
	found = len < 4 ? bsearch(word, keywords_table, SHORT_WORDS, sizeof(*found), by_word)
			: bsearch(word, keywords_table + SHORT_WORDS, KEYWORDS_N - SHORT_WORDS, sizeof(*found), by_word);
	return found ? (int)(found - keywords_table) : -1;
}

int keywords_read(const char *text, uint8_t fp[KEYWORDS_BYTES], struct err *err)
{
	const char *at = text + strspn(text, BETWEEN);
	uint64_t bits = 0, last = 0;
	int n = 0;

	for (; *at; n++) {
		size_t len = strcspn(at, BETWEEN);
		int place = find(at, len);

		if (n == WORDS)
			return err_set(err, ERR_INVALID, "a fingerprint has %d words, these are more", WORDS);
		if (place < 0)
			return err_set(err, ERR_INVALID, "'%.*s' is none of the words that stand for a fingerprint",
				       len < 40 ? (int)len : 40, at);
		if (n + 1 < WORDS)
			bits = bits << WORD_BITS | (uint64_t)place;
		else
			last = (uint64_t)place;
		at += len;
		at += strspn(at, BETWEEN);
	}
	if (n < WORDS)
		return err_set(err, ERR_INVALID, "a fingerprint has %d words, these are %d", WORDS, n);
	bits = bits << 9 | last >> 2;
	if (parity(bits) != (last & 3))
		return err_set(err, ERR_INVALID, "the words '%.60s' do not go together: one of them was misread", text);
	for (size_t i = 0; i < KEYWORDS_BYTES; i++)
		fp[i] = (uint8_t)(bits >> (8 * (KEYWORDS_BYTES - 1 - i)));
	return 0;
}
