/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "headinstall/apply_priv.h"
#include "headinstall/paths.h"
#include "headinstall/programs.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <string.h>

#define ROUNDS 16

static void add_go(const struct head_record *r, const struct head_journal *packages, const struct str_list *wanted,
		   struct str_list *go)
{
	autoclean(str_list_free) struct str_list come = { 0 }, stay = { 0 };
	struct head_back b = { .journal = &r->j, .packages = packages, .wanted = wanted };

	head_packages_back(&b, go, &come, &stay);
}

static bool has_name(const struct str_list *list, const char *name)
{
	size_t len = strcspn(name, ":");

	for (size_t i = 0; i < list->len; i++)
		if (strcspn(list->items[i], ":") == len && strncmp(list->items[i], name, len) == 0)
			return true;
	return false;
}

static int what_goes(const struct head_record *r, const struct str_list *names, struct str_list *takes, struct err *err)
{
	autoclean(str_list_free) struct str_list args = { 0 };

	str_list_add(&args, "purge");
	for (size_t i = 0; i < names->len; i++)
		str_list_add(&args, names->items[i]);
	return program_simulate(r->root, &args, &(const struct apt_says){ .takes = takes }, err);
}

/* Would `name` alone take something that is not ours to take? */
static int takes_others(const struct head_record *r, const char *name, const struct str_list *go, struct err *err)
{
	autoclean(str_list_free) struct str_list one = { 0 }, takes = { 0 };

	str_list_add(&one, name);
	if (what_goes(r, &one, &takes, err) < 0)
		return -1;
	for (size_t i = 0; i < takes.len; i++)
		if (!has_name(go, takes.items[i]))
			return 1;
	return 0;
}

int head_packages_wanted(const struct head_record *r, const struct head_journal *packages, struct str_list *wanted,
			 struct err *err)
{
	for (int round = 0; round < ROUNDS; round++) {
		autoclean(str_list_free) struct str_list go = { 0 }, takes = { 0 };
		bool others = false;

		add_go(r, packages, wanted, &go);
		if (!go.len)
			return 0;
		if (what_goes(r, &go, &takes, err) < 0)
			return -1;
		for (size_t i = 0; i < takes.len; i++)
			others = others || !has_name(&go, takes.items[i]);
		if (!others)
			return 0;
		for (size_t i = 0; i < go.len; i++) {
			int rc = takes_others(r, go.items[i], &go, err);

			if (rc < 0)
				return -1;
			if (rc > 0)
				str_list_add(wanted, go.items[i]);
		}
	}
	return err_set(err, ERR_FAILED, "which packages may go can't be found out: apt names others again and again");
}

/* The very version that was there, where the archive still has it. */
static int install_again(struct head_apply *a, const struct head_step *s, bool same_version, struct err *err)
{
	autoclean(str_list_free) struct str_list args = { 0 };

	str_list_add(&args, "--no-install-recommends");
	str_list_add(&args, "install");
	for (size_t i = 0; i < s->more.len; i++) {
		const struct head_pkg *was = head_journal_package(&a->record->j, s->more.items[i]);

		if (same_version && was && was->version)
			str_list_addf(&args, "%s=%s", s->more.items[i], was->version);
		else
			str_list_add(&args, s->more.items[i]);
	}
	return program_apt(a->record->root, &args, err);
}

/* Some of what a head needs is "Protected" (grub-efi-amd64-signed: machines boot by it), and apt removes no such package, nor an
 * essential one, unless it is told to. It is told so for nothing but what was brought here: asked once more, it names no other.
 */
static int purge_ours(struct head_apply *a, const struct str_list *names, struct err *err)
{
	autoclean(str_list_free) struct str_list args = { 0 }, takes = { 0 };

	if (what_goes(a->record, names, &takes, err) < 0)
		return -1;
	for (size_t i = 0; i < takes.len; i++) {
		if (has_name(names, takes.items[i]))
			continue;
		err_set(err, ERR_CONFLICT, "apt would remove %s too, which this installation did not bring", takes.items[i]);
		return err_hint(err, "no package was removed; run the same again: it looks anew which of them may go");
	}
	str_list_add(&args, "purge");
	for (size_t i = 0; i < names->len; i++)
		str_list_add(&args, names->items[i]);
	str_list_add(&args, "--allow-remove-essential");
	return program_apt(a->record->root, &args, err);
}

int undo_packages(struct head_apply *a, const struct head_step *s, struct err *err)
{
	autoclean(str_list_free) struct str_list autos = { 0 };
	struct err first = { 0 };

	str_list_add(&autos, "apt-mark");
	str_list_add(&autos, "auto");
	for (size_t i = 0; i < s->more.len; i++) {
		const struct head_pkg *was = head_journal_package(&a->record->j, s->more.items[i]);

		if (was && was->was_auto)
			str_list_add(&autos, s->more.items[i]);
	}
	if (s->words.len && purge_ours(a, &s->words, err) < 0)
		return -1;
	if (s->more.len && install_again(a, s, true, &first) < 0 && install_again(a, s, false, err) < 0)
		return -1;
	return autos.len > 2 ? program_run(a->record->root, &autos, NULL, err) : 0;
}

/* A unit that is gone, or stands already as it shall, is no mistake; one that does not start any more keeps nothing else from
 * being given back. */
static int undo_unit(struct head_apply *a, const struct head_step *s, struct str_list *kept, struct err *err)
{
	const char *name = s->words.items[0], *root = a->record->root;
	bool live = !*root;
	struct err none = { 0 };

	if (live && !s->start && str_eq(name, HEAD_GUARD_UNIT)) {
		if (undo_guard(a, err) < 0)
			return -1;
	} else if (live && !s->start) {
		if (PROGRAM(root, NULL, &none, "systemctl", "stop", name) < 0)
			log_debug("head", "%s", none.text);
		/* What it had started by its own. */
		if (str_eq(name, "orthrusd.service") &&
		    PROGRAM(root, NULL, &none, "systemctl", "stop", "orthrus-helper.service", "orthrus-slurm.path") < 0)
			log_debug("head", "%s", none.text);
	}
	if (PROGRAM(root, NULL, &none, "systemctl", s->enable ? "enable" : "disable", name) < 0)
		log_debug("head", "%s", none.text);
	if (live && s->start && PROGRAM(root, NULL, &none, "systemctl", "start", name) < 0)
		str_list_addf(kept, "%s: it ran, and does not start now: %s", name, none.text);
	return 0;
}

/* One that somebody has set to something else since is theirs. */
static void undo_value(const struct head_step *s, struct str_list *kept)
{
	autofree char *path = str_format("/proc/sys/%s", s->words.items[0]);
	autoclean(buf_free) struct buf now = { 0 };
	struct err none = { 0 };

	for (char *p = path + strlen("/proc/sys/"); *p; p++)
		if (*p == '.')
			*p = '/';
	if (fs_read(path, 64, &now, &none) < 0)
		return;
	now.data[strcspn(buf_str(&now), "\n")] = '\0';
	if (str_eq(now.data, s->words.items[1]))
		return;
	if (!str_eq(now.data, head_value_want(s->words.items[0])))
		str_list_addf(kept, "%s: it was set to %s since", s->words.items[0], now.data);
	else if (apply_value(s->words.items[0], s->words.items[1], &none) < 0)
		str_list_addf(kept, "%s: it is still %s: %s", s->words.items[0], now.data, none.text);
}

static void restart_changed(struct head_apply *a, struct str_list *kept)
{
	const char *was = head_journal_unit(&a->record->j, "chrony.service");
	struct err none = { 0 };

	if (*a->record->root)
		return;
	if (a->record->j.n_links && PROGRAM("", NULL, &none, "networkctl", "reload") < 0)
		log_debug("head", "%s", none.text);
	if (PROGRAM("", NULL, &none, "systemctl", "daemon-reload") < 0)
		log_debug("head", "%s", none.text);
	if (was && str_ends(was, "and running") && PROGRAM("", NULL, &none, "systemctl", "restart", "chrony.service") < 0)
		str_list_addf(kept, "chrony.service: it does not start with its own configuration: %s", none.text);
}

int undo_keep(struct head_apply *a, const char *what, struct str_list *kept, struct err *err)
{
	autoclean(buf_free) struct buf line = { 0 };
	autofree char *text = str_printable(what, strlen(what));

	if (str_list_has(kept, text))
		return 0;
	str_list_add(kept, text);
	head_line_kept(&line, text);
	return head_record_note(a->record, &line, err);
}

static int perform(struct head_apply *a, const struct plan_step *step, struct head_journal *leaving, struct str_list *kept,
		   struct err *err)
{
	const struct head_step *s = step->arg;

	if ((step->type == HEAD_STEP_PACKAGES_BACK || step->type == HEAD_STEP_FILES_BACK) && !leaving->complete &&
	    head_record_leaving(a->record, leaving, err) < 0)
		return -1;
	if (step->type == HEAD_STEP_UNIT_BACK)
		return undo_unit(a, s, kept, err);
	if (step->type == HEAD_STEP_VALUE_BACK) {
		undo_value(s, kept);
		return 0;
	}
	if (step->type == HEAD_STEP_ADDRESS_BACK) {
		undo_address(a, s);
		return 0;
	}
	if (step->type == HEAD_STEP_PACKAGES_BACK)
		return undo_packages(a, s, err);
	if (step->type == HEAD_STEP_FILES_BACK) {
		if (undo_files(a, leaving, kept, err) < 0)
			return -1;
		restart_changed(a, kept);
		return 0;
	}
	if (step->type == HEAD_STEP_DATA)
		return undo_data(a, s, kept, err);
	if (step->type == HEAD_STEP_STORE_BACK)
		return undo_store(a, s, kept, err);
	if (step->type == HEAD_STEP_FORGET)
		return head_record_forget(a->record, err);
	return err_set(err, ERR_INVALID, "it is no step of an uninstallation");
}

int head_undo(struct head_apply *a, const struct plan *plan, struct str_list *kept, struct err *err)
{
	autoclean(head_journal_free) struct head_journal leaving = { 0 };
	struct err late = { 0 };

	if (head_record_leave(a->record, err) < 0)
		return -1;
	for (size_t i = 0; i < a->record->j.kept.len; i++)
		str_list_add(kept, a->record->j.kept.items[i]);
	for (size_t i = 0; i < plan->len; i++) {
		if (plan->steps[i].type == HEAD_STEP_NOTE) {
			apply_say(a, plan, i, "kept");
			continue;
		}
		apply_say(a, plan, i, "begun");
		if (perform(a, &plan->steps[i], &leaving, kept, err) < 0) {
			apply_say(a, plan, i, "failed");
			if (head_record_leaving_failed(a->record, &late) < 0)
				log_err("head", "write down how far it came", &late);
			err_wrap(err, "%s", plan->steps[i].name);
			return err->hint[0]
				       ? -1
				       : err_hint(err, "put that right, then run `orthrus head uninstall` again: it goes on");
		}
		apply_say(a, plan, i, "done");
	}
	return 0;
}
