/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/site.h"

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/site_show.h"
#include "installer/templates.h"
#include "sys/fs.h"
#include "sys/http_client.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* What is wrong with the file, as one error; the reader is sent to `site check` for the rest. */
static int read_site(const char *path, struct buf *text, struct site *site, struct err *err)
{
	return cmd_read_site(path, text, err) < 0 ? -1 : site_read(buf_str(text), text->len, path, site, err);
}

static const char *own_name(char name[64])
{
	struct err ignored;

	name[63] = '\0';
	if (gethostname(name, 63) < 0)
		return NULL;
	name[strcspn(name, ".")] = '\0';
	return str_check_hostname(name, &ignored) == 0 && !str_eq(name, "localhost") ? name : NULL;
}

/* Which interface leads to the nodes can't be guessed: DHCP on the wrong one disturbs a whole office. */
static int need_interface(const struct cmd *c, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	autoclean(buf_free) struct buf list = { 0 };
	struct err ignored;

	if (cmd_option(c, "interface"))
		return 0;
	if (fs_list("/sys/class/net", &names, &ignored) < 0)
		str_list_free(&names);
	for (size_t i = 0; i < names.len; i++)
		if (!str_eq(names.items[i], "lo"))
			buf_addf(&list, "%s%s", list.len ? ", " : "", names.items[i]);
	err_set(err, ERR_USAGE, "'site init' needs --interface NAME: the one that leads to the nodes");
	return err_hint(err, "this machine has %s", list.len ? buf_str(&list) : "none besides lo");
}

/* What only this machine has, for a prefix of the cluster's own: its id, or, where there is none, chance. */
static int unique_text(struct buf *out, struct err *err)
{
	uint8_t chance[16];
	char hex[2 * sizeof(chance) + 1];
	struct err none = { 0 };

	if (fs_read("/etc/machine-id", 256, out, &none) == 0 && out->len >= 32)
		return 0;
	buf_free(out);
	if (getrandom(chance, sizeof(chance), 0) != (ssize_t)sizeof(chance))
		return err_errno(err, errno, "random bytes for an IPv6 prefix");
	str_hex(chance, sizeof(chance), hex);
	buf_adds(out, hex);
	return 0;
}

/* A prefix that was just made is not on this machine yet. */
static void say_head6(const struct cmd *c, const struct site *site)
{
	char addr[ADDR6_LEN];

	addr6_print(&site->heads[0].addr6, addr);
	cmd_say(c, "%s needs the address %s/64 on %s, for example: ip address add %s/64 dev %s", site->heads[0].name, addr,
		site->heads[0].interface, addr, site->heads[0].interface);
}

/* What goes beyond a first site: the wizard's pages ask for it (tui/answers_site.c). */
static void seed_more(const struct cmd *c, struct site_seed *seed, struct str_list *ntp, struct str_list *packages,
		      struct str_list *keys)
{
	cmd_option_all(c, "time-server", ntp);
	cmd_option_all(c, "package", packages);
	cmd_option_all(c, "admin-key", keys);
	seed->ntp = ntp;
	seed->packages = packages;
	seed->admin_keys = keys;
	seed->timezone = cmd_option(c, "time-zone");
	seed->gateway = cmd_option(c, "gateway");
	seed->pool = cmd_option(c, "pool");
	seed->unknown = cmd_option(c, "unknown");
	seed->service_address = cmd_option(c, "service-address");
	seed->serial = cmd_option(c, "serial");
	seed->raid = cmd_option(c, "raid");
	seed->disks = cmd_option(c, "disks");
	seed->filesystem = cmd_option(c, "file-system");
	seed->firmware = cmd_option(c, "firmware");
}

int cmd_site_init(struct cmd *c, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autoclean(buf_free) struct buf text = { 0 }, unique = { 0 };
	char hostname[64];
	struct site_seed seed = {
		.cluster = cmd_option(c, "cluster"),
		.domain = cmd_option(c, "domain"),
		.interface = cmd_option(c, "interface"),
		.subnet = cmd_option(c, cmd_option(c, "ipv4") ? "ipv4" : "subnet"),
		.ipv6 = cmd_option(c, "ipv6"),
		.head_addr = cmd_option(c, "head-address"),
		.head_name = cmd_option(c, "head-name"),
		.suite = cmd_option(c, "suite"),
		.trust_mac = cmd_flag(c, "trust-mac"),
	};
	autoclean(str_list_free) struct str_list ntp = { 0 }, packages = { 0 }, keys = { 0 };
	const char *slash = strrchr(c->site_path, '/');
	autofree char *dir = slash ? mem_strndup(c->site_path, (size_t)(slash - c->site_path)) : NULL;

	seed_more(c, &seed, &ntp, &packages, &keys);
	if (cmd_args(c, 0, 0, err) < 0 || need_interface(c, err) < 0 || unique_text(&unique, err) < 0)
		return -1;
	seed.unique = buf_str(&unique);
	if (cmd_option(c, "ipv4") && cmd_option(c, "subnet"))
		return err_set(err, ERR_USAGE, "--ipv4 and --subnet are the same: give one of them");
	if (!seed.head_name)
		seed.head_name = own_name(hostname);
	if (site_init(&seed, &site, err) < 0) /* its own hint is for a file, and there is none yet */
		return err_hint(
			err,
			"nothing was written; `orthrus site init --help` lists the options, site.json(5) says what is allowed");
	site_print(&site, &text);
	if (c->plan) {
		cmd_say(c, "%s %s with:", fs_exists(c->site_path) ? "would replace" : "would write", c->site_path);
		cmd_print(buf_str(&text));
		return 0;
	}
	if (fs_exists(c->site_path) && cmd_confirm(c, err, "replace %s, which exists", c->site_path) < 0)
		return -1;
	if ((dir && *dir && fs_mkdirs(dir, 0755, err) < 0) || fs_write_atomic(c->site_path, text.data, text.len, 0644, err) < 0)
		return geteuid() != 0 ? -1 : err_hint(err, "name another place with --site FILE");
	if (c->json)
		cmd_print(buf_str(&text));
	if (site_provision(&site)->has6)
		say_head6(c, &site);
	cmd_say(c, "wrote %s\nNext: edit it, see `orthrus site check`, then `orthrus site apply`.", c->site_path);
	return 0;
}

static void print_check(const struct cmd *c, const char *path, const struct str_list *problems, const struct str_list *warnings)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	if (!c->json) {
		for (size_t i = 0; i < problems->len; i++)
			buf_addf(&out, "%s\n", problems->items[i]);
		cmd_print(buf_str(&out));
		return;
	}
	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "file", path);
	json_put_bool(&w, "ok", problems->len == 0);
	json_put_strs(&w, "problems", problems);
	json_put_strs(&w, "warnings", warnings);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

/* The templates of this machine, for each group of the site: a site in another file is not the one that they are for. */
static int check_templates(const struct cmd *c, const struct buf *text, struct str_list *problems, struct err *err)
{
	autoclean(templates_free) struct templates t = { 0 };
	autoclean(site_free) struct site site = { 0 };
	autofree char *dir = cmd_path(c, "/etc/orthrus/templates.d");

	if (site_read(buf_str(text), text->len, c->site_path, &site, err) < 0 || templates_load(dir, &t, problems, err) < 0)
		return -1;
	templates_check(&t, &site, problems);
	return 0;
}

/* Of a site that is right. */
static void add_warnings(const struct cmd *c, const struct buf *text, struct str_list *warnings)
{
	autoclean(site_free) struct site site = { 0 };
	struct err ignored;

	if (site_read(buf_str(text), text->len, c->site_path, &site, &ignored) == 0)
		site_warnings(&site, warnings);
}

int cmd_site_check(struct cmd *c, struct err *err)
{
	autoclean(str_list_free) struct str_list problems = { 0 }, warnings = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	const char *path = c->argc ? c->argv[0] : c->site_path;
	size_t n;

	if (cmd_args(c, 0, 1, err) < 0 || cmd_read_site(path, &text, err) < 0)
		return -1;
	n = site_problems(buf_str(&text), text.len, &problems);
	if (n == 0 && !c->argc) {
		if (check_templates(c, &text, &problems, err) < 0)
			return -1;
		n = problems.len;
	}
	add_warnings(c, &text, &warnings);
	print_check(c, path, &problems, &warnings);
	if (n == 0) {
		for (size_t i = 0; i < warnings.len; i++)
			cmd_say(c, "warning: %s", warnings.items[i]);
		cmd_say(c, "%s: right", path);
		return 0;
	}
	err_set(err, ERR_INVALID, "%s: %zu problem%s", path, n, n == 1 ? "" : "s");
	if (c->json) /* the problems are the answer; a second document would not be */
		err->text[0] = '\0';
	return err_hint(err, "site.json(5) says what is allowed");
}

/* The applied site, or ERR_NOT_FOUND when none was applied yet. */
static int get_applied(struct cmd *c, struct http_reply *reply, struct site *site, struct err *err)
{
	if (cmd_call(c, "GET", "/v1/site", NULL, reply, err) < 0)
		return -1;
	return site_read(buf_str(&reply->body), reply->body.len, "applied site", site, err);
}

int cmd_site_show(struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(site_free) struct site site = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	autofree char *socket = cmd_path(c, "/run/orthrus/api.sock");
	autofree char *source = NULL;
	bool running = c->api || fs_exists(socket);

	if (cmd_args(c, 0, 0, err) < 0)
		return -1;
	if (cmd_flag(c, "history") || cmd_option(c, "revision"))
		return site_show_history(c, err);
	if (running && get_applied(c, &reply, &site, err) < 0) {
		if (err->kind != ERR_NOT_FOUND)
			return -1;
		running = false;
		source = str_format("%s (nothing is applied yet)", c->site_path);
	} else {
		source = running ? mem_strdup("the site as applied") : str_format("%s (orthrusd does not run)", c->site_path);
	}
	if (!running && read_site(c->site_path, &text, &site, err) < 0)
		return -1;
	site_show(c, &site, source, running ? "applied" : "file");
	return 0;
}
