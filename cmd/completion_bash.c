/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Only bash itself is needed (no bash-completion package). The line is taken apart here, since bash cuts words at '=', ':' and
 * '@' too; what it has cut off must not be in the replies. */
#include "cmd/completion.h"

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/options.h"

static void add_nouns(struct buf *out)
{
	buf_adds(out, "_orthrus_nouns=\"");
	for (size_t i = 0; i < cmd_n_nouns; i++)
		buf_addf(out, "%s ", cmd_nouns[i].name);
	buf_adds(out, "\"\n_orthrus_verbs()\n{\n\tcase $1 in\n");
	for (size_t i = 0; i < cmd_n_nouns; i++) {
		buf_addf(out, "\t%s) verbs=\"", cmd_nouns[i].name);
		for (size_t k = 0; k < cmd_n_defs; k++)
			if (str_eq(cmd_defs[k].noun, cmd_nouns[i].name))
				buf_addf(out, "%s ", cmd_defs[k].verb);
		buf_adds(out, "\" ;;\n");
	}
	buf_adds(out, "\tesac\n}\n");
}

static const char complete[] =
	"_orthrus_reply() # PROGRAM: what $kind names and begins with $cur\n"
	"{\n"
	"\tlocal word part before= also=\n"
	"\tcase $kind in *+files) also=1 kind=${kind%+files} ;; esac\n"
	"\tcase $kind in\n"
	"\tfiles) compopt -o filenames 2>/dev/null; mapfile -t reply < <(compgen -f -- \"$cur\") ;;\n"
	"\tdirs) compopt -o filenames 2>/dev/null; mapfile -t reply < <(compgen -d -- \"$cur\") ;;\n"
	"\tnone) ;;\n"
	"\t*)\n"
	"\t\tpart=$cur\n"
	"\t\tif [[ $kind == nodes ]]; then part=${cur##*[,!\\&]}; before=${cur%\"$part\"}; fi\n"
	"\t\twhile IFS= read -r word; do [[ $word == \"$part\"* ]] && reply+=(\"$before$word\"); done \\\n"
	"\t\t\t< <(\"$1\" \"${pass[@]}\" completion words \"$kind\" 2>/dev/null </dev/null)\n"
	"\t\tif [[ $also ]]; then mapfile -t -O \"${#reply[@]}\" reply < <(compgen -f -- \"$cur\"); fi ;;\n"
	"\tesac\n"
	"}\n"
	"_orthrus()\n"
	"{\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT} noun= verb= verbs= option= ended= options= values= kinds= kind= n=0\n"
	"\tlocal cur whole before= breaks=${COMP_WORDBREAKS//@} program=$1 w=() pass=() reply=()\n"
	"\tread -r -a w <<<\"$line\"\n"
	"\t[[ $line == *[[:space:]] ]] && w+=('')\n"
	"\tcur=${w[${#w[@]} - 1]}\n"
	"\tunset \"w[${#w[@]} - 1]\" 'w[0]'\n"
	"\t_orthrus_read \"${w[@]//[\\\"\\'\\\\]/}\"\n"
	"\twhole=${cur#[\\\"\\']}\n"
	"\tif [[ $whole == \"$cur\" ]]; then before=${cur%\"${cur##*[$breaks]}\"}; fi\n"
	"\tif [[ $COMP_WORDBREAKS == *@* && ${whole#\"$before\"} == *@* ]]; then before=${whole%@*}; fi\n"
	"\tcur=$whole\n"
	"\tif [[ $option ]]; then _orthrus_value_kind; _orthrus_reply \"$program\"\n"
	"\telif [[ ! $ended && $cur == --*=* ]]; then\n"
	"\t\toption=${cur%%=*} cur=${cur#*=}\n"
	"\t\t_orthrus_value_kind\n"
	"\t\t_orthrus_reply \"$program\"\n"
	"\t\treply=(\"${reply[@]/#/$option=}\")\n"
	"\telif [[ ! $ended && $cur == -* ]]; then reply=($(compgen -W \"$options$_orthrus_globals\" -- \"$cur\"))\n"
	"\telif [[ ! $noun ]]; then reply=($(compgen -W \"$_orthrus_nouns\" -- \"$cur\"))\n"
	"\telif [[ ! $verb ]]; then _orthrus_verbs \"$noun\"; reply=($(compgen -W \"$verbs\" -- \"$cur\"))\n"
	"\telse _orthrus_word_kind; _orthrus_reply \"$program\"\n"
	"\tfi\n"
	"\tCOMPREPLY=(\"${reply[@]#\"$before\"}\")\n"
	"}\n"
	"complete -F _orthrus orthrus\n";

int cmd_completion_bash(struct cmd *c, struct err *err)
{
	autoclean(buf_free) struct buf out = { 0 };

	if (completion_check(c, "bash", err) < 0)
		return -1;
	buf_adds(&out, "# bash completion for orthrus, made by `orthrus completion bash`\n");
	completion_common(&out);
	add_nouns(&out);
	buf_adds(&out, complete);
	cmd_print(buf_str(&out));
	return 0;
}
