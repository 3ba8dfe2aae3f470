/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/options.h"

#include "base/mem.h"
#include "base/str.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"usage: orthrus-setup [OPTION]...\n"
	"The wizard: from a plain Debian machine to the head of a cluster; then its dashboard. It does nothing that `orthrus`\n"
	"can't, and nothing at all before the last page was confirmed; what was answered is kept, and it goes on there.\n"
	"\n"
	"  --plain       line by line, for screen readers and scripts (so it is without a terminal, too)\n"
	"  --wizard      the pages, though this machine is a head already\n"
	"  --dashboard   the dashboard, though it is none yet\n"
	"  --root DIR    where this machine's files are (default $ORTHRUS_ROOT, else /)\n"
	"  --site FILE   where the site that was answered is written, for `orthrus head install`\n"
	"                (default ROOT/var/lib/orthrus/setup-site.json)\n"
	"  --help        this\n"
	"  --version     the version\n";

enum { OPT_PLAIN = 1, OPT_WIZARD, OPT_DASHBOARD, OPT_ROOT, OPT_SITE, OPT_HELP, OPT_VERSION };
static const struct option options[] = {
	{ "plain", no_argument, NULL, OPT_PLAIN },	   { "wizard", no_argument, NULL, OPT_WIZARD },
	{ "dashboard", no_argument, NULL, OPT_DASHBOARD }, { "root", required_argument, NULL, OPT_ROOT },
	{ "site", required_argument, NULL, OPT_SITE },	   { "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },	   { 0 },
};

void tui_options_free(struct tui_options *o)
{
	free(o->root);
	free(o->site);
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

int tui_options_read(int argc, char **argv, struct tui_options *o, struct err *err)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (c) {
		case OPT_PLAIN:
			o->plain = true;
			break;
		case OPT_WIZARD:
			o->wizard = true;
			break;
		case OPT_DASHBOARD:
			o->dashboard = true;
			break;
		case OPT_ROOT:
			set(&o->root, optarg);
			break;
		case OPT_SITE:
			set(&o->site, optarg);
			break;
		case OPT_HELP:
			o->help = true;
			break;
		case OPT_VERSION:
			o->version = true;
			break;
		default:
			err_set(err, ERR_USAGE, c == ':' ? "%s needs a value" : "%s is no option, or takes no value",
				argv[optind - 1]);
			return err_hint(err, "`orthrus-setup --help` lists them");
		}
	}
	if (o->wizard && o->dashboard) {
		err_set(err, ERR_USAGE, "--wizard and --dashboard exclude each other");
		return err_hint(err, "leave one of them out");
	}
	if (optind < argc) {
		err_set(err, ERR_USAGE, "'%s': orthrus-setup takes options only", argv[optind]);
		return err_hint(err, "`orthrus-setup --help` lists them");
	}
	settle(o);
	return 0;
}

void tui_options_print(const struct tui_options *o)
{
	fputs(o->help ? usage : "orthrus-setup " ORTHRUS_VERSION "\n", stdout);
}
