/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/words.h"
#include "tui/pages_priv.h"

#include <ctype.h>
#include <string.h>

/* Written in capitals, as on a sticker: say how it is written here. */
static int with_lower(const char *value, int (*check)(const char *, struct err *), struct err *err)
{
	autofree char *lower = mem_strdup(value);
	struct err ignored, why = { 0 };

	if (check(value, &why) == 0)
		return 0;
	for (char *p = lower; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	if (!str_eq(lower, value) && check(lower, &ignored) == 0)
		return err_set(err, ERR_INVALID, "'%.80s' has capital letters; write '%.80s'", value, lower);
	*err = why;
	return -1;
}

static int check_cluster(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	(void)a;
	(void)f;
	if (!*value)
		return err_set(err, ERR_INVALID, "the cluster needs a name; write one like hound");
	return with_lower(value, str_check_hostname, err);
}

static int check_domain(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	(void)a;
	(void)f;
	if (with_lower(value, word_domain, err) < 0)
		return -1;
	if (str_eq(value, "localhost") || str_ends(value, ".localhost"))
		return err_set(err, ERR_INVALID,
			       "'%.80s': names below localhost are every machine itself; write another, like hound.internal",
			       value);
	if (str_eq(value, "local") || str_ends(value, ".local"))
		return err_set(
			err, ERR_INVALID,
			"'%.80s': names below local are asked for by multicast (mDNS), not from the head; write another, like "
			"hound.internal",
			value);
	return 0;
}

static int check_time_zone(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	(void)a;
	(void)f;
	if (!*value)
		return err_set(err, ERR_INVALID, "no time zone is written; write one like Europe/Berlin, or Etc/UTC");
	return word_timezone(value, err);
}

static int check_time_servers(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	autoclean(str_list_free) struct str_list servers = { 0 };

	(void)a;
	(void)f;
	answers_split(value, " ,", &servers);
	for (size_t i = 0; i < servers.len; i++) {
		if (word_server(servers.items[i], err) < 0)
			return -1;
		for (size_t k = 0; k < i; k++)
			if (str_eq(servers.items[i], servers.items[k]))
				return err_set(err, ERR_INVALID, "'%.80s' is written twice; write it once", servers.items[i]);
	}
	return 0;
}

static const struct page_field fields[] = {
	{ ANSWER_CLUSTER, FIELD_TEXT, "Cluster's name",
	  "What the cluster is called: in the head's certificate, in images, and in the domain's name.\n"
	  "1 to 63 of a-z, 0-9 and '-'. Example: hound",
	  NULL, check_cluster },
	{ ANSWER_DOMAIN, FIELD_TEXT, "DNS domain",
	  "The domain of heads and nodes: n001 is n001.hound.internal. The head answers for it on the network of the nodes.\n"
	  "Names with dots between them; below .internal it can't be anybody else's. Example: hound.internal",
	  NULL, check_domain },
	{ ANSWER_TIME_ZONE, FIELD_TEXT, "Nodes' time zone",
	  "The time zone that nodes show times in.\nA name of the tz database, as `timedatectl list-timezones` lists them.\n"
	  "Example: Europe/Berlin",
	  NULL, check_time_zone },
	{ ANSWER_TIME_SERVERS, FIELD_TEXT, "Nodes' time servers",
	  "Whom nodes ask for the time (NTP). Empty: this head.\n"
	  "Host names or addresses with spaces between them; nodes must reach them. Example: ntp1.example.org 192.0.2.123",
	  NULL, check_time_servers },
};
static const struct page_def def = {
	"cluster", "Cluster",	      "What the cluster is called, and what time it has. All of it can be changed later.",
	fields,	   ARRAY_LEN(fields), ANSWER_TIME_SERVERS
};

static struct page *build(const struct answers *a, const struct facts *f)
{
	return pages_build(&def, a, f);
}

static int take(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	return pages_take(&def, a, f, key, value, err);
}

/* That there is no interface yet is the next page's business. */
const struct page_kind page_cluster = { "cluster", "Cluster", build, take, NULL };
