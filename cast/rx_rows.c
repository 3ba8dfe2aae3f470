/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/rx.h: digests that come by ROWS, signed by the sender's own key: who only has the group key can't make them. */
#include "base/mem.h"
#include "cast/rx_priv.h"
#include "sys/keys.h"

#include <string.h>

void rx_rows_init(struct rx *r)
{
	if (!r->opts.rows)
		return;
	r->rows.digests = mem_array(layout_chunks(r->layout), sizeof(*r->rows.digests));
	r->rows.known = mem_zalloc(layout_chunks(r->layout));
}

void rx_rows_clear(struct rx *r)
{
	free(r->rows.digests);
	free(r->rows.known);
}

static bool tells_news(const struct rx_rows *rows, const struct wire_rows *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (!rows->known[w->first + i])
			return true;
	return false;
}

bool rx_signed(struct rx *r, const uint8_t *text, size_t len, const uint8_t signature[WIRE_SIGNATURE])
{
	struct verify_key key;

	memcpy(key.public, r->session.sign_public, sizeof(key.public));
	return verify_bytes(&key, text, len, signature, WIRE_SIGNATURE, &r->ignored) == 0;
}

static void verify(struct rx *r, const struct wire_rows *w)
{
	uint8_t text[WIRE_ROWS_SIGNED_MAX];

	if (!rx_signed(r, text, wire_rows_signed(r->session.cast, w, text), w->signature)) {
		r->view.rejected++;
		return;
	}
	for (uint32_t i = 0; i < w->n; i++) {
		r->rows.digests[w->first + i] = w->digests[i];
		r->rows.known[w->first + i] = 1;
	}
}

/* Verifies it if it tells what is not known, and forgets it. */
static void read_one(struct rx *r, struct wire_rows *w)
{
	if (w->n && tells_news(&r->rows, w))
		verify(r, w);
	w->n = 0;
}

bool rx_rows_know(struct rx *r, uint32_t chunk)
{
	struct rx_rows *rows = &r->rows;

	if (!r->opts.rows)
		return true;
	/* The newest first: it tells most of what the others do. */
	for (uint64_t i = 0; !rows->known[chunk] && i < RX_ROWS_UNREAD && i < rows->n_unread; i++) {
		struct wire_rows *w = &rows->unread[(rows->n_unread - 1 - i) % RX_ROWS_UNREAD];

		if (w->n && chunk >= w->first && chunk - w->first < w->n)
			read_one(r, w);
	}
	return rows->known[chunk];
}

void rx_rows_heard(struct rx *r, const struct wire_rows *w)
{
	struct rx_rows *rows = &r->rows;
	struct wire_rows *place = &rows->unread[rows->n_unread % RX_ROWS_UNREAD];

	if (!r->opts.rows || w->first >= layout_chunks(r->layout) || w->n > layout_chunks(r->layout) - w->first) {
		r->view.rejected++;
		return;
	}
	if (!tells_news(rows, w))
		return;
	read_one(r, place); /* what it tells may be told by nobody else */
	*place = *w;
	rows->n_unread++;
	rx_parked_look(r);
}
