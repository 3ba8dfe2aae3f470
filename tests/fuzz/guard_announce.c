/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames that claim an address (headfailover/guard/announce_frame.h), as anybody on the network can send them; and nftables'
 * answers. */
#include "headfailover/guard/announce_frame.h"
#include "headfailover/guard/gate_priv.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct announce_frame frames[ANNOUNCE_FRAMES];
	struct addr6 addr, again;
	struct err err = { 0 };
	uint8_t mac[6], mac_again[6];
	uint64_t packets;

	(void)!gate_msg_packets(data, size, &packets, &err);
	if (!announce_claim(data, size, &addr, mac))
		return 0;
	/* What we would say of the same is read as the same. */
	for (size_t n = announce_make(&addr, mac, size % 2, frames); n > 0; n--)
		if (!announce_claim(frames[n - 1].bytes, frames[n - 1].len, &again, mac_again) || !addr6_same(&addr, &again) ||
		    memcmp(mac, mac_again, 6) != 0)
			abort();
	return 0;
}
