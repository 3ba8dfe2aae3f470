/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ipmitool prints, read: it repeats what a BMC said, so these are bytes from the network. Pure. */
#ifndef ORTHRUS_POWER_IPMI_PARSE_H
#define ORTHRUS_POWER_IPMI_PARSE_H

#include "power/bmc.h"

/* `ipmitool chassis status`. */
struct ipmi_chassis {
	enum bmc_power power;
	bool overload, fault;
};
int ipmi_read_chassis(const char *text, size_t len, struct ipmi_chassis *out, struct err *err) WARN_UNUSED;
/* `ipmitool sdr elist`: "CPU Temp | 01h | ok  |  3.1 | 45 degrees C". Those that the machine does not have ("ns" without a
 * reading) are left out. */
int ipmi_read_sensors(const char *text, size_t len, struct bmc_sensors *out, struct err *err) WARN_UNUSED;
/* `ipmitool mc info`: maker, model, firmware and version; `ipmitool lan print`: the rest. What is absent stays NULL. */
int ipmi_read_mc(const char *text, size_t len, struct bmc_facts *out, struct err *err) WARN_UNUSED;
int ipmi_read_lan(const char *text, size_t len, struct bmc_facts *out, struct err *err) WARN_UNUSED;

/* What ipmitool's words of a failure mean: kind, text and the next step. `said` is its standard error and output. */
int ipmi_explain(const struct bmc *b, const char *said, struct err *err);

#endif
