/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What administrators do with secrets. A value comes in and never goes out again, except sealed to a node. */
#include "base/base64.h"
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/host_files.h"
#include "daemon/secret_store.h"
#include "installer/hostpath.h"
#include "installer/node_secrets.h"
#include "sys/secretbox.h"

#include <string.h>

int api_secrets_list(void *ctx, struct http_call *call, struct err *err)
{
	autoclean(secrets_free) struct secrets all = { 0 };
	struct json_out w;

	if (secrets_load(ctx, &all, err) < 0)
		return -1;
	json_out_init(&w, http_out(call), true);
	json_put_obj(&w, NULL);
	json_put_arr(&w, "secrets");
	for (size_t i = 0; i < all.len; i++) {
		json_put_obj(&w, NULL);
		secret_put_public(&all.items[i], &w);
		json_end_obj(&w);
	}
	json_end_arr(&w);
	json_end_obj(&w);
	return 0;
}

/* What a request says of the file; what it does not say stays as it was. */
static int read_file_wishes(struct json_obj *o, struct secret *s, struct err *err)
{
	autofree char *mode = NULL, *unit = NULL, *path = NULL;
	struct err why = { 0 };

	if (json_str(o, "path", JSON_MAY, &path, err) < 0 || json_str(o, "owner", JSON_MAY, &s->owner, err) < 0 ||
	    json_str(o, "group", JSON_MAY, &s->group, err) < 0 || json_str(o, "mode", JSON_MAY, &mode, err) < 0 ||
	    json_str(o, "restart", JSON_MAY, &unit, err) < 0)
		return -1;
	if (path)
		model_set(&s->path, path[0] == '/' ? path + 1 : path);
	if (unit)
		model_set(&s->unit, unit[0] ? unit : NULL);
	if (mode && node_secret_mode(mode, &s->mode, &why) < 0)
		return json_bad(o, "mode", err, "%s", why.text);
	return 0;
}

static int read_groups(struct json_obj *o, const struct site *site, struct secret *s, struct err *err)
{
	if (!json_has(o, "groups"))
		return 0;
	str_list_free(&s->groups);
	s->declared = false;
	if (json_strs(o, "groups", JSON_MUST, &s->groups, err) < 0)
		return -1;
	for (size_t i = 0; i < s->groups.len; i++)
		if (!site_group(site, s->groups.items[i])) {
			json_bad(o, "groups", err, "the site has no group '%s'", s->groups.items[i]);
			return err_hint(err, "`orthrus site show` lists the groups");
		}
	return 0;
}

/* As a node will read it: what is refused there is refused here. */
static int check(struct daemon *d, const struct secret *s, struct err *err)
{
	autoclean(secrets_free) struct secrets all = { 0 };
	bool known = false;

	if (!s->path) {
		err_set(err, ERR_INVALID, "secret %s: where it belongs on nodes is not said", s->name);
		return err_hint(err, "name the file: --path /etc/...");
	}
	if (hostpath_check(s->path, err) < 0 || node_secret_account(s->owner, err) < 0 || node_secret_account(s->group, err) < 0)
		return err_wrap(err, "secret %s", s->name);
	for (const char *const *u = node_secret_units(); *u; u++)
		known = known || str_eq(*u, s->unit);
	if (s->unit && !known) {
		err_set(err, ERR_INVALID, "secret %s: '%s' is not among the services that may be restarted", s->name, s->unit);
		return err_hint(err, "those are chrony, munge, nslcd, slurmctld, slurmd, ssh and sssd");
	}
	if (secrets_load(d, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.len; i++)
		if (!str_eq(all.items[i].name, s->name) && str_eq(all.items[i].path, s->path))
			return err_set(err, ERR_EXISTS, "secret %s: /%s is secret %s's", s->name, s->path, all.items[i].name);
	if (all.len >= NODE_SECRETS_MAX)
		return err_set(err, ERR_REFUSED, "there are %zu secrets already, and no more are kept", all.len);
	return host_files_not_template(d, s->path, err);
}

/* *len 0: the request has no value. Wiped by the caller. */
static int read_value(struct json_obj *o, struct buf *value, uint64_t *generate, struct err *err)
{
	autosecret char *b64 = NULL;
	struct err why = { 0 };

	if (json_str(o, "value", JSON_MAY, &b64, err) < 0 ||
	    json_u64(o, "generate", JSON_MAY, SECRET_GENERATED_MIN, SECRET_GENERATED_MAX, generate, err) < 0 ||
	    json_obj_end(o, err) < 0)
		return -1;
	if (b64 && *generate)
		return json_bad(o, "generate", err, "a value is given too");
	if (b64 && base64_read(b64, strlen(b64), value, &why) < 0)
		return json_bad(o, "value", err, "%s", why.text);
	if (b64 && !value->len)
		return json_bad(o, "value", err, "it is empty");
	return 0;
}

static char *who_gets(const struct secret *s)
{
	autoclean(buf_free) struct buf b = { 0 };

	if (!s->groups.len)
		return mem_strdup("all nodes");
	buf_adds(&b, "the nodes of ");
	for (size_t i = 0; i < s->groups.len; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", s->groups.items[i]);
	return buf_steal(&b);
}

static void say(struct plan *plan, const struct secret *s, bool is_new, bool value)
{
	autofree char *who = who_gets(s);
	autofree char *restart = s->unit ? str_format("; %s is restarted there", s->unit) : mem_strdup("");

	api_step(plan, "secret", "%s secret %s (%s): %s get it as /%s, owner %s:%s, mode %04o%s", is_new ? "keep" : "change",
		 s->name, value ? is_new ? "a new value" : "another value" : "the value stays", who, s->path, s->owner, s->group,
		 s->mode, restart);
}

static int finish(struct http_call *call, struct change *c, const char *what, struct err *err)
{
	change_event(c, EVENT_INFO, "secret-changed", NULL, "%s by %s", what, http_who(call));
	return change_commit(c, err);
}

static int set_value(struct daemon *d, struct secret *s, const struct buf *value, uint64_t generate, struct err *err)
{
	if (generate)
		return secret_generate(d, s, generate, err);
	if (!value->len)
		return 0;
	s->generated = false;
	return secret_set_value(d, s, buf_str(value), value->len, err);
}

/* The secret as it is, or one that begins. */
static int load_or_new(struct daemon *d, const char *name, struct secret *s, bool *is_new, struct err *err)
{
	struct err why = { 0 };

	*is_new = secret_load(d, name, s, &why) < 0;
	if (*is_new && why.kind != ERR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	if (*is_new)
		*s = (struct secret){
			.name = mem_strdup(name), .owner = mem_strdup("root"), .group = mem_strdup("root"), .mode = 0400
		};
	return 0;
}

int api_secret_put(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(site_free) struct site site = { 0 };
	autoclean(secret_free) struct secret s = { 0 };
	autoclean(secret_buf_free) struct buf value = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(change_end) struct change c = { 0 };
	autofree char *what = NULL;
	struct json_obj o;
	uint64_t generate = 0;
	bool is_new, only_plan;

	change_begin(&c, d);
	if (http_query_flag(call, "plan", &only_plan, err) < 0 || api_body(call, &doc, &o, err) < 0 ||
	    daemon_site(d, &site, NULL, err) < 0 || load_or_new(d, http_param(call, "name"), &s, &is_new, err) < 0 ||
	    read_file_wishes(&o, &s, err) < 0 || read_groups(&o, &site, &s, err) < 0 ||
	    read_value(&o, &value, &generate, err) < 0 || check(d, &s, err) < 0)
		return -1;
	if (is_new && !value.len && !generate) {
		err_set(err, ERR_INVALID, "secret %s: there is no value", s.name);
		return err_hint(err, "name a file with it, - for standard input, or let it be made: --generate 32");
	}
	say(&plan, &s, is_new, value.len || generate);
	if (!only_plan) {
		what = str_format("secret %s was %s", s.name, is_new ? "set" : "changed");
		/* Where or whose it is may change alone: nodes look at that too, the version tells people. */
		if (!value.len && !generate)
			s.version++;
		if (set_value(d, &s, &value, generate, err) < 0)
			return -1;
		secret_write(&c, &s);
		if (finish(call, &c, what, err) < 0)
			return -1;
	}
	api_steps(call, &plan);
	return 0;
}

/* What is done with a secret that is there: say it, and without the plan do it. */
struct secret_act {
	int (*say)(const struct secret *s, const char *who, struct plan *plan, struct err *err);
	int (*put)(struct change *c, struct secret *s, struct err *err); /* into the change */
	const char *done;
};

static int perform(struct daemon *d, struct http_call *call, const struct secret_act *act, struct err *err)
{
	autoclean(secret_free) struct secret s = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(change_end) struct change c = { 0 };
	autofree char *who = NULL;
	bool only_plan;

	change_begin(&c, d);
	if (http_query_flag(call, "plan", &only_plan, err) < 0 || secret_load(d, http_param(call, "name"), &s, err) < 0)
		return -1;
	who = who_gets(&s);
	if (act->say(&s, who, &plan, err) < 0)
		return -1;
	plan.steps[0].effect = PLAN_DESTROYS;
	if (!only_plan) {
		autofree char *what = str_format("secret %s was %s", s.name, act->done);

		if (act->put(&c, &s, err) < 0 || finish(call, &c, what, err) < 0)
			return -1;
	}
	api_steps(call, &plan);
	return 0;
}

static int say_rotate(const struct secret *s, const char *who, struct plan *plan, struct err *err)
{
	if (!s->generated) {
		err_set(err, ERR_REFUSED, "secret %s was given by somebody: no other value of it can be made here", s->name);
		return err_hint(err, "give the new one: orthrus secret set %s FILE", s->name);
	}
	api_step(plan, "secret", "replace secret %s by %llu new random bytes; %s fetch it within minutes", s->name,
		 (unsigned long long)s->bytes, who);
	return 0;
}

static int put_rotate(struct change *c, struct secret *s, struct err *err)
{
	if (secret_generate(c->d, s, s->bytes, err) < 0)
		return -1;
	secret_write(c, s);
	return 0;
}

static int say_remove(const struct secret *s, const char *who, struct plan *plan, struct err *err)
{
	(void)err;
	api_step(plan, "secret", "forget secret %s; %s remove /%s within minutes", s->name, who, s->path);
	return 0;
}

static int put_remove(struct change *c, struct secret *s, struct err *err)
{
	(void)err;
	change_delete(c, "secret", s->name);
	return 0;
}

int api_secret_rotate(void *ctx, struct http_call *call, struct err *err)
{
	static const struct secret_act rotate = { say_rotate, put_rotate, "replaced by a new one" };

	return perform(ctx, call, &rotate, err);
}

int api_secret_remove(void *ctx, struct http_call *call, struct err *err)
{
	static const struct secret_act remove = { say_remove, put_remove, "removed" };

	return perform(ctx, call, &remove, err);
}
