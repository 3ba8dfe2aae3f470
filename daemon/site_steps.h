/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What another site causes beside its values, as typed steps: files of this head, services, nodes, what is left to the
 * administrator and what is dangerous. Pure. */
#ifndef ORTHRUS_DAEMON_SITE_STEPS_H
#define ORTHRUS_DAEMON_SITE_STEPS_H

#include "base/json.h"
#include "base/plan.h"
#include "netboot/netboot.h"
#include "site/site.h"

#include <stdbool.h>
#include <stddef.h>

/* The type of each step of a site's plan. */
enum site_step_kind {
	SITE_STEP_OTHER,
	SITE_STEP_VALUE,    /* of site.json */
	SITE_STEP_ADDRESS,  /* of nodes */
	SITE_STEP_TEMPLATE, /* of nodes' files */
	SITE_STEP_ORDER,    /* that stands */
	SITE_STEP_FILE,	    /* of this head */
	SITE_STEP_SERVICE,
	SITE_STEP_NODES,  /* what nodes get, and when */
	SITE_STEP_BYHAND, /* what the administrator has to do */
	SITE_STEP_DANGER, /* asked for before it is done */
};
/* What a step of a kind tells beside its text; NULL: nothing. */
struct site_step {
	char *path, *diff;	       /* FILE */
	const char *action;	       /* FILE: "make" "change" "remove"; SERVICE: "none" "reload" "restart" "start" "stop" */
	size_t files;		       /* FILE: more than one are one step */
	size_t added, removed;	       /* FILE: lines */
	const char *service, *clients; /* SERVICE: "none" "pause" "break": what those notice who use it */
	char *nodes;		       /* NODES: as a node set */
	const char *when;	       /* NODES: "now" "next-boot" "next-installation" */
};

enum site_file_kind { SITE_FILE_CONF, SITE_FILE_HOSTS, SITE_FILE_GRUB, SITE_FILE_NODE, SITE_FILE_EXPORT, SITE_FILE_SLURM };
struct site_file {
	enum site_file_kind kind;
	char *path, *node;     /* node: of SITE_FILE_NODE; NULL: nobody's any more */
	char *before, *after;  /* NULL: not there, goes */
	char *unread;	       /* why what is there can't be looked at; before is NULL then. Without after: of a directory */
	bool slurm_takes_note; /* of SITE_FILE_SLURM */
};
/* What is on a node now. */
enum site_runs { SITE_RUNS_NOTHING, SITE_RUNS_DISK, SITE_RUNS_MEMORY };
/* What a node would be installed with, by the old site and by the new one: JSON (site_wish_print()). */
struct site_wish {
	char *node, *group;
	enum site_runs runs;
	char *before, *after;
};
struct site_facts {
	const struct site *old, *site;	    /* old NULL: nothing was applied before */
	const struct site_head *was, *head; /* this one; was NULL: it was none of the old site's */
	const char *url;		    /* where nodes reach the head by the new site */
	bool no_dnsmasq;		    /* it is switched off */
	bool serves_anew;		    /* another certificate, or another port, is needed */
	enum netboot_effect effect;
	struct site_file *files;
	size_t n_files, cap_files;
	struct site_wish *wishes;
	size_t n_wishes, cap_wishes;
};
void site_facts_free(struct site_facts *f);

/* An installation's wish as JSON, appended. `image` may be NULL. */
struct order;
void site_wish_print(const struct order *o, const char *image, struct buf *out);

/* Appends the steps to `plan`, which has those of the site's values already. With `diff`, steps of files have the lines. */
int site_steps(const struct site_facts *f, bool diff, struct plan *plan, struct err *err) WARN_UNUSED;
/* Its parts: site_steps_files.c, site_steps_services.c, site_steps_dangers.c; site_steps_nodes.c has what is about nodes. */
int site_steps_files(const struct site_facts *f, bool diff, struct plan *plan, struct err *err) WARN_UNUSED;
void site_steps_services(const struct site_facts *f, struct plan *plan);
int site_steps_dangers(const struct site_facts *f, struct plan *plan, struct err *err) WARN_UNUSED;
int site_steps_nodes(const struct site_facts *f, struct plan *plan, struct err *err) WARN_UNUSED;
int site_steps_networks(const struct site_facts *f, struct plan *plan, struct err *err) WARN_UNUSED;

struct plan_step *site_step_add(struct plan *plan, enum site_step_kind kind, const char *name, const struct site_step *about,
				const char *fmt, ...) PRINTF_LIKE(5, 6); /* takes the strings of about, which may be NULL */
/* "provision (10.1.0.0/16, fd00::/64)"; the caller frees it. */
char *site_step_network(const struct site_network *net);
/* {"digest":..,"steps":[{"name","effect","text","kind",..}]}: its keys into the open object. */
void site_steps_put(const struct plan *plan, struct json_out *w);

#endif
