/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/naming.h"

#include "base/buf.h"
#include "base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS_MAX 9

void naming_free(struct naming *n)
{
	for (size_t i = 0; i < n->len; i++) {
		free(n->rules[i].text);
		str_list_free(&n->rules[i].at);
		str_list_free(&n->rules[i].names);
	}
	free(n->rules);
	*n = (struct naming){ 0 };
}

/* --- brackets --------------------------------------------------------------------------------------------------------------- */

struct reading {
	const char *text, *at;
};

static int bad(const struct reading *r, struct err *err, const char *what)
{
	return err_set(err, ERR_INVALID, "'%s', byte %zu: %s", r->text, (size_t)(r->at - r->text) + 1, what);
}

static int read_number(struct reading *r, uint32_t *value, size_t *digits, struct err *err)
{
	*digits = strspn(r->at, "0123456789");
	if (*digits == 0 || *digits > DIGITS_MAX)
		return bad(r, err, *digits ? "the number is too long" : "a number is missing");
	*value = (uint32_t)strtoul(r->at, NULL, 10);
	r->at += *digits;
	return 0;
}

/* "08-12": 08 09 10 11 12, as wide as the first when that begins with 0. */
static int read_range(struct reading *r, struct str_list *out, struct err *err)
{
	uint32_t first, last;
	size_t digits, ignored;
	bool padded = *r->at == '0';

	if (read_number(r, &first, &digits, err) < 0)
		return -1;
	last = first;
	if (*r->at == '-') {
		r->at++;
		if (read_number(r, &last, &ignored, err) < 0)
			return -1;
	}
	if (last < first)
		return bad(r, err, "the range goes backwards");
	if (last - first >= NAMING_MAX - out->len)
		return bad(r, err, "the range is too long");
	for (uint32_t i = first; i <= last; i++)
		str_list_addf(out, "%0*u", padded ? (int)digits : 1, i);
	return 0;
}

/* "[1-4,7]" */
static int read_bracket(struct reading *r, struct str_list *out, struct err *err)
{
	do {
		r->at++;
		if (read_range(r, out, err) < 0)
			return -1;
	} while (*r->at == ',');
	if (*r->at != ']')
		return bad(r, err, "a ']' is missing");
	r->at++;
	return 0;
}

/* Every text so far with every one of `more` behind it. */
static int multiply(const struct reading *r, struct str_list *so_far, const struct str_list *more, struct err *err)
{
	struct str_list product = { 0 };

	if (so_far->len > NAMING_MAX / more->len)
		return bad(r, err, "it stands for too many names");
	for (size_t i = 0; i < so_far->len; i++)
		for (size_t k = 0; k < more->len; k++)
			str_list_addf(&product, "%s%s", so_far->items[i], more->items[k]);
	str_list_free(so_far);
	*so_far = product;
	return 0;
}

int naming_expand(const char *text, struct str_list *out, struct err *err)
{
	autoclean(str_list_free) struct str_list all = { 0 };
	struct reading r = { text, text };

	if (!*text || strlen(text) > NAMING_TEXT_MAX)
		return err_set(err, ERR_INVALID, *text ? "a rule has more than %d bytes" : "a part of the rule is empty",
			       NAMING_TEXT_MAX);
	str_list_add(&all, "");
	while (*r.at) {
		autoclean(str_list_free) struct str_list piece = { 0 };
		size_t plain = strcspn(r.at, "[]");

		if (plain) {
			autofree char *same = mem_strndup(r.at, plain);

			str_list_add(&piece, same);
			r.at += plain;
		} else if (*r.at == ']') {
			return bad(&r, err, "a ']' without its '['");
		} else if (read_bracket(&r, &piece, err) < 0) {
			return -1;
		}
		if (multiply(&r, &all, &piece, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < all.len; i++)
		str_list_add(out, all.items[i]);
	return 0;
}

/* --- rules ------------------------------------------------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int check_once(const struct str_list *l, struct err *err)
{
	autofree char **sorted = mem_dup(l->items, l->len * sizeof(*l->items));

	qsort(sorted, l->len, sizeof(*sorted), by_text);
	for (size_t i = 1; i < l->len; i++)
		if (str_eq(sorted[i - 1], sorted[i]))
			return err_set(err, ERR_INVALID, "%s stands there twice", sorted[i]);
	return 0;
}

static int check_rule(const struct naming_rule *r, bool by_port, struct err *err)
{
	for (size_t i = 0; i < r->names.len; i++)
		if (str_check_hostname(r->names.items[i], err) < 0)
			return -1;
	for (size_t i = 0; i < r->at.len; i++) {
		const char *colon = strchr(r->at.items[i], ':');

		if (!colon || colon == r->at.items[i] || !colon[1])
			return err_set(err, ERR_INVALID, "'%s' is not of the form SWITCH:PORT", r->at.items[i]);
	}
	if (by_port && r->at.len != r->names.len)
		return err_set(err, ERR_INVALID, "the left side stands for %zu port%s, the right side for %zu name%s", r->at.len,
			       r->at.len == 1 ? "" : "s", r->names.len, r->names.len == 1 ? "" : "s");
	return check_once(&r->names, err) < 0 || (by_port && check_once(&r->at, err) < 0) ? -1 : 0;
}

int naming_add(struct naming *n, const char *rule, struct err *err)
{
	const char *equal = strrchr(rule, '=');
	autofree char *left = equal ? mem_strndup(rule, (size_t)(equal - rule)) : NULL;
	autofree char *shown = str_printable(rule, strnlen(rule, NAMING_TEXT_MAX));
	struct naming_rule r = { 0 };

	if (n->len >= NAMING_RULES_MAX)
		return err_set(err, ERR_INVALID, "there are more than %d rules", NAMING_RULES_MAX);
	if ((left && naming_expand(left, &r.at, err) < 0) || naming_expand(equal ? equal + 1 : rule, &r.names, err) < 0 ||
	    check_rule(&r, equal != NULL, err) < 0) {
		str_list_free(&r.at);
		str_list_free(&r.names);
		err_wrap(err, "naming rule '%.80s'", shown);
		return err_hint(err,
				"rules are written n[001-500], or SWITCH:PORT=NAME with brackets: sw-r1:swp[1-48]=r1n[01-48]");
	}
	r.text = mem_strdup(rule);
	n->rules = mem_room(n->rules, n->len, &n->cap, sizeof(*n->rules));
	n->rules[n->len++] = r;
	return 0;
}

/* --- names ------------------------------------------------------------------------------------------------------------------ */

/* "sw-r1" means "SW-R1" and "sw-r1.example.com"; "sw-r1.example.com" only itself. */
static bool is_system(const char *said, const char *wanted, size_t len)
{
	size_t host = memchr(wanted, '.', len) ? strlen(said) : strcspn(said, ".");

	return strncasecmp(said, wanted, len) == 0 && (host == len || strlen(said) == len);
}

static bool is_port(const struct naming_port *p, const char *system, size_t system_len, const char *port)
{
	return p->system && is_system(p->system, system, system_len) &&
	       ((p->port && strcasecmp(port, p->port) == 0) || (p->description && strcasecmp(port, p->description) == 0));
}

bool naming_is_port(const struct naming_port *p, const char *system, const char *port)
{
	return is_port(p, system, strlen(system), port);
}

struct claim {
	const struct naming_rule *rule;
	size_t place;
};

/* What all rules by port say of this machine: nothing, or one name. */
static int claim(const struct naming *n, const struct naming_port *ports, size_t n_ports, struct claim *out, struct err *err)
{
	for (size_t i = 0; i < n->len; i++)
		for (size_t k = 0; k < n->rules[i].at.len; k++)
			for (size_t p = 0; p < n_ports; p++) {
				const struct naming_rule *r = &n->rules[i];
				const char *at = r->at.items[k];
				size_t system_len = strcspn(at, ":");

				if (!is_port(&ports[p], at, system_len, at + system_len + 1))
					continue;
				if (out->rule && !str_eq(out->rule->names.items[out->place], r->names.items[k])) {
					err_set(err, ERR_CONFLICT, "its place %s says %s, its place %s says %s",
						out->rule->at.items[out->place], out->rule->names.items[out->place], at,
						r->names.items[k]);
					return err_hint(err, "look at its cables and at the rules; or name it yourself");
				}
				*out = (struct claim){ r, k };
			}
	return 0;
}

static const char *next_free(struct naming_rule *r, bool (*taken)(void *ctx, const char *name), void *ctx)
{
	while (r->next < r->names.len && taken(ctx, r->names.items[r->next]))
		r->next++;
	return r->next < r->names.len ? r->names.items[r->next] : NULL;
}

/* `last`: the last rule by arrival, or NULL. */
static int no_name(const struct naming *n, const struct naming_port *ports, size_t n_ports, const struct naming_rule *last,
		   struct err *err)
{
	if (last) {
		err_set(err, ERR_EXISTS, "all names of '%s' are taken%s", last->text,
			n->len > 1 ? ", and no other rule names it" : "");
		return err_hint(err, "give a rule with more names");
	}
	if (!n->len) {
		err_set(err, ERR_NOT_FOUND, "no naming rule is given");
		return err_hint(err, "give one, or name it yourself");
	}
	if (!n_ports) {
		err_set(err, ERR_NOT_FOUND, "it has not heard which switch port it is on");
		return err_hint(err, "switches tell it every 30 s, when LLDP is on there; or name it yourself");
	}
	err_set(err, ERR_NOT_FOUND, "no rule says who is at %s:%s", ports[0].system ? ports[0].system : "?",
		ports[0].port ? ports[0].port : "?");
	return err_hint(err, "give a rule for this port, or one by arrival, or name it yourself");
}

int naming_name(struct naming *n, const struct naming_port *ports, size_t n_ports, bool (*taken)(void *ctx, const char *name),
		void *ctx, const char **name, struct err *err)
{
	struct claim c = { 0 };
	const struct naming_rule *last = NULL;

	if (claim(n, ports, n_ports, &c, err) < 0)
		return -1;
	if (c.rule) {
		*name = c.rule->names.items[c.place];
		if (!taken(ctx, *name))
			return 0;
		err_set(err, ERR_EXISTS, "its place %s says %s, and there is a node %s already", c.rule->at.items[c.place], *name,
			*name);
		return err_hint(err, "see `orthrus node show %s`", *name);
	}
	for (size_t i = 0; i < n->len; i++) {
		if (n->rules[i].at.len)
			continue;
		last = &n->rules[i];
		*name = next_free(&n->rules[i], taken, ctx);
		if (*name)
			return 0;
	}
	return no_name(n, ports, n_ports, last, err);
}
