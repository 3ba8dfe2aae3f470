/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of orthrus-setup. */
#ifndef ORTHRUS_TUI_OPTIONS_H
#define ORTHRUS_TUI_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>

struct tui_options {
	char *root;		     /* "" for /, else without a '/' at the end */
	char *site;		     /* ROOT/var/lib/orthrus/setup-site.json unless --site says another */
	char *api, *ca, *cert, *key; /* NULL, or as given: of the dashboard of another head */
	bool plain, ascii, wizard, help, version;
	bool dashboard, watch; /* --watch and --api are of the dashboard, and --watch of plain text */
};
/* ERR_USAGE names what is wrong. */
int tui_options_read(int argc, char **argv, struct tui_options *o, struct err *err) WARN_UNUSED;
void tui_options_free(struct tui_options *o);
/* --help, --version */
void tui_options_print(const struct tui_options *o);

#endif
