/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines that asked to become nodes and that nobody vouched for yet: the documents "pend/MAC/FINGERPRINT". */
#ifndef ORTHRUS_DAEMON_PENDING_H
#define ORTHRUS_DAEMON_PENDING_H

#include "daemon/ident.h"

#define PENDING_MAX 2048		    /* machines */
#define PENDING_BYTES_MAX ((size_t)8 << 20) /* of their documents together: a machine with 12 disks and 6 ports is 6 KiB */
/* From one IPv4 address: a rack or two behind a router that translates addresses. */
#define PENDING_PER_ADDRESS 256
#define PENDING_ADDRESS_BYTES (PENDING_BYTES_MAX / 4)
/* From one /64 of IPv6, which is a whole provision network: some places are left for others. */
#define PENDING_PER_NETWORK 1536
#define PENDING_NETWORK_BYTES (PENDING_BYTES_MAX / 4 * 3)
#define PENDING_KEYS_PER_MAC 4
#define PENDING_KEPT_S 86400 /* not heard of for so long: forgotten */

struct pending {
	struct node_key key;
	char *mac, *from; /* the one it booted by, as it says; the address that it called from */
	char *first_seen, *last_seen;
	uint64_t seen_s; /* wall clock of last_seen */
	bool rejected;
	char *machine; /* its inventory as JSON */
};
void pending_free(struct pending *p);

/* 1: there is one with this key that says it has this MAC address; 0: none. */
int pending_get(struct daemon *d, const char *mac, const struct node_key *key, struct pending *out, struct err *err) WARN_UNUSED;
struct pendings {
	struct pending *items; /* the one that came first, first */
	size_t len;
};
int pending_list(struct daemon *d, struct pendings *out, struct err *err) WARN_UNUSED;
void pendings_free(struct pendings *l);
/* The one with this fingerprint (hex) behind `after` (NULL: the first), or NULL. A machine that booted by one of its interfaces
 * and then by another waits with the same key under both MAC addresses. */
struct pending *pendings_find(const struct pendings *l, const char *fingerprint, const struct pending *after);

/* The document `key`. */
int pending_read(const char *key, const char *value, struct pending *out, struct err *err) WARN_UNUSED;
/* Written with the commit of `c`. Of one MAC address only the newest few are kept. When there are too many, of all or from where
 * it came, as many go as must that were not heard of for a day or were rejected; when there are still too many: ERR_REFUSED. */
int pending_put(struct change *c, const struct pending *p, struct err *err) WARN_UNUSED;
void pending_delete(struct change *c, const struct pending *p);
/* What a long poll of this machine waits for: woken by each change of its document. The caller frees. */
char *pending_topic(const struct pending *p);
/* Every machine that says it has this MAC address. */
int pending_delete_mac(struct change *c, const char *mac, struct err *err) WARN_UNUSED;

#endif
