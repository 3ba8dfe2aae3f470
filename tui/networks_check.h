/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may be written on the page of the networks, beside what this machine has already. Private to pages_networks.c and its
 * tests. Each returns 0, or -1 with what is wrong, why, and what to write instead; `a` is without the answer in question. */
#ifndef ORTHRUS_TUI_NETWORKS_CHECK_H
#define ORTHRUS_TUI_NETWORKS_CHECK_H

#include "base/err.h"

struct answers;
struct facts;
struct site;

int networks_check_interface(const struct answers *a, const struct facts *f, const char *value, struct err *err) WARN_UNUSED;
int networks_check_subnet(const struct answers *a, const struct facts *f, const char *value, struct err *err) WARN_UNUSED;
int networks_check_ipv6(const struct answers *a, const struct facts *f, const char *value, struct err *err) WARN_UNUSED;
int networks_check_head(const struct answers *a, const struct facts *f, const char *value, struct err *err) WARN_UNUSED;
int networks_check_gateway(const struct answers *a, const struct facts *f, const char *value, struct err *err) WARN_UNUSED;
int networks_check_pool(const struct answers *a, const struct facts *f, const char *value, struct err *err) WARN_UNUSED;

/* The site with what is answered so far; what it takes is freed by site_free(). */
int networks_site(const struct answers *a, const struct facts *f, struct site *out, struct err *err) WARN_UNUSED;

#endif
