/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/programs.h"

#include "base/mem.h"
#include "sys/clock.h"

#include <string.h>

#define APT_TIME (3600 * NS_PER_S)
#define CAPTURE ((size_t)16 << 20)

/* Each program has its own word for "not this machine's root but that one". */
static void add_root(struct str_list *argv, const char *program, const char *root)
{
	if (!*root)
		return;
	if (str_eq(program, "apt-get") || str_eq(program, "apt-mark")) {
		str_list_add(argv, "-o");
		str_list_addf(argv, "RootDir=%s", root);
		str_list_add(argv, "-o");
		str_list_addf(argv, "DPkg::Options::=--root=%s", root);
	} else {
		str_list_addf(argv, "--root=%s", root);
	}
}

static const char *const quiet_env[] = { "DEBIAN_FRONTEND=noninteractive",
					 "DEBCONF_NONINTERACTIVE_SEEN=true",
					 "LC_ALL=C.UTF-8",
					 "UCF_FORCE_CONFFOLD=1",
					 "APT_LISTCHANGES_FRONTEND=none",
					 "NEEDRESTART_SUSPEND=1",
					 NULL };

int program_run(const char *root, const struct str_list *words, struct spawn_result *r, struct err *err)
{
	autoclean(str_list_free) struct str_list argv = { 0 };
	struct spawn s = { .env = quiet_env, .timeout_ns = APT_TIME, .capture_max = CAPTURE };

	str_list_add(&argv, words->items[0]);
	add_root(&argv, words->items[0], root);
	for (size_t i = 1; i < words->len; i++)
		str_list_add(&argv, words->items[i]);
	s.argv = (const char *const *)argv.items;
	return spawn_run(&s, r, err);
}

int program_words(const char *root, struct spawn_result *r, struct err *err, const char *const *words)
{
	autoclean(str_list_free) struct str_list list = { 0 };

	for (; *words; words++)
		str_list_add(&list, *words);
	return program_run(root, &list, r, err);
}

/* The next line of `*rest`, cut off there; NULL at the end. */
static char *next_line(char **rest)
{
	char *line = *rest, *end;

	if (!line || !*line)
		return NULL;
	end = strchr(line, '\n');
	if (end)
		*end++ = '\0';
	*rest = end;
	return line;
}

static int read_auto(const char *root, struct str_list *out, struct err *err)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	char *rest, *line;

	if (PROGRAM(root, &r, err, "apt-mark", "showauto") < 0)
		return -1;
	if (r.status != 0)
		return err_set(err, ERR_FAILED, "apt-mark showauto failed: %.200s", buf_str(&r.err));
	rest = r.out.data;
	while ((line = next_line(&rest)))
		str_list_add(out, line);
	return 0;
}

static int read_installed(const char *root, struct head_journal *out, struct err *err)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	char *rest, *line;

	if (PROGRAM(root, &r, err, "dpkg-query", "-W", "-f", "${binary:Package}\\t${db:Status-Status}\\t${Version}\\n") < 0)
		return -1;
	rest = r.out.data;
	while ((line = next_line(&rest))) {
		char *status = strchr(line, '\t'), *version = status ? strchr(status + 1, '\t') : NULL;

		if (!version)
			continue;
		*status++ = *version++ = '\0';
		if (str_eq(status, "not-installed") || str_eq(status, "config-files"))
			continue;
		out->packages = mem_room(out->packages, out->n_packages, &out->cap_packages, sizeof(*out->packages));
		out->packages[out->n_packages] = (struct head_pkg){ .name = mem_strdup(line),
								    .version = mem_strdup(version),
								    .has_now = true,
								    .now_there = true,
								    .order = out->n_packages };
		out->n_packages++;
	}
	if (out->n_packages)
		return 0;
	err_set(err, ERR_FAILED, "dpkg-query knows no package that is installed");
	return err_hint(err, "a head runs Debian 12 or 13");
}

/* dpkg names some packages with their architecture ("libc6:amd64"), apt those of the machine's own without. */
static bool is_auto(const struct str_list *autos, const char *name)
{
	autofree char *bare = mem_strndup(name, strcspn(name, ":"));

	return str_list_has(autos, name) || str_list_has(autos, bare);
}

int program_packages(const char *root, struct head_journal *out, struct err *err)
{
	autoclean(str_list_free) struct str_list autos = { 0 };

	if (read_installed(root, out, err) < 0 || read_auto(root, &autos, err) < 0)
		return -1;
	for (size_t i = 0; i < out->n_packages; i++)
		out->packages[i].now_auto = is_auto(&autos, out->packages[i].name);
	head_journal_settle(out);
	return 0;
}

/* "Inst NAME (VERSION ...", "Inst NAME [OLD] (NEW ...", "Remv NAME [OLD]", "Purg NAME [OLD]" */
static void read_action(const char *line, const struct apt_says *out)
{
	size_t len = strcspn(line, " ");
	const char *name = line[len] ? line + len + 1 : "", *rest = name + strcspn(name, " ");
	autofree char *copy = mem_strndup(name, strcspn(name, " "));
	struct str_list *list = NULL;

	if (str_starts(line, "Inst "))
		list = str_starts(rest, " [") ? out->raises : out->brings;
	else if (str_starts(line, "Remv ") || str_starts(line, "Purg "))
		list = out->takes;
	if (list)
		str_list_add(list, copy);
}

int program_simulate(const char *root, const struct str_list *args, const struct apt_says *out, struct err *err)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	autoclean(str_list_free) struct str_list argv = { 0 };
	char *rest, *line;

	str_list_add(&argv, "apt-get");
	str_list_add(&argv, "-s");
	for (size_t i = 0; i < args->len; i++)
		str_list_add(&argv, args->items[i]);
	if (program_run(root, &argv, &r, err) < 0)
		return -1;
	if (r.status != 0) {
		const char *why = strstr(buf_str(&r.err), "E: ");

		err_set(err, ERR_FAILED, "apt-get: %.*s", (int)strcspn(why ? why + 3 : "failed", "\n"), why ? why + 3 : "failed");
		return err_hint(err, "see `apt-get update`, and which archives apt has in /etc/apt/sources.list");
	}
	rest = r.out.data;
	while ((line = next_line(&rest)))
		read_action(line, out);
	return 0;
}

int program_apt(const char *root, const struct str_list *args, struct err *err)
{
	static const char *const words[] = { "-q", "-y",
					     "-o", "DPkg::Lock::Timeout=120",
					     "-o", "Dpkg::Options::=--force-confold",
					     "-o", "Dpkg::Options::=--force-confdef",
					     "-o", "Dpkg::Use-Pty=0" };
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	autoclean(str_list_free) struct str_list argv = { 0 };
	const char *why;

	str_list_add(&argv, "apt-get");
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		str_list_add(&argv, words[i]);
	for (size_t i = 0; i < args->len; i++)
		str_list_add(&argv, args->items[i]);
	if (program_run(root, &argv, &r, err) < 0)
		return -1;
	if (r.status == 0)
		return 0;
	why = strstr(buf_str(&r.err), "E: ");
	err_set(err, ERR_FAILED, "apt-get %s: %.*s", args->items[0], (int)strcspn(why ? why + 3 : "failed", "\n"),
		why ? why + 3 : "failed");
	return err_hint(err,
			"put right what apt-get says (`apt-get update`, /etc/apt/sources.list, free space), then run this again");
}
