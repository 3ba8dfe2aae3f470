/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every verb that puts a new image into the store needs: keys to sign with, words meanwhile, and a daemon that is told. */
#ifndef ORTHRUS_CMD_IMAGE_NEW_H
#define ORTHRUS_CMD_IMAGE_NEW_H

#include "base/err.h"
#include "cmd/cmd.h"
#include "imaging/store.h"
#include "site/site.h"
#include "sys/keys.h"
#include "sys/progress.h"

#include <stdbool.h>
#include <stdint.h>

/* How long work is shown on standard error. */
struct image_new_telling {
	const struct cmd *c;
	struct progress progress;
};
void image_new_line(void *ctx, const char *text);
void image_new_progress(void *ctx, const char *stage, uint64_t done_bytes, uint64_t total_bytes); /* store_progress_fn */

/* The end, when the image is in the store: tell the daemon, if one runs, and print what storing it took. `put_more` adds to its
 * object what only this verb knows; it may be NULL. What fails behind the image is the command's failure, and with --json its
 * "problem". */
int image_new_end(struct cmd *c, const char *ref, const struct pipeline_stats *s, int64_t took_ns,
		  void (*put_more)(struct json_out *w, const void *ctx), const void *ctx, struct err *err) WARN_UNUSED;

/* Only the telling. */
int image_new_tell(struct cmd *c, const char *ref, struct err *err) WARN_UNUSED;

/* The site, when there is one. */
int image_new_site(const struct cmd *c, struct site *site, bool *has, struct err *err) WARN_UNUSED;
/* The cluster's keys, made now if this is the first thing the cluster does. */
int image_new_keys(const struct cmd *c, const struct site *site, bool has_site, struct sign_key *key, char **cluster_id,
		   struct err *err) WARN_UNUSED;

#endif
