/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cmd.h"

#include "base/mem.h"
#include "cmd/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Options every verb takes. `value` is for people; NULL: a flag. The help and the completion list them from here. */
const struct cmd_global cmd_globals[] = {
	{ "plan", NULL, "show what would be done and change nothing" },
	{ "yes", NULL, "do not ask before something destructive" },
	{ "json", NULL, "results and errors as JSON on standard output" },
	{ "quiet", NULL, "print nothing but results and errors" },
	{ "site", "FILE", "site file (default ROOT/etc/orthrus/site.json)" },
	{ "root", "DIR", "where this head's files are (default $ORTHRUS_ROOT, else /)" },
	{ "api", "URL", "talk to this daemon (default ROOT/run/orthrus/api.sock)" },
	{ "ca", "FILE", "with --api: trust only the certificates of this CA" },
	{ "cert", "FILE", "with --api: this machine's client certificate" },
	{ "key", "FILE", "with --api: the key of --cert" },
	{ "debug", NULL, "log what is being done to standard error" },
	{ "help", NULL, "show help for the command line, a noun or a verb" },
	{ "version", NULL, "print the version" },
};
const size_t cmd_n_globals = ARRAY_LEN(cmd_globals);

bool cmd_spec_next(const char **rest, struct cmd_spec *out)
{
	const char *p = *rest, *end, *eq;

	if (!*p)
		return false;
	end = strchrnul(p, ',');
	*rest = *end ? end + 1 : end;
	eq = memchr(p, '=', (size_t)(end - p));
	*out = (struct cmd_spec){ .name = p, .name_len = (size_t)((eq ? eq : end) - p), .value = eq ? eq + 1 : NULL };
	if (eq) {
		out->repeats = end[-1] == '*';
		end -= out->repeats;
		out->may_be_empty = end[-1] == '?';
		end -= out->may_be_empty;
		out->value_len = (size_t)(end - eq - 1);
	}
	return true;
}

static bool name_is(const char *name, size_t len, const char *other, size_t other_len)
{
	return len == other_len && memcmp(name, other, len) == 0;
}

static void set_global(struct cmd *c, size_t i, const char *value)
{
	const char *name = cmd_globals[i].name;
	const struct {
		const char *name;
		bool *flag;
	} flags[] = { { "plan", &c->plan },   { "yes", &c->yes },   { "json", &c->json },      { "quiet", &c->quiet },
		      { "debug", &c->debug }, { "help", &c->help }, { "version", &c->version } };
	const struct {
		const char *name;
		const char **value;
	} values[] = { { "api", &c->api }, { "ca", &c->ca }, { "cert", &c->cert }, { "key", &c->key } };

	for (size_t k = 0; k < ARRAY_LEN(flags); k++)
		if (str_eq(name, flags[k].name))
			*flags[k].flag = true;
	for (size_t k = 0; k < ARRAY_LEN(values); k++)
		if (str_eq(name, values[k].name))
			*values[k].value = value;
	if (str_eq(name, "root")) {
		free(c->root);
		c->root = mem_strdup(value);
	}
	if (str_eq(name, "site")) {
		free(c->site_path);
		c->site_path = mem_strdup(value);
	}
}

static int unknown_option(const struct cmd *c, const char *word, size_t len, struct err *err)
{
	autoclean(str_list_free) struct str_list known = { 0 };
	autoclean(buf_free) struct buf list = { 0 };
	autofree char *name = mem_strndup(word, len);
	const char *rest = c->def ? c->def->options : "", *near;
	struct cmd_spec s;

	while (cmd_spec_next(&rest, &s))
		str_list_addf(&known, "%.*s", (int)s.name_len, s.name);
	for (size_t i = 0; i < known.len; i++)
		buf_addf(&list, "%s--%s", i ? ", " : "", known.items[i]);
	for (size_t i = 0; i < cmd_n_globals; i++)
		str_list_add(&known, cmd_globals[i].name);
	near = str_nearest(name, (const char *const *)known.items, known.len);

	if (c->def)
		err_set(err, ERR_USAGE, "'%s %s' has no option --%s", c->def->noun, c->def->verb, name);
	else
		err_set(err, ERR_USAGE, "there is no option --%s that may stand before the verb", name);
	if (near)
		return err_hint(err, "did you mean --%s?", near);
	if (list.len)
		return err_hint(err, "its own options are %s; `orthrus %s %s --help` shows all", buf_str(&list), c->def->noun,
				c->def->verb);
	return err_hint(err, "`orthrus --help` lists the options of every command");
}

/* The hint leads to the forms of the options. */
static int PRINTF_LIKE(3, 4) wrong_value(const struct cmd *c, struct err *err, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(err, ERR_USAGE, "%s", text);
	if (c->def)
		return err_hint(err, "`orthrus %s %s --help` shows the options and their values", c->def->noun, c->def->verb);
	return err_hint(err, "`orthrus --help` shows the options and their values");
}

/* --name, --name=value, or --name and the next word as its value; *i is moved past what was taken. */
static int take_option(struct cmd *c, int argc, char **argv, int *i, struct err *err)
{
	const char *word = argv[*i] + 2, *value = strchr(word, '='), *rest = c->def ? c->def->options : "";
	size_t len = value ? (size_t)(value++ - word) : strlen(word);
	struct cmd_spec s = { 0 };
	size_t g = 0;
	bool takes;

	while (g < cmd_n_globals && !name_is(word, len, cmd_globals[g].name, strlen(cmd_globals[g].name)))
		g++;
	if (g == cmd_n_globals) {
		bool found = false;

		while (!found && cmd_spec_next(&rest, &s))
			found = name_is(word, len, s.name, s.name_len);
		if (!found)
			return unknown_option(c, word, len, err);
	}
	takes = g < cmd_n_globals ? cmd_globals[g].value != NULL : s.value != NULL;
	if (!takes && value)
		return wrong_value(c, err, "--%.*s takes no value, but was given '%s'", (int)len, word, value);
	if (takes && !value && ++*i >= argc)
		return wrong_value(c, err, "--%.*s needs a value", (int)len, word);
	if (takes && !value)
		value = argv[*i];
	if (takes && !*value && (g < cmd_n_globals || !s.may_be_empty))
		return wrong_value(c, err, "--%.*s was given an empty value", (int)len, word);
	if (g < cmd_n_globals) {
		set_global(c, g, value);
		return 0;
	}
	for (size_t k = 0; k < c->n_values && takes && !s.repeats; k++)
		if (name_is(word, len, c->values[k].name, c->values[k].name_len))
			return wrong_value(c, err, "--%.*s was given twice", (int)len, word);
	c->values = mem_room(c->values, c->n_values, &c->cap_values, sizeof(c->values[0]));
	c->values[c->n_values++] = (struct cmd_value){ .name = s.name, .name_len = s.name_len, .value = value ? value : "" };
	return 0;
}

static int find_verb(struct cmd *c, const char *verb, struct err *err)
{
	autoclean(str_list_free) struct str_list verbs = { 0 };
	autoclean(buf_free) struct buf list = { 0 };
	const char *near;

	for (size_t i = 0; i < cmd_n_defs; i++) {
		if (!str_eq(cmd_defs[i].noun, c->noun))
			continue;
		if (verb && str_eq(cmd_defs[i].verb, verb)) {
			c->def = &cmd_defs[i];
			return 0;
		}
		buf_addf(&list, "%s%s", verbs.len ? ", " : "", cmd_defs[i].verb);
		str_list_add(&verbs, cmd_defs[i].verb);
	}
	if (!verb)
		err_set(err, ERR_USAGE, "'%s' needs a verb: %s", c->noun, buf_str(&list));
	else
		err_set(err, ERR_USAGE, "'%s' has no verb '%s'; it has %s", c->noun, verb, buf_str(&list));
	near = verb ? str_nearest(verb, (const char *const *)verbs.items, verbs.len) : NULL;
	if (near)
		return err_hint(err, "did you mean `orthrus %s %s`?", c->noun, near);
	return err_hint(err, "`orthrus %s --help` explains them", c->noun);
}

static int find_noun(struct cmd *c, const char *noun, struct err *err)
{
	autoclean(str_list_free) struct str_list nouns = { 0 };
	autoclean(buf_free) struct buf list = { 0 };
	const char *near;

	for (size_t i = 0; i < cmd_n_defs; i++) {
		if (str_eq(cmd_defs[i].noun, noun)) {
			c->noun = cmd_defs[i].noun;
			return 0;
		}
		if (str_list_has(&nouns, cmd_defs[i].noun))
			continue;
		buf_addf(&list, "%s%s", nouns.len ? ", " : "", cmd_defs[i].noun);
		str_list_add(&nouns, cmd_defs[i].noun);
	}
	err_set(err, ERR_USAGE, "there is no '%s'; there are %s", noun, buf_str(&list));
	near = str_nearest(noun, (const char *const *)nouns.items, nouns.len);
	if (near)
		return err_hint(err, "did you mean `orthrus %s`?", near);
	return err_hint(err, "`orthrus --help` explains them");
}

/* Where the files are: --root, else $ORTHRUS_ROOT, else "/"; kept without the '/' at its end. */
static void settle_paths(struct cmd *c)
{
	const char *env = getenv("ORTHRUS_ROOT");
	size_t n;

	if (!c->root)
		c->root = mem_strdup(env ? env : "/");
	n = strlen(c->root);
	while (n && c->root[n - 1] == '/')
		c->root[--n] = '\0';
	if (!c->site_path)
		c->site_path = cmd_path(c, "/etc/orthrus/site.json");
}

/* Without this, `image list --api URL` would show this machine's images as if they were the head's. */
static int check_here(const struct cmd *c, struct err *err)
{
	if (!c->api || c->def->effect == CMD_READS || c->def->effect == CMD_CHANGES)
		return 0;
	err_set(err, ERR_USAGE, "'%s %s' is about the machine it runs on: --api does not go with it", c->def->noun, c->def->verb);
	return err_hint(err, "run it on the head itself, without --api");
}

int cmd_parse(int argc, char **argv, struct cmd *c, struct err *err)
{
	bool options = true;

	/* Known before anything can go wrong: how to print that. */
	for (int i = 1; i < argc && !str_eq(argv[i], "--"); i++)
		c->json |= str_eq(argv[i], "--json");
	c->argv = mem_array((size_t)argc + 1, sizeof(c->argv[0]));
	for (int i = 1; i < argc; i++) {
		char *word = argv[i];

		if (options && str_eq(word, "--")) {
			options = false;
		} else if (options && str_eq(word, "-h")) {
			c->help = true;
		} else if (options && str_starts(word, "--")) {
			if (take_option(c, argc, argv, &i, err) < 0)
				return -1;
		} else if (options && word[0] == '-' && word[1]) {
			err_set(err, ERR_USAGE, "'%s' is not an option; options are written out, with two dashes", word);
			return err_hint(err, "`orthrus --help` lists them");
		} else if (!c->noun) {
			if (find_noun(c, word, err) < 0)
				return -1;
		} else if (!c->def) {
			if (find_verb(c, word, err) < 0)
				return -1;
		} else {
			c->argv[c->argc++] = word;
		}
	}
	settle_paths(c);
	if (c->help || c->version)
		return 0;
	if (!c->noun) {
		err_set(err, ERR_USAGE, "what shall be done? The form is: orthrus NOUN VERB [ARGUMENTS] [--options]");
		return err_hint(err, "`orthrus --help` lists nouns and verbs");
	}
	return c->def ? check_here(c, err) : find_verb(c, NULL, err);
}

int cmd_args(struct cmd *c, size_t min, size_t max, struct err *err)
{
	size_t n = (size_t)c->argc;

	if (n >= min && n <= max)
		return 0;
	if (n > max)
		err_set(err, ERR_USAGE, "'%s %s' does not know what to do with '%s'", c->def->noun, c->def->verb, c->argv[max]);
	else
		err_set(err, ERR_USAGE, "'%s %s' needs %s", c->def->noun, c->def->verb, c->def->args);
	return err_hint(err, "its form is: orthrus %s %s%s%s", c->def->noun, c->def->verb, *c->def->args ? " " : "",
			c->def->args);
}

const char *cmd_option(const struct cmd *c, const char *name)
{
	for (size_t i = 0; i < c->n_values; i++)
		if (name_is(name, strlen(name), c->values[i].name, c->values[i].name_len))
			return c->values[i].value;
	return NULL;
}

bool cmd_flag(const struct cmd *c, const char *name)
{
	return cmd_option(c, name) != NULL;
}

void cmd_option_all(const struct cmd *c, const char *name, struct str_list *out)
{
	for (size_t i = 0; i < c->n_values; i++) {
		const char *p = c->values[i].value;

		if (!name_is(name, strlen(name), c->values[i].name, c->values[i].name_len))
			continue;
		while (*p) {
			size_t n = strcspn(p, ",");

			if (n)
				str_list_addf(out, "%.*s", (int)n, p);
			p += n + (p[n] == ',');
		}
	}
}

int cmd_option_u64(const struct cmd *c, const char *name, uint64_t min, uint64_t max, uint64_t *out, struct err *err)
{
	const char *value = cmd_option(c, name);

	if (!value)
		return 0;
	if (str_to_u64(value, min, max, out, err) < 0) {
		err_wrap(err, "--%s", name);
		err->kind = ERR_USAGE;
		return -1;
	}
	return 0;
}

void cmd_clear(struct cmd *c)
{
	free(c->argv);
	free(c->root);
	free(c->site_path);
	free(c->values);
	cmd_disconnect(c);
}
