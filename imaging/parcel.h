/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image as it goes from one store to another: its documents and packs as one list of files, and the way back into a store. */
#ifndef ORTHRUS_IMAGING_PARCEL_H
#define ORTHRUS_IMAGING_PARCEL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct verify_key;

/* A file of an image: "manifest.json", "packs/<sha256>.pack". */
struct parcel_file {
	char *name;
	char *path; /* where a sender has it; NULL at a receiver */
	uint64_t bytes;
	uint64_t at; /* where it begins among all of them, one after another */
};

/* The image in a store, held against deletion. Signature and chunk table are checked, packs are not looked into. */
struct parcel;
int parcel_open(struct store *s, const char *ref, const struct verify_key *key, struct parcel **out, struct err *err) WARN_UNUSED;
void parcel_close(struct parcel *p);		 /* NULL is fine */
const char *parcel_name(const struct parcel *p); /* "NAME/ID" */
const struct parcel_file *parcel_files(const struct parcel *p, size_t *n);

/* Is this file of a parcel in the store already, with every byte of it as its name says? Packs are; reads all of it. */
bool parcel_has(struct store *s, const struct parcel_file *f);

/* What came of a parcel. `read` gets `len` bytes from `at` on (see parcel_file); several threads. */
struct parcel_source {
	const struct parcel_file *files;
	size_t n;
	int (*read)(void *ctx, uint64_t at, void *data, size_t len, struct err *err);
	void *ctx;
	const struct verify_key *key;
};
/* Into the store: signature, documents, then each pack that the store lacks, each of its chunks against its id and the pack
 * against its name, as the signed table has them; the image gets its name last. *ref = "NAME/ID", the caller's. All or nothing:
 * after an error what no image uses is gone, or goes with the next writer. One that is there already, byte for byte, is fine.
 * ERR_DAMAGED, ERR_REFUSED: it is not what the key's owner signed. */
int parcel_adopt(struct store *s, const struct parcel_source *src, char **ref, struct err *err) WARN_UNUSED;

#endif
