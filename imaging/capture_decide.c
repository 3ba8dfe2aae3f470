/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is taken of a machine, and how it is held still. Pure. */
#include "imaging/capture_priv.h"

#include "base/mem.h"

#include <fnmatch.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)

bool capture_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	while (n && dir[n - 1] == '/')
		n--;
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

bool capture_excluded(const struct capture_facts *f, const char *path, bool is_dir)
{
	autofree char *at = mem_strdup(path);

	if (f->no_logs && !is_dir && str_starts(path, "var/log/"))
		return true;
	for (size_t end = strlen(at); end; end--) {
		if (path[end] != '\0' && path[end] != '/')
			continue;
		at[end] = '\0';
		for (size_t i = 0; i < f->excludes.len; i++)
			if (fnmatch(f->excludes.items[i], at, 0) == 0)
				return true;
	}
	return false;
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (str_eq(word, *words))
			return true;
	return false;
}

/* What is below the tree's root, but is not for taking. NULL: take it. "": nobody misses it. */
static char *why_not(const struct capture_facts *f, const struct capture_fs *cover, size_t at)
{
	static const char *const remote[] = { "nfs", "nfs4", "cifs",   "smb3",	 "ceph",       "glusterfs",
					      "9p",  "afs",  "lustre", "beegfs", "fuse.sshfs", NULL };
	static const char *const media[] = { "iso9660", "udf", "squashfs", "erofs", NULL };
	const struct capture_fs *fs = &f->fs[at];

	if (is_one_of(fs->type, remote))
		return mem_strdup("it is on another machine");
	if (!str_starts(fs->source, "/dev/") || str_starts(fs->type, "fuse.") || str_eq(fs->type, "devtmpfs"))
		return mem_strdup("");
	if (fs->removable)
		return mem_strdup("it can be taken out of the machine");
	if (is_one_of(fs->type, media))
		return mem_strdup("nobody writes to it");
	if (str_eq(fs->type, "vfat") && (str_ends(fs->target, "/efi") || str_ends(fs->target, "/boot")))
		return mem_strdup("an installation makes its own EFI system partition");
	if (str_eq(fs->type, "swap"))
		return mem_strdup("");
	for (size_t i = 0; i < at; i++)
		if (str_eq(f->fs[i].source, fs->source) && str_eq(f->fs[i].root, fs->root) &&
		    (f->fs[i].taken || &f->fs[i] == cover))
			return str_format("it is the same as %s", f->fs[i].target);
	if (!str_eq(fs->root, "/") && !str_eq(fs->type, "btrfs"))
		return mem_strdup("it shows a part of another file system");
	if (f->plain)
		return mem_strdup("it can't be mounted once more for the capture: that takes the rights of root");
	return NULL;
}

/* A snapshot gets a fifth of what it is of, but not less than is wise nor more than there is. */
static bool fit_snapshot(struct capture_fs *fs)
{
	uint64_t want = fs->lv_bytes / 5, least = fs->lv_bytes / 50;

	if (fs->thin)
		return true;
	if (want < 256 * MIB)
		want = 256 * MIB;
	if (least < 8 * MIB)
		least = 8 * MIB;
	fs->snapshot_bytes = want < fs->vg_free_bytes ? want : fs->vg_free_bytes;
	return fs->snapshot_bytes >= least;
}

static void hold(const struct capture *c, struct capture_facts *f, struct capture_fs *fs)
{
	fs->hold = c->live || f->plain ? CAPTURE_LIVE : fs->can;
	/* Two file systems with one UUID are more than btrfs can bear. */
	if (fs->hold == CAPTURE_LVM && (str_eq(fs->type, "btrfs") || !fit_snapshot(fs)))
		fs->hold = CAPTURE_LIVE;
	/* Snapshots of one volume group share what is free. */
	for (size_t i = 0; fs->hold == CAPTURE_LVM && i < f->n_fs; i++) {
		struct capture_fs *other = &f->fs[i];
		size_t vg = strcspn(fs->lv, "/") + 1;

		if (other != fs && other->lv && strncmp(other->lv, fs->lv, vg) == 0)
			other->vg_free_bytes -=
				fs->snapshot_bytes < other->vg_free_bytes ? fs->snapshot_bytes : other->vg_free_bytes;
	}
	f->snapshots += fs->hold != CAPTURE_LIVE;
	f->live += fs->hold == CAPTURE_LIVE;
}

/* The file system that `dir` is on; of two at one place the later hides the other. */
static struct capture_fs *find_cover(struct capture_facts *f)
{
	struct capture_fs *best = NULL;

	for (size_t i = 0; i < f->n_fs; i++)
		if (capture_is_below(f->dir, f->fs[i].target) && (!best || strlen(f->fs[i].target) >= strlen(best->target)))
			best = &f->fs[i];
	return best;
}

/* What is mounted later over it or above it; but a root may be moved to its place late. */
static bool is_hidden(const struct capture_facts *f, size_t at)
{
	for (size_t i = at + 1; i < f->n_fs; i++)
		if (!str_eq(f->fs[i].target, "/") && capture_is_below(f->fs[at].target, f->fs[i].target))
			return true;
	return false;
}

static const struct capture_fs *not_taken_above(const struct capture_facts *f, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (!f->fs[i].taken && !str_eq(f->fs[i].target, f->fs[at].target) && capture_is_below(f->fs[i].target, f->dir) &&
		    capture_is_below(f->fs[at].target, f->fs[i].target) && !str_eq(f->fs[i].target, f->dir))
			return &f->fs[i];
	return NULL;
}

static void choose(const struct capture *c, struct capture_facts *f, const struct capture_fs *cover)
{
	size_t root = strlen(f->dir) > 1 ? strlen(f->dir) + 1 : 1;

	for (size_t i = 0; i < f->n_fs; i++) {
		struct capture_fs *fs = &f->fs[i];
		char *why;

		if (fs == cover) {
			fs->taken = true;
			hold(c, f, fs);
			continue;
		}
		if (!capture_is_below(fs->target, f->dir) || str_eq(fs->target, f->dir) || is_hidden(f, i))
			continue;
		why = not_taken_above(f, i) ? mem_strdup("") : why_not(f, cover, i);
		if (!why && capture_excluded(f, fs->target + root, true))
			why = mem_strdup("--exclude says so");
		if (why && !*why)
			free(why);
		else if (why)
			fs->why = why;
		else {
			fs->taken = true;
			hold(c, f, fs);
		}
	}
}

/* A path in the tree as a pattern that matches nothing else. */
static void exclude_path(struct capture_facts *f, const char *path, const char *more)
{
	autoclean(buf_free) struct buf p = { 0 };
	size_t root = strlen(f->dir) > 1 ? strlen(f->dir) + 1 : 1;

	if (!capture_is_below(path, f->dir) || strlen(path) <= root)
		return;
	for (path += root; *path; path++) {
		if (strchr("*?[\\", *path))
			buf_addc(&p, '\\');
		buf_addc(&p, *path);
	}
	buf_adds(&p, more);
	str_list_add(&f->excludes, buf_str(&p));
}

static int collect_excludes(const struct capture *c, struct capture_facts *f, struct err *err)
{
	static const char *const running[] = { "proc/*", "sys/*", "run/*", "tmp/*", "dev/*" };

	for (size_t i = 0; c->excludes && i < c->excludes->len; i++) {
		const char *p = c->excludes->items[i];

		p += str_starts(p, "./") ? 2 : *p == '/';
		if (!*p || str_ends(p, "/"))
			return err_set(err, ERR_USAGE, "--exclude '%.100s' is no pattern for paths below %s",
				       c->excludes->items[i], f->dir);
		str_list_add(&f->excludes, p);
	}
	/* /dev is the kernel's where the system runs; elsewhere what is in it is the tree's. */
	for (size_t i = 0; f->system && i < ARRAY_LEN(running) - !str_eq(f->dir, "/"); i++)
		str_list_add(&f->excludes, running[i]);
	if (f->system && !c->keep_identity)
		capture_identity(&f->excludes);
	f->no_logs = f->system && !c->keep_identity;
	if (!f->ssh_host) {
		exclude_path(f, c->store_dir, "");
		exclude_path(f, c->tmp_dir, "");
	}
	return 0;
}

int capture_facts_decide(const struct capture *c, struct capture_facts *f, struct err *err)
{
	struct capture_fs *cover = find_cover(f);

	if (!f->has_tar || !f->has_find) {
		err_set(err, ERR_FAILED, "%s has no %s", f->host, f->has_find ? "GNU tar" : "find");
		return err_hint(err, "install Debian's packages tar and findutils there");
	}
	if (!cover)
		return err_set(err, ERR_FAILED, "%s does not say which file system %s is on", f->host, f->dir);
	f->plain = !f->can_mount;
	if (collect_excludes(c, f, err) < 0)
		return -1;
	choose(c, f, cover);
	/* What earlier captures could not remove of theirs. */
	for (size_t i = 0; i < f->n_fs; i++) {
		const char *target = f->fs[i].target;
		autofree char *mark = str_format("%s/.orthrus-capture-", str_eq(target, "/") ? "" : target);

		if (f->fs[i].taken && str_eq(f->fs[i].type, "btrfs"))
			exclude_path(f, mark, "*");
	}
	return 0;
}
