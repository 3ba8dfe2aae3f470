/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done with one node's BMC for a job, and what came of it. */
#ifndef ORTHRUS_DAEMON_POWER_NODE_H
#define ORTHRUS_DAEMON_POWER_NODE_H

#include "daemon/bmc_wish.h"
#include "daemon/power.h"

struct power_result {
	enum bmc_power power;
	bool has_power;
	char *text; /* for people: "is on", "was off already"; may be NULL */
	struct bmc_sensors sensors;
	struct bmc_facts facts;
	struct bmc_wish wish;
	char key_shown[BMC_PIN_LEN]; /* of a Redfish service; "" */
	struct err err;		     /* kind ERR_NONE: it went well */
};
void power_result_free(struct power_result *r);
/* {"name","ok","power","text",...,"error"} into the open array; what was not asked is absent. */
void power_result_put(const struct power_result *r, enum power_ask ask, const char *node, struct json_out *w);

/* Waits; false when the daemon ends. */
typedef bool (*power_pause)(void *ctx, int64_t ns);
/* Does it, which takes seconds. The result says how it went. */
void power_node(struct daemon *d, const char *node, enum power_ask ask, bool network, power_pause pause, void *ctx,
		struct power_result *out);

#endif
