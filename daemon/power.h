/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Jobs that talk with nodes' BMCs: many nodes at once, each with its own time limits, so that a dead BMC holds up nobody; and one
 * after the other where a rack's breaker matters. A job is asked for by the API and looked at until it is done. */
#ifndef ORTHRUS_DAEMON_POWER_H
#define ORTHRUS_DAEMON_POWER_H

#include "base/json.h"
#include "daemon/daemon.h"

#include <stdbool.h>
#include <stdint.h>

enum power_ask {
	POWER_STATUS,
	POWER_SENSORS,
	POWER_FACTS,
	POWER_LAST_READ = POWER_FACTS, /* the rest changes something */
	POWER_LIGHT_ON,
	POWER_LIGHT_OFF,
	POWER_NETWORK, /* only the boot device */
	POWER_ON,
	POWER_OFF,
	POWER_CYCLE,
	POWER_RESET,
	POWER_SOFT_OFF,
};
extern const char *const power_ask_names[]; /* "status", "sensors", "bmc", "light-on", .., NULL */

#define POWER_JOB_ID_LEN 17 /* 16 hex digits and NUL */
#define POWER_NODES_MAX 5000

struct power_request {
	enum power_ask ask;
	bool network;	       /* before: at the next start, once, from the network */
	int64_t stagger_ns;    /* between the beginnings of two nodes; 0: at once */
	struct str_list nodes; /* each once */
	uint64_t act;	       /* its line in the audit log; 0: none */
};

struct power;
int power_start(struct daemon *d, struct power **out, struct err *err) WARN_UNUSED;
/* Running requests are waited for a few seconds. False: a thread goes on; see reconcile_stop(). NULL is fine. */
bool power_stop(struct power *p) WARN_UNUSED;

/* Begins the job; `who` is for the event at its end. From then on the end of its act in the audit log is the job's to write, when
 * all is done or failed, or the daemon ends. ERR_REFUSED when too many run. */
int power_begin(struct power *p, const struct power_request *req, const char *who, char id[POWER_JOB_ID_LEN],
		struct err *err) WARN_UNUSED;
/* How far it is: done and all, for long polls; ERR_NOT_FOUND when there is no such job (any more: for ten minutes after its end).
 */
int power_progress(struct power *p, const char *id, size_t *done, size_t *all, struct err *err) WARN_UNUSED;
/* {"job","act","done","finished","count","nodes":[..]}; the nodes only at the end. */
int power_put(struct power *p, const char *id, struct json_out *w, struct err *err) WARN_UNUSED;
/* What http_server_wake() is given when a node of the job is done. */
#define POWER_TOPIC "power/"

#endif
