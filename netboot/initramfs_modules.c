/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of the initramfs that comes from an image: kernel modules and firmware. */
#include "netboot/initramfs.h"

#include "netboot/modules.h"

#include "base/mem.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <libgen.h>
#include <string.h>

#define MODULE_MAX ((size_t)64 << 20)
#define INDEX_MAX ((size_t)32 << 20)
/* One card's firmware may be larger than everything else together: such a card is then served by what its flash holds. */
#define FIRMWARE_MAX ((size_t)2 << 20)

static const char *modules_dir(const char *tree, const char *version, char **out)
{
	free(*out);
	*out = str_format("%s/usr/lib/modules/%s", tree, version);
	if (!fs_exists(*out)) {
		free(*out);
		*out = str_format("%s/lib/modules/%s", tree, version);
	}
	return *out;
}

int initramfs_kernel(const char *tree, char **vmlinuz, char **version, struct err *err)
{
	static const char prefix[] = "vmlinuz-";
	autofree char *boot = fs_join(tree, "boot");
	autoclean(str_list_free) struct str_list names = { 0 };
	const char *best = NULL;

	if (fs_list(boot, &names, err) < 0)
		return err_wrap(err, "image");
	for (size_t i = 0; i < names.len; i++) {
		const char *v = names.items[i] + sizeof(prefix) - 1;
		autofree char *dir = NULL;

		if (str_starts(names.items[i], prefix) && fs_exists(modules_dir(tree, v, &dir)) &&
		    (!best || strverscmp(v, best) > 0))
			best = v;
	}
	if (!best) {
		err_set(err, ERR_NOT_FOUND,
			"the image has no kernel with modules (boot/vmlinuz-VERSION and usr/lib/modules/VERSION)");
		return err_hint(err, "add the package linux-image-amd64 to the image and build it again");
	}
	free(*vmlinuz);
	free(*version);
	*vmlinuz = str_format("%s/%s%s", boot, prefix, best);
	*version = mem_strdup(best);
	return 0;
}

static int copy(const char *from, const char *to, struct buf *content, struct err *err)
{
	autofree char *parent = mem_strdup(to);

	buf_clear(content);
	if (fs_mkdirs(dirname(parent), 0755, err) < 0 || fs_read(from, MODULE_MAX, content, err) < 0)
		return -1;
	return fs_write_if_changed(to, buf_str(content), content->len, 0644, NULL, err);
}

static int add_firmware(struct rootfs *r, const char *tree, const struct str_list *names)
{
	static const char *const dirs[] = { "usr/lib/firmware", "lib/firmware" };
	static const char *const forms[] = { "", ".xz", ".zst" };

	for (size_t i = 0; i < names->len; i++)
		for (size_t k = 0; k < ARRAY_LEN(dirs) * ARRAY_LEN(forms); k++) {
			autofree char *name = str_format("%s%s", names->items[i], forms[k % ARRAY_LEN(forms)]);
			autofree char *file = str_format("%s/%s/%s", tree, dirs[k / ARRAY_LEN(forms)], name);
			autofree char *path = fs_join("usr/lib/firmware", name);
			autoclean(buf_free) struct buf content = { 0 };
			struct err ignored = { 0 };

			/* Not there, or too large: the driver says so on the console, and most go on without. */
			if (!fs_exists(file) || fs_read(file, FIRMWARE_MAX, &content, &ignored) < 0)
				continue;
			rootfs_file(r, path, 0644, file);
			break;
		}
	return 0;
}

/* What modprobe and udev look things up in; made for the modules that are there, so that nothing is looked for that is not. */
static int add_indexes(struct rootfs *r, const char *from, const char *work, const char *version, struct err *err)
{
	static const char *const given[] = { "modules.builtin", "modules.builtin.modinfo", "modules.order" };
	autofree char *to = str_format("%s/lib/modules/%s", work, version);
	autoclean(str_list_free) struct str_list names = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		autofree char *source = fs_join(from, given[i]), *target = fs_join(to, given[i]);
		autoclean(buf_free) struct buf content = { 0 };

		if (fs_exists(source) && copy(source, target, &content, err) < 0)
			return -1;
	}
	if (SPAWN(err, "depmod", "-b", work, version) < 0 || fs_list(to, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *source = fs_join(to, names.items[i]);
		autofree char *path = str_format("usr/lib/modules/%s/%s", version, names.items[i]);

		if (str_starts(names.items[i], "modules.") && !str_starts(names.items[i], "modules.symbols"))
			rootfs_file(r, path, 0644, source);
	}
	return 0;
}

int initramfs_modules(struct rootfs *r, const char *tree, const char *version, const char *work, struct err *err)
{
	autofree char *from = NULL, *dep_path = NULL;
	autoclean(str_list_free) struct str_list paths = { 0 }, firmware = { 0 };
	autoclean(buf_free) struct buf dep = { 0 };

	dep_path = fs_join(modules_dir(tree, version, &from), "modules.dep");
	if (fs_read(dep_path, INDEX_MAX, &dep, err) < 0 ||
	    modules_select(buf_str(&dep), dep.len, modules_wanted, &paths, err) < 0)
		return err_wrap(err, "modules of kernel %s", version);
	for (size_t i = 0; i < paths.len; i++) {
		autofree char *source = fs_join(from, paths.items[i]);
		autofree char *target = str_format("%s/lib/modules/%s/%s", work, version, paths.items[i]);
		autofree char *path = str_format("usr/lib/modules/%s/%s", version, paths.items[i]);
		autoclean(buf_free) struct buf content = { 0 };

		if (copy(source, target, &content, err) < 0)
			return err_wrap(err, "modules of kernel %s", version);
		rootfs_file(r, path, 0644, target);
		if (str_starts(paths.items[i], "kernel/drivers/net/"))
			modules_firmware(buf_str(&content), content.len, &firmware);
	}
	if (add_indexes(r, from, work, version, err) < 0)
		return err_wrap(err, "modules of kernel %s", version);
	return add_firmware(r, tree, &firmware);
}
