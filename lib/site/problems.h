/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Collects what is wrong with a site: the first problem for site_read(), all of them for site_problems(). Private to lib/site. */
#ifndef ORTHRUS_SITE_PROBLEMS_H
#define ORTHRUS_SITE_PROBLEMS_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "site/site.h"

#include <stdbool.h>
#include <stddef.h>

/* Lists of which one element could not be read: what is "missing" from them may be that element, so references into them are
 * not checked. */
enum site_part { PART_NETWORKS, PART_HEADS, PART_VIPS, PART_IMAGES, PART_LAYOUTS, PART_GROUPS, PART_NODES, PART_OTHER, PART_END };

struct problems {
	struct err first;
	struct str_list *all; /* or NULL */
	size_t n;
	bool broken[PART_END];
};

/* Note what `err` says. */
void problems_note(struct problems *p, enum site_part part, const struct err *err);
/* Note a problem at "list[i].key" (list NULL: at "key"). Checks use this: what they find leaves the part readable. */
void problems_at(struct problems *p, const char *list, size_t i, const char *key, const char *fmt, ...) PRINTF_LIKE(5, 6);

/* read.c: a string that `check` accepts; a list of different ones. */
int site_read_word(struct json_obj *o, const char *key, enum json_need need, int (*check)(const char *, struct err *), char **out,
		   struct err *err) WARN_UNUSED;
int site_read_words(struct json_obj *o, const char *key, int (*check)(const char *, struct err *), struct str_list *out,
		    struct err *err) WARN_UNUSED;
/* An array of objects into new zeroed items, each read on its own, so that one bad one does not hide the others. Returns how
 * many. */
size_t site_read_list(struct json_obj *o, const char *key, enum json_need need, enum site_part part, void **items, size_t size,
		      int (*read)(struct json_obj *o, void *item, struct err *err), struct problems *p);

/* read_network.c */
void site_read_networks(struct json_obj *o, struct site *site, struct problems *p);
void site_read_heads(struct json_obj *o, struct site *site, struct problems *p);
void site_read_vips(struct json_obj *o, struct site *site, struct problems *p);

/* cast.c: default() when the cluster's name is known. */
int site_cast_read(struct json_obj *root, struct site *site, struct err *err) WARN_UNUSED;
void site_cast_default(struct site *site);
void site_cast_print(const struct site_cast *c, struct json_out *w);

/* relays.c: what was read is to be freed also after an error. */
int site_relays_read(struct json_obj *cast, struct site_cast *c, struct err *err) WARN_UNUSED;
void site_relays_free(struct site_cast *c);
void site_relays_print(const struct site_cast *c, struct json_out *w);
void site_relays_check(const struct site *site, struct problems *p);

/* pair.c, pair_check.c: what was read is to be freed also after an error. */
int site_pair_read(struct json_obj *root, struct site *site, struct err *err) WARN_UNUSED;
void site_pair_free(struct site_pair *pair);
void site_pair_print(const struct site_pair *pair, struct json_out *w);
void site_pair_check(struct site *site, struct problems *p); /* fills in links, their addresses and who is preferred */

/* check_network.c: fills in the pool of IPv6 addresses, too. */
void site_check_networks(struct site *site, struct problems *p);
/* `a` must be a host's address in network `i`'s subnet; what is not is noted at "list[at].key". */
bool site_check_host4(const struct site *site, size_t i, const char *list, size_t at, const char *key, uint32_t a,
		      struct problems *p);
bool site_check_host6(const struct site *site, size_t i, const char *list, size_t at, const char *key, const struct addr6 *a,
		      struct problems *p);

/* check.c: the site as a whole; fills in what is defaulted (networks and IPv6 addresses of heads and service
 * addresses). */
void site_check(struct site *site, struct problems *p);
/* check_groups.c: names, references, cycles and interfaces of groups; fills in what they inherit. */
void site_check_groups(struct site *site, struct problems *p);
/* interfaces_check.c: the interfaces of groups and nodes, and the addresses of nodes. */
void site_check_interfaces(const struct site *site, struct problems *p);

#endif
