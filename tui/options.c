/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/options.h"

#include "base/mem.h"
#include "base/str.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define USAGE_HINT "`orthrus-setup --help` lists them"

static const char usage[] =
	"usage: orthrus-setup [OPTION]...\n"
	"The wizard: from a plain Debian machine to the head of a cluster; then its dashboard. It does nothing that `orthrus`\n"
	"can't, and nothing at all before the last page was confirmed; what was answered is kept, and it goes on there.\n"
	"\n"
	"  --plain       line by line, for screen readers and scripts (so it is without a terminal, too)\n"
	"  --ascii       nothing but ASCII, whatever the locale says\n"
	"  --wizard      the pages, though this machine is a head already\n"
	"  --dashboard   the dashboard, though it is none yet; with --plain it is printed once\n"
	"  --watch       the dashboard in plain text, and again after each change\n"
	"  --api URL     the dashboard of another head: https://HOST:PORT; with it, as of `orthrus`:\n"
	"  --ca FILE     the cluster's CA certificate\n"
	"  --cert FILE   who asks, a certificate\n"
	"  --key FILE    and its private key\n"
	"  --root DIR    where this machine's files are (default $ORTHRUS_ROOT, else /)\n"
	"  --site FILE   where the site that was answered is written, for `orthrus head install`\n"
	"                (default ROOT/var/lib/orthrus/setup-site.json)\n"
	"  --help        this\n"
	"  --version     the version\n";

enum {
	OPT_PLAIN = 1,
	OPT_ASCII,
	OPT_WIZARD,
	OPT_DASHBOARD,
	OPT_WATCH,
	OPT_API,
	OPT_CA,
	OPT_CERT,
	OPT_KEY,
	OPT_ROOT,
	OPT_SITE,
	OPT_HELP,
	OPT_VERSION
};
static const struct option options[] = {
	{ "plain", no_argument, NULL, OPT_PLAIN },     { "ascii", no_argument, NULL, OPT_ASCII },
	{ "wizard", no_argument, NULL, OPT_WIZARD },   { "dashboard", no_argument, NULL, OPT_DASHBOARD },
	{ "watch", no_argument, NULL, OPT_WATCH },     { "api", required_argument, NULL, OPT_API },
	{ "ca", required_argument, NULL, OPT_CA },     { "cert", required_argument, NULL, OPT_CERT },
	{ "key", required_argument, NULL, OPT_KEY },   { "root", required_argument, NULL, OPT_ROOT },
	{ "site", required_argument, NULL, OPT_SITE }, { "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION }, { 0 },
};

void tui_options_free(struct tui_options *o)
{
	free(o->root);
	free(o->site);
	free(o->api);
	free(o->ca);
	free(o->cert);
	free(o->key);
}

static void set(char **to, const char *value)
{
	free(*to);
	*to = mem_strdup(value);
}

static void settle(struct tui_options *o)
{
	if (!o->root)
		o->root = mem_strdup(getenv("ORTHRUS_ROOT") ? getenv("ORTHRUS_ROOT") : "");
	for (size_t n = strlen(o->root); n && o->root[n - 1] == '/'; n--)
		o->root[n - 1] = '\0';
	if (!o->site)
		o->site = str_format("%s/var/lib/orthrus/setup-site.json", o->root);
}

/* One without a value, or false. */
static bool take_flag(struct tui_options *o, int c)
{
	bool *const flags[] = {
		[OPT_PLAIN] = &o->plain, [OPT_ASCII] = &o->ascii, [OPT_WIZARD] = &o->wizard,  [OPT_DASHBOARD] = &o->dashboard,
		[OPT_WATCH] = &o->watch, [OPT_HELP] = &o->help,	  [OPT_VERSION] = &o->version
	};

	if (c <= 0 || (size_t)c >= ARRAY_LEN(flags) || !flags[c])
		return false;
	*flags[c] = true;
	return true;
}

static bool take_value(struct tui_options *o, int c, const char *value)
{
	char **const values[] = { [OPT_API] = &o->api, [OPT_CA] = &o->ca,     [OPT_CERT] = &o->cert,
				  [OPT_KEY] = &o->key, [OPT_ROOT] = &o->root, [OPT_SITE] = &o->site };

	if (c <= 0 || (size_t)c >= ARRAY_LEN(values) || !values[c])
		return false;
	set(values[c], value);
	return true;
}

/* Which of the two it is, where an option says so. */
static int settle_mode(struct tui_options *o, struct err *err)
{
	const char *one = o->api ? "--api" : o->watch ? "--watch" : "--dashboard";

	if (!o->api && (o->ca || o->cert || o->key)) {
		err_set(err, ERR_USAGE, "--ca, --cert and --key are for --api URL; without it the local daemon is asked");
		return err_hint(err, "name the head: --api https://HOST:8443");
	}
	o->dashboard = o->dashboard || o->watch || o->api;
	o->plain = o->plain || o->watch;
	if (!o->wizard || !o->dashboard)
		return 0;
	err_set(err, ERR_USAGE, "--wizard and %s exclude each other", one);
	return err_hint(err, "leave one of them out");
}

int tui_options_read(int argc, char **argv, struct tui_options *o, struct err *err)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (take_flag(o, c) || take_value(o, c, optarg))
			continue;
		err_set(err, ERR_USAGE, c == ':' ? "%s needs a value" : "%s is no option, or takes no value", argv[optind - 1]);
		return err_hint(err, USAGE_HINT);
	}
	if (optind < argc) {
		err_set(err, ERR_USAGE, "'%s': orthrus-setup takes options only", argv[optind]);
		return err_hint(err, USAGE_HINT);
	}
	if (settle_mode(o, err) < 0)
		return -1;
	settle(o);
	return 0;
}

void tui_options_print(const struct tui_options *o)
{
	fputs(o->help ? usage : "orthrus-setup " ORTHRUS_VERSION "\n", stdout);
}
