/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ELF headers of programs that go into the initramfs. */
#include "netboot/elf.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	autoclean(elf_needs_free) struct elf_needs needs = { 0 };
	struct err err = { 0 };

	if (elf_needs_read(data, len, &needs, &err) < 0 && !err.kind)
		abort();
	return 0;
}
