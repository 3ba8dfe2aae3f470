/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a captured machine says: its facts, its list of files, tar's stream. It may be anybody's machine. The first byte chooses.
 */
#include "imaging/capture_priv.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct feed {
	const uint8_t *data;
	size_t left;
};

static ssize_t read_some(void *ctx, void *data, size_t len, struct err *err)
{
	struct feed *f = ctx;
	size_t n = f->left < len ? f->left : len;

	(void)err;
	memcpy(data, f->data, n);
	f->data += n;
	f->left -= n;
	return (ssize_t)n;
}

static int put_nothing(void *ctx, const void *data, size_t len, struct err *err)
{
	(void)ctx;
	(void)data;
	return len > ((size_t)16 << 20) ? err_set(err, ERR_FAILED, "too much") : 0;
}

static bool want_all(void *ctx, const char *path, bool is_dir)
{
	(void)ctx;
	(void)path;
	(void)is_dir;
	return true;
}

static void list_from(const uint8_t *data, size_t size, struct capture_list *l)
{
	struct err err = { 0 };

	for (size_t at = 0; at < size;) {
		size_t n = strnlen((const char *)data + at, size - at);
		autofree char *record = mem_strndup((const char *)data + at, n);

		if (capture_list_add(l, record, &err) < 0)
			capture_list_flags(l, record);
		at += n + 1;
	}
	capture_list_sort(l);
}

/* What is settled of any tar and any list has no path that leaves the tree, or is refused by the check that every image passes.
 */
static void tree_from(const uint8_t *data, size_t size)
{
	const uint8_t *end = memmem(data, size, "\0\0", 2);
	struct feed f = { .data = end ? end + 2 : data, .left = end ? size - (size_t)(end + 2 - data) : size };
	struct capture_stream s = { .read = read_some, .put = put_nothing, .wanted = want_all, .ctx = &f };
	autoclean(capture_tree_free) struct capture_tree t = { 0 };
	autoclean(capture_list_free) struct capture_list l = { 0 };
	autoclean(tree_free) struct tree out = { 0 };
	autoclean(str_list_free) struct str_list missing = { 0 };
	autoclean(str_list_free) struct str_list changed = { 0 };
	struct err err = { 0 };

	if (end)
		list_from(data, (size_t)(end - data), &l);
	if (capture_tar_read(&s, &t, &err) < 0)
		return;
	capture_differences(&t, &l, &changed);
	capture_settle(&t, &l, true, &out, &missing);
	for (size_t i = 1; i < out.len; i++)
		if (tree_path_cmp(out.entries[i - 1].path, out.entries[i].path) > 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct capture c = { .name = "x", .kind = "golden", .store_dir = "/s", .tmp_dir = "/t" };
	autoclean(capture_facts_freep) struct capture_facts *f = mem_zalloc(sizeof(*f));
	autoclean(capture_result_free) struct capture_result r = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	struct err err = { 0 };

	if (size == 0)
		return 0;
	if (data[0] != 'f') {
		tree_from(data + 1, size - 1);
		return 0;
	}
	if (capture_facts_read((const char *)data + 1, size - 1, f, &err) < 0 || capture_facts_decide(&c, f, &err) < 0)
		return 0;
	capture_plan(&c, f, &plan);
	capture_describe(f, true, &out);
	capture_layout(f, &r, 1, &out);
	return 0;
}
