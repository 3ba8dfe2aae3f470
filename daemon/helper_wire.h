/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What orthrusd, which has no privilege, may ask of its helper, which may open the ports of DHCP, DNS and TFTP: packets of a
 * fixed size with numbers from a closed list, never a path, a name or a command. They go over a unix socket of SOCK_SEQPACKET. */
#ifndef ORTHRUS_DAEMON_HELPER_WIRE_H
#define ORTHRUS_DAEMON_HELPER_WIRE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum helper_ask {
	HELPER_DNSMASQ_START = 1, /* with the configuration that lies in its place, if each line is one that orthrusd writes */
	HELPER_DNSMASQ_RELOAD,	  /* SIGHUP: it reads known hosts again */
	HELPER_DNSMASQ_STOP,	  /* answered when it has ended; also when it did not run */
	/* A querier of multicast members (cast/querier.h) on one interface, of these families, in place of one that runs. */
	HELPER_QUERIER_IPV4,
	HELPER_QUERIER_IPV6,
	HELPER_QUERIER_BOTH,
	HELPER_QUERIER_STOP, /* also when none runs */
	HELPER_QUERIER_LOOK, /* how it does: `text` of the answer is a packet as of querier_wire.h. ERR_NOT_FOUND: none runs */
	HELPER_ASKS_END
};
struct helper_request {
	uint32_t ask;	/* enum helper_ask */
	uint32_t index; /* a querier's: of the interface. Else 0: dnsmasq of the provision network is the only one */
};

enum helper_tells {
	HELPER_DONE = 1, /* `value`: after a start the process's number, else 0 */
	HELPER_FAILED,	 /* `value`: enum err_kind; `text` says why */
	HELPER_ENDED,	 /* not asked for: dnsmasq ended by itself; `value` as waitpid(2) tells it */
};
struct helper_answer {
	uint32_t tells; /* enum helper_tells */
	int32_t value;
	char text[248]; /* ends with a zero */
};

/* Is it one of the three, of how many families (QUERIER_BIT()s); 0: none of them. */
unsigned int helper_querier_families(uint32_t ask);
/* Bytes of a packet. ERR_REFUSED: another length, or numbers that mean nothing. */
int helper_request_read(const void *data, size_t len, struct helper_request *out, struct err *err) WARN_UNUSED;
int helper_answer_read(const void *data, size_t len, struct helper_answer *out, struct err *err) WARN_UNUSED;

#endif
