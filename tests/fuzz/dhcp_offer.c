/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any packet as an offer of a DHCP server. */
#include "headinstall/dhcp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[DHCP_MAC_LEN] = { 2, 0, 0, 0, 0, 7 };
	uint32_t server = 0;
	uint8_t *copy = malloc(size ? size : 1); /* exactly as long: a read past it is seen */

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	/* What is of no use to a server's own question is no offer. */
	if (dhcp_offer(copy, size, mac, 0x12345678, &server) && size < 268)
		abort();
	free(copy);
	return 0;
}
