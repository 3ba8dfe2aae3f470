/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fleet_lease INTERFACE MAC ADDRESS: one DHCP exchange of a machine with this MAC address; 0 when it gets this address. */
#include "fleet_dhcp.h"

int main(int argc, char **argv)
{
	unsigned int b[6];
	uint8_t mac[6];
	uint32_t addr = 0;
	struct fleet_dhcp *d;

	if (argc != 4 || sscanf(argv[2], "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		return 2;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	d = fleet_dhcp_open(argv[1], 1);
	return d && fleet_dhcp_get(d, 0, mac, &addr) == 0 && addr == fleet_addr_read(argv[3]) ? 0 : 1;
}
