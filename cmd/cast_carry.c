/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program goes along to nodes that have none: with its libraries and their loader, so that it needs nothing of theirs. */
#include "base/mem.h"
#include "cmd/cast_fleet.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SELF "/proc/self/exe"

/* What of this process comes from files: libraries and the loader, by the names they were looked for. */
static int on_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct str_list *files = ctx;

	(void)size;
	if (info->dlpi_name && info->dlpi_name[0] == '/')
		str_list_add(files, info->dlpi_name);
	return 0;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *carry_loader(struct err *err)
{
	autoclean(str_list_free) struct str_list files = { 0 };

	dl_iterate_phdr(on_object, &files);
	for (size_t i = 0; i < files.len; i++)
		if (str_starts(base_name(files.items[i]), "ld-") || str_starts(base_name(files.items[i]), "ld64"))
			return mem_strdup(base_name(files.items[i]));
	err_set(err, ERR_FAILED, "--carry: this program's loader is not known");
	return NULL;
}

/* The file itself, for it may have another name here. */
static int program_path(char **out, struct err *err)
{
	*out = realpath(SELF, NULL);
	return *out ? 0 : err_errno(err, errno, "--carry: find this program");
}

int carry_pack(int fd, struct err *err)
{
	autoclean(str_list_free) struct str_list argv = { 0 };
	autofree char *program = NULL, *rename = NULL;
	struct spawn s = { .stdout_fd = fd };

	if (program_path(&program, err) < 0)
		return -1;
	rename = str_format("--transform=s,^%s$,orthrus,;s,^.*/,,", program + 1);
	str_list_add(&argv, "tar");
	str_list_add(&argv, "-czhf");
	str_list_add(&argv, "-");
	str_list_add(&argv, "-C");
	str_list_add(&argv, "/");
	str_list_add(&argv, "--owner=0");
	str_list_add(&argv, "--group=0");
	str_list_add(&argv, rename);
	str_list_add(&argv, program + 1);
	dl_iterate_phdr(on_object, &argv);
	for (size_t i = 9; i < argv.len; i++)
		memmove(argv.items[i], argv.items[i] + 1, strlen(argv.items[i]));
	s.argv = (const char *const *)argv.items;
	return spawn_run(&s, NULL, err) < 0 ? err_wrap(err, "--carry") : 0;
}
