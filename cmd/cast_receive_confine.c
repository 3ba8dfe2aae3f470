/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A receiver of a file has no business with anything of this machine but that file's directory and the network. */
#include "base/mem.h"
#include "cmd/cast_receive.h"
#include "sys/confine.h"
#include "sys/log.h"

#include <string.h>

#ifdef __SANITIZE_ADDRESS__
#define CAN_BE_CONFINED false /* at its end it looks for leaks by a process of its own */
#else
#define CAN_BE_CONFINED true
#endif

/* What is read once it is under way: who this machine is, and what the C library asks for addresses. */
static const char *const reads[] = { "/etc/machine-id", "/etc/hosts",	      "/etc/resolv.conf", "/etc/host.conf",
				     "/etc/gai.conf",	"/etc/nsswitch.conf", "/usr/lib/ssl",	  "/etc/ssl" };

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? mem_strdup("/") : slash ? mem_strndup(path, (size_t)(slash - path)) : mem_strdup(".");
}

int cast_receive_confine(const struct cast_receive *r, struct err *err)
{
	autofree char *dir = directory_of(r->path);
	struct err why = { 0 };
	bool files;

	if (!CAN_BE_CONFINED)
		return 0;
	if (confine_to_writing(dir, reads, ARRAY_LEN(reads), &files, err) < 0)
		return -1;
	if (!files)
		log_debug("cast", "this kernel has no Landlock: all files stay within reach");
	/* Inside a container, perhaps: then it goes on as every other program does. */
	if (confine_fetching_calls(&why) < 0)
		log_debug("cast", "%s", why.text);
	return 0;
}
