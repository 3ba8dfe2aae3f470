/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sites that were applied, one revision each: who, when, why, and all that is needed to apply it again. In the replicated
 * state: "site-revision" (of the site that is applied), and for each one before it "site-history/N" (the same), "site-text/N",
 * "site-templates/N" (where it had templates), "site-moves/N" (which nodes got other addresses with it). */
#ifndef ORTHRUS_DAEMON_SITE_HISTORY_H
#define ORTHRUS_DAEMON_SITE_HISTORY_H

#include "daemon/change.h"
#include "daemon/roster.h"

#define SITE_REVISIONS_KEPT 20 /* beside the one that is applied */
#define SITE_REASON_MAX 200
#define SITE_MOVES "site-moves" /* prefix of documents; site_moves.c */

struct site_revision {
	uint64_t number;	     /* 0: no site was applied yet */
	uint64_t restores;	     /* the revision that was taken back to; 0: none, the site was given */
	uint64_t nodes;		     /* that there were when it was applied */
	char *at, *who;		     /* NULL: it was applied by an orthrusd that did not write it down */
	char *reason;		     /* or NULL */
	char digest[DIGEST_HEX_LEN]; /* SHA-256 of the site's text as it was given */
};
void site_revision_free(struct site_revision *r);
int site_reason_check(const char *reason, struct err *err) WARN_UNUSED;	   /* pure; NULL is fine */
void site_revision_put(const struct site_revision *r, struct json_out *w); /* its keys into the open object */

struct site_revisions {
	struct site_revision *items; /* the oldest first; the last is the one that is applied */
	size_t len;
};
int site_history_list(struct daemon *d, struct site_revisions *out, struct err *err) WARN_UNUSED;
void site_revisions_free(struct site_revisions *l);
/* The site's text, as it was given. ERR_NOT_FOUND: there is no such revision, or it is kept no more. */
int site_history_text(struct daemon *d, uint64_t number, struct buf *out, struct err *err) WARN_UNUSED;
/* The templates that were applied with it, as the document of the state; empty: none. */
int site_history_templates(struct daemon *d, uint64_t number, struct buf *out, struct err *err) WARN_UNUSED;
/* Pure: the revision whose site `undo` brings back: the one before the one that is applied, where what was taken back to before
 * counts as that itself, so that one undo after the other goes further back. 0: there is none. */
uint64_t site_history_before(const struct site_revisions *l);
/* Pure: the revision that `number` is the same site as by way of undo. */
uint64_t site_history_origin(const struct site_revisions *l, uint64_t number);

/* The site that is applied is put where it can be found after the next one took its place. Commits; doing it twice is fine. */
int site_history_keep(struct change *c, struct err *err) WARN_UNUSED;
/* Into the change that applies the next: `r` is written down with the number after the one that is applied, which it gets here,
 * and what is too old goes. */
int site_history_next(struct change *c, struct site_revision *r, struct err *err) WARN_UNUSED;
/* Which own addresses differ between `was` and `is`, the same nodes, under the number of the next revision. Commits: they are no
 * part of the write that applies it, which may be full, and mean nothing without it. */
int site_history_moves(struct change *c, const struct roster *was, const struct roster *is, struct err *err) WARN_UNUSED;
/* Nodes of `roster` that have the addresses that revisions after `to` gave them get those back that they had at `to`. */
int site_history_move_back(struct daemon *d, uint64_t to, struct roster *roster, struct err *err) WARN_UNUSED;

#endif
