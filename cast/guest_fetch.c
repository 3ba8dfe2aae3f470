/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What multicast did not bring comes by TLS: a few pieces for each request, each checked before it is kept. */
#include "base/mem.h"
#include "base/str.h"
#include "cast/guest_priv.h"
#include "cast/out.h"
#include "sys/clock.h"

#include <string.h>

#define RUN_BYTES ((uint64_t)8 << 20)
#define TRIES 5
#define AGAIN_NS NS_PER_S

struct fetch {
	struct guest *guest;
	const struct ticket *ticket;
	struct out *out;
	_Atomic uint64_t *bytes;
	const atomic_bool *stop;
	struct digest *digests; /* of pieces from `first` on */
	uint64_t first;
	size_t n;
	uint8_t *piece;	      /* the piece under way: */
	uint64_t number, end; /* of the run that was asked for */
	size_t got;
	bool grew; /* something was stored since the last failure */
	bool fatal;
};

/* Digests around this piece: what was asked for last, or more. */
static int need_digests(struct fetch *f, uint64_t piece, struct err *err)
{
	const struct ticket *t = f->ticket;
	struct guest_rows of = {
		.cast = t->session.cast, .sign_public = t->session.sign_public, .file = &t->file, .number = t->session.number
	};

	if (piece >= f->first && piece - f->first < f->n)
		return 0;
	f->n = 0;
	if (guest_digests(f->guest, &of, piece, f->digests, &f->n, err) < 0)
		return -1;
	f->first = piece;
	return 0;
}

static int store(struct fetch *f, struct err *err)
{
	uint32_t len = ticket_piece_len(&f->ticket->file, f->number);

	if (out_chunk(f->out, 0, (uint32_t)f->number, f->piece, len, &f->digests[f->number - f->first], err) < 0) {
		f->fatal =
			true; /* wrong bytes over TLS: the sender's file is another by now. Else the disk is full, or broken. */
		return err->kind == ERR_DAMAGED ? err_hint(err, "the file was changed at the sender; send it again") : -1;
	}
	f->grew = true;
	f->number++;
	f->got = 0;
	return 0;
}

static int on_data(void *ctx, const void *data, size_t len, struct err *err)
{
	struct fetch *f = ctx;
	const uint8_t *p = data;

	while (len) {
		size_t want, n;

		if (f->number == f->end)
			return err_set(err, ERR_FAILED, "the answer is longer than what was asked for");
		want = ticket_piece_len(&f->ticket->file, f->number) - f->got;
		n = len < want ? len : want;
		memcpy(f->piece + f->got, p, n);
		atomic_fetch_add(f->bytes, n);
		f->got += n;
		p += n;
		len -= n;
		if (n == want && store(f, err) < 0)
			return -1;
		if (atomic_load(f->stop)) {
			f->fatal = true;
			return err_set(err, ERR_FAILED, "stopped");
		}
	}
	return 0;
}

/* Neighbours that are lacking from `piece` on, as many as one request takes and there are digests for. */
static int fetch_run(struct fetch *f, uint64_t piece, struct err *err)
{
	autofree char *path = str_format("/v1/data?number=%u", f->ticket->session.number);
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	const struct ticket_file *file = &f->ticket->file;
	struct http_request req = { .method = "GET", .path = path, .sink = on_data, .ctx = f };
	uint64_t bytes = 0;

	if (need_digests(f, piece, err) < 0)
		return -1;
	for (f->end = piece; f->end < f->first + f->n && bytes < RUN_BYTES && !out_has(f->out, f->end); f->end++)
		bytes += ticket_piece_len(file, f->end);
	f->number = piece;
	f->got = 0;
	req.range_first = piece * file->piece_bytes;
	req.range_last = req.range_first + bytes - 1;
	req.max_body = bytes + 4096; /* the words of an error may be longer */
	if (guest_call(f->guest, &req, &reply, err) < 0)
		return -1;
	return f->number == f->end ? 0 : err_set(err, ERR_FAILED, "the answer is too short");
}

static int fetch_all(struct fetch *f, struct err *err)
{
	uint64_t pieces = ticket_pieces(&f->ticket->file);
	int tries = 0;

	for (uint64_t i = 0; i < pieces;) {
		if (atomic_load(f->stop))
			return err_set(err, ERR_FAILED, "stopped");
		if (out_has(f->out, i)) {
			i++;
			continue;
		}
		if (fetch_run(f, i, err) == 0)
			continue;
		tries = f->grew ? 1 : tries + 1;
		f->grew = false;
		if (f->fatal || f->guest->gone || tries > TRIES)
			return err_wrap(err, "fetch from the sender");
		clock_sleep_ns(AGAIN_NS);
	}
	return 0;
}

int guest_fetch(struct guest *g, const struct ticket *t, struct out *o, _Atomic uint64_t *bytes, const atomic_bool *stop,
		struct err *err)
{
	struct fetch f = { .guest = g, .ticket = t, .out = o, .bytes = bytes, .stop = stop };
	int rc;

	f.digests = mem_array(GUEST_DIGESTS_MAX, sizeof(f.digests[0]));
	f.piece = mem_aligned(64, t->file.piece_bytes);
	rc = fetch_all(&f, err);
	free(f.digests);
	free(f.piece);
	return rc;
}
