/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store's layout on disk, for the files of this domain only. */
#ifndef ORTHRUS_IMAGING_STORE_PRIV_H
#define ORTHRUS_IMAGING_STORE_PRIV_H

#include "base/buf.h"
#include "base/err.h"
#include "imaging/chunk_table.h"
#include "imaging/manifest.h"
#include "imaging/restore.h"
#include "imaging/store.h"

#include <stdbool.h>
#include <stdint.h>

struct store {
	char *path;
	char *packs, *images, *sequence; /* directories below it */
};

#define STORE_MODE 0750 /* of the store's directory; below it modes say nothing */
#define STORE_DOC_MAX ((size_t)1 << 30)
#define STORE_MANIFEST_MAX ((size_t)1 << 20)
#define STORE_UNFINISHED ".new"	 /* an image being written: images/NAME/.new */
#define STORE_DELETED ".deleted" /* one being removed: images/NAME/.deleted-ID */

/* Held by whoever writes or deletes; ERR_CONFLICT when another does. Returns the fd to close, or -1. */
int store_try_lock(const struct store *s, struct err *err) WARN_UNUSED;
/* The same, but waits for a deletion that is under way: it ends soon, and what comes to be stored took long to make. */
int store_lock(const struct store *s, struct err *err) WARN_UNUSED;
/* Remove what killed writers left behind; deletions that were cut off are finished. Only with the lock held. */
int store_clean(const struct store *s, struct err *err) WARN_UNUSED;
/* delete.c: is there an image that was taken out, but not swept? */
bool store_has_taken_out(const struct store *s);
/* delete.c: of these packs, remove those that no image uses: all that a build stored that did not come to its end. Only with the
 * lock held. */
int store_drop_packs(const struct store *s, const struct digest *packs, size_t n, struct err *err) WARN_UNUSED;
/* delete.c: remove packs that no image uses, then what was taken out; nothing if nothing was. Only with the lock held. */
int store_sweep_taken_out(const struct store *s, struct store_freed *freed, struct err *err) WARN_UNUSED;
/* store_access.c: for nobody but root and orthrusd. One that an older version made for all is mended, where we may. */
void store_close_to_others(const struct store *s);
char *store_image_dir(const struct store *s, const char *name, const char *id);

/* store_scan.c: what lies in images/ or images/NAME/ and is no image: a file, a symbolic link, a name that no image has. */
struct store_strangers {
	struct str_list paths;
	char *link; /* the first that is a symbolic link, or NULL: behind it may be an image, whose packs must not be removed */
};
void store_strangers_free(struct store_strangers *x);
void store_warn_strangers(const struct store_strangers *x);
/* The names in images/, sorted: real directories only. `strangers` may be NULL, here and below. */
int store_names(const struct store *s, struct str_list *out, struct store_strangers *strangers, struct err *err) WARN_UNUSED;
/* The images' names and ids, sorted, whatever state they are in: "NAME/ID". */
int store_refs(const struct store *s, struct str_list *out, struct store_strangers *strangers, struct err *err) WARN_UNUSED;
/* What an ingest or a deletion that did not come to its end left: "NAME/.new". */
int store_leftovers(const struct store *s, struct str_list *out, struct err *err) WARN_UNUSED;
/* The ids of one name; a writer may remove the last of it meanwhile: then none. */
int store_ids(const struct store *s, const char *name, struct str_list *out, struct err *err) WARN_UNUSED;
/* Is images/NAME/ID a directory, reached without a symbolic link below images/? */
int store_is_image(const struct store *s, const char *name, const char *id, bool *is, struct err *err) WARN_UNUSED;

/* sequence.c: the number the next image of `name` gets: one more than any had, deleted ones too. Durable before it returns. */
int store_next_sequence(const struct store *s, const char *name, uint64_t *out, struct err *err) WARN_UNUSED;
/* An image with this number came from another store: later ones get higher numbers. */
int store_note_sequence(const struct store *s, const char *name, uint64_t number, struct err *err) WARN_UNUSED;
/* Of a file in sequence/: is it what a writer that was killed was writing? */
bool store_is_unfinished_counter(const char *file);
/* Would store_next_sequence() know the number? */
int store_check_counter(const struct store *s, const char *name, struct err *err) WARN_UNUSED;
/* Adds the files of the counter that are damaged, missing or below `least`. The next build writes them anew, unless
 * store_check_counter() fails. */
void store_check_sequence(const struct store *s, const char *name, uint64_t least, struct str_list *bad);

/* An image's manifest and chunk table by its digests alone, no signature: enough to know which packs are used, not to trust
 * content. */
int store_read_table(const char *dir, struct manifest *m, struct chunk_table *table, struct err *err) WARN_UNUSED;

/* An image that is read: what it is made of, as it is in its directory. As long as this is held, it can't be deleted. */
struct image_files {
	struct buf manifest, sig, tree, chunks;
	char *id; /* by which it was asked for: the name of its directory */
	bool locked;
	int dir_fd; /* while `locked`: has the shared lock on the image's directory */
};
void image_files_free(struct image_files *f);
/* Lock and read. ERR_NOT_FOUND says that it was deleted since store_find() found it. Whoever goes on to read chunks holds `out`
 * until it is done with them. */
int image_files_read(const char *dir, struct image_files *out, struct err *err) WARN_UNUSED;
/* The same without the lock: for who can do without the image when it is deleted. */
int image_files_peek(const char *dir, struct image_files *out, struct err *err) WARN_UNUSED;
/* The documents are not needed any more, but the image is. */
void image_files_drop_documents(struct image_files *f);
/* For a deletion: nobody reads the image in `dir`, and who wants to waits until image_unlock(). ERR_CONFLICT at once where
 * somebody does. Where the file system has no locks nobody is seen. */
int image_lock_alone(const char *dir, int *fd, struct err *err) WARN_UNUSED;
void image_unlock(const int *fd); /* -1 is fine */
/* Point the documents of `src` at `f`, which must outlive it. */
void restore_source_of(const struct image_files *f, struct restore_source *src);

#endif
