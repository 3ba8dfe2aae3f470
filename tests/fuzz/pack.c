/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lies in a pack where a chunk table says that a chunk lies: two bytes say how long the chunk is to be (in units of 16), the
 * rest is its frame. What is unpacked must be of just that length, and what is packed must come back. */
#include "base/mem.h"
#include "imaging/codec.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(codec_freep) struct codec *codec = NULL;
	autoclean(buf_free) struct buf stored = { 0 };
	autofree uint8_t *raw = NULL;
	struct err err = { 0 };
	size_t raw_len, said;

	if (size < 2)
		return 0;
	codec = codec_new();
	raw_len = 16 * ((size_t)data[0] | (size_t)data[1] << 8);
	data += 2, size -= 2;
	raw = mem_zalloc(raw_len > size ? raw_len : size);
	if (codec_unpack(codec, data, size, raw, raw_len, &err) == 0 &&
	    (codec_raw_len(data, size, raw_len, &said, &err) < 0 || said != raw_len))
		abort();
	err = (struct err){ 0 };
	if (codec_pack(codec, data, size, &stored, &err) < 0 ||
	    codec_unpack(codec, stored.data, stored.len, raw, size, &err) < 0 || memcmp(raw, data, size) != 0)
		abort();
	return 0;
}
