/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What orthrus-guard and the programs of its own machine say to each other, over a socket of fixed-size packets: `orthrus head`
 * asks and orders, orthrusd says whether its services work and hears what happens. Nothing here allocates. */
#ifndef ORTHRUS_GUARD_CONTROL_H
#define ORTHRUS_GUARD_CONTROL_H

#include "base/err.h"
#include "headfailover/guard/msg.h"
#include "headfailover/guard/spread.h"

#include <poll.h>
#include <stddef.h>
#include <sys/types.h>

#define GUARD_SOCKET "/run/orthrus-guard/control" /* below the root */
#define CONTROL_VERSION 1			  /* of all below; guard and programs come in one package */
#define CONTROL_NAME 64				  /* a machine's name, with its end */
#define CONTROL_TEXT 320

enum control_ask {
	CONTROL_STATUS = 1,
	CONTROL_WATCH,	/* what happens from now on comes as struct control_event */
	CONTROL_SWITCH, /* the holder gives the lease to the other head */
	CONTROL_PAUSE,	/* this head does not want it until... */
	CONTROL_RESUME, /* ...this */
	CONTROL_FIT,	/* its services work */
	CONTROL_UNFIT,	/* they don't; `text` says which */
	CONTROL_FENCED, /* the machine `name` is off: an administrator says so */
	CONTROL_KEYS,	/* read the keys anew */
	CONTROL_ASK_END
};
struct control_request {
	uint32_t version;
	uint32_t ask; /* enum control_ask */
	char name[CONTROL_NAME];
	char text[CONTROL_TEXT];
};

struct control_peer {
	char name[CONTROL_NAME];
	uint8_t voter;
	uint8_t flags; /* enum lease_flags, as it last said */
	uint8_t head;  /* bool */
	uint8_t heard; /* ever, in this boot */
	int64_t ago_ns;
	uint64_t got; /* datagrams, over all links */
};
struct control_status {
	char cluster[CONTROL_NAME], self[CONTROL_NAME];
	char holder[CONTROL_NAME];  /* "": nobody that is known here */
	char role[16];		    /* "holder", "standby", "witness", "quarantine", "paused" */
	char gate[16];		    /* "bpf", "nft", "none" */
	char problem[CONTROL_TEXT]; /* "": none; else what keeps it from doing its work, and the next step */
	uint64_t epoch;
	int64_t held_ns; /* since `holder` has it, as far as it was seen here */
	int64_t left_ns; /* of the lease, as far as is known here */
	int64_t lease_ns, renew_ns;
	uint8_t open, paused, unfit, quarantine; /* bool */
	struct spread_view renewals;		 /* from asking to the majority's answer */
	struct spread_view gaps;		 /* from the last that the holder before said to our opening the gate */
	uint64_t takeovers, losses, late;	 /* of this boot; renewals that took longer than the time between two */
	uint64_t dropped;			 /* events that were not written down, since too many came at once */
	uint64_t refused;			 /* datagrams that no voter of this cluster made, or made before */
	uint32_t n_peers;
	struct control_peer peers[LEASE_VOTERS];
};
struct control_answer {
	uint32_t version;
	uint32_t error; /* enum err_kind; ERR_NONE: it is done, or on its way */
	char text[CONTROL_TEXT], hint[CONTROL_TEXT];
	struct control_status status; /* always */
};
struct control_event {
	uint32_t version;
	int64_t wall_s;
	uint32_t severity; /* as syslog(3): LOG_INFO, LOG_WARNING, LOG_ERR */
	char kind[32];	   /* "lease-taken" */
	char text[CONTROL_TEXT];
};

/* --- the guard's side: of one thread */

#define CONTROL_CLIENTS 16
struct control {
	int fd;
	int clients[CONTROL_CLIENTS]; /* -1: free */
	uint8_t watches[CONTROL_CLIENTS];
	uint64_t heard[CONTROL_CLIENTS], turn; /* who was heard last has the greatest number */
};
/* Makes the socket (mode 0660; group `gid`, or -1) in place of one that an earlier guard left. */
int control_open(struct control *c, const char *path, gid_t gid, struct err *err) WARN_UNUSED;
void control_close(struct control *c);
#define CONTROL_POLLED (1 + CONTROL_CLIENTS)
void control_poll(const struct control *c, struct pollfd fds[CONTROL_POLLED]);
/* Serves what is ready: each request that has the right form goes to `answer`, which fills all but the version. */
typedef void (*control_fn)(void *ctx, const struct control_request *q, struct control_answer *a);
void control_serve(struct control *c, const struct pollfd fds[CONTROL_POLLED], control_fn answer, void *ctx);
/* To all that watch; who does not read is hung up on: it asks for the status when it comes again. */
void control_tell(struct control *c, const struct control_event *e);

/* --- the other side */

/* One request, one answer, within two seconds. ERR_NOT_FOUND: no guard runs here. What the guard refuses is that error. */
int control_call(const char *path, const struct control_request *q, struct control_answer *a, struct err *err) WARN_UNUSED;
/* Begin to watch; the caller closes *fd, and reads it by control_next(): 1 and an event, 0 the guard ended. */
int control_watch(const char *path, int *fd, struct err *err) WARN_UNUSED;
int control_next(int fd, struct control_event *e, struct err *err) WARN_UNUSED;

#endif
