/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the diagnosis share. */
#ifndef ORTHRUS_CAST_DIAGNOSE_PRIV_H
#define ORTHRUS_CAST_DIAGNOSE_PRIV_H

#include "cast/diagnose.h"

struct work {
	const struct diagnose_facts *f;
	struct diagnose *out;
	bool *done; /* of each receiver: explained */
	double median;
};
typedef bool (*diagnose_test)(const struct work *w, const struct diagnose_receiver *r);

/* `about`: who is named; NULL: nobody. A format follows. */
#define diagnose_say(w, kind, about, ...) diagnose_add(w, kind, about, str_format(__VA_ARGS__))
void diagnose_add(struct work *w, enum diagnose_kind kind, const char *about, char *text); /* takes the text */
/* The names of those which `is` true of, and which nothing explains yet; these are explained then. NULL: none. Caller frees. */
char *diagnose_take(struct work *w, diagnose_test is, size_t *n);
const char *diagnose_sender(const struct work *w); /* "head" or "sender" */

/* diagnose_way.c */
void diagnose_way(struct work *w);

#endif
