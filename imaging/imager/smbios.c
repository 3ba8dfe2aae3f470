/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/smbios.h"

#include "base/mem.h"
#include "sys/fs.h"

#include <stdbool.h>
#include <string.h>

#define TABLE_MAX ((size_t)1 << 20)
#define HEADER_LEN 4
#define TYPE_OEM_STRINGS 11
#define TYPE_END 127

static const char prefix[] = "io.systemd.credential:orthrus.token=";

static int take_token(const char *text, size_t len, char out[SMBIOS_TOKEN_LEN], struct err *err)
{
	if (len == 0 || len >= SMBIOS_TOKEN_LEN)
		return err_set(err, ERR_INVALID, "the token in the SMBIOS tables has %zu bytes, not 1 to %d", len,
			       SMBIOS_TOKEN_LEN - 1);
	memcpy(out, text, len);
	out[len] = '\0';
	if (strspn(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == len)
		return 1;
	explicit_bzero(out, SMBIOS_TOKEN_LEN);
	return err_set(err, ERR_INVALID, "the token in the SMBIOS tables has a byte that none has");
}

/* The strings of one structure, each with NUL at its end, and an empty one behind the last; without any there are two NULs.
 * False when the table ends before that. *used: the bytes that they take. */
static bool walk_strings(const char *strings, size_t len, size_t *used, const char **token, size_t *token_len)
{
	size_t at = 0;

	for (bool first = true;; first = false) {
		const char *s = strings + at, *end = memchr(s, '\0', len - at);
		size_t n;

		if (!end)
			return false;
		n = (size_t)(end - s);
		at += n + 1;
		if (n == 0 && !first)
			break;
		if (n == 0 && (at == len || strings[at]))
			return false;
		if (!*token && n >= sizeof(prefix) - 1 && memcmp(s, prefix, sizeof(prefix) - 1) == 0) {
			*token = s + sizeof(prefix) - 1;
			*token_len = n - (sizeof(prefix) - 1);
		}
	}
	*used = at;
	return true;
}

int smbios_token(const uint8_t *table, size_t len, char out[SMBIOS_TOKEN_LEN], struct err *err)
{
	out[0] = '\0';
	for (size_t at = 0; len - at >= HEADER_LEN;) {
		uint8_t type = table[at], formatted = table[at + 1];
		const char *token = NULL;
		size_t n = 0, token_len = 0;

		if (type == TYPE_END || formatted < HEADER_LEN || formatted > len - at)
			break;
		at += formatted;
		if (!walk_strings((const char *)table + at, len - at, &n, &token, &token_len))
			break;
		at += n;
		if (type == TYPE_OEM_STRINGS && token)
			return take_token(token, token_len, out, err);
	}
	return 0;
}

int smbios_token_read(const char *path, char out[SMBIOS_TOKEN_LEN], struct err *err)
{
	autoclean(buf_free) struct buf table = { 0 };
	struct err why = { 0 };
	int rc;

	out[0] = '\0';
	if (fs_read(path, TABLE_MAX, &table, &why) < 0) {
		if (why.kind == ERR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	rc = smbios_token((const uint8_t *)buf_str(&table), table.len, out, err);
	if (table.data)
		explicit_bzero(table.data, table.len);
	return rc;
}
