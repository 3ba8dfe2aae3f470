/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How a machine is given back: from what was written down, and what is there now. */
#include "base/mem.h"
#include "headinstall/paths.h"
#include "headinstall/plan_priv.h"
#include "headinstall/store.h"

#include <string.h>

void head_packages_back(const struct head_back *b, struct str_list *go, struct str_list *come, struct str_list *stay)
{
	for (size_t i = 0; i < b->journal->n_packages; i++) {
		const struct head_pkg *p = &b->journal->packages[i];
		const struct head_pkg *is = head_journal_package(b->packages, p->name);
		bool there = is && is->now_there;

		if (p->was_there) {
			if (!there && p->has_now && !p->now_there)
				str_list_add(come, p->name);
			continue;
		}
		if (!p->has_now || !p->now_there || !there)
			continue;
		/* One that came by itself, and that somebody wanted since, is theirs. */
		if (str_list_has(b->wanted, p->name) || (p->now_auto && !is->now_auto))
			str_list_add(stay, p->name);
		else
			str_list_add(go, p->name);
	}
}

static void back_units(const struct head_back *b, struct plan *out)
{
	for (size_t i = b->journal->n_units; i-- > 0;) {
		const struct head_setting *u = &b->journal->units[i];
		autofree char *id = str_format("unit:%s", u->name);
		struct head_step *s;

		s = head_add(out, HEAD_STEP_UNIT_BACK, PLAN_WRITES, id,
			     str_format("have %s be as it was: %s", u->name, u->value));
		str_list_add(&s->words, u->name);
		str_list_add(&s->words, u->value);
		s->enable = str_starts(u->value, "enabled");
		s->start = str_ends(u->value, "and running");
	}
}

/* The guard of a pair is started by hand once both heads have its key: nothing is written down of that. One that was there before
 * was somebody else's head. */
static void back_guard(const struct head_back *b, struct plan *out)
{
	const struct head_path *was = head_journal_path(b->journal, HEAD_GUARD_WANTS);
	struct head_step *s;

	if (!b->guard || head_journal_unit(b->journal, HEAD_GUARD_UNIT) || (was && was->has_was && was->was.type != HEAD_ABSENT))
		return;
	s = head_add(out, HEAD_STEP_UNIT_BACK, PLAN_WRITES, "unit:" HEAD_GUARD_UNIT,
		     mem_strdup("stop " HEAD_GUARD_UNIT
				", which was started since, and take the service addresses and its gate off "
				"this machine"));
	str_list_add(&s->words, HEAD_GUARD_UNIT);
	str_list_add(&s->words, HEAD_UNIT_OFF);
}

static void back_values(const struct head_back *b, struct plan *out)
{
	for (size_t i = 0; i < b->journal->n_settings; i++) {
		const struct head_setting *v = &b->journal->settings[i];
		autofree char *id = str_format("value:%s", v->name);
		struct head_step *s =
			head_add(out, HEAD_STEP_VALUE_BACK, PLAN_WRITES, id, str_format("let %s be %s again", v->name, v->value));

		str_list_add(&s->words, v->name);
		str_list_add(&s->words, v->value);
	}
	for (size_t i = 0; i < b->journal->n_links; i++) {
		const struct head_setting *l = &b->journal->links[i];
		autofree char *id = str_format("address:%s", l->name);
		struct head_step *s;

		if (!*l->value)
			continue;
		s = head_add(out, HEAD_STEP_ADDRESS_BACK, PLAN_WRITES, id,
			     str_format("take the head's addresses from %s", l->name));
		str_list_add(&s->words, l->name);
		str_list_add(&s->words, l->value);
	}
}

static void back_packages(const struct head_back *b, struct plan *out)
{
	autoclean(str_list_free) struct str_list go = { 0 }, come = { 0 }, stay = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	struct head_step *s;

	head_packages_back(b, &go, &come, &stay);
	if (stay.len) {
		buf_adds(&text, "keep the packages that were installed, and that something else needs now: ");
		head_words(&text, &stay, SIZE_MAX);
		head_add(out, HEAD_STEP_NOTE, PLAN_READS, "note:packages", buf_steal(&text));
	}
	if (!go.len && !come.len)
		return;
	if (go.len) {
		if (go.len == 1)
			buf_adds(&text, "remove the package that was installed: ");
		else
			buf_addf(&text, "remove the %zu packages that were installed: ", go.len);
		head_words(&text, &go, SIZE_MAX);
	}
	if (come.len) {
		buf_addf(&text, "%sinstall again what these had pushed out: ", go.len ? "; " : "");
		head_words(&text, &come, SIZE_MAX);
	}
	s = head_add(out, HEAD_STEP_PACKAGES_BACK, PLAN_WRITES, "packages", buf_steal(&text));
	for (size_t i = 0; i < go.len; i++)
		str_list_add(&s->words, go.items[i]);
	for (size_t i = 0; i < come.len; i++)
		str_list_add(&s->more, come.items[i]);
}

static bool is_account_file(const char *path)
{
	static const char *const names[] = { "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(path, names[i]))
			return true;
	return false;
}

static void back_files(const struct head_back *b, struct plan *out)
{
	static const struct head_state absent;
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(str_list_free) struct str_list paths = { 0 }, kept = { 0 };
	size_t removed = 0, restored = 0;
	struct head_step *s;

	for (size_t i = 0; i < b->journal->n_paths; i++) {
		const struct head_path *p = &b->journal->paths[i], *is = head_journal_path(b->now, p->path);
		const struct head_state *now = is ? &is->now : &absent, *was = p->has_was ? &p->was : &absent;

		/* What was only ever changed by others is theirs. */
		if (!p->touched || head_state_same(now, was))
			continue;
		/* What packages keep in /var goes with them. */
		if ((p->foreign || !head_state_same(now, &p->now)) && !is_account_file(p->path) &&
		    !str_starts(p->path, "/var/")) {
			str_list_add(&kept, p->path);
			continue;
		}
		removed += was->type == HEAD_ABSENT;
		restored += was->type != HEAD_ABSENT;
		str_list_add(&paths, p->path);
	}
	buf_addf(&text, "give back %zu file%s or director%s as %s, and remove %zu that %s added", restored,
		 restored == 1 ? "" : "s", restored == 1 ? "y" : "ies", restored == 1 ? "it was" : "they were", removed,
		 removed == 1 ? "was" : "were");
	s = head_add(out, HEAD_STEP_FILES_BACK, PLAN_WRITES, "files", buf_steal(&text));
	for (size_t i = 0; i < paths.len; i++)
		str_list_add(&s->paths, paths.items[i]);
	for (size_t i = 0; i < kept.len; i++) {
		autofree char *id = str_format("keep:%s", kept.items[i]);

		head_add(out, HEAD_STEP_NOTE, PLAN_READS, id,
			 str_format("keep %s: it was changed since it was installed", kept.items[i]));
	}
}

static void back_data(const struct head_back *b, struct plan *out)
{
	static const char *const always[] = { "/run/orthrus",	       "/run/orthrus-helper.sock",
					      "/run/orthrus-guard",    "/run/orthrus-setup.lock",
					      "/srv/orthrus/diskless", "/srv/orthrus/tftp",
					      "/srv/orthrus/tmp",      "/var/lib/orthrus" };
	static const char *const data[] = { HEAD_STORE "/store", HEAD_STORE "/sign.pub" };
	bool all = b->data == HEAD_REMOVE_DATA;
	struct head_step *s;

	if (!all)
		head_add(out, HEAD_STEP_NOTE, PLAN_READS, "note:images",
			 mem_strdup("keep images and backups in /srv/orthrus, and beside them sign.pub, by which they can be "
				    "verified; --remove-data "
				    "removes them too. The audit log in /var/log/orthrus stays"));
	s = head_add(out, HEAD_STEP_DATA, PLAN_DESTROYS, "data",
		     str_format("remove the cluster's state: nodes, keys, secrets and certificates in /var/lib/orthrus%s",
				all ? ", and all images and backups in /srv/orthrus" : ""));
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		str_list_add(&s->words, always[i]);
	for (size_t i = 0; all && i < ARRAY_LEN(data); i++)
		str_list_add(&s->words, data[i]);
	for (size_t i = 0; i < s->words.len; i++)
		str_list_add(&s->paths, s->words.items[i]);
	s->enable = !all; /* the public key of images is put aside */
}

/* Before its packages go: mdadm stops it. */
static void back_store(const struct head_back *b, struct plan *out)
{
	autofree char *what = b->store ? head_store_text(b->store) : NULL;
	bool erase = b->store && b->data == HEAD_REMOVE_DATA && b->store->raid.len;
	struct head_step *s;

	if (!b->store)
		return;
	if (erase)
		s = head_add(out, HEAD_STEP_STORE_BACK, PLAN_DESTROYS, "store",
			     str_format("take the array of images apart (%s): all that is on its disks is lost", what));
	else
		s = head_add(out, HEAD_STEP_STORE_BACK, PLAN_WRITES, "store",
			     str_format("unmount and stop the array of images (%s), and keep it on its disks%s%s", what,
					b->store_why ? ": it can't be taken apart, " : "", b->store_why ? b->store_why : ""));
	s->enable = erase;
}

/* Whom it concerns beside this machine. */
static void back_nodes(const struct head_back *b, struct plan *out)
{
	if (b->installing)
		head_add(out, HEAD_STEP_NOTE, PLAN_DESTROYS, "note:installing",
			 str_format("%llu of the nodes %s being installed now: an installation that is cut off leaves disks that "
				    "do not "
				    "boot. `orthrus node list` says when it has ended",
				    (unsigned long long)b->installing, b->installing == 1 ? "is" : "are"));
	if (b->nodes)
		head_add(out, HEAD_STEP_NOTE, PLAN_READS, "note:nodes",
			 str_format("leave %llu node%s as %s: installed ones run on, and have no head that they can ask or be "
				    "installed by",
				    (unsigned long long)b->nodes, b->nodes == 1 ? "" : "s",
				    b->nodes == 1 ? "it is" : "they are"));
}

void head_plan_back(const struct head_back *b, struct plan *out)
{
	back_nodes(b, out);
	back_guard(b, out);
	back_units(b, out);
	back_values(b, out);
	/* The key of images is put beside them while the array is there; what is below its mount point goes without it. */
	if (b->data == HEAD_KEEP_IMAGES)
		back_data(b, out);
	back_store(b, out);
	if (b->data == HEAD_REMOVE_DATA)
		back_data(b, out);
	back_packages(b, out);
	back_files(b, out);
	head_add(out, HEAD_STEP_FORGET, PLAN_WRITES, "forget",
		 mem_strdup("remove what was written down for this, " HEAD_RECORD_DIR));
}
