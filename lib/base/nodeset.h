/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of node names in the notation of ClusterShell: "n[001-064,070]", "rack[1-4]n[01-32]", "@gpu!n7".
 *
 * Ranges may be zero-padded ("[08-12]" is 08 09 10 11 12) and stepped ("[1-9/2]"); several in one name multiply. Between names
 * stand ',' (union), '!' (difference), '&' (intersection) and '^' (in one but not both), evaluated from left to right; spaces
 * around them are allowed. "@name" is a group, "@*" everything: whoever calls says what these hold.
 */
#ifndef ORTHRUS_BASE_NODESET_H
#define ORTHRUS_BASE_NODESET_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define NODESET_MAX 1000000  /* names in a set; also names one text may make, repeats counted */
#define NODESET_NAME_MAX 253 /* bytes in a name (RFC 1035) */
#define NODESET_OPS_MAX 256  /* '!', '&' and '^' in one text: each looks at the whole set */

/* `autoclean(nodeset_free) struct nodeset set = { 0 };` In natural order without duplicates once looked at through the functions
 * below, which sort what was added out of order: hence no const. */
struct nodeset {
	char **names;
	size_t len, cap;
	bool unsorted;
};

/* Add the members of group `name` (without the '@'; "*" is everything) to `out`; an unknown group is an error that lists the
 * known. */
typedef int (*nodeset_resolver)(void *ctx, const char *name, struct nodeset *out, struct err *err);

/* `*out` gets the set (its old content is not freed) and is empty on failure; ERR_INVALID names the position, from 1. An empty
 * text is an error, a set that comes out empty is not. `resolver` may be NULL: then groups are errors. */
int nodeset_parse(const char *text, nodeset_resolver resolver, void *ctx, struct nodeset *out, struct err *err) WARN_UNUSED;
/* The same, and the order in which the names are written: (*places)[i] counts the names of the set that the text mentions before
 * nodeset_get(out, i). Numbers come as they stand in the brackets, a group's members in natural order, and of a name that is
 * mentioned several times the first mention counts. The caller frees *places. */
int nodeset_parse_written(const char *text, nodeset_resolver resolver, void *ctx, struct nodeset *out, size_t **places,
			  struct err *err) WARN_UNUSED;
void nodeset_free(struct nodeset *set);

/* Add one plain name (no notation); there already is fine. ERR_INVALID for a name that is not made of letters, digits and . _ - :
 */
int nodeset_add(struct nodeset *set, const char *name, struct err *err) WARN_UNUSED;
size_t nodeset_count(struct nodeset *set);
/* The i-th name in natural order; belongs to the set, valid until it changes. NULL past the end. */
const char *nodeset_get(struct nodeset *set, size_t i);
bool nodeset_has(struct nodeset *set, const char *name);
/* Where nodeset_get() has `name`, or SIZE_MAX. */
size_t nodeset_index(struct nodeset *set, const char *name);

/* `a` becomes the result; `b` is used up and left empty. Only the union can fail: more than NODESET_MAX names. */
int nodeset_union(struct nodeset *a, struct nodeset *b, struct err *err) WARN_UNUSED;
void nodeset_difference(struct nodeset *a, struct nodeset *b);
void nodeset_intersection(struct nodeset *a, struct nodeset *b);
void nodeset_xor(struct nodeset *a, struct nodeset *b);

/* Append the canonical short form: equal sets give equal texts, and nodeset_parse() gives the set back. "" for the empty set. */
void nodeset_fold(struct nodeset *set, struct buf *out);

/* Natural order: digits compare as numbers ("n2" < "n10"), fewer leading zeros first. <0, 0, >0; 0 only for equal texts. */
int nodeset_cmp(const char *a, const char *b);

#endif
