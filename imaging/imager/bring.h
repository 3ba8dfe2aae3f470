/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Brings the chunks of an image: by the head's cast together with the other nodes (docs/cast.md), and over HTTPS whatever that
 * leaves. The cast is never a reason to fail. */
#ifndef ORTHRUS_IMAGER_BRING_H
#define ORTHRUS_IMAGER_BRING_H

#include "base/buf.h"
#include "base/err.h"
#include "imaging/imager/fetch.h"

#include <stdbool.h>
#include <stdint.h>

struct order;
struct restore;

struct bring_opts {
	const struct fetch_source *source;
	const char *name, *id; /* of the image */
	/* POST /v1/imager/cast: one try. NULL: no cast is wanted. */
	int (*ask)(void *ctx, const char *body, size_t len, struct buf *answer, struct err *err);
	void *ask_ctx;
	/* One call at a time, from whichever thread; may take its time. Bytes as stored. */
	void (*progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
	void *progress_ctx;
	const char *server; /* "https://10.1.0.1:8443": what is known of the link towards it is told; NULL: nothing */
	int64_t silence_ns; /* how long without a packet of the cast until it is given up; 0: 10 s */
};
/* By what way how much came. */
struct bring_result {
	uint64_t before_bytes, cast_bytes, https_bytes; /* before: was there already */
	unsigned int casts;				/* taken part in */
	char why[512];					/* why not all came by the cast; "" when it did */
};
int bring_chunks(const struct bring_opts *o, struct restore *r, struct bring_result *out, struct err *err) WARN_UNUSED;
/* "1.2 GiB by the cast, 3 MiB over HTTPS (why)" */
char *bring_text(const struct bring_result *b);

/* The whole of it: documents, their check against order and key, chunks, attributes. */
struct bring_image {
	const struct order *order;
	const char *sign_pub; /* path */
	bool resumable;	      /* begun again after a kill it goes on; for targets that outlive one */
	uint64_t checkpoint_bytes;
	struct bring_opts opts; /* all but name and id, which are the order's */
};
int bring_image(const struct bring_image *b, int target_fd, struct bring_result *out, struct err *err) WARN_UNUSED;

#endif
