/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/build.h"
#include "imaging/build_priv.h"

#include "base/mem.h"
#include "imaging/build_sources.h"
#include "imaging/image_kind.h"
#include "imaging/restore_priv.h"
#include "imaging/store_place.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char *const suites[] = { "bookworm", "trixie" };

/* What every node needs, whatever it is for: boot in both firmwares, disks and arrays, network, remote login. */
static const char *const needed[] = { "systemd-sysv",
				      "udev",
				      "dbus",
				      "linux-image-amd64",
				      "initramfs-tools",
				      "kmod",
				      "zstd",
				      "mdadm",
				      "dosfstools",
				      "e2fsprogs",
				      "xfsprogs",
				      "grub-pc-bin",
				      "grub2-common",
				      "grub-efi-amd64-bin",
				      "grub-efi-amd64-signed",
				      "shim-signed",
				      "efibootmgr",
				      "systemd-resolved",
				      "systemd-timesyncd",
				      "iproute2",
				      "openssh-server",
				      "curl",
				      "ca-certificates" };

void build_packages(const struct build *b, struct str_list *out)
{
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		str_list_add(out, needed[i]);
	for (size_t i = 0; b->packages && i < b->packages->len; i++)
		if (!str_list_has(out, b->packages->items[i]))
			str_list_add(out, b->packages->items[i]);
}

/* Debian Policy 5.6.1. The names become part of another program's argument, where ',' would divide them. */
static int check_package(const char *name, struct err *err)
{
	size_t n = strlen(name);

	if (n < 2 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != n || strchr("+-.", name[0]))
		return err_set(err, ERR_INVALID, "'%.80s' is not the name of a Debian package", name);
	return 0;
}

static int check(const struct build *b, struct err *err)
{
	bool known = b->from_dir && !b->suite;

	if (str_check_name(b->name, err) < 0)
		return err_wrap(err, "image name");
	if (image_kind_check(b->kind, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(suites); i++)
		known |= str_eq(b->suite, suites[i]);
	if (!known)
		return err_set(err, ERR_INVALID, "suite '%.40s' is not one that can be built: bookworm, trixie",
			       b->suite ? b->suite : "");
	for (size_t i = 0; b->packages && i < b->packages->len; i++)
		if (check_package(b->packages->items[i], err) < 0)
			return -1;
	if (b->mirror &&
	    ((!str_starts(b->mirror, "http://") && !str_starts(b->mirror, "https://") && !str_starts(b->mirror, "file:/")) ||
	     strpbrk(b->mirror, " \t\r\n[]'\"")))
		return err_set(err, ERR_INVALID, "mirror '%.140s' is not an http, https or file URL", b->mirror);
	return 0;
}

/* VERSION_CODENAME of os-release(5). */
static int own_release(char **out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	const char *p;

	if (fs_read("/etc/os-release", 65536, &text, err) < 0)
		return -1;
	p = strstr(buf_str(&text), "\nVERSION_CODENAME=");
	if (!p)
		return err_set(err, ERR_FAILED, "/etc/os-release does not say which release this machine runs");
	p = strchr(p, '=') + 1;
	*out = mem_strndup(p, strcspn(p, "\n"));
	return 0;
}

static void close_store(struct store **s)
{
	store_close(*s);
}

/* Its own packs in an image: it would grow while it is read. What is mounted in the tree is not part of it. */
static int check_outside(const struct build *b, const struct store *s, struct err *err)
{
	autofree char *real = NULL;
	bool meets;

	if (store_place_compare(b->store_dir, s, b->from_dir, false, &meets, &real, err) < 0)
		return -1;
	if (!meets)
		return 0;
	err_set(err, ERR_REFUSED, "%s is, holds or lies in the image store %s", b->from_dir, b->store_dir);
	return err_hint(err, "keep the store outside the tree, with the packs, images and sequence that it may have links to");
}

/* Building takes many minutes: what is wrong with the store is said before. */
static int check_store(const struct build *b, struct err *err)
{
	autoclean(close_store) struct store *s = NULL;
	struct err none = { 0 };

	if (store_open(b->store_dir, false, &s, &none) < 0 && none.kind != ERR_NOT_FOUND) {
		*err = none;
		return -1;
	}
	if (b->from_dir && check_outside(b, s, err) < 0)
		return -1;
	/* One that is not there is made. */
	return s && store_check_place(s, b->name, err) < 0 ? err_wrap(err, "image %s", b->name) : 0;
}

/* It is opened by the last step only. */
static int check_tree(const char *path, struct err *err)
{
	autoclose int fd = -1;
	struct stat st;

	if (stat(path, &st) < 0 || (S_ISDIR(st.st_mode) && (fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)) {
		err_errno(err, errno, "%s", path);
		return err_hint(err, "name the directory that holds the tree");
	}
	if (!S_ISDIR(st.st_mode)) {
		err_set(err, ERR_INVALID, "%s is not a directory", path);
		return err_hint(err, "name the directory that holds the tree");
	}
	if (!restore_is_unfinished(fd))
		return 0;
	err_set(err, ERR_REFUSED, "%s holds part of an image: a restore into it did not come to its end", path);
	return err_hint(err,
			"complete it by the same `orthrus image export` again, or, to take what is there, remove %s and the "
			"attribute " RESTORE_MARK " from the directory",
			RESTORE_JOURNAL);
}

int build_probe(const struct build *b, struct str_list *sources, struct err *err)
{
	static const char *const ask[] = { "apt-get", "indextargets", "--format", BUILD_TARGETS_FORMAT, "Created-By: Packages",
					   NULL };
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	autofree char *own = NULL;

	if (check(b, err) < 0 || (b->from_dir && check_tree(b->from_dir, err) < 0) || check_store(b, err) < 0)
		return -1;
	if (b->from_dir)
		return 0;
	if (b->mirror) {
		str_list_addf(sources, "deb %s %s main", b->mirror, b->suite);
		return 0;
	}
	if (own_release(&own, err) < 0 || spawn_run(&(struct spawn){ .argv = ask }, &r, err) < 0)
		return -1;
	if (r.status != 0)
		return err_set(err, ERR_FAILED, "apt-get indextargets failed (exit %d)", r.status);
	return build_sources(buf_str(&r.out), own, b->suite, sources, err);
}

static void add_step(struct plan *plan, enum build_step step, const char *name, char *text)
{
	plan_add(plan, (int)step, PLAN_WRITES, name, text, NULL, NULL);
}

void build_plan(const struct build *b, const struct str_list *sources, struct plan *plan)
{
	autoclean(str_list_free) struct str_list packages = { 0 };
	autoclean(buf_free) struct buf extra = { 0 };

	build_packages(b, &packages);
	for (size_t i = 0; b->packages && i < b->packages->len; i++)
		buf_addf(&extra, "%s%s", i ? ", " : " and the site's ", b->packages->items[i]);
	if (!b->from_dir) {
		add_step(plan, BUILD_PACKAGES, "packages",
			 str_format("install %s into a new tree below %s: %zu packages that every node needs%s, from %s",
				    b->suite, b->tmp_dir, ARRAY_LEN(needed), buf_str(&extra),
				    sources->len ? sources->items[0] : "nowhere"));
		add_step(plan, BUILD_SETTLE, "settle",
			 mem_strdup("take out what belongs to one machine or one day: identity, host keys, logs, caches, times"));
	}
	add_step(plan, BUILD_INGEST, "ingest",
		 str_format("store %s as image %s, kind %s, in %s, signed", b->from_dir ? b->from_dir : "the tree", b->name,
			    b->kind, b->store_dir));
}
