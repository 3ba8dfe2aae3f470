/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/capture_priv.h"

#include "base/mem.h"

#include <string.h>

void capture_facts_free(struct capture_facts *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->n_fs; i++) {
		free(f->fs[i].target);
		free(f->fs[i].type);
		free(f->fs[i].source);
		free(f->fs[i].root);
		free(f->fs[i].lv);
		free(f->fs[i].why);
	}
	free(f->fs);
	free(f->ssh_host);
	free(f->dir);
	free(f->host);
	free(f->suite);
	free(f->lsblk);
	free(f->blkid);
	str_list_free(&f->leftovers);
	str_list_free(&f->mdadm);
	str_list_free(&f->nested);
	str_list_free(&f->excludes);
	free(f);
}

/* The next word; *p behind it. "\040" is what proc(5) writes for a blank, and so on. NULL at the end. */
static char *word(const char **p)
{
	size_t n = strcspn(*p, " ");
	char *out, *to;

	if (!n)
		return NULL;
	out = to = mem_strndup(*p, n);
	for (const char *c = out; *c;) {
		if (c[0] == '\\' && c[1] >= '0' && c[1] <= '3' && c[2] >= '0' && c[2] <= '7' && c[3] >= '0' && c[3] <= '7') {
			*to++ = (char)((c[1] - '0') * 64 + (c[2] - '0') * 8 + (c[3] - '0'));
			c += 4;
		} else {
			*to++ = *c++;
		}
	}
	*to = '\0';
	*p += n + ((*p)[n] == ' ');
	return out;
}

static int number(const char **p, uint64_t *out, struct err *err)
{
	autofree char *w = word(p);

	return str_to_u64(w ? w : "", 0, UINT64_MAX, out, err);
}

/* "lvm VG LV BYTES FREE SEGTYPE", "btrfs" or "-". */
static int read_hold(const char **p, struct capture_fs *fs, struct err *err)
{
	autofree char *how = word(p), *vg = NULL, *lv = NULL, *segment = NULL;

	if (str_eq(how, "btrfs"))
		fs->can = CAPTURE_BTRFS;
	if (!str_eq(how, "lvm"))
		return 0;
	vg = word(p);
	lv = word(p);
	if (number(p, &fs->lv_bytes, err) < 0 || number(p, &fs->vg_free_bytes, err) < 0)
		return -1;
	segment = word(p);
	fs->lv = str_format("%s/%s", vg, lv);
	fs->thin = str_eq(segment, "thin");
	fs->can = CAPTURE_LVM;
	return 0;
}

static int read_fs(struct capture_facts *f, const char *text, struct err *err)
{
	struct capture_fs *fs;
	uint64_t removable;

	f->fs = mem_room(f->fs, f->n_fs, &f->fs_cap, sizeof(*fs));
	fs = &f->fs[f->n_fs++];
	*fs = (struct capture_fs){ .target = word(&text) };
	fs->type = word(&text);
	fs->source = word(&text);
	fs->root = word(&text);
	if (!fs->root || number(&text, &removable, err) < 0 || number(&text, &fs->used_bytes, err) < 0)
		return err_set(err, ERR_DAMAGED, "what the machine says of its file systems can't be read");
	fs->removable = removable == 1;
	return read_hold(&text, fs, err);
}

static int read_fact(struct capture_facts *f, const char *key, const char *value, struct err *err)
{
	const struct {
		const char *key;
		char **to;
	} texts[] = {
		{ "dir", &f->dir }, { "host", &f->host }, { "suite", &f->suite }, { "lsblk", &f->lsblk }, { "blkid", &f->blkid }
	};
	const struct {
		const char *key;
		bool *to;
	} flags[] = { { "system", &f->system },
		      { "tar", &f->has_tar },
		      { "find", &f->has_find },
		      { "lsattr", &f->has_lsattr },
		      { "mounting", &f->can_mount } };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (str_eq(key, texts[i].key)) {
			free(*texts[i].to);
			*texts[i].to = mem_strdup(value);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (str_eq(key, flags[i].key))
			*flags[i].to = true;
	if (str_eq(key, "leftover"))
		str_list_add(&f->leftovers, value);
	if (str_eq(key, "nested"))
		str_list_add(&f->nested, value);
	if (str_eq(key, "mdadm"))
		str_list_add(&f->mdadm, value);
	if (str_eq(key, "uid"))
		return str_to_u64(value, 0, UINT32_MAX, &f->uid, err);
	return str_eq(key, "fs") ? read_fs(f, value, err) : 0;
}

int capture_facts_read(const char *text, size_t len, struct capture_facts *f, struct err *err)
{
	for (size_t at = 0; at < len;) {
		const char *record = text + at;
		size_t n = strnlen(record, len - at);
		const char *eq = memchr(record, '=', n);
		autofree char *key = eq ? mem_strndup(record, (size_t)(eq - record)) : NULL;

		if (n == len - at || !key)
			return err_set(err, ERR_DAMAGED, "the machine's answer is cut off");
		if (read_fact(f, key, eq + 1, err) < 0)
			return err_wrap(err, "the machine's answer");
		at += n + 1;
	}
	if (!f->dir || f->dir[0] != '/')
		return err_set(err, ERR_DAMAGED, "the machine's answer does not say which directory it means");
	return 0;
}

static const char *hold_name(enum capture_hold hold)
{
	static const char *const names[] = { [CAPTURE_LIVE] = "live", [CAPTURE_LVM] = "lvm", [CAPTURE_BTRFS] = "btrfs" };

	return names[hold];
}

static void put_mounts(const struct capture_facts *f, struct json_out *w)
{
	json_put_arr(w, "file_systems");
	for (size_t i = 0; i < f->n_fs; i++) {
		const struct capture_fs *fs = &f->fs[i];

		if (!fs->taken && !fs->why)
			continue;
		json_put_obj(w, NULL);
		json_put_str(w, "mounted", fs->target);
		json_put_str(w, "type", fs->type);
		json_put_str(w, "source", fs->source);
		json_put_u64(w, "used_bytes", fs->used_bytes);
		json_put_str(w, "held", fs->taken ? hold_name(fs->hold) : NULL);
		json_put_str(w, "left_out", fs->why);
		json_end_obj(w);
	}
	json_end_arr(w);
}

/* KEY=value lines, an empty one between objects, as blkid -o export and mdadm --export write them. */
static void put_exported(struct json_out *w, const char *text)
{
	bool open = false;

	while (text && *text) {
		size_t n = strcspn(text, "\n");
		const char *eq = memchr(text, '=', n);
		autofree char *key = eq ? mem_strndup(text, (size_t)(eq - text)) : NULL;
		autofree char *value = eq ? mem_strndup(eq + 1, n - (size_t)(eq + 1 - text)) : NULL;

		if (n && key && !open) {
			json_put_obj(w, NULL);
			open = true;
		}
		if (!n && open) {
			json_end_obj(w);
			open = false;
		}
		if (key)
			json_put_str(w, key, value);
		text += n + (text[n] == '\n');
	}
	if (open)
		json_end_obj(w);
}

/* Only what is JSON may be put into JSON. */
static void put_lsblk(const struct capture_facts *f, struct json_out *w)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *devices = NULL;
	struct err ignored = { 0 };
	struct json_obj o;

	if (f->lsblk && json_parse(f->lsblk, strlen(f->lsblk), &doc, &ignored) == 0 && json_root_obj(&doc, &o, &ignored) == 0 &&
	    json_raw(&o, "blockdevices", JSON_MUST, &devices, &ignored) == 0)
		json_put_raw(w, "lsblk", devices);
	else
		json_put_str(w, "lsblk", NULL);
}

void capture_layout(const struct capture_facts *f, const struct capture_result *r, unsigned int rounds, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, true);
	json_put_obj(&w, NULL);
	json_put_u64(&w, "format", 1);
	json_put_str(&w, "host", f->host);
	json_put_str(&w, "directory", f->dir);
	put_mounts(f, &w);
	json_put_strs(&w, "left_out", &f->excludes);
	json_put_strs(&w, "subvolumes_left_out", f->snapshots ? &f->nested : &(const struct str_list){ 0 });
	json_put_u64(&w, "rounds", rounds);
	json_put_u64(&w, "n_changed", r->n_changed);
	json_put_strs(&w, "changed", &r->changed);
	put_lsblk(f, &w);
	json_put_arr(&w, "blkid");
	put_exported(&w, f->blkid);
	json_end_arr(&w);
	json_put_arr(&w, "mdadm");
	for (size_t i = 0; i < f->mdadm.len; i++)
		put_exported(&w, f->mdadm.items[i]);
	json_end_arr(&w);
	json_end_obj(&w);
}
