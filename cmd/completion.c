/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/options.h"

#include <string.h>

/* Words are completed by position: noun, verb, then the verb's options; a word after an option that takes a file completes files.
 * Only bash itself is needed (no bash-completion package). */
static const char head[] = "# bash completion for orthrus, made by `orthrus completion bash`\n"
			   "_orthrus()\n"
			   "{\n"
			   "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} noun= verb= word words skip=\n"
			   "\tlocal i\n"
			   "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
			   "\t\tword=${COMP_WORDS[i]}\n"
			   "\t\tif [[ $skip ]]; then skip=; continue; fi\n"
			   "\t\tcase $word in\n";
static const char middle[] = "\t\t-*) ;;\n"
			     "\t\t*) if [[ -z $noun ]]; then noun=$word; elif [[ -z $verb ]]; then verb=$word; fi ;;\n"
			     "\t\tesac\n"
			     "\tdone\n"
			     "\tCOMPREPLY=()\n"
			     "\tcase $prev in\n";
static const char tail[] = "\tesac\n"
			   "\tif [[ $cur == -* ]]; then words=\"$words $globals\"; elif [[ $verb ]]; then words=; fi\n"
			   "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
			   "}\n"
			   "complete -F _orthrus orthrus\n";

/* "--a|--b" of the global options that take a value of this sort ("FILE" or "DIR"; NULL: any). */
static void add_globals(struct buf *out, const char *value, bool flags, const char *between)
{
	bool first = true;

	for (size_t i = 0; i < cmd_n_globals; i++) {
		if (!flags && (!cmd_globals[i].value || (value && !str_eq(value, cmd_globals[i].value))))
			continue;
		buf_addf(out, "%s--%s", first ? "" : between, cmd_globals[i].name);
		first = false;
	}
}

/* "--from|--out": the verbs' options whose value is a directory, each once. */
static void add_directories(struct buf *out)
{
	autoclean(str_list_free) struct str_list seen = { 0 };

	for (size_t i = 0; i < cmd_n_defs; i++) {
		const char *rest = cmd_defs[i].options;
		struct cmd_spec s;

		while (cmd_spec_next(&rest, &s)) {
			autofree char *name = str_format("--%.*s", (int)s.name_len, s.name);

			if (s.value_len != 3 || memcmp(s.value, "DIR", 3) != 0 || str_list_has(&seen, name))
				continue;
			buf_addf(out, "|%s", name);
			str_list_add(&seen, name);
		}
	}
}

static void add_nouns(struct buf *out)
{
	buf_adds(out, "\tcase $noun in\n\t'') words=\"");
	for (size_t i = 0; i < cmd_n_nouns; i++)
		buf_addf(out, "%s%s", i ? " " : "", cmd_nouns[i].name);
	buf_adds(out, "\" ;;\n");
	for (size_t i = 0; i < cmd_n_nouns; i++) {
		buf_addf(out, "\t%s) words=\"", cmd_nouns[i].name);
		for (size_t k = 0, n = 0; k < cmd_n_defs; k++)
			if (str_eq(cmd_defs[k].noun, cmd_nouns[i].name))
				buf_addf(out, "%s%s", n++ ? " " : "", cmd_defs[k].verb);
		buf_adds(out, "\" ;;\n");
	}
	buf_adds(out, "\tesac\n");
}

/* The verb's own options replace the verbs once there is one. */
static void add_verbs(struct buf *out)
{
	buf_adds(out, "\t[[ $verb ]] && case $noun/$verb in\n");
	for (size_t i = 0; i < cmd_n_defs; i++) {
		const char *rest = cmd_defs[i].options;
		struct cmd_spec s;

		buf_addf(out, "\t%s/%s) words=\"", cmd_defs[i].noun, cmd_defs[i].verb);
		while (cmd_spec_next(&rest, &s))
			buf_addf(out, "--%.*s ", (int)s.name_len, s.name);
		buf_adds(out, "\" ;;\n");
	}
}

int cmd_completion_bash(struct cmd *c, struct err *err)
{
	autoclean(buf_free) struct buf out = { 0 };

	if (cmd_args(c, 0, 0, err) < 0)
		return -1;
	if (c->json) {
		err_set(err, ERR_USAGE, "'completion bash' prints a script, which is no JSON");
		return err_hint(err, "leave --json out");
	}
	buf_adds(&out, head);
	buf_adds(&out, "\t\t");
	add_globals(&out, NULL, false, "|");
	buf_adds(&out, ") skip=1 ;;\n");
	buf_adds(&out, middle);
	buf_adds(&out, "\t");
	add_globals(&out, "FILE", false, "|");
	buf_adds(&out, ") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n\t");
	add_globals(&out, "DIR", false, "|");
	add_directories(&out);
	buf_adds(&out, ") COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n\tesac\n\tlocal globals=\"");
	add_globals(&out, NULL, true, " ");
	buf_adds(&out, "\"\n");
	add_nouns(&out);
	add_verbs(&out);
	buf_adds(&out, tail);
	cmd_print(buf_str(&out));
	return 0;
}
