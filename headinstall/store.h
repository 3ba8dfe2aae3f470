/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The head's images on an array of its own spare disks: which disks, after whose word, and the disk plan that makes it. */
#ifndef ORTHRUS_HEADINSTALL_STORE_H
#define ORTHRUS_HEADINSTALL_STORE_H

#include "base/err.h"
#include "base/plan.h"
#include "base/str.h"
#include "headinstall/journal.h"
#include "raidsetup/raidsetup.h"

#include <stdbool.h>
#include <stdint.h>

struct head_store {
	unsigned int level; /* 1, 5, 6 or 10 */
	char *fs;	    /* "xfs" or "ext4" */
	struct str_list disks;
	struct str_list wipe; /* of these, what they hold may be lost: the word is given for each disk by its number */
	bool begun;	      /* the journal has it: what is half made may go */
	bool made;	      /* all but the mount is done */
	uint8_t seed[RAID_SEED_LEN];
	struct plan raid; /* of raid_plan(); empty when it is made */
	struct raid_result result;
};
void head_store_free(struct head_store *s);

/* What an earlier run began, of a settled journal; its raid plan is not made. False: none. */
bool head_store_resumed(const struct head_journal *j, struct head_store *out);
/* As the journal has it. Caller clears with head_array_free(). */
void head_store_array(const struct head_store *s, struct head_array *out);
void head_array_free(struct head_array *a);
/* Is it what was begun? ERR_REFUSED when an earlier run began, or made, another one. */
int head_store_same(const struct head_store *asked, const struct head_store *begun, struct err *err) WARN_UNUSED;

/* Pure. Fills raid and result from the disks that this machine has. ERR_REFUSED: a disk is not there, is there twice, is used,
 * does not fit, or holds something and the word for it was not given; ERR_USAGE: the wish itself is none. */
int head_store_plan(struct head_store *s, const struct disks *all, struct err *err) WARN_UNUSED;
/* "RAID 1 of serial A and serial B, xfs". Caller frees. */
char *head_store_text(const struct head_store *s);

#endif
