/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What orthrusd and the process that casts an image for it (cast_child.h) say to each other: one JSON object a line. Both read
 * strictly; the child reads packets from the network, so what it says is looked at as if it came from there. Pure. */
#ifndef ORTHRUS_DAEMON_CAST_LINES_H
#define ORTHRUS_DAEMON_CAST_LINES_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAST_KEY 32
#define CAST_LINE_MAX ((size_t)4 << 20) /* a bitmap of the most chunks that a cast can have is 2 MiB */
#define CAST_HAVE_MAX ((size_t)2 << 20)
#define CAST_VIEWS_MAX 256 /* receivers of one line */
#define CAST_RELAYS_MAX 16
#define CAST_WORDS_MAX ((size_t)1024)

/* orthrusd to the child. The first line is OPEN, and there is no other. */
enum cast_do { CAST_DO_OPEN = 1, CAST_DO_JOIN, CAST_DO_LEAVE, CAST_DO_STOP };
struct cast_open {
	char *store, *name, *id; /* which image of which store */
	char *group, *sender;	 /* numeric addresses, of the same family */
	/* Those of the other family, and the broadcast address: NULL where there is none. */
	char *group2, *sender2, *broadcast;
	bool small_instead;	      /* end when so large packets don't reach many */
	uint8_t verify_key[CAST_KEY]; /* whose signature the image must have */
	uint8_t group_key[CAST_KEY];
	uint64_t cast, port;		 /* port: of the group */
	uint64_t reports, ports;	 /* of the sender's ports for reports the first, and how many */
	uint64_t symbol_bytes, rate_max; /* bytes a second; 0: no limit */
	uint64_t expected, gather_s, empty_s;
	struct str_list relays; /* addresses of the sender's family; their port is `port` */
};
struct cast_do_line {
	enum cast_do what;
	struct cast_open open;	   /* OPEN */
	uint64_t number;	   /* JOIN, LEAVE */
	uint8_t own_key[CAST_KEY]; /* JOIN */
	struct buf have;	   /* JOIN: one bit a chunk; empty: nothing */
	uint64_t relay;		   /* JOIN: which of OPEN's leads to it, from 1; 0: none */
};
int cast_do_read(const char *line, size_t len, struct cast_do_line *out, struct err *err) WARN_UNUSED;
void cast_do_write(const struct cast_do_line *l, struct buf *out); /* with its '\n' */
void cast_do_free(struct cast_do_line *l);			   /* keys are wiped */

/* The child to orthrusd. */
enum cast_said {
	CAST_SAID_OPENED = 1,
	CAST_SAID_JOINED,
	CAST_SAID_REFUSED,
	CAST_SAID_PROGRESS,
	CAST_SAID_RECEIVERS,
	CAST_SAID_ENDED
};
struct cast_progress {
	uint64_t stage, pass; /* enum wire_stage */
	uint64_t data_packets, parity_packets, repair_packets, wire_bytes, rejected;
	uint64_t rate; /* bytes a second */
	uint64_t blocks_to_send, blocks_sent;
	uint64_t grtt_us, loss_ppm;
	uint64_t ms;   /* since the first DATA packet */
	uint64_t ways; /* that it goes out by: WIRE_HEARD_MC6 and so on; 0: not known yet */
};
struct cast_view { /* of one receiver */
	uint64_t number;
	uint64_t state; /* enum wire_state; 0: nothing was heard of it */
	uint64_t lacking, loss_ppm;
	uint64_t heard_ms; /* how long ago */
	bool straggler;
	uint64_t sent, came;	   /* DATA packets while it reported, and those of them that it got */
	uint64_t reports, pressed; /* that came of it, and those in which its disk held it back */
	uint64_t buffer_kib;	   /* of its socket */
	uint64_t hellos;	   /* reports before it heard anything of the cast */
	uint16_t probes;	   /* what it heard of the probe train: WIRE_HEARD() of cast/wire.h */
};
struct cast_said_line {
	enum cast_said what;
	uint64_t port, chunks, blocks, bytes; /* OPENED */
	struct digest layout;		      /* OPENED */
	uint8_t sign_public[CAST_KEY];	      /* OPENED: the child's own, of POLLs */
	uint64_t number;		      /* JOINED, REFUSED */
	bool too_large;			      /* REFUSED, ENDED: as open.small_instead asked for */
	char *text;			      /* REFUSED: why; ENDED: the error, or NULL: it came to its end; not printable */
	struct cast_progress progress;
	struct cast_view *views; /* RECEIVERS */
	size_t n_views;
};
int cast_said_read(const char *line, size_t len, struct cast_said_line *out, struct err *err) WARN_UNUSED;
void cast_said_write(const struct cast_said_line *l, struct buf *out);
void cast_said_free(struct cast_said_line *l);

#endif
