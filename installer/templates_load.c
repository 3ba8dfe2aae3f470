/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "installer/hostpath.h"
#include "installer/templates.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".tmpl"
#define DEPTH_MAX 16

struct load {
	struct templates *out;
	struct str_list *problems;
	size_t bytes;
};

/* "etc/hosts.tmpl" below `group` (NULL: every node's). */
static void add_file(struct load *l, int dirfd, const char *name, const char *rel, const char *group)
{
	autofree char *shown = group ? str_format("templates.d/@%s/%s", group, rel) : str_format("templates.d/%s", rel);
	autofree char *path = NULL;
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };
	struct stat st = { 0 };
	autoclose int fd = -1;

	if (!str_ends(rel, SUFFIX)) {
		str_list_addf(l->problems, "%s: its name does not end in " SUFFIX, shown);
		return;
	}
	path = mem_strndup(rel, strlen(rel) - strlen(SUFFIX));
	fd = fs_open_regular_at(dirfd, name, shown, O_NOFOLLOW, &err);
	if (fd < 0 || hostpath_check(path, &err) < 0 || fs_read_fd(fd, shown, TEMPLATE_TEXT_MAX, &text, &err) < 0) {
		str_list_addf(l->problems, "%s%s%s", strstr(err.text, shown) ? "" : shown, strstr(err.text, shown) ? "" : ": ",
			      err.text);
		return;
	}
	l->bytes += text.len;
	if (fstat(fd, &st) < 0 || (st.st_uid != 0 && st.st_uid != geteuid()) || st.st_mode & 022)
		str_list_addf(l->problems, "%s: others than root may write it (chown root, chmod go-w)", shown);
	else if (l->out->len == TEMPLATES_MAX || l->bytes > TEMPLATES_BYTES_MAX)
		str_list_addf(l->problems, "%s: more than %d templates, or more than %zu bytes of them", shown, TEMPLATES_MAX,
			      TEMPLATES_BYTES_MAX);
	else if (memchr(buf_str(&text), '\0', text.len))
		str_list_addf(l->problems, "%s: it has a NUL byte", shown);
	else {
		l->out->items = mem_room(l->out->items, l->out->len, &l->out->cap, sizeof(*l->out->items));
		l->out->items[l->out->len++] = (struct site_template){ .group = group ? mem_strdup(group) : NULL,
								       .path = steal(path),
								       .mode = st.st_mode & 0100 ? 0755 : 0644,
								       .text = buf_steal(&text) };
	}
}

/* `rel` is "" for the top of all nodes' or of a group's templates. */
static int walk(struct load *l, int dirfd, const char *rel, const char *group, int depth, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	if (fs_list_fd(dirfd, "templates.d", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		const char *name = names.items[i];
		autofree char *below = *rel ? str_format("%s/%s", rel, name) : mem_strdup(name);
		bool is_group = !*rel && !group && name[0] == '@';
		autoclose int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
			add_file(l, dirfd, name, below, group);
			continue;
		}
		if (fd < 0)
			return err_errno(err, errno, "open templates.d/%s", below);
		if (depth == DEPTH_MAX)
			str_list_addf(l->problems, "templates.d/%s: deeper than %d directories", below, DEPTH_MAX);
		else if (walk(l, fd, is_group ? "" : below, is_group ? name + 1 : group, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

int templates_load(const char *dir, struct templates *out, struct str_list *problems, struct err *err)
{
	struct load l = { .out = out, .problems = problems };
	autoclose int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err why = { 0 };

	*out = (struct templates){ 0 };
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_errno(err, errno, "read the templates in %s", dir);
	if (walk(&l, fd, "", NULL, 0, &why) == 0)
		return 0;
	*err = why;
	templates_free(out);
	return err_wrap(err, "read the templates in %s", dir);
}
