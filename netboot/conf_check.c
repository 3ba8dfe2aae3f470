/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The closed grammar of netboot_dnsmasq_conf(), for who starts dnsmasq and does not trust who wrote its file. Pure. */
#include "netboot/netboot.h"
#include "netboot/render.h"

#include "base/mem.h"

#include <string.h>

/* dnsmasq reads a line in pieces of MAXDNAME (1025) bytes, and takes the next piece for a line of its own: half of that. */
#define LINE_MAX_BYTES 512
#define INTERFACE_MAX 15
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

enum value {
	NOTHING, /* the word stands alone */
	EXACTLY, /* one text */
	RUN_FILE,
	TFTP_ROOT,
	INTERFACE,
	NAME,	    /* of a domain */
	LOCAL_NAME, /* the same between slashes */
	ADDRESS,
	NUMBER,
	OPTION, /* what is sent to machines, and which machines are meant */
};

/* What is not here does not exist: nothing that names a program, a user, another file or another interface's address. */
static const struct {
	const char *key;
	enum value value;
	const char *text; /* EXACTLY this, or the name of the RUN_FILE */
} grammar[] = {
	{ "interface", INTERFACE, NULL },
	{ "except-interface", EXACTLY, "lo" },
	{ "bind-dynamic", NOTHING, NULL },
	{ "user", EXACTLY, "dnsmasq" },
	{ "keep-in-foreground", NOTHING, NULL },
	{ "log-facility", EXACTLY, "-" },
	{ "log-dhcp", NOTHING, NULL },
	{ "pid-file", RUN_FILE, NETBOOT_PID },
	{ "no-resolv", NOTHING, NULL },
	{ "no-hosts", NOTHING, NULL },
	{ "domain-needed", NOTHING, NULL },
	{ "bogus-priv", NOTHING, NULL },
	{ "server", ADDRESS, NULL },
	{ "domain", NAME, NULL },
	{ "local", LOCAL_NAME, NULL },
	{ "addn-hosts", RUN_FILE, NETBOOT_HOSTS },
	{ "dhcp-ignore", EXACTLY, "tag:!known" },
	{ "dhcp-ignore", EXACTLY, "tag:!known,tag:!known-othernet" },
	{ "dhcp-authoritative", NOTHING, NULL },
	{ "dhcp-hostsfile", RUN_FILE, NETBOOT_DHCP_HOSTS },
	{ "dhcp-leasefile", RUN_FILE, NETBOOT_LEASES },
	{ "dhcp-lease-max", NUMBER, NULL },
	{ "dhcp-ignore-names", NOTHING, NULL },
	{ "dhcp-range", OPTION, NULL },
	{ "no-ping", NOTHING, NULL },
	{ "dhcp-ignore-clid", NOTHING, NULL },
	{ "dhcp-option", OPTION, NULL },
	{ "enable-ra", NOTHING, NULL },
	{ "ra-param", OPTION, NULL },
	{ "dhcp-match", OPTION, NULL },
	{ "dhcp-boot", OPTION, NULL },
	{ "enable-tftp", INTERFACE, NULL },
	{ "tftp-root", TFTP_ROOT, NULL },
	{ "tftp-max", NUMBER, NULL },
};

static bool made_of(const char *s, const char *set, size_t max)
{
	size_t len = strspn(s, set);

	return len && !s[len] && len <= max;
}

static bool is_address(const char *s)
{
	struct err ignored = { 0 };
	struct addr6 addr6;
	uint32_t addr4;

	return addr4_read(s, &addr4, &ignored) == 0 || addr6_read(s, &addr6, &ignored) == 0;
}

static bool is_run_file(const char *s, const char *run_dir, const char *name)
{
	size_t len = strlen(run_dir);

	return strncmp(s, run_dir, len) == 0 && s[len] == '/' && str_eq(s + len + 1, name);
}

static bool is_local_name(const char *s)
{
	size_t len = strlen(s);
	autofree char *name = len > 2 && s[0] == '/' && s[len - 1] == '/' ? mem_strndup(s + 1, len - 2) : mem_strdup("");

	return made_of(name, LETTERS DIGITS ".-", 253);
}

static bool value_fits(size_t rule, const char *s, const char *run_dir, const char *tftp_root)
{
	switch (grammar[rule].value) {
	case NOTHING:
		return false;
	case EXACTLY:
		return str_eq(s, grammar[rule].text);
	case RUN_FILE:
		return is_run_file(s, run_dir, grammar[rule].text);
	case TFTP_ROOT:
		return str_eq(s, tftp_root);
	case INTERFACE:
		return made_of(s, LETTERS DIGITS "._-@", INTERFACE_MAX) && s[0] != '-' && s[0] != '.' && !str_eq(s, "lo");
	case NAME:
		return made_of(s, LETTERS DIGITS ".-", 253);
	case LOCAL_NAME:
		return is_local_name(s);
	case ADDRESS:
		return is_address(s);
	case NUMBER:
		return made_of(s, DIGITS, 5);
	case OPTION:
		return made_of(s, LETTERS DIGITS ".:,[]/-@_", LINE_MAX_BYTES);
	}
	return false;
}

static bool line_fits(char *line, const char *run_dir, const char *tftp_root)
{
	char *value = strchr(line, '=');

	if (!line[0])
		return true;
	/* In quotes dnsmasq takes a '#' for itself, and a backslash for what it stands for: none of ours has either. */
	if (line[0] == '#')
		return !strpbrk(line, "\"\\\t\r");
	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_LEN(grammar); i++)
		if (str_eq(line, grammar[i].key) &&
		    (value ? value_fits(i, value, run_dir, tftp_root) : grammar[i].value == NOTHING))
			return true;
	return false;
}

int netboot_conf_check(const char *text, size_t len, const char *run_dir, const char *tftp_root, struct err *err)
{
	unsigned int number = 0;

	for (size_t at = 0; at < len; at++) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t n = end ? (size_t)(end - text) - at : 0;
		autofree char *line = NULL;
		autofree char *shown = NULL;

		number++;
		if (!end || n > LINE_MAX_BYTES)
			return err_set(err, ERR_REFUSED, "line %u of dnsmasq's configuration has no end within %d bytes", number,
				       LINE_MAX_BYTES);
		line = mem_strndup(text + at, n);
		shown = str_printable(text + at, n < 60 ? n : 60);
		for (size_t i = 0; i < n; i++)
			if (line[i] < ' ' || line[i] > '~')
				return err_set(err, ERR_REFUSED,
					       "line %u of dnsmasq's configuration has bytes that are no text: %s", number,
					       shown);
		if (!line_fits(line, run_dir, tftp_root))
			return err_set(err, ERR_REFUSED, "line %u of dnsmasq's configuration is none that orthrusd writes: %s",
				       number, shown);
		at += n;
	}
	return 0;
}
