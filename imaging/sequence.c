/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/store_priv.h"

#include "base/mem.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The counter's file is one line: the number, and the SHA-256 of "NAME NUMBER\n", so that a damaged one is never taken for a
 * lower one. */
static char *counter_text(const char *name, uint64_t value)
{
	autofree char *said = str_format("%s %llu\n", name, (unsigned long long)value);
	char hex[DIGEST_HEX_LEN];
	struct digest d;

	digest_of(said, strlen(said), &d);
	digest_hex(&d, hex);
	return str_format("%llu %s\n", (unsigned long long)value, hex);
}

enum counter_state { COUNTER_ABSENT, COUNTER_WHOLE, COUNTER_DAMAGED };

/* Two files say the same: sequence/NAME and sequence/NAME~. Damage to one is healed by the other: both were durable before any
 * image got the number, so neither is below a number that was ever given. */
struct counter {
	char *path[2];
	enum counter_state state[2];
	uint64_t value[2];
};

static void counter_free(struct counter *c)
{
	free(c->path[0]);
	free(c->path[1]);
}

static enum counter_state read_one(const char *path, const char *name, uint64_t *value)
{
	autoclean(buf_free) struct buf text = { 0 };
	autofree char *number = NULL;
	autofree char *want = NULL;
	struct err why = { 0 };
	struct stat st;

	/* One that can't be looked at is not absent. */
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? COUNTER_ABSENT : COUNTER_DAMAGED;
	if (fs_read_nofollow(path, 128, &text, &why) < 0)
		return COUNTER_DAMAGED;
	number = mem_strndup(buf_str(&text), strcspn(buf_str(&text), " "));
	if (str_to_u64(number, 1, INT64_MAX - 1, value, &why) == 0)
		want = counter_text(name, *value);
	if (want && str_eq(want, buf_str(&text)))
		return COUNTER_WHOLE;
	*value = 0;
	return COUNTER_DAMAGED;
}

static void counter_read(const struct store *s, const char *name, struct counter *c)
{
	*c = (struct counter){ 0 };
	c->path[0] = fs_join(s->sequence, name);
	c->path[1] = str_format("%s/%s~", s->sequence, name);
	for (size_t i = 0; i < 2; i++)
		c->state[i] = read_one(c->path[i], name, &c->value[i]);
}

/* A damaged one with no whole one beside it: then nobody knows which numbers were used. */
static int counter_value(const struct counter *c, const char *name, uint64_t *value, struct err *err)
{
	bool whole = c->state[0] == COUNTER_WHOLE || c->state[1] == COUNTER_WHOLE;
	size_t bad = c->state[0] == COUNTER_DAMAGED ? 0 : 1;

	*value = c->value[0] > c->value[1] ? c->value[0] : c->value[1];
	if (whole || c->state[bad] != COUNTER_DAMAGED)
		return 0;
	err_set(err, ERR_DAMAGED, "the counter %s is damaged and has no whole copy, so the next image's number is not known",
		c->path[bad]);
	return err_hint(
		err,
		"remove %s and its copy %s~: numbers go on after the highest in the store; if later images of this name were "
		"deleted, choose another name instead",
		c->path[0], name);
}

int store_check_counter(const struct store *s, const char *name, struct err *err)
{
	autoclean(counter_free) struct counter c;
	uint64_t value;

	counter_read(s, name, &c);
	return counter_value(&c, name, &value, err);
}

void store_check_sequence(const struct store *s, const char *name, uint64_t least, struct str_list *bad)
{
	autoclean(counter_free) struct counter c;

	counter_read(s, name, &c);
	for (size_t i = 0; i < 2; i++) {
		/* Stores of before had no second one. */
		if (c.state[i] == COUNTER_DAMAGED || (c.state[i] == COUNTER_ABSENT && i == 0) ||
		    (c.state[i] == COUNTER_WHOLE && c.value[i] < least))
			str_list_addf(bad, "sequence/%s%s", name, i ? "~" : "");
	}
}

/* The highest among images that are there: the counter may be gone. */
static int highest_stored(const struct store *s, const char *name, uint64_t *out, struct err *err)
{
	autoclean(str_list_free) struct str_list ids = { 0 };

	*out = 0;
	if (store_ids(s, name, &ids, err) < 0)
		return -1;
	for (size_t i = 0; i < ids.len; i++) {
		autofree char *path = str_format("%s/%s/%s/manifest.json", s->images, name, ids.items[i]);
		autoclean(buf_free) struct buf text = { 0 };
		autoclean(manifest_free) struct manifest m = { 0 };
		struct err damaged = { 0 };

		if (fs_read_nofollow(path, STORE_MANIFEST_MAX, &text, &damaged) == 0 &&
		    manifest_read(text.data, text.len, &m, &damaged) == 0 && m.sequence > *out)
			*out = m.sequence;
	}
	return 0;
}

/* Names hold no "~", and it is followed by something only until the file has its name. */
bool store_is_unfinished_counter(const char *file)
{
	const char *tilde = strchr(file, '~');

	return tilde && tilde[1];
}

/* The temporary file of "node" may not be "node.backup": that is another name's counter. What is written here has a "~" before
 * its end, so that store_clean() knows it. */
static int write_counter(const struct counter *c, const char *text, struct err *err)
{
	autofree char *again = str_format("%s~", c->path[1]);

	if (fs_write_atomic(c->path[1], text, strlen(text), 0644, err) < 0 ||
	    fs_write_atomic(again, text, strlen(text), 0644, err) < 0)
		return -1;
	if (rename(again, c->path[0]) < 0)
		return err_errno(err, errno, "replace %s", c->path[0]);
	return fs_sync_parent(c->path[0], err);
}

int store_next_sequence(const struct store *s, const char *name, uint64_t *out, struct err *err)
{
	autoclean(counter_free) struct counter c;
	autofree char *text = NULL;
	uint64_t counted, stored;

	counter_read(s, name, &c);
	if (counter_value(&c, name, &counted, err) < 0 || highest_stored(s, name, &stored, err) < 0)
		return -1;
	*out = (counted > stored ? counted : stored) + 1;
	text = counter_text(name, *out);
	return write_counter(&c, text, err);
}

int store_note_sequence(const struct store *s, const char *name, uint64_t number, struct err *err)
{
	autoclean(counter_free) struct counter c;
	autofree char *text = counter_text(name, number);
	uint64_t counted;

	counter_read(s, name, &c);
	if (counter_value(&c, name, &counted, err) < 0)
		return -1;
	return counted >= number ? 0 : write_counter(&c, text, err);
}
