/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/export.h"

#include "base/mem.h"
#include "base/str.h"
#include "imaging/export_priv.h"
#include "imaging/image_docs.h"
#include "imaging/store_priv.h"

static const struct {
	enum export_format format;
	const char *name;
} formats[] = {
	{ EXPORT_DIR, "dir" },
};

const char *export_format_name(enum export_format format)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (formats[i].format == format)
			return formats[i].name;
	return "";
}

int export_choose(struct export *x, const char *word, struct err *err)
{
	x->format = EXPORT_DIR;
	if (!word)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		if (str_eq(formats[i].name, word)) {
			x->format = formats[i].format;
			return 0;
		}
	}
	err_set(err, ERR_USAGE, "--format '%.40s' is none that an image can be exported in", word);
	return err_hint(err, "there is: dir");
}

void export_facts_free(struct export_facts *f)
{
	free(f->ref);
	restore_delta_free(&f->delta);
	*f = (struct export_facts){ 0 };
}

static int read_facts(const struct export *x, struct export_facts *out, struct err *err)
{
	autoclean(image_files_free) struct image_files files = { 0 };
	autoclean(image_docs_free) struct image_docs docs = { 0 };
	autofree char *name = NULL, *id = NULL, *dir = NULL;
	struct restore_source src = { .key = x->key };

	if (store_find(x->store, x->ref, &name, &id, &dir, err) < 0 || image_files_read(dir, &files, err) < 0)
		return -1;
	restore_source_of(&files, &src);
	src.name = name;
	if (image_docs_check(&src, &docs, err) < 0)
		return err_wrap(err, "image %s/%s", name, id);
	out->ref = str_format("%s/%s", name, id);
	out->entries = docs.manifest.entries;
	out->content_bytes = docs.manifest.content_bytes;
	return 0;
}

int export_probe(const struct export *x, struct export_facts *out, struct err *err)
{
	return read_facts(x, out, err) < 0 ? -1 : export_dir_probe(x, out, err);
}

void export_plan(const struct export *x, const struct export_facts *f, struct plan *plan)
{
	export_dir_plan(x, f, plan);
}

int export_apply(const struct export *x, const struct export_facts *f, struct err *err)
{
	return export_dir(x, f, err);
}
