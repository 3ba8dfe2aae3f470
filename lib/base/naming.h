/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that give names to machines as they arrive: by the switch port that they hang on, else in the order of their coming. Two
 * rules that disagree are an error that names both: no name is ever guessed.
 *
 *	n[001-500]			in the order of arrival, the lowest that is free
 *	sw-r1:swp[1-48]=r1n[01-48]	by SYSTEM:PORT as LLDP tells them; both sides stand for equally many, in the order written
 *	rack[1-4]:[1-32]=rack[1-4]n[01-32]
 */
#ifndef ORTHRUS_BASE_NAMING_H
#define ORTHRUS_BASE_NAMING_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define NAMING_MAX 65536 /* names that one rule stands for */
#define NAMING_RULES_MAX 1000
#define NAMING_TEXT_MAX 512 /* bytes of a rule */

struct naming_rule {
	char *text;	    /* as it was given */
	struct str_list at; /* "SYSTEM:PORT" of each name; empty: by arrival */
	struct str_list names;
	size_t next; /* of an arrival rule: names before it are taken */
};
/* `autoclean(naming_free) struct naming n = { 0 };` */
struct naming {
	struct naming_rule *rules;
	size_t len, cap;
};
void naming_free(struct naming *n);

/* Add a rule. ERR_INVALID says what is wrong and at which byte of it, from 1. The same port or name twice in one rule is wrong.
 */
int naming_add(struct naming *n, const char *rule, struct err *err) WARN_UNUSED;

/* What is heard at the other end of one of the machine's cables; system and description may be NULL. */
struct naming_port {
	const char *system, *port, *description;
};
/* Does "SYSTEM" of a rule or a list mean this port? Letters' case does not matter; a SYSTEM without dots means the host part of a
 * longer name; PORT is the port's name or its description, whole. */
bool naming_is_port(const struct naming_port *p, const char *system, const char *port);

/* The name for a machine with these ports. `*name` points into the rules. `taken`: is there such a node already?
 * ERR_NOT_FOUND: no rule names it; ERR_CONFLICT: two do, differently; ERR_EXISTS: its name is taken, or all are. */
int naming_name(struct naming *n, const struct naming_port *ports, size_t n_ports, bool (*taken)(void *ctx, const char *name),
		void *ctx, const char **name, struct err *err) WARN_UNUSED;

/* "rack[1-2]n[01-32]" as the texts that it stands for, appended in the order written, the first bracket slowest; at most
 * NAMING_MAX. */
int naming_expand(const char *text, struct str_list *out, struct err *err) WARN_UNUSED;

#endif
