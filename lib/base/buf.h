/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A growing byte buffer, and a cursor that reads bytes with every length checked before use. */
#ifndef ORTHRUS_BASE_BUF_H
#define ORTHRUS_BASE_BUF_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `autoclean(buf_free) struct buf b = { 0 };` data[len] is always 0 when data is not NULL: usable as a C string. */
struct buf {
	char *data;
	size_t len, cap;
};
void buf_free(struct buf *b);
void buf_clear(struct buf *b);		       /* keeps the memory */
void buf_reserve(struct buf *b, size_t extra); /* room for `extra` more bytes */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_add_u8(struct buf *b, uint8_t v); /* the numbers little-endian */
void buf_add_u16(struct buf *b, uint16_t v);
void buf_add_u32(struct buf *b, uint32_t v);
void buf_add_u64(struct buf *b, uint64_t v);
char *buf_steal(struct buf *b);		  /* the data as a string the caller frees (never NULL); b is empty again */
const char *buf_str(const struct buf *b); /* "" when empty */

/* Reads from `data`; does not own it. A failed read sets ERR_DAMAGED and moves nothing. */
struct cursor {
	const uint8_t *data;
	size_t len, at;
};
int cursor_u8(struct cursor *c, uint8_t *v, struct err *err) WARN_UNUSED;
int cursor_u16(struct cursor *c, uint16_t *v, struct err *err) WARN_UNUSED;
int cursor_u32(struct cursor *c, uint32_t *v, struct err *err) WARN_UNUSED;
int cursor_u64(struct cursor *c, uint64_t *v, struct err *err) WARN_UNUSED;
/* Points into the data; valid as long as the data is. */
int cursor_bytes(struct cursor *c, size_t len, const uint8_t **p, struct err *err) WARN_UNUSED;
static inline size_t cursor_left(const struct cursor *c)
{
	return c->len - c->at;
}

#endif
