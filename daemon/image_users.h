/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who needs an image, and why: what must be known before it may be deleted. */
#ifndef ORTHRUS_DAEMON_IMAGE_USERS_H
#define ORTHRUS_DAEMON_IMAGE_USERS_H

#include "daemon/daemon.h"
#include "daemon/roster.h"

#include <stddef.h>

enum image_use { IMAGE_ORDERED, IMAGE_INSTALLING, IMAGE_SET, IMAGE_RUNS, IMAGE_PRIOR, IMAGE_DISKLESS, IMAGE_USES };

struct image_users {
	struct image_user {
		char *node;
		enum image_use why;
	} * items; /* one node may have several reasons */
	size_t len, cap;
};
void image_users_free(struct image_users *l);
/* Of exactly the image "NAME/ID". */
int image_users_find(struct daemon *d, const struct roster *roster, const char *ref, struct image_users *out,
		     struct err *err) WARN_UNUSED;
const char *image_use_text(enum image_use why); /* "runs it" */
/* 0 when nobody does, else ERR_REFUSED with every node and why. */
int image_users_none(const struct image_users *l, const char *ref, struct err *err) WARN_UNUSED;

/* Who installs `image` by its name alone, as a sentence: "group compute and nodes n[01-02] install compute"; NULL: nobody. Pure;
 * caller frees. */
char *image_installers(const struct site *site, const struct roster *roster, const char *image);

#endif
