/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/buf.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	if (b->data)
		b->data[0] = '\0';
}

void buf_reserve(struct buf *b, size_t extra)
{
	size_t need, cap = b->cap ? b->cap : 64;

	if (__builtin_add_overflow(b->len, extra, &need) || __builtin_add_overflow(need, (size_t)1, &need)) {
		fputs("out of memory: a buffer's length overflows\n", stderr);
		abort();
	}
	if (need <= b->cap)
		return;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	b->data = mem_grow(b->data, cap, 1);
	b->data[b->len] = '\0';
	b->cap = cap;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
	buf_reserve(b, len);
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	buf_reserve(b, (size_t)n);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
	va_end(again);
	b->len += (size_t)n;
}

static void add_le(struct buf *b, uint64_t v, size_t bytes)
{
	uint8_t le[8];

	for (size_t i = 0; i < bytes; i++)
		le[i] = (uint8_t)(v >> (8 * i));
	buf_add(b, le, bytes);
}

void buf_add_u8(struct buf *b, uint8_t v)
{
	add_le(b, v, 1);
}

void buf_add_u16(struct buf *b, uint16_t v)
{
	add_le(b, v, 2);
}

void buf_add_u32(struct buf *b, uint32_t v)
{
	add_le(b, v, 4);
}

void buf_add_u64(struct buf *b, uint64_t v)
{
	add_le(b, v, 8);
}

char *buf_steal(struct buf *b)
{
	char *s;

	buf_reserve(b, 0);
	b->data[b->len] = '\0';
	s = b->data;
	*b = (struct buf){ 0 };
	return s;
}

const char *buf_str(const struct buf *b)
{
	return b->data ? b->data : "";
}

int cursor_bytes(struct cursor *c, size_t len, const uint8_t **p, struct err *err)
{
	if (len > c->len - c->at)
		return err_set(err, ERR_DAMAGED, "%zu bytes wanted at offset %zu, only %zu left", len, c->at, c->len - c->at);
	*p = c->data + c->at;
	c->at += len;
	return 0;
}

static int get_le(struct cursor *c, size_t bytes, uint64_t *v, struct err *err)
{
	const uint8_t *p;

	if (cursor_bytes(c, bytes, &p, err) < 0)
		return -1;
	*v = 0;
	for (size_t i = 0; i < bytes; i++)
		*v |= (uint64_t)p[i] << (8 * i);
	return 0;
}

int cursor_u8(struct cursor *c, uint8_t *v, struct err *err)
{
	uint64_t w;

	if (get_le(c, 1, &w, err) < 0)
		return -1;
	*v = (uint8_t)w;
	return 0;
}

int cursor_u16(struct cursor *c, uint16_t *v, struct err *err)
{
	uint64_t w;

	if (get_le(c, 2, &w, err) < 0)
		return -1;
	*v = (uint16_t)w;
	return 0;
}

int cursor_u32(struct cursor *c, uint32_t *v, struct err *err)
{
	uint64_t w;

	if (get_le(c, 4, &w, err) < 0)
		return -1;
	*v = (uint32_t)w;
	return 0;
}

int cursor_u64(struct cursor *c, uint64_t *v, struct err *err)
{
	return get_le(c, 8, v, err);
}
