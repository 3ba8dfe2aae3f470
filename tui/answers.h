/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was answered on the pages of the wizard, and what follows where nothing was: defaults for this machine, a whole site.json,
 * and the command lines that say the same. Pure. */
#ifndef ORTHRUS_TUI_ANSWERS_H
#define ORTHRUS_TUI_ANSWERS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct facts;

/* In the order of the pages: what comes later follows from what was answered before. Values are texts, as they are typed. */
enum answer {
	ANSWER_CLUSTER,
	ANSWER_DOMAIN,
	ANSWER_TIME_ZONE,
	ANSWER_TIME_SERVERS, /* with spaces between them; "": the head */
	ANSWER_INTERFACE,    /* "": not chosen */
	ANSWER_SUBNET,	     /* IPv4, or "off" */
	ANSWER_IPV6,	     /* "own", "off", or a prefix */
	ANSWER_HEAD_ADDRESS, /* of either family */
	ANSWER_GATEWAY,	     /* "": none */
	ANSWER_DISCOVER,     /* "yes", "no": machines that are not known report what they are */
	ANSWER_POOL,	     /* "FIRST-LAST", or "off" */
	ANSWER_HEAD_NAME,
	ANSWER_SERVICE_ADDRESS, /* "": none */
	ANSWER_STORE_RAID,	/* "none", or a level: a RAID for /srv/orthrus of this machine's spare disks */
	ANSWER_STORE_DISKS,	/* ids of disks (raidsetup's disk_id) with commas between them */
	ANSWER_SUITE,
	ANSWER_SETS,	 /* keys of image_sets with commas between them */
	ANSWER_PACKAGES, /* with spaces between them */
	ANSWER_SERIAL,	 /* "ttyS0,115200", or "off" */
	ANSWER_RAID,	 /* "none", "0", "1", "5", "6", "10" */
	ANSWER_DISKS,
	ANSWER_FILE_SYSTEM,
	ANSWER_FIRMWARE,
	ANSWER_NAMES,	   /* a rule of base/naming.h: "n[001-064]" */
	ANSWER_ADMIN_KEYS, /* of facts.ssh_keys: "TYPE DATA" with commas between them */
	ANSWER_ADMIN_KEY,  /* one more, or "" */
	ANSWER_TRUST_MAC,  /* "yes", "no" */
	ANSWER_END
};

/* `autoclean(answers_free) struct answers a = { 0 };` */
struct answers {
	char *given[ANSWER_END]; /* NULL: not answered, or the default was taken, which follows when what it is made of changes */
};
void answers_free(struct answers *a);

/* "cluster", "head_address": the key of the field, and in the saved answers. */
const char *answer_key(enum answer k);
/* ANSWER_END: there is none of that key. */
enum answer answer_of(const char *key);

/* What was answered, else what follows from this machine and from the other answers. Caller frees. */
char *answers_get(const struct answers *a, const struct facts *f, enum answer k) __attribute__((returns_nonnull));
char *answers_default(const struct answers *a, const struct facts *f, enum answer k) __attribute__((returns_nonnull));
bool answers_is(const struct answers *a, const struct facts *f, enum answer k, const char *value);
/* `value` is right: pages_*.c saw to it. */
void answers_put(struct answers *a, const struct facts *f, enum answer k, const char *value);
/* Defaults become answers: before anything is done, so that it stays what was shown. */
void answers_settle(struct answers *a, const struct facts *f);

/* One JSON object at `key` (NULL: at the top), and back; on failure `out` is empty. A key that is none is refused. */
void answers_print(const struct answers *a, struct json_out *w, const char *key);
int answers_read(struct json_obj *o, struct answers *out, struct err *err) WARN_UNUSED;

/* The whole site.json, checked. What is wrong is said with its path in the file. */
int answers_site(const struct answers *a, const struct facts *f, struct buf *out, struct err *err) WARN_UNUSED;
/* What a site.json (`text`, in errors: `source`) that is there already says, as answers; names of nodes and the store's disks are
 * none of it. `site` is its text in the usual form. ERR_REFUSED: it says what the pages can't, so that a site that was made of
 * them would lose it. On failure `out` is empty. */
int answers_installed(const char *text, size_t len, const char *source, const struct facts *f, struct answers *out,
		      struct buf *site, struct err *err) WARN_UNUSED;
/* The words of the `orthrus site init` that writes the same file, with what was answered up to and with `last`. */
void answers_init_words(const struct answers *a, const struct facts *f, enum answer last, struct str_list *out);
/* The same as one line for a shell, quoted where it must be. Caller frees. */
char *answers_init_line(const struct answers *a, const struct facts *f, enum answer last) __attribute__((returns_nonnull));
/* What `orthrus head install` is to be told beside site.json: that it makes the images, and --store-raid, --store-disk, and
 * --store-wipe for disks that hold something, where there is to be an array. */
void answers_install_words(const struct answers *a, const struct facts *f, struct str_list *out);
/* Words as one line for a shell. Caller frees. */
char *answers_line(const struct str_list *words) __attribute__((returns_nonnull));

/* The words of a list with `separators` between them, appended; empty ones are left out. */
void answers_split(const char *list, const char *separators, struct str_list *out);
/* The key alone of a line of authorized_keys, "TYPE DATA", without its comment. Caller frees. */
char *answers_key_of(const char *line) __attribute__((returns_nonnull));
/* The least disks of a level of ANSWER_RAID ("none": 1), and how many of `disks` may fail; 0 for a word that is no level. */
unsigned int answers_level_least(const char *level);
unsigned int answers_level_loses(const char *level, unsigned int disks);

/* What images may have beside what every node needs, by one mark: packages that belong together. */
struct image_set {
	const char *key, *label, *packages; /* with spaces between them */
	unsigned int mib;		    /* on the node, with what they need, bookworm; measured 2026-11 */
};
extern const struct image_set image_sets[];
extern const size_t n_image_sets;
#define IMAGE_BASE_MIB 750 /* what every node needs; see image_sets.c */

#endif
