/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory that is freed at scope exit, and allocation that never returns NULL (docs/adr/0002). */
#ifndef ORTHRUS_BASE_MEM_H
#define ORTHRUS_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* Out of memory ends the process with a line on stderr: every program here is restarted by its caller and loses nothing
 * that was acknowledged. The guard does not use these: it allocates nothing after its start. */
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
/* `n` zeroed elements of `size` bytes; an overflowing product ends the process. */
void *mem_array(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
/* Not zeroed. `alignment` is a power of two. */
void *mem_aligned(size_t alignment, size_t size);
/* Grow `ptr` (may be NULL) to `n` elements of `size`; new elements are not zeroed. The old pointer is gone. */
void *mem_grow(void *ptr, size_t n, size_t size) __attribute__((returns_nonnull));
/* Make room for one more in an array of `len` used elements with capacity `*cap`; doubles. */
void *mem_room(void *ptr, size_t len, size_t *cap, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));
char *mem_strndup(const char *s, size_t len) __attribute__((malloc, returns_nonnull));
void *mem_dup(const void *p, size_t len) __attribute__((malloc, returns_nonnull));

/* Hand a pointer on and forget it here: `return steal(p);`. */
#define steal(p)                                                                                                                 \
	__extension__({                                                                                                          \
		__typeof__(p) steal_tmp_ = (p);                                                                                  \
		(p) = NULL;                                                                                                      \
		steal_tmp_;                                                                                                      \
	})
/* The same for a file descriptor. */
#define steal_fd(fd)                                                                                                             \
	__extension__({                                                                                                          \
		int steal_fd_ = (fd);                                                                                            \
		(fd) = -1;                                                                                                       \
		steal_fd_;                                                                                                       \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

static inline void mem_autofree_(void *pp)
{
	free(*(void **)pp);
}

static inline void mem_autoclose_(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* `autofree char *s = NULL;`  `autoclose int fd = -1;`  `autoclean(buf_free) struct buf b = { 0 };` */
#define autofree __attribute__((cleanup(mem_autofree_)))
#define autoclose __attribute__((cleanup(mem_autoclose_)))
#define autoclean(fn) __attribute__((cleanup(fn)))

#endif
