/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The files that a node gets at its next installation, with and without the site's templates. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/host_files.h"
#include "daemon/order_make.h"
#include "daemon/roster.h"
#include "installer/hostfiles.h"

#include <stdio.h>
#include <string.h>

/* The node makes these itself. */
#define NOT_SHOWN "(the node's own)\n"

static const struct hostfile *find_file(const struct hostfiles *f, const char *path)
{
	for (size_t i = 0; i < f->len; i++)
		if (str_eq(f->items[i].path, path) && f->items[i].kind != HOSTFILE_GONE)
			return &f->items[i];
	return NULL;
}

static const struct order_file *find_own(const struct order_files *f, const char *path)
{
	for (size_t i = 0; i < f->len; i++)
		if (str_eq(f->items[i].path, path))
			return &f->items[i];
	return NULL;
}

/* What an image of the site has is known by its packages only; the installation looks at the image itself. */
static void guess_facts(const struct site *site, const struct node *n, struct hostfiles_facts *facts)
{
	const char *name = node_image(site, n);
	autofree char *plain = name ? mem_strndup(name, strcspn(name, "/")) : NULL;
	const struct site_image *image = site_image(site, plain);

	facts->chrony = image && str_list_has(&image->packages, "chrony");
	facts->resolved = image && str_list_has(&image->packages, "systemd-resolved");
}

/* Of a link its target, as `ls -l` shows it. */
static char *text_of(const struct hostfile *f)
{
	return f->kind == HOSTFILE_LINK ? str_format("-> %s\n", f->content) : mem_strdup(f->content ? f->content : "");
}

static void put_one(struct json_out *w, const char *path, unsigned int mode, const char *from, const char *content,
		    const char *instead)
{
	char text[8];

	snprintf(text, sizeof(text), "%04o", mode);
	json_put_obj(w, NULL);
	json_put_str(w, "path", path);
	json_put_str(w, "mode", text);
	json_put_str(w, "from", from);
	json_put_str(w, "content", content);
	json_put_str(w, "default", instead);
	json_end_obj(w);
}

static void put_files(const struct hostfiles *own, const struct order_files *site, struct json_out *w)
{
	json_put_arr(w, "files");
	for (size_t i = 0; i < own->len; i++) {
		const struct hostfile *f = &own->items[i];
		const struct order_file *instead = find_own(site, f->path);
		autofree char *text = text_of(f);

		if (f->kind != HOSTFILE_TEXT && f->kind != HOSTFILE_LINK)
			continue;
		if (instead)
			put_one(w, f->path, instead->mode, "template", instead->content, text);
		else
			put_one(w, f->path, f->mode, "orthrus", text, NULL);
	}
	for (size_t i = 0; i < site->len; i++)
		if (!find_file(own, site->items[i].path))
			put_one(w, site->items[i].path, site->items[i].mode, "template", site->items[i].content, NULL);
	json_end_arr(w);
}

int api_node_files(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(site_free) struct site site = { 0 };
	autoclean(node_free) struct node n = { 0 };
	autoclean(order_free) struct order order = { 0 };
	autoclean(raid_result_free) struct raid_result result = { 0 };
	autoclean(hostfiles_free) struct hostfiles own = { 0 };
	const struct install_identity not_shown = { .key = NOT_SHOWN,
						    .crt = NOT_SHOWN,
						    .seal = NOT_SHOWN,
						    .csr = NOT_SHOWN,
						    .seal_key = NOT_SHOWN,
						    .fingerprint = "(that of the node's key)" };
	struct order_files none = { 0 }, files;
	struct order_image image = { .id = (char *)(uintptr_t) "ID", .manifest_digest = (char *)(uintptr_t) "" };
	autofree char *name = NULL;
	struct hostfiles_input in = {
		.order = &order, .result = &result, .ca_crt = "(the cluster's CA certificate)\n", .identity = &not_shown
	};
	struct json_out w;
	int rc;

	if (daemon_site(d, &site, NULL, err) < 0 || daemon_node(d, http_param(call, "name"), &n, NULL, err) < 0)
		return -1;
	name = node_image(&site, &n) ? mem_strndup(node_image(&site, &n), strcspn(node_image(&site, &n), "/")) : mem_strdup("-");
	image.name = name;
	if (order_make(d, &site, &n, &image, "00000000000000000000000000000000", NULL, &order, err) < 0 ||
	    order_layout_result(&order, &result, err) < 0)
		return -1;
	guess_facts(&site, &n, &in.facts);
	files = order.files;
	order.files = none;
	rc = hostfiles_render(&in, &own, err);
	order.files = files;
	if (rc < 0)
		return -1;
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "node", n.name);
	put_files(&own, &order.files, &w);
	json_end_obj(&w);
	return 0;
}
