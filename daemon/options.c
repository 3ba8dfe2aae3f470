/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/options.h"

#include "base/err.h"
#include "sys/http_server.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"usage: orthrusd [--root DIR] [--site FILE] [--listen ADDRESS:PORT] [--netboot-dir DIR] [--no-dnsmasq] [--debug]\n"
	"                [--user NAME | --helper-socket PATH]\n"
	"       orthrusd --prepare --user NAME [--root DIR]\n"
	"       orthrusd --cast-child\n"
	"       orthrusd --helper [--user NAME] [--client NAME] [--root DIR]\n"
	"\n"
	"  --root DIR           everything is below DIR (default: $ORTHRUS_ROOT, else /)\n"
	"  --site FILE          the site to start with when none was applied yet\n"
	"  --listen ADDR:PORT   where nodes and administrators are served over TLS (default: every address, the site's port)\n"
	"  --netboot-dir DIR    the imager's scripts (default: /usr/lib/orthrus/netboot)\n"
	"  --no-dnsmasq         write the files of network boot, but run no dnsmasq\n"
	"  --user NAME          started by root: start a helper for dnsmasq, and become this user without any privilege\n"
	"  --helper-socket PATH where such a helper listens already\n"
	"  --prepare            as root: make the directories of that user, and end\n"
	"  --helper             be the helper (of --client's orthrusd): start dnsmasq, and nothing else\n"
	"  --cast-child         cast what standard input says; orthrusd starts itself so, nobody else does\n"
	"  --debug              log more\n"
	"  --version, --help\n";

int daemon_options_read(int argc, char **argv, struct daemon_options *o)
{
	static const struct option longs[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "site", required_argument, NULL, 's' },
		{ "listen", required_argument, NULL, 'l' },
		{ "netboot-dir", required_argument, NULL, 'n' },
		{ "no-dnsmasq", no_argument, NULL, 'D' },
		{ "debug", no_argument, NULL, 'd' },
		{ "user", required_argument, NULL, 'u' },
		{ "helper-socket", required_argument, NULL, 'S' },
		{ "client", required_argument, NULL, 'c' },
		{ "helper", no_argument, NULL, 'H' },
		{ "prepare", no_argument, NULL, 'P' },
		{ "querier", no_argument, NULL, 'q' },
		{ "cast-child", no_argument, NULL, 'C' },
		{ "print-routes", no_argument, NULL, 'p' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct err err = { 0 };
	int c;

	o->root = getenv("ORTHRUS_ROOT");
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'r':
			o->root = optarg;
			break;
		case 's':
			o->site = optarg;
			break;
		case 'l':
			o->listen = optarg;
			break;
		case 'n':
			o->netboot_dir = optarg;
			break;
		case 'D':
			o->no_dnsmasq = true;
			break;
		case 'd':
			o->debug = true;
			break;
		case 'u':
			o->user = optarg;
			break;
		case 'S':
			o->helper_socket = optarg;
			break;
		case 'c':
			o->client = optarg;
			break;
		case 'H':
			o->helper = true;
			break;
		case 'P':
			o->prepare = true;
			break;
		case 'q':
			o->querier = true;
			break;
		case 'C':
			o->cast_child = true;
			break;
		case 'p':
			o->print_routes = true;
			break;
		case 'v':
			puts("orthrusd " ORTHRUS_VERSION);
			return 1;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			fputs(usage, stderr);
			return -1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "orthrusd: what is '%s' for?\n%s", argv[optind], usage);
		return -1;
	}
	if ((o->user && o->helper_socket) || (o->prepare && (o->helper || !o->user)) || (o->client && !o->helper)) {
		fprintf(stderr, "orthrusd: these options do not go together\n%s", usage);
		return -1;
	}
	if (o->listen && http_listen_check(o->listen, &err) < 0) {
		fprintf(stderr, "orthrusd: --listen: %s\n", err.text);
		return -1;
	}
	return 0;
}
