/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ipmitool prints is what a BMC said. The first byte chooses the reader. */
#include "base/mem.h"
#include "power/ipmi_parse.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printable(const char *s)
{
	for (; s && *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			abort();
}

static void check_sensors(const char *text, size_t len, struct err *err)
{
	autoclean(bmc_sensors_free) struct bmc_sensors s = { 0 };

	if (ipmi_read_sensors(text, len, &s, err) == 0 && s.len > BMC_SENSORS_MAX)
		abort();
	for (size_t i = 0; i < s.len; i++) {
		if (!s.items[i].name || !s.items[i].unit || !s.items[i].state)
			abort();
		check_printable(s.items[i].name);
		check_printable(s.items[i].value);
		check_printable(s.items[i].unit);
		check_printable(s.items[i].state);
	}
}

static void check_facts(const char *text, size_t len, bool lan, struct err *err)
{
	autoclean(bmc_facts_free) struct bmc_facts f = { 0 };
	int rc = lan ? ipmi_read_lan(text, len, &f, err) : ipmi_read_mc(text, len, &f, err);

	if (rc == 0 && !lan && !f.version)
		abort();
	if (f.mac && strlen(f.mac) != STR_MAC_LEN - 1)
		abort();
	check_printable(f.maker);
	check_printable(f.model);
	check_printable(f.firmware);
	check_printable(f.version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bmc b = { .node = "n01", .address = "10.2.0.1" };
	struct ipmi_chassis chassis = { 0 };
	autofree char *text = NULL;
	struct err err = { 0 };

	if (!size)
		return 0;
	/* Of its own length: one byte too far is seen. */
	text = mem_strndup((const char *)data + 1, size - 1);
	switch (data[0] % 5) {
	case 0:
		if (ipmi_read_chassis(text, strlen(text), &chassis, &err) == 0 && chassis.power == BMC_POWER_UNKNOWN)
			abort();
		break;
	case 1:
		check_sensors(text, strlen(text), &err);
		break;
	case 2:
	case 3:
		check_facts(text, strlen(text), data[0] % 5 == 3, &err);
		break;
	default:
		if (ipmi_explain(&b, text, &err) == 0 || !err.text[0])
			abort();
		check_printable(err.text);
		break;
	}
	return 0;
}
