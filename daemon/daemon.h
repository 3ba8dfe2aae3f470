/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of orthrusd share: where things are, the state, and how a change is made. */
#ifndef ORTHRUS_DAEMON_DAEMON_H
#define ORTHRUS_DAEMON_DAEMON_H

#include "base/buf.h"
#include "base/err.h"
#include "daemon/certs.h"
#include "daemon/mac_index.h"
#include "daemon/model.h"
#include "daemon/waiting.h"
#include "headfailover/state/state.h"
#include "site/site.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct http_server;
struct reconcile;
struct audit;
struct hooks;
struct power;
struct consoles;
struct casts;
struct guard_watch;
struct helper_call;
struct secret_told;
struct parsed;

struct daemon_paths { /* all below --root */
	char *state_dir, *pki_dir, *store_dir, *tftp_dir, *run_dir, *socket, *lock;
	char *imager, *scripts_dir;
	char *etc_dir, *var_dir, *log_dir; /* /etc/orthrus, /var/lib/orthrus, /var/log/orthrus */
	char *ssh_dir, *templates_dir, *node_program, *diskless_dir;
	char *root; /* "" or without a '/' at the end: for files of other programs */
};
/* paths.c. `root`: NULL is "/"; `netboot_dir`: where the imager's scripts are, NULL: where they are installed. */
void daemon_paths_set(struct daemon_paths *p, const char *root, const char *netboot_dir);
void daemon_paths_free(struct daemon_paths *p);

struct daemon {
	struct daemon_paths paths;
	const char *listen; /* --listen, or NULL: every address, the site's port */
	bool no_dnsmasq;
	struct helper_call *helper; /* who starts dnsmasq for us; NULL: we do it */
	int64_t started_ns;
	struct state *state;
	struct parsed *nodes, *runs; /* what was read of the state; NULL: nothing is kept */
	struct http_server *http;
	struct reconcile *reconcile;
	struct audit *audit;
	struct hooks *hooks;
	struct power *power;
	struct consoles *consoles;
	struct casts *casts;
	struct guard_watch *guard;
	struct secret_told *told;
	pthread_mutex_t change_lock; /* held from looking to writing: see change.h */
	_Atomic uint64_t last_event; /* number of the newest event */
	struct mac_index macs;	     /* under change_lock */
	struct certs certs;	     /* ditto */
	struct waiting waiting;	     /* ditto */
	struct {
		int64_t due_ns; /* when the next machine that asks may be told as an event, were they to come evenly */
		bool muted;
	} arrivals; /* under change_lock */
};

/* The applied site. ERR_NOT_FOUND with a hint when there is none yet; *version may be NULL. */
int daemon_site(struct daemon *d, struct site *out, uint64_t *version, struct err *err) WARN_UNUSED;
/* A document "node/NAME" as a struct. */
int daemon_node_of(struct daemon *d, const struct state_doc *doc, struct node *out, struct err *err) WARN_UNUSED;
/* What `key` has. 1: there; 0: absent, and `err` is as it was: that is no error. */
int daemon_get(struct daemon *d, const char *key, struct state_doc *doc, struct err *err) WARN_UNUSED;
/* Document "PREFIX/NAME" as a struct. ERR_NOT_FOUND: there is no such node. */
int daemon_node(struct daemon *d, const char *name, struct node *out, uint64_t *version, struct err *err) WARN_UNUSED;
int daemon_run(struct daemon *d, const char *name, struct run *out,
	       struct err *err) WARN_UNUSED; /* a node that never ran: RUN_NEW */
/* 1: known; 0: the machine has not said hello yet. */
int daemon_machine(struct daemon *d, const char *name, struct machine *out, struct err *err) WARN_UNUSED;

/* Which of the site's heads we are: the one with our host name, or the only one. NULL with err. */
const struct site_head *daemon_head(const struct site *site, struct err *err);
/* "https://10.77.0.1:8443", of a site without IPv4 "https://[fd00::1]:8443": where nodes reach the service address. Caller frees.
 */
char *daemon_server_url(const struct site *site);

#endif
