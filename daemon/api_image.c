/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who needs an image, that one is new, and its deletion: looking and taking it away are one, so that no order can come in
 * between. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/image_users.h"
#include "daemon/reconcile.h"
#include "imaging/store.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <unistd.h>

static void close_store(struct store **s)
{
	store_close(*s);
}

int api_image_users(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(roster_free) struct roster roster = { 0 };
	autoclean(image_users_free) struct image_users users = { 0 };
	const char *name = http_param(call, "name"), *id = http_param(call, "id");
	autofree char *ref = str_format("%s/%s", name, id);
	struct json_out w;

	if (str_check_name(name, err) < 0 || str_check_name(id, err) < 0 || roster_load(ctx, &roster, err) < 0 ||
	    image_users_find(ctx, &roster, ref, &users, err) < 0)
		return -1;
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "users");
	for (size_t i = 0; i < users.len; i++) {
		json_put_obj(&w, NULL);
		json_put_str(&w, "node", users.items[i].node);
		json_put_str(&w, "why", image_use_text(users.items[i].why));
		json_end_obj(&w);
	}
	json_end_arr(&w);
	json_end_obj(&w);
	return 0;
}

/* The store is written by `orthrus image build`, not by us: it says what is new there, and what waited for it goes on. */
int api_image_look(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(close_store) struct store *store = NULL;
	autofree char *ref = NULL, *name = NULL, *id = NULL, *dir = NULL;
	struct err late = { 0 };
	struct json_out w;
	struct json_obj o;

	if (api_body(call, &doc, &o, err) < 0 || json_str(&o, "image", JSON_MUST, &ref, err) < 0 || json_obj_end(&o, err) < 0 ||
	    store_open(d->paths.store_dir, false, &store, err) < 0 || store_find(store, ref, &name, &id, &dir, err) < 0)
		return -1;
	event_note(d, EVENT_INFO, "image-built", NULL, "image %s is in the store now: %s/%s", name, name, id);
	reconcile_kick(d->reconcile, true);
	if (reconcile_wait(d->reconcile, &late) < 0)
		late.kind = ERR_FAILED;
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "problem", late.kind != ERR_NONE ? late.text : NULL);
	json_end_obj(&w);
	return 0;
}

/* One deletion: what it is of, and what will be so after it. */
struct deletion {
	char *name, *ref;
	struct store *store;
	char *installers;     /* who installs by the name alone: a sentence, or NULL */
	char *next;	      /* the newest one left that can be read, or NULL */
	uint64_t number;      /* of the one to delete; 0: it can't be read */
	uint64_t next_number; /* of `next` */
	bool of_site;	      /* the name is among the site's images */
};

static void deletion_free(struct deletion *x)
{
	free(x->name);
	free(x->ref);
	if (x->store)
		store_close(x->store);
	free(x->installers);
	free(x->next);
}

static int find_image(struct daemon *d, const char *name, const char *id, struct deletion *x, struct err *err)
{
	autoclean(store_images_free) struct store_images l = { 0 };
	autofree char *found_name = NULL;
	autofree char *found_id = NULL;
	autofree char *dir = NULL;

	if (str_check_name(name, err) < 0 || str_check_name(id, err) < 0)
		return -1;
	x->name = mem_strdup(name);
	x->ref = str_format("%s/%s", name, id);
	if (store_open(d->paths.store_dir, false, &x->store, err) < 0 ||
	    store_find(x->store, x->ref, &found_name, &found_id, &dir, err) < 0 || store_list(x->store, &l, err) < 0)
		return -1;
	for (size_t i = 0; i < l.len; i++) {
		const struct store_image *m = &l.items[i];

		if (!str_eq(m->name, name))
			continue;
		if (str_eq(m->id, id)) {
			x->number = m->manifest.sequence;
		} else if (m->manifest.sequence > x->next_number) {
			x->next_number = m->manifest.sequence;
			free(x->next);
			x->next = str_format("%s/%s", m->name, m->id);
		}
	}
	return 0;
}

/* A name that something is installed by must go on to mean an image. */
static int check_last(struct daemon *d, const struct roster *roster, struct deletion *x, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	struct err none = { 0 };

	if (daemon_site(d, &site, NULL, &none) < 0) {
		if (none.kind == ERR_NOT_FOUND)
			return 0;
		*err = none;
		return -1;
	}
	x->of_site = site_image(&site, x->name) != NULL;
	x->installers = image_installers(&site, roster, x->name);
	if (!x->installers || x->next)
		return 0;
	err_set(err, ERR_REFUSED, "image %s is the last of its name, and %s", x->ref, x->installers);
	return err_hint(err, "build another first: orthrus image build %s", x->name);
}

static void add_steps(const struct deletion *x, bool done, const struct store_freed *freed, struct plan *plan)
{
	char size[STR_BYTES_MAX];
	autofree char *what = done ? str_format("image %s is deleted", x->ref) : str_format("delete image %s", x->ref);

	str_from_bytes(freed->bytes, size);
	plan_add(plan, 0, PLAN_DESTROYS, "delete",
		 freed->kept.kind != ERR_NONE ? str_format("%s; all packs stay: %s", what, freed->kept.text)
					      : str_format(done ? "%s: %s freed" : "%s: frees %s", what, size),
		 NULL, NULL);
	if (x->next && x->installers && x->number > x->next_number)
		api_step(plan, "next", "%s: that is %s from then on", x->installers, x->next);
	if (!x->next && x->of_site)
		api_step(plan, "last", "no image %s is left; `orthrus image build %s` makes one", x->name, x->name);
}

/* Gone for every order when the lock is released; the bytes follow, which takes as long as it takes. */
static int perform(struct http_call *call, struct change *c, const struct deletion *x, struct plan *plan, struct err *err)
{
	struct store_freed freed = { 0 };
	struct err late = { 0 };
	autoclean(store_unlock) int lock = -1;
	int rc;

	if (store_take_out(x->store, x->ref, &lock, err) < 0)
		return -1;
	change_event(c, EVENT_INFO, "image-deleted", NULL, "image %s was deleted by %s", x->ref, http_who(call));
	if (change_commit(c, &late) < 0)
		log_err("event", "write an event", &late);
	change_release(c);
	late = (struct err){ 0 };
	rc = store_sweep(x->store, &freed, &late);
	add_steps(x, true, &freed, plan);
	if (rc < 0)
		api_step(plan, "problem", "it is deleted, but not all of its bytes are: %s; the next deletion tries again",
			 late.text);
	return 0;
}

int api_image_delete(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(roster_free) struct roster roster = { 0 };
	autoclean(image_users_free) struct image_users users = { 0 };
	autoclean(deletion_free) struct deletion x = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(change_end) struct change c = { 0 };
	struct store_freed frees = { 0 };
	bool only_plan;

	change_begin(&c, d);
	if (http_query_flag(call, "plan", &only_plan, err) < 0 ||
	    find_image(d, http_param(call, "name"), http_param(call, "id"), &x, err) < 0 || roster_load(d, &roster, err) < 0 ||
	    image_users_find(d, &roster, x.ref, &users, err) < 0 || image_users_none(&users, x.ref, err) < 0 ||
	    check_last(d, &roster, &x, err) < 0)
		return -1;
	if (only_plan) {
		change_release(&c);
		if (store_delete_frees(x.store, x.ref, &frees, err) < 0)
			return -1;
		add_steps(&x, false, &frees, &plan);
	} else {
		if (perform(call, &c, &x, &plan, err) < 0)
			return -1;
		/* Machines that netboot for a name get the imager of its newest image. */
		reconcile_kick(d->reconcile, false);
	}
	api_steps(call, &plan);
	return 0;
}
