/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A node's BMC (baseboard management controller): power, boot device, sensors and what it is, by IPMI 2.0 (ipmitool) or Redfish
 * (DMTF DSP0266), whichever it speaks. One call is one request to one BMC; who calls several, and waits between them, is above.
 */
#ifndef ORTHRUS_POWER_BMC_H
#define ORTHRUS_POWER_BMC_H

#include "base/err.h"
#include "base/str.h"
#include "sys/spawn_stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* AUTO: Redfish when the public key of its certificate is known, else IPMI. */
enum bmc_protocol { BMC_AUTO, BMC_IPMI, BMC_REDFISH };
extern const char *const bmc_protocol_names[]; /* "auto", "ipmi", "redfish", NULL */
enum bmc_protocol bmc_protocol_used(enum bmc_protocol p, const char *pin);

#define BMC_PIN_LEN 65	  /* SHA-256 in hex, with NUL */
#define BMC_USER_MAX 64	  /* bytes; IPMI takes 16 */
#define BMC_SECRET_MAX 64 /* bytes; IPMI 2.0 takes 20 */

/* Who to talk to. Borrowed: strings stay the caller's. */
struct bmc {
	const char *node;    /* for errors */
	const char *address; /* as bmc_address_check() takes it */
	enum bmc_protocol protocol;
	const char *user, *password;
	const char *pin;    /* SHA-256 (hex) of the public key of its certificate; NULL: not known, Redfish is refused then */
	int64_t timeout_ns; /* of each request; 0: 20 s */
};

/* "10.2.0.7", "10.2.0.7:6230", "[fd00::7]", "[fd00::7]:6230", "n07-bmc.example": ERR_INVALID says what is wrong. */
int bmc_address_check(const char *address, struct err *err) WARN_UNUSED;
/* Its two parts, new strings: the host without brackets, and the port or NULL. Only for what was checked. */
void bmc_address_split(const char *address, char **host, char **port);
/* Name and password as the protocol takes them: printable, not too long, no line ends. */
int bmc_login_check(enum bmc_protocol used, const char *user, const char *password, struct err *err) WARN_UNUSED;
/* 64 hex digits, upper or lower case, ':' between bytes allowed, into lower case without. */
int bmc_pin_read(const char *text, char out[BMC_PIN_LEN], struct err *err) WARN_UNUSED;

enum bmc_power { BMC_POWER_UNKNOWN, BMC_POWER_OFF, BMC_POWER_ON };
extern const char *const bmc_power_names[]; /* "unknown", "off", "on", NULL */
int bmc_power(const struct bmc *b, enum bmc_power *out, struct err *err) WARN_UNUSED;

/* What is asked of the BMC; it may take seconds until the power follows. SOFT_OFF asks the operating system, which may not obey.
 * CYCLE and RESET are for machines that are on. */
enum bmc_act { BMC_ON, BMC_OFF, BMC_CYCLE, BMC_RESET, BMC_SOFT_OFF };
int bmc_act(const struct bmc *b, enum bmc_act act, struct err *err) WARN_UNUSED;

/* At its next start, once, the machine boots from the network. `uefi`: by UEFI, else as a BIOS does. */
int bmc_boot_network(const struct bmc *b, bool uefi, struct err *err) WARN_UNUSED;
/* The locating light: on, or off again. By IPMI it goes out by itself after 4 minutes. */
int bmc_identify(const struct bmc *b, bool on, struct err *err) WARN_UNUSED;

#define BMC_SENSORS_MAX 512
struct bmc_sensor {
	char *name;
	char *value; /* "45", "5640", "0x80"; NULL: it has no reading */
	char *unit;  /* "degrees C", "RPM", "Watts"; "" */
	char *state; /* as the BMC says: "ok", "nc", "cr", "nr" (IPMI), "OK", "Warning", "Critical" (Redfish) */
	bool bad;    /* it is none of the good ones */
};
struct bmc_sensors {
	struct bmc_sensor *items;
	size_t len;
};
void bmc_sensors_free(struct bmc_sensors *s);
int bmc_sensors(const struct bmc *b, struct bmc_sensors *out, struct err *err) WARN_UNUSED;

/* What the BMC says of itself; members that it does not tell are NULL. */
struct bmc_facts {
	char *maker, *model, *firmware, *version; /* version of the protocol: "2.0", "1.15.0" */
	char *mac, *mac_source;			  /* of its network port; "static" or "dhcp" */
};
void bmc_facts_free(struct bmc_facts *f);
int bmc_facts(const struct bmc *b, struct bmc_facts *out, struct err *err) WARN_UNUSED;

/* The public key that a Redfish service shows now: no name and no password goes there. For an administrator to compare. */
int bmc_pin_look(const struct bmc *b, char out[BMC_PIN_LEN], struct err *err) WARN_UNUSED;

/* The serial console over LAN (IPMI 2.0 section 15), whatever the protocol for the rest: what is written to `out` is typed at the
 * node, what is read is its console. One that somebody else left open is taken over. The caller frees the stream; only the thread
 * that opened it may outlive nothing of it (the child ends with its thread). */
int bmc_console(const struct bmc *b, struct spawn_stream *out, struct err *err) WARN_UNUSED;
/* Why the console ended, as an error, once the stream is closed. */
int bmc_console_end(const struct bmc *b, const struct spawn_stream *st, struct err *err) WARN_UNUSED;

#endif
