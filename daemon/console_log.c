/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/console_log.h"

#include "base/mem.h"
#include "daemon/console.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct console_log {
	char *path;
	int fd; /* -1: it cannot be written */
	size_t len;
};

/* Beside the state: /var/lib/orthrus/console. The node's name was checked: it is a host name. */
static char *path_of(struct daemon *d, const char *node)
{
	const char *slash = strrchr(d->paths.state_dir, '/');

	return str_format("%.*s/console/%s.log", slash ? (int)(slash - d->paths.state_dir) : 0, d->paths.state_dir, node);
}

static void give_up(struct console_log *log, const struct err *err)
{
	log_err("console", "what a node prints is not kept", err);
	if (log->fd >= 0)
		close(steal_fd(log->fd));
}

static void open_file(struct console_log *log)
{
	struct err err = { 0 };
	struct stat st;

	log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (log->fd < 0 || fstat(log->fd, &st) < 0) {
		err_errno(&err, errno, "open %s", log->path);
		give_up(log, &err);
		return;
	}
	log->len = (size_t)st.st_size;
}

struct console_log *console_log_open(struct daemon *d, const char *node)
{
	struct console_log *log = mem_zalloc(sizeof(*log));
	autofree char *dir = NULL;
	struct err err = { 0 };

	log->fd = -1;
	log->path = path_of(d, node);
	dir = mem_strndup(log->path, (size_t)(strrchr(log->path, '/') - log->path));
	if (fs_mkdirs(dir, 0700, &err) < 0)
		give_up(log, &err);
	else
		open_file(log);
	return log;
}

void console_log_add(struct console_log *log, const void *data, size_t len)
{
	struct err err = { 0 };

	if (log->fd < 0 || !len)
		return;
	if (log->len + len > CONSOLE_LOG_MAX) {
		autofree char *old = str_format("%s.1", log->path);

		if (rename(log->path, old) < 0) {
			err_errno(&err, errno, "rename %s", log->path);
			give_up(log, &err);
			return;
		}
		close(steal_fd(log->fd));
		open_file(log);
		if (log->fd < 0)
			return;
	}
	if (fs_write_all(log->fd, log->path, data, len, &err) < 0)
		give_up(log, &err);
	else
		log->len += len;
}

void console_log_close(struct console_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	free(log);
}

int console_log(struct daemon *d, const char *node, struct buf *out, struct err *err)
{
	autofree char *path = path_of(d, node);
	autofree char *old = str_format("%s.1", path);

	if (fs_exists(old) && fs_read_nofollow(old, 2 * CONSOLE_LOG_MAX, out, err) < 0)
		return -1;
	return fs_exists(path) ? fs_read_nofollow(path, 2 * CONSOLE_LOG_MAX, out, err) : 0;
}
