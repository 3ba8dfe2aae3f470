/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netboot/closure.h"

#include "netboot/elf.h"

#include "base/mem.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define PROGRAM_MAX ((size_t)256 << 20)
#define LIBRARY_DIR "/usr/lib/x86_64-linux-gnu"

/* Where Debian's ld.so looks without a cache, then where an administrator's own libraries are. */
static const char *const search_dirs[] = { LIBRARY_DIR, "/lib/x86_64-linux-gnu",	   "/usr/lib",
					   "/lib",	"/usr/local/lib/x86_64-linux-gnu", "/usr/local/lib" };

static int read_needs(const char *source, struct elf_needs *needs, struct err *err)
{
	autoclean(buf_free) struct buf data = { 0 };

	if (fs_read(source, PROGRAM_MAX, &data, err) < 0)
		return -1;
	if (elf_needs_read(buf_str(&data), data.len, needs, err) < 0)
		return err_wrap(err, "%s", source);
	return 0;
}

/* "$ORIGIN" (or "${ORIGIN}") at the begin of a run path is the directory of the program itself. */
static char *expand_origin(const char *dir, const char *source)
{
	const char *rest = NULL, *slash = strrchr(source, '/');

	if (str_starts(dir, "$ORIGIN"))
		rest = dir + 7;
	else if (str_starts(dir, "${ORIGIN}"))
		rest = dir + 9;
	if (!rest || !slash)
		return mem_strdup(dir);
	return str_format("%.*s%s", (int)(slash - source), source, rest);
}

/* The file of a library and where it goes, both new; false when there is none. */
static bool find_in_runpath(const char *soname, const char *runpath, const char *source, char **file, char **goes_to)
{
	autofree char *dirs = mem_strdup(runpath);
	char *save = NULL;

	for (char *dir = strtok_r(dirs, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		autofree char *full = expand_origin(dir, source), *path = fs_join(full, soname);

		if (!fs_exists(path))
			continue;
		*goes_to = mem_strdup(path);
		*file = steal(path);
		return true;
	}
	return false;
}

static bool find_library(const char *soname, const char *runpath, const char *source, char **file, char **goes_to)
{
	if (strchr(soname, '/'))
		return false;
	if (runpath && find_in_runpath(soname, runpath, source, file, goes_to))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(search_dirs); i++) {
		autofree char *path = fs_join(search_dirs[i], soname);

		if (!fs_exists(path))
			continue;
		/* Without a cache the loader there looks only into its own directories. */
		*goes_to = fs_join(LIBRARY_DIR, soname);
		*file = steal(path);
		return true;
	}
	return false;
}

static int add_needs(struct rootfs *r, const char *source, struct err *err);

static int add_file(struct rootfs *r, const char *path, const char *source, unsigned int mode, struct err *err)
{
	if (rootfs_has(r, path))
		return 0;
	rootfs_file(r, path, mode, source);
	return add_needs(r, source, err);
}

/* Ends because a file that is there already is not looked at again. */
static int add_needs(struct rootfs *r, const char *source, struct err *err)
{
	autoclean(elf_needs_free) struct elf_needs needs = { 0 };

	if (read_needs(source, &needs, err) < 0)
		return -1;
	if (needs.interp && add_file(r, needs.interp, needs.interp, 0755, err) < 0)
		return -1;
	for (size_t i = 0; i < needs.needed.len; i++) {
		autofree char *file = NULL, *goes_to = NULL;

		/* The loader is found by its own path; it also appears as a library. */
		if (str_starts(needs.needed.items[i], "ld-linux"))
			continue;
		if (!find_library(needs.needed.items[i], needs.runpath, source, &file, &goes_to))
			return err_set(err, ERR_NOT_FOUND, "%s needs the library %s, which is not on this machine", source,
				       needs.needed.items[i]);
		if (add_file(r, goes_to, file, 0644, err) < 0)
			return -1;
	}
	return 0;
}

int closure_program(struct rootfs *r, const char *path, const char *source, struct err *err)
{
	return add_file(r, path, source, 0755, err);
}

int closure_library(struct rootfs *r, const char *soname, struct err *err)
{
	autofree char *file = NULL, *goes_to = NULL;

	if (!find_library(soname, NULL, NULL, &file, &goes_to))
		return 0;
	return add_file(r, goes_to, file, 0644, err) < 0 ? -1 : 1;
}
