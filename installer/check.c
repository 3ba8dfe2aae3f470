/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/check.h"

#include "base/mem.h"
#include "base/str.h"
#include "site/addr.h"

#include <string.h>

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* 1..max bytes, all of `allowed`. */
static int check_bytes(const char *s, const char *what, const char *allowed, size_t max, struct err *err)
{
	size_t len = strlen(s), good = strspn(s, allowed);

	if (!len)
		return err_set(err, ERR_INVALID, "%s is empty", what);
	if (len > max)
		return err_set(err, ERR_INVALID, "%s is %zu bytes long, at most %zu are allowed", what, len, max);
	if (good < len)
		return err_set(err, ERR_INVALID, "%s has the byte 0x%02x at position %zu, which is not allowed there", what,
			       (unsigned int)(unsigned char)s[good], good + 1);
	return 0;
}

int check_hex(const char *s, size_t len, struct err *err)
{
	if (strlen(s) != len || strspn(s, DIGITS "abcdef") != len)
		return err_set(err, ERR_INVALID, "must be exactly %zu lower-case hex digits", len);
	return 0;
}

int check_server(const char *s, struct err *err)
{
	if (check_bytes(s, "a time server", LETTERS DIGITS ".-:", 253, err) < 0)
		return -1;
	if (s[0] == '-')
		return err_set(err, ERR_INVALID, "a time server's name can't begin with '-'");
	return 0;
}

int check_hosts_line(const char *s, struct err *err)
{
	size_t addr;

	if (check_bytes(s, "a hosts line", LETTERS DIGITS ".:_- \t", 512, err) < 0)
		return -1;
	addr = strspn(s, DIGITS "abcdefABCDEF.:");
	if (!addr || (s[addr] != ' ' && s[addr] != '\t') || !s[addr + strspn(s + addr, " \t")])
		return err_set(err, ERR_INVALID, "a hosts line is an address, then one or more names");
	return 0;
}

int check_admin_keys(const char *s, struct err *err)
{
	size_t len = strlen(s);

	if (len > 65536)
		return err_set(err, ERR_INVALID, "the ssh keys are longer than 64 KiB");
	for (size_t i = 0; i < len; i++)
		if (s[i] != '\n' && ((unsigned char)s[i] < 0x20 || s[i] == 0x7f))
			return err_set(err, ERR_INVALID, "the ssh keys have a control byte at position %zu", i + 1);
	return 0;
}

int check_prefixed(const char *s, struct err *err)
{
	size_t len = strcspn(s, "/");
	autofree char *addr = mem_strndup(s, len);
	struct err ignored = { 0 };
	struct addr6 a6;
	uint32_t a4;
	uint64_t prefix;
	bool v4 = addr4_read(addr, &a4, &ignored) == 0;

	if ((!v4 && addr6_read(addr, &a6, &ignored) < 0) || !s[len] ||
	    str_to_u64(s + len + 1, 1, v4 ? 32 : 128, &prefix, &ignored) < 0)
		return err_set(err, ERR_INVALID, "'%.60s' is not an address with its prefix length (like 10.1.0.1/16)", s);
	return 0;
}

int check_url(const char *s, struct err *err)
{
	if (!str_starts(s, "https://"))
		return err_set(err, ERR_INVALID, "the head's address must begin with https://");
	return check_bytes(s + strlen("https://"), "the head's address", LETTERS DIGITS ".-:[]", 253, err);
}
