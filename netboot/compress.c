/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netboot/compress.h"

#include "base/mem.h"

#include <unistd.h>
#include <zstd.h>

static void cctx_free(ZSTD_CCtx **c)
{
	ZSTD_freeCCtx(*c);
}

static int set(ZSTD_CCtx *c, ZSTD_cParameter what, int value, struct err *err)
{
	size_t rc = ZSTD_CCtx_setParameter(c, what, value);

	return ZSTD_isError(rc) ? err_set(err, ERR_FAILED, "zstd: %s", ZSTD_getErrorName(rc)) : 0;
}

int compress_zstd(const struct buf *in, int level, struct buf *out, struct err *err)
{
	autoclean(cctx_free) ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t room = ZSTD_compressBound(in->len), got;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!c)
		return err_set(err, ERR_FAILED, "zstd: no memory");
	/* Any number of workers cuts the input into the same jobs, one as many; only 0 would be another way to compress. */
	if (set(c, ZSTD_c_compressionLevel, level, err) < 0 || set(c, ZSTD_c_checksumFlag, 1, err) < 0 ||
	    set(c, ZSTD_c_nbWorkers, cpus > 1 ? (int)cpus : 1, err) < 0)
		return -1;
	buf_reserve(out, room);
	got = ZSTD_compress2(c, out->data + out->len, room, in->data, in->len);
	if (ZSTD_isError(got))
		return err_set(err, ERR_FAILED, "zstd: %s", ZSTD_getErrorName(got));
	out->len += got;
	out->data[out->len] = '\0';
	return 0;
}

unsigned int compress_version(void)
{
	return ZSTD_versionNumber();
}
