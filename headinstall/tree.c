/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/tree.h"

#include "base/mem.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64

/* Where scripts of packages write, and how long a file may be whose content is read. What is longer is known by its size and
 * time. Not /root and /opt, where no package of Debian's writes, and of /usr/local no more than directories, which some make
 * there: what is in these is somebody's. */
static const struct watched {
	const char *path;
	uint64_t read_max;
	bool only_directories;
} watched[] = {
	{ "/boot", (uint64_t)512 << 20, false }, { "/etc", (uint64_t)16 << 20, false }, { "/usr/local", 0, true },
	{ "/var/lib", 262144, false },		 { "/var/spool", 262144, false },
};
/* Of these: what has a keeper of its own (dpkg, apt, us), what changes by itself all the time, and what may be endless. */
static const char *const passed[] = {
	"/var/lib/apt",
	"/var/lib/ceph",
	"/var/lib/containerd",
	"/var/lib/containers",
	"/var/lib/docker",
	"/var/lib/dpkg",
	"/var/lib/etcd",
	"/var/lib/flatpak",
	"/var/lib/k0s",
	"/var/lib/kubelet",
	"/var/lib/libvirt",
	"/var/lib/lxc",
	"/var/lib/lxd",
	"/var/lib/machines",
	"/var/lib/mysql",
	"/var/lib/orthrus",
	"/var/lib/orthrus-install",
	"/var/lib/plocate",
	"/var/lib/postgresql",
	"/var/lib/rancher",
	"/var/lib/snapd",
	"/var/lib/systemd/coredump",
	"/var/lib/systemd/pstore",
	"/var/lib/systemd/timers",
	"/var/lib/systemd/random-seed",
	"/var/lib/logrotate",
	"/var/lib/systemd/timesync",
};

static bool within(const char *path, const char *top)
{
	size_t len = strlen(top);

	return strncmp(path, top, len) == 0 && (path[len] == '/' || !path[len]);
}

/* A history kept by git and its like: etckeeper has apt add to that of /etc. Parts of it are nothing, or a damaged one. */
static bool is_history(const char *path)
{
	static const char *const names[] = { ".bzr", ".git", ".hg", ".svn", "_darcs" };

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (within(slash + 1, names[i]))
				return true;
	return false;
}

static const struct watched *find(const char *path)
{
	if (is_history(path))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		if (within(path, passed[i]))
			return NULL;
	for (size_t i = 0; i < ARRAY_LEN(watched); i++)
		if (within(path, watched[i].path))
			return &watched[i];
	return NULL;
}

bool head_tree_watched(const char *path)
{
	return find(path) != NULL;
}

/* The journal is JSON: a name that is no text could not be written down as it is. Nothing of Debian's has one. */
static bool is_text(const char *name)
{
	size_t left = strlen(name);

	while (left) {
		size_t n = str_utf8_len(name, left);

		if (n == 0 || (unsigned char)*name < ' ')
			return false;
		name += n;
		left -= n;
	}
	return true;
}

static int keep_content(const struct head_tree *t, struct fs_batch *batch, const struct buf *content, struct head_state *s,
			struct err *err)
{
	autofree char *path = str_format("%s/%s", t->originals, s->digest);

	if (!fs_exists(path) && (batch ? fs_batch_write(batch, path, buf_str(content), content->len, 0600, err)
				       : fs_write_atomic(path, buf_str(content), content->len, 0600, err)) < 0)
		return -1;
	s->kept = true;
	return 0;
}

static int read_content(const struct head_tree *t, const char *full, struct fs_batch *batch, bool keep, uint64_t max,
			struct head_state *s, struct err *err)
{
	autoclean(buf_free) struct buf content = { 0 };
	struct digest d;

	if (s->size_bytes > max)
		return 0;
	if (fs_read_nofollow(full, (size_t)max, &content, err) < 0)
		return -1;
	digest_of(buf_str(&content), content.len, &d);
	digest_hex(&d, s->digest);
	s->size_bytes = content.len;
	return keep ? keep_content(t, batch, &content, s, err) : 0;
}

static int read_link(const char *full, struct head_state *s, struct err *err)
{
	char target[4096];
	ssize_t n = readlink(full, target, sizeof(target));

	if (n < 0 || (size_t)n >= sizeof(target))
		return err_errno(err, n < 0 ? errno : ENAMETOOLONG, "read the link %s", full);
	s->target = mem_strndup(target, (size_t)n);
	return 0;
}

static int look_at(const struct head_tree *t, const char *path, struct fs_batch *batch, bool keep, uint64_t max, struct stat *st,
		   struct head_state *s, struct err *err)
{
	autofree char *full = str_format("%s%s", t->root, path);

	*s = (struct head_state){ 0 };
	if (lstat(full, st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(err, errno, "look at %s", full);
	s->mode = st->st_mode & 07777;
	s->uid = st->st_uid;
	s->gid = st->st_gid;
	s->type = HEAD_OTHER;
	if (S_ISDIR(st->st_mode))
		s->type = HEAD_DIRECTORY;
	if (S_ISLNK(st->st_mode)) {
		s->type = HEAD_LINK;
		return read_link(full, s, err);
	}
	if (!S_ISREG(st->st_mode))
		return 0;
	s->type = HEAD_REGULAR;
	s->size_bytes = (uint64_t)st->st_size;
	s->mtime_s = st->st_mtime > 0 ? (uint64_t)st->st_mtime : 0;
	return read_content(t, full, batch, keep, max, s, err);
}

int head_tree_state(const struct head_tree *t, const char *path, bool keep, struct head_state *out, struct err *err)
{
	const struct watched *w = find(path);
	struct stat st;

	return look_at(t, path, NULL, keep, w ? w->read_max : (uint64_t)16 << 20, &st, out, err);
}

struct walk {
	const struct head_tree *t;
	struct fs_batch batch;
	bool keep;
	dev_t device;
	struct head_journal *out;
};

static int walk_path(struct walk *w, const char *path, unsigned int depth, struct err *err);

/* A directory that goes while it is read is one that is not there. */
static int walk_names(struct walk *w, const char *path, unsigned int depth, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	autofree char *full = str_format("%s%s", w->t->root, path);

	if (depth >= DEPTH_MAX)
		return err_set(err, ERR_FAILED, "%s: directories are nested more than %d deep", full, DEPTH_MAX);
	if (fs_list(full, &names, err) < 0)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *sub = str_format("%s/%s", path, names.items[i]);

		if (is_text(names.items[i]) && find(sub) && walk_path(w, sub, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

static int walk_path(struct walk *w, const char *path, unsigned int depth, struct err *err)
{
	const struct watched *rule = find(path);
	struct head_journal *j = w->out;
	struct head_path *p;
	struct stat st;

	j->paths = mem_room(j->paths, j->n_paths, &j->cap_paths, sizeof(*j->paths));
	p = &j->paths[j->n_paths];
	*p = (struct head_path){ .order = j->n_paths, .has_now = true };
	if (look_at(w->t, path, &w->batch, w->keep, rule->read_max, &st, &p->now, err) < 0) {
		head_state_clear(&p->now);
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	}
	if (p->now.type == HEAD_ABSENT)
		return 0;
	if (depth == 0)
		w->device = st.st_dev;
	/* A mount: another file system's business. */
	if (st.st_dev != w->device || (rule->only_directories && p->now.type != HEAD_DIRECTORY)) {
		head_state_clear(&p->now);
		return 0;
	}
	p->path = mem_strdup(path);
	j->n_paths++;
	return S_ISDIR(st.st_mode) ? walk_names(w, path, depth, err) : 0;
}

int head_tree_look(const struct head_tree *t, bool keep, struct head_journal *out, struct err *err)
{
	struct walk w = { .t = t, .keep = keep, .out = out };

	for (size_t i = 0; i < ARRAY_LEN(watched); i++)
		if (walk_path(&w, watched[i].path, 0, err) < 0)
			return err_wrap(err, "look at what is installed");
	if (keep && fs_batch_end(&w.batch, t->originals, err) < 0)
		return -1;
	head_journal_settle(out);
	return 0;
}

static int set_owner(const char *full, const struct head_state *to, struct err *err)
{
	if (lchown(full, to->uid, to->gid) < 0)
		return err_errno(err, errno, "give %s its owner", full);
	/* After the owner: chown(2) takes set-user-ID away. */
	if (to->type != HEAD_LINK && chmod(full, to->mode) < 0)
		return err_errno(err, errno, "give %s its mode", full);
	return 0;
}

static int remove_path(const char *full, struct err *err)
{
	if (unlink(full) == 0 || errno == ENOENT || errno == ENOTDIR)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_errno(err, errno, "remove %s", full);
	if (rmdir(full) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST)
		return err_set(err, ERR_EXISTS, "%s is not empty", full);
	return err_errno(err, errno, "remove the directory %s", full);
}

static int restore_content(const struct head_tree *t, const char *full, const struct head_state *to, struct err *err)
{
	autofree char *from = str_format("%s/%s", t->originals, to->digest);
	autoclean(buf_free) struct buf content = { 0 };
	char hex[DIGEST_HEX_LEN];
	struct digest d;
	struct stat st;

	if (!to->digest[0] || !fs_exists(from))
		return err_set(err, ERR_NOT_FOUND, "%s: what it was is not kept", full);
	if (fs_read_nofollow(from, (size_t)1 << 30, &content, err) < 0)
		return -1;
	digest_of(buf_str(&content), content.len, &d);
	digest_hex(&d, hex);
	if (!str_eq(hex, to->digest))
		return err_set(err, ERR_DAMAGED, "%s: its copy %s is damaged", full, from);
	if (lstat(full, &st) == 0 && !S_ISREG(st.st_mode) && remove_path(full, err) < 0)
		return -1;
	/* Never for a moment open to others who may not read it. */
	return fs_write_atomic(full, buf_str(&content), content.len, 0600, err) < 0 ? -1 : set_owner(full, to, err);
}

static int restore_link(const char *full, const struct head_state *to, struct err *err)
{
	if (remove_path(full, err) < 0)
		return -1;
	if (symlink(to->target, full) < 0)
		return err_errno(err, errno, "make the link %s", full);
	return set_owner(full, to, err);
}

static int restore_directory(const char *full, const struct head_state *to, struct err *err)
{
	struct stat st;

	if (lstat(full, &st) == 0 && !S_ISDIR(st.st_mode) && remove_path(full, err) < 0)
		return -1;
	if (mkdir(full, 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "make the directory %s", full);
	return set_owner(full, to, err);
}

/* Only its mode or owner may differ: then the content stays as it is, which need not have been kept. */
static int restore_regular(const struct head_tree *t, const char *path, const char *full, const struct head_state *to,
			   struct err *err)
{
	autoclean(head_state_clear) struct head_state now = { 0 };

	if (head_tree_state(t, path, false, &now, err) < 0)
		return -1;
	now.mode = to->mode;
	now.uid = to->uid;
	now.gid = to->gid;
	return head_state_same(&now, to) ? set_owner(full, to, err) : restore_content(t, full, to, err);
}

int head_tree_restore(const struct head_tree *t, const char *path, const struct head_state *to, struct err *err)
{
	autofree char *full = str_format("%s%s", t->root, path);

	switch (to->type) {
	case HEAD_ABSENT:
		return remove_path(full, err);
	case HEAD_REGULAR:
		return restore_regular(t, path, full, to, err);
	case HEAD_DIRECTORY:
		return restore_directory(full, to, err);
	case HEAD_LINK:
		return restore_link(full, to, err);
	case HEAD_OTHER:
		break;
	}
	return err_set(err, ERR_NOT_FOUND, "%s: what it was cannot be made again", full);
}
