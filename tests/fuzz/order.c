/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head's answers with their orders, as the imager reads them: any bytes are refused or make an order that prints and reads
 * again the same, plans without harm, and whose host files no value can break out of. */
#include "base/mem.h"
#include "imaging/imager/head.h"
#include "installer/hostfiles.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct head_answer *a, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "node", a->node);
	json_put_str(&w, "action", "install");
	order_print(&a->order, &w, "order");
	json_end_obj(&w);
}

static void reads_again(const struct head_answer *a)
{
	autoclean(head_answer_free) struct head_answer again = { 0 };
	autoclean(buf_free) struct buf one = { 0 }, two = { 0 };
	struct err err = { 0 };

	print(a, &one);
	if (head_answer_read(buf_str(&one), one.len, &again, &err) < 0)
		abort();
	print(&again, &two);
	if (!str_eq(buf_str(&one), buf_str(&two)))
		abort();
}

static size_t count_lines(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

/* Of a file of systemd-networkd: those that we write, and none that a value brought. */
static size_t count_sections(const char *s)
{
	size_t n = s[0] == '[';

	for (; (s = strstr(s, "\n[")); s++)
		n++;
	return n;
}

/* The file that a shell reads has as many lines as we wrote, and nothing in it that a shell expands. */
static void check_files(const struct hostfiles *files)
{
	for (size_t i = 0; i < files->len; i++) {
		const struct hostfile *f = &files->items[i];

		if (str_eq(f->path, "etc/default/grub.d/orthrus.cfg") &&
		    (strpbrk(f->content, "$`\\;&|<>'") || count_lines(f->content) < 9 || count_lines(f->content) > 10))
			abort();
		if (str_eq(f->path, "etc/hostname") && count_lines(f->content) != 1)
			abort();
		if (str_starts(f->path, "etc/systemd/network/") && count_sections(f->content) > 7)
			abort();
		if (f->path[0] == '/' || strstr(f->path, "/../"))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(head_answer_free) struct head_answer a = { 0 };
	autoclean(hostfiles_free) struct hostfiles files = { 0 };
	static char root[] = "/", ext4[] = "ext4";
	struct raid_fs fs = { .mount = root, .type = ext4, .uuid = "2ed12c1b-e825-8665-b6af-ffda2df7c6ef" };
	const struct raid_result result = { .fs = &fs, .n_fs = 1 };
	const struct install_identity id = { .key = "", .crt = "", .seal = "", .csr = "", .seal_key = "", .fingerprint = "" };
	const struct hostfiles_input in = { .order = &a.order, .result = &result, .ca_crt = "", .identity = &id };
	struct err err = { 0 };

	if (head_answer_read((const char *)data, size, &a, &err) < 0) {
		if (!err.text[0])
			abort();
		return 0;
	}
	if (!a.order.install_id)
		return 0;
	reads_again(&a);
	if (hostfiles_render(&in, &files, &err) < 0)
		abort();
	check_files(&files);
	return 0;
}
