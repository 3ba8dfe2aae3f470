/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images as nodes without disks run them: one squashfs file each, below /srv/orthrus/diskless, made from the store once. What a
 * node trusts is the head, by mutual TLS, which gives it the file's digest; the head trusts the image's signature. */
#ifndef ORTHRUS_DAEMON_DISKLESS_H
#define ORTHRUS_DAEMON_DISKLESS_H

#include "base/digest.h"
#include "daemon/daemon.h"

struct diskless_image {
	char digest[DIGEST_HEX_LEN]; /* SHA-256, hex */
	uint64_t bytes;
};
/* The newest image of that name, or NAME/ID itself, as NAME/ID; NULL: the store has none. Caller frees. */
char *diskless_ref(struct daemon *d, const char *image);
/* `ref` is NAME/ID. 1: it is there; 0: it has not been made. */
int diskless_find(struct daemon *d, const char *ref, struct diskless_image *out, struct err *err) WARN_UNUSED;
/* The file, opened to be read. ERR_NOT_FOUND: it has not been made. */
int diskless_open(struct daemon *d, const char *name, const char *id, int *fd, struct err *err) WARN_UNUSED;
/* Make it, when it is not there; takes a minute or so. By one thread at a time. */
int diskless_make(struct daemon *d, const char *ref, const char *sign_pub, struct err *err) WARN_UNUSED;
/* Remove those whose image the store does not have any more. While none is made. */
struct store;
int diskless_collect(struct daemon *d, struct store *store, struct err *err) WARN_UNUSED;

#endif
