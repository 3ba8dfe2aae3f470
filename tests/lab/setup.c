/* SPDX-License-Identifier: GPL-2.0-or-later */
/* orthrus-setup with three pages of its own, for tests of its frame: every kind of field, more of them than fit on a screen,
 * values that are refused, that follow from others, and that are secret. Answers are texts by the number of their field. */
#include "base/json.h"
#include "base/mem.h"
#include "tui/answers.h"
#include "tui/facts.h"
#include "tui/pages.h"
#include "tui/view.h"

#include <string.h>

enum { NAME, DOMAIN, PASSPHRASE, WIPE, LEVEL, DISKS, MANY, MANY_END = 24 };

static const char *get(const struct answers *a, size_t i, const char *otherwise)
{
	return a->given[i] ? a->given[i] : otherwise;
}

static int put(struct answers *a, size_t i, const char *value)
{
	char *fresh = mem_strdup(value);

	free(a->given[i]);
	a->given[i] = fresh;
	return 0;
}

static char *domain(const struct answers *a)
{
	return str_format("%s.internal", get(a, NAME, "hound"));
}

static struct page *build_cluster(const struct answers *a, const struct facts *f)
{
	struct page *p = page_new("cluster", "Cluster");
	autofree char *follows = domain(a);

	(void)f;
	p->intro = mem_strdup("What the cluster is called, and who may unlock it. The domain follows from the name until another "
			      "one is written.");
	p->command = str_format("orthrus site init --cluster %s --domain %s", get(a, NAME, "hound"), get(a, DOMAIN, follows));
	page_add(p, FIELD_TEXT, "name", "Cluster's name", get(a, NAME, "hound"),
		 "What the cluster is called: lower-case letters. Example: hound");
	page_add(p, FIELD_TEXT, "domain", "DNS domain", get(a, DOMAIN, follows),
		 "The domain of all names. Example: hound.internal");
	page_add(p, FIELD_SECRET, "passphrase", "Passphrase", "", "At least 8 characters; it is never shown again.");
	page_add(p, FIELD_SWITCH, "wipe", "Wipe old disks", get(a, WIPE, "no"), "Whether disks that hold something are taken.");
	page_add(p, FIELD_NOTE, "note", "", *get(a, PASSPHRASE, "") ? "The passphrase is set." : "There is no passphrase yet.",
		 NULL);
	return p;
}

static int take_cluster(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	autofree char *follows = NULL;

	(void)f;
	if (str_eq(key, "passphrase"))
		return strlen(value) < 8 ? err_set(err, ERR_INVALID, "too short; write at least 8 characters")
					 : put(a, PASSPHRASE, value);
	if (str_eq(key, "wipe"))
		return put(a, WIPE, value);
	if (!*value || strspn(value, "abcdefghijklmnopqrstuvwxyz.") != strlen(value))
		return err_set(err, ERR_INVALID, "'%s' is no name; write lower-case letters, like hound", value);
	if (str_eq(key, "name"))
		return put(a, NAME, value);
	follows = domain(a);
	if (!str_eq(value, follows))
		return put(a, DOMAIN, value);
	free(a->given[DOMAIN]);
	a->given[DOMAIN] = NULL;
	return 0;
}

static struct page *build_disks(const struct answers *a, const struct facts *f)
{
	struct page *p = page_new("disks", "Node disks");
	const char *level = get(a, LEVEL, "1");
	struct field *x;

	(void)f;
	p->intro = mem_strdup("How the disks of a node become one.");
	p->command = str_format("orthrus site init --raid %s", level);
	x = page_add(p, FIELD_CHOICE, "raid", "RAID level", level, "What one disk's loss does to a node.");
	field_choice(x, "none", "none: one disk, and what is on it is lost with it");
	field_choice(x, "1", "1: every disk holds all of it");
	field_choice(x, "5",
		     "5: all but one disk's size; any one of them may fail, and the rest of the array goes on without it");
	x = page_add(p, FIELD_SET, "disks", "Disks", get(a, DISKS, "a,b"), "Which of the disks are used.");
	field_choice(x, "a", "first, 500 GB");
	field_choice(x, "b", "second, 500 GB");
	field_choice(x, "c", "third, 500 GB");
	page_add(p, FIELD_NOTE, "drawing", "What comes of it",
		 str_eq(level, "1")   ? "[ a ]--+\n       +-- md0, 500 GB\n[ b ]--+"
		 : str_eq(level, "5") ? "[ a ]--+\n[ b ]--+-- md0, 1 TB\n[ c ]--+"
				      : "[ a ]---- 500 GB",
		 NULL);
	page_add(p, FIELD_ACTION, "again", "Look again", "", "Looks at the disks of this machine once more.");
	return p;
}

static int take_disks(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	(void)f;
	(void)err;
	return put(a, str_eq(key, "raid") ? LEVEL : DISKS, value);
}

static int check_disks(const struct answers *a, const struct facts *f, const char **key, struct err *err)
{
	size_t n = 0;

	(void)f;
	for (const char *p = get(a, DISKS, "a,b"); *p; p++)
		n += *p != ',';
	*key = "disks";
	if (str_eq(get(a, LEVEL, "1"), "5") && n < 3)
		return err_set(err, ERR_INVALID, "RAID 5 needs three disks or more: mark another one, or choose another level");
	return 0;
}

static struct page *build_many(const struct answers *a, const struct facts *f)
{
	struct page *p = page_new("names", "Names");

	(void)f;
	p->intro = mem_strdup("More names than a screen has rows.");
	for (size_t i = MANY; i < MANY_END; i++) {
		autofree char *key = str_format("n%zu", i), *label = str_format("Name %zu", i - MANY + 1),
			      *value = str_format("node%zu", i);

		page_add(p, FIELD_TEXT, key, label, get(a, i, value), "Any name.");
	}
	page_add(p, FIELD_NOTE, "last", "And last", "one\ntwo\nthree", NULL);
	return p;
}

static int take_many(struct answers *a, const struct facts *f, const char *key, const char *value, struct err *err)
{
	uint64_t i;

	(void)f;
	if (str_to_u64(key + 1, MANY, MANY_END - 1, &i, err) < 0)
		return -1;
	return put(a, i, value);
}

static const struct page_kind cluster = { "cluster", "Cluster", build_cluster, take_cluster, NULL };
static const struct page_kind disks = { "disks", "Node disks", build_disks, take_disks, check_disks };
static const struct page_kind many = { "names", "Names", build_many, take_many, NULL };
const struct page_kind *const pages[] = { &cluster, &disks, &many };
const size_t n_pages = ARRAY_LEN(pages);

int pages_check(const struct answers *a, const struct facts *f, const char **page, const char **key, struct err *err)
{
	for (size_t i = 0; i < n_pages; i++) {
		*page = pages[i]->key;
		if (pages[i]->check && pages[i]->check(a, f, key, err) < 0)
			return -1;
	}
	return 0;
}

void answers_free(struct answers *a)
{
	for (size_t i = 0; i < ANSWER_END; i++)
		free(a->given[i]);
	*a = (struct answers){ 0 };
}

void answers_settle(struct answers *a, const struct facts *f)
{
	(void)a;
	(void)f;
}

/* Never the passphrase. */
void answers_print(const struct answers *a, struct json_out *w, const char *key)
{
	json_put_obj(w, key);
	for (size_t i = 0; i < MANY_END; i++) {
		autofree char *name = str_format("a%zu", i);

		if (a->given[i] && i != PASSPHRASE)
			json_put_str(w, name, a->given[i]);
	}
	json_end_obj(w);
}

int answers_read(struct json_obj *o, struct answers *out, struct err *err)
{
	static const char *const names[MANY_END] = { "a0",  "a1",  "a2",  "a3",	 "a4",	"a5",  "a6",  "a7",
						     "a8",  "a9",  "a10", "a11", "a12", "a13", "a14", "a15",
						     "a16", "a17", "a18", "a19", "a20", "a21", "a22", "a23" };

	for (size_t i = 0; i < MANY_END; i++)
		if (json_str(o, names[i], JSON_MAY, &out->given[i], err) < 0)
			return -1;
	return json_obj_end(o, err);
}

int answers_site(const struct answers *a, const struct facts *f, struct buf *out, struct err *err)
{
	struct json_out w;

	(void)f;
	(void)err;
	json_out_init(&w, out, true);
	answers_print(a, &w, NULL);
	return 0;
}

int answers_installed(const char *text, size_t len, const char *source, const struct facts *f, struct answers *out,
		      struct buf *site, struct err *err)
{
	(void)text;
	(void)len;
	(void)source;
	(void)f;
	(void)out;
	(void)site;
	return err_set(err, ERR_REFUSED, "no site.json is made of these pages");
}

void answers_install_words(const struct answers *a, const struct facts *f, struct str_list *out)
{
	(void)a;
	(void)f;
	str_list_add(out, "--store-raid");
	str_list_add(out, "1");
}

char *answers_line(const struct str_list *words)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < words->len; i++)
		buf_addf(&b, "%s%s", i ? " " : "", words->items[i]);
	return buf_steal(&b);
}

void facts_free(struct facts *f)
{
	*f = (struct facts){ 0 };
}

static int read_facts(struct json_obj *o, void *ctx, struct err *err)
{
	(void)ctx;
	return json_obj_end(o, err);
}

int facts_read(const char *text, size_t len, struct facts *out, struct err *err)
{
	return json_read(text, len, read_facts, out, err);
}
