/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cluster's state goes, and images where that was asked for; what stays of it belongs to nobody who comes after us. */
#include "base/mem.h"
#include "headinstall/apply_priv.h"
#include "headinstall/paths.h"
#include "headinstall/programs.h"
#include "sys/fs.h"
#include "sys/keys.h"
#include "sys/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file system of its own stays, empty: whoever mounted it takes it away. One that is mounted further below is none of ours. */
static int empty_mount(const char *full, struct str_list *kept, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	if (fs_list(full, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *sub = fs_join(full, names.items[i]);

		if (fs_remove_tree(sub, err) < 0)
			return -1;
	}
	str_list_addf(kept, "%s: another file system is mounted there; it is empty now", full);
	return 0;
}

/* What a link leads to was put there by somebody. */
static int name_link(struct head_apply *a, const char *full, struct str_list *kept, struct err *err)
{
	autofree char *what = NULL;
	char target[4096];
	ssize_t n = readlink(full, target, sizeof(target) - 1);

	if (n <= 0)
		return 0;
	target[n] = '\0';
	what = str_format("%s, to which %s led: what is there stays", target, full);
	return undo_keep(a, what, kept, err);
}

static int name_links(struct head_apply *a, const char *full, struct str_list *kept, struct err *err)
{
	static const char *const below[] = { "packs", "images", "sequence" };

	if (name_link(a, full, kept, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(below); i++) {
		autofree char *sub = fs_join(full, below[i]);

		if (name_link(a, sub, kept, err) < 0)
			return -1;
	}
	return 0;
}

static int remove_all(struct head_apply *a, const char *full, struct str_list *kept, struct err *err)
{
	struct statx st;

	if (name_links(a, full, kept, err) < 0)
		return -1;
	return fs_look(AT_FDCWD, full, &st) == 0 && S_ISDIR(st.stx_mode) && fs_is_mounted(&st, NULL)
		       ? empty_mount(full, kept, err)
		       : fs_remove_tree(full, err);
}

/* That of an earlier head, whose images are still here: sign-ID.pub, by the signer that these name. */
static int move_older(const char *path, const char *newer, struct err *err)
{
	char id[KEY_ID_LEN], old_id[KEY_ID_LEN];
	autofree char *aside = NULL;
	struct verify_key key, old;
	struct err none = { 0 };

	if (!fs_exists(path) || verify_key_load(newer, &key, &none) < 0 || verify_key_load(path, &old, &none) < 0)
		return 0;
	verify_key_id(&key, id);
	verify_key_id(&old, old_id);
	if (str_eq(id, old_id))
		return 0;
	aside = str_format("%.*s-%s.pub", (int)(strlen(path) - strlen(".pub")), path, old_id);
	return rename(path, aside) < 0 ? err_errno(err, errno, "rename %s", path) : 0;
}

/* By which the images that stay can be verified. What is there is the daemon's user's: no link of theirs has root read for them.
 */
static int keep_key(struct head_apply *a, struct str_list *kept, struct err *err)
{
	autofree char *from = apply_place(a, "/var/lib/orthrus/pki/sign.pub"), *to = apply_place(a, HEAD_STORE "/sign.pub");
	autofree char *store = apply_place(a, HEAD_STORE "/store"), *what = NULL;
	autoclean(buf_free) struct buf key = { 0 };
	struct err why = { 0 };

	if (!fs_exists(store))
		return 0;
	if (fs_read_nofollow(from, 4096, &key, &why) < 0) {
		what = str_format("%s, without the key by which what is there is verified: %s", store, why.text);
		return why.kind == ERR_NOT_FOUND ? 0 : undo_keep(a, what, kept, err);
	}
	return move_older(to, from, err) < 0 ? -1 : fs_write_atomic(to, buf_str(&key), key.len, 0644, err);
}

/* orthrusd makes a store at its first start, and `image delete` leaves one: without anything in it it is nothing to be kept. */
static void drop_empty_store(const char *store)
{
	static const char *const below[] = { "packs", "images", "sequence" };
	autoclean(str_list_free) struct str_list names = { 0 };
	autofree char *lock = fs_join(store, "lock");
	struct err none = { 0 };
	struct stat st;

	if (lstat(store, &st) < 0 || !S_ISDIR(st.st_mode))
		return;
	for (size_t i = 0; i < ARRAY_LEN(below); i++) {
		autofree char *sub = fs_join(store, below[i]);

		(void)!rmdir(sub);
	}
	if (fs_list(store, &names, &none) == 0 && names.len == 1 && str_eq(names.items[0], "lock"))
		(void)!unlink(lock);
	(void)!rmdir(store);
}

/* The numbers of our users are given to others next. */
static int give_to_root(const struct head_apply *a, struct err *err)
{
	autofree char *log = apply_place(a, "/var/log/orthrus"), *store = apply_place(a, HEAD_STORE "/store");
	autoclose int fd = -1;

	if (str_list_has(&a->record->j.accounts, "passwd:orthrus") && privilege_give(log, 0, err) < 0)
		return -1;
	if (!str_list_has(&a->record->j.accounts, "group:orthrus"))
		return 0;
	fd = open(store, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fchown(fd, (uid_t)-1, 0) < 0 ? err_errno(err, errno, "give %s to the group root", store) : 0;
}

/* Whoever installed the programs before (a Debian package, `make install`) had made them, as they made the user. */
static int empty_dirs(const struct head_apply *a, struct err *err)
{
	if (str_list_has(&a->record->j.accounts, "passwd:orthrus"))
		return 0;
	return PROGRAM(a->record->root, NULL, err, "systemd-tmpfiles", "--create", "/usr/lib/tmpfiles.d/orthrus.conf");
}

/* sign-ID.pub of earlier heads (move_older()), by which nothing is left to be verified. */
static int remove_older_keys(const char *srv, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	const size_t head = strlen("sign-"), id = KEY_ID_LEN - 1;

	if (!fs_exists(srv))
		return 0;
	if (fs_list(srv, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		const char *name = names.items[i];
		autofree char *full = fs_join(srv, name);

		if (!str_starts(name, "sign-") || strspn(name + head, "0123456789abcdef") != id ||
		    !str_eq(name + head + id, ".pub"))
			continue;
		if (unlink(full) < 0 && errno != ENOENT)
			return err_errno(err, errno, "remove %s", full);
	}
	return 0;
}

int undo_data(struct head_apply *a, const struct head_step *s, struct str_list *kept, struct err *err)
{
	autofree char *store = apply_place(a, HEAD_STORE "/store"), *srv = apply_place(a, HEAD_STORE);

	drop_empty_store(store);
	if (s->enable && keep_key(a, kept, err) < 0)
		return -1;
	for (size_t i = 0; i < s->words.len; i++) {
		autofree char *full = apply_place(a, s->words.items[i]);

		if (remove_all(a, full, kept, err) < 0)
			return -1;
	}
	if (!s->enable && remove_older_keys(srv, err) < 0)
		return -1;
	/* An empty one that nobody has put anything into. */
	if (rmdir(srv) < 0 && !s->enable && (errno == ENOTEMPTY || errno == EEXIST))
		str_list_addf(kept, "%s: something is in it that is not of Orthrus", srv);
	return give_to_root(a, err) < 0 || empty_dirs(a, err) < 0 ? -1 : 0;
}
