/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "power/ipmi_parse.h"

#include "base/mem.h"

#include <string.h>

#define FIELD_MAX 128

/* One line of a text, without spaces at its ends; false at the end of the text. */
static bool next_line(const char **p, const char *end, const char **line, size_t *len)
{
	const char *nl;

	if (*p >= end)
		return false;
	nl = memchr(*p, '\n', (size_t)(end - *p));
	*line = *p;
	*len = (size_t)((nl ? nl : end) - *p);
	*p = nl ? nl + 1 : end;
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void trim(const char **s, size_t *len)
{
	while (*len && blank(**s)) {
		(*s)++;
		(*len)--;
	}
	while (*len && blank((*s)[*len - 1]))
		(*len)--;
}

static bool is(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(s, word, len) == 0;
}

/* A value for people: printable, and bounded. */
static char *take(const char *s, size_t len)
{
	return str_printable(s, len < FIELD_MAX ? len : FIELD_MAX);
}

/* "Key   : value": the value of the first line with that key; NULL when there is none, or nothing in it. */
static char *value_of(const char *text, size_t len, const char *key)
{
	const char *p = text, *end = text + len, *line;
	size_t n;

	while (next_line(&p, end, &line, &n)) {
		const char *colon = memchr(line, ':', n), *value;
		size_t key_len, value_len;

		if (!colon)
			continue;
		key_len = (size_t)(colon - line);
		value = colon + 1;
		value_len = n - key_len - 1;
		trim(&line, &key_len);
		if (!is(line, key_len, key))
			continue;
		trim(&value, &value_len);
		return value_len ? take(value, value_len) : NULL;
	}
	return NULL;
}

int ipmi_read_chassis(const char *text, size_t len, struct ipmi_chassis *out, struct err *err)
{
	autofree char *power = value_of(text, len, "System Power");
	autofree char *overload = value_of(text, len, "Power Overload");
	autofree char *fault = value_of(text, len, "Main Power Fault");

	if (!power)
		return err_set(err, ERR_DAMAGED, "ipmitool's chassis status has no line 'System Power'");
	if (!str_eq(power, "on") && !str_eq(power, "off"))
		return err_set(err, ERR_DAMAGED, "ipmitool's chassis status says that the power is '%s'", power);
	*out = (struct ipmi_chassis){ .power = str_eq(power, "on") ? BMC_POWER_ON : BMC_POWER_OFF,
				      .overload = str_eq(overload, "true"),
				      .fault = str_eq(fault, "true") };
	return 0;
}

/* "45 degrees C" -> "45" and "degrees C"; what is no number stays whole. */
static void split_reading(const char *s, size_t len, struct bmc_sensor *out)
{
	size_t n = 0, digits = 0;

	if (n < len && (s[n] == '-' || s[n] == '+'))
		n++;
	for (; n < len && ((s[n] >= '0' && s[n] <= '9') || s[n] == '.'); n++)
		digits += s[n] != '.';
	if (digits && (n == len || s[n] == ' ')) {
		const char *unit = s + n;
		size_t unit_len = len - n;

		trim(&unit, &unit_len);
		out->value = take(s, n);
		out->unit = take(unit, unit_len);
		return;
	}
	out->value = len ? take(s, len) : NULL;
	out->unit = mem_strdup("");
}

/* The five columns of a line; false when it has others. The name may hold a '|' itself: columns are counted from the end. */
static bool columns(const char *line, size_t len, const char *col[5], size_t col_len[5])
{
	size_t end = len;

	for (int i = 4; i > 0; i--) {
		size_t at = end;

		while (at && line[at - 1] != '|')
			at--;
		if (!at)
			return false;
		col[i] = line + at;
		col_len[i] = end - at;
		end = at - 1;
	}
	col[0] = line;
	col_len[0] = end;
	for (int i = 0; i < 5; i++)
		trim(&col[i], &col_len[i]);
	return col_len[0] > 0;
}

int ipmi_read_sensors(const char *text, size_t len, struct bmc_sensors *out, struct err *err)
{
	const char *p = text, *end = text + len, *line;
	size_t n, cap = 0, lines = 0;

	while (next_line(&p, end, &line, &n)) {
		const char *col[5];
		size_t col_len[5];
		struct bmc_sensor *s;
		bool absent;

		if (!columns(line, n, col, col_len))
			continue;
		lines++;
		/* Names of other things: "No Reading", "Disabled", a presence that is not. */
		absent = is(col[2], col_len[2], "ns") &&
			 (!col_len[4] || is(col[4], col_len[4], "No Reading") || is(col[4], col_len[4], "Disabled") ||
			  is(col[4], col_len[4], "Not Readable"));
		if (absent)
			continue;
		if (out->len == BMC_SENSORS_MAX)
			return err_set(err, ERR_DAMAGED, "the BMC has more than %d sensors", BMC_SENSORS_MAX);
		out->items = mem_room(out->items, out->len, &cap, sizeof(*out->items));
		s = &out->items[out->len++];
		*s = (struct bmc_sensor){ .name = take(col[0], col_len[0]), .state = take(col[2], col_len[2]) };
		s->bad = !str_eq(s->state, "ok") && !str_eq(s->state, "ns");
		split_reading(col[4], col_len[4], s);
	}
	if (len && !lines)
		return err_set(err, ERR_DAMAGED, "ipmitool's list of sensors has no line that is one");
	return 0;
}

int ipmi_read_mc(const char *text, size_t len, struct bmc_facts *out, struct err *err)
{
	free(out->version);
	out->version = value_of(text, len, "IPMI Version");
	if (!out->version)
		return err_set(err, ERR_DAMAGED, "ipmitool's mc info has no line 'IPMI Version'");
	free(out->maker);
	out->maker = value_of(text, len, "Manufacturer Name");
	free(out->model);
	out->model = value_of(text, len, "Product Name");
	free(out->firmware);
	out->firmware = value_of(text, len, "Firmware Revision");
	return 0;
}

int ipmi_read_lan(const char *text, size_t len, struct bmc_facts *out, struct err *err)
{
	autofree char *mac = value_of(text, len, "MAC Address");
	autofree char *source = value_of(text, len, "IP Address Source");
	char canonical[STR_MAC_LEN];
	struct err why = { 0 };

	if (!mac && !source)
		return err_set(err, ERR_DAMAGED, "ipmitool's lan print has neither 'MAC Address' nor 'IP Address Source'");
	free(out->mac);
	out->mac = NULL;
	if (mac) {
		/* Some say 00:00:.. for a port that is not theirs: no address is better than a wrong one. */
		if (str_to_mac(mac, canonical, &why) == 0)
			out->mac = mem_strdup(canonical);
	}
	free(out->mac_source);
	out->mac_source = NULL;
	if (source)
		out->mac_source = strstr(source, "DHCP")     ? mem_strdup("dhcp")
				  : strstr(source, "Static") ? mem_strdup("static")
							     : NULL;
	return 0;
}

int ipmi_explain(const struct bmc *b, const char *said, struct err *err)
{
	static const struct {
		const char *words, *means;
		const char *before, *after; /* the node's name in the hint */
	} known[] = {
		{ "RAKP 2 HMAC is invalid", "the BMC does not accept this password", "set it again: orthrus node set ",
		  " --bmc-password-file FILE" },
		{ "unauthorized name", "the BMC knows no user of this name, or not for IPMI over LAN",
		  "set it: orthrus node set ", " --bmc-user USER; and let that user use IPMI over LAN in the BMC" },
		{ "nsufficient privilege", "the BMC does not let this user do that", "make the user of ",
		  "'s BMC an administrator of it" },
		{ "Unable to establish", "the BMC does not answer, or wants no session",
		  "see whether it is at this address and has IPMI over LAN enabled: orthrus node show ", "" },
		{ "Address lookup for", "the name of the BMC has no address", "set an address: orthrus node set ",
		  " --bmc ADDRESS" },
		{ "SOL payload disabled", "the BMC has serial over LAN disabled", "enable it in the BMC of ", "" },
	};
	const char *line = said, *last = "it said nothing";
	size_t last_len = strlen(last);
	autofree char *words = NULL;

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strstr(said, known[i].words)) {
			err_set(err, ERR_FAILED, "%s: %s (%s)", b->node, known[i].means, b->address);
			return err_hint(err, "%s%s%s", known[i].before, b->node, known[i].after);
		}
	while (*line) {
		size_t n = strcspn(line, "\n"), shown = n;
		const char *begin = line;

		trim(&begin, &shown);
		if (shown) {
			last = begin;
			last_len = shown;
		}
		line += n + (line[n] == '\n');
	}
	words = take(last, last_len);
	return err_set(err, ERR_FAILED, "%s: ipmitool: %s (%s)", b->node, words, b->address);
}
