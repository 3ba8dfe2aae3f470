/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/nodeset.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdint.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Compare the runs of digits at *a and *b as numbers and step over them; *tie is set when only their zeros differ. */
static int cmp_numbers(const char **a, const char **b, int *tie)
{
	const char *p = *a, *q = *b, *p_end, *q_end;
	size_t width_p, width_q;
	int c;

	while (is_digit(**a))
		++*a;
	while (is_digit(**b))
		++*b;
	p_end = *a;
	q_end = *b;
	width_p = (size_t)(p_end - p);
	width_q = (size_t)(q_end - q);
	while (p < p_end && *p == '0')
		p++;
	while (q < q_end && *q == '0')
		q++;
	if (p_end - p != q_end - q)
		return p_end - p < q_end - q ? -1 : 1;
	c = memcmp(p, q, (size_t)(p_end - p));
	if (c == 0 && *tie == 0 && width_p != width_q)
		*tie = width_p < width_q ? -1 : 1;
	return c;
}

int nodeset_cmp(const char *a, const char *b)
{
	int tie = 0, c;

	for (;;) {
		size_t i = 0, run;

		while (a[i] == b[i] && a[i])
			i++;
		/* The first difference may lie inside a number that began in the common part. */
		for (run = i; run > 0 && is_digit(a[run - 1]);)
			run--;
		a += run;
		b += run;
		if (!is_digit(*a) || !is_digit(*b)) {
			c = (unsigned char)a[i - run] - (unsigned char)b[i - run];
			return c ? c : tie;
		}
		c = cmp_numbers(&a, &b, &tie);
		if (c)
			return c;
	}
}

/* Merge from[lo..mid) and from[mid..hi), both in order, into to[lo..hi). */
static void merge(char **from, char **to, size_t lo, size_t mid, size_t hi)
{
	size_t i = lo, j = mid, k = lo;

	while (i < mid && j < hi)
		to[k++] = nodeset_cmp(from[i], from[j]) <= 0 ? from[i++] : from[j++];
	while (i < mid)
		to[k++] = from[i++];
	while (j < hi)
		to[k++] = from[j++];
}

/* Merge sort that begins with the runs already in order: sets are mostly made of long ones. */
static void sort_names(struct nodeset *set)
{
	autofree size_t *ends = NULL;
	autofree char **spare = mem_array(set->len, sizeof(*spare));
	size_t n = 0, cap = 0;

	for (size_t i = 1; i <= set->len; i++) {
		if (i < set->len && nodeset_cmp(set->names[i - 1], set->names[i]) <= 0)
			continue;
		ends = mem_room(ends, n, &cap, sizeof(*ends));
		ends[n++] = i;
	}
	while (n > 1) {
		size_t lo = 0, kept = 0;
		char **swap = set->names;

		for (size_t r = 0; r < n; r += 2) {
			size_t hi = r + 1 < n ? ends[r + 1] : ends[r];

			merge(set->names, spare, lo, ends[r], hi);
			ends[kept++] = lo = hi;
		}
		n = kept;
		set->names = spare;
		spare = swap;
		if (set->cap > set->len) /* both arrays now have len elements */
			set->cap = set->len;
	}
}

static void normalise(struct nodeset *set)
{
	size_t kept = 0;

	if (!set->unsorted)
		return;
	sort_names(set);
	for (size_t i = 0; i < set->len; i++) {
		if (kept > 0 && strcmp(set->names[kept - 1], set->names[i]) == 0)
			free(set->names[i]);
		else
			set->names[kept++] = set->names[i];
	}
	set->len = kept;
	set->unsorted = false;
}

void nodeset_free(struct nodeset *set)
{
	for (size_t i = 0; i < set->len; i++)
		free(set->names[i]);
	free(set->names);
	*set = (struct nodeset){ 0 };
}

/* Append `name`, which the set now owns. */
static void take(struct nodeset *set, char *name)
{
	if (set->len > 0 && !set->unsorted) {
		int c = nodeset_cmp(set->names[set->len - 1], name);

		if (c == 0) {
			free(name);
			return;
		}
		set->unsorted = c > 0;
	}
	set->names = mem_room(set->names, set->len, &set->cap, sizeof(*set->names));
	set->names[set->len++] = name;
}

static int check_room(struct nodeset *set, struct err *err)
{
	if (set->len >= NODESET_MAX)
		normalise(set);
	if (set->len >= NODESET_MAX)
		return err_set(err, ERR_INVALID, "more than %d names in one set", NODESET_MAX);
	return 0;
}

int nodeset_add(struct nodeset *set, const char *name, struct err *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:";
	size_t len = strlen(name);

	if (len == 0 || len > NODESET_NAME_MAX)
		return err_set(err, ERR_INVALID, "a node name of %zu characters; allowed are 1 to %d", len, NODESET_NAME_MAX);
	if (strspn(name, allowed) != len) {
		autofree char *shown = str_printable(name, len);

		return err_set(err, ERR_INVALID, "node name '%s' may hold only letters, digits, '.', '_', '-' and ':'", shown);
	}
	if (check_room(set, err) < 0)
		return nodeset_has(set, name) ? 0 : -1;
	take(set, mem_strndup(name, len));
	return 0;
}

size_t nodeset_count(struct nodeset *set)
{
	normalise(set);
	return set->len;
}

const char *nodeset_get(struct nodeset *set, size_t i)
{
	normalise(set);
	return i < set->len ? set->names[i] : NULL;
}

size_t nodeset_index(struct nodeset *set, const char *name)
{
	size_t lo = 0, hi;

	normalise(set);
	hi = set->len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = nodeset_cmp(set->names[mid], name);

		if (c == 0)
			return mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return SIZE_MAX;
}

bool nodeset_has(struct nodeset *set, const char *name)
{
	return nodeset_index(set, name) != SIZE_MAX;
}

int nodeset_union(struct nodeset *a, struct nodeset *b, struct err *err)
{
	size_t moved = 0;
	int rc = 0;

	for (; moved < b->len && rc == 0; moved++) {
		rc = check_room(a, err);
		if (rc == 0)
			take(a, b->names[moved]);
		else
			free(b->names[moved]);
	}
	for (; moved < b->len; moved++)
		free(b->names[moved]);
	b->len = 0;
	nodeset_free(b);
	return rc;
}

/* Walk both in order and keep in `a` what is only in a, only in b, or in both, as asked. */
static void combine(struct nodeset *a, struct nodeset *b, bool only_a, bool only_b, bool both)
{
	struct nodeset out = { 0 };
	size_t i = 0, j = 0;

	normalise(a);
	normalise(b);
	while (i < a->len || j < b->len) {
		int c = i == a->len ? 1 : j == b->len ? -1 : nodeset_cmp(a->names[i], b->names[j]);
		char *name = c <= 0 ? a->names[i++] : b->names[j++];

		if (c == 0)
			free(b->names[j++]);
		if (c < 0 ? only_a : c > 0 ? only_b : both)
			take(&out, name);
		else
			free(name);
	}
	a->len = b->len = 0;
	nodeset_free(a);
	nodeset_free(b);
	*a = out;
}

void nodeset_difference(struct nodeset *a, struct nodeset *b)
{
	combine(a, b, true, false, false);
}

void nodeset_intersection(struct nodeset *a, struct nodeset *b)
{
	combine(a, b, false, false, true);
}

void nodeset_xor(struct nodeset *a, struct nodeset *b)
{
	combine(a, b, true, true, false);
}
