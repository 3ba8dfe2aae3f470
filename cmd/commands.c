/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/commands.h"

#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/options.h"

#define X(noun, verb, function, effect, args, options, help) { noun, verb, function, effect, args, options, help },
const struct cmd_def cmd_defs[] = { COMMANDS(X) };
#undef X
const size_t cmd_n_defs = ARRAY_LEN(cmd_defs);

#define X(name, help) { name, help },
const struct cmd_noun cmd_nouns[] = { NOUNS(X) };
#undef X
const size_t cmd_n_nouns = ARRAY_LEN(cmd_nouns);
