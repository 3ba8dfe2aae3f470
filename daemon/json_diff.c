/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/json_diff.h"

#include "base/mem.h"

#include <string.h>

/* A value longer than SHOWN_MAX bytes is shown by this much of its beginning and end. */
#define SHOWN_MAX 200
#define SHOWN_HEAD 120
#define SHOWN_TAIL 50
/* Lists of words up to this long are shown before and after; longer ones word by word. */
#define LIST_MAX 100

/* Never in the middle of a character. */
static size_t char_start(const char *s, size_t at)
{
	while (at && ((unsigned char)s[at] & 0xc0) == 0x80)
		at--;
	return at;
}

char *json_diff_shown(const char *json)
{
	size_t len = strlen(json), head = char_start(json, SHOWN_HEAD < len ? SHOWN_HEAD : len), tail;

	if (len <= SHOWN_MAX)
		return mem_strdup(json);
	tail = char_start(json, len - SHOWN_TAIL);
	return str_format("%.*s[... %zu bytes left out ...]%s", (int)head, json, tail - head, json + tail);
}

static char *label_of(const struct json_place *at)
{
	return str_format("%s%s%s", at->thing, *at->thing && *at->path ? ": " : "", at->path);
}

static void add(struct plan *plan, const char *label, const char *mark, char *text)
{
	autofree char *step = str_format("change:%s%s", label, mark);

	plan_add(plan, 0, PLAN_WRITES, step, text, NULL, NULL);
}

static void say(const struct json_place *at, const char *before, const char *now, struct plan *plan)
{
	autofree char *label = label_of(at);
	autofree char *from = json_diff_shown(before ? before : "none");
	autofree char *to = json_diff_shown(now ? now : "none");
	bool alike = str_eq(from, to); /* what differs was left out: then nothing is */

	add(plan, label, "",
	    str_format("change %s from %s to %s", label, alike && before ? before : from, alike && now ? now : to));
}

static int compare_members(const struct json_place *at, struct json_obj *before, struct json_obj *now, struct plan *plan,
			   struct err *err)
{
	const char *keys[2 * JSON_KEYS_MAX];
	size_t n = json_keys(now, keys, JSON_KEYS_MAX), of_now = n;

	n += json_keys(before, keys + n, JSON_KEYS_MAX);
	for (size_t i = 0; i < n; i++) {
		autofree char *was = NULL, *is = NULL;
		autofree char *path = str_format("%s%s%s", at->path, *at->path ? "." : "", keys[i]);
		struct json_place place = { .thing = at->thing, .path = path };

		if (i >= of_now && json_has(now, keys[i]))
			continue;
		if (json_raw(before, keys[i], JSON_MAY, &was, err) < 0 || json_raw(now, keys[i], JSON_MAY, &is, err) < 0 ||
		    json_diff(&place, was, is, plan, err) < 0)
			return -1;
	}
	return 0;
}

/* The elements' names by `key`; false unless each element has one of its own. */
static bool names_by(const struct json_arr *a, const char *key, struct str_list *names)
{
	struct err ignored = { 0 };

	for (size_t i = 0; i < a->len; i++) {
		autofree char *name = NULL;
		struct json_obj o;

		if (json_arr_obj(a, i, &o, &ignored) < 0 || json_str(&o, key, JSON_MUST, &name, &ignored) < 0 ||
		    str_list_has(names, name))
			return false;
		str_list_add(names, name);
	}
	return true;
}

/* The elements as words, quoted as JSON; false unless all are. */
static bool words_in(const struct json_arr *a, struct str_list *words)
{
	struct err ignored = { 0 };

	for (size_t i = 0; i < a->len; i++) {
		autofree char *raw = NULL;

		if (json_arr_raw(a, i, &raw, &ignored) < 0 || raw[0] != '"')
			return false;
		str_list_add(words, raw);
	}
	return true;
}

/* The raw element of this name, NULL when there is none. */
static int raw_of(const struct json_arr *a, const struct str_list *names, const char *name, char **out, struct err *err)
{
	for (size_t i = 0; i < names->len; i++)
		if (str_eq(names->items[i], name))
			return json_arr_raw(a, i, out, err);
	return 0;
}

static int compare_named(const struct json_place *at, const struct json_arr *before, const struct str_list *was,
			 const struct json_arr *now, const struct str_list *is, struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < is->len + was->len; i++) {
		const char *name = i < is->len ? is->items[i] : was->items[i - is->len];
		autofree char *path = str_format("%s[%s]", at->path, name);
		struct json_place place = { .thing = at->thing, .path = path };
		autofree char *old = NULL, *new = NULL;

		if (i >= is->len && str_list_has(is, name))
			continue;
		if (raw_of(before, was, name, &old, err) < 0 || raw_of(now, is, name, &new, err) < 0 ||
		    json_diff(&place, old, new, plan, err) < 0)
			return -1;
	}
	json_diff_order(at, was, is, plan);
	return 0;
}

/* Words that come and words that go, when there are any: the others stay as they are. */
static bool say_words(const struct json_place *at, const struct str_list *was, const struct str_list *is, struct plan *plan)
{
	autofree char *label = label_of(at);
	size_t before = plan->len;

	for (size_t i = 0; i < is->len + was->len; i++) {
		bool comes = i < is->len;
		const char *word = comes ? is->items[i] : was->items[i - is->len];
		autofree char *mark = str_format(" %s %zu", comes ? "add" : "remove", comes ? i : i - is->len);
		autofree char *shown = NULL;

		if (str_list_has(comes ? was : is, word))
			continue;
		shown = json_diff_shown(word);
		add(plan, label, mark,
		    *at->thing ? str_format("change %s: %s %s %s %s", at->thing, comes ? "add" : "remove", shown,
					    comes ? "to" : "from", at->path)
			       : str_format("change %s: %s %s", at->path, comes ? "add" : "remove", shown));
	}
	return plan->len > before;
}

static int compare_lists(const struct json_place *at, const char *before, const char *now, const struct json_arr *a,
			 const struct json_arr *b, struct plan *plan, struct err *err)
{
	static const char *const keys[] = { "name", "id", "on" };
	autoclean(str_list_free) struct str_list old_words = { 0 }, new_words = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		autoclean(str_list_free) struct str_list was = { 0 }, is = { 0 };

		if (names_by(a, keys[i], &was) && names_by(b, keys[i], &is))
			return compare_named(at, a, &was, b, &is, plan, err);
	}
	if (strlen(before) + strlen(now) > LIST_MAX && words_in(a, &old_words) && words_in(b, &new_words) &&
	    say_words(at, &old_words, &new_words, plan)) {
		json_diff_order(at, &old_words, &new_words, plan);
		return 0;
	}
	say(at, before, now, plan);
	return 0;
}

int json_diff(const struct json_place *at, const char *before, const char *now, struct plan *plan, struct err *err)
{
	autoclean(json_doc_free) struct json_doc old_doc = { 0 }, new_doc = { 0 };
	struct json_arr old_arr, new_arr;
	struct json_obj old_obj, new_obj;

	if (str_eq(before, now))
		return 0;
	/* A list that is not there is an empty one. */
	if (before && before[0] == '[' && !now && before[1] != ']')
		now = "[]";
	if (now && now[0] == '[' && !before && now[1] != ']')
		before = "[]";
	if (!before || !now || before[0] != now[0] || !strchr("{[", now[0])) {
		say(at, before, now, plan);
		return 0;
	}
	if (json_parse(before, strlen(before), &old_doc, err) < 0 || json_parse(now, strlen(now), &new_doc, err) < 0)
		return -1;
	if (now[0] == '{') {
		if (json_root_obj(&old_doc, &old_obj, err) < 0 || json_root_obj(&new_doc, &new_obj, err) < 0)
			return -1;
		return compare_members(at, &old_obj, &new_obj, plan, err);
	}
	if (json_root_arr(&old_doc, &old_arr, err) < 0 || json_root_arr(&new_doc, &new_arr, err) < 0)
		return -1;
	return compare_lists(at, before, now, &old_arr, &new_arr, plan, err);
}

static void put_common(const struct str_list *list, const struct str_list *other, struct buf *out)
{
	buf_adds(out, "[");
	for (size_t i = 0; i < list->len; i++)
		if (str_list_has(other, list->items[i]))
			buf_addf(out, "%s%s", out->len > 1 ? ", " : "", list->items[i]);
	buf_adds(out, "]");
}

void json_diff_order(const struct json_place *at, const struct str_list *before, const struct str_list *now, struct plan *plan)
{
	autoclean(buf_free) struct buf was = { 0 }, is = { 0 };
	autofree char *path = str_format("order of %s", at->path);
	struct json_place place = { .thing = at->thing, .path = path };

	put_common(before, now, &was);
	put_common(now, before, &is);
	if (!str_eq(buf_str(&was), buf_str(&is)))
		say(&place, buf_str(&was), buf_str(&is), plan);
}
