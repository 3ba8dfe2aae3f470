/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A BMC that answers whatever it likes: each answer is one byte of length and so many bytes. */
#include "imaging/imager/board_bmc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct script {
	const uint8_t *at;
	size_t left;
};

static int answer(void *ctx, uint8_t netfn, uint8_t command, const uint8_t *data, size_t data_len, uint8_t *out, size_t *len,
		  struct err *err)
{
	struct script *s = ctx;
	size_t n;

	(void)netfn, (void)command, (void)data, (void)data_len;
	if (!s->left)
		return err_set(err, ERR_FAILED, "silence");
	n = s->at[0];
	s->at++, s->left--;
	n = n > s->left ? s->left : n;
	memcpy(out, s->at, n > *len ? *len : n);
	*len = n;
	s->at += n, s->left -= n;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = { data, size };
	struct board_bmc_door door = { answer, &s };
	struct board_bmc b = { 0 };
	struct err err = { 0 };

	if (board_bmc_read(&door, &b, &err) < 0 && (b.address || b.mac || b.vendor || !err.text[0]))
		abort();
	board_bmc_free(&b);
	return 0;
}
