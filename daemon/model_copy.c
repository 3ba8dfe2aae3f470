/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A node's documents, copied whole. */
#include "base/mem.h"
#include "daemon/model.h"

static char *copy_of(const char *s)
{
	return s ? mem_strdup(s) : NULL;
}

void node_copy(struct node *to, const struct node *from)
{
	*to = *from;
	to->name = copy_of(from->name);
	to->group = copy_of(from->group);
	to->image = copy_of(from->image);
	to->layout = copy_of(from->layout);
	to->serial = copy_of(from->serial);
	to->switch_name = copy_of(from->switch_name);
	to->switch_port = copy_of(from->switch_port);
	to->macs = (struct str_list){ 0 };
	for (size_t i = 0; i < from->macs.len; i++)
		str_list_add(&to->macs, from->macs.items[i]);
}

void run_copy(struct run *to, const struct run *from)
{
	*to = *from;
	to->install_id = copy_of(from->install_id);
	to->prior_image = copy_of(from->prior_image);
	to->prior_install_id = copy_of(from->prior_install_id);
	to->shown_digest = copy_of(from->shown_digest);
	to->image = copy_of(from->image);
	to->step = copy_of(from->step);
	to->step_text = copy_of(from->step_text);
	to->error = copy_of(from->error);
	to->hint = copy_of(from->hint);
	to->since = copy_of(from->since);
	to->seen = copy_of(from->seen);
	to->booted = copy_of(from->booted);
	to->esp_uuid = copy_of(from->esp_uuid);
	to->steps = from->n_steps ? mem_array(from->n_steps, sizeof(*to->steps)) : NULL;
	for (size_t i = 0; i < from->n_steps; i++) {
		to->steps[i] = from->steps[i];
		to->steps[i].name = copy_of(from->steps[i].name);
		to->steps[i].at = copy_of(from->steps[i].at);
		to->steps[i].result = copy_of(from->steps[i].result);
	}
}
