/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernels and initramfs of the imager, one per image: made by a worker thread when a node needs one, remembered in the state. */
#ifndef ORTHRUS_DAEMON_PAYLOADS_H
#define ORTHRUS_DAEMON_PAYLOADS_H

#include "daemon/daemon.h"
#include "sys/keys.h"

struct payloads;
/* `built` is called on the worker's thread when one more is there, or can't be made. `pki` are the trust anchors to put in: set
 * by payloads_anchors. */
int payloads_new(struct daemon *d, void (*built)(void *ctx), void *ctx, struct payloads **out, struct err *err) WARN_UNUSED;
void payloads_anchors(struct payloads *p, const struct pki_paths *pki);
/* The key for image "NAME/ID" if its files are there (caller frees), else NULL: then it is being made. One that failed is tried
 * again after ten minutes. */
char *payloads_get(struct payloads *p, const char *image_ref);
/* The same without having it made: NULL also where nobody asked for it yet. */
char *payloads_look(struct payloads *p, const char *image_ref);
/* Have the image's squashfs (diskless.h) made too, if it is not there. */
void payloads_want_diskless(struct payloads *p, const char *image_ref);
/* Is there no hope of it for now? */
bool payloads_failed(struct payloads *p, const char *image_ref);
/* payload_gc.c: remove what no image of the store needs, in the store too. Before payloads_new. */
int payloads_collect(struct daemon *d, struct err *err) WARN_UNUSED;
void payloads_retry(struct payloads *p); /* forget failures */
void payloads_status(struct payloads *p, struct json_out *w, const char *key);
/* Does not wait long for one that is being made. False: its worker still runs and uses all it was given, so nothing of that may
 * be freed: the end of the process ends it. */
bool payloads_stop(struct payloads *p) WARN_UNUSED;

#endif
