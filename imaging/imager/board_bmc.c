/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/board_bmc.h"

#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <string.h>

/* IPMI 2.0, appendix G: network functions and commands */
enum { NETFN_APP = 0x06, NETFN_TRANSPORT = 0x0c };
enum { GET_DEVICE_ID = 0x01, GET_CHANNEL_INFO = 0x42, GET_LAN_CONFIG = 0x02 };
/* Table 23-4: parameters of a LAN channel */
enum { LAN_IPV4 = 3, LAN_MAC = 5, LAN_IPV6_STATIC = 56, LAN_IPV6_DYNAMIC = 59 };
#define CHANNEL_LAST 11
#define MEDIUM_LAN 4

void board_bmc_free(struct board_bmc *b)
{
	free(b->address);
	free(b->mac);
	free(b->vendor);
	*b = (struct board_bmc){ 0 };
}

struct answer {
	uint8_t bytes[BOARD_BMC_ANSWER_MAX];
	size_t len;
};

/* 1: answered; 0: it says no (a completion code other than 0). */
static int ask(const struct board_bmc_door *door, uint8_t netfn, uint8_t command, const uint8_t *data, size_t len,
	       struct answer *out, struct err *err)
{
	*out = (struct answer){ .len = sizeof(out->bytes) };
	if (door->ask(door->ctx, netfn, command, data, len, out->bytes, &out->len, err) < 0)
		return -1;
	if (out->len == 0 || out->len > sizeof(out->bytes))
		return err_set(err, ERR_DAMAGED, "the BMC's answer to command %02x/%02x has %zu bytes", netfn, command, out->len);
	return out->bytes[0] == 0;
}

/* Makers by their number with the IANA, as far as they make servers. */
static char *vendor_name(uint32_t number)
{
	static const struct {
		uint32_t number;
		const char *name;
	} known[] = { { 2, "IBM" },
		      { 11, "HPE" },
		      { 42, "Sun" },
		      { 343, "Intel" },
		      { 674, "Dell" },
		      { 2011, "Huawei" },
		      { 2623, "ASUS" },
		      { 5771, "Cisco" },
		      { 6653, "Tyan" },
		      { 7154, "IPMI forum" },
		      { 7244, "Quanta" },
		      { 10368, "Fujitsu" },
		      { 10876, "Supermicro" },
		      { 15370, "Gigabyte" },
		      { 19046, "Lenovo" },
		      { 37945, "Inspur" },
		      { 49622, "ASRock Rack" } };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].number == number)
			return mem_strdup(known[i].name);
	return str_format("IANA %u", number);
}

/* 20.1: the maker's number is 20 bits in bytes 7 to 9 behind the completion code. */
static int read_vendor(const struct board_bmc_door *door, struct board_bmc *out, struct err *err)
{
	struct answer a;
	int rc = ask(door, NETFN_APP, GET_DEVICE_ID, NULL, 0, &a, err);
	uint32_t number;

	if (rc <= 0)
		return rc;
	if (a.len < 12)
		return err_set(err, ERR_DAMAGED, "the BMC's device id has %zu bytes", a.len);
	number = (uint32_t)a.bytes[7] | (uint32_t)a.bytes[8] << 8 | (uint32_t)(a.bytes[9] & 0x0f) << 16;
	if (number && number != 0xfffff)
		out->vendor = vendor_name(number);
	return 0;
}

/* 22.24 */
static int is_lan(const struct board_bmc_door *door, uint8_t channel, struct err *err)
{
	struct answer a;
	int rc = ask(door, NETFN_APP, GET_CHANNEL_INFO, &channel, 1, &a, err);

	return rc <= 0 ? rc : a.len >= 3 && (a.bytes[2] & 0x7f) == MEDIUM_LAN;
}

/* 23.2: completion code, revision, then the parameter. 1: *value points to `len` bytes of `a`. */
static int lan_parameter(const struct board_bmc_door *door, uint8_t channel, uint8_t parameter, size_t len, struct answer *a,
			 const uint8_t **value, struct err *err)
{
	const uint8_t data[] = { channel, parameter, 0, 0 };
	int rc = ask(door, NETFN_TRANSPORT, GET_LAN_CONFIG, data, sizeof(data), a, err);

	if (rc <= 0)
		return rc;
	*value = a->bytes + 2;
	return a->len >= 2 + len;
}

static bool all_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

static int read_ipv4(const struct board_bmc_door *door, uint8_t channel, struct board_bmc *out, struct err *err)
{
	const uint8_t *ip;
	struct answer a;
	int rc = lan_parameter(door, channel, LAN_IPV4, 4, &a, &ip, err);

	if (rc == 1 && !all_zero(ip, 4))
		out->address = str_format("%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
	return rc < 0 ? -1 : 0;
}

/* Number of the address, its source, then the address itself. */
static int read_ipv6(const struct board_bmc_door *door, uint8_t channel, uint8_t parameter, struct board_bmc *out,
		     struct err *err)
{
	char text[INET6_ADDRSTRLEN];
	const uint8_t *value;
	struct answer a;
	int rc = lan_parameter(door, channel, parameter, 18, &a, &value, err);

	if (rc == 1 && !all_zero(value + 2, 16) && inet_ntop(AF_INET6, value + 2, text, sizeof(text)))
		out->address = mem_strdup(text);
	return rc < 0 ? -1 : 0;
}

static int read_channel(const struct board_bmc_door *door, uint8_t channel, struct board_bmc *out, struct err *err)
{
	static const uint8_t ipv6[] = { LAN_IPV6_STATIC, LAN_IPV6_DYNAMIC };
	const uint8_t *mac;
	struct answer a;
	int rc = lan_parameter(door, channel, LAN_MAC, 6, &a, &mac, err);

	if (rc == 1 && !all_zero(mac, 6))
		out->mac = str_format("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	if (rc < 0 || read_ipv4(door, channel, out, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(ipv6) && !out->address; i++)
		if (read_ipv6(door, channel, ipv6[i], out, err) < 0)
			return -1;
	return 0;
}

/* The first network channel that has an address; else the first one. */
int board_bmc_read(const struct board_bmc_door *door, struct board_bmc *out, struct err *err)
{
	int rc = read_vendor(door, out, err);

	for (uint8_t channel = 1; rc == 0 && channel <= CHANNEL_LAST && !out->address; channel++) {
		struct board_bmc found = { 0 };

		rc = is_lan(door, channel, err);
		if (rc == 1)
			rc = read_channel(door, channel, &found, err);
		if (rc == 0 && (found.address || !out->mac)) {
			free(out->mac);
			out->mac = steal(found.mac);
			out->address = steal(found.address);
		}
		board_bmc_free(&found);
	}
	if (rc == 0)
		return 0;
	board_bmc_free(out);
	return -1;
}
