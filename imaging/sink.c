/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/sink.h"

#include "base/mem.h"
#include "sys/fs.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <unistd.h>
#include <zstd.h>

#define ZSTD_LEVEL 3
#define WORKERS_MAX 16

int sink_put(struct sink *s, const void *data, size_t len, struct err *err)
{
	return len ? s->put(s, data, len, err) : 0;
}

int sink_end(struct sink *s, struct err *err)
{
	return s->end(s, err);
}

void sink_free(struct sink *s)
{
	if (s)
		s->free(s);
}

/* The base is the first member of each: a pointer to one is a pointer to the other. */
struct fd_sink {
	struct sink base;
	int fd;
	const char *name;
};

static int fd_put(struct sink *s, const void *data, size_t len, struct err *err)
{
	struct fd_sink *f = (struct fd_sink *)s;

	return fs_write_all(f->fd, f->name, data, len, err);
}

static int fd_end(struct sink *s, struct err *err)
{
	(void)s;
	(void)err;
	return 0;
}

static void plain_free(struct sink *s)
{
	free(s);
}

struct sink *sink_fd(int fd, const char *name)
{
	struct fd_sink *f = mem_zalloc(sizeof(*f));

	*f = (struct fd_sink){ .base = { fd_put, fd_end, plain_free }, .fd = fd, .name = name };
	return &f->base;
}

struct digest_sink {
	struct sink base;
	struct sink *next;
	struct sink_sum *sum;
	struct digest_ctx *ctx;
};

static int digest_put(struct sink *s, const void *data, size_t len, struct err *err)
{
	struct digest_sink *d = (struct digest_sink *)s;

	digest_add(d->ctx, data, len);
	d->sum->bytes += len;
	return d->next ? sink_put(d->next, data, len, err) : 0;
}

static int digest_sink_end(struct sink *s, struct err *err)
{
	struct digest_sink *d = (struct digest_sink *)s;

	digest_end(steal(d->ctx), &d->sum->digest);
	return d->next ? sink_end(d->next, err) : 0;
}

static void digest_free(struct sink *s)
{
	struct digest_sink *d = (struct digest_sink *)s;

	if (d->ctx)
		digest_end(d->ctx, NULL);
	sink_free(d->next);
	free(d);
}

struct sink *sink_digest(struct sink *next, struct sink_sum *sum)
{
	struct digest_sink *d = mem_zalloc(sizeof(*d));

	*sum = (struct sink_sum){ 0 };
	*d = (struct digest_sink){
		.base = { digest_put, digest_sink_end, digest_free }, .next = next, .sum = sum, .ctx = digest_new()
	};
	return &d->base;
}

struct zstd_sink {
	struct sink base;
	struct sink *next;
	ZSTD_CCtx *z;
	void *out;
	size_t cap;
};

static int zstd_step(struct zstd_sink *z, ZSTD_inBuffer *in, ZSTD_EndDirective what, size_t *left, struct err *err)
{
	ZSTD_outBuffer out = { .dst = z->out, .size = z->cap };

	*left = ZSTD_compressStream2(z->z, &out, in, what);
	if (ZSTD_isError(*left))
		return err_set(err, ERR_FAILED, "compress: %s", ZSTD_getErrorName(*left));
	return sink_put(z->next, z->out, out.pos, err);
}

static int zstd_put(struct sink *s, const void *data, size_t len, struct err *err)
{
	ZSTD_inBuffer in = { .src = data, .size = len };
	size_t left;

	while (in.pos < in.size)
		if (zstd_step((struct zstd_sink *)s, &in, ZSTD_e_continue, &left, err) < 0)
			return -1;
	return 0;
}

static int zstd_end(struct sink *s, struct err *err)
{
	struct zstd_sink *z = (struct zstd_sink *)s;
	ZSTD_inBuffer in = { 0 };
	size_t left;

	do {
		if (zstd_step(z, &in, ZSTD_e_end, &left, err) < 0)
			return -1;
	} while (left);
	return sink_end(z->next, err);
}

static void zstd_free(struct sink *s)
{
	struct zstd_sink *z = (struct zstd_sink *)s;

	ZSTD_freeCCtx(z->z);
	free(z->out);
	sink_free(z->next);
	free(z);
}

struct sink *sink_zstd(struct sink *next)
{
	struct zstd_sink *z = mem_zalloc(sizeof(*z));
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	*z = (struct zstd_sink){
		.base = { zstd_put, zstd_end, zstd_free }, .next = next, .z = ZSTD_createCCtx(), .cap = ZSTD_CStreamOutSize()
	};
	z->out = mem_zalloc(z->cap);
	ZSTD_CCtx_setParameter(z->z, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	ZSTD_CCtx_setParameter(z->z, ZSTD_c_checksumFlag, 1);
	/* A library without threads refuses this, and works without. */
	ZSTD_CCtx_setParameter(z->z, ZSTD_c_nbWorkers, cpus < 1 ? 1 : cpus > WORKERS_MAX ? WORKERS_MAX : (int)cpus);
	return &z->base;
}

struct gzip_sink {
	struct sink base;
	struct sink *next;
	struct archive *a; /* nothing but its filter is used */
	struct err *err;   /* of the call under way */
};

static la_ssize_t gzip_out(struct archive *a, void *ctx, const void *data, size_t len)
{
	struct gzip_sink *g = ctx;

	(void)a;
	return sink_put(g->next, data, len, g->err) < 0 ? -1 : (la_ssize_t)len;
}

static int gzip_error(struct gzip_sink *g, struct err *err)
{
	return err->kind != ERR_NONE ? -1 : err_set(err, ERR_FAILED, "compress: %s", archive_error_string(g->a));
}

static int gzip_begin(struct gzip_sink *g, struct err *err)
{
	struct archive_entry *e = archive_entry_new();
	int rc;

	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_pathname(e, "data");
	rc = archive_write_set_format_raw(g->a) != ARCHIVE_OK || archive_write_add_filter_gzip(g->a) != ARCHIVE_OK ||
	     archive_write_set_options(g->a, "gzip:!timestamp") != ARCHIVE_OK || archive_write_set_bytes_in_last_block(g->a, 1) ||
	     archive_write_open(g->a, g, NULL, gzip_out, NULL) != ARCHIVE_OK || archive_write_header(g->a, e) != ARCHIVE_OK;
	archive_entry_free(e);
	return rc ? gzip_error(g, err) : 0;
}

static int gzip_put(struct sink *s, const void *data, size_t len, struct err *err)
{
	struct gzip_sink *g = (struct gzip_sink *)s;

	g->err = err;
	if (!g->a) {
		g->a = archive_write_new();
		if (gzip_begin(g, err) < 0)
			return -1;
	}
	return archive_write_data(g->a, data, len) != (la_ssize_t)len ? gzip_error(g, err) : 0;
}

static int gzip_end(struct sink *s, struct err *err)
{
	struct gzip_sink *g = (struct gzip_sink *)s;

	g->err = err;
	if (g->a && archive_write_close(g->a) != ARCHIVE_OK)
		return gzip_error(g, err);
	return sink_end(g->next, err);
}

static void gzip_free(struct sink *s)
{
	struct gzip_sink *g = (struct gzip_sink *)s;
	struct err unheard = { 0 };

	g->err = &unheard;
	if (g->a) {
		archive_write_fail(g->a); /* write nothing more */
		archive_write_free(g->a);
	}
	sink_free(g->next);
	free(g);
}

struct sink *sink_gzip(struct sink *next)
{
	struct gzip_sink *g = mem_zalloc(sizeof(*g));

	*g = (struct gzip_sink){ .base = { gzip_put, gzip_end, gzip_free }, .next = next };
	return &g->base;
}
