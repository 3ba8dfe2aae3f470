/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `node boot`: what nodes boot next, and the power that makes them do it. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/nodes.h"
#include "sys/http_client.h"

#include <string.h>

#define STAGGER_MS 200 /* between two nodes that are switched on: their inrush currents shall not meet */
#define STAGGER_MAX_S 60

/* The options that speak of power, and the words of POST /v1/power for them. */
static const struct {
	const char *option, *act;
	bool starts, harms; /* it switches on; it takes the power from whatever runs */
} acts[] = {
	{ "on", "on", true, false },	   { "off", "off", false, true },	    { "cycle", "cycle", true, true },
	{ "reset", "reset", false, true }, { "soft-off", "soft-off", false, true },
};

struct wish {
	const char *target; /* "disk", "net", "rescue", "diskless" or NULL */
	size_t act;	    /* of acts[], or ARRAY_LEN(acts): none */
	bool pxe;
	uint64_t stagger_ms;
};

/* "2", "0.25": seconds with up to three digits after the point. */
static int read_stagger(const char *text, uint64_t *ms, struct err *err)
{
	const char *point = strchr(text, '.');
	autofree char *whole = point ? mem_strndup(text, (size_t)(point - text)) : mem_strdup(text);
	autofree char *part = str_format("%s000", point ? point + 1 : "");
	uint64_t s, fraction = 0;

	if ((point && (strlen(point + 1) < 1 || strlen(point + 1) > 3)) || str_to_u64(whole, 0, STAGGER_MAX_S, &s, err) < 0)
		goto bad;
	part[3] = '\0';
	if (str_to_u64(part, 0, 999, &fraction, err) < 0)
		goto bad;
	*ms = s * 1000 + fraction;
	if (*ms <= STAGGER_MAX_S * 1000)
		return 0;
bad:
	return err_set(err, ERR_USAGE, "--stagger %.20s: seconds from 0 to %d, like 2 or 0.25", text, STAGGER_MAX_S);
}

static int read_wish(const struct cmd *c, struct wish *w, struct err *err)
{
	static const char *const targets[] = { "disk", "net", "rescue", "diskless" };
	const char *stagger = cmd_option(c, "stagger");
	size_t given = 0, chosen = 0;

	*w = (struct wish){ .act = ARRAY_LEN(acts), .pxe = cmd_flag(c, "pxe") };
	for (size_t i = 0; i < ARRAY_LEN(targets); i++)
		if (cmd_flag(c, targets[i])) {
			w->target = targets[i];
			chosen++;
		}
	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		if (cmd_flag(c, acts[i].option)) {
			w->act = i;
			given++;
		}
	if (chosen > 1 || given > 1 || (!chosen && !given && !w->pxe)) {
		err_set(err, ERR_USAGE,
			"'node boot' needs one of --disk, --net, --diskless and --rescue, one of --on, --off, --cycle, --reset "
			"and "
			"--soft-off, "
			"or one of each");
		return err_hint(err, "--disk: their own disk; --net: the imager, which reports the hardware and waits; "
				     "--diskless: their image from memory; --rescue: a system to "
				     "repair them from; the others are about the power");
	}
	if (cmd_flag(c, "stay") && !str_eq(w->target, "rescue"))
		return err_set(err, ERR_USAGE, "--stay is for --rescue, which is once without it; the others stay by themselves");
	if (w->pxe && given && !acts[w->act].starts && !str_eq(acts[w->act].act, "reset"))
		return err_set(err, ERR_USAGE, "--pxe is for machines that start: --%s does not start them", acts[w->act].option);
	if (stagger)
		return read_stagger(stagger, &w->stagger_ms, err);
	w->stagger_ms = given && acts[w->act].starts ? STAGGER_MS : 0;
	return 0;
}

/* Who takes the power away from a node that runs shall say so. */
static int consent(const struct cmd *c, const struct wish *w, const struct node_rows *rows, struct nodeset *set, struct err *err)
{
	autoclean(nodeset_free) struct nodeset running = { 0 };
	autoclean(buf_free) struct buf names = { 0 };

	if (c->plan || w->act == ARRAY_LEN(acts) || !acts[w->act].harms)
		return 0;
	for (size_t i = 0; i < nodeset_count(set); i++) {
		const struct node_row *r = node_rows_find(rows, nodeset_get(set, i));

		if (r && (str_eq(r->state, "up") || str_eq(r->state, "installing")) && nodeset_add(&running, r->name, err) < 0)
			return -1;
	}
	if (nodeset_count(&running) == 0)
		return 0;
	nodeset_fold(&running, &names);
	return cmd_confirm(c, err, "%s %s, which %s", acts[w->act].option, buf_str(&names),
			   nodeset_count(&running) == 1 ? "is in use" : "are in use");
}

static int choose_target(struct cmd *c, const struct wish *w, struct nodeset *set, struct err *err)
{
	autoclean(buf_free) struct buf body = { 0 };
	struct json_out out;

	json_out_init(&out, &body, false);
	json_put_obj(&out, NULL);
	node_put_names(&out, set);
	json_put_str(&out, "target", w->target);
	if (cmd_flag(c, "stay"))
		json_put_bool(&out, "stay", true);
	json_put_bool(&out, "force", cmd_flag(c, "force"));
	json_put_bool(&out, "plan", c->plan);
	json_end_obj(&out);
	return node_send_steps(c, "POST", "/v1/boot", buf_str(&body), err);
}

int cmd_node_boot(struct cmd *c, struct err *err)
{
	autoclean(node_rows_free) struct node_rows rows = { 0 };
	autoclean(nodeset_free) struct nodeset set = { 0 };
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	struct node_act act = { .act = "network" };
	bool power;
	struct wish w;

	if (cmd_args(c, 1, 1, err) < 0 || read_wish(c, &w, err) < 0)
		return -1;
	power = w.act < ARRAY_LEN(acts) || w.pxe;
	if (node_rows_get(c, &rows, err) < 0 || node_set(&rows, c->argv[0], true, &set, err) < 0 ||
	    consent(c, &w, &rows, &set, err) < 0)
		return -1;
	if (w.target) {
		/* One document on standard output: that of the last thing done. */
		bool json = c->json;
		int rc;

		c->json = json && !power;
		c->quiet |= json && power;
		rc = choose_target(c, &w, &set, err);
		c->json = json;
		if (rc < 0)
			return power ? err_wrap(err, "what to boot") : -1;
	}
	if (!power)
		return 0;
	if (w.act < ARRAY_LEN(acts))
		act.act = acts[w.act].act;
	act.network = w.pxe;
	act.force = cmd_flag(c, "force");
	act.stagger_ms = w.stagger_ms;
	if (node_power_job(c, &set, &act, &reply, err) < 0)
		return -1;
	return c->plan ? 0 : node_power_told(c, &reply, err);
}
