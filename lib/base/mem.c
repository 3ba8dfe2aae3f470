/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static void *checked(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

void *mem_zalloc(size_t size)
{
	return checked(calloc(1, size ? size : 1));
}

void *mem_array(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size ? size : 1));
}

void *mem_aligned(size_t alignment, size_t size)
{
	return checked(aligned_alloc(alignment, ((size ? size : 1) + alignment - 1) / alignment * alignment));
}

void *mem_grow(void *ptr, size_t n, size_t size)
{
	return checked(reallocarray(ptr, n ? n : 1, size ? size : 1));
}

void *mem_room(void *ptr, size_t len, size_t *cap, size_t size)
{
	if (len < *cap)
		return checked(ptr);
	*cap = *cap ? *cap * 2 : 8;
	return mem_grow(ptr, *cap, size);
}

char *mem_strdup(const char *s)
{
	return checked(strdup(s));
}

char *mem_strndup(const char *s, size_t len)
{
	return checked(strndup(s, len));
}

void *mem_dup(const void *p, size_t len)
{
	void *copy = mem_zalloc(len);

	if (len)
		memcpy(copy, p, len);
	return copy;
}
