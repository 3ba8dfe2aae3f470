/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/buf.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/options.h"

static void add_row(struct buf *out, const char *left, const char *right)
{
	buf_addf(out, "  %-30s %s\n", left, right);
}

static void help_globals(struct buf *out)
{
	buf_adds(out, "\nOptions of every command:\n");
	for (size_t i = 0; i < cmd_n_globals; i++) {
		autofree char *left = str_format("--%s%s%s", cmd_globals[i].name, cmd_globals[i].value ? " " : "",
						 cmd_globals[i].value ? cmd_globals[i].value : "");

		add_row(out, left, cmd_globals[i].help);
	}
}

static void help_verbs(struct buf *out, const char *noun)
{
	for (size_t i = 0; i < cmd_n_defs; i++) {
		const struct cmd_def *d = &cmd_defs[i];
		autofree char *left = str_format("%s %s%s%s", d->noun, d->verb, *d->args ? " " : "", d->args);

		if (str_eq(d->noun, noun))
			add_row(out, left, d->help);
	}
}

static void help_top(struct buf *out)
{
	buf_adds(out, "orthrus: bare machines to a cluster and back\n\nForm: orthrus NOUN VERB [ARGUMENTS] [--options]\n");
	for (size_t i = 0; i < cmd_n_nouns; i++) {
		buf_addf(out, "\n%s: %s\n", cmd_nouns[i].name, cmd_nouns[i].help);
		help_verbs(out, cmd_nouns[i].name);
	}
	help_globals(out);
	buf_adds(out, "\nExit codes: 0 done, 1 failed, 2 usage, 3 refused by a safety rule, 4 partly done.\n"
		      "Nodes are written n[01-64], @group, rack[1-4]n[01-32],!rack2n07. The manual is orthrus(8).\n");
}

static void help_noun(struct buf *out, const char *noun)
{
	for (size_t i = 0; i < cmd_n_nouns; i++)
		if (str_eq(cmd_nouns[i].name, noun))
			buf_addf(out, "orthrus %s: %s\n\n", noun, cmd_nouns[i].help);
	help_verbs(out, noun);
	buf_addf(out, "\n`orthrus %s VERB --help` shows a verb's options. The manual is orthrus-%s(8).\n", noun, noun);
}

static void help_verb(struct buf *out, const struct cmd_def *d)
{
	const char *rest = d->options;
	struct cmd_spec s;

	buf_addf(out, "orthrus %s %s%s%s%s\n\n  %s.\n", d->noun, d->verb, *d->args ? " " : "", d->args,
		 *rest ? " [--options]" : "", d->help);
	if (d->effect == CMD_CHANGES || d->effect == CMD_CHANGES_HERE || d->effect == CMD_DRAFTS_HERE)
		buf_adds(out, "  With --plan it shows what it would do and changes nothing.\n");
	if (*rest)
		buf_adds(out, "\nIts options:\n");
	while (cmd_spec_next(&rest, &s)) {
		buf_addf(out, "  --%.*s%s%.*s%s\n", (int)s.name_len, s.name, s.value ? " " : "", (int)s.value_len,
			 s.value ? s.value : "", s.repeats ? "   (may be repeated)" : "");
	}
	help_globals(out);
}

void cmd_help(const struct cmd *c)
{
	autoclean(buf_free) struct buf out = { 0 };

	if (c->def)
		help_verb(&out, c->def);
	else if (c->noun)
		help_noun(&out, c->noun);
	else
		help_top(&out);
	cmd_print(buf_str(&out));
}
