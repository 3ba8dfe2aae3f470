/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "power/bmc.h"

#include "base/mem.h"
#include "power/bmc_priv.h"
#include "site/addr.h"

#include <string.h>

#define ADDRESS_MAX 200

const char *const bmc_protocol_names[] = { [BMC_AUTO] = "auto", [BMC_IPMI] = "ipmi", [BMC_REDFISH] = "redfish", NULL };
const char *const bmc_power_names[] = { [BMC_POWER_UNKNOWN] = "unknown", [BMC_POWER_OFF] = "off", [BMC_POWER_ON] = "on", NULL };

enum bmc_protocol bmc_protocol_used(enum bmc_protocol p, const char *pin)
{
	if (p != BMC_AUTO)
		return p;
	return pin ? BMC_REDFISH : BMC_IPMI;
}

/* Letters, digits, '-' and '.': none begins with '-', which a program would take for an option. */
static bool host_name(const char *s)
{
	size_t n = strlen(s);

	if (!n || s[0] == '-' || s[0] == '.')
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") == n;
}

static bool looks_numeric(const char *s)
{
	return strspn(s, "0123456789.") == strlen(s);
}

void bmc_address_split(const char *address, char **host, char **port)
{
	const char *end = address[0] == '[' ? strchr(address, ']') : strchr(address, ':');

	*port = NULL;
	if (address[0] == '[' && end) {
		*host = mem_strndup(address + 1, (size_t)(end - address - 1));
		if (end[1] == ':')
			*port = mem_strdup(end + 2);
		return;
	}
	*host = end ? mem_strndup(address, (size_t)(end - address)) : mem_strdup(address);
	if (end)
		*port = mem_strdup(end + 1);
}

int bmc_address_check(const char *address, struct err *err)
{
	const char *end = address[0] == '[' ? strchr(address, ']') : NULL;
	autofree char *host = NULL, *port = NULL;
	struct addr6 a6;
	uint32_t a4;
	uint64_t n;
	struct err why = { 0 };

	if (!address[0] || strlen(address) > ADDRESS_MAX) {
		err_set(err, ERR_INVALID, "a BMC's address has 1 to %d bytes", ADDRESS_MAX);
		return err_hint(err,
				"an address, or a name, with the port when it is another: 10.2.0.7, [fd00::7], n07-bmc:6230");
	}
	bmc_address_split(address, &host, &port);
	if (addr6_read(address, &a6, &why) == 0) {
		err_set(err, ERR_INVALID, "'%.80s' is no BMC's address: an IPv6 address stands between [ and ]", address);
		return err_hint(err, "write it as [%.80s]", address);
	}
	if (address[0] == '[' && (!end || (end[1] && end[1] != ':') || addr6_read(host, &a6, &why) < 0))
		return err_set(err, ERR_INVALID, "'%.80s' is no BMC's address: an IPv6 address stands between [ and ]", address);
	if (address[0] != '[' && !host_name(host)) {
		err_set(err, ERR_INVALID, "'%.80s' is no BMC's address", address);
		return err_hint(err,
				"an address, or a name, with the port when it is another: 10.2.0.7, [fd00::7], n07-bmc:6230");
	}
	if (address[0] != '[' && looks_numeric(host) && addr4_read(host, &a4, err) < 0)
		return err_wrap(err, "the BMC's address");
	if (port && str_to_u64(port, 1, 65535, &n, err) < 0)
		return err_wrap(err, "the BMC's port");
	return 0;
}

static int check_printable(const char *s, const char *what, size_t max, struct err *err)
{
	if (!s[0])
		return err_set(err, ERR_INVALID, "the BMC's %s is empty", what);
	if (strlen(s) > max)
		return err_set(err, ERR_INVALID, "the BMC's %s is longer than %zu bytes, which is all that its protocol takes",
			       what, max);
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(err, ERR_INVALID, "the BMC's %s has a control character in it", what);
	return 0;
}

int bmc_login_check(enum bmc_protocol used, const char *user, const char *password, struct err *err)
{
	bool ipmi = used == BMC_IPMI;

	if (user && check_printable(user, "user", ipmi ? 16 : BMC_USER_MAX, err) < 0)
		return -1;
	if (user && (user[0] == '-' || strchr(user, ':')))
		return err_set(err, ERR_INVALID, "the BMC's user '%.64s' begins with '-' or has a ':' in it", user);
	return password ? check_printable(password, "password", ipmi ? 20 : BMC_SECRET_MAX, err) : 0;
}

int bmc_pin_read(const char *text, char out[BMC_PIN_LEN], struct err *err)
{
	uint8_t raw[(BMC_PIN_LEN - 1) / 2];
	char hex[BMC_PIN_LEN];
	struct err why = { 0 };
	size_t n = 0;

	for (const char *p = text; *p; p++) {
		/* Only between bytes. */
		if (*p == ':' && n && n % 2 == 0 && p[-1] != ':' && p[1])
			continue;
		if (n == BMC_PIN_LEN - 1) {
			n++;
			break;
		}
		hex[n++] = *p;
	}
	if (n == BMC_PIN_LEN - 1) {
		hex[n] = '\0';
		if (str_unhex(hex, raw, sizeof(raw), &why) == 0) {
			str_hex(raw, sizeof(raw), out);
			return 0;
		}
	}
	err_set(err, ERR_INVALID, "'%.100s' is no fingerprint of a BMC's key: it has 64 hex digits (SHA-256)", text);
	return err_hint(err, "`orthrus node bmc NODE` shows the one that the BMC has now");
}

static bool by_redfish(const struct bmc *b)
{
	return bmc_protocol_used(b->protocol, b->pin) == BMC_REDFISH;
}

int bmc_power(const struct bmc *b, enum bmc_power *out, struct err *err)
{
	return by_redfish(b) ? redfish_power(b, out, err) : ipmi_power(b, out, err);
}

int bmc_act(const struct bmc *b, enum bmc_act act, struct err *err)
{
	return by_redfish(b) ? redfish_act(b, act, err) : ipmi_act(b, act, err);
}

int bmc_boot_network(const struct bmc *b, bool uefi, struct err *err)
{
	return by_redfish(b) ? redfish_boot_network(b, err) : ipmi_boot_network(b, uefi, err);
}

int bmc_identify(const struct bmc *b, bool on, struct err *err)
{
	return by_redfish(b) ? redfish_identify(b, on, err) : ipmi_identify(b, on, err);
}

int bmc_sensors(const struct bmc *b, struct bmc_sensors *out, struct err *err)
{
	return by_redfish(b) ? redfish_sensors(b, out, err) : ipmi_sensors(b, out, err);
}

int bmc_facts(const struct bmc *b, struct bmc_facts *out, struct err *err)
{
	return by_redfish(b) ? redfish_facts(b, out, err) : ipmi_facts(b, out, err);
}

void bmc_sensors_free(struct bmc_sensors *s)
{
	for (size_t i = 0; i < s->len; i++) {
		free(s->items[i].name);
		free(s->items[i].value);
		free(s->items[i].unit);
		free(s->items[i].state);
	}
	free(s->items);
	*s = (struct bmc_sensors){ 0 };
}

void bmc_facts_free(struct bmc_facts *f)
{
	free(f->maker);
	free(f->model);
	free(f->firmware);
	free(f->version);
	free(f->mac);
	free(f->mac_source);
	*f = (struct bmc_facts){ 0 };
}
