/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Redfish documents come from a BMC. The first byte chooses the reader. */
#include "base/mem.h"
#include "power/redfish_parse.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is followed stays in the service. */
static void check_link(const char *path)
{
	if (path && (strncmp(path, "/redfish/v1", 11) != 0 || strstr(path, "..") || strpbrk(path, " \r\n?#%\\")))
		abort();
}

static void check_root(const char *text, size_t len, struct err *err)
{
	autoclean(redfish_root_free) struct redfish_root r = { 0 };

	if (redfish_read_root(text, len, &r, err) == 0 && !r.version)
		abort();
	check_link(r.systems);
	check_link(r.chassis);
	check_link(r.managers);
}

static void check_system(const char *text, size_t len, struct err *err)
{
	autoclean(redfish_system_free) struct redfish_system s = { 0 };

	if (redfish_read_system(text, len, &s, err) == 0)
		for (int act = BMC_ON; act <= BMC_SOFT_OFF; act++)
			if (redfish_reset_type(&s, (enum bmc_act)act) && s.allowed.len &&
			    !str_list_has(&s.allowed, redfish_reset_type(&s, (enum bmc_act)act)))
				abort();
	check_link(s.reset);
}

static void check_members(const char *text, size_t len, struct err *err)
{
	autoclean(str_list_free) struct str_list links = { 0 };

	if (redfish_read_members(text, len, &links, err) == 0 && links.len > REDFISH_MEMBERS_MAX)
		abort();
	for (size_t i = 0; i < links.len; i++)
		check_link(links.items[i]);
}

static void check_chassis(const char *text, size_t len, struct err *err)
{
	autofree char *thermal = NULL, *power = NULL;

	if (redfish_read_chassis(text, len, &thermal, &power, err) < 0 && !err->text[0])
		abort();
	check_link(thermal);
	check_link(power);
}

static void check_sensors(const char *text, size_t len, bool power, struct err *err)
{
	autoclean(bmc_sensors_free) struct bmc_sensors s = { 0 };

	if ((power ? redfish_read_power(text, len, &s, err) : redfish_read_thermal(text, len, &s, err)) == 0 &&
	    s.len > BMC_SENSORS_MAX)
		abort();
	for (size_t i = 0; i < s.len; i++)
		if (!s.items[i].name || !s.items[i].unit || !s.items[i].state)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(bmc_facts_free) struct bmc_facts f = { 0 };
	autofree char *text = NULL, *words = NULL;
	struct err err = { 0 };
	size_t len;

	if (!size)
		return 0;
	text = mem_strndup((const char *)data + 1, size - 1);
	len = strlen(text);
	switch (data[0] % 7) {
	case 0:
		check_root(text, len, &err);
		break;
	case 1:
		check_system(text, len, &err);
		break;
	case 2:
		check_members(text, len, &err);
		break;
	case 3:
		check_chassis(text, len, &err);
		break;
	case 4:
	case 5:
		check_sensors(text, len, data[0] % 7 == 5, &err);
		break;
	default:
		if (redfish_read_manager(text, len, &f, &err) < 0 && !err.text[0])
			abort();
		words = redfish_error_words(text, len);
		break;
	}
	return 0;
}
