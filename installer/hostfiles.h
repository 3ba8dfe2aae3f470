/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What makes a restored image this one node: its names, file systems, network, time, access and first-boot report. */
#ifndef ORTHRUS_INSTALLER_HOSTFILES_H
#define ORTHRUS_INSTALLER_HOSTFILES_H

#include "base/err.h"
#include "installer/installer.h"
#include "raidsetup/raidsetup.h"

#include <stdbool.h>
#include <stddef.h>

enum hostfile_kind {
	HOSTFILE_TEXT, /* a regular file; one that is there is replaced */
	HOSTFILE_LINK, /* a symbolic link; `content` is its target */
	HOSTFILE_DIR,  /* made, or given this mode */
	HOSTFILE_GONE, /* removed if it is there (a file or link, never a directory) */
};
struct hostfile {
	enum hostfile_kind kind;
	char *path;	   /* "etc/hostname": relative to the node's root */
	unsigned int mode; /* of TEXT and DIR; the owner is root */
	char *content;
};
/* In the order to be applied. */
struct hostfiles {
	struct hostfile *items;
	size_t len, cap;
};
/* Wipes what is not for everybody. */
void hostfiles_free(struct hostfiles *f);

/* Which of several programs for one purpose the image holds. */
struct hostfiles_facts {
	bool chrony, resolved;
};

struct hostfiles_input {
	const struct order *order;
	const struct raid_result *result;
	struct hostfiles_facts facts;
	const char *ca_crt; /* PEM text: whom the node trusts as head */
	const struct install_identity *identity;
	bool diskless; /* as install_target's: `result` is empty */
};

/* Pure. ERR_INVALID when the result has no file system for "/". */
int hostfiles_render(const struct hostfiles_input *in, struct hostfiles *out, struct err *err) WARN_UNUSED;
/* The text of etc/mdadm/mdadm.conf; it also goes into the initial RAM disk. */
void hostfiles_mdadm_conf(const struct raid_result *result, struct buf *out);
/* The UUID of the file system mounted at `mount`, NULL when there is none. */
const char *hostfiles_uuid(const struct raid_result *result, const char *mount);

/* Look at the restored tree. */
int hostfiles_probe(int target_fd, struct hostfiles_facts *out, struct err *err) WARN_UNUSED;
/* Put them below target_fd, never outside of it; each file appears whole or not at all. */
int hostfiles_apply(int target_fd, const struct hostfiles *files, struct err *err) WARN_UNUSED;

/* Probe and render for `t`. */
int hostfiles_of(const struct install_target *t, struct hostfiles *out, struct err *err) WARN_UNUSED;

/* For hostfiles*.c: append one; takes `content`. */
void hostfiles_add(struct hostfiles *f, enum hostfile_kind kind, const char *path, unsigned int mode, char *content);
/* For hostfiles.c: its networks (hostfiles_network.c), what reports the first boot (hostfiles_report.c), by what it is known and
 * how that is renewed (hostfiles_identity.c), and how the node boots (hostfiles_boot.c). */
void hostfiles_add_network(const struct hostfiles_input *in, struct hostfiles *out);
void hostfiles_add_identity(const struct hostfiles_input *in, struct hostfiles *out);
void hostfiles_add_report(const struct hostfiles_input *in, struct hostfiles *out);
void hostfiles_add_boot(const struct hostfiles_input *in, struct hostfiles *out);
/* What fetches secrets and the ssh certificate, at each boot and every few minutes (hostfiles_sync.c). */
void hostfiles_add_sync(struct hostfiles *out);
/* After all others: what the site gives, in place of whatever we have at these paths (hostfiles_site.c). */
void hostfiles_add_site(const struct hostfiles_input *in, struct hostfiles *out);

#endif
