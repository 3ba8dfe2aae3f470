/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/host_files.h"

#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/roster.h"
#include "daemon/secret_store.h"
#include "site/addr.h"

#include <string.h>

#define KEY "templates"
#define PROBLEMS_SHOWN 8

int host_files_templates(struct daemon *d, struct templates *out, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	struct err why = { 0 };

	*out = (struct templates){ 0 };
	if (state_get(d->state, KEY, &doc, &why) == 0)
		return templates_read(doc.value, strlen(doc.value), out, err);
	if (why.kind == ERR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

/* The nodes' addresses as texts; they belong to `texts`. */
static struct template_node *node_list(const struct roster *roster, struct str_list *texts)
{
	struct template_node *out = mem_array(roster->len ? roster->len : 1, sizeof(*out));

	for (size_t i = 0; i < roster->len; i++) {
		const struct node *n = &roster->nodes[i];
		char addr4[ADDR4_LEN] = "", addr6[ADDR6_LEN] = "";

		if (n->addr4)
			addr4_print(n->addr4, addr4);
		if (n->has6)
			addr6_print(&n->addr6, addr6);
		str_list_add(texts, addr4);
		str_list_add(texts, addr6);
		out[i] = (struct template_node){ .name = n->name,
						 .group = n->group,
						 .ipv4 = texts->items[texts->len - 2],
						 .ipv6 = texts->items[texts->len - 1],
						 .mac = n->macs.len ? n->macs.items[0] : NULL };
	}
	return out;
}

int host_files_fill(struct daemon *d, const struct site *site, const struct node *n, struct order *order, struct err *err)
{
	autoclean(templates_free) struct templates t = { 0 };
	autoclean(roster_free) struct roster roster = { 0 };
	autoclean(str_list_free) struct str_list texts = { 0 };
	autoclean(template_map_free) struct template_map names = { 0 };
	struct template_facts facts = { .cluster = site->cluster, .group = n->group };
	autofree struct template_node *nodes = NULL;

	if (host_files_templates(d, &t, err) < 0)
		return -1;
	if (!t.len)
		return 0;
	if (templates_mention(&t, "nodes") && roster_load(d, &roster, err) < 0)
		return -1;
	nodes = node_list(&roster, &texts);
	facts.nodes = nodes;
	facts.n_nodes = roster.len;
	if (templates_names(order, &facts, &names, err) < 0 || templates_render(&t, n->group, &names, &order->files, err) < 0) {
		err_wrap(err, "%s", n->name);
		return err_hint(err, "mend the template in /etc/orthrus/templates.d, then `orthrus site apply`");
	}
	return 0;
}

static const struct site_template *same_file(const struct templates *t, const struct site_template *which)
{
	for (size_t i = 0; i < t->len; i++)
		if (str_eq(t->items[i].path, which->path) && str_eq(t->items[i].group, which->group))
			return &t->items[i];
	return NULL;
}

static void say_differences(const struct templates *old, const struct templates *now, struct plan *plan)
{
	for (size_t i = 0; i < now->len; i++) {
		const struct site_template *was = same_file(old, &now->items[i]);
		autofree char *file = template_file(&now->items[i]);
		autofree char *step = str_format("template:%s", file);

		if (!was)
			api_step(plan, step, "make /%s of nodes%s%s from template %s", now->items[i].path,
				 now->items[i].group ? " in group " : "", now->items[i].group ? now->items[i].group : "", file);
		else if (!str_eq(was->text, now->items[i].text) || was->mode != now->items[i].mode)
			api_step(plan, step, "take the new version of template %s for nodes that are installed from now on",
				 file);
	}
	for (size_t i = 0; i < old->len; i++) {
		autofree char *file = template_file(&old->items[i]);
		autofree char *step = str_format("template:%s", file);

		if (!same_file(now, &old->items[i]))
			api_step(plan, step, "forget template %s", file);
	}
}

static int check_secrets(struct daemon *d, const struct templates *t, struct str_list *problems, struct err *err)
{
	autoclean(secrets_free) struct secrets all = { 0 };

	if (t->len && secrets_load(d, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < t->len; i++)
		for (size_t j = 0; j < all.len; j++)
			if (str_eq(t->items[i].path, all.items[j].path)) {
				autofree char *file = template_file(&t->items[i]);

				str_list_addf(problems, "templates.d/%s: that file is secret %s; a template is for all to read",
					      file, all.items[j].name);
			}
	return 0;
}

static int refuse(const struct str_list *problems, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };

	for (size_t i = 0; i < problems->len && i < PROBLEMS_SHOWN; i++)
		buf_addf(&text, "%s%s", i ? "; " : "", problems->items[i]);
	err_set(err, ERR_INVALID, "the templates of this site can't be used: %s", buf_str(&text));
	return err_hint(err, "`orthrus site check` on this head says all that is wrong");
}

/* `now` is taken when all is well. */
static int check_and_say(struct daemon *d, const struct site *site, struct templates *now, struct str_list *problems,
			 struct templates *out, struct plan *plan, struct err *err)
{
	autoclean(templates_free) struct templates old = { 0 };

	templates_check(now, site, problems);
	if (host_files_templates(d, &old, err) < 0 || check_secrets(d, now, problems, err) < 0)
		return -1;
	if (problems->len)
		return refuse(problems, err);
	say_differences(&old, now, plan);
	*out = *now;
	*now = (struct templates){ 0 };
	return 0;
}

int host_files_look(struct daemon *d, const struct site *site, struct templates *out, struct plan *plan, struct err *err)
{
	autoclean(templates_free) struct templates now = { 0 };
	autoclean(str_list_free) struct str_list problems = { 0 };

	return templates_load(d->paths.templates_dir, &now, &problems, err) < 0
		       ? -1
		       : check_and_say(d, site, &now, &problems, out, plan, err);
}

int host_files_back(struct daemon *d, const struct site *site, const struct buf *document, struct templates *out,
		    struct plan *plan, struct err *err)
{
	autoclean(templates_free) struct templates now = { 0 };
	autoclean(str_list_free) struct str_list problems = { 0 };

	if (document->len && templates_read(buf_str(document), document->len, &now, err) < 0)
		return -1;
	return check_and_say(d, site, &now, &problems, out, plan, err);
}

void host_files_write(struct change *c, const struct templates *t)
{
	autoclean(buf_free) struct buf json = { 0 };
	struct json_out w;

	json_out_init(&w, &json, false);
	templates_print(t, &w);
	change_put_key(c, KEY, &json);
}

int host_files_not_template(struct daemon *d, const char *path, struct err *err)
{
	autoclean(templates_free) struct templates t = { 0 };

	if (host_files_templates(d, &t, err) < 0)
		return -1;
	for (size_t i = 0; i < t.len; i++)
		if (str_eq(t.items[i].path, path)) {
			autofree char *file = template_file(&t.items[i]);

			err_set(err, ERR_EXISTS, "/%s is made from template %s, which everybody may read", path, file);
			return err_hint(err, "remove it from /etc/orthrus/templates.d and apply the site first");
		}
	return 0;
}
