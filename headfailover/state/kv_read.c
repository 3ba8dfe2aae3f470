/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Questions to the documents: nothing here changes them. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "headfailover/state/kv_parts.h"
#include "headfailover/state/state.h"

#include <endian.h>
#include <string.h>

/* The first document whose key does not sort before `key`. */
static size_t first_from(const struct kv *kv, const char *key)
{
	size_t lo = 0, hi = kv->n_docs;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(kv->docs[mid].key, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int kv_get(const struct kv *kv, const char *key, struct state_doc *out, struct err *err)
{
	size_t at = first_from(kv, key);
	const struct kv_doc *d;

	if (at == kv->n_docs || strcmp(kv->docs[at].key, key) != 0)
		return err_set(err, ERR_NOT_FOUND, "there is no document %s", key);
	d = &kv->docs[at];
	*out = (struct state_doc){ .key = mem_strdup(key),
				   .value = mem_strndup(d->value->text, d->value->len),
				   .version = d->version };
	return 0;
}

void kv_list(const struct kv *kv, const char *prefix, struct state_docs *out)
{
	size_t first = first_from(kv, prefix), end = first;

	while (end < kv->n_docs && str_starts(kv->docs[end].key, prefix))
		end++;
	*out = (struct state_docs){ .len = end - first, .revision = kv->revision };
	if (first == end)
		return;
	out->items = mem_array(out->len, sizeof(*out->items));
	for (size_t i = 0; i < out->len; i++) {
		const struct kv_doc *d = &kv->docs[first + i];

		out->items[i].key = mem_strdup(d->key);
		out->items[i].value = mem_strndup(d->value->text, d->value->len);
		out->items[i].version = d->version;
	}
}

size_t kv_usage(const struct kv *kv, const char *prefix, size_t *bytes)
{
	size_t n = 0;

	*bytes = 0;
	for (size_t i = first_from(kv, prefix); i < kv->n_docs && str_starts(kv->docs[i].key, prefix); i++) {
		n++;
		*bytes += kv->docs[i].value->len;
	}
	return n;
}

static const struct kv_change *change_at(const struct kv *kv, size_t i)
{
	return &kv->changes[(kv->first_change + i) % kv->limits.changes];
}

/* The ring is in order of revision. */
static size_t first_after(const struct kv *kv, uint64_t since)
{
	size_t lo = 0, hi = kv->n_changes;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (change_at(kv, mid)->revision <= since)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int kv_changes(const struct kv *kv, const char *prefix, uint64_t since, struct state_changes *out, struct err *err)
{
	size_t cap = 0;

	*out = (struct state_changes){ .revision = kv->revision };
	if (since < kv->floor) {
		err_set(err, ERR_NOT_FOUND, "changes since revision %llu are not kept any more, only those after %llu",
			(unsigned long long)since, (unsigned long long)kv->floor);
		return err_hint(err, "list the documents again and go on from the list's revision");
	}
	for (size_t i = first_after(kv, since); i < kv->n_changes; i++) {
		const struct kv_change *c = change_at(kv, i);

		if (!str_starts(c->key, prefix))
			continue;
		out->items = mem_room(out->items, out->len, &cap, sizeof(*out->items));
		out->items[out->len++] = (struct state_change){
			.key = mem_strdup(c->key),
			.value = c->value ? mem_strndup(c->value->text, c->value->len) : NULL,
			.revision = c->revision,
		};
	}
	return 0;
}

bool kv_has_changes(const struct kv *kv, const char *prefix, uint64_t since)
{
	if (since < kv->floor)
		return true;
	for (size_t i = first_after(kv, since); i < kv->n_changes; i++)
		if (str_starts(change_at(kv, i)->key, prefix))
			return true;
	return false;
}

static void digest_number(struct digest_ctx *ctx, uint64_t v)
{
	uint64_t le = htole64(v);

	digest_add(ctx, &le, sizeof(le));
}

void kv_digest(const struct kv *kv, char hex[65])
{
	struct digest_ctx *ctx = digest_new();
	struct digest d;

	for (size_t i = 0; i < kv->n_docs; i++) {
		const struct kv_doc *doc = &kv->docs[i];

		digest_number(ctx, strlen(doc->key));
		digest_add(ctx, doc->key, strlen(doc->key));
		digest_number(ctx, doc->version);
		digest_number(ctx, doc->value->len);
		digest_add(ctx, doc->value->text, doc->value->len);
	}
	digest_end(ctx, &d);
	digest_hex(&d, hex);
}

void kv_dump(const struct kv *kv, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "revision", kv->revision);
	json_put_arr(&w, "documents");
	for (size_t i = 0; i < kv->n_docs; i++) {
		json_put_obj(&w, NULL);
		json_put_str(&w, "key", kv->docs[i].key);
		json_put_u64(&w, "version", kv->docs[i].version);
		json_put_raw(&w, "value", kv->docs[i].value->text);
		json_end_obj(&w);
	}
	json_end_arr(&w);
	json_end_obj(&w);
}
