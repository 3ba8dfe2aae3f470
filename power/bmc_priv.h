/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two protocols behind bmc.h. */
#ifndef ORTHRUS_POWER_BMC_PRIV_H
#define ORTHRUS_POWER_BMC_PRIV_H

#include "power/bmc.h"

#define BMC_TIMEOUT_NS (20 * INT64_C(1000000000))

/* ipmi.c: by ipmitool, which is told the password on its standard input. */
int ipmi_power(const struct bmc *b, enum bmc_power *out, struct err *err) WARN_UNUSED;
int ipmi_act(const struct bmc *b, enum bmc_act act, struct err *err) WARN_UNUSED;
int ipmi_boot_network(const struct bmc *b, bool uefi, struct err *err) WARN_UNUSED;
int ipmi_identify(const struct bmc *b, bool on, struct err *err) WARN_UNUSED;
int ipmi_sensors(const struct bmc *b, struct bmc_sensors *out, struct err *err) WARN_UNUSED;
int ipmi_facts(const struct bmc *b, struct bmc_facts *out, struct err *err) WARN_UNUSED;

/* redfish.c */
int redfish_power(const struct bmc *b, enum bmc_power *out, struct err *err) WARN_UNUSED;
int redfish_act(const struct bmc *b, enum bmc_act act, struct err *err) WARN_UNUSED;
int redfish_boot_network(const struct bmc *b, struct err *err) WARN_UNUSED;
int redfish_identify(const struct bmc *b, bool on, struct err *err) WARN_UNUSED;
int redfish_sensors(const struct bmc *b, struct bmc_sensors *out, struct err *err) WARN_UNUSED;
int redfish_facts(const struct bmc *b, struct bmc_facts *out, struct err *err) WARN_UNUSED;

#endif
