/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/templates.h"

#include "base/mem.h"
#include "installer/hostpath.h"

#include <string.h>

void templates_free(struct templates *t)
{
	for (size_t i = 0; i < t->len; i++) {
		free(t->items[i].group);
		free(t->items[i].path);
		free(t->items[i].text);
	}
	free(t->items);
	*t = (struct templates){ 0 };
}

char *template_file(const struct site_template *t)
{
	return t->group ? str_format("@%s/%s.tmpl", t->group, t->path) : str_format("%s.tmpl", t->path);
}

void templates_print(const struct templates *t, struct json_out *w)
{
	json_put_obj(w, NULL);
	json_put_arr(w, "templates");
	for (size_t i = 0; i < t->len; i++) {
		json_put_obj(w, NULL);
		if (t->items[i].group)
			json_put_str(w, "group", t->items[i].group);
		json_put_str(w, "path", t->items[i].path);
		json_put_bool(w, "executable", t->items[i].mode == 0755);
		json_put_str(w, "text", t->items[i].text);
		json_end_obj(w);
	}
	json_end_arr(w);
	json_end_obj(w);
}

static int read_one(struct json_obj *o, struct site_template *t, struct err *err)
{
	bool executable;

	if (json_str(o, "group", JSON_MAY, &t->group, err) < 0 || json_str(o, "path", JSON_MUST, &t->path, err) < 0 ||
	    json_bool(o, "executable", JSON_MUST, &executable, err) < 0 || json_str(o, "text", JSON_MUST, &t->text, err) < 0)
		return -1;
	t->mode = executable ? 0755 : 0644;
	return hostpath_check(t->path, err) < 0 ? -1 : json_obj_end(o, err);
}

static int read_all(struct json_obj *o, void *to, struct err *err)
{
	struct templates *t = to;
	struct json_arr list;

	if (json_arr_max(o, "templates", JSON_MUST, TEMPLATES_MAX, &list, err) < 0)
		return -1;
	t->items = mem_array(list.len ? list.len : 1, sizeof(*t->items));
	for (size_t i = 0; i < list.len; i++) {
		struct json_obj e;

		t->len++;
		if (json_arr_obj(&list, i, &e, err) < 0 || read_one(&e, &t->items[i], err) < 0)
			return -1;
	}
	return json_obj_end(o, err);
}

int templates_read(const char *json, size_t len, struct templates *out, struct err *err)
{
	*out = (struct templates){ 0 };
	if (json_read(json, len, read_all, out, err) == 0)
		return 0;
	templates_free(out);
	return err_wrap(err, "the site's templates");
}

bool templates_mention(const struct templates *t, const char *word)
{
	for (size_t i = 0; i < t->len; i++)
		if (strstr(t->items[i].text, word))
			return true;
	return false;
}

/* A group's own goes before every node's. */
static bool is_hidden(const struct templates *t, const struct site_template *which, const char *group)
{
	if (which->group)
		return !str_eq(which->group, group);
	for (size_t i = 0; i < t->len; i++)
		if (t->items[i].group && str_eq(t->items[i].group, group) && str_eq(t->items[i].path, which->path))
			return true;
	return false;
}

static int render_one(const struct site_template *t, const struct template_map *names, struct order_files *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };

	if (template_render(t->text, strlen(t->text), names, ORDER_FILE_BYTES_MAX, &text, err) < 0)
		return -1;
	return order_files_add(out, t->path, t->mode, buf_str(&text), err);
}

int templates_render(const struct templates *t, const char *group, const struct template_map *names, struct order_files *out,
		     struct err *err)
{
	for (size_t i = 0; i < t->len; i++) {
		if (is_hidden(t, &t->items[i], group))
			continue;
		if (render_one(&t->items[i], names, out, err) < 0) {
			autofree char *file = template_file(&t->items[i]);

			return err_wrap(err, "template %s", file);
		}
	}
	return 0;
}

/* The order that a node of this group would get, as far as templates can tell. */
static void sample_order(const struct site *site, const struct site_group *g, struct order *o)
{
	o->install_id = mem_strdup("00000000000000000000000000000000");
	o->node = mem_strdup("node1");
	o->domain = mem_strdup(site->domain);
	o->cluster_id = mem_strdup("00000000000000000000000000000000");
	o->image_name = mem_strdup(g->image ? g->image : "image");
	o->image_id = mem_strdup("1");
	o->timezone = mem_strdup(site->timezone);
	o->mac = mem_strdup("52:54:00:00:00:01");
	o->server_url = mem_strdup("https://192.0.2.1:8443");
	str_list_addf(&o->hosts, "192.0.2.2 node1.%s node1", site->domain);
	for (size_t i = 0; i < site->ntp.len; i++)
		str_list_add(&o->ntp, site->ntp.items[i]);
}

static void check_one(const struct site_template *t, const struct template_map *names, struct str_list *problems)
{
	struct order_files made = { 0 };
	struct err err = { 0 };

	if (render_one(t, names, &made, &err) < 0) {
		autofree char *file = template_file(t);
		autofree char *line = str_format("templates.d/%s: %s", file, err.text);

		/* The same for all groups is said once. */
		if (!str_list_has(problems, line))
			str_list_add(problems, line);
	}
	order_files_free(&made);
}

static void check_group(const struct templates *t, const struct site *site, const struct site_group *g, struct str_list *problems)
{
	const struct template_node node = { .name = "node1", .group = g->name, .ipv4 = "192.0.2.2", .mac = "52:54:00:00:00:01" };
	const struct template_facts facts = { .cluster = site->cluster, .group = g->name, .nodes = &node, .n_nodes = 1 };
	const struct layout *layout = site_layout(site, g->layout);
	autoclean(template_map_free) struct template_map names = { 0 };
	struct order o = { 0 };
	struct err err = { 0 };

	sample_order(site, g, &o);
	if (layout)
		o.layout = *layout; /* on loan */
	if (templates_names(&o, &facts, &names, &err) < 0)
		str_list_addf(problems, "group %s: %s", g->name, err.text);
	else
		for (size_t i = 0; i < t->len; i++)
			if (!is_hidden(t, &t->items[i], g->name))
				check_one(&t->items[i], &names, problems);
	o.layout = (struct layout){ 0 };
	order_free(&o);
}

void templates_check(const struct templates *t, const struct site *site, struct str_list *problems)
{
	if (!t->len)
		return;
	for (size_t i = 0; i < t->len; i++)
		if (t->items[i].group && !site_group(site, t->items[i].group))
			str_list_addf(problems, "templates.d/@%s: the site has no group '%s'", t->items[i].group,
				      t->items[i].group);
	for (size_t i = 0; i < site->n_groups; i++)
		check_group(t, site, &site->groups[i], problems);
}
