/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/raidsetup.h"

#include "base/mem.h"
#include "raidsetup/disk.h"

#include <string.h>

/* More than any machine has; an inventory beyond it is a mistake or an attack on the head's memory. */
#define DISKS_MAX 1024
#define TEXT_MAX 256
/* 64 PiB: sums over all members stay far from 2^64. */
#define SIZE_LIMIT (UINT64_C(1) << 56)

static void put_list(struct json_out *w, const char *key, const struct str_list *list)
{
	json_put_arr(w, key);
	for (size_t i = 0; i < list->len; i++)
		json_put_str(w, NULL, list->items[i]);
	json_end_arr(w);
}

void disks_to_json(const struct disks *d, struct json_out *w, const char *key)
{
	json_put_arr(w, key);
	for (size_t i = 0; i < d->len; i++) {
		const struct disk *x = &d->items[i];

		json_put_obj(w, NULL);
		json_put_str(w, "name", x->name);
		json_put_str(w, "model", x->model);
		json_put_str(w, "serial", x->serial);
		json_put_str(w, "wwn", x->wwn);
		json_put_str(w, "transport", x->transport);
		json_put_u64(w, "size_bytes", x->size_bytes);
		json_put_u64(w, "logical_sector_bytes", x->logical_sector_bytes);
		json_put_u64(w, "physical_sector_bytes", x->physical_sector_bytes);
		json_put_bool(w, "rotational", x->rotational);
		json_put_bool(w, "removable", x->removable);
		json_put_bool(w, "read_only", x->read_only);
		json_put_str(w, "in_use", x->in_use);
		put_list(w, "found", &x->found);
		json_put_str(w, "bad", x->bad);
		json_end_obj(w);
	}
	json_end_arr(w);
}

/* Text from a machine goes into plans that people read line by line: control bytes and endless words are refused, and so is what
 * could pass for a line of its own. */
static int check_text(const struct json_obj *o, const char *key, const char *s, size_t max, struct err *err)
{
	size_t len = s ? strlen(s) : 0;

	if (len > max)
		return json_bad(o, key, err, "has %zu bytes; at most %zu are allowed", len, max);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return json_bad(o, key, err, "has the control byte 0x%02x", (unsigned int)(unsigned char)s[i]);
	return 0;
}

static int read_text(struct json_obj *o, const char *key, enum json_need need, char **out, struct err *err)
{
	if (json_str(o, key, need, out, err) < 0)
		return -1;
	return check_text(o, key, *out, TEXT_MAX, err);
}

static int read_found(struct json_obj *o, struct str_list *out, struct err *err)
{
	if (json_strs(o, "found", JSON_MUST, out, err) < 0)
		return -1;
	for (size_t i = 0; i < out->len; i++)
		if (check_text(o, "found", out->items[i], TEXT_MAX, err) < 0)
			return -1;
	return 0;
}

static int read_disk(struct json_obj *o, struct disk *d, struct err *err)
{
	const uint64_t sector_max = UINT64_C(1) << 20;

	if (read_text(o, "name", JSON_MUST, &d->name, err) < 0 || read_text(o, "model", JSON_MUST, &d->model, err) < 0 ||
	    read_text(o, "serial", JSON_MUST, &d->serial, err) < 0 || read_text(o, "wwn", JSON_MUST, &d->wwn, err) < 0 ||
	    read_text(o, "transport", JSON_MUST, &d->transport, err) < 0 ||
	    json_u64(o, "size_bytes", JSON_MUST, 0, SIZE_LIMIT, &d->size_bytes, err) < 0 ||
	    json_u64(o, "logical_sector_bytes", JSON_MUST, 0, sector_max, &d->logical_sector_bytes, err) < 0 ||
	    json_u64(o, "physical_sector_bytes", JSON_MUST, 0, INT64_MAX, &d->physical_sector_bytes, err) < 0 ||
	    json_bool(o, "rotational", JSON_MUST, &d->rotational, err) < 0 ||
	    json_bool(o, "removable", JSON_MUST, &d->removable, err) < 0 ||
	    json_bool(o, "read_only", JSON_MUST, &d->read_only, err) < 0 ||
	    read_text(o, "in_use", JSON_MAY, &d->in_use, err) < 0 || read_found(o, &d->found, err) < 0 ||
	    read_text(o, "bad", JSON_MAY, &d->bad, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

int disks_from_json(struct json_obj *o, const char *key, struct disks *out, struct err *err)
{
	struct json_arr a;

	*out = (struct disks){ 0 };
	if (json_arr(o, key, JSON_MUST, &a, err) < 0)
		return -1;
	if (a.len > DISKS_MAX)
		return json_bad(o, key, err, "has %zu disks; at most %d are allowed", a.len, DISKS_MAX);
	for (size_t i = 0; i < a.len; i++) {
		struct json_obj item;

		if (json_arr_obj(&a, i, &item, err) < 0 || read_disk(&item, disks_add(out), err) < 0) {
			disks_free(out);
			return -1;
		}
	}
	return 0;
}
