/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What machines report, as structs: strictly read from the network, made printable, cut to what a person reads. Pure. */
#ifndef ORTHRUS_DAEMON_IMAGER_EVENT_H
#define ORTHRUS_DAEMON_IMAGER_EVENT_H

#include "base/err.h"
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>

enum imager_event_type { IMAGER_BEGIN, IMAGER_DONE, IMAGER_FAILED, IMAGER_PROGRESS };
struct imager_event {
	char *install_id, *step;
	enum imager_event_type type;
	uint64_t seq, percent;
	char *text, *error, *hint; /* or NULL */
};
int imager_event_read(const char *json, size_t len, struct imager_event *out, struct err *err) WARN_UNUSED;
void imager_event_free(struct imager_event *ev);

struct imager_done {
	char *install_id;
	char *report;	/* JSON as sent, or NULL */
	char *esp_uuid; /* report.esp_uuid, "XXXX-XXXX" in hex digits (it becomes part of GRUB's files), or NULL */
};
int imager_done_read(const char *json, size_t len, struct imager_done *out, struct err *err) WARN_UNUSED;
void imager_done_free(struct imager_done *d);

struct imager_booted {
	char *install_id;
	char *root, *mdstat, *kernel, *boot_id, *os; /* or NULL */
	char *esp;				     /* the volume id of its EFI system partition, or NULL */
};
int imager_booted_read(const char *json, size_t len, struct imager_booted *out, struct err *err) WARN_UNUSED;
void imager_booted_print(const struct imager_booted *b, struct json_out *w);
void imager_booted_free(struct imager_booted *b);

#endif
