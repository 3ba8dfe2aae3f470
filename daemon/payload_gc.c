/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each image brings some 30 MB to the TFTP tree: what no image needs any more goes when the daemon starts, when nobody makes any.
 */
#include "base/mem.h"
#include "daemon/change.h"
#include "daemon/diskless.h"
#include "daemon/payloads.h"
#include "imaging/store.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <string.h>

static void close_store(struct store **s)
{
	if (*s)
		store_close(*s);
}

static bool in_store(struct store *store, const char *ref)
{
	autofree char *name = NULL;
	autofree char *id = NULL;
	autofree char *dir = NULL;
	struct err err = { 0 };

	/* Only a clear "it is not there" counts. */
	return store_find(store, ref, &name, &id, &dir, &err) == 0 || err.kind != ERR_NOT_FOUND;
}

static void keep_key(const char *json, struct str_list *keys)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *key = NULL;
	struct json_obj o;
	struct err ignored = { 0 };

	if (json_parse(json, strlen(json), &doc, &ignored) == 0 && json_root_obj(&doc, &o, &ignored) == 0 &&
	    json_str(&o, "key", JSON_MAY, &key, &ignored) == 0 && key)
		str_list_add(keys, key);
}

/* Documents of images that are gone are deleted; the keys of the others are noted. */
static int forget_gone(struct daemon *d, struct store *store, struct str_list *keys, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };
	autoclean(change_end) struct change c = { 0 };

	change_begin(&c, d);
	if (state_list(d->state, "payload/", &docs, err) < 0)
		return -1;
	for (size_t i = 0; i < docs.len; i++) {
		const char *ref = docs.items[i].key + strlen("payload/");

		if (in_store(store, ref))
			keep_key(docs.items[i].value, keys);
		else
			change_delete(&c, "payload", ref);
	}
	return change_commit(&c, err);
}

int payloads_collect(struct daemon *d, struct err *err)
{
	autofree char *dir = fs_join(d->paths.tftp_dir, "payload");
	autoclean(close_store) struct store *store = NULL;
	autoclean(str_list_free) struct str_list keys = { 0 };
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err late = { 0 };

	/* A store that is not mounted says nothing about images. */
	if (store_open(d->paths.store_dir, false, &store, err) < 0)
		return err->kind == ERR_NOT_FOUND ? 0 : -1;
	/* What a deletion that was cut off did not get to. */
	if (store_finish_deletes(store, &late) < 0)
		log_err("payload", "finish the deletion of an image", &late);
	if (diskless_collect(d, store, err) < 0)
		return -1;
	if (!fs_exists(dir))
		return 0;
	if (forget_gone(d, store, &keys, err) < 0 || fs_list(dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(dir, names.items[i]);

		/* The lock is of those who make them. */
		if (str_list_has(&keys, names.items[i]) || str_eq(names.items[i], ".lock"))
			continue;
		log_info("payload", "removing %s: no image needs it", path);
		if (fs_remove_tree(path, err) < 0)
			return -1;
	}
	return 0;
}
