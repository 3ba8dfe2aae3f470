/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a dnsmasq.conf that the helper is to start: what passes is read by dnsmasq's own rules, and names no program, no
 * user but one, and no file elsewhere. */
#include "base/mem.h"
#include "base/str.h"
#include "netboot/netboot.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const harmful[] = { "script", "conf", "servers-file", "group",	"lua",	  "dumpfile",
				       "dbus",	 "ubus", "resolv-file",	 "read-ethers", "address" };

/* As dnsmasq's read_file() does: pieces of 1024 bytes, blanks and quotes, words before '='. */
static void read_as_dnsmasq(const char *line)
{
	size_t key = strcspn(line, "=");

	if (strlen(line) > 1000 || strpbrk(line, "\"\\\t\r"))
		abort();
	if (line[0] == '#')
		return;
	if (strchr(line, ' ') || strchr(line, '#'))
		abort();
	for (size_t i = 0; i < ARRAY_LEN(harmful); i++)
		if (strlen(harmful[i]) <= key && memmem(line, key, harmful[i], strlen(harmful[i])))
			abort();
	if (str_starts(line, "user=") && !str_eq(line, "user=dnsmasq"))
		abort();
	if (str_starts(line, "dhcp-leasefile=") && !str_eq(line, "dhcp-leasefile=/r/dnsmasq.leases"))
		abort();
	if (str_starts(line, "tftp-root=") && !str_eq(line, "tftp-root=/t"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = mem_dup(size ? (const char *)data : "", size ? size : 1);
	struct err err = { 0 };

	if (netboot_conf_check(text, size, "/r", "/t", &err) < 0) {
		if (err.kind != ERR_REFUSED || !strstr(err.text, "line "))
			abort();
		return 0;
	}
	if (size && text[size - 1] != '\n')
		abort();
	for (size_t at = 0; at < size;) {
		size_t n = (size_t)((char *)memchr(text + at, '\n', size - at) - text) - at;
		autofree char *line = mem_strndup(text + at, n);

		if (strlen(line) != n)
			abort();
		read_as_dnsmasq(line);
		at += n + 1;
	}
	return 0;
}
