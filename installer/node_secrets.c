/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/node_secrets.h"

#include "base/json.h"
#include "base/mem.h"
#include "installer/hostpath.h"

#include <ctype.h>
#include <string.h>

#define ACCOUNT_MAX 32

void node_secrets_free(struct node_secrets *s)
{
	for (size_t i = 0; i < s->len; i++) {
		struct node_secret *n = &s->items[i];

		free(n->name);
		free(n->path);
		free(n->owner);
		free(n->group);
		free(n->unit);
		free(n->sealed);
	}
	free(s->items);
	*s = (struct node_secrets){ 0 };
}

const char *const *node_secret_units(void)
{
	static const char *const units[] = { "chrony", "munge", "nslcd", "slurmctld", "slurmd", "ssh", "sssd", NULL };

	return units;
}

int node_secret_mode(const char *text, unsigned int *mode, struct err *err)
{
	static const struct {
		const char *text;
		unsigned int mode;
	} modes[] = { { "0400", 0400 }, { "0440", 0440 }, { "0600", 0600 }, { "0640", 0640 } };

	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (str_eq(modes[i].text, text)) {
			*mode = modes[i].mode;
			return 0;
		}
	return err_set(err, ERR_INVALID, "'%.16s' is no mode of a secret: 0400, 0440, 0600 or 0640", text);
}

int node_secret_account(const char *name, struct err *err)
{
	size_t len = strlen(name);
	bool good = len > 0 && len <= ACCOUNT_MAX && (islower((unsigned char)name[0]) || name[0] == '_');

	for (size_t i = 0; good && i < len; i++)
		good = islower((unsigned char)name[i]) || isdigit((unsigned char)name[i]) || name[i] == '_' || name[i] == '-';
	return good ? 0 : err_set(err, ERR_INVALID, "'%.40s' is no name of a user or group", name);
}

static int check_unit(const char *unit, struct err *err)
{
	for (const char *const *u = node_secret_units(); *u; u++)
		if (str_eq(*u, unit))
			return 0;
	return err_set(err, ERR_INVALID, "'%.40s' is not among what may be restarted", unit);
}

static int check(struct json_obj *o, struct node_secret *s, const char *mode, struct err *err)
{
	struct err why = { 0 };

	if (str_check_name(s->name, &why) < 0)
		return json_bad(o, "name", err, "%s", why.text);
	if (hostpath_check(s->path, &why) < 0)
		return json_bad(o, "path", err, "%s", why.text);
	if (node_secret_account(s->owner, &why) < 0)
		return json_bad(o, "owner", err, "%s", why.text);
	if (node_secret_account(s->group, &why) < 0)
		return json_bad(o, "group", err, "%s", why.text);
	if (node_secret_mode(mode, &s->mode, &why) < 0)
		return json_bad(o, "mode", err, "%s", why.text);
	if (s->unit && check_unit(s->unit, &why) < 0)
		return json_bad(o, "restart", err, "%s", why.text);
	return 0;
}

static int read_one(struct json_obj *o, struct node_secret *s, struct err *err)
{
	autofree char *mode = NULL;

	if (json_str(o, "name", JSON_MUST, &s->name, err) < 0 || json_str(o, "path", JSON_MUST, &s->path, err) < 0 ||
	    json_str(o, "owner", JSON_MUST, &s->owner, err) < 0 || json_str(o, "group", JSON_MUST, &s->group, err) < 0 ||
	    json_str(o, "mode", JSON_MUST, &mode, err) < 0 || json_str(o, "restart", JSON_MAY, &s->unit, err) < 0 ||
	    json_u64(o, "version", JSON_MUST, 1, INT64_MAX, &s->version, err) < 0 ||
	    json_str(o, "sealed", JSON_MUST, &s->sealed, err) < 0 || check(o, s, mode, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

static int read_all(struct json_obj *o, void *to, struct err *err)
{
	struct node_secrets *s = to;
	struct json_arr list;

	if (json_arr_max(o, "secrets", JSON_MUST, NODE_SECRETS_MAX, &list, err) < 0)
		return -1;
	s->items = mem_array(list.len ? list.len : 1, sizeof(*s->items));
	for (size_t i = 0; i < list.len; i++) {
		struct json_obj e;

		s->len++;
		if (json_arr_obj(&list, i, &e, err) < 0 || read_one(&e, &s->items[i], err) < 0)
			return -1;
		for (size_t j = 0; j < i; j++)
			if (str_eq(s->items[j].path, s->items[i].path))
				return json_bad(o, "secrets", err, "two of them are /%s", s->items[i].path);
	}
	return json_obj_end(o, err);
}

int node_secrets_read(const char *json, size_t len, struct node_secrets *out, struct err *err)
{
	*out = (struct node_secrets){ 0 };
	if (json_read(json, len, read_all, out, err) == 0)
		return 0;
	node_secrets_free(out);
	return err_wrap(err, "the head's answer");
}
