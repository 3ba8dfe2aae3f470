/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/tx.h: signed digests of the pieces of a file. Each packet holds, besides the newest, as many older ones as fit: what is
 * lost comes with the next. */
#include "base/mem.h"
#include "cast/tx_priv.h"

#include <string.h>

#define ROWS_AGAIN 12	   /* bursts, until the newest are sent once more if nothing newer was */
#define ROWS_ASKED_MAX 8   /* packets for one question */
#define ROWS_FRESH_MAX 256 /* looked at in one go */
#define ROWS_TOGETHER 8	   /* new ones that are signed together: that and to verify it takes as long for one as for many. */
#define ROWS_LATER 64	   /* bursts that they may wait for one another: pieces are read earlier than that */

static int put(struct tx *t, struct err *err)
{
	uint8_t p[WIRE_HEAD + WIRE_PACKET_MAX + WIRE_TAG];

	return tx_put_sealed(t, WIRE_ROWS, p, wire_rows_write(&t->rows, p + WIRE_HEAD), err);
}

/* Digests [first, end), all of them known, WIRE_ROWS_MAX at most. */
static int sign_and_put(struct tx *t, uint32_t first, uint32_t end, struct err *err)
{
	uint8_t text[WIRE_ROWS_SIGNED_MAX];
	size_t len;

	t->rows.first = first;
	t->rows.n = (uint16_t)(end - first);
	for (uint32_t i = first; i < end; i++)
		if (!tx_store_digest(&t->store, i, &t->rows.digests[i - first]))
			return err_set(err, ERR_FAILED, "the digest of piece %u is not known", i);
	len = wire_rows_signed(t->session.cast, &t->rows, text);
	if (t->store.source.sign(t->store.source.ctx, text, len, t->rows.signature, err) < 0)
		return -1;
	return put(t, err);
}

/* The end of the digests that are known from `first` on: as many as one packet holds. */
static uint32_t known_to(struct tx *t, uint32_t first)
{
	const uint32_t all = layout_chunks(t->store.layout);
	struct digest d;
	uint32_t end = first;

	while (end < all && end - first < WIRE_ROWS_MAX && tx_store_digest(&t->store, end, &d))
		end++;
	return end;
}

/* Do new digests wait for others? At first they don't: nothing was read ahead yet. */
static bool later(struct tx *t, bool now)
{
	const size_t n = tx_store_fresh_n(&t->store);

	if (!n || now || n >= ROWS_TOGETHER || t->rows_waited >= t->rows_patience)
		return false;
	t->rows_waited++;
	return true;
}

int tx_put_fresh_rows(struct tx *t, bool now, struct err *err)
{
	uint32_t fresh[ROWS_FRESH_MAX];
	const size_t n = t->store.digests && !later(t, now) ? tx_store_fresh(&t->store, fresh, ARRAY_LEN(fresh)) : 0;
	struct digest d;

	for (size_t i = 0; i < n;) {
		const uint32_t end = known_to(t, fresh[i]);
		uint32_t first = fresh[i];

		while (first && end - first < WIRE_ROWS_MAX && tx_store_digest(&t->store, first - 1, &d))
			first--;
		if (sign_and_put(t, first, end, err) < 0)
			return -1;
		while (i < n && fresh[i] < end)
			i++;
	}
	if (n) {
		t->rows_again = ROWS_AGAIN;
		t->rows_waited = 0;
		t->rows_patience += t->rows_patience < ROWS_LATER ? ROWS_TOGETHER : 0;
	} else if (t->rows_again && --t->rows_again == 0) {
		return put(t, err);
	}
	return 0;
}

int tx_put_rows_again(struct tx *t, struct err *err)
{
	const bool due = t->rows_again > 0;

	t->rows_again = 0;
	return due ? put(t, err) : 0;
}

/* Whoever asks has the pieces: they were read here, and their digests are known. What nobody was sent is not read for a question:
 * questions cost one packet to ask. */
int tx_put_rows(struct tx *t, uint32_t first, uint32_t n, struct err *err)
{
	const uint32_t all = layout_chunks(t->store.layout);

	if (!t->store.digests || first >= all)
		return 0;
	n = n < all - first ? n : all - first;
	for (unsigned int packets = 0; n && packets < ROWS_ASKED_MAX; packets++) {
		uint32_t end = known_to(t, first);

		end = end - first < n ? end : first + n;
		if (end == first)
			return 0;
		if (sign_and_put(t, first, end, err) < 0)
			return -1;
		n -= end - first;
		first = end;
	}
	return 0;
}
