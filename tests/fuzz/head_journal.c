/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as the journal of a head's installation: what is taken of them is written again, and read as the same; no path leads
 * elsewhere. */
#include "base/mem.h"
#include "headinstall/journal.h"

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
	for (size_t i = 0; i < j->n_steps; i++)
		head_line_step(out, &j->steps[i], NULL);
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(head_journal_free) struct head_journal j = { 0 }, again = { 0 };
	autoclean(buf_free) struct buf first = { 0 }, second = { 0 };
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
	print(&j, &first);
	if (head_journal_read(buf_str(&first), first.len, &again, &good, &err) < 0 || good != first.len)
		abort();
	head_journal_settle(&again);
	print(&again, &second);
	if (!str_eq(buf_str(&first), buf_str(&second)))
		abort();
	return 0;
}
