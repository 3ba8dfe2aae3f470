/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/power_node.h"

#include "base/mem.h"
#include "daemon/api.h"
#include "sys/clock.h"

#define LOOK_AGAIN_NS NS_PER_S
#define FOLLOWS_NS (20 * NS_PER_S) /* until the power is what was asked for */

void power_result_free(struct power_result *r)
{
	free(r->text);
	bmc_sensors_free(&r->sensors);
	bmc_facts_free(&r->facts);
	bmc_wish_free(&r->wish);
	*r = (struct power_result){ 0 };
}

static void put_sensors(const struct bmc_sensors *s, struct json_out *w)
{
	json_put_arr(w, "sensors");
	for (size_t i = 0; i < s->len; i++) {
		json_put_obj(w, NULL);
		json_put_str(w, "name", s->items[i].name);
		json_put_str(w, "value", s->items[i].value);
		json_put_str(w, "unit", s->items[i].unit);
		json_put_str(w, "state", s->items[i].state);
		json_put_bool(w, "bad", s->items[i].bad);
		json_end_obj(w);
	}
	json_end_arr(w);
}

static void put_facts(const struct power_result *r, struct json_out *w)
{
	bmc_wish_put(&r->wish, w, "bmc");
	json_put_obj(w, "facts");
	json_put_str(w, "maker", r->facts.maker);
	json_put_str(w, "model", r->facts.model);
	json_put_str(w, "firmware", r->facts.firmware);
	json_put_str(w, "version", r->facts.version);
	json_put_str(w, "mac", r->facts.mac);
	json_put_str(w, "mac_source", r->facts.mac_source);
	json_put_str(w, "key_shown", r->key_shown[0] ? r->key_shown : NULL);
	json_end_obj(w);
}

void power_result_put(const struct power_result *r, enum power_ask ask, const char *node, struct json_out *w)
{
	json_put_obj(w, NULL);
	json_put_str(w, "name", node);
	if (ask == POWER_SENSORS)
		put_sensors(&r->sensors, w);
	else if (ask == POWER_FACTS)
		put_facts(r, w);
	else
		json_put_str(w, "power", r->has_power ? bmc_power_names[r->power] : NULL);
	json_put_str(w, "text", r->text);
	api_put_error(w, "error", &r->err);
	json_end_obj(w);
}

struct doing {
	struct daemon *d;
	const struct bmc *bmc;
	power_pause pause;
	void *ctx;
	struct power_result *out;
};

static int look(struct doing *p, struct err *err)
{
	if (bmc_power(p->bmc, &p->out->power, err) < 0)
		return -1;
	p->out->has_power = true;
	return 0;
}

static int say(struct doing *p, const char *text)
{
	free(p->out->text);
	p->out->text = mem_strdup(text);
	return 0;
}

/* The BMC has said yes; believed is what the power does. */
static int follow(struct doing *p, enum bmc_power want, struct err *err)
{
	int64_t until = clock_now_ns() + FOLLOWS_NS;

	for (;;) {
		if (look(p, err) < 0)
			return -1;
		if (p->out->power == want)
			return say(p, want == BMC_POWER_ON ? "is on" : "is off");
		if (clock_now_ns() > until)
			break;
		if (!p->pause(p->ctx, LOOK_AGAIN_NS))
			return err_set(err, ERR_FAILED, "%s: the daemon ended before the power followed", p->bmc->node);
	}
	err_set(err, ERR_FAILED, "%s: its BMC said yes, but the power is still %s after %d s", p->bmc->node,
		bmc_power_names[p->out->power], (int)(FOLLOWS_NS / NS_PER_S));
	return err_hint(err, "look again: orthrus node power %s; and at the machine", p->bmc->node);
}

static int act(struct doing *p, enum bmc_act a, enum bmc_power want, struct err *err)
{
	return bmc_act(p->bmc, a, err) < 0 ? -1 : follow(p, want, err);
}

static int perform(struct doing *p, enum power_ask ask, struct err *err)
{
	bool on;

	if (look(p, err) < 0)
		return -1;
	on = p->out->power == BMC_POWER_ON;
	switch (ask) {
	case POWER_ON:
		return on ? say(p, "was on already") : act(p, BMC_ON, BMC_POWER_ON, err);
	case POWER_OFF:
		return p->out->power == BMC_POWER_OFF ? say(p, "was off already") : act(p, BMC_OFF, BMC_POWER_OFF, err);
	case POWER_CYCLE:
		return act(p, on ? BMC_CYCLE : BMC_ON, BMC_POWER_ON, err);
	case POWER_RESET:
		if (on)
			return act(p, BMC_RESET, BMC_POWER_ON, err);
		err_set(err, ERR_REFUSED, "%s: it is off: there is nothing to reset", p->bmc->node);
		return err_hint(err, "switch it on: orthrus node boot %s --on", p->bmc->node);
	case POWER_SOFT_OFF:
		if (!on)
			return say(p, "was off already");
		return bmc_act(p->bmc, BMC_SOFT_OFF, err) < 0 ? -1 : say(p, "its system was asked to shut down");
	case POWER_STATUS:
	case POWER_SENSORS:
	case POWER_FACTS:
	case POWER_LIGHT_ON:
	case POWER_LIGHT_OFF:
	case POWER_NETWORK:
		break;
	}
	return 0;
}

/* As the machine starts: what its inventory says, else as nearly all do today. */
static bool by_uefi(struct daemon *d, const char *node)
{
	autoclean(machine_free) struct machine m = { 0 };
	struct err ignored = { 0 };

	return daemon_machine(d, node, &m, &ignored) <= 0 || !str_eq(m.firmware, "bios");
}

static int facts(struct doing *p, struct bmc_access *a, struct err *err)
{
	struct err none = { 0 };
	bool redfish = bmc_protocol_used(a->bmc.protocol, a->bmc.pin) == BMC_REDFISH;

	/* Also of one that is not trusted, or not any more: to compare with what the BMC's own page says. */
	if (bmc_pin_look(p->bmc, p->out->key_shown, redfish ? err : &none) < 0 && redfish)
		return -1;
	if (redfish && !str_eq(p->out->key_shown, a->bmc.pin ? a->bmc.pin : "")) {
		err_set(err, ERR_REFUSED, "%s: its BMC shows %s key", p->bmc->node,
			a->bmc.pin ? "another than the trusted" : "a certificate that nobody has vouched for yet: its");
		return err_hint(err, "compare the fingerprint with the BMC's own page, then: orthrus node set %s --bmc-pin %s",
				p->bmc->node, p->out->key_shown);
	}
	return bmc_facts(p->bmc, &p->out->facts, err);
}

static int do_node(struct doing *p, struct bmc_access *a, enum power_ask ask, bool network, struct err *err)
{
	if (network && bmc_boot_network(p->bmc, by_uefi(p->d, p->bmc->node), err) < 0)
		return -1;
	switch (ask) {
	case POWER_STATUS:
		return look(p, err);
	case POWER_SENSORS:
		return bmc_sensors(p->bmc, &p->out->sensors, err);
	case POWER_FACTS:
		return facts(p, a, err);
	case POWER_LIGHT_ON:
	case POWER_LIGHT_OFF:
		return bmc_identify(p->bmc, ask == POWER_LIGHT_ON, err) < 0
			       ? -1
			       : say(p, ask == POWER_LIGHT_ON ? "its light is on" : "its light is off");
	case POWER_NETWORK:
		return say(p, "boots from the network next, once");
	case POWER_ON:
	case POWER_OFF:
	case POWER_CYCLE:
	case POWER_RESET:
	case POWER_SOFT_OFF:
		break;
	}
	return perform(p, ask, err);
}

void power_node(struct daemon *d, const char *node, enum power_ask ask, bool network, power_pause pause, void *ctx,
		struct power_result *out)
{
	autoclean(bmc_access_free) struct bmc_access a = { 0 };
	struct doing p = { .d = d, .bmc = &a.bmc, .pause = pause, .ctx = ctx, .out = out };
	struct err err = { 0 };

	if (bmc_access_load(d, node, &a, &err) < 0 || do_node(&p, &a, ask, network, &err) < 0)
		out->err = err;
	if (ask == POWER_FACTS) {
		out->wish = a.wish;
		a.wish = (struct bmc_wish){ 0 };
	}
}
