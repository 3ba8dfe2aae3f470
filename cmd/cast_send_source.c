/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is sent: a file, or an image of this machine's store. */
#include "base/mem.h"
#include "cmd/cast_send.h"
#include "cmd/images.h"
#include "imaging/parcel.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

static int open_image(const struct cmd *c, struct cast_send *s, struct err *err)
{
	struct verify_key key;
	const struct parcel_file *files;
	autofree struct file_part *parts = NULL;
	size_t n;

	if (images_key(c, &key, err) < 0 || parcel_open(s->store, c->argv[0], &key, &s->parcel, err) < 0)
		return -1;
	files = parcel_files(s->parcel, &n);
	parts = mem_array(n, sizeof(parts[0]));
	for (size_t i = 0; i < n; i++)
		parts[i] = (struct file_part){ .name = files[i].name, .path = files[i].path };
	return file_open_parts(parcel_name(s->parcel), parts, n, &s->file, err);
}

/* "NAME" or "NAME/ID": what begins otherwise is a path. */
static bool may_be_image(const char *word)
{
	return word[0] != '/' && word[0] != '.';
}

int cast_send_source(const struct cmd *c, struct cast_send *s, struct err *err)
{
	autofree char *name = NULL, *id = NULL, *dir = NULL;
	const char *word = c->argv[0];
	bool is_file = fs_exists(word), is_image;
	struct err no = { 0 };

	if (!may_be_image(word))
		return file_open(word, &s->file, err);
	is_image = images_open_store(c, &s->store, &no) == 0 && store_find(s->store, word, &name, &id, &dir, &no) == 0;
	if (is_file && is_image) {
		err_set(err, ERR_USAGE, "there is a file '%s' here, and an image of this name", word);
		return err_hint(err, "say ./%s for the file, or %s/%s for the image", word, name, id);
	}
	if (is_image)
		return open_image(c, s, err);
	if (is_file || file_open(word, &s->file, err) == 0)
		return is_file ? file_open(word, &s->file, err) : 0;
	return err_hint(err, "it is no image either: `orthrus image list` shows what there is");
}

void cast_send_source_close(struct cast_send *s)
{
	parcel_close(s->parcel);
	images_close_store(&s->store);
}
