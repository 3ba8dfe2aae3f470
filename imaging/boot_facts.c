/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/boot_facts.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define KERNEL_PREFIX "boot/vmlinuz-"

/* Newest first: numbers inside versions count as numbers. */
static int by_version(const void *a, const void *b)
{
	return -strverscmp(*(char *const *)a, *(char *const *)b);
}

static void put_if_there(struct json_out *w, const char *key, const struct tree *tree, char *path)
{
	json_put_str(w, key, tree_find(tree, path) ? path : NULL);
	free(path);
}

static void put_kernels(struct json_out *w, const struct tree *tree)
{
	autoclean(str_list_free) struct str_list versions = { 0 };

	for (size_t i = 0; i < tree->len; i++)
		if (tree->entries[i].type == TREE_FILE && str_starts(tree->entries[i].path, KERNEL_PREFIX))
			str_list_add(&versions, tree->entries[i].path + strlen(KERNEL_PREFIX));
	if (versions.len)
		qsort(versions.items, versions.len, sizeof(versions.items[0]), by_version);
	json_put_arr(w, "kernels");
	for (size_t i = 0; i < versions.len; i++) {
		const char *v = versions.items[i];

		json_put_obj(w, NULL);
		json_put_str(w, "version", v);
		put_if_there(w, "vmlinuz", tree, str_format(KERNEL_PREFIX "%s", v));
		put_if_there(w, "initrd", tree, str_format("boot/initrd.img-%s", v));
		put_if_there(w, "modules", tree, str_format("usr/lib/modules/%s", v));
		json_end_obj(w);
	}
	json_end_arr(w);
}

static void put_grubenv(struct json_out *w, const char *text)
{
	if (!text) {
		json_put_str(w, "grubenv", NULL);
		return;
	}
	json_put_obj(w, "grubenv");
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, "\n");
		autofree char *line = mem_strndup(p, n);
		char *eq = strchr(line, '=');

		/* Lines that begin with '#' are the block's header and its padding. */
		if (line[0] != '#' && eq) {
			*eq = '\0';
			json_put_str(w, line, eq + 1);
		}
		p += n + (p[n] == '\n');
	}
	json_end_obj(w);
}

void boot_facts_print(const struct tree *tree, const char *grubenv, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, true);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "format", 1);
	put_kernels(&w, tree);
	json_put_obj(&w, "loaders");
	put_if_there(&w, "bios", tree, mem_strdup("usr/lib/grub/i386-pc/boot.img"));
	put_if_there(&w, "shim", tree, mem_strdup("usr/lib/shim/shimx64.efi.signed"));
	put_if_there(&w, "mok_manager", tree, mem_strdup("usr/lib/shim/mmx64.efi.signed"));
	put_if_there(&w, "grub_signed", tree, mem_strdup("usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"));
	json_end_obj(&w);
	put_grubenv(&w, grubenv);
	json_end_obj(&w);
}
