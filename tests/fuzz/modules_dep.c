/* SPDX-License-Identifier: GPL-2.0-or-later */
/* modules.dep of an image, and the firmware names in its modules. */
#include "netboot/modules.h"

#include "base/mem.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const wanted[] = { "a", "virtio_net", NULL };
	autoclean(str_list_free) struct str_list paths = { 0 }, firmware = { 0 };
	struct err err = { 0 };

	if (modules_select((const char *)data, len, wanted, &paths, &err) < 0 && !err.kind)
		abort();
	modules_firmware(data, len, &firmware);
	for (size_t i = 0; i < paths.len; i++)
		if (paths.items[i][0] == '/' || strstr(paths.items[i], "/../") || str_starts(paths.items[i], "../"))
			abort();
	for (size_t i = 0; i < firmware.len; i++)
		if (firmware.items[i][0] == '/' || strstr(firmware.items[i], "/../") || str_starts(firmware.items[i], "../"))
			abort();
	return 0;
}
