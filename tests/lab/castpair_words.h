/* SPDX-License-Identifier: GPL-2.0-or-later */
/* castpair's command line. */
#ifndef ORTHRUS_TESTS_CASTPAIR_WORDS_H
#define ORTHRUS_TESTS_CASTPAIR_WORDS_H

#include "base/mem.h"
#include "castpair.h"

#include <stddef.h>
#include <stdint.h>

static _Noreturn void usage(const char *what)
{
	fprintf(stderr,
		"castpair: %s\n"
		"castpair send|receive FILE --secret TEXT --group ADDRESS --sender ADDRESS [--port N] [--interface NAME] "
		"[--hands N]\n"
		"    [--group2 ADDRESS --sender2 ADDRESS] [--broadcast ADDRESS]\n"
		"    [--symbol BYTES] [--piece BYTES] [--no-rows] [--one-by-one] [--watch]\n"
		"  send: --receivers N [--expected N] [--rate BYTES/S] [--gather-ms N] [--empty-ms N]\n"
		"  receive: --number N --bytes N [--no-check] [--sync] [--memory-mib N] [--silence-ms N]\n",
		what);
	exit(2);
}

static uint64_t number(const char *text)
{
	char *end;
	const unsigned long long v = strtoull(text, &end, 10);

	if (!*text || *end)
		usage(text);
	return v;
}

struct word {
	const char *name;
	char kind; /* s: text, q: 64 bits, u: unsigned, b: a flag */
	size_t at;
};
#define WORD(name, kind, member)                                                                                                 \
	{                                                                                                                        \
		name, kind, offsetof(struct options, member)                                                                     \
	}
static const struct word words[] = {
	WORD("--secret", 's', secret),
	WORD("--group", 's', group),
	WORD("--sender", 's', sender),
	WORD("--group2", 's', group2),
	WORD("--sender2", 's', sender2),
	WORD("--broadcast", 's', broadcast),
	WORD("--interface", 's', interface),
	WORD("--bytes", 'q', bytes),
	WORD("--rate", 'q', rate),
	WORD("--port", 'u', port),
	WORD("--receivers", 'u', receivers),
	WORD("--expected", 'u', expected),
	WORD("--number", 'u', number),
	WORD("--hands", 'u', hands),
	WORD("--symbol", 'u', symbol),
	WORD("--piece", 'u', piece),
	WORD("--gather-ms", 'u', gather_ms),
	WORD("--empty-ms", 'u', empty_ms),
	WORD("--memory-mib", 'u', memory_mib),
	WORD("--silence-ms", 'u', silence_ms),
	WORD("--one-by-one", 'b', one_by_one),
	WORD("--no-rows", 'b', no_rows),
	WORD("--no-check", 'b', no_check),
	WORD("--sync", 'b', sync),
	WORD("--watch", 'b', watch),
};

static void take(struct options *o, const struct word *w, const char *value)
{
	void *to = (char *)o + w->at;

	if (w->kind == 's')
		*(const char **)to = value;
	else if (w->kind == 'q')
		*(uint64_t *)to = number(value);
	else if (w->kind == 'u')
		*(unsigned int *)to = (unsigned int)number(value);
	else
		*(bool *)to = true;
}

static void read_options(struct options *o, int n, char **args)
{
	for (int i = 0; i < n; i++) {
		const struct word *w = NULL;

		for (size_t j = 0; j < ARRAY_LEN(words) && !w; j++)
			w = strcmp(words[j].name, args[i]) == 0 ? &words[j] : NULL;
		if (!w || (w->kind != 'b' && i + 1 == n))
			usage(args[i]);
		take(o, w, w->kind == 'b' ? NULL : args[++i]);
	}
}

#endif
