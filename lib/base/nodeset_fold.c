/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folding: the names of one pattern ("rack#n#") are points in as many dimensions as the pattern has numbers. Along the last
 * dimension, points that agree in all others become one list of ranges; places with the same list are then folded along the
 * dimensions before it. Nothing depends on the order of adding, so equal sets give equal texts.
 */
#include "base/nodeset.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdint.h>
#include <string.h>

#define DIMS_MAX 8    /* further numbers in a name count as text */
#define DIGITS_MAX 17 /* longer numbers too: value << WIDTH_BITS must fit */
#define WIDTH_BITS 5
#define MARK '\x01' /* stands for a number in a pattern; never in a name */

/* A number as written: its value and how many digits it had, ordered by value first. */
static uint64_t coord(uint64_t value, size_t digits)
{
	return value << WIDTH_BITS | digits;
}

static uint64_t coord_value(uint64_t c)
{
	return c >> WIDTH_BITS;
}

static unsigned int coord_digits(uint64_t c)
{
	return (unsigned int)(c & ((1u << WIDTH_BITS) - 1));
}

static unsigned int count_digits(uint64_t v)
{
	unsigned int n = 1;

	for (; v >= 10; v /= 10)
		n++;
	return n;
}

/* Finds equal things by their hash: slots hold an id + 1. */
struct table {
	uint32_t *slots;
	size_t mask;
};

static struct table table_new(size_t n)
{
	size_t size = 16;

	while (size < 2 * n)
		size *= 2;
	return (struct table){ .slots = mem_array(size, sizeof(uint32_t)), .mask = size - 1 };
}

static void table_free(struct table *t)
{
	free(t->slots);
}

static uint64_t hash_bytes(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

struct pattern {
	char *text;
	size_t dims, names;
	size_t *rows_at; /* where each name's coordinates begin; filled in pass two */
	size_t *name_of;
};

/* One folded piece of the answer, and the place of its first name in the set: pieces are printed in that order. */
struct box {
	size_t first;
	char *text;
};

struct fold {
	struct pattern *patterns;
	size_t n_patterns, patterns_cap;
	uint64_t *coords; /* of all names, one after the other */
	size_t n_coords, coords_cap;
	struct box *boxes;
	size_t n_boxes, boxes_cap;
	const char *pattern; /* being folded */
	char *ranges[DIMS_MAX];
};

/* The pattern of `name` into `text` (cleared first), its numbers after f->coords. Returns how many. */
static size_t split(struct fold *f, const char *name, struct buf *text)
{
	size_t dims = 0, len = strlen(name);

	buf_clear(text);
	for (size_t i = 0; i < len;) {
		size_t digits = strspn(name + i, "0123456789");
		uint64_t v = 0;

		if (digits == 0 || digits > DIGITS_MAX || dims == DIMS_MAX) {
			size_t n = digits ? digits : 1;

			buf_add(text, name + i, n);
			i += n;
			continue;
		}
		for (size_t end = i + digits; i < end; i++)
			v = v * 10 + (uint64_t)(name[i] - '0');
		f->coords = mem_room(f->coords, f->n_coords, &f->coords_cap, sizeof(*f->coords));
		f->coords[f->n_coords++] = coord(v, digits);
		buf_addc(text, MARK);
		dims++;
	}
	return dims;
}

static size_t find_pattern(struct fold *f, struct table *t, const struct buf *text, size_t dims)
{
	size_t slot = hash_bytes(text->data, text->len) & t->mask;

	for (; t->slots[slot]; slot = (slot + 1) & t->mask)
		if (strcmp(f->patterns[t->slots[slot] - 1].text, text->data) == 0)
			return t->slots[slot] - 1;
	f->patterns = mem_room(f->patterns, f->n_patterns, &f->patterns_cap, sizeof(*f->patterns));
	f->patterns[f->n_patterns++] = (struct pattern){ .text = mem_strdup(text->data), .dims = dims };
	t->slots[slot] = (uint32_t)f->n_patterns;
	return f->n_patterns - 1;
}

/* Sort the names by pattern; each pattern then knows its names and where their coordinates are. */
static void split_all(struct fold *f, struct nodeset *set)
{
	autoclean(table_free) struct table t = table_new(set->len);
	autoclean(buf_free) struct buf text = { 0 };
	autofree uint32_t *pattern_of = mem_array(set->len, sizeof(*pattern_of));
	size_t last = 0, at = 0;

	for (size_t i = 0; i < set->len; i++) {
		size_t dims = split(f, set->names[i], &text);

		if (i == 0 || strcmp(f->patterns[last].text, text.data) != 0)
			last = find_pattern(f, &t, &text, dims);
		pattern_of[i] = (uint32_t)last;
		f->patterns[last].names++;
	}
	for (size_t i = 0; i < f->n_patterns; i++) {
		f->patterns[i].rows_at = mem_array(f->patterns[i].names, sizeof(size_t));
		f->patterns[i].name_of = mem_array(f->patterns[i].names, sizeof(size_t));
		f->patterns[i].names = 0;
	}
	for (size_t i = 0; i < set->len; i++) {
		struct pattern *p = &f->patterns[pattern_of[i]];

		p->rows_at[p->names] = at;
		p->name_of[p->names++] = i;
		at += p->dims;
	}
}

static void add_number(struct buf *b, uint64_t c)
{
	buf_addf(b, "%0*llu", (int)coord_digits(c), (unsigned long long)coord_value(c));
}

/* The next number of the run that `at` belongs to and whose padding is `pad` (0: none), or SIZE_MAX. Numbers that differ
 * only in their zeros stand side by side, so there are few to look at. */
static size_t run_next(const uint64_t *list, const bool *used, size_t n, size_t at, unsigned int pad)
{
	uint64_t want = coord_value(list[at]) + 1;
	unsigned int digits = count_digits(want);

	for (size_t i = at + 1; i < n && coord_value(list[i]) <= want; i++)
		if (coord_value(list[i]) == want && !used[i] && coord_digits(list[i]) == (digits < pad ? pad : digits))
			return i;
	return SIZE_MAX;
}

/* "7", "[1-3,05]": the short form of a sorted list of numbers. */
static char *format_ranges(const uint64_t *list, size_t n)
{
	autoclean(buf_free) struct buf b = { 0 };
	autofree bool *used = mem_array(n, sizeof(*used));

	if (n > 1)
		buf_addc(&b, '[');
	for (size_t i = 0; i < n; i++) {
		unsigned int pad = coord_digits(list[i]) > count_digits(coord_value(list[i])) ? coord_digits(list[i]) : 0;
		size_t end = i;

		if (used[i])
			continue;
		for (size_t next = i; next != SIZE_MAX; next = run_next(list, used, n, next, pad)) {
			used[next] = true;
			end = next;
		}
		if (b.len > 1)
			buf_addc(&b, ',');
		add_number(&b, list[i]);
		if (end != i) {
			buf_addc(&b, '-');
			add_number(&b, list[end]);
		}
	}
	if (n > 1)
		buf_addc(&b, ']');
	return buf_steal(&b);
}

static void emit(struct fold *f, size_t first)
{
	struct buf b = { 0 };
	size_t dim = 0;

	for (const char *p = f->pattern; *p; p++) {
		if (*p == MARK)
			buf_adds(&b, f->ranges[dim++]);
		else
			buf_addc(&b, *p);
	}
	f->boxes = mem_room(f->boxes, f->n_boxes, &f->boxes_cap, sizeof(*f->boxes));
	f->boxes[f->n_boxes++] = (struct box){ .first = first, .text = buf_steal(&b) };
}

/* The rows that agree in all dimensions but the last, and which list of last numbers (by id) they have. */
struct group {
	size_t at, len, list;
};

/* One dimension of a fold: every array has room for as many elements as there are rows. */
struct level {
	uint64_t *last; /* the last number of each row */
	struct group *groups;
	size_t n_groups;
	size_t *first_of; /* list id -> the first group that has it */
	size_t *count;	  /* list id -> how many groups have it */
	size_t n_lists;
};

static void level_free(struct level *v)
{
	free(v->last);
	free(v->groups);
	free(v->first_of);
	free(v->count);
}

static size_t find_list(struct level *v, struct table *t, size_t g)
{
	const struct group *me = &v->groups[g];
	size_t bytes = me->len * sizeof(*v->last), slot = hash_bytes(v->last + me->at, bytes) & t->mask;

	for (; t->slots[slot]; slot = (slot + 1) & t->mask) {
		const struct group *other = &v->groups[v->first_of[t->slots[slot] - 1]];

		if (other->len == me->len && memcmp(v->last + other->at, v->last + me->at, bytes) == 0)
			return t->slots[slot] - 1;
	}
	v->first_of[v->n_lists] = g;
	t->slots[slot] = (uint32_t)++v->n_lists;
	return v->n_lists - 1;
}

static struct level level_new(const uint64_t *rows, size_t n, size_t dims)
{
	struct level v = { .last = mem_array(n, sizeof(*v.last)), .groups = mem_array(n, sizeof(*v.groups)) };
	size_t stride = dims + 1;
	autoclean(table_free) struct table t = { 0 };

	for (size_t i = 0; i < n; i++) {
		const uint64_t *row = rows + i * stride;

		v.last[i] = row[dims - 1];
		if (i > 0 && memcmp(row - stride, row, (dims - 1) * sizeof(*row)) == 0)
			v.groups[v.n_groups - 1].len++;
		else
			v.groups[v.n_groups++] = (struct group){ .at = i, .len = 1 };
	}
	t = table_new(v.n_groups);
	v.first_of = mem_array(v.n_groups, sizeof(*v.first_of));
	v.count = mem_array(v.n_groups, sizeof(*v.count));
	for (size_t g = 0; g < v.n_groups; g++) {
		v.groups[g].list = find_list(&v, &t, g);
		v.count[v.groups[g].list]++;
	}
	return v;
}

/* The rows one dimension shorter (one per group, still in order), sorted by list; the rows of list l begin at from[l]. */
static uint64_t *shorter_rows(const struct level *v, const uint64_t *rows, size_t dims, size_t *from)
{
	uint64_t *out = mem_array(v->n_groups * dims, sizeof(*out));
	autofree size_t *next = mem_array(v->n_lists, sizeof(*next));

	for (size_t l = 0, at = 0; l < v->n_lists; at += v->count[l++])
		from[l] = next[l] = at;
	for (size_t g = 0; g < v->n_groups; g++) {
		const uint64_t *row = rows + v->groups[g].at * (dims + 1);
		uint64_t *to = out + next[v->groups[g].list]++ * dims;

		memcpy(to, row, (dims - 1) * sizeof(*to));
		to[dims - 1] = row[dims];
	}
	return out;
}

/* Fold `n` sorted, distinct rows of `dims` coordinates, each followed by the place of its (first) name. */
static void fold_rows(struct fold *f, const uint64_t *rows, size_t n, size_t dims)
{
	autoclean(level_free) struct level v = { 0 };
	autofree uint64_t *shorter = NULL;
	autofree size_t *from = NULL;

	if (dims == 0) {
		emit(f, (size_t)rows[0]);
		return;
	}
	v = level_new(rows, n, dims);
	from = mem_array(v.n_lists, sizeof(*from));
	shorter = shorter_rows(&v, rows, dims, from);
	for (size_t l = 0; l < v.n_lists; l++) {
		const struct group *g = &v.groups[v.first_of[l]];

		f->ranges[dims - 1] = format_ranges(v.last + g->at, g->len);
		fold_rows(f, shorter + from[l] * dims, v.count[l], dims - 1);
		free(f->ranges[dims - 1]);
	}
}

static int row_cmp(const void *a, const void *b, void *arg)
{
	const uint64_t *x = a, *y = b;
	size_t dims = *(const size_t *)arg;

	for (size_t i = 0; i < dims; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

static void fold_pattern(struct fold *f, struct pattern *p)
{
	size_t stride = p->dims + 1;
	autofree uint64_t *rows = mem_array(p->names * stride, sizeof(*rows));
	bool sorted = true;

	for (size_t i = 0; i < p->names; i++) {
		uint64_t *row = rows + i * stride;

		if (p->dims)
			memcpy(row, f->coords + p->rows_at[i], p->dims * sizeof(*row));
		row[p->dims] = p->name_of[i];
		sorted = sorted && (i == 0 || row_cmp(row - stride, row, &p->dims) < 0);
	}
	if (!sorted) /* natural order looks at zeros last, rows at each number's own */
		qsort_r(rows, p->names, stride * sizeof(*rows), row_cmp, &p->dims);
	f->pattern = p->text;
	fold_rows(f, rows, p->names, p->dims);
}

static int box_cmp(const void *a, const void *b)
{
	const struct box *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void nodeset_fold(struct nodeset *set, struct buf *out)
{
	struct fold f = { 0 };

	if (nodeset_count(set) == 0)
		return;
	split_all(&f, set);
	for (size_t i = 0; i < f.n_patterns; i++)
		fold_pattern(&f, &f.patterns[i]);
	qsort(f.boxes, f.n_boxes, sizeof(*f.boxes), box_cmp);
	for (size_t i = 0; i < f.n_boxes; i++) {
		if (i > 0)
			buf_addc(out, ',');
		buf_adds(out, f.boxes[i].text);
		free(f.boxes[i].text);
	}
	for (size_t i = 0; i < f.n_patterns; i++) {
		free(f.patterns[i].text);
		free(f.patterns[i].rows_at);
		free(f.patterns[i].name_of);
	}
	free(f.patterns);
	free(f.coords);
	free(f.boxes);
}
