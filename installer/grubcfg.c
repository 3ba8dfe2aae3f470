/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/grubcfg.h"

#include "base/mem.h"
#include "installer/hostfiles.h"

#include <ctype.h>
#include <string.h>

#define MD_HEX 32

static const struct raid_fs *fs_at(const struct raid_result *r, const char *mount)
{
	for (size_t i = 0; i < r->n_fs; i++)
		if (str_eq(r->fs[i].mount, mount))
			return &r->fs[i];
	return NULL;
}

const char *grubcfg_boot_dir(const struct raid_result *result)
{
	return fs_at(result, "/boot") ? "" : "/boot";
}

/* An array's UUID as GRUB writes it: mdadm's without the colons. */
static void md_hex(const struct raid_md *md, char out[MD_HEX + 1])
{
	size_t n = 0;

	for (const char *at = md->uuid; *at && n < MD_HEX; at++)
		if (isxdigit((unsigned char)*at))
			out[n++] = (char)tolower((unsigned char)*at);
	out[n] = '\0';
}

static bool known_md(const struct raid_result *r, const char *hex)
{
	for (size_t i = 0; i < r->n_md; i++) {
		char ours[MD_HEX + 1];

		md_hex(&r->md[i], ours);
		if (strlen(ours) == MD_HEX && strncmp(hex, ours, MD_HEX) == 0 && !isxdigit((unsigned char)hex[MD_HEX]))
			return true;
	}
	return false;
}

static bool known_fs(const struct raid_result *r, const char *uuid)
{
	for (size_t i = 0; i < r->n_fs; i++)
		if (str_eq(r->fs[i].uuid, uuid))
			return true;
	return false;
}

static void split_words(const char *line, struct str_list *words)
{
	for (const char *at = line + strspn(line, " \t"); *at;) {
		size_t len = strcspn(at, " \t");
		autofree char *word = mem_strndup(at, len);

		str_list_add(words, word);
		at += len;
		at += strspn(at, " \t");
	}
}

struct check {
	const struct raid_result *result;
	struct str_list *initrds;
	size_t kernels, with_initrd;
	char *root; /* "root=UUID=..." */
};

static int check_line(struct check *c, const char *line, struct err *err)
{
	autoclean(str_list_free) struct str_list words = { 0 };
	const char *first, *last;

	split_words(line, &words);
	if (!words.len)
		return 0;
	first = words.items[0];
	last = words.items[words.len - 1];
	for (const char *at = strstr(line, "mduuid/"); at; at = strstr(at + 1, "mduuid/"))
		if (!known_md(c->result, at + strlen("mduuid/")))
			return err_set(err, ERR_FAILED, "it names an array that is not the node's");
	if (str_eq(first, "search") && str_list_has(&words, "--fs-uuid") && !known_fs(c->result, last))
		return err_set(err, ERR_FAILED, "it searches a file system that is not the node's");
	if (str_eq(first, "linux")) {
		if (!str_list_has(&words, c->root))
			return err_set(err, ERR_FAILED, "it lacks %s", c->root);
		c->kernels++;
	}
	if (str_eq(first, "initrd")) {
		for (size_t i = 1; i < words.len; i++)
			if (!str_list_has(c->initrds, words.items[i]))
				str_list_add(c->initrds, words.items[i]);
		c->with_initrd++;
	}
	return 0;
}

int grubcfg_check(const char *text, const struct raid_result *result, struct str_list *initrds, struct err *err)
{
	const char *uuid = hostfiles_uuid(result, "/");
	autofree char *root = str_format("root=UUID=%s", uuid ? uuid : "");
	struct check c = { .result = result, .initrds = initrds, .root = root };
	size_t number = 1;

	if (!uuid)
		return err_set(err, ERR_INVALID, "the layout has no file system for /");
	for (const char *at = text; *at; number++) {
		size_t len = strcspn(at, "\n");
		autofree char *line = mem_strndup(at, len);

		if (check_line(&c, line, err) < 0)
			return err_wrap(err, "/boot/grub/grub.cfg line %zu '%.160s'", number, line + strspn(line, " \t"));
		at += len + (at[len] == '\n');
	}
	if (!c.kernels)
		return err_set(err, ERR_FAILED, "/boot/grub/grub.cfg has no kernel: the image holds none below /boot");
	if (c.with_initrd != c.kernels)
		return err_set(err, ERR_FAILED, "/boot/grub/grub.cfg has %zu kernels but %zu initial RAM disks", c.kernels,
			       c.with_initrd);
	return 0;
}

int grubcfg_efi_stub(const struct raid_result *result, struct buf *out, struct err *err)
{
	const struct raid_fs *fs = fs_at(result, "/boot") ? fs_at(result, "/boot") : fs_at(result, "/");
	char hex[MD_HEX + 1] = "";

	if (!fs)
		return err_set(err, ERR_INVALID, "the layout has no file system for /");
	for (size_t i = 0; i < result->n_md; i++)
		if (str_eq(result->md[i].name, fs->device_md))
			md_hex(&result->md[i], hex);
	buf_addf(out, "search.fs_uuid %s root%s%s\n", fs->uuid, hex[0] ? " mduuid/" : "", hex);
	buf_addf(out, "set prefix=($root)%s/grub\nconfigfile $prefix/grub.cfg\n", grubcfg_boot_dir(result));
	return 0;
}
