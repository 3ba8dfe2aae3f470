/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"
#include "base/mem.h"
#include "site/problems.h"
#include "site/site.h"
#include "site/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ELEMENTS 1024

/* Values stand in the text as they were given; a file from elsewhere must not send escape codes to a terminal or a log. */
static void note(struct problems *p, const struct err *err)
{
	autofree char *text = str_printable(err->text, strlen(err->text));
	autofree char *hint = str_printable(err->hint, strlen(err->hint));

	if (p->n++ == 0) {
		err_set(&p->first, err->kind, "%s", text);
		err_hint(&p->first, "%s", hint);
	}
	if (p->all)
		str_list_addf(p->all, "%s%s%s", text, *hint ? "; " : "", hint);
}

void problems_note(struct problems *p, enum site_part part, const struct err *err)
{
	note(p, err);
	p->broken[part] = true;
}

void problems_at(struct problems *p, const char *list, size_t i, const char *key, const char *fmt, ...)
{
	autofree char *path = list ? str_format("%s[%zu].%s", list, i, key) : mem_strdup(key);
	struct err err = { 0 };
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	err_set(&err, ERR_INVALID, "%s: %s", path, why);
	note(p, &err);
}

int site_read_word(struct json_obj *o, const char *key, enum json_need need, int (*check)(const char *, struct err *), char **out,
		   struct err *err)
{
	struct err why = { 0 };

	if (json_str(o, key, need, out, err) < 0)
		return -1;
	if (json_has(o, key) && check(*out, &why) < 0)
		return json_bad(o, key, err, "%s", why.text);
	return 0;
}

int site_read_words(struct json_obj *o, const char *key, int (*check)(const char *, struct err *), struct str_list *out,
		    struct err *err)
{
	struct err why = { 0 };

	if (json_strs(o, key, JSON_MAY, out, err) < 0)
		return -1;
	for (size_t i = 0; json_has(o, key) && i < out->len; i++) {
		autofree char *at = str_format("%s[%zu]", key, i);

		if (check(out->items[i], &why) < 0)
			return json_bad(o, at, err, "%s", why.text);
		for (size_t k = 0; k < i; k++)
			if (str_eq(out->items[i], out->items[k]))
				return json_bad(o, at, err, "'%.80s' is the same as %s[%zu]", out->items[i], key, k);
	}
	return 0;
}

size_t site_read_list(struct json_obj *o, const char *key, enum json_need need, enum site_part part, void **items, size_t size,
		      int (*read)(struct json_obj *o, void *item, struct err *err), struct problems *p)
{
	struct err err = { 0 };
	struct json_arr a;
	int found = json_arr(o, key, need, &a, &err);
	size_t n;

	if (found > 0 && a.len > MAX_ELEMENTS)
		found = json_bad(o, key, &err, "has %zu elements; at most %d are allowed", a.len, MAX_ELEMENTS);
	if (found < 0)
		problems_note(p, part, &err);
	n = found > 0 ? a.len : 0;
	*items = mem_array(n, size);
	for (size_t i = 0; i < n; i++) {
		struct json_obj element;

		if (json_arr_obj(&a, i, &element, &err) < 0 || read(&element, (char *)*items + i * size, &err) < 0)
			problems_note(p, part, &err);
	}
	return n;
}

static int read_image(struct json_obj *o, void *item, struct err *err)
{
	static const char *const suites[] = { "bookworm", "trixie", NULL };
	struct site_image *m = item;
	int suite = -1;

	if (site_read_word(o, "name", JSON_MUST, str_check_name, &m->name, err) < 0 ||
	    json_enum(o, "suite", JSON_MUST, suites, &suite, err) < 0 ||
	    site_read_word(o, "mirror", JSON_MAY, word_mirror, &m->mirror, err) < 0 ||
	    site_read_words(o, "packages", word_package, &m->packages, err) < 0)
		return -1;
	m->suite = mem_strdup(suites[suite]);
	return json_obj_end(o, err);
}

static int read_layout(struct json_obj *o, void *item, struct err *err)
{
	return layout_read(o, item, err);
}

/* Without a password: that is a secret, and here is no place for one. */
static int read_bmc(struct json_obj *group, struct site_group *g, struct err *err)
{
	static const char *const protocols[] = { "auto", "ipmi", "redfish", NULL };
	struct json_obj o;
	int found = json_obj(group, "bmc", JSON_MAY, &o, err), protocol = -1;

	if (found <= 0)
		return found;
	if (json_enum(&o, "protocol", JSON_MAY, protocols, &protocol, err) < 0 ||
	    site_read_word(&o, "user", JSON_MAY, word_bmc_user, &g->bmc_user, err) < 0)
		return -1;
	if (protocol >= 0)
		g->bmc_protocol = mem_strdup(protocols[protocol]);
	return json_obj_end(&o, err);
}

static int read_group(struct json_obj *o, void *item, struct err *err)
{
	static const char *const boots[] = { "disk", "diskless", NULL };
	struct site_group *g = item;
	int boot = -1;

	g->has_kernel_args = json_has(o, "kernel_args");
	if (site_read_word(o, "name", JSON_MUST, str_check_name, &g->name, err) < 0 ||
	    json_str(o, "extends", JSON_MAY, &g->extends, err) < 0 || json_str(o, "image", JSON_MAY, &g->image, err) < 0 ||
	    json_str(o, "layout", JSON_MAY, &g->layout, err) < 0 || json_str(o, "network", JSON_MAY, &g->network, err) < 0 ||
	    site_read_words(o, "kernel_args", word_kernel_arg, &g->kernel_args, err) < 0 ||
	    json_enum(o, "boot", JSON_MAY, boots, &boot, err) < 0 || read_bmc(o, g, err) < 0 ||
	    site_interfaces_read(o, &g->interfaces, err) < 0)
		return -1;
	if (boot >= 0)
		g->boot = mem_strdup(boots[boot]);
	return json_obj_end(o, err);
}

static int read_cluster(struct json_obj *root, struct site *site, struct err *err)
{
	struct json_obj o;

	if (json_obj(root, "cluster", JSON_MUST, &o, err) < 0 ||
	    site_read_word(&o, "name", JSON_MUST, str_check_hostname, &site->cluster, err) < 0 ||
	    site_read_word(&o, "domain", JSON_MUST, word_domain, &site->domain, err) < 0)
		return -1;
	return json_obj_end(&o, err);
}

static int read_time(struct json_obj *root, struct site *site, struct err *err)
{
	struct json_obj o;
	int found = json_obj(root, "time", JSON_MAY, &o, err);

	if (found <= 0)
		return found;
	if (site_read_word(&o, "zone", JSON_MAY, word_timezone, &site->timezone, err) < 0 ||
	    site_read_words(&o, "servers", word_server, &site->ntp, err) < 0)
		return -1;
	return json_obj_end(&o, err);
}

static int read_enrol(struct json_obj *root, struct site *site, struct err *err)
{
	struct json_obj o;
	int found = json_obj(root, "enrol", JSON_MAY, &o, err);

	if (found <= 0)
		return found;
	return json_bool(&o, "trust_mac", JSON_MAY, &site->trust_mac, err) < 0 ? -1 : json_obj_end(&o, err);
}

static int read_netboot(struct json_obj *root, struct site *site, struct err *err)
{
	static const char *const unknown[] = { "disk", "discover", NULL };
	struct json_obj o;
	int found = json_obj(root, "netboot", JSON_MAY, &o, err), choice = 0;

	if (found <= 0)
		return found;
	if (json_enum(&o, "unknown", JSON_MAY, unknown, &choice, err) < 0)
		return -1;
	site->discover = choice == 1;
	return json_obj_end(&o, err);
}

static int read_api(struct json_obj *root, struct site *site, struct err *err)
{
	struct json_obj o;
	int found = json_obj(root, "api", JSON_MAY, &o, err);

	if (found <= 0)
		return found;
	return json_u64(&o, "port", JSON_MAY, 1, 65535, &site->api_port, err) < 0 ? -1 : json_obj_end(&o, err);
}

static int read_console(struct json_obj *root, struct site *site, struct err *err)
{
	struct json_obj o;
	int found = json_obj(root, "console", JSON_MAY, &o, err);

	if (found <= 0)
		return found;
	return site_read_word(&o, "serial", JSON_MAY, word_serial, &site->serial_console, err) < 0 ? -1 : json_obj_end(&o, err);
}

static int read_keys(struct json_obj *root, struct site *site, struct err *err)
{
	autoclean(str_list_free) struct str_list keys = { 0 };
	autoclean(buf_free) struct buf lines = { 0 };

	if (site_read_words(root, "admin_ssh_keys", word_ssh_key, &keys, err) < 0)
		return -1;
	for (size_t i = 0; i < keys.len; i++)
		buf_addf(&lines, "%s\n", keys.items[i]);
	if (lines.len)
		site->admin_keys = buf_steal(&lines);
	return 0;
}

static int read_format(struct json_obj *root, struct site *site, struct err *err)
{
	if (json_u64(root, "format", JSON_MUST, 0, UINT64_MAX, &site->format, err) < 0)
		return -1;
	if (site->format != 1)
		return json_bad(root, "format", err, "%llu is unknown to this version, which reads format 1",
				(unsigned long long)site->format);
	return 0;
}

static void read_root(struct json_obj *root, struct site *site, struct problems *p)
{
	int (*const sections[])(struct json_obj *, struct site *, struct err *) = {
		read_format, read_cluster,   read_time,	     read_enrol,   read_netboot,
		read_api,    site_cast_read, site_pair_read, read_console, read_keys,
	};
	struct err err = { 0 };
	void *items;

	site->api_port = 8443;
	for (size_t i = 0; i < ARRAY_LEN(sections); i++)
		if (sections[i](root, site, &err) < 0)
			problems_note(p, PART_OTHER, &err);
	site_cast_default(site);
	if (!site->timezone)
		site->timezone = mem_strdup("Etc/UTC");
	site_read_networks(root, site, p);
	site_read_heads(root, site, p);
	site_read_vips(root, site, p);
	site->n_images = site_read_list(root, "images", JSON_MAY, PART_IMAGES, &items, sizeof(*site->images), read_image, p);
	site->images = items;
	site->n_layouts =
		site_read_list(root, "disk_layouts", JSON_MAY, PART_LAYOUTS, &items, sizeof(*site->layouts), read_layout, p);
	site->layouts = items;
	site->n_groups = site_read_list(root, "groups", JSON_MAY, PART_GROUPS, &items, sizeof(*site->groups), read_group, p);
	site->groups = items;
	site->n_nodes = site_read_list(root, "nodes", JSON_MAY, PART_NODES, &items, sizeof(*site->nodes), site_node_read, p);
	site->nodes = items;
	if (json_obj_end(root, &err) < 0)
		problems_note(p, PART_OTHER, &err);
	site_check(site, p);
}

static void read_all(const char *text, size_t len, struct site *site, struct problems *p)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct err err = { 0 };
	struct json_obj root;

	*site = (struct site){ 0 };
	if (json_parse(text, len, &doc, &err) < 0 || json_root_obj(&doc, &root, &err) < 0)
		problems_note(p, PART_OTHER, &err);
	else
		read_root(&root, site, p);
}

int site_read(const char *text, size_t len, const char *source, struct site *out, struct err *err)
{
	struct problems p = { 0 };

	read_all(text, len, out, &p);
	if (p.n == 0)
		return 0;
	site_free(out);
	*err = p.first;
	err_wrap(err, "%s", source);
	if (!err->hint[0])
		err_hint(err, "`orthrus site check` lists all that is wrong; site.json(5) says what is allowed");
	return -1;
}

size_t site_problems(const char *text, size_t len, struct str_list *problems)
{
	autoclean(site_free) struct site site = { 0 };
	struct problems p = { .all = problems };

	read_all(text, len, &site, &p);
	return p.n;
}
