/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `orthrus image diff`: what became of an image. */
#include "imaging/image_diff.h"

#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/images.h"
#include "sys/clock.h"
#include "sys/progress.h"

#include <stdio.h>
#include <string.h>

#define FLUSH_AT ((size_t)64 << 10)

static const char *const kinds[] = {
	[DIFF_ADDED] = "added",
	[DIFF_REMOVED] = "removed",
	[DIFF_CHANGED] = "changed",
	[DIFF_RENAMED] = "renamed",
};

struct pair {
	struct image_read *a, *b;
	struct progress progress;
	uint64_t done_bytes;
};

static bool all_zero(const uint8_t *p, size_t len)
{
	return !len || (!p[0] && memcmp(p, p + 1, len - 1) == 0);
}

/* For image_diff: `len` bytes of both streams. */
static int compare_bytes(void *ctx, uint64_t a_at, uint64_t b_at, uint64_t len, bool *same, struct err *err)
{
	struct pair *p = ctx;

	*same = true;
	while (len && *same) {
		const uint8_t *a = NULL, *b = NULL;
		size_t n = len < SIZE_MAX ? (size_t)len : SIZE_MAX;

		if ((a_at != DIFF_HOLE && image_read_piece(p->a, a_at, n, &a, &n, err) < 0) ||
		    (b_at != DIFF_HOLE && image_read_piece(p->b, b_at, n, &b, &n, err) < 0))
			return -1;
		*same = a && b ? memcmp(a, b, n) == 0 : all_zero(a ? a : b, n);
		a_at += a ? n : 0;
		b_at += b ? n : 0;
		len -= n;
		p->done_bytes += n;
		progress_update(&p->progress, "compare", p->done_bytes, 0, clock_now_ns());
	}
	return 0;
}

/* ---- for people ---- */

static void add_name(struct buf *out, const char *path)
{
	autofree char *full = str_format("/%s", path);
	autofree char *shown = str_printable(full, strlen(full));

	buf_adds(out, shown);
}

/* "mode 0644 -> 0755" where old and new are short, the word alone where they are not. */
static void add_change(struct buf *out, unsigned int bit, const struct tree_entry *a, const struct tree_entry *b)
{
	static const char *const types[] = { "",     "directory",	 "file",	 "symlink",
					     "fifo", "character device", "block device", "socket" };
	const char *word = image_diff_words[__builtin_ctz(bit)];

	buf_adds(out, word);
	if (bit == DIFF_TYPE) {
		buf_addf(out, " %s -> %s", types[a->type], types[b->type]);
	} else if (bit == DIFF_MODE) {
		buf_addf(out, " %04o -> %04o", (unsigned int)a->mode, (unsigned int)b->mode);
	} else if (bit == DIFF_OWNER) {
		buf_addf(out, " %u:%u -> %u:%u", a->uid, a->gid, b->uid, b->gid);
	} else if (bit == DIFF_SIZE) {
		buf_addf(out, " %llu -> %llu", (unsigned long long)a->size, (unsigned long long)b->size);
	} else if (bit == DIFF_DEVICE) {
		buf_addf(out, " %u,%u -> %u,%u", a->major, a->minor, b->major, b->minor);
	} else if (bit == DIFF_TARGET) {
		autofree char *from = str_printable(a->target, strlen(a->target));
		autofree char *to = str_printable(b->target, strlen(b->target));

		buf_addf(out, " %s -> %s", from, to);
	}
}

static void add_item(struct buf *out, const struct diff_item *i)
{
	unsigned int what = i->what;

	buf_addf(out, "%-7s  ", kinds[i->kind]);
	add_name(out, i->a ? i->a->path : i->b->path);
	if (i->kind == DIFF_RENAMED) {
		buf_adds(out, " -> ");
		add_name(out, i->b->path);
	}
	for (const char *before = ": "; what; what &= what - 1, before = ", ") {
		buf_adds(out, before);
		add_change(out, what & -what, i->a_inode, i->b_inode);
	}
	buf_addc(out, '\n');
}

static void print_text(const struct cmd *c, const struct image_diff *d)
{
	char added[STR_BYTES_MAX], removed[STR_BYTES_MAX], changed[STR_BYTES_MAX], stored[STR_BYTES_MAX], raw[STR_BYTES_MAX];

	for (size_t i = 0; i < d->len && !ferror(stdout); i++) {
		autoclean(buf_free) struct buf line = { 0 };

		add_item(&line, &d->items[i]);
		cmd_print(buf_str(&line));
	}
	str_from_bytes(d->added_bytes, added);
	str_from_bytes(d->removed_bytes, removed);
	str_from_bytes(d->changed_bytes, changed);
	str_from_bytes(d->delta_stored_bytes, stored);
	str_from_bytes(d->delta_raw_bytes, raw);
	cmd_say(c, "%llu added (%s), %llu removed (%s), %llu changed (%s of data), %llu renamed, %llu the same",
		(unsigned long long)d->n_added, added, (unsigned long long)d->n_removed, removed,
		(unsigned long long)d->n_changed, changed, (unsigned long long)d->n_renamed, (unsigned long long)d->n_same);
	cmd_say(c, "a restore that has the first image moves %s in %llu chunks (%s unpacked)", stored,
		(unsigned long long)d->delta_chunks, raw);
}

/* ---- for programs ---- */

static void put_entry(struct json_out *w, const char *key, const struct image_read *image, const struct tree_entry *name,
		      const struct tree_entry *inode)
{
	if (!name)
		return;
	json_put_obj(w, key);
	image_entry_put_path(w, "path", name->path);
	image_entry_put(w, inode, image_read_links(image, name));
	json_end_obj(w);
}

static void put_item(struct json_out *w, const struct pair *p, const struct diff_item *i)
{
	json_put_obj(w, NULL);
	json_put_str(w, "kind", kinds[i->kind]);
	image_entry_put_path(w, "path", i->b ? i->b->path : i->a->path);
	json_put_arr(w, "what");
	for (size_t k = 0; image_diff_words[k]; k++)
		if (i->what & (1u << k))
			json_put_str(w, NULL, image_diff_words[k]);
	json_end_arr(w);
	put_entry(w, "a", p->a, i->a, i->a_inode);
	put_entry(w, "b", p->b, i->b, i->b_inode);
	json_end_obj(w);
}

static void put_sums(struct json_out *w, const struct image_diff *d)
{
	json_put_obj(w, "summary");
	json_put_u64(w, "added", d->n_added);
	json_put_u64(w, "removed", d->n_removed);
	json_put_u64(w, "changed", d->n_changed);
	json_put_u64(w, "renamed", d->n_renamed);
	json_put_u64(w, "same", d->n_same);
	json_put_u64(w, "added_bytes", d->added_bytes);
	json_put_u64(w, "removed_bytes", d->removed_bytes);
	json_put_u64(w, "changed_bytes", d->changed_bytes);
	json_put_u64(w, "delta_chunks", d->delta_chunks);
	json_put_u64(w, "delta_stored_bytes", d->delta_stored_bytes);
	json_put_u64(w, "delta_raw_bytes", d->delta_raw_bytes);
	json_end_obj(w);
}

static void print_json(const struct pair *p, const struct image_diff *d)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "a", image_read_ref(p->a));
	json_put_str(&w, "b", image_read_ref(p->b));
	json_put_arr(&w, "differences");
	for (size_t i = 0; i < d->len && !ferror(stdout); i++) {
		put_item(&w, p, &d->items[i]);
		if (out.len < FLUSH_AT)
			continue;
		cmd_print(buf_str(&out));
		buf_clear(&out);
	}
	json_end_arr(&w);
	put_sums(&w, d);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

static void pair_close(struct pair *p)
{
	image_read_close(p->a);
	image_read_close(p->b);
}

/* "/etc//ssh/" -> "etc/ssh": what it names in either tree, no link followed. */
static char *plain_path(const char *path)
{
	autoclean(buf_free) struct buf out = { 0 };

	while (*path) {
		size_t n = strcspn(path, "/");

		if (n && !(n == 1 && *path == '.')) {
			if (out.len)
				buf_addc(&out, '/');
			buf_add(&out, path, n);
		}
		path += n + (path[n] == '/');
	}
	return buf_steal(&out);
}

int cmd_image_diff(struct cmd *c, struct err *err)
{
	autoclean(images_close_store) struct store *s = NULL;
	autoclean(pair_close) struct pair p = { 0 };
	autoclean(image_diff_free) struct image_diff d = { 0 };
	autofree char *path = NULL;
	int rc;

	if (cmd_args(c, 2, 3, err) < 0 || images_open_store(c, &s, err) < 0 || images_open(c, s, c->argv[0], &p.a, err) < 0 ||
	    images_open(c, s, c->argv[1], &p.b, err) < 0)
		return -1;
	path = plain_path(c->argc > 2 ? c->argv[2] : "");
	progress_init(&p.progress, stderr, c->json, c->quiet);
	rc = image_diff(image_read_docs(p.a), image_read_docs(p.b), path, cmd_flag(c, "content") ? DIFF_SUBSTANCE : ~0u,
			compare_bytes, &p, &d, err);
	progress_end(&p.progress, clock_now_ns());
	if (rc < 0)
		return -1;
	if (c->json)
		print_json(&p, &d);
	else
		print_text(c, &d);
	return 0;
}
