/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunks hold what the files of images hold, etc/shadow too, whatever the modes of these files: the store is for root, and for
 * the orthrusd that sends it to nodes. */
#include "base/mem.h"
#include "imaging/store_priv.h"
#include "sys/log.h"
#include "sys/privilege.h"

#include <grp.h>
#include <sys/stat.h>

/* 0: there is no such group, as where nothing was installed from packages; then root reads alone. */
static gid_t group_of_daemon(void)
{
	struct group group, *found = NULL;
	char text[4096];

	return getgrnam_r(PRIVILEGE_DAEMON, &group, text, sizeof(text), &found) == 0 && found ? group.gr_gid : 0;
}

static bool is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

void store_close_to_others(const struct store *s)
{
	const char *const dirs[] = { s->path, s->packs, s->images, s->sequence };
	gid_t gid = group_of_daemon();

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		struct err err = { 0 };

		/* What lies in the store is closed with it, what lies elsewhere is not. On a read-only file system it stays. */
		if ((i == 0 || is_link(dirs[i])) && privilege_close_dir(dirs[i], STORE_MODE, gid, &err) < 0)
			log_warn("imaging", "other users of this machine may read what is in images: %s", err.text);
	}
}
