/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `orthrus completion words KIND`: what the completion scripts ask for while somebody types. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/images.h"
#include "cmd/nodes.h"
#include "site/site.h"
#include "sys/fs.h"
#include "sys/http_client.h"

#include <string.h>
#include <unistd.h>

/* A shell stands still meanwhile. */
#define PATIENCE_S 3

static void add_once(struct str_list *out, const char *word)
{
	if (!str_list_has(out, word))
		str_list_add(out, word);
}

static int read_site(struct cmd *c, struct site *site, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(buf_free) struct buf text = { 0 };

	if (!c->api)
		return cmd_read_site(c->site_path, &text, err) < 0 ? -1
								   : site_read(buf_str(&text), text.len, c->site_path, site, err);
	if (cmd_call(c, "GET", "/v1/site", NULL, &reply, err) < 0)
		return -1;
	return site_read(buf_str(&reply.body), reply.body.len, "applied site", site, err);
}

static int add_nodes(struct cmd *c, struct str_list *out, struct err *err)
{
	autoclean(str_list_free) struct str_list groups = { 0 };
	autoclean(node_rows_free) struct node_rows rows = { 0 };

	if (node_rows_get(c, &rows, err) < 0)
		return -1;
	for (size_t i = 0; i < rows.len; i++) {
		str_list_add(out, rows.items[i].name);
		add_once(&groups, rows.items[i].group);
	}
	for (size_t i = 0; i < groups.len; i++)
		str_list_addf(out, "@%s", groups.items[i]);
	return 0;
}

/* The names that the site has, and what is in this machine's store, by name and as NAME/ID. */
static int add_images(struct cmd *c, struct str_list *out, struct err *err)
{
	autoclean(store_images_free) struct store_images l = { 0 };
	autoclean(images_close_store) struct store *s = NULL;
	autoclean(site_free) struct site site = { 0 };
	autofree char *path = cmd_path(c, "/srv/orthrus/store");
	struct err none = { 0 };

	if (read_site(c, &site, &none) == 0)
		for (size_t i = 0; i < site.n_images; i++)
			add_once(out, site.images[i].name);
	if (c->api || !fs_exists(path))
		return 0;
	if (images_open_store(c, &s, err) < 0 || store_list(s, &l, err) < 0)
		return -1;
	for (size_t i = 0; i < l.len; i++)
		add_once(out, l.items[i].name);
	for (size_t i = 0; i < l.len; i++)
		str_list_addf(out, "%s/%s", l.items[i].name, l.items[i].id);
	return 0;
}

#define SITE_NAMES(function, items, n_items)                                                                                     \
	static int function(struct cmd *c, struct str_list *out, struct err *err)                                                \
	{                                                                                                                        \
		autoclean(site_free) struct site site = { 0 };                                                                   \
                                                                                                                                 \
		if (read_site(c, &site, err) < 0)                                                                                \
			return -1;                                                                                               \
		for (size_t i = 0; i < site.n_items; i++)                                                                        \
			str_list_add(out, site.items[i].name);                                                                   \
		return 0;                                                                                                        \
	}
SITE_NAMES(add_groups, groups, n_groups)
SITE_NAMES(add_layouts, layouts, n_layouts)
SITE_NAMES(add_networks, networks, n_networks)
SITE_NAMES(add_heads, heads, n_heads)

static int add_secrets(struct cmd *c, struct str_list *out, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_arr list;
	struct json_obj o;

	if (cmd_call(c, "GET", "/v1/cluster-secrets", NULL, &reply, err) < 0)
		return -1;
	if (json_parse(buf_str(&reply.body), reply.body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_arr(&o, "secrets", JSON_MUST, &list, err) < 0)
		return err_wrap(err, "the daemon's answer");
	for (size_t i = 0; i < list.len; i++) {
		autofree char *name = NULL;
		struct json_obj e;

		if (json_arr_obj(&list, i, &e, err) < 0 || json_str(&e, "name", JSON_MUST, &name, err) < 0)
			return err_wrap(err, "the daemon's answer");
		str_list_add(out, name);
	}
	return 0;
}

static int add_interfaces(struct cmd *c, struct str_list *out, struct err *err)
{
	(void)c;
	return fs_list("/sys/class/net", out, err);
}

static const struct {
	const char *kind;
	int (*add)(struct cmd *c, struct str_list *out, struct err *err);
} words[] = {
	{ "nodes", add_nodes },	      { "groups", add_groups }, { "images", add_images },   { "layouts", add_layouts },
	{ "networks", add_networks }, { "heads", add_heads },	{ "secrets", add_secrets }, { "interfaces", add_interfaces },
};

static void print_words(const struct cmd *c, const struct str_list *list)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, true);
	if (c->json) {
		json_put_obj(&w, NULL);
		json_put_strs(&w, "words", list);
		json_end_obj(&w);
	}
	for (size_t i = 0; !c->json && i < list->len; i++)
		buf_addf(&out, "%s\n", list->items[i]);
	cmd_print(buf_str(&out));
}

int cmd_completion_words(struct cmd *c, struct err *err)
{
	autoclean(str_list_free) struct str_list list = { 0 };
	autoclean(buf_free) struct buf kinds = { 0 };

	if (cmd_args(c, 1, 1, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		buf_addf(&kinds, "%s%s", i ? ", " : "", words[i].kind);
		if (!str_eq(words[i].kind, c->argv[0]))
			continue;
		alarm(PATIENCE_S);
		if (words[i].add(c, &list, err) < 0)
			return -1;
		print_words(c, &list);
		return 0;
	}
	err_set(err, ERR_USAGE, "there are no words of the kind '%s'", c->argv[0]);
	return err_hint(err, "there are %s", buf_str(&kinds));
}
