/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/order_files.h"

#include "base/mem.h"
#include "installer/hostpath.h"

#include <string.h>

void order_files_free(struct order_files *f)
{
	for (size_t i = 0; i < f->len; i++) {
		free(f->items[i].path);
		free(f->items[i].content);
	}
	free(f->items);
	*f = (struct order_files){ 0 };
}

static int check_room(const struct order_files *f, const char *path, size_t len, struct err *err)
{
	size_t sum = len;

	if (f->len >= ORDER_FILES_MAX)
		return err_set(err, ERR_INVALID, "more than %d files for one node", ORDER_FILES_MAX);
	if (len > ORDER_FILE_BYTES_MAX)
		return err_set(err, ERR_INVALID, "/%s would have %zu bytes, more than %zu", path, len, ORDER_FILE_BYTES_MAX);
	for (size_t i = 0; i < f->len; i++) {
		sum += strlen(f->items[i].content);
		if (str_eq(f->items[i].path, path))
			return err_set(err, ERR_INVALID, "/%s is given twice", path);
	}
	if (sum > ORDER_FILES_BYTES_MAX)
		return err_set(err, ERR_INVALID, "with /%s the files of one node have %zu bytes, more than %zu", path, sum,
			       ORDER_FILES_BYTES_MAX);
	return 0;
}

int order_files_add(struct order_files *f, const char *path, unsigned int mode, const char *content, struct err *err)
{
	if (hostpath_check(path, err) < 0 || check_room(f, path, strlen(content), err) < 0)
		return -1;
	if (mode != 0644 && mode != 0755)
		return err_set(err, ERR_INVALID, "/%s: mode %o is neither 644 nor 755", path, mode);
	f->items = mem_room(f->items, f->len, &f->cap, sizeof(*f->items));
	f->items[f->len++] = (struct order_file){ .path = mem_strdup(path), .mode = mode, .content = mem_strdup(content) };
	return 0;
}

static int read_one(struct json_obj *o, struct order_files *out, struct err *err)
{
	static const char *const modes[] = { "0644", "0755", NULL };
	autofree char *path = NULL, *content = NULL;
	struct err why = { 0 };
	int mode;

	if (json_str(o, "path", JSON_MUST, &path, err) < 0 || json_enum(o, "mode", JSON_MUST, modes, &mode, err) < 0 ||
	    json_str(o, "content", JSON_MUST, &content, err) < 0 || json_obj_end(o, err) < 0)
		return -1;
	if (order_files_add(out, path, mode ? 0755 : 0644, content, &why) < 0)
		return json_bad(o, "path", err, "%s", why.text);
	return 0;
}

int order_files_read(struct json_obj *o, const char *key, struct order_files *out, struct err *err)
{
	struct json_arr files;
	int rc = json_arr_max(o, key, JSON_MAY, ORDER_FILES_MAX, &files, err);

	for (size_t i = 0; rc == 1 && i < files.len; i++) {
		struct json_obj e;

		if (json_arr_obj(&files, i, &e, err) < 0 || read_one(&e, out, err) < 0)
			return -1;
	}
	return rc < 0 ? -1 : 0;
}

void order_files_print(const struct order_files *f, struct json_out *w, const char *key)
{
	if (!f->len)
		return;
	json_put_arr(w, key);
	for (size_t i = 0; i < f->len; i++) {
		json_put_obj(w, NULL);
		json_put_str(w, "path", f->items[i].path);
		json_put_str(w, "mode", f->items[i].mode == 0755 ? "0755" : "0644");
		json_put_str(w, "content", f->items[i].content);
		json_end_obj(w);
	}
	json_end_arr(w);
}
