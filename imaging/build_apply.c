/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/build.h"
#include "imaging/build_priv.h"

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIMEOUT_NS (60 * 60 * NS_PER_S)

/* What packages make of "now" in their scripts: the release day of the suite, so that two builds say the same. */
static const struct {
	const char *suite, *epoch;
} epochs[] = { { "bookworm", "SOURCE_DATE_EPOCH=1686355200" }, { "trixie", "SOURCE_DATE_EPOCH=1754697600" } };

/* Left out when packages are unpacked, also later on the node: nobody reads manuals there, and no node has a tuner or a sound
 * card. */
static const char *const excludes[] = { "path-exclude=/usr/share/man/*",
					"path-exclude=/usr/share/info/*",
					"path-exclude=/usr/share/lintian/*",
					"path-exclude=/usr/share/locale/*",
					"path-exclude=/usr/share/doc/*",
					"path-include=/usr/share/doc/*/copyright",
					"path-exclude=/lib/modules/*/kernel/sound/*",
					"path-exclude=/usr/lib/modules/*/kernel/sound/*",
					"path-exclude=/lib/modules/*/kernel/drivers/media/*",
					"path-exclude=/usr/lib/modules/*/kernel/drivers/media/*" };

/* The builder runs as the first process of its own namespaces: when it or we are killed, the kernel ends all it started and takes
 * its mounts
 * (/proc, /sys, /dev/pts in the new tree) away. Else they would stay in this machine's own mount table, below a tree to be
 * removed. */
static const char *const confined[] = { "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc" };

struct build_run {
	const struct build *b;
	const struct str_list *sources;
	char *dir;  /* tmp_dir/build.XXXXXX, locked while we live */
	char *root; /* the tree in it */
	int lock;
	int64_t began_s;
	char **ref;
};

static void say(void *ctx, bool is_stderr, const char *line)
{
	const struct build *b = ctx;

	(void)is_stderr;
	if (b->line)
		b->line(b->ctx, line);
}

/* apt's own proxy setting does not reach the builder, which makes an apt configuration of its own. */
static void add_proxy(struct str_list *env)
{
	static const char *const ask[] = { "apt-config", "dump", "--format", "%v%n", "Acquire::http::Proxy", NULL };
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	const char *from_env = getenv("http_proxy");
	struct err ignored = { 0 };
	size_t n;

	if (from_env) {
		str_list_addf(env, "http_proxy=%s", from_env);
		return;
	}
	if (spawn_run(&(struct spawn){ .argv = ask }, &r, &ignored) < 0 || r.status != 0)
		return;
	n = strcspn(buf_str(&r.out), "\n");
	if (n && !str_starts(buf_str(&r.out), "DIRECT"))
		str_list_addf(env, "http_proxy=%.*s", (int)n, buf_str(&r.out));
}

static int install_packages(struct build_run *run, struct err *err)
{
	autoclean(str_list_free) struct str_list argv = { 0 };
	autoclean(str_list_free) struct str_list env = { 0 };
	autoclean(str_list_free) struct str_list packages = { 0 };
	autoclean(buf_free) struct buf include = { 0 };

	build_packages(run->b, &packages);
	for (size_t i = 0; i < packages.len; i++)
		buf_addf(&include, "%s%s", i ? "," : "--include=", packages.items[i]);
	for (size_t i = 0; i < ARRAY_LEN(epochs); i++)
		if (str_eq(epochs[i].suite, run->b->suite))
			str_list_add(&env, epochs[i].epoch);
	add_proxy(&env);
	for (size_t i = 0; i < ARRAY_LEN(confined); i++)
		str_list_add(&argv, confined[i]);
	str_list_add(&argv, "mmdebstrap");
	str_list_add(&argv, "--mode=root");
	str_list_add(&argv, "--format=directory");
	str_list_add(&argv, "--variant=minbase");
	str_list_add(&argv, "--aptopt=Apt::Install-Recommends \"false\"");
	for (size_t i = 0; i < ARRAY_LEN(excludes); i++)
		str_list_addf(&argv, "--dpkgopt=%s", excludes[i]);
	str_list_add(&argv, buf_str(&include));
	str_list_add(&argv, run->b->suite);
	str_list_add(&argv, run->root);
	for (size_t i = 0; i < run->sources->len; i++)
		str_list_add(&argv, run->sources->items[i]);
	return spawn_run(&(struct spawn){ .argv = (const char *const *)argv.items,
					  .env = (const char *const *)env.items,
					  .timeout_ns = TIMEOUT_NS,
					  .line = say,
					  .ctx = (void *)(uintptr_t)run->b },
			 NULL, err);
}

static int ingest(struct build_run *run, struct err *err)
{
	const struct build *b = run->b;
	struct ingest in = { .source_dir = b->from_dir ? b->from_dir : run->root,
			     .name = b->name,
			     .kind = b->kind,
			     .cluster_id = b->cluster_id,
			     .suite = b->suite,
			     .wall_s = b->wall_s,
			     .key = b->key,
			     .progress = b->progress,
			     .ctx = b->ctx,
			     .stats = b->stats };
	struct store *s = NULL;
	int rc;

	if (store_open(b->store_dir, true, &s, err) < 0)
		return -1;
	rc = store_ingest(s, &in, run->ref, err);
	store_close(s);
	return rc;
}

static int perform(void *ctx, const struct plan_step *step, struct err *err)
{
	struct build_run *run = ctx;

	switch ((enum build_step)step->type) {
	case BUILD_PACKAGES:
		return install_packages(run, err);
	case BUILD_SETTLE:
		return build_settle(run->root, run->began_s, err);
	case BUILD_INGEST:
		return ingest(run, err);
	}
	return err_set(err, ERR_FAILED, "unknown step %d", step->type);
}

/* A build that was killed holds its lock no more, once its children have ended too. */
static int remove_stale(const char *tmp_dir, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	if (fs_list(tmp_dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(tmp_dir, names.items[i]);
		struct err gone = { 0 };
		autoclose int fd = str_starts(names.items[i], "build.") ? fs_open_dir(path, &gone) : -1;

		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fs_remove_tree(path, err) < 0)
			return -1;
	}
	return 0;
}

static int make_dir(struct build_run *run, struct err *err)
{
	if (fs_mkdirs(run->b->tmp_dir, 0755, err) < 0 || remove_stale(run->b->tmp_dir, err) < 0)
		return -1;
	run->dir = str_format("%s/build.XXXXXX", run->b->tmp_dir);
	if (!mkdtemp(run->dir)) {
		free(steal(run->dir));
		return err_errno(err, errno, "create a directory below %s", run->b->tmp_dir);
	}
	run->lock = fs_open_dir(run->dir, err);
	if (run->lock < 0)
		return -1;
	/* The builder's own children outlive us when we are killed, and still write: they inherit the lock, so that nobody cleans
	 * up under them. apt fetches as its own user, who must be able to pass. */
	if (flock(run->lock, LOCK_EX | LOCK_NB) < 0 || fcntl(run->lock, F_SETFD, 0) < 0 || chmod(run->dir, 0755) < 0)
		return err_errno(err, errno, "use %s", run->dir);
	run->root = fs_join(run->dir, "root");
	return 0;
}

int build_apply(const struct build *b, const struct str_list *sources, const struct plan *plan, char **ref, struct err *err)
{
	struct build_run run = { .b = b, .sources = sources, .lock = -1, .began_s = clock_wall_s(), .ref = ref };
	static const struct plan_ops ops = { .perform = perform };
	struct err cleanup = { 0 };
	int rc = b->from_dir ? 0 : make_dir(&run, err);

	if (rc == 0)
		rc = plan_run(plan, &ops, &run, err);
	if (run.dir && fs_remove_tree(run.dir, &cleanup) < 0 && b->line)
		b->line(b->ctx, cleanup.text);
	if (run.lock >= 0)
		close(run.lock);
	free(run.dir);
	free(run.root);
	return rc;
}
