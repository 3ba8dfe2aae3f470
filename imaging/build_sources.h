/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what the head's apt is configured to use to the sources.list(5) lines of an image, which may be of another release. Pure.
 */
#ifndef ORTHRUS_IMAGING_BUILD_SOURCES_H
#define ORTHRUS_IMAGING_BUILD_SOURCES_H

#include "base/err.h"
#include "base/str.h"

/* apt-get indextargets --format this: one line per index. */
#define BUILD_TARGETS_FORMAT "$(REPO_URI)|$(RELEASE)|$(CODENAME)|$(COMPONENT)"

/* `targets`: apt's answer. `own`: the head's release ("bookworm"). Lines for `suite` come from the repositories that serve the
 * head's release, and its updates and security if the head has those. */
int build_sources(const char *targets, const char *own, const char *suite, struct str_list *out, struct err *err) WARN_UNUSED;

#endif
