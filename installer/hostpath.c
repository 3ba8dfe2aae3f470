/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/hostpath.h"

#include "base/str.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

/* fnmatch(3) patterns, where '*' matches '/' too. */
static const struct owned {
	const char *pattern, *why;
} owned[] = {
	{ "dev/*", "the kernel's" },
	{ "proc/*", "the kernel's" },
	{ "run/*", "gone at the next boot" },
	{ "sys/*", "the kernel's" },
	{ "boot/*", "the boot loader's" },
	{ "tmp/*", "gone at the next boot" },
	{ "etc/passwd*", "the image's accounts" },
	{ "etc/group*", "the image's accounts" },
	{ "etc/shadow*", "the image's accounts" },
	{ "etc/gshadow*", "the image's accounts" },
	{ "etc/subuid*", "the image's accounts" },
	{ "etc/subgid*", "the image's accounts" },
	{ "etc/hostname", "the node's identity" },
	{ "etc/machine-id", "the node's identity" },
	{ "etc/orthrus/*", "Orthrus' own" },
	{ "usr/lib/orthrus/*", "Orthrus' own" },
	{ "lib/orthrus/*", "Orthrus' own" },
	{ "var/lib/orthrus/*", "Orthrus' own" },
	{ "etc/systemd/system/orthrus-*", "Orthrus' own" },
	{ "etc/ssh/ssh_host_*", "the node's identity" },
	{ "etc/ssh/orthrus*", "Orthrus' own" },
	{ "etc/ssh/sshd_config.d/orthrus*", "Orthrus' own" },
	{ "etc/ssh/ssh_config.d/orthrus*", "Orthrus' own" },
};

static int check_form(const char *path, struct err *err)
{
	size_t part = 0;

	if (!path[0] || path[0] == '/')
		return err_set(err, ERR_INVALID, "'%.64s' is not relative to the node's root (as in etc/hosts)", path);
	if (strlen(path) > HOSTPATH_MAX)
		return err_set(err, ERR_INVALID, "'%.64s...' is longer than %d bytes", path, HOSTPATH_MAX);
	for (const char *c = path;; c++) {
		if (*c == '/' || !*c) {
			if (!part || (part == 1 && c[-1] == '.') || (part == 2 && c[-1] == '.' && c[-2] == '.'))
				return err_set(err, ERR_INVALID, "'%.64s' has an empty part, or one that is '.' or '..'", path);
			part = 0;
			if (!*c)
				return 0;
			continue;
		}
		if (!isalnum((unsigned char)*c) && !strchr("._-+@", *c))
			return err_set(err, ERR_INVALID,
				       "'%.64s' has a byte (0x%02x) that is none of letters, digits and . _ - + @", path,
				       (unsigned char)*c);
		part++;
	}
}

int hostpath_check(const char *path, struct err *err)
{
	if (check_form(path, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		if (fnmatch(owned[i].pattern, path, 0) == 0)
			return err_set(err, ERR_REFUSED, "/%s is not for a site to write: it is %s", path, owned[i].why);
	return 0;
}
