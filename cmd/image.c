/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/images.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/keys.h"
#include "sys/progress.h"

#include <stdio.h>
#include <string.h>

#define DOC_MAX ((size_t)16 << 20)

void images_close_store(struct store **s)
{
	store_close(*s);
}

int images_open_store(const struct cmd *c, struct store **s, struct err *err)
{
	autofree char *path = cmd_path(c, "/srv/orthrus/store");

	return store_open(path, false, s, err);
}

int images_key(const struct cmd *c, struct verify_key *key, struct err *err)
{
	autofree char *path = cmd_path(c, "/var/lib/orthrus/pki/sign.pub");

	return verify_key_load(path, key, err);
}

int images_open(const struct cmd *c, struct store *s, const char *ref, struct image_read **out, struct err *err)
{
	struct verify_key key;

	return images_key(c, &key, err) < 0 ? -1 : image_read_open(s, ref, &key, out, err);
}

void images_close(struct image_read **r)
{
	image_read_close(*r);
}

void images_progress(void *ctx, const char *stage, uint64_t done_bytes, uint64_t total_bytes)
{
	progress_update(ctx, stage, done_bytes, total_bytes, clock_now_ns());
}

uint64_t images_per_second(uint64_t bytes, int64_t took_ns)
{
	return took_ns > 0 ? (uint64_t)((double)bytes * (double)NS_PER_S / (double)took_ns) : 0;
}

char *images_speed(uint64_t bytes, int64_t took_ns)
{
	char size[STR_BYTES_MAX], rate[STR_BYTES_MAX];

	str_from_bytes(bytes, size);
	str_from_bytes(images_per_second(bytes, took_ns), rate);
	return str_format("%s in %.1f s (%s/s)", size, (double)took_ns / (double)NS_PER_S, rate);
}

void images_put_speed(struct json_out *w, uint64_t bytes, int64_t took_ns)
{
	json_put_u64(w, "bytes", bytes);
	json_put_f64(w, "seconds", (double)took_ns / (double)NS_PER_S);
	json_put_u64(w, "bytes_per_second", images_per_second(bytes, took_ns));
}

/* Line by line: names in it may come from another machine. */
static void add_lines(struct buf *out, const struct buf *text)
{
	for (const char *line = buf_str(text), *end; *line; line = *end ? end + 1 : end) {
		autofree char *shown = NULL;

		end = strchrnul(line, '\n');
		shown = str_printable(line, (size_t)(end - line));
		buf_addf(out, "%s\n", shown);
	}
}

/* manifest.json and boot.json as they are in the store; `orthrus image verify` says whether they are right. */
int cmd_image_show(struct cmd *c, struct err *err)
{
	autoclean(images_close_store) struct store *s = NULL;
	autoclean(buf_free) struct buf manifest = { 0 };
	autoclean(buf_free) struct buf boot = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	autofree char *name = NULL, *id = NULL, *dir = NULL, *manifest_path = NULL, *boot_path = NULL;
	struct json_out w;

	if (cmd_args(c, 1, 1, err) < 0 || images_open_store(c, &s, err) < 0 ||
	    store_find(s, c->argv[0], &name, &id, &dir, err) < 0)
		return -1;
	manifest_path = fs_join(dir, "manifest.json");
	boot_path = fs_join(dir, "boot.json");
	if (fs_read(manifest_path, DOC_MAX, &manifest, err) < 0 || fs_read(boot_path, DOC_MAX, &boot, err) < 0)
		return -1;
	if (!c->json) {
		buf_addf(&out, "%s/%s\nmanifest ", name, id);
		add_lines(&out, &manifest);
		buf_adds(&out, "boot ");
		add_lines(&out, &boot);
	} else {
		autoclean(json_doc_free) struct json_doc m = { 0 };
		autoclean(json_doc_free) struct json_doc b = { 0 };

		/* Only what is JSON may be put into JSON. */
		if (json_parse(buf_str(&manifest), manifest.len, &m, err) < 0 ||
		    json_parse(buf_str(&boot), boot.len, &b, err) < 0)
			return err_wrap(err, "%s", dir);
		json_out_init(&w, &out, false);
		json_put_obj(&w, NULL);
		json_put_str(&w, "name", name);
		json_put_str(&w, "id", id);
		json_put_raw(&w, "manifest", buf_str(&manifest));
		json_put_raw(&w, "boot", buf_str(&boot));
		json_end_obj(&w);
		buf_addc(&out, '\n');
	}
	cmd_print(buf_str(&out));
	return 0;
}
