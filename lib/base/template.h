/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files made of a text with names in it, for each node its own: "is there" and "for each", and no more logic than that. Pure.
 *
 *	{{node.name}}                       the text of that name, as it is; a line break or control byte in it is refused
 *	{{sh node.name}} {{json node.name}} the same as one word of a shell, as a string of JSON
 *	{{#if N}}..{{else}}..{{/if}}        the first part when N is not empty; {{#unless N}} the other way round
 *	{{#each L}}..{{else}}..{{/each}}    once for each entry of list L; inside, its names, or {{.}} for a list of texts,
 *	                                    and {{#unless @last}},{{/unless}} (also @first); {{else}} when the list is empty
 *	{{! comment}}  {{"{{"}}             nothing; the text between the quotes
 *
 * A block tag or comment alone on its line takes the line with it. Every name is looked up, also where nothing is written: a
 * misspelt one never waits for the node that has what the others lack.
 */
#ifndef ORTHRUS_BASE_TEMPLATE_H
#define ORTHRUS_BASE_TEMPLATE_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

#define TEMPLATE_TEXT_MAX ((size_t)64 << 10) /* bytes of a template */
#define TEMPLATE_DEPTH_MAX 8		     /* blocks in each other */

/* What names stand for. `autoclean(template_map_free) struct template_map m = { 0 };` */
struct template_map {
	struct template_member *items;
	size_t len, cap;
};
void template_map_free(struct template_map *m);
/* A name is put once, and is made of a-z, 0-9 and '_'. Texts are copied; NULL is "". */
void template_put(struct template_map *m, const char *name, const char *text);
void template_putf(struct template_map *m, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* An empty map as `name`: {{name.member}}. It belongs to `m`; the pointer lives as long. */
struct template_map *template_put_map(struct template_map *m, const char *name);
/* An empty list; each entry has exactly the names in `names` (NULL-terminated), or is one text when that is NULL. */
struct template_list *template_put_list(struct template_map *m, const char *name, const char *const *names);
/* One entry more; `values` are in the order of the names (one value for a list of texts). */
void template_list_add(struct template_list *l, const char *const *values);

/* Append the text made of the template. ERR_INVALID begins with "line L, column C" (bytes, from 1), and names what was meant when
 * a name is nearly right; more than `max` bytes of result are an error. On failure `out` may have a part of it. */
int template_render(const char *text, size_t len, const struct template_map *data, size_t max, struct buf *out,
		    struct err *err) WARN_UNUSED;

#endif
