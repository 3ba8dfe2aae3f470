/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the verbs of `orthrus image` share: this machine's store, an image opened to look into, how an entry of a tree is shown.
 */
#ifndef ORTHRUS_CMD_IMAGES_H
#define ORTHRUS_CMD_IMAGES_H

#include "cmd/cmd.h"
#include "imaging/image_read.h"
#include "imaging/store.h"
#include "imaging/usage.h"

int images_open_store(const struct cmd *c, struct store **s, struct err *err) WARN_UNUSED;
void images_close_store(struct store **s);
/* The public key that this head's images are signed with. */
int images_key(const struct cmd *c, struct verify_key *key, struct err *err) WARN_UNUSED;
int images_open(const struct cmd *c, struct store *s, const char *ref, struct image_read **out, struct err *err) WARN_UNUSED;
void images_close(struct image_read **r);
/* For store_progress_fn; `ctx` is a struct progress. */
void images_progress(void *ctx, const char *stage, uint64_t done_bytes, uint64_t total_bytes);
/* "897.3 MiB in 2.5 s (358.9 MiB/s)"; a new string. */
char *images_speed(uint64_t bytes, int64_t took_ns) __attribute__((returns_nonnull));
/* The same as "bytes", "seconds" and "bytes_per_second" of an open object. */
void images_put_speed(struct json_out *w, uint64_t bytes, int64_t took_ns);
/* Rounded down; 0 where no time went by. */
uint64_t images_per_second(uint64_t bytes, int64_t took_ns);

/* image_entry.c: "-rwsr-xr-x+" as ls(1) has it; at the end '+' for an ACL, else '@' for other extended attributes, else a space.
 */
#define IMAGE_MODE_LEN 12
void image_entry_mode(const struct tree_entry *inode, char out[IMAGE_MODE_LEN]);
/* "2026-11-21T05:30:00Z", or "@SECONDS" where a year has not four digits. */
#define IMAGE_TIME_LEN 32
void image_entry_time(const struct tree_entry *inode, char out[IMAGE_TIME_LEN]);
/* Names as they are, and where that is no UTF-8 "KEY_hex" with all bytes beside it. */
void image_entry_put_path(struct json_out *w, const char *key, const char *path);
/* All attributes into an open object. */
void image_entry_put(struct json_out *w, const struct tree_entry *inode, uint32_t links);

#endif
