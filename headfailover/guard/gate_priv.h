/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Inside the gate: its two kinds, and what they share. */
#ifndef ORTHRUS_GUARD_GATE_PRIV_H
#define ORTHRUS_GUARD_GATE_PRIV_H

#include "headfailover/guard/gate.h"

#include "base/buf.h"

/* As gate.h says of the function of the same name; `state` is the kind's own. remove: also where there is none. */
struct gate_ops {
	enum gate_kind kind;
	int (*open)(const struct gate_config *config, void **state, struct err *err);
	int (*deadline)(void *state, int64_t boot_ns, struct err *err);
	int (*look)(void *state, struct gate_view *out, struct err *err); /* all but kind and deadline */
	void (*close)(void *state);
	int (*remove)(struct err *err);
};
const struct gate_ops *gate_bpf(void);
const struct gate_ops *gate_nft(void);

int64_t gate_now_ns(void); /* CLOCK_BOOTTIME */
/* The interface's qdisc for filters is one that sees both directions, else ERR_REFUSED. */
int gate_check_clsact(int ifindex, const char *interface, struct err *err) WARN_UNUSED;
void gate_missing(struct gate_view *view, const char *interface);

/* nftables: the table's name, the chain of an interface, all that is at first (shut), as `nft -f` reads it. Pure. */
#define GATE_TABLE "orthrus_gate"
#define GATE_CHAIN_LEN 64
void gate_nft_chain(const char *prefix, const char *interface, char out[GATE_CHAIN_LEN]);
int gate_nft_rules(const struct gate_config *config, struct buf *out, struct err *err) WARN_UNUSED;

/* nftables: messages, made once. Pure, but for the last. */
#define GATE_MSG_MAX 1024
struct gate_msg {
	size_t len, part; /* of this all; where the last message begins */
	uint32_t seq;	  /* of the last message */
	unsigned char bytes[GATE_MSG_MAX];
};
void gate_msg_begin(struct gate_msg *m); /* a transaction: all that follows, or nothing */
size_t gate_msg_element(struct gate_msg *m, bool add, const char *set, bool timeout); /* where the timeout is to be put */
void gate_msg_timeout(struct gate_msg *m, size_t at, uint64_t ms);
void gate_msg_drop_table(struct gate_msg *m);
void gate_msg_end(struct gate_msg *m);
void gate_msg_ask_chain(struct gate_msg *m, const char *chain);	    /* no transaction */
void gate_msg_ask_counter(struct gate_msg *m, const char *counter); /* the same */
/* The packets of the answer to the latter. */
int gate_msg_packets(const unsigned char *answer, size_t len, uint64_t *out, struct err *err) WARN_UNUSED;

#endif
