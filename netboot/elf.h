/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a program for x86-64 needs to be started, read from its ELF headers (System V ABI, chapters 4 and 5). Pure: nothing is
 * run. */
#ifndef ORTHRUS_NETBOOT_ELF_H
#define ORTHRUS_NETBOOT_ELF_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>

struct elf_needs {
	char *interp;		/* "/lib64/ld-linux-x86-64.so.2"; NULL: a static program or a library */
	char *runpath;		/* DT_RUNPATH or DT_RPATH, or NULL */
	struct str_list needed; /* DT_NEEDED: "libc.so.6" */
};
/* ERR_INVALID: not an ELF file of this machine; ERR_DAMAGED: it is one, but its tables lead outside of it. */
int elf_needs_read(const void *data, size_t len, struct elf_needs *out, struct err *err) WARN_UNUSED;
void elf_needs_free(struct elf_needs *n);

#endif
