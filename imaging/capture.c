/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/capture_priv.h"

#include "base/mem.h"
#include "imaging/image_kind.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)64 << 20)

/* "[USER@]HOST:/DIR" has a colon before its first slash; everything else is a directory here. */
static int take_apart(const struct capture *c, struct capture_facts *f, char **dir, struct err *err)
{
	const char *colon = strstr(c->from, ":/"), *slash = strchr(c->from, '/');

	if (!colon || slash != colon + 1) {
		if (!slash && strpbrk(c->from, ":@") && !fs_exists(c->from)) {
			err_set(err, ERR_USAGE, "--from %.200s: which directory of that machine?", c->from);
			return err_hint(err, "--from %.*s:/ takes all of it", (int)strcspn(c->from, ":"), c->from);
		}
		*dir = mem_strdup(c->from);
		return 0;
	}
	f->ssh_host = mem_strndup(c->from, (size_t)(colon - c->from));
	*dir = mem_strdup(colon + 1);
	if (!*f->ssh_host || f->ssh_host[0] == '-' || f->ssh_host[0] == '@' || strpbrk(f->ssh_host, " \t\n'\""))
		return err_set(err, ERR_USAGE, "--from %.200s names no machine", c->from);
	return 0;
}

static int check(const struct capture *c, struct err *err)
{
	struct store *s = NULL;
	int rc = 0;

	if (str_check_name(c->name, err) < 0)
		return err_wrap(err, "image name");
	if (image_kind_check(c->kind, err) < 0)
		return -1;
	if (!fs_exists(c->store_dir))
		return 0;
	rc = store_open(c->store_dir, false, &s, err);
	if (rc == 0)
		rc = store_check_place(s, c->name, err);
	if (s)
		store_close(s);
	return rc;
}

static int ask(const struct capture *c, const struct capture_facts *f, const char *dir, struct buf *answer, struct err *err)
{
	autoclean(capture_agent_free) struct capture_agent agent = { 0 };
	autoclean(buf_free) struct buf settings = { 0 };
	ssize_t n = 0;

	capture_set(&settings, "mode", "probe");
	capture_set(&settings, "dir", dir);
	if (capture_agent_start(&agent, c, f, buf_str(&settings), false, err) < 0)
		return -1;
	do {
		buf_reserve(answer, 65536);
		n = capture_agent_read(&agent, answer->data + answer->len, 65536, err);
		answer->len += n > 0 ? (size_t)n : 0;
		if (answer->len > ANSWER_MAX)
			n = err_set(err, ERR_FAILED, "the machine's answer is too long");
	} while (n > 0);
	return capture_agent_end(&agent, err);
}

int capture_probe(const struct capture *c, struct capture_facts **out, struct err *err)
{
	autoclean(capture_facts_freep) struct capture_facts *f = mem_zalloc(sizeof(*f));
	autoclean(buf_free) struct buf answer = { 0 };
	/* The store and its like may be links to other volumes; what is left out is what they are. */
	autofree char *dir = NULL, *store = realpath(c->store_dir, NULL), *tmp = realpath(c->tmp_dir, NULL);
	struct capture real = *c;

	real.store_dir = store ? store : c->store_dir;
	real.tmp_dir = tmp ? tmp : c->tmp_dir;
	if (check(c, err) < 0 || take_apart(c, f, &dir, err) < 0 || ask(c, f, dir, &answer, err) < 0 ||
	    capture_facts_read(buf_str(&answer), answer.len, f, err) < 0 || capture_facts_decide(&real, f, err) < 0)
		return -1;
	*out = steal(f);
	return 0;
}

static char *how(const struct capture_fs *fs)
{
	char size[STR_BYTES_MAX];

	str_from_bytes(fs->snapshot_bytes, size);
	switch (fs->hold) {
	case CAPTURE_LVM:
		return fs->thin ? str_format("held still by an LVM snapshot of %s", fs->lv)
				: str_format("held still by an LVM snapshot of %s that takes %s", fs->lv, size);
	case CAPTURE_BTRFS:
		return mem_strdup("held still by a read-only btrfs snapshot");
	case CAPTURE_LIVE:
		break;
	}
	return mem_strdup("as it lives: what changes meanwhile is read again");
}

static void add(struct plan *plan, enum plan_effect effect, const char *name, char *text)
{
	plan_add(plan, 0, effect, name, text, NULL, NULL);
}

static void plan_file_systems(const struct capture_facts *f, const char *where, struct plan *plan)
{
	for (size_t i = 0; i < f->n_fs; i++) {
		const struct capture_fs *fs = &f->fs[i];
		autofree char *name = str_format("%s:%s", fs->taken ? "take" : "leave", fs->target);
		autofree char *held = fs->taken ? how(fs) : NULL;
		char used[STR_BYTES_MAX];

		str_from_bytes(fs->used_bytes, used);
		if (fs->taken)
			add(plan, fs->hold == CAPTURE_LIVE ? PLAN_READS : PLAN_WRITES, name,
			    str_format("take %s%s%s (%s on %s, %s used), %s", where,
				       capture_is_below(f->dir, fs->target) ? f->dir : fs->target,
				       capture_is_below(f->dir, fs->target) && !str_eq(f->dir, fs->target)
					       ? ", which is a part of it"
					       : "",
				       fs->type, fs->source, fs->used_bytes ? used : "unknown", held));
		else if (fs->why)
			add(plan, PLAN_READS, name, str_format("leave out what is on %s%s: %s", where, fs->target, fs->why));
	}
}

void capture_plan(const struct capture *c, const struct capture_facts *f, struct plan *plan)
{
	autofree char *where = f->ssh_host ? str_format("%s:", f->ssh_host) : mem_strdup("");

	for (size_t i = 0; i < f->leftovers.len && f->snapshots; i++) {
		autofree char *name = str_format("leftover:%s", f->leftovers.items[i]);

		add(plan, PLAN_DESTROYS, name,
		    str_format("remove %s%s, the snapshot of a capture that was cut off", where, f->leftovers.items[i]));
	}
	plan_file_systems(f, where, plan);
	for (size_t i = 0; i < f->nested.len && !c->live && f->snapshots; i++) {
		autofree char *name = str_format("subvolume:%s", f->nested.items[i]);

		add(plan, PLAN_READS, name,
		    str_format("leave out the btrfs subvolume %s: the snapshot does not have it (--live reads it)",
			       f->nested.items[i]));
	}
	if (f->system)
		add(plan, PLAN_READS, "leave",
		    mem_strdup(c->keep_identity
				       ? "leave out what is there only while it runs: what is in /proc, /sys, /dev, /run and /tmp"
				       : "leave out what belongs to one machine or one day: identity, host keys, fstab, network "
					 "configuration, logs, caches"));
	if (c->excludes && c->excludes->len)
		add(plan, PLAN_READS, "exclude",
		    str_format("leave out what matches %zu patterns of --exclude", c->excludes->len));
	add(plan, PLAN_WRITES, "ingest",
	    str_format("store it as image %s, kind %s, in %s, signed", c->name, c->kind, c->store_dir));
}

void capture_result_free(struct capture_result *r)
{
	free(r->ref);
	str_list_free(&r->changed);
	*r = (struct capture_result){ 0 };
}
