/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/store_priv.h"

#include "base/mem.h"
#include "sys/fs.h"

#include <string.h>

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

static int read_counter(const char *path, const char *name, uint64_t *value, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autofree char *number = NULL;
	autofree char *want = NULL;
	struct err why = { 0 };

	*value = 0;
	if (!fs_exists(path))
		return 0;
	if (fs_read(path, 128, &text, err) < 0)
		return -1;
	number = mem_strndup(buf_str(&text), strcspn(buf_str(&text), " "));
	if (str_to_u64(number, 1, INT64_MAX - 1, value, &why) == 0)
		want = counter_text(name, *value);
	if (!want || !str_eq(want, buf_str(&text))) {
		err_set(err, ERR_DAMAGED, "the counter %s is damaged, so the next image's number is not known", path);
		return err_hint(err,
				"remove it only if no image of %s with a higher number than those in the store was ever deleted",
				name);
	}
	return 0;
}

int store_check_counter(const struct store *s, const char *name, struct err *err)
{
	autofree char *path = fs_join(s->sequence, name);
	uint64_t value;

	return read_counter(path, name, &value, err);
}

int store_check_sequence(const struct store *s, const char *name, uint64_t least)
{
	autofree char *path = fs_join(s->sequence, name);
	struct err why = { 0 };
	uint64_t value;

	return read_counter(path, name, &value, &why) < 0 || value < least ? -1 : 0;
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

int store_next_sequence(const struct store *s, const char *name, uint64_t *out, struct err *err)
{
	autofree char *path = fs_join(s->sequence, name);
	autofree char *text = NULL;
	uint64_t counted, stored;

	if (read_counter(path, name, &counted, err) < 0 || highest_stored(s, name, &stored, err) < 0)
		return -1;
	*out = (counted > stored ? counted : stored) + 1;
	text = counter_text(name, *out);
	return fs_write_atomic(path, text, strlen(text), 0644, err);
}
