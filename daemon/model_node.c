/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "installer/order.h"
#include "daemon/model.h"
#include "site/addr.h"
#include "sys/clock.h"

#include <string.h>

static const char *const boot_names[] = {
	[NODE_BOOT_AUTO] = "auto", [NODE_BOOT_DISK] = "disk", [NODE_BOOT_NET] = "net", [NODE_BOOT_DISKLESS] = "diskless", NULL
};
static const char *const rescue_names[] = {
	[NODE_RESCUE_NO] = "no", [NODE_RESCUE_ONCE] = "once", [NODE_RESCUE_STAY] = "stay", NULL
};
static const char *const state_names[] = { [RUN_NEW] = "new",
					   [RUN_READY] = "ready",
					   [RUN_ORDERED] = "ordered",
					   [RUN_INSTALLING] = "installing",
					   [RUN_INSTALLED] = "installed",
					   [RUN_UP] = "up",
					   [RUN_FAILED] = "failed",
					   NULL };

const char *run_state_name(enum run_state s)
{
	return state_names[s];
}

void model_set(char **field, const char *value)
{
	char *copy = value ? mem_strdup(value) : NULL;

	free(*field);
	*field = copy;
}

static int read_node(struct json_obj *o, void *node, struct err *err)
{
	struct node *out = node;
	autofree char *addr = NULL, *addr6 = NULL;
	int boot = NODE_BOOT_AUTO, rescue = NODE_RESCUE_NO;

	if (json_str(o, "name", JSON_MUST, &out->name, err) < 0 || json_str(o, "group", JSON_MUST, &out->group, err) < 0 ||
	    json_strs(o, "macs", JSON_MUST, &out->macs, err) < 0 || json_str(o, "ipv4", JSON_MAY, &addr, err) < 0 ||
	    json_str(o, "ipv6", JSON_MAY, &addr6, err) < 0 || json_str(o, "image", JSON_MAY, &out->image, err) < 0 ||
	    json_str(o, "layout", JSON_MAY, &out->layout, err) < 0 || json_str(o, "serial", JSON_MAY, &out->serial, err) < 0 ||
	    json_str(o, "switch", JSON_MAY, &out->switch_name, err) < 0 ||
	    json_str(o, "port", JSON_MAY, &out->switch_port, err) < 0 ||
	    json_enum(o, "boot", JSON_MAY, boot_names, &boot, err) < 0 ||
	    json_enum(o, "rescue", JSON_MAY, rescue_names, &rescue, err) < 0)
		return -1;
	out->boot = (enum node_boot)boot;
	out->rescue = (enum node_rescue)rescue;
	out->has6 = addr6 != NULL;
	if ((addr && addr4_read(addr, &out->addr4, err) < 0) || (addr6 && addr6_read(addr6, &out->addr6, err) < 0))
		return -1;
	return json_obj_end(o, err);
}

int node_read(const char *json, struct node *out, struct err *err)
{
	autoclean(node_free) struct node n = { 0 };

	if (json_read(json, strlen(json), read_node, &n, err) < 0)
		return err_wrap(err, "a node's document");
	*out = n;
	n = (struct node){ 0 };
	return 0;
}

void node_put(const struct node *n, struct json_out *w)
{
	char addr[ADDR4_LEN], addr6[ADDR6_LEN];

	addr4_print(n->addr4, addr);
	addr6_print(&n->addr6, addr6);
	json_put_str(w, "name", n->name);
	json_put_str(w, "group", n->group);
	json_put_strs(w, "macs", &n->macs);
	json_put_str(w, "ipv4", n->addr4 ? addr : NULL);
	json_put_str(w, "ipv6", n->has6 ? addr6 : NULL);
	json_put_str(w, "image", n->image);
	json_put_str(w, "layout", n->layout);
	json_put_str(w, "serial", n->serial);
	json_put_str(w, "switch", n->switch_name);
	json_put_str(w, "port", n->switch_port);
	json_put_str(w, "boot", boot_names[n->boot]);
	if (n->rescue != NODE_RESCUE_NO)
		json_put_str(w, "rescue", rescue_names[n->rescue]);
}

void node_print(const struct node *n, struct json_out *w)
{
	json_put_obj(w, NULL);
	node_put(n, w);
	json_end_obj(w);
}

void node_free(struct node *n)
{
	free(n->name);
	free(n->group);
	str_list_free(&n->macs);
	free(n->image);
	free(n->layout);
	free(n->serial);
	free(n->switch_name);
	free(n->switch_port);
	*n = (struct node){ 0 };
}

static int read_steps(struct json_obj *o, struct run *out, struct err *err)
{
	struct json_arr a;
	int have = json_arr_max(o, "steps", JSON_MAY, RUN_STEPS_MAX, &a, err);

	if (have <= 0)
		return have;
	out->steps = mem_array(a.len, sizeof(*out->steps));
	for (; out->n_steps < a.len; out->n_steps++) {
		struct run_step *s = &out->steps[out->n_steps];
		struct json_obj e;

		if (json_arr_obj(&a, out->n_steps, &e, err) < 0 || json_str(&e, "name", JSON_MUST, &s->name, err) < 0 ||
		    json_str(&e, "at", JSON_MUST, &s->at, err) < 0 ||
		    json_u64(&e, "begun_s", JSON_MUST, 0, UINT64_MAX, &s->begun_s, err) < 0 ||
		    json_u64(&e, "seconds", JSON_MUST, 0, UINT64_MAX, &s->seconds, err) < 0 ||
		    json_str(&e, "result", JSON_MUST, &s->result, err) < 0 || json_obj_end(&e, err) < 0) {
			out->n_steps++; /* what was read of it is freed too */
			return -1;
		}
	}
	return 0;
}

/* What versions before enrolment by key kept here (their bearer tokens' digests): read, and never written again. */
static int skip_retired(struct json_obj *o, struct err *err)
{
	static const char *const retired[] = { "token", "report_token", "prior_report_token" };
	autofree char *ignored = NULL;

	for (size_t i = 0; i < sizeof(retired) / sizeof(retired[0]); i++)
		if (json_str(o, retired[i], JSON_MAY, &ignored, err) < 0)
			return -1;
	return 0;
}

static int read_run(struct json_obj *o, void *run, struct err *err)
{
	struct run *out = run;
	int state = RUN_NEW, prior = RUN_NEW, prior_boot = NODE_BOOT_AUTO;

	if (json_enum(o, "state", JSON_MUST, state_names, &state, err) < 0 ||
	    json_enum(o, "prior", JSON_MAY, state_names, &prior, err) < 0 ||
	    json_enum(o, "prior_boot", JSON_MAY, boot_names, &prior_boot, err) < 0 ||
	    json_str(o, "install_id", JSON_MAY, &out->install_id, err) < 0 ||
	    json_str(o, "image", JSON_MAY, &out->image, err) < 0 ||
	    json_str(o, "prior_image", JSON_MAY, &out->prior_image, err) < 0 ||
	    json_str(o, "prior_install_id", JSON_MAY, &out->prior_install_id, err) < 0 ||
	    json_str(o, "shown_digest", JSON_MAY, &out->shown_digest, err) < 0 ||
	    json_str(o, "step", JSON_MAY, &out->step, err) < 0 || json_str(o, "step_text", JSON_MAY, &out->step_text, err) < 0 ||
	    json_str(o, "error", JSON_MAY, &out->error, err) < 0 || json_str(o, "hint", JSON_MAY, &out->hint, err) < 0 ||
	    json_u64(o, "percent", JSON_MAY, 0, 100, &out->percent, err) < 0 ||
	    json_str(o, "since", JSON_MAY, &out->since, err) < 0 ||
	    json_u64(o, "last_seq", JSON_MAY, 0, UINT64_MAX, &out->last_seq, err) < 0 ||
	    json_str(o, "seen", JSON_MAY, &out->seen, err) < 0 || json_raw(o, "booted", JSON_MAY, &out->booted, err) < 0 ||
	    json_str(o, "esp_uuid", JSON_MAY, &out->esp_uuid, err) < 0 || read_steps(o, out, err) < 0 || skip_retired(o, err) < 0)
		return -1;
	out->state = (enum run_state)state;
	out->prior = (enum run_state)prior;
	out->prior_boot = (enum node_boot)prior_boot;
	return json_obj_end(o, err);
}

int run_read(const char *json, struct run *out, struct err *err)
{
	autoclean(run_free) struct run r = { 0 };

	if (json_read(json, strlen(json), read_run, &r, err) < 0)
		return err_wrap(err, "a node's run document");
	*out = r;
	r = (struct run){ 0 };
	return 0;
}

/* `whole`: for the state; an API answer goes without what only the daemon reckons with. */
static void put_steps(const struct run *r, struct json_out *w, bool whole)
{
	json_put_arr(w, "steps");
	for (size_t i = 0; i < r->n_steps; i++) {
		const struct run_step *s = &r->steps[i];

		json_put_obj(w, NULL);
		json_put_str(w, "name", s->name);
		json_put_str(w, "at", s->at);
		if (whole)
			json_put_u64(w, "begun_s", s->begun_s);
		json_put_u64(w, "seconds", s->seconds);
		json_put_str(w, "result", s->result);
		json_end_obj(w);
	}
	json_end_arr(w);
}

bool run_forget_diskless(struct run *r)
{
	if (!str_eq(r->step, DISKLESS_STEP))
		return false;
	model_set(&r->step, NULL);
	model_set(&r->error, NULL);
	model_set(&r->hint, NULL);
	return true;
}

void run_put_public(const struct run *r, struct json_out *w)
{
	json_put_str(w, "state", state_names[r->state]);
	json_put_str(w, "install_id", r->install_id);
	json_put_str(w, "installed_image", r->image);
	json_put_str(w, "step", r->step);
	json_put_str(w, "step_text", r->step_text);
	json_put_u64(w, "percent", r->percent);
	json_put_str(w, "error", r->error);
	json_put_str(w, "hint", r->hint);
	json_put_str(w, "since", r->since);
	json_put_str(w, "seen", r->seen);
	if (r->booted)
		json_put_raw(w, "booted", r->booted);
	else
		json_put_str(w, "booted", NULL);
	put_steps(r, w, false);
}

static void put_opt(struct json_out *w, const char *key, const char *value)
{
	if (value)
		json_put_str(w, key, value);
}

void run_print(const struct run *r, struct json_out *w)
{
	json_put_obj(w, NULL);
	json_put_str(w, "state", state_names[r->state]);
	json_put_str(w, "prior", state_names[r->prior]);
	json_put_str(w, "prior_boot", boot_names[r->prior_boot]);
	put_opt(w, "install_id", r->install_id);
	put_opt(w, "image", r->image);
	put_opt(w, "prior_image", r->prior_image);
	put_opt(w, "prior_install_id", r->prior_install_id);
	put_opt(w, "shown_digest", r->shown_digest);
	put_opt(w, "step", r->step);
	put_opt(w, "step_text", r->step_text);
	put_opt(w, "error", r->error);
	put_opt(w, "hint", r->hint);
	put_opt(w, "esp_uuid", r->esp_uuid);
	json_put_u64(w, "percent", r->percent);
	put_opt(w, "since", r->since);
	json_put_u64(w, "last_seq", r->last_seq);
	put_opt(w, "seen", r->seen);
	if (r->booted)
		json_put_raw(w, "booted", r->booted);
	put_steps(r, w, true);
	json_end_obj(w);
}

static void steps_free(struct run *r)
{
	for (size_t i = 0; i < r->n_steps; i++) {
		free(r->steps[i].name);
		free(r->steps[i].at);
		free(r->steps[i].result);
	}
	free(r->steps);
	r->steps = NULL;
	r->n_steps = 0;
}

void run_free(struct run *r)
{
	free(r->install_id);
	free(r->image);
	free(r->prior_image);
	free(r->prior_install_id);
	free(r->shown_digest);
	free(r->step);
	free(r->step_text);
	free(r->error);
	free(r->hint);
	free(r->since);
	free(r->seen);
	free(r->booted);
	free(r->esp_uuid);
	steps_free(r);
	*r = (struct run){ 0 };
}

struct run_step *run_step(struct run *r, const char *name)
{
	struct run_step *s;

	for (size_t i = 0; i < r->n_steps; i++)
		if (str_eq(r->steps[i].name, name))
			return &r->steps[i];
	if (r->n_steps == RUN_STEPS_MAX)
		return NULL;
	r->steps = mem_grow(r->steps, r->n_steps + 1, sizeof(*r->steps));
	s = &r->steps[r->n_steps++];
	*s = (struct run_step){ .name = mem_strdup(name), .at = mem_strdup(""), .result = mem_strdup("running") };
	return s;
}

void run_set_state(struct run *r, enum run_state state, int64_t wall_s)
{
	char utc[CLOCK_UTC_LEN];

	clock_utc(wall_s, utc);
	r->state = state;
	model_set(&r->since, utc);
}
