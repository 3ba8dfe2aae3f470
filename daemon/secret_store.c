/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/secret_store.h"

#include "base/mem.h"
#include "daemon/keys_check.h"
#include "installer/node_secrets.h"
#include "sys/clock.h"
#include "sys/keys.h"

#include <string.h>

/* Packages that need munge's key to be the cluster's. */
static const char *const munge_packages[] = { "munge", "slurmd", "slurmctld", "slurm-wlm", "slurm-client" };

int secret_load(struct daemon *d, const char *name, struct secret *out, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *key = NULL;

	if (str_check_name(name, err) < 0)
		return err_wrap(err, "secret");
	key = str_format("secret/%s", name);
	if (state_get(d->state, key, &doc, err) < 0) {
		if (err->kind != ERR_NOT_FOUND)
			return -1;
		err_set(err, ERR_NOT_FOUND, "there is no secret %s", name);
		return err_hint(err, "see `orthrus secret list`");
	}
	return secret_read(doc.value, strlen(doc.value), out, err) < 0 ? err_wrap(err, "%s", key) : 0;
}

int secrets_load(struct daemon *d, struct secrets *out, struct err *err)
{
	autoclean(state_docs_free) struct state_docs docs = { 0 };

	if (state_list(d->state, "secret/", &docs, err) < 0)
		return -1;
	out->items = mem_array(docs.len ? docs.len : 1, sizeof(*out->items));
	for (; out->len < docs.len; out->len++)
		if (secret_read(docs.items[out->len].value, strlen(docs.items[out->len].value), &out->items[out->len], err) < 0)
			return err_wrap(err, "%s", docs.items[out->len].key);
	return 0;
}

/* What a value is encrypted for: it does not open as another secret. */
static char *context_of(const char *name)
{
	return str_format("secret/%s", name);
}

int secret_set_value(struct daemon *d, struct secret *s, const void *value, size_t len, struct err *err)
{
	autoclean(secret_key_clear) struct secret_key key = { 0 };
	autoclean(buf_free) struct buf box = { 0 };
	autofree char *context = context_of(s->name);
	char now[CLOCK_UTC_LEN];

	if (!len || len > NODE_SECRET_BYTES_MAX)
		return err_set(err, ERR_INVALID, "secret %s: %zu bytes; it must have 1 to %zu", s->name, len,
			       NODE_SECRET_BYTES_MAX);
	if (keys_of_secrets(d, &key, err) < 0 || secretbox_seal(&key, context, value, len, &box, err) < 0)
		return err_wrap(err, "secret %s", s->name);
	clock_utc(clock_wall_s(), now);
	model_set(&s->box, buf_str(&box));
	model_set(&s->changed, now);
	s->bytes = len;
	s->version++;
	return 0;
}

int secret_generate(struct daemon *d, struct secret *s, size_t len, struct err *err)
{
	uint8_t value[SECRET_GENERATED_MAX];
	int rc;

	if (len < SECRET_GENERATED_MIN || len > SECRET_GENERATED_MAX)
		return err_set(err, ERR_INVALID, "%zu random bytes; %d to %d are made", len, SECRET_GENERATED_MIN,
			       SECRET_GENERATED_MAX);
	random_bytes(value, len);
	rc = secret_set_value(d, s, value, len, err);
	explicit_bzero(value, sizeof(value));
	s->generated = true;
	return rc;
}

void secret_write(struct change *c, const struct secret *s)
{
	autoclean(buf_free) struct buf json = { 0 };
	struct json_out w;

	json_out_init(&w, &json, false);
	secret_print(s, &w);
	change_put(c, "secret", s->name, &json);
}

static int deliver_one(const struct secret *s, const struct secret_key *k, const uint8_t key[SEAL_KEY_LEN], struct json_out *w,
		       struct err *err)
{
	autoclean(secret_buf_free) struct buf plain = { 0 };
	autoclean(buf_free) struct buf sealed = { 0 };
	autofree char *context = context_of(s->name);
	autofree char *mode = str_format("%04o", s->mode);

	buf_reserve(&plain, NODE_SECRET_BYTES_MAX);
	if (secretbox_open(k, context, s->box, &plain, err) < 0 || seal_make(key, buf_str(&plain), plain.len, &sealed, err) < 0)
		return err_wrap(err, "secret %s", s->name);
	json_put_obj(w, NULL);
	json_put_str(w, "name", s->name);
	json_put_str(w, "path", s->path);
	json_put_str(w, "owner", s->owner);
	json_put_str(w, "group", s->group);
	json_put_str(w, "mode", mode);
	if (s->unit)
		json_put_str(w, "restart", s->unit);
	json_put_u64(w, "version", s->version);
	json_put_str(w, "sealed", buf_str(&sealed));
	json_end_obj(w);
	return 0;
}

int secrets_deliver(struct daemon *d, const char *group, const uint8_t key[SEAL_KEY_LEN], struct buf *json,
		    struct secret_delivery *out, struct err *err)
{
	autoclean(secret_key_clear) struct secret_key k = { 0 };
	autoclean(secrets_free) struct secrets all = { 0 };
	autoclean(buf_free) struct buf what = { 0 };
	struct json_out w;

	if (secrets_load(d, &all, err) < 0 || (all.len && keys_of_secrets(d, &k, err) < 0))
		return -1;
	json_out_init(&w, json, true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "secrets");
	for (size_t i = 0; i < all.len; i++) {
		const struct secret *s = &all.items[i];

		if (s->groups.len && !str_list_has(&s->groups, group))
			continue;
		if (deliver_one(s, &k, key, &w, err) < 0)
			return -1;
		str_list_add(&out->names, s->name);
		buf_addf(&what, "%s %s\n", s->name, s->box);
	}
	json_end_arr(&w);
	json_end_obj(&w);
	digest_of(buf_str(&what), what.len, &out->what);
	return 0;
}

static bool has_munge(const struct site *site, const struct site_group *g)
{
	const struct site_image *image = site_image(site, g->image);

	for (size_t i = 0; image && i < ARRAY_LEN(munge_packages); i++)
		if (str_list_has(&image->packages, munge_packages[i]))
			return true;
	return false;
}

static void munge_groups(const struct site *site, struct str_list *out)
{
	for (size_t i = 0; i < site->n_groups; i++)
		if (has_munge(site, &site->groups[i]))
			str_list_add(out, site->groups[i].name);
}

static bool same_list(const struct str_list *a, const struct str_list *b)
{
	bool same = a->len == b->len;

	for (size_t i = 0; same && i < a->len; i++)
		same = str_eq(a->items[i], b->items[i]);
	return same;
}

enum munge_need { MUNGE_STAYS, MUNGE_NEW, MUNGE_GROUPS };

/* `s` is the secret as it is, empty when it is to be made. What an administrator set by hand is left alone. */
static int look_at_munge(struct daemon *d, const struct site *site, struct secret *s, struct str_list *groups,
			 enum munge_need *need, struct err *err)
{
	struct err why = { 0 };

	*need = MUNGE_STAYS;
	munge_groups(site, groups);
	if (secret_load(d, "munge", s, &why) < 0) {
		if (why.kind == ERR_NOT_FOUND) {
			*need = groups->len ? MUNGE_NEW : MUNGE_STAYS;
			return 0;
		}
		*err = why;
		return -1;
	}
	if (s->declared && groups->len && !same_list(&s->groups, groups))
		*need = MUNGE_GROUPS;
	return 0;
}

static char *joined(const struct str_list *l)
{
	autoclean(buf_free) struct buf b = { 0 };

	for (size_t i = 0; i < l->len; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", l->items[i]);
	return buf_steal(&b);
}

int secrets_follow_site(struct change *c, const struct site *site, bool *changed, struct err *err)
{
	autoclean(secret_free) struct secret s = { 0 };
	autoclean(str_list_free) struct str_list groups = { 0 };
	autofree char *names = NULL;
	enum munge_need need;

	*changed = false;
	if (look_at_munge(c->d, site, &s, &groups, &need, err) < 0)
		return -1;
	if (need == MUNGE_STAYS)
		return 0;
	if (need == MUNGE_NEW) {
		s = (struct secret){ .name = mem_strdup("munge"),
				     .path = mem_strdup("etc/munge/munge.key"),
				     .owner = mem_strdup("munge"),
				     .group = mem_strdup("munge"),
				     .mode = 0400,
				     .unit = mem_strdup("munge"),
				     .declared = true };
		if (secret_generate(c->d, &s, SECRET_MUNGE_BYTES, err) < 0)
			return -1;
	}
	str_list_free(&s.groups);
	s.groups = groups;
	groups = (struct str_list){ 0 };
	names = joined(&s.groups);
	secret_write(c, &s);
	change_event(c, EVENT_INFO, "secret-changed", NULL, "secret munge %s for the groups %s, whose images have munge",
		     need == MUNGE_NEW ? "was made" : "is now", names);
	*changed = true;
	return 0;
}

char *secrets_follow_plan(struct daemon *d, const struct site *site)
{
	autoclean(secret_free) struct secret s = { 0 };
	autoclean(str_list_free) struct str_list groups = { 0 };
	autofree char *names = NULL;
	enum munge_need need;
	struct err ignored = { 0 };

	if (look_at_munge(d, site, &s, &groups, &need, &ignored) < 0 || need == MUNGE_STAYS)
		return NULL;
	names = joined(&groups);
	return need == MUNGE_NEW ? str_format("make a key for munge, for the nodes of %s", names)
				 : str_format("give munge's key to the nodes of %s, and to no others", names);
}
