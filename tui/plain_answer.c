/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/plain_answer.h"

#include "base/mem.h"
#include "base/str.h"
#include "tui/view.h"

#include <string.h>
#include <strings.h>

static int one_choice(const struct field *f, const char *typed, const char **key, struct err *err)
{
	struct err none = { 0 };
	uint64_t n;

	/* A number is the one that stands before the choice, even where a key looks like one (RAID level 1). */
	if (f->n_choices && str_to_u64(typed, 1, f->n_choices, &n, &none) == 0) {
		*key = f->choices[n - 1].key;
		return 0;
	}
	for (size_t i = 0; i < f->n_choices && typed[strspn(typed, "0123456789")]; i++)
		if (str_eq(f->choices[i].key, typed)) {
			*key = f->choices[i].key;
			return 0;
		}
	if (!f->n_choices)
		return err_set(err, ERR_INVALID, "there is nothing to choose");
	return err_set(err, ERR_INVALID, "'%s' is none of the choices: type a number from 1 to %zu", typed, f->n_choices);
}

/* "1,3", "eth0 eth1": as a set, in the order of the choices. */
static int many(const struct field *f, const char *typed, char **value, struct err *err)
{
	autoclean(str_list_free) struct str_list chosen = { 0 };
	struct buf out = { 0 };

	for (const char *p = typed; *p;) {
		size_t len = strcspn(p, ", ");
		autofree char *word = mem_strndup(p, len);
		const char *key;

		if (len && one_choice(f, word, &key, err) < 0)
			return err_hint(err, "several with commas between them: 1,3; - for none");
		if (len)
			str_list_add(&chosen, key);
		p += len + (p[len] != '\0');
	}
	for (size_t i = 0; i < f->n_choices; i++)
		if (str_list_has(&chosen, f->choices[i].key))
			buf_addf(&out, "%s%s", out.len ? "," : "", f->choices[i].key);
	*value = buf_steal(&out);
	return 0;
}

static int yes_no(const char *typed, char **value, struct err *err)
{
	if (strcasecmp(typed, "y") == 0 || strcasecmp(typed, "yes") == 0)
		*value = mem_strdup("yes");
	else if (strcasecmp(typed, "n") == 0 || strcasecmp(typed, "no") == 0)
		*value = mem_strdup("no");
	else
		return err_set(err, ERR_INVALID, "'%s' is neither yes nor no", typed);
	return 0;
}

int plain_answer(const struct field *f, const char *typed, char **value, struct err *err)
{
	const char *key;

	if (!*typed) { /* of a secret that was refused nothing is kept that could be meant */
		*value = mem_strdup(f->kind == FIELD_SECRET && f->problem ? "" : f->value);
		return 0;
	}
	switch (f->kind) {
	case FIELD_CHOICE:
		if (one_choice(f, typed, &key, err) < 0)
			return -1;
		*value = mem_strdup(key);
		return 0;
	case FIELD_SET:
		return many(f, str_eq(typed, "-") ? "" : typed, value, err);
	case FIELD_SWITCH:
	case FIELD_ACTION:
		return yes_no(typed, value, err);
	case FIELD_TEXT:
	case FIELD_SECRET:
	case FIELD_NOTE:
		break;
	}
	*value = mem_strdup(str_eq(typed, "-") ? "" : typed);
	return 0;
}

void plain_choices(const struct field *f, struct buf *out)
{
	if (f->kind != FIELD_CHOICE && f->kind != FIELD_SET)
		return;
	buf_addf(out, "%s:\n", *f->label ? f->label : f->key);
	for (size_t i = 0; i < f->n_choices; i++) {
		const struct choice *c = &f->choices[i];
		bool on = f->kind == FIELD_CHOICE ? str_eq(c->key, f->value) : field_has(f, c->key);

		buf_addf(out, "  %c%2zu) %s\n", on ? '*' : ' ', i + 1, *c->label ? c->label : c->key);
	}
}

/* The numbers of what is chosen: they are what is typed. */
static void chosen(const struct field *f, struct buf *out)
{
	bool first = true;

	for (size_t i = 0; i < f->n_choices; i++)
		if (f->kind == FIELD_CHOICE ? str_eq(f->choices[i].key, f->value) : field_has(f, f->choices[i].key)) {
			buf_addf(out, "%s%zu", first ? "" : ",", i + 1);
			first = false;
		}
}

void plain_prompt(const struct field *f, struct buf *out)
{
	autofree char *shown = str_printable(f->value, strlen(f->value)); /* it may have been pasted by mistake */

	buf_addf(out, "%s [", *f->label ? f->label : f->key);
	switch (f->kind) {
	case FIELD_CHOICE:
	case FIELD_SET:
		chosen(f, out);
		break;
	case FIELD_SECRET:
		buf_adds(out, *f->value && !f->problem ? "as typed before" : "");
		break;
	case FIELD_ACTION:
		buf_adds(out, "no");
		break;
	case FIELD_TEXT:
	case FIELD_SWITCH:
	case FIELD_NOTE:
		buf_adds(out, shown);
		break;
	}
	buf_adds(out, "]: ");
}
