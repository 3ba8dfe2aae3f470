/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/image_users.h"

#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/diskless.h"

#include <string.h>

static const struct {
	const char *one, *many;		 /* "n01 ...", "n[01-02] ..." */
	const char *hint, *hint_goes_on; /* the nodes stand between */
} uses[IMAGE_USES] = {
	[IMAGE_ORDERED] = { "is ordered to install it", "are ordered to install it",
			    "withdraw the order first: orthrus node boot ", " --disk" },
	[IMAGE_INSTALLING] = { "is installing it", "are installing it", "wait until it is installed: orthrus event watch shows ",
			       "" },
	[IMAGE_SET] = { "is set to it", "are set to it", "set another image first: orthrus node set ", " --image NAME" },
	[IMAGE_RUNS] = { "runs it", "run it", "it stays until ", " is installed with another image, or removed" },
	[IMAGE_PRIOR] = { "runs it until the ordered installation begins, and gets it back when the order is withdrawn",
			  "run it until the ordered installation begins, and get it back when the order is withdrawn",
			  "it stays until the installation of ", " has begun" },
	[IMAGE_DISKLESS] = { "boots it without disks", "boot it without disks",
			     "build a newer one of that name, or set another image first: orthrus node set ", " --image NAME" },
};

const char *image_use_text(enum image_use why)
{
	return uses[why].one;
}

void image_users_free(struct image_users *l)
{
	for (size_t i = 0; i < l->len; i++)
		free(l->items[i].node);
	free(l->items);
	*l = (struct image_users){ 0 };
}

static void add(struct image_users *l, const struct node *n, enum image_use why)
{
	l->items = mem_room(l->items, l->len, &l->cap, sizeof(*l->items));
	l->items[l->len++] = (struct image_user){ .node = mem_strdup(n->name), .why = why };
}

static bool is_installed(enum run_state s)
{
	return s == RUN_INSTALLED || s == RUN_UP;
}

/* 1: there is an order, 0: there is none. Not knowing is neither. */
static int has_order(struct daemon *d, const char *node, struct err *err)
{
	autofree char *key = str_format("order/%s", node);
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	struct err why = { 0 };

	if (state_get(d->state, key, &doc, &why) == 0)
		return 1;
	if (why.kind == ERR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

/* What a node runs is what was there before an order, until the installation begins to erase it (begin_step) or fails before that
 * (fail_install) or is withdrawn. */
static int add_uses(struct daemon *d, const struct node *n, const char *ref, struct image_users *out, struct err *err)
{
	autoclean(run_free) struct run r = { 0 };
	int ordered = has_order(d, n->name, err);

	if (ordered < 0 || daemon_run(d, n->name, &r, err) < 0)
		return -1;
	if (str_eq(r.image, ref) && r.state == RUN_INSTALLING)
		add(out, n, IMAGE_INSTALLING);
	else if (str_eq(r.image, ref) && (ordered || r.state == RUN_ORDERED))
		add(out, n, IMAGE_ORDERED);
	else if (str_eq(r.image, ref) && is_installed(r.state))
		add(out, n, IMAGE_RUNS);
	if (r.state == RUN_ORDERED && is_installed(r.prior) && str_eq(r.prior_image, ref))
		add(out, n, IMAGE_PRIOR);
	if (str_eq(n->image, ref))
		add(out, n, IMAGE_SET);
	return 0;
}

/* Those that run from memory boot the newest image of a name, and that may be this one. */
static int add_diskless(struct daemon *d, const struct roster *roster, const char *ref, struct image_users *out, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autofree char *name = mem_strndup(ref, strcspn(ref, "/"));
	autofree char *newest = NULL;
	bool any = false;

	for (size_t i = 0; i < roster->len; i++)
		any |= roster->nodes[i].boot == NODE_BOOT_DISKLESS;
	if (!any)
		return 0;
	if (daemon_site(d, &site, NULL, err) < 0)
		return -1;
	newest = diskless_ref(d, name);
	for (size_t i = 0; i < roster->len; i++) {
		const struct node *n = &roster->nodes[i];
		const char *image = node_image(&site, n);

		if (n->boot == NODE_BOOT_DISKLESS && (str_eq(image, ref) || (str_eq(image, name) && str_eq(newest, ref))))
			add(out, n, IMAGE_DISKLESS);
	}
	return 0;
}

int image_users_find(struct daemon *d, const struct roster *roster, const char *ref, struct image_users *out, struct err *err)
{
	for (size_t i = 0; i < roster->len; i++)
		if (add_uses(d, &roster->nodes[i], ref, out, err) < 0)
			return err_wrap(err, "who uses image %s is not known", ref);
	return add_diskless(d, roster, ref, out, err) < 0 ? err_wrap(err, "who uses image %s is not known", ref) : 0;
}

int image_users_none(const struct image_users *l, const char *ref, struct err *err)
{
	autoclean(buf_free) struct buf all = { 0 };
	autofree char *hint = NULL;

	if (!l->len)
		return 0;
	for (int why = 0; why < IMAGE_USES; why++) {
		autoclean(nodeset_free) struct nodeset nodes = { 0 };
		autoclean(buf_free) struct buf names = { 0 };

		for (size_t i = 0; i < l->len; i++)
			if (l->items[i].why == (enum image_use)why && nodeset_add(&nodes, l->items[i].node, err) < 0)
				return -1;
		if (nodeset_count(&nodes) == 0)
			continue;
		nodeset_fold(&nodes, &names);
		if (!all.len)
			hint = str_format("%s%s%s", uses[why].hint, buf_str(&names), uses[why].hint_goes_on);
		buf_addf(&all, "%s%s %s", all.len ? "; " : "", buf_str(&names),
			 nodeset_count(&nodes) == 1 ? uses[why].one : uses[why].many);
	}
	err_set(err, ERR_REFUSED, "image %s is in use: %s", ref, buf_str(&all));
	return err_hint(err, "%s", hint);
}

char *image_installers(const struct site *site, const struct roster *roster, const char *image)
{
	autoclean(nodeset_free) struct nodeset nodes = { 0 };
	autoclean(buf_free) struct buf groups = { 0 };
	autoclean(buf_free) struct buf names = { 0 };
	struct err none = { 0 };
	size_t n_groups = 0, n_nodes;

	for (size_t i = 0; i < site->n_groups; i++)
		if (str_eq(site->groups[i].image, image))
			buf_addf(&groups, "%s%s", n_groups++ ? ", " : "", site->groups[i].name);
	for (size_t i = 0; i < roster->len; i++)
		if (str_eq(roster->nodes[i].image, image) && nodeset_add(&nodes, roster->nodes[i].name, &none) < 0)
			buf_addf(&names, "%s ", roster->nodes[i].name);
	n_nodes = nodeset_count(&nodes);
	nodeset_fold(&nodes, &names);
	if (!n_groups && !names.len)
		return NULL;
	return str_format("%s%s%s%s%s install%s %s",
			  n_groups == 0	  ? ""
			  : n_groups == 1 ? "group "
					  : "groups ",
			  buf_str(&groups), n_groups && names.len ? " and " : "",
			  names.len == 0 ? ""
			  : n_nodes == 1 ? "node "
					 : "nodes ",
			  buf_str(&names), n_groups + n_nodes == 1 ? "s" : "", image);
}
