/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as what a machine sends to be enrolled: refused with a reason, or a key whose request is good and an inventory that
 * can be kept. The same bytes as a certificate request and as the words of a fingerprint, too. */
#include "base/keywords.h"
#include "base/mem.h"
#include "daemon/enrol_read.h"
#include "sys/keys_x509.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_words(const char *text)
{
	uint8_t fp[KEYWORDS_BYTES], again[KEYWORDS_BYTES];
	char words[KEYWORDS_LEN];
	struct err err = { 0 };

	if (keywords_read(text, fp, &err) < 0) {
		if (!err.text[0])
			abort();
		return;
	}
	keywords_of(fp, words);
	if (keywords_read(words, again, &err) < 0 || memcmp(fp, again, sizeof(fp)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(enrol_free) struct enrol e = { 0 };
	autofree char *text = mem_zalloc(size + 1);
	struct digest spki;
	struct err err = { 0 };

	if (size)
		memcpy(text, data, size);
	as_words(text);
	if (x509_request_check(text, size, &spki, &err) < 0 && !err.text[0])
		abort();
	err = (struct err){ 0 };
	if (enrol_read(text, size, &e, &err) < 0) {
		if (e.csr || !err.text[0])
			abort();
		return 0;
	}
	if (x509_request_check(e.csr, strlen(e.csr), &spki, &err) < 0 || digest_cmp(&spki, &e.key.spki) != 0)
		abort();
	return 0;
}
