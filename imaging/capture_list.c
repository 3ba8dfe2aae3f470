/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/capture_priv.h"

#include "base/mem.h"

#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>

void capture_list_free(struct capture_list *l)
{
	for (size_t i = 0; i < l->len; i++)
		free(l->items[i].path);
	free(l->items);
	*l = (struct capture_list){ 0 };
}

/* The next number up to a blank; `base` 8 or 10. */
static bool number(const char **p, unsigned int base, uint64_t *out)
{
	const char *from = *p;

	for (*out = 0; **p >= '0' && **p < (char)('0' + base); (*p)++) {
		if (*out > (UINT64_MAX - 9) / base)
			return false;
		*out = *out * base + (uint64_t)(**p - '0');
	}
	return *p > from;
}

static bool blank(const char **p)
{
	return *(*p)++ == ' ';
}

/* "-12.3456789010": seconds, and nanoseconds that count forward from them also before 1970, as find writes it. */
static bool time_of(const char **p, int64_t *s, uint32_t *ns)
{
	bool negative = **p == '-';
	uint64_t whole, digits = 0;

	*p += negative;
	if (!number(p, 10, &whole) || whole > INT64_MAX)
		return false;
	*ns = 0;
	if (**p == '.') {
		for ((*p)++; **p >= '0' && **p <= '9'; (*p)++)
			if (digits++ < 9)
				*ns = *ns * 10 + (uint32_t)(**p - '0');
		for (; digits < 9; digits++)
			*ns *= 10;
	}
	*s = negative ? -(int64_t)whole : (int64_t)whole;
	return true;
}

#define TICK_NS 50000000 /* the clock that dates changes is this coarse, and more */

int capture_list_began(struct capture_list *l, const char *time, struct err *err)
{
	if (!time_of(&time, &l->begin_s, &l->begin_ns) || *time)
		return err_set(err, ERR_DAMAGED, "the machine does not tell its time");
	if (l->begin_ns < TICK_NS) {
		l->begin_s--;
		l->begin_ns += 1000000000;
	}
	l->begin_ns -= TICK_NS;
	return 0;
}

int capture_list_add(struct capture_list *l, const char *record, struct err *err)
{
	struct capture_item i = { .type = record[0] };
	const char *p = record + 1;
	uint64_t mode, uid, gid;

	if (!i.type || !blank(&p) || !number(&p, 8, &mode) || !blank(&p) || !number(&p, 10, &uid) || !blank(&p) ||
	    !number(&p, 10, &gid) || !blank(&p) || !number(&p, 10, &i.size) || !blank(&p) || !number(&p, 10, &i.blocks) ||
	    !blank(&p) || !time_of(&p, &i.mtime_s, &i.mtime_ns) || !blank(&p) || !time_of(&p, &i.ctime_s, &i.ctime_ns) ||
	    !blank(&p) || !number(&p, 10, &i.dev) || !blank(&p) || !number(&p, 10, &i.ino) || !blank(&p) ||
	    !number(&p, 10, &i.links) || !blank(&p) || *p != '.' || mode > 07777 || uid > UINT32_MAX || gid > UINT32_MAX)
		return err_set(err, ERR_DAMAGED, "the list of files is damaged at '%.100s'", record);
	i.mode = (uint16_t)mode;
	i.uid = (uint32_t)uid;
	i.gid = (uint32_t)gid;
	p++;
	i.path = mem_strdup(*p == '/' ? p + 1 : p);
	l->items = mem_room(l->items, l->len, &l->cap, sizeof(i));
	l->items[l->len++] = i;
	return 0;
}

static int by_path(const void *a, const void *b)
{
	return tree_path_cmp(((const struct capture_item *)a)->path, ((const struct capture_item *)b)->path);
}

/* A directory that is written to while it is read may show a name twice. */
void capture_list_sort(struct capture_list *l)
{
	size_t n = 0;

	if (l->len)
		qsort(l->items, l->len, sizeof(l->items[0]), by_path);
	for (size_t i = 0; i < l->len; i++) {
		if (n && str_eq(l->items[n - 1].path, l->items[i].path))
			free(l->items[i].path);
		else
			l->items[n++] = l->items[i];
	}
	l->len = n;
}

static struct capture_item *find(const struct capture_list *l, const char *path)
{
	size_t low = 0, high = l->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int cmp = tree_path_cmp(l->items[mid].path, path);

		if (cmp == 0)
			return &l->items[mid];
		if (cmp < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const struct capture_item *capture_list_find(const struct capture_list *l, const char *path)
{
	return find(l, path);
}

void capture_list_flags(struct capture_list *l, const char *line)
{
	static const struct {
		char letter;
		uint32_t flag;
	} letters[] = { { 'S', FS_SYNC_FL },   { 'i', FS_IMMUTABLE_FL }, { 'a', FS_APPEND_FL },
			{ 'd', FS_NODUMP_FL }, { 'A', FS_NOATIME_FL },	 { 'D', FS_DIRSYNC_FL } };
	size_t n = strcspn(line, " ");
	const char *path = line + n + (line[n] == ' ');
	struct capture_item *i;

	if (*path != '.')
		return;
	path += path[1] == '/' ? 2 : 1;
	i = find(l, path);
	for (size_t k = 0; i && k < ARRAY_LEN(letters); k++)
		if (memchr(line, letters[k].letter, n))
			i->flags |= letters[k].flag;
}

uint64_t capture_list_bytes(const struct capture_list *l)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < l->len; i++) {
		const struct capture_item *x = &l->items[i];
		uint64_t bytes = x->blocks < UINT64_MAX / 512 && x->blocks * 512 < x->size ? x->blocks * 512 : x->size;

		if (x->type == 'f' && sum < UINT64_MAX - bytes)
			sum += x->links > 1 ? bytes / x->links : bytes;
	}
	return sum;
}
