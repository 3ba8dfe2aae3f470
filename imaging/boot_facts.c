/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/boot_facts.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
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

struct grub_var {
	const char *name, *value;
	size_t at;
};

static int by_name(const void *a, const void *b)
{
	const struct grub_var *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : x->at < y->at ? -1 : x->at > y->at;
}

static void put_grubenv(struct json_out *w, const char *text)
{
	autofree char *lines = text ? mem_strdup(text) : NULL;
	autofree struct grub_var *vars = NULL;
	size_t n = 0, cap = 0;
	char *save = NULL;

	if (!text) {
		json_put_str(w, "grubenv", NULL);
		return;
	}
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *eq = strchr(line, '=');

		/* Lines that begin with '#' are the block's header and its padding. */
		if (line[0] == '#' || !eq)
			continue;
		*eq = '\0';
		vars = mem_room(vars, n, &cap, sizeof(vars[0]));
		vars[n] = (struct grub_var){ .name = line, .value = eq + 1, .at = n };
		n++;
	}
	if (n)
		qsort(vars, n, sizeof(vars[0]), by_name);
	json_put_obj(w, "grubenv");
	/* Of a name that is given again the last value counts, as GRUB has it. */
	for (size_t i = 0; i < n; i++)
		if (i + 1 == n || !str_eq(vars[i].name, vars[i + 1].name))
			json_put_str(w, vars[i].name, vars[i].value);
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
