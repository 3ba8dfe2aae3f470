/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debian's own programs, asked and told: dpkg-query, apt-get, apt-mark, systemctl and others, for a root. */
#ifndef ORTHRUS_HEADINSTALL_PROGRAMS_H
#define ORTHRUS_HEADINSTALL_PROGRAMS_H

#include "base/err.h"
#include "base/str.h"
#include "headinstall/journal.h"
#include "sys/spawn.h"

#include <stdbool.h>

/* Run, demand exit 0; the root is told to each program by the option that it has for it. `r` as for spawn_run. */
int program_run(const char *root, const struct str_list *argv, struct spawn_result *r, struct err *err) WARN_UNUSED;
#define PROGRAM(root, r, err, ...) program_words((root), (r), (err), (const char *const[]){ __VA_ARGS__, NULL })
int program_words(const char *root, struct spawn_result *r, struct err *err, const char *const *words) WARN_UNUSED;

/* Every package that is installed, as now_there, with now_auto and its version: settled. */
int program_packages(const char *root, struct head_journal *out, struct err *err) WARN_UNUSED;
/* What `apt-get -s ...` would install, raise to another version, and remove; each may be NULL. */
struct apt_says {
	struct str_list *brings, *raises, *takes;
};
int program_simulate(const char *root, const struct str_list *args, const struct apt_says *out, struct err *err) WARN_UNUSED;
/* apt-get without questions; what it says of a failure is the error's hint. Waits for another's lock up to two minutes. */
int program_apt(const char *root, const struct str_list *args, struct err *err) WARN_UNUSED;

#endif
