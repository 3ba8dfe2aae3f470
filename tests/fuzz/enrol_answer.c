/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a head says to a machine that asks to be a node: any bytes are refused, or make a certificate that is safe to write to a
 * file that others read. */
#include "imaging/imager/enrol.h"

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct enrol_answer a;
	struct err err = { 0 };

	if (enrol_answer_read((const char *)data, size, &a, &err) < 0) {
		if (!err.text[0] || a.node || a.certificate || a.fingerprint)
			abort();
		return 0;
	}
	if (a.approved != (a.certificate && a.node) || a.approved == (a.fingerprint != NULL))
		abort();
	if (a.approved && (!str_starts(a.certificate, "-----BEGIN CERTIFICATE-----\n") ||
			   strstr(a.certificate + 1, "-----BEGIN") || strpbrk(a.certificate, "\"\\$`\r\t")))
		abort();
	enrol_answer_free(&a);
	return 0;
}
