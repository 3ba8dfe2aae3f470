/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "tui/answers_priv.h"
#include "tui/facts.h"

#include <string.h>

/* The option of `site init` for an answer that is one word, and what it takes when the option is not given (NULL: see unsaid()).
 */
static const struct option {
	enum answer answer;
	const char *name, *unsaid;
} options[] = {
	{ ANSWER_CLUSTER, "--cluster", "cluster" },
	{ ANSWER_DOMAIN, "--domain", NULL },
	{ ANSWER_TIME_ZONE, "--time-zone", "Etc/UTC" },
	{ ANSWER_SUBNET, "--subnet", "10.1.0.0/16" },
	{ ANSWER_IPV6, "--ipv6", "own" },
	{ ANSWER_HEAD_ADDRESS, "--head-address", NULL },
	{ ANSWER_GATEWAY, "--gateway", "" },
	{ ANSWER_POOL, "--pool", NULL },
	{ ANSWER_HEAD_NAME, "--head-name", "" },
	{ ANSWER_SERVICE_ADDRESS, "--service-address", "" },
	{ ANSWER_SUITE, "--suite", "bookworm" },
	{ ANSWER_SERIAL, "--serial", "ttyS0,115200" },
	{ ANSWER_RAID, "--raid", "1" },
	{ ANSWER_DISKS, "--disks", NULL },
	{ ANSWER_FILE_SYSTEM, "--file-system", "ext4" },
	{ ANSWER_FIRMWARE, "--firmware", "both" },
};

/* What `site init` makes of the other options by itself. */
static char *unsaid(const struct answers *a, const struct facts *f, const struct option *o)
{
	if (o->unsaid)
		return mem_strdup(o->unsaid);
	return o->answer == ANSWER_HEAD_ADDRESS ? answers_first_address(a, f) : answers_default(a, f, o->answer);
}

static void add(const char *option, const char *value, struct str_list *out)
{
	str_list_add(out, option);
	str_list_add(out, value);
}

static void add_all(const char *option, const struct str_list *values, struct str_list *out)
{
	for (size_t i = 0; i < values->len; i++)
		add(option, values->items[i], out);
}

/* The options that are not one word each. */
static void add_special(const struct answers_seed *s, enum answer k, struct str_list *out)
{
	if (k == ANSWER_INTERFACE) /* it goes without saying nowhere: DHCP on a wrong network does harm */
		add("--interface", s->seed.interface ? s->seed.interface : "INTERFACE", out);
	else if (k == ANSWER_TIME_SERVERS)
		add_all("--time-server", &s->servers, out);
	else if (k == ANSWER_DISCOVER && str_eq(s->seed.unknown, "discover"))
		add("--unknown", "discover", out);
	else if (k == ANSWER_PACKAGES)
		add_all("--package", &s->packages, out);
	else if (k == ANSWER_ADMIN_KEY)
		add_all("--admin-key", &s->admin_keys, out);
	else if (k == ANSWER_TRUST_MAC && s->seed.trust_mac)
		str_list_add(out, "--trust-mac");
}

/* What was answered last comes first: that is what a page shows of a long line. */
void answers_init_words(const struct answers *a, const struct facts *f, enum answer last, struct str_list *out)
{
	autoclean(answers_seed_free) struct answers_seed s = { 0 };

	answers_seed_fill(&s, a, f, ANSWER_END);
	add("orthrus", "site", out);
	str_list_add(out, "init");
	for (size_t k = (size_t)last + 1; k-- > 0;) {
		add_special(&s, (enum answer)k, out);
		for (size_t i = 0; i < ARRAY_LEN(options); i++) {
			autofree char *without = options[i].answer == k ? unsaid(a, f, &options[i]) : NULL;

			if (without && !str_eq(s.text[k], without))
				add(options[i].name, s.text[k], out);
		}
	}
	if (last < ANSWER_INTERFACE)
		add_special(&s, ANSWER_INTERFACE, out);
}

void answers_install_words(const struct answers *a, const struct facts *f, struct str_list *out)
{
	autofree char *raid = answers_get(a, f, ANSWER_STORE_RAID), *disks = answers_get(a, f, ANSWER_STORE_DISKS);
	autoclean(str_list_free) struct str_list ids = { 0 };

	if (str_eq(raid, "none"))
		return;
	answers_split(disks, ",", &ids);
	add("--store-raid", raid, out);
	add_all("--store-disk", &ids, out);
	/* The page says of each disk what it holds, and that it is erased: who marked it knows. */
	for (size_t i = 0; i < ids.len; i++) {
		const struct disk *d = disk_find(&f->disks, ids.items[i]);

		if (d && d->found.len)
			add("--store-wipe", ids.items[i], out);
	}
}

/* One word for a shell: as it is where no shell sees anything in it, else between single quotes. */
static void add_quoted(struct buf *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,+@%";

	if (*word && strspn(word, plain) == strlen(word)) {
		buf_adds(out, word);
		return;
	}
	buf_addc(out, '\'');
	for (const char *p = word; *p; p++) {
		if (*p == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addc(out, *p);
	}
	buf_addc(out, '\'');
}

char *answers_line(const struct str_list *words)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < words->len; i++) {
		if (i)
			buf_addc(&b, ' ');
		add_quoted(&b, words->items[i]);
	}
	return buf_steal(&b);
}

char *answers_init_line(const struct answers *a, const struct facts *f, enum answer last)
{
	autoclean(str_list_free) struct str_list words = { 0 };

	answers_init_words(a, f, last, &words);
	return answers_line(&words);
}
