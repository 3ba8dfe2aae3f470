/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static char *vformat(const char *fmt, va_list ap)
{
	char *s = NULL;

	if (vasprintf(&s, fmt, ap) < 0) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return s;
}

char *str_format(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = vformat(fmt, ap);
	va_end(ap);
	return s;
}

bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

int str_to_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out, struct err *err)
{
	uint64_t v = 0;
	const char *p = s;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return err_set(err, ERR_INVALID, "'%s' is too large a number", s);
	}
	if (p == s || *p)
		return err_set(err, ERR_INVALID, "'%s' is not a whole number", s);
	if (v < min || v > max)
		return err_set(err, ERR_INVALID, "%s is not between %llu and %llu", s, (unsigned long long)min,
			       (unsigned long long)max);
	*out = v;
	return 0;
}

int str_to_bytes(const char *s, uint64_t *out_bytes, struct err *err)
{
	static const char units[] = "KMGTP";
	autofree char *digits = mem_strdup(s);
	size_t n = strlen(digits);
	uint64_t v;
	unsigned int shift = 0;

	if (n > 1 && strchr(units, digits[n - 1])) {
		shift = 10u * (unsigned int)(strchr(units, digits[n - 1]) - units + 1);
		digits[n - 1] = '\0';
	}
	if (str_to_u64(digits, 0, UINT64_MAX >> shift, &v, err) < 0)
		return err_set(err, ERR_INVALID, "'%s' is not a size (write bytes, or a number with K, M, G, T or P)", s);
	*out_bytes = v << shift;
	return 0;
}

void str_from_bytes(uint64_t bytes, char out[STR_BYTES_MAX])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	size_t u = 0;
	uint64_t scale = 1;

	while (u + 1 < ARRAY_LEN(units) && bytes / scale >= 1024) {
		scale *= 1024;
		u++;
	}
	if (bytes % scale == 0)
		snprintf(out, STR_BYTES_MAX, "%llu %s", (unsigned long long)(bytes / scale), units[u]);
	else
		snprintf(out, STR_BYTES_MAX, "%.1f %s", (double)bytes / (double)scale, units[u]);
}

void str_hex(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[p[i] >> 4];
		*out++ = digits[p[i] & 15];
	}
	*out = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int str_unhex(const char *hex, void *out, size_t len, struct err *err)
{
	uint8_t *p = out;

	if (strlen(hex) != 2 * len)
		return err_set(err, ERR_INVALID, "'%.80s' is not %zu hex digits", hex, 2 * len);
	for (size_t i = 0; i < len; i++) {
		int hi = nibble(hex[2 * i]), lo = nibble(hex[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return err_set(err, ERR_INVALID, "'%.80s' has a character that is no hex digit", hex);
		p[i] = (uint8_t)(hi << 4 | lo);
	}
	return 0;
}

int str_to_mac(const char *s, char out[STR_MAC_LEN], struct err *err)
{
	uint8_t b[6], any = 0;

	if (strlen(s) != STR_MAC_LEN - 1)
		return err_set(err, ERR_INVALID, "'%.40s' is not a MAC address (like 52:54:00:12:34:56)", s);
	for (size_t i = 0; i < 6; i++) {
		int hi = nibble(s[3 * i]), lo = nibble(s[3 * i + 1]);
		char sep = s[3 * i + 2];

		if (hi < 0 || lo < 0 || (i < 5 && sep != ':' && sep != '-'))
			return err_set(err, ERR_INVALID, "'%.40s' is not a MAC address (like 52:54:00:12:34:56)", s);
		b[i] = (uint8_t)(hi << 4 | lo);
		any |= b[i];
	}
	if (!any)
		return err_set(err, ERR_INVALID, "MAC address %s is all zero", s);
	if (b[0] & 1)
		return err_set(err, ERR_INVALID, "MAC address %s is a group address, not one machine's", s);
	snprintf(out, STR_MAC_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
	return 0;
}

int str_check_hostname(const char *s, struct err *err)
{
	size_t n = strlen(s);
	autofree char *shown = str_printable(s, n < 80 ? n : 80);

	if (n < 1 || n > 63)
		return err_set(err, ERR_INVALID, "host name '%s' has %zu characters; allowed are 1 to 63", shown, n);
	if (strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != n)
		return err_set(err, ERR_INVALID, "host name '%s' may hold only a-z, 0-9 and '-'", shown);
	if (s[0] == '-' || s[n - 1] == '-')
		return err_set(err, ERR_INVALID, "host name '%.80s' begins or ends with '-'", s);
	return 0;
}

int str_check_name(const char *s, struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = strlen(s);

	if (n < 1 || n > 63)
		return err_set(err, ERR_INVALID, "name '%.80s' has %zu characters; allowed are 1 to 63", s, n);
	if (strspn(s, allowed) != n || strchr("._-", s[0]))
		return err_set(err, ERR_INVALID,
			       "name '%.80s' may hold only letters, digits, '.', '_' and '-', and begins with a letter or digit",
			       s);
	return 0;
}

size_t str_utf8_len(const char *s, size_t left)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n;

	if (left == 0)
		return 0;
	n = *p < 0x80 ? 1 : *p >= 0xc2 && *p < 0xe0 ? 2 : *p >= 0xe0 && *p < 0xf0 ? 3 : *p >= 0xf0 && *p < 0xf5 ? 4 : 0;
	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
	    (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* A control character of C0 or C1, or one that makes a terminal show what follows elsewhere than it is (UAX #9, line ends). `s`
 * is valid UTF-8. */
static bool is_control(const unsigned char *s)
{
	switch (s[0]) {
	case 0xc2:
		return s[1] < 0xa0;
	case 0xd8:
		return s[1] == 0x9c;
	case 0xe2:
		return (s[1] == 0x80 && (s[2] == 0x8e || s[2] == 0x8f || (s[2] >= 0xa8 && s[2] <= 0xae))) ||
		       (s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9);
	default:
		return s[0] < 0x20 || s[0] == 0x7f;
	}
}

char *str_printable(const char *s, size_t len)
{
	char *out = mem_array(len + 1, 4), *o = out;

	while (len) {
		size_t n = str_utf8_len(s, len);
		unsigned char c = (unsigned char)*s;

		if (n == 0 || is_control((const unsigned char *)s)) {
			snprintf(o, 5, "\\x%02x", c);
			o += 4;
			n = 1;
		} else {
			memcpy(o, s, n);
			o += n;
		}
		s += n;
		len -= n;
	}
	*o = '\0';
	return out;
}

static void list_take(struct str_list *list, char *s)
{
	list->items = mem_room(list->items, list->len + 1, &list->cap, sizeof(list->items[0]));
	list->items[list->len++] = s;
	list->items[list->len] = NULL;
}

void str_list_add(struct str_list *list, const char *s)
{
	list_take(list, mem_strdup(s));
}

void str_list_addf(struct str_list *list, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	list_take(list, vformat(fmt, ap));
	va_end(ap);
}

bool str_list_has(const struct str_list *list, const char *s)
{
	for (size_t i = 0; i < list->len; i++)
		if (str_eq(list->items[i], s))
			return true;
	return false;
}

void str_list_free(struct str_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct str_list){ 0 };
}

#define WORD_MAX 40

/* Levenshtein distance; words longer than WORD_MAX are far from everything. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], n = strlen(a), m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t up = row[j], best = diagonal + (a[i - 1] != b[j - 1]);

			best = up + 1 < best ? up + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			diagonal = up;
		}
	}
	return row[m];
}

const char *str_nearest(const char *word, const char *const *known, size_t n)
{
	size_t best = SIZE_MAX;
	const char *found = NULL;

	for (size_t i = 0; i < n; i++) {
		size_t d = distance(word, known[i]);

		/* "del" for "delete": what somebody began to type is near, however much is missing. */
		if (strlen(word) >= 3 && str_starts(known[i], word))
			d = 1;
		if (d < best) {
			best = d;
			found = known[i];
		}
	}
	/* In a short word two letters are half of it. */
	return found && best <= (strlen(word) <= 4 ? 1 : 2) && best < strlen(found) ? found : NULL;
}
