/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From facts and a site to the steps that make this machine its head, and from what was written down to those that take it back.
 * Pure. What is as it should be needs no step: a plan made again after a kill has what is left. */
#ifndef ORTHRUS_HEADINSTALL_PLAN_H
#define ORTHRUS_HEADINSTALL_PLAN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/plan.h"
#include "headinstall/journal.h"
#include "headinstall/probe.h"

struct head_store;
struct site;

enum head_step_type {
	HEAD_STEP_NOTE = 600, /* changes nothing */
	HEAD_STEP_RECORD,
	HEAD_STEP_CONFIGURE,
	HEAD_STEP_PACKAGES,
	HEAD_STEP_SSHD,
	HEAD_STEP_USERS,
	HEAD_STEP_FILE,
	HEAD_STEP_STORE_STOP,
	HEAD_STEP_RAID, /* one of a disk plan */
	HEAD_STEP_STORE,
	HEAD_STEP_ADDRESS_OFF, /* words: the interface, addresses; paths go; start: it was down */
	HEAD_STEP_ADDRESS,
	HEAD_STEP_TIME,
	HEAD_STEP_VALUE,
	HEAD_STEP_UNIT,
	HEAD_STEP_APPLY,
	HEAD_STEP_IMAGE,
	/* Of an uninstallation. */
	HEAD_STEP_UNIT_BACK,
	HEAD_STEP_VALUE_BACK,
	HEAD_STEP_ADDRESS_BACK,
	HEAD_STEP_PACKAGES_BACK,
	HEAD_STEP_FILES_BACK,
	HEAD_STEP_DATA,
	HEAD_STEP_STORE_BACK,
	HEAD_STEP_FORGET,
};

/* A file as it shall be. */
struct head_write {
	char *path, *text;
	uint32_t mode;
	char *diff; /* NULL: it is new */
};
/* plan_step.arg of all these types. */
struct head_step {
	struct head_write *writes;
	size_t n_writes;
	struct str_list words;	      /* packages; a unit; NAME=VALUE; an interface and its addresses; paths that are removed */
	struct str_list more;	      /* packages that are put back */
	struct str_list paths;	      /* shown as touched */
	bool enable, start;	      /* of a unit */
	const struct plan_step *raid; /* of head_store.raid, which outlives this plan */
};

/* How the journal has it by now. */
struct head_wish {
	const char *site_text;		  /* what /etc/orthrus/site.json shall hold */
	bool accept_dhcp;		  /* another DHCP server on the provision network is known and wanted */
	bool images;			  /* those that the store has not are built */
	bool recorded;			  /* `before` is complete */
	bool brought_sshd;		  /* there was none before */
	const struct head_store *store;	  /* NULL: no array is asked for, and none was begun */
	struct str_list open;		  /* steps that were begun and not done */
	const struct head_setting *links; /* of the journal: what interfaces were given */
	size_t n_links;
};
/* Which of the site's heads this machine is: by its name, else the first. */
size_t head_of_site(const struct site *site, const char *hostname);
/* ERR_REFUSED when something must be put right first: the error says what, and how. Without steps but notes all is as it should
 * be. */
int head_plan(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out,
	      struct err *err) WARN_UNUSED;
/* ERR_REFUSED: that another DHCP server answers there. Returns -1. */
int head_refuse_dhcp(const char *interface, uint32_t server, struct err *err);
/* How many steps change something. */
size_t head_plan_changes(const struct plan *plan);

enum head_data { HEAD_KEEP_IMAGES, HEAD_REMOVE_DATA };
/* `packages`: as they are now, settled; `wanted`: those of ours that something else needs by now. `now`: paths as they are now.
 */
struct head_back {
	const struct head_journal *journal, *now, *packages;
	const struct str_list *wanted;
	bool guard; /* head_guard_runs() */
	enum head_data data;
	uint64_t nodes, installing;	/* that orthrusd knows; 0 also when it says nothing */
	const struct head_store *store; /* that was begun or made; its raid plan is there when it can be erased */
	const char *store_why;		/* why it can't be */
};
void head_plan_back(const struct head_back *b, struct plan *out);
/* The packages that were added and may go, those that are put back, and those of ours that stay. */
void head_packages_back(const struct head_back *b, struct str_list *go, struct str_list *come, struct str_list *stay);

/* Numbered sentences, each with the diffs of the files that it changes. */
void head_plan_print(const struct plan *plan, struct buf *out);
/* {"steps":[{"id","text","files","destructive"}]} */
void head_plan_json(const struct plan *plan, struct json_out *w);
/* Lines of "-old", "+new" and " same" around them, as diff -u has them; "" when nothing differs. Caller frees. */
char *head_diff(const char *path, const char *was, const char *shall);

#endif
