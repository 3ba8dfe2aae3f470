/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to headinstall's planners. */
#ifndef ORTHRUS_HEADINSTALL_PLAN_PRIV_H
#define ORTHRUS_HEADINSTALL_PLAN_PRIV_H

#include "headinstall/plan.h"

/* Append a step with an empty head_step, which is returned; takes `text`. */
struct head_step *head_add(struct plan *out, enum head_step_type type, enum plan_effect effect, const char *name, char *text);
/* "a, b and c", at most `max` of them and then how many more. */
void head_words(struct buf *out, const struct str_list *words, size_t max);

/* plan_network.c: ERR_REFUSED when the interface can't become the head's. */
int plan_wire(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out,
	      struct err *err);
/* What an earlier run gave an interface, and the site has no more. */
void plan_moved(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out);
int plan_address(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out,
		 struct err *err);
/* Take the step that was added last away again. */
void head_drop_last(struct plan *out);
/* plan_store.c */
int plan_store(const struct head_facts *f, const struct head_wish *wish, struct plan *out, struct err *err);
/* plan_time.c */
int plan_time(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out,
	      struct err *err);
/* plan_images.c */
void plan_images(const struct head_facts *f, const struct site *site, const struct head_wish *wish, struct plan *out);
/* Have `s` write the file; its diff is made when it is there. False when it is so already. Takes `text`. */
bool head_add_write(const struct head_facts *f, struct head_step *s, const char *path, char *text, uint32_t mode);

#endif
