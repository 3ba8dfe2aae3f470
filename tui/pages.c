/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "site/addr.h"
#include "tui/pages_priv.h"

#include <string.h>

const struct page_kind *const pages[] = { &page_preflight, &page_cluster,   &page_networks, &page_head, &page_headdisks,
					  &page_image,	   &page_nodedisks, &page_naming,   &page_keys };
const size_t n_pages = ARRAY_LEN(pages);

void pages_command(struct page *page, const char *command)
{
	free(page->command);
	page->command = mem_strdup(command);
}

void pages_note(struct page *page, const char *key, const char *label, const struct buf *lines, const char *help)
{
	size_t len = lines->len;
	autofree char *text = NULL;

	while (len && lines->data[len - 1] == '\n')
		len--;
	text = mem_strndup(buf_str(lines), len);
	page_add(page, FIELD_NOTE, key, label, text, help);
}

void pages_speed(uint64_t mbit, struct buf *out)
{
	uint64_t tenths = mbit % 1000 / 100;

	if (mbit < 1000 || mbit % 100)
		buf_addf(out, "%llu Mbit/s", (unsigned long long)mbit);
	else if (tenths)
		buf_addf(out, "%llu.%llu Gbit/s", (unsigned long long)(mbit / 1000), (unsigned long long)tenths);
	else
		buf_addf(out, "%llu Gbit/s", (unsigned long long)(mbit / 1000));
}

static bool is_choice(const struct field *field, const char *key)
{
	for (size_t i = 0; i < field->n_choices; i++)
		if (str_eq(field->choices[i].key, key))
			return true;
	return false;
}

/* What was marked and is offered no more (a disk was pulled out): shown, so that its mark can be taken away. */
static void add_gone(struct field *field)
{
	autoclean(str_list_free) struct str_list words = { 0 };

	answers_split(field->value, ",", &words);
	for (size_t i = 0; i < words.len; i++) {
		autofree char *label = str_format("%s: can't be chosen any more; take this mark away", words.items[i]);

		if (!is_choice(field, words.items[i]))
			field_choice(field, words.items[i], label);
	}
}

struct page *pages_build(const struct page_def *def, const struct answers *a, const struct facts *f)
{
	struct page *page = page_new(def->key, def->title);

	page->intro = def->intro ? mem_strdup(def->intro) : NULL;
	for (size_t i = 0; i < def->n_fields; i++) {
		const struct page_field *x = &def->fields[i];
		autofree char *value = answers_get(a, f, x->answer);
		struct field *field = page_add(page, x->kind, answer_key(x->answer), x->label, value, x->help);

		if (x->choices)
			x->choices(a, f, field);
		if (x->kind == FIELD_SET)
			add_gone(field);
	}
	if (def->n_fields) {
		autofree char *line = answers_init_line(a, f, def->last);

		pages_command(page, line);
	}
	return page;
}

int pages_yes_no(const struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	(void)a;
	(void)f;
	if (str_eq(value, "yes") || str_eq(value, "no"))
		return 0;
	return err_set(err, ERR_INVALID, "'%.40s' is neither; write yes or no", value);
}

static int not_a_choice(const struct field *field, const char *key, struct err *err)
{
	autoclean(buf_free) struct buf all = { 0 };

	for (size_t i = 0; i < field->n_choices; i++)
		buf_addf(&all, "%s%s", i ? ", " : "", field->choices[i].key);
	if (!all.len)
		return err_set(err, ERR_INVALID, "'%.80s' can't be chosen: there is nothing to choose from here", key);
	return err_set(err, ERR_INVALID, "'%.80s' can't be chosen; there is: %.400s", key, buf_str(&all));
}

/* What is not shown as a choice is none. */
static int check_choices(const struct page_field *x, const struct answers *a, const struct facts *f, const char *value,
			 struct err *err)
{
	struct page *page = page_new("", "");
	struct field *field = page_add(page, x->kind, "", "", value, "");
	autoclean(str_list_free) struct str_list words = { 0 };
	int ret = 0;

	x->choices(a, f, field);
	if (x->kind == FIELD_SET)
		answers_split(value, ",", &words);
	else if (*value)
		str_list_add(&words, value);
	for (size_t i = 0; ret == 0 && i < words.len; i++)
		if (!is_choice(field, words.items[i]))
			ret = not_a_choice(field, words.items[i], err);
	if (ret == 0 && x->kind == FIELD_CHOICE && !*value)
		ret = err_set(err, ERR_INVALID, "nothing is chosen; choose one of those that are listed");
	page_free(page);
	return ret;
}

/* Bytes that no field has a use for, whatever it is about: they could turn a terminal or a file's line into something else. */
static int check_text(const struct page_field *x, const char *value, struct err *err)
{
	bool list = x->kind == FIELD_SET || x->answer == ANSWER_PACKAGES || x->answer == ANSWER_NAMES ||
		    x->answer == ANSWER_ADMIN_KEY || x->answer == ANSWER_TIME_SERVERS;
	size_t most = list ? 4000 : 255;

	if (strlen(value) > most)
		return err_set(err, ERR_INVALID, "has %zu characters; write at most %zu", strlen(value), most);
	for (const char *p = value; *p; p += str_utf8_len(p, strlen(p)))
		if ((unsigned char)*p < ' ' || *p == 0x7f || !str_utf8_len(p, strlen(p)))
			return err_set(err, ERR_INVALID, "holds a control character (0x%02x); write it without",
				       (unsigned int)(unsigned char)*p);
	return 0;
}

static char *trimmed(const char *value)
{
	size_t len;

	value += strspn(value, " \t");
	len = strlen(value);
	while (len && strchr(" \t", value[len - 1]))
		len--;
	return mem_strndup(value, len);
}

static int take_field(const struct page_field *x, struct answers *a, const struct facts *f, const char *value, struct err *err)
{
	autofree char *clean = trimmed(value);
	char *held = steal(a->given[x->answer]); /* the check sees the answers without this one */
	int ret = check_text(x, clean, err);

	if (ret == 0 && x->kind == FIELD_SWITCH)
		ret = pages_yes_no(a, f, clean, err);
	if (ret == 0 && x->choices)
		ret = check_choices(x, a, f, clean, err);
	if (ret == 0 && x->check)
		ret = x->check(a, f, clean, err);
	if (ret < 0) {
		a->given[x->answer] = held;
		return -1;
	}
	free(held);
	answers_put(a, f, x->answer, clean);
	return 0;
}

int pages_take(const struct page_def *def, struct answers *a, const struct facts *f, const char *key, const char *value,
	       struct err *err)
{
	for (size_t i = 0; i < def->n_fields; i++)
		if (str_eq(answer_key(def->fields[i].answer), key))
			return take_field(&def->fields[i], a, f, value, err);
	return err_set(err, ERR_INVALID, "there is no field '%.40s' on the page '%s'", key, def->title);
}

int pages_in_subnet(const struct answers *a, const struct facts *f, const char *what, const char *value, uint32_t *out,
		    struct err *err)
{
	autofree char *subnet = answers_get(a, f, ANSWER_SUBNET);
	char first[ADDR4_LEN], last[ADDR4_LEN];
	struct err why = { 0 };
	struct net4 net;

	if (addr4_read(value, out, err) < 0)
		return -1;
	if (str_eq(subnet, "off"))
		return err_set(err, ERR_INVALID, "%s %s is IPv4, and the network has none; write a subnet above first", what,
			       value);
	if (net4_read(subnet, &net, &why) < 0 || net4_has(&net, *out))
		return 0; /* a wrong subnet is said at its own field */
	addr4_print(net.base + 1, first);
	addr4_print(net4_broadcast(&net) - 1, last);
	if (*out == net.base || *out == net4_broadcast(&net))
		return err_set(err, ERR_INVALID, "%s is the subnet's %s address, not a machine's; write one from %s to %s", value,
			       *out == net.base ? "own" : "broadcast", first, last);
	return err_set(err, ERR_INVALID, "%s is outside the subnet %s; write one from %s to %s", value, subnet, first, last);
}

/* Where in site.json what answer stands, and the words with which site_init() begins. */
static const struct place {
	const char *path;
	enum answer answer;
} places[] = {
	{ "cluster.name", ANSWER_CLUSTER },
	{ "cluster.domain", ANSWER_DOMAIN },
	{ "time.zone", ANSWER_TIME_ZONE },
	{ "time.servers", ANSWER_TIME_SERVERS },
	{ "heads[0].interface", ANSWER_INTERFACE },
	{ "interface:", ANSWER_INTERFACE },
	{ "networks[0].ipv4.subnet", ANSWER_SUBNET },
	{ "subnet:", ANSWER_SUBNET },
	{ "a network has IPv4", ANSWER_SUBNET },
	{ "networks[0].ipv6", ANSWER_IPV6 },
	{ "IPv6", ANSWER_IPV6 },
	{ "ipv6:", ANSWER_IPV6 },
	{ "heads[0].name", ANSWER_HEAD_NAME },
	{ "heads[0].ipv", ANSWER_HEAD_ADDRESS },
	{ "the head's address", ANSWER_HEAD_ADDRESS },
	{ "networks[0].ipv4.gateway", ANSWER_GATEWAY },
	{ "gateway:", ANSWER_GATEWAY },
	{ "networks[0].ipv4.pool", ANSWER_POOL },
	{ "pool:", ANSWER_POOL },
	{ "netboot.unknown", ANSWER_POOL },
	{ "service_addresses", ANSWER_SERVICE_ADDRESS },
	{ "images[0].suite", ANSWER_SUITE },
	{ "images[0].packages", ANSWER_PACKAGES },
	{ "console.serial", ANSWER_SERIAL },
	{ "RAID", ANSWER_RAID },
	{ "disks", ANSWER_DISKS },
	{ "disk_layouts", ANSWER_DISKS },
	{ "admin_ssh_keys", ANSWER_ADMIN_KEY },
};

static const char *place_of(const struct page_def *def, const char *text)
{
	if (str_starts(text, "new site: "))
		text += strlen("new site: ");
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		for (size_t k = 0; str_starts(text, places[i].path) && k < def->n_fields; k++)
			if (def->fields[k].answer == places[i].answer)
				return answer_key(places[i].answer);
	return answer_key(def->fields[0].answer);
}

int pages_site(const struct page_def *def, const struct answers *a, const struct facts *f, const char **key, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct answers some = { 0 };
	int ret;

	/* A view of those that come first: nothing is owned by it. */
	for (enum answer k = 0; k <= def->last; k++)
		some.given[k] = a->given[k];
	ret = answers_site(&some, f, &text, err);
	if (ret < 0)
		*key = place_of(def, err->text);
	return ret;
}

static void copy_answers(const struct answers *from, struct answers *out)
{
	for (size_t i = 0; i < ANSWER_END; i++)
		out->given[i] = from->given[i] ? mem_strdup(from->given[i]) : NULL;
}

/* The field to blame, named by the caller's table: a page's own strings end with it. */
static int check_fields(const struct page_kind *kind, struct answers *a, const struct facts *f, const char **key, struct err *err)
{
	struct page *page = kind->build(a, f);
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < page->n_fields; i++) {
		const struct field *x = &page->fields[i];

		if (x->kind == FIELD_NOTE || x->kind == FIELD_ACTION)
			continue;
		ret = kind->take(a, f, x->key, x->value, err);
		if (ret < 0)
			*key = answer_key(answer_of(x->key));
	}
	page_free(page);
	return ret;
}

int pages_check(const struct answers *answers, const struct facts *facts, const char **page, const char **key, struct err *err)
{
	autoclean(answers_free) struct answers a = { 0 };

	copy_answers(answers, &a);
	for (size_t i = 0; i < n_pages; i++) {
		*page = pages[i]->key;
		if (check_fields(pages[i], &a, facts, key, err) < 0 ||
		    (pages[i]->check && pages[i]->check(&a, facts, key, err) < 0))
			return -1;
	}
	return 0;
}
