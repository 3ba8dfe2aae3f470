/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A line of the audit log, as it is and with its hash put right: else nothing would get past that. */
#include "base/audit_chain.h"
#include "base/mem.h"

#include <stdint.h>
#include <string.h>

#define TAIL 75 /* ,"hash":"64 digits"} */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_line(const char *text, size_t len, bool put_right)
{
	autoclean(audit_chain_free) struct audit_chain c = { 0 };
	autoclean(audit_line_free) struct audit_line l = { 0 };
	struct err err = { 0 };
	enum audit_check check = audit_line_read(text, len, &l, &err);

	if (check != AUDIT_GOOD && check != AUDIT_CHANGED && check != AUDIT_UNREADABLE)
		abort();
	if ((check == AUDIT_GOOD) == (err.text[0] != '\0') || (check == AUDIT_UNREADABLE && (l.number || l.at || l.who)))
		abort();
	if (put_right && check == AUDIT_CHANGED)
		abort();
	audit_chain_add(&c, "log", 1, text, len);
	if ((c.faults > 0) == (check == AUDIT_GOOD) && !(l.number == 1 && c.faults == 1))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autofree char *text = mem_zalloc(size + 1);
	char hex[DIGEST_HEX_LEN];
	struct digest d;

	if (size)
		memcpy(text, data, size);
	try_line(text, size, false);
	if (size <= TAIL)
		return 0;
	digest_of(text, size - TAIL, &d);
	digest_hex(&d, hex);
	memcpy(text + size - TAIL, ",\"hash\":\"", 9);
	memcpy(text + size - TAIL + 9, hex, DIGEST_HEX_LEN - 1);
	memcpy(text + size - 2, "\"}", 2);
	try_line(text, size, true);
	return 0;
}
