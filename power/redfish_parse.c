/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys that are not asked for are left alone: no json_obj_end() here. Vendors add some to every object. */
#include "power/redfish_parse.h"

#include "base/json.h"
#include "base/mem.h"

#include <string.h>

#define PATH_MAX_BYTES 256
#define TEXT_MAX 128

int redfish_path_check(const char *path, struct err *err)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/";
	bool below = str_eq(path, "/redfish/v1") || str_starts(path, REDFISH_ROOT);
	autofree char *shown = NULL;

	if (below && strlen(path) <= PATH_MAX_BYTES && strspn(path, chars) == strlen(path) && !strstr(path, "..") &&
	    !strstr(path, "//"))
		return 0;
	shown = str_printable(path, strnlen(path, TEXT_MAX));
	return err_set(err, ERR_DAMAGED, "the BMC names a link that is not one of its own: '%s'", shown);
}

/* A text for people; an old value is freed. */
static int take_text(struct json_obj *o, const char *key, char **out, struct err *err)
{
	autofree char *raw = NULL;

	if (json_str(o, key, JSON_MAY, &raw, err) < 0)
		return -1;
	if (raw) {
		free(*out);
		*out = str_printable(raw, strnlen(raw, TEXT_MAX));
	}
	return 0;
}

/* {"KEY": {"@odata.id": "/redfish/v1/..."}} */
static int take_link(struct json_obj *o, const char *key, char **out, struct err *err)
{
	autofree char *path = NULL;
	struct json_obj link;
	int rc = json_obj(o, key, JSON_MAY, &link, err);

	if (rc <= 0)
		return rc;
	if (json_str(&link, "@odata.id", JSON_MUST, &path, err) < 0 || redfish_path_check(path, err) < 0)
		return -1;
	free(*out);
	*out = steal(path);
	return 0;
}

int redfish_read_root(const char *text, size_t len, struct redfish_root *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(redfish_root_free) struct redfish_root r = { 0 };
	struct json_obj o;

	if (json_parse(text, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    take_text(&o, "RedfishVersion", &r.version, err) < 0 || take_text(&o, "Vendor", &r.vendor, err) < 0 ||
	    take_text(&o, "Product", &r.product, err) < 0 || take_link(&o, "Systems", &r.systems, err) < 0 ||
	    take_link(&o, "Chassis", &r.chassis, err) < 0 || take_link(&o, "Managers", &r.managers, err) < 0)
		return -1;
	if (!r.version)
		return err_set(err, ERR_DAMAGED, "this is no Redfish service: it has no RedfishVersion");
	*out = r;
	r = (struct redfish_root){ 0 };
	return 0;
}

void redfish_root_free(struct redfish_root *r)
{
	free(r->version);
	free(r->vendor);
	free(r->product);
	free(r->systems);
	free(r->chassis);
	free(r->managers);
	*r = (struct redfish_root){ 0 };
}

int redfish_read_members(const char *text, size_t len, struct str_list *links, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o, member;
	struct json_arr a;

	if (json_parse(text, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_arr_max(&o, "Members", JSON_MUST, REDFISH_MEMBERS_MAX, &a, err) < 0)
		return -1;
	for (size_t i = 0; i < a.len; i++) {
		autofree char *path = NULL;

		if (json_arr_obj(&a, i, &member, err) < 0 || json_str(&member, "@odata.id", JSON_MUST, &path, err) < 0 ||
		    redfish_path_check(path, err) < 0)
			return -1;
		str_list_add(links, path);
	}
	return 0;
}

static int read_actions(struct json_obj *system, struct redfish_system *s, struct err *err)
{
	struct json_obj actions, reset;
	int rc = json_obj(system, "Actions", JSON_MAY, &actions, err);

	if (rc > 0)
		rc = json_obj(&actions, "#ComputerSystem.Reset", JSON_MAY, &reset, err);
	if (rc <= 0)
		return rc;
	if (json_str(&reset, "target", JSON_MUST, &s->reset, err) < 0 || redfish_path_check(s->reset, err) < 0)
		return -1;
	return json_strs(&reset, "ResetType@Redfish.AllowableValues", JSON_MAY, &s->allowed, err);
}

int redfish_read_system(const char *text, size_t len, struct redfish_system *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(redfish_system_free) struct redfish_system s = { 0 };
	autofree char *power = NULL;
	struct json_obj o;

	if (json_parse(text, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_str(&o, "PowerState", JSON_MAY, &power, err) < 0 || read_actions(&o, &s, err) < 0 ||
	    take_text(&o, "Manufacturer", &s.maker, err) < 0 || take_text(&o, "Model", &s.model, err) < 0)
		return -1;
	/* "PoweringOn" and "PoweringOff" are on the way from one to the other: neither yet. */
	s.power = str_eq(power, "On") ? BMC_POWER_ON : str_eq(power, "Off") ? BMC_POWER_OFF : BMC_POWER_UNKNOWN;
	s.has_location = json_has(&o, "LocationIndicatorActive");
	*out = s;
	s = (struct redfish_system){ 0 };
	return 0;
}

void redfish_system_free(struct redfish_system *s)
{
	free(s->reset);
	str_list_free(&s->allowed);
	free(s->maker);
	free(s->model);
	*s = (struct redfish_system){ 0 };
}

const char *redfish_reset_type(const struct redfish_system *s, enum bmc_act act)
{
	static const char *const types[][3] = {
		[BMC_ON] = { "On", "ForceOn" },
		[BMC_OFF] = { "ForceOff" },
		/* A forced restart is not the same: the power stays. Who asks for a cycle has a reason. */
		[BMC_CYCLE] = { "PowerCycle" },
		[BMC_RESET] = { "ForceRestart" },
		[BMC_SOFT_OFF] = { "GracefulShutdown" },
	};

	for (size_t i = 0; types[act][i]; i++)
		if (!s->allowed.len || str_list_has(&s->allowed, types[act][i]))
			return types[act][i];
	return NULL;
}

int redfish_read_chassis(const char *text, size_t len, char **thermal, char **power, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	if (json_parse(text, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    take_link(&o, "Thermal", thermal, err) < 0 || take_link(&o, "Power", power, err) < 0)
		return -1;
	return 0;
}

/* A number as it was written; some firmware writes it as a string. */
static int take_reading(struct json_obj *o, const char *key, char **out, struct err *err)
{
	autofree char *raw = NULL;
	size_t n;

	if (json_raw(o, key, JSON_MAY, &raw, err) < 0)
		return -1;
	if (!raw)
		return 0;
	n = strlen(raw);
	free(*out);
	*out = raw[0] == '"' && n >= 2 ? str_printable(raw + 1, n - 2 < TEXT_MAX ? n - 2 : TEXT_MAX)
				       : str_printable(raw, n < TEXT_MAX ? n : TEXT_MAX);
	return 0;
}

static void sensor_clear(struct bmc_sensor *s)
{
	free(s->name);
	free(s->value);
	free(s->unit);
	free(s->state);
}

static int read_health(struct json_obj *o, struct bmc_sensor *s, bool *absent, struct err *err)
{
	autofree char *state = NULL;
	struct json_obj status;
	int rc = json_obj(o, "Status", JSON_MAY, &status, err);

	if (rc > 0 && (json_str(&status, "State", JSON_MAY, &state, err) < 0 || take_text(&status, "Health", &s->state, err) < 0))
		return -1;
	*absent = str_eq(state, "Absent") || str_eq(state, "Disabled");
	if (!s->state)
		s->state = mem_strdup(state ? "-" : "");
	s->bad = str_eq(s->state, "Warning") || str_eq(s->state, "Critical");
	return rc < 0 ? -1 : 0;
}

static int read_sensor(struct json_obj *o, const char *reading, const char *unit, struct bmc_sensor *s, bool *absent,
		       struct err *err)
{
	if (take_text(o, "Name", &s->name, err) < 0 || (!s->name && take_text(o, "FanName", &s->name, err) < 0) ||
	    (!s->name && take_text(o, "MemberId", &s->name, err) < 0) || read_health(o, s, absent, err) < 0 ||
	    take_reading(o, reading, &s->value, err) < 0)
		return -1;
	if (unit)
		s->unit = mem_strdup(unit);
	else if (take_text(o, "ReadingUnits", &s->unit, err) < 0)
		return -1;
	if (!s->unit)
		s->unit = mem_strdup("RPM");
	if (!s->name)
		s->name = mem_strdup("-");
	return 0;
}

/* The sensors of the list `key`; unit NULL: they say their own. */
static int read_list(struct json_obj *o, const char *key, const char *reading, const char *unit, struct bmc_sensors *out,
		     struct err *err)
{
	struct json_arr a;
	int rc = json_arr_max(o, key, JSON_MAY, BMC_SENSORS_MAX, &a, err);

	for (size_t i = 0; rc > 0 && i < a.len; i++) {
		struct bmc_sensor s = { 0 };
		struct json_obj e;
		bool absent = false;

		if (json_arr_obj(&a, i, &e, err) < 0 || read_sensor(&e, reading, unit, &s, &absent, err) < 0) {
			sensor_clear(&s);
			return -1;
		}
		if (absent || out->len == BMC_SENSORS_MAX) {
			sensor_clear(&s);
			continue;
		}
		out->items = mem_grow(out->items, out->len + 1, sizeof(*out->items));
		out->items[out->len++] = s;
	}
	return rc < 0 ? -1 : 0;
}

int redfish_read_thermal(const char *text, size_t len, struct bmc_sensors *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	if (json_parse(text, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    read_list(&o, "Temperatures", "ReadingCelsius", "degrees C", out, err) < 0 ||
	    read_list(&o, "Fans", "Reading", NULL, out, err) < 0)
		return -1;
	return 0;
}

int redfish_read_power(const char *text, size_t len, struct bmc_sensors *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	if (json_parse(text, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    read_list(&o, "PowerControl", "PowerConsumedWatts", "Watts", out, err) < 0 ||
	    read_list(&o, "PowerSupplies", "LastPowerOutputWatts", "Watts", out, err) < 0 ||
	    read_list(&o, "Voltages", "ReadingVolts", "Volts", out, err) < 0)
		return -1;
	return 0;
}

int redfish_read_manager(const char *text, size_t len, struct bmc_facts *f, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	if (json_parse(text, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    take_text(&o, "FirmwareVersion", &f->firmware, err) < 0)
		return -1;
	return f->model ? 0 : take_text(&o, "Model", &f->model, err);
}

char *redfish_error_words(const char *text, size_t len)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *words = NULL;
	struct json_obj o, error, info;
	struct json_arr infos;
	struct err ignored = { 0 };

	if (json_parse(text, len, &doc, &ignored) < 0 || json_root_obj(&doc, &o, &ignored) < 0 ||
	    json_obj(&o, "error", JSON_MAY, &error, &ignored) <= 0)
		return NULL;
	if (json_arr(&error, "@Message.ExtendedInfo", JSON_MAY, &infos, &ignored) > 0 && infos.len &&
	    json_arr_obj(&infos, 0, &info, &ignored) == 0 && take_text(&info, "Message", &words, &ignored) < 0)
		return NULL;
	if (!words && take_text(&error, "message", &words, &ignored) < 0)
		return NULL;
	return steal(words);
}
