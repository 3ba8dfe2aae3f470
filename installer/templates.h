/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A site's own versions of the files that nodes are given: /etc/orthrus/templates.d/PATH.tmpl for all nodes,
 * templates.d/@GROUP/PATH.tmpl for those of one group (docs/man/orthrus-templates.7). */
#ifndef ORTHRUS_INSTALLER_TEMPLATES_H
#define ORTHRUS_INSTALLER_TEMPLATES_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "base/template.h"
#include "installer/order.h"
#include "site/site.h"

#include <stddef.h>

#define TEMPLATES_MAX 64
#define TEMPLATES_BYTES_MAX ((size_t)192 << 10) /* all texts together: they are one document of the state */

struct templates {
	struct site_template {
		char *group;	   /* NULL: every node's, unless its group has its own */
		char *path;	   /* on the node: "etc/hosts" */
		unsigned int mode; /* 0755 when its owner may execute the template, else 0644 */
		char *text;
	} * items; /* by path, then group */
	size_t len, cap;
};
void templates_free(struct templates *t);
/* Read the directory; that it is not there is fine. All that is wrong is said: a line each in `problems`. Files that others than
 * their owner may write, symbolic links, and names without .tmpl are wrong. -1 only when it can't be read. */
int templates_load(const char *dir, struct templates *out, struct str_list *problems, struct err *err) WARN_UNUSED;
/* As a document of the state, {"templates":[{"group","path","mode","text"}]}, and back. */
void templates_print(const struct templates *t, struct json_out *w);
int templates_read(const char *json, size_t len, struct templates *out, struct err *err) WARN_UNUSED;
/* How a template is called in messages: "etc/hosts" or "@gpu/etc/hosts", with .tmpl behind it. Caller frees. */
char *template_file(const struct site_template *t);

/* What a template's names are made of, beside the order. Everything belongs to the caller. */
struct template_node {
	const char *name, *group, *ipv4, *ipv6, *mac; /* NULL: it has none */
};
struct template_facts {
	const char *cluster, *group;
	const struct template_node *nodes; /* all of the cluster */
	size_t n_nodes;
};
/* Pure. The names for the node of this order; file systems and arrays are those of its layout, with the identifiers that the
 * installation will give them. */
int templates_names(const struct order *order, const struct template_facts *facts, struct template_map *out,
		    struct err *err) WARN_UNUSED;
/* Pure. The files of a node of `group`. The error names the template. */
int templates_render(const struct templates *t, const char *group, const struct template_map *names, struct order_files *out,
		     struct err *err) WARN_UNUSED;
/* Pure. Does any of them speak of `word` ("nodes")? Whoever gathers what names stand for may leave it out otherwise. */
bool templates_mention(const struct templates *t, const char *word);
/* Pure. Each template made for a node of each group, without any being there: a line for each that fails. */
void templates_check(const struct templates *t, const struct site *site, struct str_list *problems);

/* Pure. What raid_plan() would decide on disks that fit: names and identifiers of file systems and arrays depend on nothing
 * else. */
int order_layout_result(const struct order *order, struct raid_result *out, struct err *err) WARN_UNUSED;

#endif
