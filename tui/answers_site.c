/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "tui/answers_priv.h"
#include "tui/facts.h"

#include <string.h>

void answers_seed_free(struct answers_seed *s)
{
	for (size_t i = 0; i < ANSWER_END; i++)
		free(s->text[i]);
	free(s->unique);
	str_list_free(&s->servers);
	str_list_free(&s->packages);
	str_list_free(&s->admin_keys);
	*s = (struct answers_seed){ 0 };
}

/* Of the sets that were marked, then those that were named; each once. */
static void add_packages(const char *sets, const char *packages, struct str_list *out)
{
	autoclean(str_list_free) struct str_list marked = { 0 }, words = { 0 };

	answers_split(sets, ",", &marked);
	for (size_t i = 0; i < n_image_sets; i++)
		if (str_list_has(&marked, image_sets[i].key))
			answers_split(image_sets[i].packages, " ", &words);
	answers_split(packages, " ,", &words);
	for (size_t i = 0; i < words.len; i++)
		if (!str_list_has(out, words.items[i]))
			str_list_add(out, words.items[i]);
}

/* With their comments, as far as the command line could say them: there a comma divides keys. */
static void add_key(const char *line, struct str_list *out)
{
	autofree char *bare = answers_key_of(line);
	const char *say = strchr(line, ',') ? bare : line;

	for (size_t i = 0; i < out->len; i++) {
		autofree char *other = answers_key_of(out->items[i]);

		if (str_eq(other, bare))
			return;
	}
	str_list_add(out, say);
}

static void add_keys(const struct facts *f, const char *marked, const char *more, struct str_list *out)
{
	autoclean(str_list_free) struct str_list keys = { 0 };

	answers_split(marked, ",", &keys);
	for (size_t i = 0; i < keys.len; i++)
		for (size_t k = 0; k < f->ssh_keys.len; k++) {
			autofree char *bare = answers_key_of(f->ssh_keys.items[k]);

			if (str_eq(bare, keys.items[i]))
				add_key(f->ssh_keys.items[k], out);
		}
	if (*more)
		add_key(more, out);
}

void answers_seed_fill(struct answers_seed *s, const struct answers *a, const struct facts *f, enum answer end)
{
	char *const *t = s->text;
	struct answers view = *a; /* what is found out goes into the next ones, and is not found out again there */

	for (enum answer k = 0; k < end; k++) {
		s->text[k] = answers_get(&view, f, k);
		view.given[k] = s->text[k];
	}
	for (enum answer k = end; k < ANSWER_END; k++)
		s->text[k] = NULL;
	if (f->machine_id && *f->machine_id)
		s->unique = str_format("%s\n", f->machine_id); /* as /etc/machine-id, which `site init` reads */
	if (t[ANSWER_TIME_SERVERS])
		answers_split(t[ANSWER_TIME_SERVERS], " ,", &s->servers);
	if (t[ANSWER_PACKAGES])
		add_packages(t[ANSWER_SETS], t[ANSWER_PACKAGES], &s->packages);
	if (t[ANSWER_ADMIN_KEY])
		add_keys(f, t[ANSWER_ADMIN_KEYS], t[ANSWER_ADMIN_KEY], &s->admin_keys);
	s->seed = (struct site_seed){
		.cluster = t[ANSWER_CLUSTER],
		.domain = t[ANSWER_DOMAIN],
		.interface = t[ANSWER_INTERFACE],
		.head_addr = t[ANSWER_HEAD_ADDRESS] && *t[ANSWER_HEAD_ADDRESS] ? t[ANSWER_HEAD_ADDRESS] : NULL,
		.head_name = t[ANSWER_HEAD_NAME],
		.suite = t[ANSWER_SUITE],
		.subnet = t[ANSWER_SUBNET],
		.ipv6 = str_eq(t[ANSWER_IPV6], "own") ? NULL : t[ANSWER_IPV6],
		.unique = s->unique,
		.trust_mac = str_eq(t[ANSWER_TRUST_MAC], "yes"),
		.timezone = t[ANSWER_TIME_ZONE],
		.gateway = t[ANSWER_GATEWAY],
		.service_address = t[ANSWER_SERVICE_ADDRESS],
		.unknown = str_eq(t[ANSWER_DISCOVER], "yes") ? "discover" : NULL,
		.pool = t[ANSWER_POOL],
		.serial = t[ANSWER_SERIAL],
		.raid = t[ANSWER_RAID],
		.disks = t[ANSWER_DISKS],
		.filesystem = t[ANSWER_FILE_SYSTEM],
		.firmware = t[ANSWER_FIRMWARE],
		.ntp = &s->servers,
		.packages = &s->packages,
		.admin_keys = &s->admin_keys,
	};
	/* Where the interface is still to be chosen: any name, for defaults are of addresses. */
	if (s->seed.interface && !*s->seed.interface)
		s->seed.interface = NULL;
}

int answers_site(const struct answers *a, const struct facts *f, struct buf *out, struct err *err)
{
	autoclean(answers_seed_free) struct answers_seed s = { 0 };
	autoclean(site_free) struct site site = { 0 };

	answers_seed_fill(&s, a, f, ANSWER_END);
	if (!s.seed.interface)
		return err_set(err, ERR_INVALID, "interface: none is chosen; choose the one that leads to the nodes");
	if (!s.seed.ipv6 && !s.unique)
		return err_set(err, ERR_INVALID,
			       "ipv6: an own prefix is made of this machine's id, and it has none; write off, or a prefix");
	if (site_init(&s.seed, &site, err) < 0)
		return -1;
	site_print(&site, out);
	return 0;
}
