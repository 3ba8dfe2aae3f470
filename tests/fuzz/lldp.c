/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a frame from the other end of a cable: refused, or texts that can be shown and sent on. */
#include "imaging/imager/lldp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text)
{
	if (!text)
		return;
	if (!*text || strlen(text) > 255)
		abort();
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lldp l;
	struct err err = { 0 };

	if (lldp_read(data, size, &l, &err) < 0) {
		if (l.chassis || l.port || !err.text[0])
			abort();
		return 0;
	}
	if (!l.chassis || !l.port)
		abort();
	check(l.chassis);
	check(l.port);
	check(l.port_description);
	check(l.system);
	check(l.system_description);
	check(l.address);
	lldp_free(&l);
	return 0;
}
