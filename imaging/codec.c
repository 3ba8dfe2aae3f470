/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/codec.h"

#include "base/mem.h"

#include <stdio.h>
#include <zstd.h>

#define LEVEL 3

struct codec {
	ZSTD_CCtx *pack;
	ZSTD_DCtx *unpack;
};

struct codec *codec_new(void)
{
	struct codec *c = mem_zalloc(sizeof(*c));

	c->pack = ZSTD_createCCtx();
	c->unpack = ZSTD_createDCtx();
	if (!c->pack || !c->unpack || ZSTD_isError(ZSTD_CCtx_setParameter(c->pack, ZSTD_c_compressionLevel, LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(c->pack, ZSTD_c_checksumFlag, 1))) {
		fputs("libzstd cannot be set up\n", stderr);
		abort();
	}
	return c;
}

void codec_free(struct codec *c)
{
	if (!c)
		return;
	ZSTD_freeCCtx(c->pack);
	ZSTD_freeDCtx(c->unpack);
	free(c);
}

size_t codec_bound(size_t raw_len)
{
	return ZSTD_compressBound(raw_len);
}

int codec_pack(struct codec *c, const void *raw, size_t raw_len, struct buf *out, struct err *err)
{
	size_t n;

	buf_clear(out);
	buf_reserve(out, codec_bound(raw_len));
	n = ZSTD_compress2(c->pack, out->data, out->cap - 1, raw, raw_len);
	if (ZSTD_isError(n))
		return err_set(err, ERR_FAILED, "compress %zu bytes: %s", raw_len, ZSTD_getErrorName(n));
	out->len = n;
	out->data[n] = '\0';
	return 0;
}

int codec_raw_len(const void *stored, size_t stored_len, uint64_t max, size_t *raw_len, struct err *err)
{
	unsigned long long said = ZSTD_getFrameContentSize(stored, stored_len);

	if (said == ZSTD_CONTENTSIZE_ERROR || said == ZSTD_CONTENTSIZE_UNKNOWN)
		return err_set(err, ERR_DAMAGED, "%zu bytes are no zstd frame that says its length", stored_len);
	if (said > max)
		return err_set(err, ERR_DAMAGED, "%zu bytes want to unpack to %llu, more than the %llu allowed", stored_len, said,
			       (unsigned long long)max);
	*raw_len = (size_t)said;
	return 0;
}

int codec_unpack(struct codec *c, const void *stored, size_t stored_len, void *raw, size_t raw_len, struct err *err)
{
	size_t said, n;

	if (codec_raw_len(stored, stored_len, raw_len, &said, err) < 0)
		return -1;
	if (said != raw_len)
		return err_set(err, ERR_DAMAGED, "a frame holds %zu bytes where %zu should be", said, raw_len);
	if (ZSTD_findFrameCompressedSize(stored, stored_len) != stored_len)
		return err_set(err, ERR_DAMAGED, "a frame does not fill its %zu bytes", stored_len);
	n = ZSTD_decompressDCtx(c->unpack, raw, raw_len, stored, stored_len);
	if (ZSTD_isError(n))
		return err_set(err, ERR_DAMAGED, "unpack %zu bytes: %s", stored_len, ZSTD_getErrorName(n));
	if (n != raw_len)
		return err_set(err, ERR_DAMAGED, "a frame gave %zu bytes where %zu should be", n, raw_len);
	return 0;
}
