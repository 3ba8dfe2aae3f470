/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Redfish documents (DMTF DSP0266, DSP2046), as far as they are used: strict about types, but not about keys that vendors add.
 * They come from a BMC, so they are bytes from the network. Pure. */
#ifndef ORTHRUS_POWER_REDFISH_PARSE_H
#define ORTHRUS_POWER_REDFISH_PARSE_H

#include "power/bmc.h"

#define REDFISH_ROOT "/redfish/v1/"
#define REDFISH_MEMBERS_MAX 64

/* A link in a document: a path of the same service, below /redfish/v1, without "..", query or control bytes. Else ERR_DAMAGED: it
 * is not followed. */
int redfish_path_check(const char *path, struct err *err) WARN_UNUSED;

struct redfish_root {
	char *version, *vendor, *product;
	char *systems, *chassis, *managers; /* links; NULL: it has none */
};
int redfish_read_root(const char *text, size_t len, struct redfish_root *out, struct err *err) WARN_UNUSED;
void redfish_root_free(struct redfish_root *r);

/* A collection's members. */
int redfish_read_members(const char *text, size_t len, struct str_list *links, struct err *err) WARN_UNUSED;

struct redfish_system {
	enum bmc_power power;
	char *reset;		 /* link of the action; NULL: it has none */
	struct str_list allowed; /* its ResetTypes; empty: it does not say */
	char *maker, *model;
	bool has_location; /* LocationIndicatorActive; else the older IndicatorLED */
};
int redfish_read_system(const char *text, size_t len, struct redfish_system *out, struct err *err) WARN_UNUSED;
void redfish_system_free(struct redfish_system *s);
/* The first ResetType for this act that the system allows; NULL: it can't. */
const char *redfish_reset_type(const struct redfish_system *s, enum bmc_act act);

/* The links of a chassis: NULL when it has none. Allocated; the caller frees both. */
int redfish_read_chassis(const char *text, size_t len, char **thermal, char **power, struct err *err) WARN_UNUSED;
/* The sensors of a Thermal and of a Power document; appends. */
int redfish_read_thermal(const char *text, size_t len, struct bmc_sensors *out, struct err *err) WARN_UNUSED;
int redfish_read_power(const char *text, size_t len, struct bmc_sensors *out, struct err *err) WARN_UNUSED;
/* A manager (the BMC itself): its firmware, and its model when *f has none yet. */
int redfish_read_manager(const char *text, size_t len, struct bmc_facts *f, struct err *err) WARN_UNUSED;

/* The words of an error answer ("error"."@Message.ExtendedInfo"[0]."Message"), printable; NULL when it is none. Caller frees. */
char *redfish_error_words(const char *text, size_t len);

#endif
