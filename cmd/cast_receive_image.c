/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image that is received into a store: what the store has need not come, and what came is checked before it is taken in. */
#include "base/mem.h"
#include "cmd/cast_receive.h"
#include "cmd/image_new.h"
#include "cmd/images.h"
#include "imaging/parcel.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/threads.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 8

struct cast_store {
	struct store *store;
	struct verify_key key;
	char *path;		   /* of what comes, in the store's directory */
	struct parcel_file *files; /* their names are the offer's */
	size_t n;
	bool *has; /* the store has this file */
	char *ref; /* once it is in the store */
};

void cast_store_free(struct cast_store *s)
{
	if (!s)
		return;
	images_close_store(&s->store);
	free(s->path);
	free(s->files);
	free(s->has);
	free(s->ref);
	free(s);
}

static int load_key(const struct cmd *c, struct verify_key *key, struct err *err)
{
	const char *file = cmd_option(c, "trust");

	if (file ? verify_key_load(file, key, err) == 0 : images_key(c, key, err) == 0)
		return 0;
	if (!err->hint[0])
		err_hint(err, "--trust FILE names the public key that images are signed with; a head has it in "
			      "/var/lib/orthrus/pki/sign.pub");
	return err_wrap(err, "the key of images");
}

/* What the sender says it is made of: the places follow from the lengths, which add up (cast/ticket.h). */
static void list_files(struct cast_store *s, const struct ticket_offer *offer)
{
	uint64_t at = 0;

	s->n = offer->n_parts;
	s->files = mem_array(s->n, sizeof(s->files[0]));
	s->has = mem_array(s->n, sizeof(s->has[0]));
	for (size_t i = 0; i < s->n; i++) {
		s->files[i] = (struct parcel_file){ .name = offer->parts[i].name, .bytes = offer->parts[i].bytes, .at = at };
		at += offer->parts[i].bytes;
	}
}

int cast_store_begin(const struct cmd *c, struct cast_receive *r, struct err *err)
{
	const char *dir = cmd_option(c, "store");
	autofree char *usual = cmd_path(c, "/srv/orthrus/store");
	char mark[17];

	if (!r->offer.n_parts) {
		err_set(err, ERR_USAGE, "what is sent is the file %.200s, and no image", r->shown);
		return err_hint(err, "name the file that it shall be: orthrus cast receive FILE");
	}
	r->store = mem_zalloc(sizeof(*r->store));
	if (load_key(c, &r->store->key, err) < 0)
		return -1;
	/* One that is still to be made is made for an image only. */
	if (!(c->plan && !fs_exists(dir ? dir : usual)) && store_open(dir ? dir : usual, !c->plan, &r->store->store, err) < 0)
		return -1;
	list_files(r->store, &r->offer);
	str_hex(r->offer.file.id.bytes, 8, mark);
	r->store->path = str_format("%s/incoming-%s", dir ? dir : usual, mark);
	r->path = r->store->path;
	r->force = true;
	return out_look(r->path, true, &r->look, err);
}

/* --- what is there already --- */

static void *look_begin(void *ctx)
{
	return ctx;
}

static int look_each(void *mine, size_t i, struct err *err)
{
	struct cast_receive *r = mine;

	(void)err;
	r->store->has[i] = parcel_has(r->store->store, &r->store->files[i]);
	return 0;
}

static void look_end(void *mine)
{
	(void)mine;
}

/* A piece of which every byte is in files that are there. */
static bool covered(const struct cast_store *s, size_t *file, uint64_t first, uint64_t end)
{
	while (*file < s->n && s->files[*file].at + s->files[*file].bytes <= first)
		++*file;
	for (size_t i = *file; i < s->n && s->files[i].at < end; i++)
		if (!s->has[i])
			return false;
	return true;
}

/* They are written as they come, and once more as packs. */
int cast_store_look(struct cast_receive *r, uint64_t *room_bytes, struct err *err)
{
	struct cast_store *s = r->store;
	struct threads_job job = { .n = s->n, .block = 1, .begin = look_begin, .each = look_each, .end = look_end, .ctx = r };

	if (threads_each(threads_for_work(THREADS_MAX), &job, err) < 0)
		return -1;
	*room_bytes = 1;
	for (size_t i = 0; i < s->n; i++)
		*room_bytes += s->has[i] ? 0 : 2 * s->files[i].bytes;
	return 0;
}

void cast_store_assume(struct cast_receive *r)
{
	const struct ticket_file *f = &r->offer.file;
	uint64_t pieces = ticket_pieces(f), at = 0;
	size_t file = 0;

	for (uint64_t i = 0; i < pieces; i++) {
		uint32_t len = ticket_piece_len(f, i);

		if (covered(r->store, &file, at, at + len))
			out_assume(r->out, i);
		at += len;
	}
}

/* --- it is all there --- */

static int read_received(void *ctx, uint64_t at, void *data, size_t len, struct err *err)
{
	struct cast_receive *r = ctx;

	if (atomic_load(&r->watch.stopped))
		return err_set(err, ERR_FAILED, "stopped");
	return out_read(r->out, at, data, len, err);
}

int cast_store_finish(struct cmd *c, struct cast_receive *r, struct err *err)
{
	struct cast_store *s = r->store;
	struct parcel_source src = { .files = s->files, .n = s->n, .read = read_received, .ctx = r, .key = &s->key };
	struct err late = { 0 };
	int rc;

	atomic_store(&r->stage, "taking it into the store");
	rc = parcel_adopt(s->store, &src, &s->ref, err);
	/* What is not what it should be is of no use for the next time either. */
	if (rc == 0 || err->kind == ERR_DAMAGED || err->kind == ERR_REFUSED)
		out_discard(r->out);
	if (rc < 0)
		return -1;
	/* Another store than this head's is no business of its daemon. */
	if (!cmd_option(c, "store") && image_new_tell(c, s->ref, &late) < 0)
		log_warn("cast", "%s", late.text);
	free(r->shown);
	r->shown = str_format("image %s", s->ref);
	r->path = s->ref;
	return 0;
}
