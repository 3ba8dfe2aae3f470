/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The imager's side of the head's interface (docs/api.yaml, /v1/imager): patient with a head that restarts, strict with what it
 * says. */
#ifndef ORTHRUS_IMAGER_HEAD_H
#define ORTHRUS_IMAGER_HEAD_H

#include "base/buf.h"
#include "base/err.h"
#include "installer/order.h"

#include <stdbool.h>
#include <stdint.h>

enum head_action { HEAD_WAIT, HEAD_INSTALL, HEAD_DISK, HEAD_RESCUE, HEAD_DISKLESS };
struct head_answer {
	char *node; /* who we are */
	enum head_action action;
	struct order order;    /* with HEAD_INSTALL and HEAD_DISKLESS; of the latter, layout and plan count for nothing */
	char *squashfs_digest; /* with HEAD_DISKLESS: SHA-256, hex */
	uint64_t squashfs_bytes;
};
void head_answer_free(struct head_answer *a);
/* Pure. */
int head_answer_read(const char *text, size_t len, struct head_answer *out, struct err *err) WARN_UNUSED;

struct head;
struct identity;
struct head_opts {
	const char *server;		 /* "https://10.0.0.1:8443" */
	const char *ca_file;		 /* whom we trust */
	const char *unix_socket;	 /* for tests; or NULL */
	const char *token;		 /* that lets this machine enrol by itself; copied; or NULL */
	const struct identity *identity; /* by what it knows us; outlives this */
	int64_t pause_ns;		 /* first pause between tries, doubled up to ten times; 0: 1 s */
	int64_t patience_ns;		 /* how long a file is asked for that the head can't give; 0: 30 minutes */
};
int head_open(const struct head_opts *opts, struct head **out, struct err *err) WARN_UNUSED;
void head_close(struct head *h);

/* One try to become a node, or to get a new certificate as one: until then every other call is refused. Answers when the head has
 * decided, or after `wait_s`. `inventory` (JSON) is kept, and said again when the certificate must be renewed; NULL: as it was.
 * HEAD_PENDING: the administrator has to approve this machine first. ERR_REFUSED: rejected. A token that is not taken is said on
 * the console, and the machine asks without it. ERR_DAMAGED: the head was told of another key than ours. */
enum head_standing { HEAD_PENDING, HEAD_APPROVED };
int head_enrol(struct head *h, const char *inventory, unsigned int wait_s, enum head_standing *out, struct err *err) WARN_UNUSED;

/* One try. ERR_REFUSED: our certificate is not good any more. */
int head_hello(struct head *h, const char *inventory, struct head_answer *out, struct err *err) WARN_UNUSED;
/* One try; returns when the action is another than before or after `wait_s`. */
int head_orders(struct head *h, unsigned int wait_s, struct head_answer *out, struct err *err) WARN_UNUSED;

/* As given in the options. */
const struct identity *head_identity(const struct head *h);
const char *head_server(const struct head *h);

struct head_event {
	const char *install_id, *step, *event; /* event: "begin", "done", "failed", "progress" */
	const char *text;		       /* or NULL */
	int percent;			       /* -1: none */
	const struct err *cause;	       /* with "failed" */
};
/* Tried until the head has it on disk, however long it is away: what it has not heard it would order again. ERR_CONFLICT when it
 * no longer wants this installation, or this machine is none of its nodes any more. */
int head_event(struct head *h, const struct head_event *ev, struct err *err) WARN_UNUSED;
/* One try, a failure is of no consequence: for progress. */
void head_tell(struct head *h, const struct head_event *ev);
/* The installation is complete; tried, however long, until the head has switched the machine to its own disks. */
int head_done(struct head *h, const char *install_id, const char *report_json, struct err *err) WARN_UNUSED;
/* A ticket of an image's cast; the answer (bring_ticket.h) is appended to `out`. The head may need a minute for it; one that is
 * away has two to come back. */
int head_cast(struct head *h, const char *body, size_t len, struct buf *out, struct err *err) WARN_UNUSED;
/* The head certifies the rescue system's ssh host key ("ssh-ed25519 AAAA..."); its answer (installer/node_ssh.h) is appended to
 * `out`. Tried, however long, until it has answered. */
int head_host_key(struct head *h, const char *key, const char *proof, struct buf *out, struct err *err) WARN_UNUSED;
/* A file of an image or pack, appended to `out`: whole (len 0, at most `max` bytes) or exactly `len` bytes from `first`. Waits
 * for a head that is away; one that answers, but fails to give it for `patience_ns`, has a damaged store. */
int head_get(struct head *h, const char *path, uint64_t first, uint64_t len, size_t max, struct buf *out,
	     struct err *err) WARN_UNUSED;

#endif
