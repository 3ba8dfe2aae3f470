/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/apply.h"

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/spawn.h"

#include <fcntl.h>
#include <string.h>

#define STOP_TRIES 20

/* mdadm waits for udev to make /dev/md/NAME, for ever-repeated seconds, unless told that none runs. */
static const char *const no_udev[] = { "MDADM_NO_UDEV=1", NULL };

static const char *const *md_env(const struct raid_env *env)
{
	autofree char *control = fs_join(env->udev, "control");

	return fs_exists(control) ? NULL : no_udev;
}

static int mdadm(const struct raid_env *env, const struct str_list *argv, struct err *err)
{
	return spawn_run(&(const struct spawn){ .argv = (const char *const *)argv->items, .env = md_env(env) }, NULL, err);
}

int md_detail(const struct raid_env *env, const char *name, const char *key, char **value, struct err *err)
{
	autofree char *node = sys_node(env, name), *start = str_format("%s=", key);
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	const char *const argv[] = { "mdadm", "--detail", "--export", node, NULL };
	char *line, *rest;

	*value = NULL;
	if (spawn_run(&(const struct spawn){ .argv = argv, .env = md_env(env) }, &r, err) < 0)
		return -1;
	/* It fails for an array that has no member any more: that one has no UUID to be found by. */
	if (r.status == 0 && r.out.data)
		for (line = strtok_r(r.out.data, "\n", &rest); line && !*value; line = strtok_r(NULL, "\n", &rest))
			if (str_starts(line, start))
				*value = mem_strdup(line + strlen(start));
	if (!*value)
		*value = mem_strdup("");
	return 0;
}

int md_find(const struct raid_env *env, const char *uuid, char **name, struct err *err)
{
	autofree char *block = fs_join(env->sys, "block");
	autoclean(str_list_free) struct str_list names = { 0 };

	*name = NULL;
	sysfs_list(block, &names);
	for (size_t i = 0; i < names.len; i++) {
		autofree char *dir = sys_block_dir(env, names.items[i]), *md = fs_join(dir, "md"), *have = NULL;

		if (!fs_exists(md))
			continue;
		if (md_detail(env, names.items[i], "MD_UUID", &have, err) < 0)
			return -1;
		if (str_eq(have, uuid)) {
			*name = mem_strdup(names.items[i]);
			return 0;
		}
	}
	return 0;
}

int md_stop(const struct raid_env *env, const char *name, struct err *err)
{
	autofree char *node = sys_node(env, name);
	autoclean(str_list_free) struct str_list argv = { 0 };

	str_list_add(&argv, "mdadm");
	str_list_add(&argv, "--stop");
	str_list_add(&argv, node);
	/* udev or a write that is just ending may hold it for a moment. */
	for (int i = 0; mdadm(env, &argv, err) < 0; i++) {
		if (i == STOP_TRIES)
			return err_wrap(err, "stop array %s", name);
		clock_sleep_ns(100 * NS_PER_MS);
		udev_settle(env);
	}
	return 0;
}

void md_create_argv(const struct raid_create *c, const struct str_list *nodes, struct str_list *out)
{
	str_list_add(out, "mdadm");
	str_list_add(out, "--create");
	str_list_addf(out, "/dev/md/%s", c->name);
	/* No questions, and an array that lacks members is started all the same. */
	str_list_add(out, "--run");
	str_list_addf(out, "--level=%u", c->level);
	str_list_addf(out, "--raid-devices=%zu", c->active.len);
	if (c->spare.len)
		str_list_addf(out, "--spare-devices=%zu", c->spare.len);
	str_list_addf(out, "--metadata=%s", c->metadata);
	str_list_addf(out, "--uuid=%s", c->uuid);
	str_list_addf(out, "--name=%s", c->name);
	/* Assembled in the same way on whatever host (mdadm(8)): with a name, ours or the imager's, the array would be foreign to
	 * all others and appear as sys_0 there. */
	str_list_add(out, "--homehost=any");
	if (c->level == 10)
		str_list_add(out, "--layout=n2");
	if (c->chunk_bytes && c->level != 1)
		str_list_addf(out, "--chunk=%lluK", (unsigned long long)(c->chunk_bytes / 1024));
	/* Said in either case: left alone, mdadm adds a bitmap of its own accord to arrays over 100 GB. */
	if (c->level != 0)
		str_list_addf(out, "--bitmap=%s", c->bitmap ? "internal" : "none");
	for (size_t i = 0; i < nodes->len; i++)
		str_list_add(out, nodes->items[i]);
}

static int member_nodes(const struct raid_env *env, const struct str_list *disks, const struct str_list *guids,
			struct str_list *nodes, struct err *err)
{
	for (size_t i = 0; i < guids->len; i++) {
		autofree char *node = NULL;

		if (str_eq(guids->items[i], "missing")) {
			str_list_add(nodes, "missing");
			continue;
		}
		if (part_find(env, disks, guids->items[i], &node, err) < 0)
			return -1;
		str_list_add(nodes, node);
	}
	return 0;
}

/* The first resync would fight the restore for the disks. It is due anyway, and begins by itself when the array is next started,
 * on the installed system. Never --assume-clean: the members were not zeroed, so their contents differ. */
static void hold_resync(const struct raid_env *env, const char *name)
{
	autofree char *path = str_format("%s/block/%s/md/sync_action", env->sys, name);
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	struct err err = { 0 };

	if (fd >= 0 && fs_write_all(fd, path, "frozen", 6, &err) < 0)
		log_err("disks", "hold the resync", &err);
}

int raid_resync(struct raid_ctx *ctx, const struct raid_result *result, struct err *err)
{
	for (size_t i = 0; i < result->n_md; i++) {
		autofree char *name = NULL, *path = NULL;
		autoclose int fd = -1;

		if (md_find(&ctx->env, result->md[i].uuid, &name, err) < 0)
			return -1;
		if (!name)
			return err_set(err, ERR_NOT_FOUND, "array %s (%s) is not running", result->md[i].name,
				       result->md[i].uuid);
		path = str_format("%s/block/%s/md/sync_action", ctx->env.sys, name);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		/* RAID 0 has none. */
		if (fd >= 0 && fs_write_all(fd, path, "idle", 4, err) < 0)
			return err_wrap(err, "array %s", result->md[i].name);
	}
	return 0;
}

int md_create(const struct raid_env *env, const struct raid_create *c, struct err *err)
{
	autoclean(str_list_free) struct str_list nodes = { 0 }, argv = { 0 };
	autofree char *old = NULL, *made = NULL;

	/* This very step, cut short before: its array is not worth keeping. */
	if (md_find(env, c->uuid, &old, err) < 0 || (old && md_stop(env, old, err) < 0))
		return -1;
	if (member_nodes(env, &c->disks, &c->active, &nodes, err) < 0 || member_nodes(env, &c->disks, &c->spare, &nodes, err) < 0)
		return err_wrap(err, "array %s", c->name);
	md_create_argv(c, &nodes, &argv);
	if (mdadm(env, &argv, err) < 0 || md_find(env, c->uuid, &made, err) < 0)
		return err_wrap(err, "array %s", c->name);
	if (!made)
		return err_set(err, ERR_FAILED, "array %s is not there after mdadm made it", c->name);
	hold_resync(env, made);
	udev_settle(env);
	return 0;
}
