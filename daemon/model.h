/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The documents of the state that are about nodes, as structs: "node/NAME" (what it shall be) and "run/NAME" (what became of it).
 */
#ifndef ORTHRUS_DAEMON_MODEL_H
#define ORTHRUS_DAEMON_MODEL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/str.h"
#include "raidsetup/raidsetup.h"
#include "site/addr.h"

#include <stdbool.h>
#include <stdint.h>

enum node_boot { NODE_BOOT_AUTO, NODE_BOOT_DISK, NODE_BOOT_NET, NODE_BOOT_DISKLESS }; /* AUTO: by the run state */
/* The rescue system goes before that: until it has come up once, or until something else is chosen. */
enum node_rescue { NODE_RESCUE_NO, NODE_RESCUE_ONCE, NODE_RESCUE_STAY };

struct node {
	char *name, *group;
	struct str_list macs; /* canonical; whichever asks gets the address; none: the machine is expected by serial or port */
	/* Its own addresses on the provision network; roster.h's node_addresses() says which it really has. */
	uint32_t addr4; /* 0: none */
	bool has6;
	struct addr6 addr6;
	char *image, *layout;		 /* NULL: the group's */
	char *serial;			 /* NULL, or what the machine's DMI must say */
	char *switch_name, *switch_port; /* both or none: where its cable is, as LLDP tells it */
	enum node_boot boot;
	enum node_rescue rescue;
};
int node_read(const char *json, struct node *out, struct err *err) WARN_UNUSED;
void node_print(const struct node *n, struct json_out *w);
void node_put(const struct node *n, struct json_out *w); /* its keys into the open object */
void node_free(struct node *n);
void node_copy(struct node *to, const struct node *from); /* `to` is overwritten, and owns what it gets */

enum run_state { RUN_NEW, RUN_READY, RUN_ORDERED, RUN_INSTALLING, RUN_INSTALLED, RUN_UP, RUN_FAILED };
const char *run_state_name(enum run_state s);

#define RUN_STEPS_MAX 200
struct run_step {
	char *name, *at; /* UTC of its last begin */
	uint64_t begun_s, seconds;
	char *result; /* "running" "done" "failed" */
};
struct run {
	enum run_state state;
	enum run_state prior;	   /* before the order: what it is again when the order is withdrawn */
	char *install_id;	   /* of the last order, or NULL */
	char *prior_image;	   /* ditto */
	char *prior_install_id;	   /* ditto */
	char *shown_digest;	   /* with an order: of what the administrator was shown, or NULL */
	enum node_boot prior_boot; /* what was chosen by hand before the order, which sets it to AUTO */
	char *image;		   /* NAME/ID of the last order, or NULL */
	char *step, *step_text, *error, *hint;
	uint64_t percent;
	char *since;		/* UTC of the last change of state */
	struct run_step *steps; /* of the last order */
	size_t n_steps;
	uint64_t last_seq; /* of the imager's events since its last hello */
	char *seen;	   /* UTC of the imager's last hello */
	char *booted;	   /* JSON of the installed system's report, or NULL */
	char *esp_uuid;	   /* of the EFI system partition that was made, XXXX-XXXX, or NULL */
};
int run_read(const char *json, struct run *out, struct err *err) WARN_UNUSED;
void run_print(const struct run *r, struct json_out *w);      /* whole, for the state */
void run_put_public(const struct run *r, struct json_out *w); /* into the open object of an API answer */
void run_free(struct run *r);
void run_copy(struct run *to, const struct run *from); /* ditto */
void run_set_state(struct run *r, enum run_state state, int64_t wall_s);
/* That it could not run its image from memory is over, or counts no more. False: there is no such failure. */
bool run_forget_diskless(struct run *r);
/* The entry of step `name`, made if there is none; NULL when there are too many. */
struct run_step *run_step(struct run *r, const char *name);
/* Free and copy; NULL stays NULL. */
void model_set(char **field, const char *value);

/* "inv/NAME": what the imager's hello told about the machine. */
struct machine {
	char *mac, *boot_id, *firmware; /* "bios" or "uefi" */
	bool secure_boot;
	uint64_t memory_bytes, cpus;
	char *vendor, *product, *serial;
	char *cpu_model, *tpm; /* NULL: not told, or none; tpm "2.0" */
	uint64_t memory_modules;
	bool has_bmc;
	char *bmc_address, *bmc_mac, *bmc_vendor;
	struct nic {
		char *name, *mac, *driver;
		bool link;
		uint64_t speed_mbps;
		struct nic_port { /* the switch port at the other end, by LLDP; chassis NULL: nothing was heard */
			char *system, *port, *description, *chassis;
			uint64_t vlan;
		} heard;
	} * nics;
	size_t n_nics;
	struct disks disks;
};
/* Strict: bytes from the network. */
int machine_read(const char *json, size_t len, struct machine *out, struct err *err) WARN_UNUSED;
void machine_print(const struct machine *inv, struct json_out *w, const char *key);
void machine_free(struct machine *inv);

#endif
