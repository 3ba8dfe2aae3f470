/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One reading of the machine: its list of what there is, and the stream of GNU tar, whole or of what changed. */
#include "imaging/capture_priv.h"

#include "base/mem.h"
#include "sys/clock.h"

#include <string.h>

#define CHANGED_TOLD 1000 /* names kept of what still changed */
#define WRITE_NS (300 * NS_PER_S)

static int fill(struct capture_run *r, struct err *err)
{
	ssize_t n = capture_agent_read(&r->agent, r->buffer, sizeof(r->buffer), err);

	r->begin = 0;
	r->end = n > 0 ? (size_t)n : 0;
	return n > 0 ? 0 : n < 0 ? -1 : err_set(err, ERR_FAILED, "the machine's answer ended too soon");
}

/* Up to `delimiter`, which is taken too. */
static int next_record(struct capture_run *r, char delimiter, struct buf *out, struct err *err)
{
	buf_clear(out);
	for (;;) {
		uint8_t *from, *found;
		size_t n;

		if (r->begin == r->end && fill(r, err) < 0)
			return -1;
		from = r->buffer + r->begin;
		found = memchr(from, delimiter, r->end - r->begin);
		n = found ? (size_t)(found - from) : r->end - r->begin;
		if (out->len + n > 65536)
			return err_set(err, ERR_DAMAGED, "the machine's answer can't be read");
		buf_add(out, from, n);
		r->begin += n + (found != NULL);
		if (found)
			return 0;
	}
}

static int read_list(struct capture_run *r, struct capture_list *list, struct err *err)
{
	autoclean(buf_free) struct buf record = { 0 };
	struct capture_list all = { 0 };
	int rc = next_record(r, '\n', &record, err);

	if (rc == 0 && !str_starts(buf_str(&record), "time "))
		rc = err_set(err, ERR_DAMAGED, "the machine's answer begins with '%.100s'", buf_str(&record));
	if (rc == 0)
		rc = capture_list_began(list, buf_str(&record) + 5, err);
	while (rc == 0 && (rc = next_record(r, '\0', &record, err)) == 0 && record.len)
		if ((rc = capture_list_add(&all, buf_str(&record), err)) == 0) {
			struct capture_item *i = &all.items[all.len - 1];

			if (capture_excluded(r->f, i->path, i->type == 'd'))
				free(i->path);
			else {
				list->items = mem_room(list->items, list->len, &list->cap, sizeof(*i));
				list->items[list->len++] = *i;
			}
			all.len--;
		}
	capture_list_free(&all);
	capture_list_sort(list);
	while (rc == 0 && (rc = next_record(r, '\n', &record, err)) == 0 && record.len)
		capture_list_flags(list, buf_str(&record));
	return rc;
}

static ssize_t read_stream(void *ctx, void *data, size_t len, struct err *err)
{
	struct capture_run *r = ctx;
	size_t n = r->end - r->begin;

	if (!n)
		return capture_agent_read(&r->agent, data, len, err);
	n = n < len ? n : len;
	memcpy(data, r->buffer + r->begin, n);
	r->begin += n;
	return (ssize_t)n;
}

static bool is_wanted(void *ctx, const char *path, bool is_dir)
{
	const struct capture_run *r = ctx;

	return !capture_excluded(r->f, path, is_dir);
}

static int put(void *ctx, const void *data, size_t len, struct err *err)
{
	struct capture_run *r = ctx;
	const struct tree_entry *e;

	r->done_bytes += len;
	if (r->c->progress && r->spool)
		r->c->progress(r->c->ctx, "read", r->done_bytes, r->total_bytes);
	if (r->spool)
		return capture_spool_add(r->spool, data, len, err);
	/* The store keeps the variables of GRUB while they pass by, and knows them by the last entry of its tree. */
	e = &r->tree.tree.entries[r->tree.tree.len - 1];
	if (str_eq(e->path, "boot/grub/grubenv") && !r->sink_tree->len)
		tree_add(r->sink_tree)->path = mem_strdup(e->path);
	return ingest_put(r->sink, data, len, err);
}

static int read_tar(struct capture_run *r, struct capture_tree *tree, const struct capture_list *list, struct err *err)
{
	struct capture_stream s = { .read = read_stream, .put = put, .wanted = is_wanted, .ctx = r };

	tree->tree.stream_bytes = r->tree.tree.stream_bytes;
	tree->read_s = list->begin_s;
	tree->read_ns = list->begin_ns;
	return capture_tar_read(&s, tree, err);
}

static int start(struct capture_run *r, bool again, struct err *err)
{
	autoclean(buf_free) struct buf settings = { 0 };

	capture_describe(r->f, again, &settings);
	r->begin = r->end = 0;
	return capture_agent_start(&r->agent, r->c, r->f, buf_str(&settings), !r->f->plain, err);
}

/* An end of our own making: what the machine says of it is better, if it says something. */
static int end(struct capture_run *r, int rc, struct err *err)
{
	struct err own = { 0 };
	int ended;

	if (rc == 0) {
		rc = capture_agent_end(&r->agent, err);
	} else {
		own = *err;
		ended = capture_agent_end(&r->agent, err);
		if (ended == 0)
			*err = own;
	}
	capture_agent_free(&r->agent);
	r->agent = (struct capture_agent){ 0 };
	return rc;
}

int capture_read_all(struct capture_run *r, struct err *err)
{
	int rc = start(r, false, err);

	if (rc < 0)
		return -1;
	rc = read_list(r, &r->list, err);
	if (rc == 0) {
		r->total_bytes = capture_list_bytes(&r->list);
		rc = read_tar(r, &r->tree, &r->list, err);
	}
	r->rounds = 1;
	return end(r, rc, err);
}

/* Of the new list only what lives; the rest is as it was. */
static void take_over(struct capture_run *r, struct capture_list *now)
{
	struct capture_list all = { .begin_s = now->begin_s, .begin_ns = now->begin_ns };

	for (int k = 0; k < 2; k++) {
		struct capture_list *from = k ? now : &r->list;

		for (size_t i = 0; i < from->len; i++) {
			if ((capture_hold_of(r->f, from->items[i].path) == CAPTURE_LIVE) != (k == 1)) {
				free(from->items[i].path);
				continue;
			}
			all.items = mem_room(all.items, all.len, &all.cap, sizeof(all.items[0]));
			all.items[all.len++] = from->items[i];
		}
		from->len = 0;
		capture_list_free(from);
	}
	capture_list_sort(&all);
	r->list = all;
}

static int send_names(struct capture_run *r, const struct str_list *names, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autofree char *head = NULL;

	for (size_t i = 0; i < names->len; i++) {
		buf_adds(&text, "./");
		buf_adds(&text, names->items[i]);
		buf_addc(&text, '\0');
	}
	head = str_format("names %zu\n", text.len);
	if (spawn_stream_write(&r->agent.stream, head, strlen(head), WRITE_NS, err) < 0)
		return -1;
	return spawn_stream_write(&r->agent.stream, buf_str(&text), text.len, WRITE_NS, err);
}

/* What is held still can't change, whatever its times say: where a subvolume lies, a btrfs snapshot has a directory of right now.
 */
static void find_changed(const struct capture_run *r, struct str_list *names)
{
	autoclean(str_list_free) struct str_list all = { 0 };

	capture_differences(&r->tree, &r->list, &all);
	for (size_t i = 0; i < all.len; i++)
		if (capture_hold_of(r->f, all.items[i]) == CAPTURE_LIVE)
			str_list_add(names, all.items[i]);
}

int capture_read_again(struct capture_run *r, bool last, bool *more, struct err *err)
{
	autoclean(capture_list_free) struct capture_list now = { 0 };
	autoclean(capture_tree_free) struct capture_tree later = { 0 };
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclean(str_list_free) struct str_list none = { 0 };
	int rc = start(r, true, err);

	if (rc < 0)
		return -1;
	rc = read_list(r, &now, err);
	if (rc == 0) {
		take_over(r, &now);
		find_changed(r, &names);
		*more = names.len && !last;
		r->result->n_changed = names.len;
		rc = send_names(r, *more ? &names : &none, err);
	}
	if (rc == 0 && *more) {
		r->rounds++;
		r->total_bytes = 0;
		rc = read_tar(r, &later, &r->list, err);
	}
	if (end(r, rc, err) < 0)
		return -1;
	if (*more)
		capture_overlay(&r->tree, &later);
	for (size_t i = 0; last && i < names.len && i < CHANGED_TOLD; i++)
		str_list_add(&r->result->changed, names.items[i]);
	return 0;
}
