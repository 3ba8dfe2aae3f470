/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The dashboard by itself, for tests: dash_tool [--root DIR] [--orthrus PROGRAM] [--plain] [--watch] [--ascii] [--mono]
 * [--columns N] [--rows N]
 * [--api URL --ca FILE --cert FILE --key FILE]. */
#include "tui/dash.h"

#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	static const struct option options[] = { { "root", required_argument, NULL, 'r' },
						 { "orthrus", required_argument, NULL, 'o' },
						 { "api", required_argument, NULL, 'A' },
						 { "ca", required_argument, NULL, 'a' },
						 { "cert", required_argument, NULL, 'c' },
						 { "key", required_argument, NULL, 'k' },
						 { "columns", required_argument, NULL, 'C' },
						 { "rows", required_argument, NULL, 'R' },
						 { "plain", no_argument, NULL, 'p' },
						 { "watch", no_argument, NULL, 'w' },
						 { "ascii", no_argument, NULL, 'i' },
						 { "mono", no_argument, NULL, 'm' },
						 { 0 } };
	struct dash_opts o = { .root = "" };
	struct err err = { 0 };

	setlocale(LC_ALL, "");
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;)
		switch (c) {
		case 'r':
			o.root = optarg;
			break;
		case 'o':
			o.orthrus = optarg;
			break;
		case 'A':
			o.api = optarg;
			break;
		case 'a':
			o.ca = optarg;
			break;
		case 'c':
			o.cert = optarg;
			break;
		case 'k':
			o.key = optarg;
			break;
		case 'C':
			o.columns = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'R':
			o.rows = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'p':
			o.plain = true;
			break;
		case 'w':
			o.watch = true;
			break;
		case 'i':
			o.ascii = true;
			break;
		case 'm':
			o.mono = true;
			break;
		default:
			return 2;
		}
	if (dash_run(&o, &err) == 0)
		return 0;
	fprintf(stderr, "dash_tool: %s\n  next: %s\n", err.text, err.hint);
	return err_exit_code(err.kind);
}
