/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/answers.h"

#include "base/mem.h"

#include <string.h>

static const char *const keys[ANSWER_END] = {
	[ANSWER_CLUSTER] = "cluster",
	[ANSWER_DOMAIN] = "domain",
	[ANSWER_TIME_ZONE] = "time_zone",
	[ANSWER_TIME_SERVERS] = "time_servers",
	[ANSWER_INTERFACE] = "interface",
	[ANSWER_SUBNET] = "subnet",
	[ANSWER_IPV6] = "ipv6",
	[ANSWER_HEAD_ADDRESS] = "head_address",
	[ANSWER_GATEWAY] = "gateway",
	[ANSWER_DISCOVER] = "discover",
	[ANSWER_POOL] = "pool",
	[ANSWER_HEAD_NAME] = "head_name",
	[ANSWER_SERVICE_ADDRESS] = "service_address",
	[ANSWER_STORE_RAID] = "store_raid",
	[ANSWER_STORE_DISKS] = "store_disks",
	[ANSWER_SUITE] = "suite",
	[ANSWER_SETS] = "sets",
	[ANSWER_PACKAGES] = "packages",
	[ANSWER_SERIAL] = "serial",
	[ANSWER_RAID] = "raid",
	[ANSWER_DISKS] = "disks",
	[ANSWER_FILE_SYSTEM] = "file_system",
	[ANSWER_FIRMWARE] = "firmware",
	[ANSWER_NAMES] = "names",
	[ANSWER_ADMIN_KEYS] = "admin_keys",
	[ANSWER_ADMIN_KEY] = "admin_key",
	[ANSWER_TRUST_MAC] = "trust_mac",
};

void answers_free(struct answers *a)
{
	for (size_t i = 0; i < ANSWER_END; i++)
		free(a->given[i]);
	*a = (struct answers){ 0 };
}

const char *answer_key(enum answer k)
{
	return keys[k];
}

enum answer answer_of(const char *key)
{
	for (enum answer k = 0; key && k < ANSWER_END; k++)
		if (str_eq(key, keys[k]))
			return k;
	return ANSWER_END;
}

char *answers_get(const struct answers *a, const struct facts *f, enum answer k)
{
	return a->given[k] ? mem_strdup(a->given[k]) : answers_default(a, f, k);
}

bool answers_is(const struct answers *a, const struct facts *f, enum answer k, const char *value)
{
	autofree char *now = answers_get(a, f, k);

	return str_eq(now, value);
}

void answers_put(struct answers *a, const struct facts *f, enum answer k, const char *value)
{
	char *fresh = mem_strdup(value);
	autofree char *usual = NULL;

	free(a->given[k]);
	a->given[k] = NULL;
	usual = answers_default(a, f, k);
	if (str_eq(usual, fresh))
		free(fresh);
	else
		a->given[k] = fresh;
}

/* In order: each follows from those before it, which are settled by then. */
void answers_settle(struct answers *a, const struct facts *f)
{
	for (enum answer k = 0; k < ANSWER_END; k++)
		if (!a->given[k])
			a->given[k] = answers_default(a, f, k);
}

void answers_print(const struct answers *a, struct json_out *w, const char *key)
{
	json_put_obj(w, key);
	for (enum answer k = 0; k < ANSWER_END; k++)
		if (a->given[k])
			json_put_str(w, keys[k], a->given[k]);
	json_end_obj(w);
}

int answers_read(struct json_obj *o, struct answers *out, struct err *err)
{
	*out = (struct answers){ 0 };
	for (enum answer k = 0; k < ANSWER_END; k++)
		if (json_str(o, keys[k], JSON_MAY, &out->given[k], err) < 0) {
			answers_free(out);
			return -1;
		}
	if (json_obj_end(o, err) == 0)
		return 0;
	answers_free(out);
	return -1;
}

void answers_split(const char *list, const char *separators, struct str_list *out)
{
	while (*list) {
		size_t len = strcspn(list, separators);
		autofree char *word = mem_strndup(list, len);

		if (len)
			str_list_add(out, word);
		list += len + (list[len] != '\0');
	}
}

char *answers_key_of(const char *line)
{
	size_t type = strcspn(line, " \t"), gap = strspn(line + type, " \t"), data = strcspn(line + type + gap, " \t");
	autofree char *first = mem_strndup(line, type);
	autofree char *second = mem_strndup(line + type + gap, data);

	return str_format("%s %s", first, second);
}

static const struct level {
	const char *word;
	unsigned int least;
} levels[] = { { "none", 1 }, { "0", 2 }, { "1", 2 }, { "5", 3 }, { "6", 4 }, { "10", 2 } };

unsigned int answers_level_least(const char *level)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (str_eq(level, levels[i].word))
			return levels[i].least;
	return 0;
}

unsigned int answers_level_loses(const char *level, unsigned int disks)
{
	if (str_eq(level, "1"))
		return disks ? disks - 1 : 0;
	if (str_eq(level, "6"))
		return 2;
	return str_eq(level, "5") || str_eq(level, "10") ? 1 : 0;
}
