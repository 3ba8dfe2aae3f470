/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an installation of a head found and changed, written down before and after each step so that it can go on after a kill,
 * and be taken back: JSON lines in /var/lib/orthrus-install. Two files have them: `before`, written once, says what was there;
 * `journal` grows. The contents of files that were there lie beside them in `originals`, named by their digest. */
#ifndef ORTHRUS_HEADINSTALL_JOURNAL_H
#define ORTHRUS_HEADINSTALL_JOURNAL_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum head_type { HEAD_ABSENT, HEAD_REGULAR, HEAD_DIRECTORY, HEAD_LINK, HEAD_OTHER };

/* What a path is. Of a file whose content was not read (it is long, or changes by itself), digest is "" and the time stands for
 * it. */
struct head_state {
	enum head_type type;
	uint32_t mode, uid, gid; /* of a link the mode says nothing */
	uint64_t size_bytes, mtime_s;
	bool kept;		     /* its content lies in `originals` */
	char digest[DIGEST_HEX_LEN]; /* of a regular file */
	char *target;		     /* of a link */
};
void head_state_clear(struct head_state *s);
void head_state_copy(struct head_state *to, const struct head_state *from);
/* Times count only where there is no digest. */
bool head_state_same(const struct head_state *a, const struct head_state *b);

struct head_path {
	char *path; /* absolute, below the root */
	bool has_was, has_now;
	bool own;     /* written by a step of ours, not by a program that we ran */
	bool foreign; /* somebody else changed it since: `now` is what it was then */
	bool touched; /* we changed it, at some time */
	struct head_state was, now;
	size_t order;
};
struct head_pkg {
	char *name, *version; /* version: the one that was there; NULL: none */
	bool was_there, was_auto;
	bool has_now, now_there, now_auto;
	bool foreign; /* of a line: somebody else did it. Settled, that is what was there */
	size_t order;
};
struct head_setting { /* a unit, a setting of the kernel, an interface: what it was */
	char *name, *value;
	size_t order;
};
#define HEAD_ARRAY_MD_LEN 35 /* of mdadm: 8:8:8:8 */
#define HEAD_ARRAY_FS_LEN 36
/* The array for images that was begun to be made of this machine's own disks. */
struct head_array {
	bool there;
	uint64_t level;
	char *fs, *seed, *md_uuid, *fs_uuid; /* seed: all other identifiers follow from it (raidsetup) */
	struct str_list disks;		     /* disk_id() */
};
struct head_event {
	char *step;
	bool done, seen; /* seen: it failed, and what it had changed by then is written down */
	size_t order;
};
/* All that was read. Each list is sorted by name or path, each name there once: what it was is what was said first, what it is
 * now, what was said last. */
struct head_journal {
	struct head_path *paths;
	size_t n_paths, cap_paths;
	struct head_pkg *packages;
	size_t n_packages, cap_packages;
	struct head_setting *units, *settings, *links;
	size_t n_units, cap_units, n_settings, cap_settings, n_links, cap_links;
	struct head_event *steps;
	size_t n_steps, cap_steps;
	struct head_array array;  /* what was said of it last */
	struct str_list accounts; /* "passwd:orthrus", "group:orthrus": made by the installation */
	struct str_list others;	  /* such that somebody else has made since */
	struct str_list kept;	  /* what an uninstallation named as kept, each once, and what nothing shows any more */
	bool complete;		  /* `before` was written to its end */
};
void head_journal_free(struct head_journal *j);

/* Add the lines of one file to `j`; *good is the length of what may stay (a torn last line is passed over). A bad line elsewhere:
 * ERR_DAMAGED with its number. Pure. */
int head_journal_read(const char *text, size_t len, struct head_journal *j, size_t *good, struct err *err) WARN_UNUSED;
/* After the last head_journal_read(): sorts, and joins what is said of one name. */
void head_journal_settle(struct head_journal *j);

/* NULL: nothing is said of it. Of a settled journal. */
const struct head_path *head_journal_path(const struct head_journal *j, const char *path);
const struct head_pkg *head_journal_package(const struct head_journal *j, const char *name);
const char *head_journal_unit(const struct head_journal *j, const char *name);
const char *head_journal_setting(const struct head_journal *j, const char *name);
bool head_journal_done(const struct head_journal *j, const char *step);

/* Lines, each with its end. */
void head_line_path(struct buf *out, const struct head_path *p);
void head_line_package(struct buf *out, const struct head_pkg *p);
void head_line_unit(struct buf *out, const char *name, const char *was);
void head_line_setting(struct buf *out, const char *name, const char *was);
void head_line_link(struct buf *out, const char *interface, const char *was);
void head_line_array(struct buf *out, const struct head_array *a);
void head_line_account(struct buf *out, const char *account, bool foreign);
void head_line_kept(struct buf *out, const char *what);
void head_line_step(struct buf *out, const struct head_event *e, const char *at); /* at may be NULL */
void head_line_complete(struct buf *out);

#endif
