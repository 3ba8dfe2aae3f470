/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/installer.h"

#include "base/mem.h"
#include "installer/hostfiles.h"
#include "installer/target.h"
#include "sys/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_text(int target_fd, const struct hostfile *f, struct err *err)
{
	autoclean(buf_free) struct buf have = { 0 };
	autoclose int fd = fs_open_beneath(target_fd, f->path, O_RDONLY | O_NOFOLLOW, 0, 0, err);
	struct stat st;

	if (fd < 0 || fs_read_fd(fd, f->path, strlen(f->content) + 1, &have, err) < 0)
		return -1;
	if (!str_eq(buf_str(&have), f->content))
		return err_set(err, ERR_DAMAGED, "/%s is not what was written", f->path);
	if (fstat(fd, &st) < 0 || (st.st_mode & 07777) != f->mode || st.st_uid != 0)
		return err_set(err, ERR_DAMAGED, "/%s has another owner or mode than it was given", f->path);
	return 0;
}

static int check_one(int target_fd, const struct hostfile *f, struct err *err)
{
	bool there = false;

	switch (f->kind) {
	case HOSTFILE_TEXT:
		return check_text(target_fd, f, err);
	case HOSTFILE_LINK:
	case HOSTFILE_DIR:
		if (target_exists(target_fd, f->path, &there, err) < 0)
			return -1;
		return there ? 0 : err_set(err, ERR_DAMAGED, "/%s is missing", f->path);
	case HOSTFILE_GONE:
		break;
	}
	if (target_exists(target_fd, f->path, &there, err) < 0)
		return -1;
	return there ? err_set(err, ERR_DAMAGED, "/%s is still there", f->path) : 0;
}

/* Is there a file of more than a few bytes below `dir` whose name begins with `prefix`? */
static int check_boot_file(int target_fd, const char *prefix, struct err *err)
{
	autoclose int fd = fs_open_beneath(target_fd, "boot", O_RDONLY | O_DIRECTORY, 0, 0, err);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool found = false;

	if (fd < 0)
		return -1;
	if (!dir)
		return err_set(err, ERR_FAILED, "list /boot");
	(void)steal_fd(fd); /* closedir closes it */
	for (const struct dirent *e; !found && (e = readdir(dir));) {
		struct stat st;

		found = str_starts(e->d_name, prefix) && fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode) && st.st_size > 0;
	}
	closedir(dir);
	if (found)
		return 0;
	err_set(err, ERR_FAILED, "the image has no /boot/%s*", prefix);
	return err_hint(err, "build the image again: it needs the package linux-image-amd64");
}

int install_verify(const struct install_target *t, struct err *err)
{
	static const char *const needed[] = { "sbin/init", "etc/passwd", "usr/sbin/grub-mkconfig" };
	autoclean(hostfiles_free) struct hostfiles files = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		bool there = false;

		if (target_exists(t->fd, needed[i], &there, err) < 0)
			return -1;
		if (!there)
			return err_set(err, ERR_FAILED, "the image has no /%s", needed[i]);
	}
	if (check_boot_file(t->fd, "vmlinuz-", err) < 0 || check_boot_file(t->fd, "initrd.img-", err) < 0)
		return -1;
	if (hostfiles_of(t, &files, err) < 0)
		return -1;
	for (size_t i = 0; i < files.len; i++)
		if (check_one(t->fd, &files.items[i], err) < 0)
			return -1;
	return 0;
}
