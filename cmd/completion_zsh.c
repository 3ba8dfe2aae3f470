/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A function for zsh's own completion (compinit), which finds it as the file _orthrus in $fpath. */
#include "cmd/completion.h"

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/options.h"

/* 'name:help', quoted for the shell and for _describe. */
static void add_described(struct buf *out, const char *name, const char *help)
{
	buf_addf(out, " '%s:", name);
	for (const char *p = help; *p; p++) {
		if (*p == '\'')
			buf_adds(out, "'\\''");
		else if (*p == ':' || *p == '\\')
			buf_addf(out, "\\%c", *p);
		else
			buf_addf(out, "%c", *p);
	}
	buf_adds(out, "'");
}

static void add_nouns(struct buf *out)
{
	buf_adds(out, "_orthrus_nouns()\n{\n\tlist=(");
	for (size_t i = 0; i < cmd_n_nouns; i++)
		add_described(out, cmd_nouns[i].name, cmd_nouns[i].help);
	buf_adds(out, " )\n}\n_orthrus_verbs()\n{\n\tcase $1 in\n");
	for (size_t i = 0; i < cmd_n_nouns; i++) {
		buf_addf(out, "\t%s) list=(", cmd_nouns[i].name);
		for (size_t k = 0; k < cmd_n_defs; k++)
			if (str_eq(cmd_defs[k].noun, cmd_nouns[i].name))
				add_described(out, cmd_defs[k].verb, cmd_defs[k].help);
		buf_adds(out, " ) ;;\n");
	}
	buf_adds(out, "\tesac\n}\n");
}

static const char complete[] = "_orthrus_reply()\n"
			       "{\n"
			       "\tlocal program=${(Q)words[1]} also=\n"
			       "\tcase $kind in *+files) also=1 kind=${kind%+files} ;; esac\n"
			       "\tcase $program in '~/'*) program=$HOME/${program#'~/'} ;; esac\n"
			       "\tcase $kind in\n"
			       "\tfiles) _files; return ;;\n"
			       "\tdirs) _files -/; return ;;\n"
			       "\tnone) return 1 ;;\n"
			       "\tnodes) compset -P '*[,!&]' ;;\n"
			       "\tesac\n"
			       "\tlist=(${(f)\"$(\"$program\" \"${pass[@]}\" completion words $kind 2>/dev/null </dev/null)\"})\n"
			       "\tcompadd -a list && found=0\n"
			       "\tif [[ -n $also ]]; then _files && found=0; fi\n"
			       "\treturn found\n"
			       "}\n"
			       "_orthrus()\n"
			       "{\n"
			       "\tlocal noun= verb= option= ended= options= values= kinds= kind= n=0 found=1\n"
			       "\tlocal -a pass list\n"
			       "\t_orthrus_read \"${(@Q)words[2,CURRENT-1]}\"\n"
			       "\tif [[ -n $option ]]; then _orthrus_value_kind; _orthrus_reply\n"
			       "\telif [[ -z $ended && $PREFIX == --*=* ]]; then\n"
			       "\t\toption=${PREFIX%%=*}\n"
			       "\t\tcompset -P '*='\n"
			       "\t\t_orthrus_value_kind\n"
			       "\t\t_orthrus_reply\n"
			       "\telif [[ -z $ended && $PREFIX == -* ]]; then compadd -- ${=options} ${=_orthrus_globals}\n"
			       "\telif [[ -z $noun ]]; then _orthrus_nouns; _describe -t nouns noun list\n"
			       "\telif [[ -z $verb ]]; then _orthrus_verbs $noun; _describe -t verbs verb list\n"
			       "\telse _orthrus_word_kind; _orthrus_reply\n"
			       "\tfi\n"
			       "}\n"
			       "_orthrus \"$@\"\n";

int cmd_completion_zsh(struct cmd *c, struct err *err)
{
	autoclean(buf_free) struct buf out = { 0 };

	if (completion_check(c, "zsh", err) < 0)
		return -1;
	buf_adds(&out, "#compdef orthrus\n# zsh completion for orthrus, made by `orthrus completion zsh`\n");
	completion_common(&out);
	add_nouns(&out);
	buf_adds(&out, complete);
	cmd_print(buf_str(&out));
	return 0;
}
