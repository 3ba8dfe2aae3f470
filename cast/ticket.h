/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a receiver and the sender's desk say to each other about a file that is cast, as JSON that is read strictly: what is cast,
 * the wish for a ticket, the ticket, and the receiver's last word. Pure. docs/cast.md, "Who may take part". */
#ifndef ORTHRUS_CAST_TICKET_H
#define ORTHRUS_CAST_TICKET_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "cast/cable.h"
#include "cast/session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TICKET_PIECE ((uint32_t)1 << 20)
#define TICKET_PIECES_MAX ((uint64_t)1 << 24) /* of one file; larger files have larger pieces */
#define TICKET_GUEST 16
#define TICKET_RECEIPT 16
#define TICKET_WHY 1024 /* bytes of a receiver's last words; an error has fewer */

/* What is cast. */
struct ticket_file {
	char *name; /* without directories; for people only */
	uint64_t size_bytes;
	uint32_t piece_bytes;
	int64_t mtime_ns;
	uint32_t mode; /* permission bits */
	uint16_t symbol_bytes;
	struct digest layout; /* layout_digest() */
	struct digest id;     /* ticket_file_id() */
};
void ticket_file_clear(struct ticket_file *f);
uint64_t ticket_pieces(const struct ticket_file *f);
uint32_t ticket_piece_len(const struct ticket_file *f, uint64_t piece);
/* The least size of pieces that gives no more of them than TICKET_PIECES_MAX; 0: the file is too large. */
uint32_t ticket_piece_bytes(uint64_t size_bytes);
/* Over name, size, piece size and mtime: most likely the same content, before any of it is looked at. */
void ticket_file_id(const struct ticket_file *f, struct digest *out);

/* What is cast may be several files, one after another: the files that an image is made of. Their lengths add up to its own. */
#define TICKET_PARTS_MAX 65536
struct ticket_part {
	char *name; /* "manifest.json", "packs/<sha256>.pack" */
	uint64_t bytes;
};

/* What whoever has the token may know before a ticket is taken. What is read is to be cleared also after an error, here and
 * below. */
struct ticket_offer {
	uint32_t cast;
	uint8_t sign_public[SESSION_SIGN_PUBLIC];
	struct ticket_file file;
	struct ticket_part *parts; /* NULL: one file */
	size_t n_parts;
};
void ticket_offer_clear(struct ticket_offer *o);
void ticket_offer_write(const struct ticket_offer *o, struct buf *out);
int ticket_offer_read(const char *json, size_t len, struct ticket_offer *out, struct err *err) WARN_UNUSED;

/* A receiver wants a ticket. */
struct ticket_ask {
	uint8_t guest[TICKET_GUEST]; /* the same when this receiver comes again */
	char *host;		     /* its name, for people */
	bool tls_only;		     /* it wants nothing by multicast */
	struct cable cable;	     /* the interface towards the sender */
	bool has;		     /* it has pieces of the file with this id: */
	struct digest id;
	uint8_t *have; /* a bit for each piece, LSB first; NULL: none */
	size_t have_len;
};
void ticket_ask_clear(struct ticket_ask *a);
void ticket_ask_write(const struct ticket_ask *a, struct buf *out);
int ticket_ask_read(const char *json, size_t len, struct ticket_ask *out, struct err *err) WARN_UNUSED;

struct ticket {
	struct session session;
	bool multicast;			 /* else the cast is over, and the file is to be fetched */
	uint8_t receipt[TICKET_RECEIPT]; /* shows that a report is this receiver's */
	struct ticket_file file;
};
void ticket_clear(struct ticket *t); /* keys are wiped */
void ticket_write(const struct ticket *t, struct buf *out);
int ticket_read(const char *json, size_t len, struct ticket *out, struct err *err) WARN_UNUSED;

/* How it went. */
enum ticket_state { TICKET_FETCHING, TICKET_DONE, TICKET_FAILED, TICKET_SYNCING, TICKET_HELD_UP };
struct ticket_report {
	uint16_t number;
	uint8_t receipt[TICKET_RECEIPT];
	/* FETCHING: nothing comes by multicast, it goes on by TLS; SYNCING: it has all, its disk not yet; HELD_UP: its disk takes
	 * nothing for now, so that its reports say nothing new, or there are none */
	enum ticket_state state;
	char *why; /* FAILED; else NULL */
	uint64_t ms, multicast_bytes, tls_bytes, kept_bytes, refetched_bytes, rejected_packets;
};
void ticket_report_clear(struct ticket_report *r);
void ticket_report_write(const struct ticket_report *r, struct buf *out);
int ticket_report_read(const char *json, size_t len, struct ticket_report *out, struct err *err) WARN_UNUSED;

/* Digests of neighbouring pieces, signed as in a ROWS packet (cast/wire.h). */
struct wire_rows;
#define TICKET_ROWS_MAX 64
void ticket_rows_write(const struct wire_rows *rows, size_t n, struct buf *out);
/* At most TICKET_ROWS_MAX into `out`; the signatures are the caller's to check. */
int ticket_rows_read(const char *json, size_t len, struct wire_rows *out, size_t *n, struct err *err) WARN_UNUSED;

#endif
