/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to headinstall: the parts of a probe, and the programs that are asked. */
#ifndef ORTHRUS_HEADINSTALL_PROBE_PRIV_H
#define ORTHRUS_HEADINSTALL_PROBE_PRIV_H

#include "headinstall/probe.h"
#include "headinstall/programs.h"

/* Read below the root; "" when it can't be. Caller frees. */
char *head_read(const struct head_facts *f, const char *path, size_t max);
/* Of a file of NAME=VALUE lines; "" when it is not in it. Caller frees. */
char *head_value_of(const char *text, const char *name);
void head_problem(struct head_facts *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

void probe_machine(struct head_facts *f);
void probe_interfaces(struct head_facts *f);
void probe_ports(struct head_facts *f);
void probe_packages(const struct head_probe *p, struct head_facts *f);
void probe_services(const struct head_probe *p, struct head_facts *f);
void probe_images(struct head_facts *f);

#endif
