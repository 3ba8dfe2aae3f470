/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes ask their head for the time: chrony serves the provision network, by a file of its own beside the administrator's. */
#include "base/mem.h"
#include "headinstall/paths.h"
#include "headinstall/plan_priv.h"
#include "site/site.h"

#include <string.h>

#define SLEW_PPM 400

/* Where it does. Debian's chrony.conf reads the directory; one that somebody wrote may not. */
static const char *reads_directory(const char *text)
{
	for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
		const char *line = at + strspn(at, " \t");

		if (str_starts(line, "confdir ") && strstr(line, "/etc/chrony/conf.d") &&
		    (size_t)(strstr(line, "/etc/chrony/conf.d") - line) < strcspn(line, "\n"))
			return line;
	}
	return NULL;
}

static char *ours(const struct site *site)
{
	const struct site_network *net = site_provision(site);
	autoclean(buf_free) struct buf out = { 0 };
	char text[NET6_LEN];

	buf_adds(
		&out,
		"# Written by `orthrus head install`: nodes ask this head for the time, and get one also while it has none from\n"
		"# outside.\n");
	if (net->has4) {
		net4_print(&net->net4, text);
		buf_addf(&out, "allow %s\n", text);
	}
	if (net->has6) {
		net6_print(&net->net6, text);
		buf_addf(&out, "allow %s\n", text);
	}
	buf_adds(&out, "local stratum 10\n");
	/* The guards of a pair of heads count on clocks that run alike: as it comes, chrony has one run faster by up to 8 %. */
	buf_addf(&out,
		 "# How fast a wrong clock is set right, in ppm: the lease of a pair of heads counts on no more.\nmaxslewrate "
		 "%d\n",
		 SLEW_PPM);
	return buf_steal(&out);
}

/* The last word counts in chrony's configuration: one behind the line that reads our file stands against it. */
static void note_slew(const char *rest, const struct site *site, struct plan *out)
{
	for (const char *at = rest; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
		const char *line = at + strspn(at, " \t");
		const char *number = line + strlen("maxslewrate ");
		autofree char *value = NULL, *whole = NULL;
		struct err none = { 0 };
		uint64_t ppm;

		if (!str_starts(line, "maxslewrate "))
			continue;
		number += strspn(number, " \t");
		whole = mem_strndup(number, strspn(number, "0123456789"));
		if (str_to_u64(whole, 0, UINT64_MAX, &ppm, &none) == 0 && ppm <= SLEW_PPM)
			continue;
		value = mem_strndup(line, strcspn(line, "\n"));
		head_add(out, HEAD_STEP_NOTE, PLAN_READS, "note:maxslewrate",
			 str_format("leave '%s' in " HEAD_CHRONY " as it is%s", value,
				    site->n_heads > 1 ? ": the guards of the pair of heads need 400 or less, so lower it there"
						      : ""));
		return;
	}
}

int plan_time(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out,
	      struct err *err)
{
	const struct head_text *main = head_text(f, HEAD_CHRONY);
	const struct head_unit *unit = head_unit(f, "chrony.service");
	struct head_step *s;
	bool writes = false;

	(void)err;
	if (f->ntpsec) {
		head_add(out, HEAD_STEP_NOTE, PLAN_READS, "note:time",
			 mem_strdup("leave this machine's own time server as it is: allow the provision network in its "
				    "configuration, nodes ask "
				    "this head for the time"));
		return 0;
	}
	note_slew(main && main->there ? reads_directory(buf_str(&main->text)) : NULL, site, out);
	s = head_add(out, HEAD_STEP_TIME, PLAN_WRITES, "time",
		     str_format("have chrony give nodes the time, by " HEAD_CHRONY_OURS "%s",
				main && main->there && !reads_directory(buf_str(&main->text)) ? ", which " HEAD_CHRONY
												" is to read"
											      : ""));
	str_list_add(&s->words, "chrony.service");
	if (main && main->there && !reads_directory(buf_str(&main->text)))
		writes |= head_add_write(f, s, HEAD_CHRONY,
					 str_format("%s%s\n# Added by `orthrus head install`.\nconfdir /etc/chrony/conf.d\n",
						    buf_str(&main->text), str_ends(buf_str(&main->text), "\n") ? "" : "\n"),
					 0644);
	writes |= head_add_write(f, s, HEAD_CHRONY_OURS, ours(site), 0644);
	s->enable = !unit || !unit->enabled;
	s->start = f->running;
	if (writes || s->enable || (f->running && unit && !unit->active) || str_list_has(&wish->open, "time"))
		return 0;
	head_drop_last(out);
	return 0;
}
