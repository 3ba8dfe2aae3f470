/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/completion.h"

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/options.h"

#include <string.h>

/* What stands for a word in the table, and what it can be completed with. */
static const struct {
	const char *text, *kind;
} kinds[] = {
	{ "NODESET", "nodes" },	   { "NODE", "nodes" },	      { "GROUP", "groups" },
	{ "LAYOUT", "layouts" },   { "NETWORK", "networks" }, { "HEAD", "heads" },
	{ "NAME[/ID]", "images" }, { "NAME/ID", "images" },   { "FILE|NAME[/ID]", "images+files" },
	{ "FILE", "files" },	   { "FILE|-", "files" },     { "TARGET", "files" },
	{ "COMMAND", "files" },	   { "DIR", "dirs" },	      { "[USER@]HOST:/|DIR", "dirs" },
};
/* What a NAME is depends on what it is the name of: a noun's own, or an option's. */
static const struct {
	const char *of, *kind;
} names[] = {
	{ "image", "images" },	   { "secret", "secrets" },	    { "--image", "images" },
	{ "--layout", "layouts" }, { "--interface", "interfaces" },
};

static const char *kind_of(const char *text, size_t len, const char *of)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strlen(kinds[i].text) == len && memcmp(kinds[i].text, text, len) == 0)
			return kinds[i].kind;
	for (size_t i = 0; i < ARRAY_LEN(names) && len == 4 && memcmp(text, "NAME", 4) == 0; i++)
		if (str_eq(names[i].of, of))
			return names[i].kind;
	return "none";
}

/* "images files*" of "NAME[/ID] [FILE...]". */
static void add_words(struct buf *out, const struct cmd_def *d)
{
	const char *between = "";

	for (const char *p = d->args, *end; *p; p = *end ? end + 1 : end) {
		bool repeats;
		size_t len;

		end = strchrnul(p, ' ');
		len = (size_t)(end - p);
		if (len == 2 && memcmp(p, "--", 2) == 0)
			continue;
		if (*p == '[') {
			p++;
			len -= 2;
		}
		repeats = len > 3 && memcmp(p + len - 3, "...", 3) == 0;
		len -= repeats ? 3 : 0;
		buf_addf(out, "%s%s%s", between, kind_of(p, len, d->noun), repeats ? "*" : "");
		between = " ";
	}
}

static void add_verb(struct buf *out, const struct cmd_def *d)
{
	const char *rest = d->options;
	struct cmd_spec s;

	buf_addf(out, "\t%s/%s) options=\"", d->noun, d->verb);
	while (cmd_spec_next(&rest, &s))
		buf_addf(out, "--%.*s ", (int)s.name_len, s.name);
	buf_adds(out, "\" values=\"");
	rest = d->options;
	while (cmd_spec_next(&rest, &s)) {
		autofree char *name = str_format("--%.*s", (int)s.name_len, s.name);

		if (s.value)
			buf_addf(out, "%s=%s ", name, kind_of(s.value, s.value_len, name));
	}
	buf_adds(out, "\" kinds=\"");
	add_words(out, d);
	buf_adds(out, "\" ;;\n");
}

static void add_globals(struct buf *out)
{
	buf_adds(out, "_orthrus_globals=\"");
	for (size_t i = 0; i < cmd_n_globals; i++)
		buf_addf(out, "--%s ", cmd_globals[i].name);
	buf_adds(out, "\"\n_orthrus_global_values=\"");
	for (size_t i = 0; i < cmd_n_globals; i++)
		if (cmd_globals[i].value)
			buf_addf(out, "--%s=%s ", cmd_globals[i].name,
				 kind_of(cmd_globals[i].value, strlen(cmd_globals[i].value), ""));
	buf_adds(out, "\"\n");
}

static const char reading[] =
	"_orthrus_read()\n"
	"{\n"
	"\tlocal word\n"
	"\tfor word in \"$@\"; do\n"
	"\t\tcase $word in '~/'*) word=$HOME/${word#'~/'} ;; esac\n"
	"\t\tif [[ -n $option ]]; then\n"
	"\t\t\tcase \" $_orthrus_global_values\" in *\" $option=\"*) pass+=(\"$option\" \"$word\") ;; esac\n"
	"\t\t\toption=\n"
	"\t\telif [[ -n $ended || $word != -* ]]; then\n"
	"\t\t\tif [[ -z $noun ]]; then noun=$word\n"
	"\t\t\telif [[ -z $verb ]]; then verb=$word; _orthrus_verb \"$noun/$verb\"\n"
	"\t\t\telse n=$((n + 1)); fi\n"
	"\t\telif [[ $word == -- ]]; then ended=1\n"
	"\t\telse\n"
	"\t\t\tcase \" $_orthrus_global_values\" in *\" ${word%%=*}=\"*) case $word in *=*) pass+=(\"$word\") ;; esac ;; esac\n"
	"\t\t\tcase \" $_orthrus_global_values$values\" in *\" $word=\"*) option=$word ;; esac\n"
	"\t\tfi\n"
	"\tdone\n"
	"}\n"
	"_orthrus_value_kind()\n"
	"{\n"
	"\tkind=none\n"
	"\tcase \" $_orthrus_global_values$values\" in *\" $option=\"*)\n"
	"\t\tkind=\" $_orthrus_global_values$values\"\n"
	"\t\tkind=${kind#*\" $option=\"}\n"
	"\t\tkind=${kind%% *} ;;\n"
	"\tesac\n"
	"}\n"
	"_orthrus_word_kind()\n"
	"{\n"
	"\tlocal i rest=$kinds\n"
	"\tkind=none\n"
	"\tfor ((i = 0; i < n; i++)); do\n"
	"\t\tcase $rest in *' '*) rest=${rest#* } ;; *'*') break ;; *) return ;; esac\n"
	"\tdone\n"
	"\t[[ -n $rest ]] || return 0\n"
	"\tkind=${rest%% *}\n"
	"\tkind=${kind%'*'}\n"
	"}\n";

void completion_common(struct buf *out)
{
	add_globals(out);
	buf_adds(out, "_orthrus_verb()\n{\n\tcase $1 in\n");
	for (size_t i = 0; i < cmd_n_defs; i++)
		add_verb(out, &cmd_defs[i]);
	buf_adds(out, "\tesac\n}\n");
	buf_adds(out, reading);
}

int completion_check(struct cmd *c, const char *shell, struct err *err)
{
	if (cmd_args(c, 0, 0, err) < 0)
		return -1;
	if (!c->json)
		return 0;
	err_set(err, ERR_USAGE, "'completion %s' prints a script, which is no JSON", shell);
	return err_hint(err, "leave --json out");
}
