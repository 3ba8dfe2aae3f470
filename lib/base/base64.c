/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *out, const void *data, size_t len)
{
	const uint8_t *p = data;

	buf_reserve(out, (len + 2) / 3 * 4);
	for (; len >= 3; p += 3, len -= 3) {
		buf_addc(out, digits[p[0] >> 2]);
		buf_addc(out, digits[(p[0] & 3) << 4 | p[1] >> 4]);
		buf_addc(out, digits[(p[1] & 15) << 2 | p[2] >> 6]);
		buf_addc(out, digits[p[2] & 63]);
	}
	if (!len)
		return;
	buf_addc(out, digits[p[0] >> 2]);
	buf_addc(out, digits[(p[0] & 3) << 4 | (len > 1 ? p[1] >> 4 : 0)]);
	buf_addc(out, len > 1 ? digits[(p[1] & 15) << 2] : '=');
	buf_addc(out, '=');
}

/* The value of a digit, or -1. */
static int value_of(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Four characters, of which `pad` at the end are '='. Returns -1 for what is no such group; bits that are not used must be 0. */
static int read_group(const char *s, unsigned int pad, struct buf *out)
{
	uint32_t v = 0;

	for (unsigned int i = 0; i < 4; i++) {
		int d = i >= 4 - pad ? 0 : value_of(s[i]);

		if (d < 0)
			return -1;
		v = v << 6 | (uint32_t)d;
	}
	if ((pad == 1 && v & 0xff) || (pad == 2 && v & 0xffff))
		return -1;
	buf_addc(out, (char)(v >> 16));
	if (pad < 2)
		buf_addc(out, (char)(v >> 8 & 0xff));
	if (pad < 1)
		buf_addc(out, (char)(v & 0xff));
	return 0;
}

int base64_read(const char *text, size_t len, struct buf *out, struct err *err)
{
	size_t before = out->len;

	if (len % 4 != 0)
		return err_set(err, ERR_INVALID, "%zu characters are no base64: four make three bytes", len);
	buf_reserve(out, len / 4 * 3);
	for (size_t i = 0; i < len; i += 4) {
		unsigned int pad = i + 4 < len || text[i + 3] != '=' ? 0 : text[i + 2] == '=' ? 2 : 1;

		if (read_group(text + i, pad, out) == 0)
			continue;
		if (out->len > before)
			memset(out->data + before, 0, out->len - before);
		out->len = before;
		return err_set(err, ERR_INVALID, "no base64 at character %zu", i + 1);
	}
	return 0;
}
