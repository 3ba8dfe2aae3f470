/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One installation under way: what install.c, which drives it, and work.c, which does the steps, share. */
#ifndef ORTHRUS_IMAGER_RUN_H
#define ORTHRUS_IMAGER_RUN_H

#include "imaging/imager/bring.h"
#include "imaging/imager/install.h"

struct install_run {
	const struct install_opts *opts;
	struct head *head;
	const struct order *order;
	struct plan plan;
	struct raid_result result;
	struct raid_ctx *raid;
	const struct plan_step *step; /* the one under way */
	int shown_percent;
	bool undone; /* the boot loaders were taken back, or that was tried */
	bool boots;  /* that failed: some disk may boot what is not finished */
	bool told;   /* the head has heard of the failure */
	struct bring_result brought;
	struct buf written_crt; /* the certificate that the node's files hold */
};

/* For people: 1 is the first. */
size_t install_step_number(const struct install_run *run, const struct plan_step *step);
/* Fetch what nobody but this node may read, and put it into the system being installed (secrets.c). */
int install_secrets(struct install_run *run, int target_fd, struct err *err) WARN_UNUSED;
/* A file of the trust directory, appended to `out`. */
int install_trust(const struct install_run *run, const char *name, struct buf *out, struct err *err) WARN_UNUSED;

#endif
