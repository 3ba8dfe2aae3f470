/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/guard.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

void guard_view_free(struct guard_view *v)
{
	for (size_t i = 0; i < v->n_voters; i++) {
		free(v->voters[i].name);
		free(v->voters[i].role);
	}
	free(v->voters);
	free(v->self);
	free(v->role);
	free(v->gate);
	free(v->holder);
	free(v->problem);
	*v = (struct guard_view){ 0 };
}

static int read_spread(struct json_obj *o, const char *key, struct guard_spread *v, struct err *err)
{
	struct json_obj s;

	return json_obj(o, key, JSON_MUST, &s, err) < 0 || json_u64(&s, "count", JSON_MUST, 0, UINT64_MAX, &v->count, err) < 0 ||
			       json_u64(&s, "last_us", JSON_MUST, 0, UINT64_MAX, &v->last_us, err) < 0 ||
			       json_u64(&s, "p50_us", JSON_MUST, 0, UINT64_MAX, &v->p50_us, err) < 0 ||
			       json_u64(&s, "p99_us", JSON_MUST, 0, UINT64_MAX, &v->p99_us, err) < 0 ||
			       json_u64(&s, "worst_us", JSON_MUST, 0, UINT64_MAX, &v->worst_us, err) < 0
		       ? -1
		       : 0;
}

static int read_voter(const struct json_arr *a, size_t i, struct guard_voter *v, struct err *err)
{
	struct json_obj o;

	return json_arr_obj(a, i, &o, err) < 0 || json_str(&o, "name", JSON_MUST, &v->name, err) < 0 ||
			       json_str(&o, "role", JSON_MUST, &v->role, err) < 0 ||
			       json_bool(&o, "heard", JSON_MUST, &v->heard, err) < 0 ||
			       json_u64(&o, "ago_us", JSON_MAY, 0, UINT64_MAX, &v->ago_us, err) < 0 ||
			       json_bool(&o, "quarantine", JSON_MUST, &v->quarantine, err) < 0 ||
			       json_bool(&o, "paused", JSON_MUST, &v->paused, err) < 0 ||
			       json_bool(&o, "unfit", JSON_MUST, &v->unfit, err) < 0
		       ? -1
		       : 0;
}

static int read_voters(struct json_obj *o, struct guard_view *v, struct err *err)
{
	struct json_arr voters;

	if (json_arr(o, "voters", JSON_MUST, &voters, err) < 0)
		return -1;
	v->voters = mem_array(voters.len, sizeof(*v->voters));
	for (size_t i = 0; i < voters.len; i++) {
		v->n_voters++; /* what was read of it is freed too */
		if (read_voter(&voters, i, &v->voters[i], err) < 0)
			return -1;
	}
	return 0;
}

int guard_view_read(struct json_obj *status, struct guard_view *out, struct err *err)
{
	struct json_obj o;
	const int found = json_obj(status, "guard", JSON_MAY, &o, err);

	if (found <= 0)
		return found;
	if (json_str(&o, "self", JSON_MUST, &out->self, err) < 0 || json_str(&o, "role", JSON_MUST, &out->role, err) < 0 ||
	    json_str(&o, "holder", JSON_MAY, &out->holder, err) < 0 || json_str(&o, "gate", JSON_MUST, &out->gate, err) < 0 ||
	    json_str(&o, "problem", JSON_MAY, &out->problem, err) < 0 ||
	    json_u64(&o, "epoch", JSON_MUST, 0, UINT64_MAX, &out->epoch, err) < 0 ||
	    json_u64(&o, "held_us", JSON_MUST, 0, UINT64_MAX, &out->held_us, err) < 0 ||
	    json_u64(&o, "lease_us", JSON_MUST, 0, UINT64_MAX, &out->lease_us, err) < 0 ||
	    json_u64(&o, "renew_us", JSON_MUST, 0, UINT64_MAX, &out->renew_us, err) < 0 ||
	    json_bool(&o, "quarantine", JSON_MAY, &out->quarantine, err) < 0 ||
	    read_spread(&o, "renewals", &out->renewals, err) < 0 || read_spread(&o, "gaps", &out->gaps, err) < 0 ||
	    read_voters(&o, out, err) < 0)
		return -1;
	return 1;
}

void guard_span(uint64_t us, char out[GUARD_SPAN_MAX])
{
	const double ms = (double)us / 1e3;

	if (ms < 1000)
		snprintf(out, GUARD_SPAN_MAX, "%.1f ms", ms);
	else if (ms < 120e3)
		snprintf(out, GUARD_SPAN_MAX, "%.1f s", ms / 1e3);
	else if (ms < 120 * 60e3)
		snprintf(out, GUARD_SPAN_MAX, "%.0f min", ms / 60e3);
	else
		snprintf(out, GUARD_SPAN_MAX, "%.0f h", ms / 3600e3);
}
