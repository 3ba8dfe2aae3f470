/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/hostfiles.h"

#include "base/mem.h"
#include "installer/installer.h"
#include "installer/target.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int hostfiles_probe(int target_fd, struct hostfiles_facts *out, struct err *err)
{
	*out = (struct hostfiles_facts){ 0 };
	if (target_exists(target_fd, "usr/sbin/chronyd", &out->chrony, err) < 0 ||
	    target_exists(target_fd, "usr/lib/systemd/systemd-resolved", &out->resolved, err) < 0)
		return -1;
	return 0;
}

static int apply_one(int target_fd, const struct hostfile *f, struct err *err)
{
	switch (f->kind) {
	case HOSTFILE_TEXT:
		return target_write(target_fd, f->path, f->mode, f->content, strlen(f->content), err);
	case HOSTFILE_LINK:
		return target_link(target_fd, f->path, f->content, err);
	case HOSTFILE_DIR:
		return target_make_dir(target_fd, f->path, f->mode, err);
	case HOSTFILE_GONE:
		break;
	}
	return target_remove(target_fd, f->path, err);
}

int hostfiles_apply(int target_fd, const struct hostfiles *files, struct err *err)
{
	for (size_t i = 0; i < files->len; i++)
		if (apply_one(target_fd, &files->items[i], err) < 0)
			return -1;
	if (syncfs(target_fd) < 0)
		return err_errno(err, errno, "write the node's files to disk");
	return 0;
}

int hostfiles_of(const struct install_target *t, struct hostfiles *out, struct err *err)
{
	struct hostfiles_input in = {
		.order = t->order, .result = t->result, .ca_crt = t->ca_crt, .identity = t->identity, .diskless = t->diskless
	};

	return hostfiles_probe(t->fd, &in.facts, err) < 0 ? -1 : hostfiles_render(&in, out, err);
}

int install_hostfiles(const struct install_target *t, struct err *err)
{
	autoclean(hostfiles_free) struct hostfiles files = { 0 };

	return hostfiles_of(t, &files, err) < 0 ? -1 : hostfiles_apply(t->fd, &files, err);
}
