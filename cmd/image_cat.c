/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `orthrus image cat`: files of an image to standard output, byte for byte. */
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/images.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const uint8_t zeros[64 << 10];

struct cat {
	bool enough; /* whoever reads has closed the pipe: no more is unpacked */
};

static int write_out(struct cat *cat, const void *data, size_t len, struct err *err)
{
	errno = 0;
	if (fwrite(data, 1, len, stdout) == len)
		return 0;
	cat->enough = errno == EPIPE;
	return err_errno(err, errno ? errno : EIO, "write to standard output");
}

static int put(void *ctx, const uint8_t *data, uint64_t len, struct err *err)
{
	if (data)
		return write_out(ctx, data, (size_t)len, err);
	for (uint64_t n; len; len -= n) {
		n = len < sizeof(zeros) ? len : sizeof(zeros);
		if (write_out(ctx, zeros, (size_t)n, err) < 0)
			return -1;
	}
	return 0;
}

/* The file behind the name, through symbolic links inside the image. */
static int find_file(const struct image_read *image, const char *path, const struct tree_entry **out, struct err *err)
{
	const struct tree_entry *e;
	autofree char *shown = str_printable(path, strlen(path));

	if (image_read_find(image, path, true, &e, err) < 0)
		return -1;
	*out = image_read_inode(image, e);
	if ((*out)->type == TREE_FILE)
		return 0;
	err_set(err, ERR_INVALID, "%s: '%.300s' is no regular file and has no content", image_read_ref(image), shown);
	return (*out)->type == TREE_DIR
		       ? err_hint(err, "`orthrus image ls %s PATH` lists what is in a directory", image_read_ref(image))
		       : -1;
}

int cmd_image_cat(struct cmd *c, struct err *err)
{
	autoclean(images_close_store) struct store *s = NULL;
	autoclean(images_close) struct image_read *image = NULL;
	autofree const struct tree_entry **files = NULL;
	struct cat cat = { 0 };
	size_t n;

	if (c->json) {
		err_set(err, ERR_USAGE, "the content of files is printed as it is, there is no JSON of it");
		return err_hint(err, "leave out --json; `orthrus image ls NAME PATH --json` has the attributes");
	}
	if (cmd_args(c, 2, SIZE_MAX, err) < 0 || images_open_store(c, &s, err) < 0 ||
	    images_open(c, s, c->argv[0], &image, err) < 0)
		return -1;
	n = (size_t)c->argc - 1;
	files = mem_array(n, sizeof(*files));
	/* All names first: of a list with a wrong one nothing is printed. */
	for (size_t i = 0; i < n; i++)
		if (find_file(image, c->argv[i + 1], &files[i], err) < 0)
			return -1;
	for (size_t i = 0; i < n; i++) {
		autofree char *shown = str_printable(c->argv[i + 1], strlen(c->argv[i + 1]));

		if (image_read_file(image, files[i], put, &cat, err) == 0)
			continue;
		if (cat.enough)
			return 0;
		return err_wrap(err, "'%.300s'", shown);
	}
	return 0;
}
