/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nodes that `orthrus cast send --to` has receivers on, by ssh: what each says of itself, and what became of it. */
#ifndef ORTHRUS_CMD_CAST_FLEET_H
#define ORTHRUS_CMD_CAST_FLEET_H

#include "cmd/exec.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How a receiver that has no ticket yet says that it is there. */
#define FLEET_LOOKING "looking at what is there"
enum fleet_state {
	FLEET_BEGINS,	/* ssh, and a receiver that has no ticket yet */
	FLEET_RECEIVES, /* it has one, and says now and then how far it is */
	FLEET_DONE,
	FLEET_FAILED
};
const char *fleet_state_name(enum fleet_state s);

/* --- cast_fleet.c, pure: one node --- */
struct fleet_node {
	enum fleet_state state;
	char *stage; /* in its own words, printable; NULL: it has said nothing */
	uint64_t done_bytes, total_bytes;
	char *why;	/* FLEET_FAILED: one line, printable */
	char *hint;	/* ditto, or NULL */
	double seconds; /* from the begin of ssh to its end */
	uint64_t tls_bytes, kept_bytes;
	/* its own */
	struct buf line;       /* of standard error, not yet whole */
	struct buf out;	       /* standard output: one document at the end */
	char *words;	       /* the last line that was no progress, printable */
	struct exec_tail tail; /* of standard error */
	int64_t ready_ns;      /* when it had its ticket; 0: not yet */
	int64_t moved_ns;      /* when it was last further than before */
	char *told;	       /* what was last printed of it */
};
void fleet_node_clear(struct fleet_node *n);
/* What it wrote. False: more than any receiver writes. */
bool fleet_node_hear(struct fleet_node *n, bool is_stderr, const char *data, size_t len);
/* It has ended: DONE or FAILED. What it said counts for more than how ssh ended. */
void fleet_node_end(struct fleet_node *n, const struct exec_end *end);
/* "n01          [####................]  20 %  receiving": appends. */
void fleet_node_line(const struct fleet_node *n, const char *name, struct buf *out);
unsigned int fleet_node_percent(const struct fleet_node *n);

/* `text` as one word of a shell: appends. */
void fleet_quote(const char *text, struct buf *out);
/* The command that the shell of a node gets for a receiver of `path`; appends. */
struct fleet_order {
	const char *path;
	bool force;
	bool store;	    /* `path` is an image store */
	const char *loader; /* --carry: program and libraries come behind the token's line, and this is their loader; or NULL */
};
void fleet_command(const struct fleet_order *o, struct buf *out);

/* --- cast_carry.c --- */
/* The name of the loader of this program; NULL with err. The caller frees. */
char *carry_loader(struct err *err) WARN_UNUSED;
/* This program, its libraries and their loader as .tar.gz, without directories, behind what `fd` has. */
int carry_pack(int fd, struct err *err) WARN_UNUSED;

/* --- cast_fleet_run.c: all of them --- */
struct fleet {
	struct nodeset nodes;
	struct exec_ssh ssh;
	const char **addresses; /* by place in `nodes` */
	uint64_t fanout;	/* as many are begun at a time */
	int input_fd;		/* what each gets as standard input, from its beginning */
	/* Node `i` is further, or has ended; all have ended. On the loop's thread. */
	void (*news)(void *ctx, size_t i);
	void (*all_ended)(void *ctx);
	void *ctx;
	/* its own */
	struct loop *loop;
	struct fleet_node *items;
	int *logs, input_of_one;
	struct fanout *run;
	bool stops;		       /* none is begun any more */
	const char *cut;	       /* why what runs was cut off */
	_Atomic uint32_t lost;	       /* ended without a ticket: nobody waits for them */
	_Atomic uint32_t done, failed; /* `failed` counts the lost too */
	atomic_bool over;	       /* all have ended */
	struct err wrong;	       /* why it could not begin */
};
/* Begin ssh on `loop`, which runs. What is above "its own" is filled. */
int fleet_begin(struct fleet *f, struct loop *loop, struct err *err) WARN_UNUSED;
/* On the loop's thread. No more are begun. */
void fleet_stop(struct fleet *f);
/* And what still runs is cut off, for this reason. */
void fleet_cut(struct fleet *f, const char *why);
/* On the loop's thread: when any node was last further than before; when the last one was ready. 0: not yet. */
int64_t fleet_moved_ns(const struct fleet *f);
int64_t fleet_ready_ns(const struct fleet *f);
bool fleet_begins(const struct fleet *f); /* of somebody nothing was heard yet, and it has not ended */
/* After the loop is freed. */
void fleet_free(struct fleet *f);

#endif
