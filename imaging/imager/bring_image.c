/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/bring.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/restore.h"
#include "installer/order.h"
#include "sys/keys.h"

static int begin(const struct bring_image *b, int target_fd, struct restore **out, struct err *err)
{
	const struct order *o = b->order;
	autoclean(fetch_docs_free) struct fetch_docs docs = { 0 };
	struct digest approved;
	struct verify_key key;
	struct restore_source src = { .key = &key,
				      .cluster_id = o->cluster_id,
				      .name = o->image_name,
				      .id = o->image_id,
				      .manifest_digest = &approved,
				      .min_sequence = o->min_sequence,
				      .resumable = b->resumable,
				      .checkpoint_bytes = b->checkpoint_bytes };

	if (verify_key_load(b->sign_pub, &key, err) < 0 || str_unhex(o->manifest_digest, approved.bytes, DIGEST_LEN, err) < 0 ||
	    fetch_docs(b->opts.source, o->image_name, o->image_id, &docs, err) < 0)
		return -1;
	src.manifest = docs.manifest.data;
	src.manifest_len = docs.manifest.len;
	src.manifest_sig = docs.signature.data;
	src.manifest_sig_len = docs.signature.len;
	src.tree = docs.tree.data;
	src.tree_len = docs.tree.len;
	src.chunks = docs.chunks.data;
	src.chunks_len = docs.chunks.len;
	return restore_begin(&src, target_fd, out, err);
}

int bring_image(const struct bring_image *b, int target_fd, struct bring_result *out, struct err *err)
{
	struct bring_opts opts = b->opts;
	struct restore *r = NULL;
	int rc;

	*out = (struct bring_result){ 0 };
	if (begin(b, target_fd, &r, err) < 0)
		return -1;
	opts.name = b->order->image_name;
	opts.id = b->order->image_id;
	if (b->order->no_cast)
		opts.ask = NULL;
	rc = bring_chunks(&opts, r, out, err) < 0 ? -1 : restore_finish(r, err);
	restore_free(r);
	return rc;
}
