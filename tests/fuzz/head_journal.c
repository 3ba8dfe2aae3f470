/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as the journal of a head's installation: what is taken of them is written again, and read as the same; what is passed
 * over says nothing; no path leads elsewhere. */
#include "base/mem.h"
#include "headinstall/journal.h"
#include "headinstall/store.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct head_journal *j, struct buf *out)
{
	for (size_t i = 0; i < j->n_paths; i++)
		head_line_path(out, &j->paths[i]);
	for (size_t i = 0; i < j->n_packages; i++)
		head_line_package(out, &j->packages[i]);
	for (size_t i = 0; i < j->n_units; i++)
		head_line_unit(out, j->units[i].name, j->units[i].value);
	for (size_t i = 0; i < j->n_settings; i++)
		head_line_setting(out, j->settings[i].name, j->settings[i].value);
	for (size_t i = 0; i < j->n_links; i++)
		head_line_link(out, j->links[i].name, j->links[i].value);
	for (size_t i = 0; i < j->accounts.len; i++)
		head_line_account(out, j->accounts.items[i], false);
	for (size_t i = 0; i < j->others.len; i++)
		head_line_account(out, j->others.items[i], true);
	for (size_t i = 0; i < j->kept.len; i++)
		head_line_kept(out, j->kept.items[i]);
	for (size_t i = 0; i < j->n_steps; i++)
		head_line_step(out, &j->steps[i], NULL);
	if (j->array.there)
		head_line_array(out, &j->array);
	if (j->complete)
		head_line_complete(out);
}

static void check(const struct head_journal *j)
{
	for (size_t i = 0; i < j->n_paths; i++) {
		const char *path = j->paths[i].path;

		if (path[0] != '/' || strstr(path, "/../") || strstr(path, "//") || str_ends(path, "/..") ||
		    head_journal_path(j, path) != &j->paths[i] || (i && strcmp(j->paths[i - 1].path, path) >= 0))
			abort();
	}
	for (size_t i = 0; i < j->n_packages; i++)
		if (head_journal_package(j, j->packages[i].name) != &j->packages[i])
			abort();
}

/* What was begun is gone on with as it was begun. */
static void check_array(const struct head_journal *j)
{
	autoclean(head_store_free) struct head_store store = { 0 };
	autoclean(head_array_free) struct head_array again = { 0 };
	autofree char *text = NULL;

	if (!head_store_resumed(j, &store))
		return;
	text = head_store_text(&store);
	head_store_array(&store, &again);
	if (!str_eq(again.md_uuid, j->array.md_uuid) || !str_eq(again.fs_uuid, j->array.fs_uuid) ||
	    !str_eq(again.seed, j->array.seed) || again.disks.len != j->array.disks.len)
		abort();
}

/* `text` gives what `want` is. */
static void read_again(const char *text, size_t len, const struct buf *want)
{
	autoclean(head_journal_free) struct head_journal again = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct err err = { 0 };
	size_t good;

	if (head_journal_read(text, len, &again, &good, &err) < 0 || good != len)
		abort();
	head_journal_settle(&again);
	print(&again, &out);
	if (!str_eq(buf_str(&out), buf_str(want)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(head_journal_free) struct head_journal j = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	autofree char *text = mem_dup(size ? (const char *)data : "", size ? size : 1);
	struct err err = { 0 };
	size_t good;

	if (head_journal_read(text, size, &j, &good, &err) < 0) {
		if (err.kind != ERR_DAMAGED)
			abort();
		return 0;
	}
	if (good > size)
		abort();
	head_journal_settle(&j);
	check(&j);
	check_array(&j);
	print(&j, &out);
	read_again(text, good, &out);
	read_again(buf_str(&out), out.len, &out);
	return 0;
}
