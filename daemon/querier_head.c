/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/querier_head.h"

#include "base/mem.h"
#include "daemon/helper_call.h"
#include "daemon/querier_child.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define LOOK_NS (5 * NS_PER_S)
#define SOON_NS (NS_PER_S / 5) /* until one that was started now tells how it does */

struct querier_head {
	struct helper_call *helper;
	struct querier_child child; /* without a helper */
	pthread_mutex_t lock;
	/* under the lock */
	char interface[16];
	unsigned int families; /* 0: there shall be none */
	bool changed;
	struct querier_head_view view;
	/* of the helper's thread */
	unsigned int index, running_families; /* what runs; 0: nothing */
	int64_t next_ns;
};

struct querier_head *querier_head_new(struct helper_call *helper)
{
	struct querier_head *h = mem_zalloc(sizeof(*h));

	h->helper = helper;
	h->child.fd = -1;
	pthread_mutex_init(&h->lock, NULL);
	return h;
}

void querier_head_follow(struct querier_head *h, const struct site *site, const struct site_head *self)
{
	const struct site_network *n = site_provision(site);
	unsigned int families = 0;

	if (self && n && site->cast.querier)
		families = (n->has4 ? QUERIER_BIT(QUERIER_IPV4) : 0) | (n->has6 ? QUERIER_BIT(QUERIER_IPV6) : 0);
	pthread_mutex_lock(&h->lock);
	if (families != h->families || (self && !str_eq(h->interface, self->interface))) {
		h->families = families;
		snprintf(h->interface, sizeof(h->interface), "%s", self ? self->interface : "");
		h->changed = true;
	}
	pthread_mutex_unlock(&h->lock);
}

static int start(struct querier_head *h, unsigned int index, unsigned int families, struct err *err)
{
	if (h->helper)
		return helper_call_querier(h->helper, index, families, err);
	if (families)
		return querier_child_start(&h->child, index, families, err);
	querier_child_end(&h->child);
	return 0;
}

static int look(struct querier_head *h, struct querier_view *out, struct err *err)
{
	return h->helper ? helper_look_querier(h->helper, out, err) : querier_child_look(&h->child, out, err);
}

/* It runs as it shall, on what has the interface's name now. */
static int keep(struct querier_head *h, const char *interface, unsigned int families, struct querier_view *view, struct err *err)
{
	unsigned int index = families ? if_nametoindex(interface) : 0;

	if (families && !index)
		err_set(err, ERR_NOT_FOUND, "there is no interface %s", interface);
	if (h->running_families && (families != h->running_families || index != h->index)) {
		struct err late = { 0 };

		h->running_families = 0;
		if (start(h, 0, 0, &late) < 0)
			log_err("querier", "end it", &late);
	}
	if (!families || !index)
		return families ? -1 : 0;
	if (h->running_families && look(h, view, err) == 0)
		return 0;
	h->running_families = 0;
	*err = (struct err){ 0 };
	if (start(h, index, families, err) < 0 || look(h, view, err) < 0)
		return -1;
	h->index = index;
	h->running_families = families;
	return 0;
}

/* Said when it becomes another. */
static void tell_change(const struct querier_head_view *before, const struct querier_head_view *now)
{
	static const char *const names[] = { [QUERIER_IPV4] = "IPv4", [QUERIER_IPV6] = "IPv6" };

	if (now->problem.kind != ERR_NONE && !str_eq(now->problem.text, before->problem.text))
		log_err("querier", "does not run", &now->problem);
	for (int f = 0; f < QUERIER_FAMILIES; f++) {
		const struct querier_side *a = &before->view.side[f], *b = &now->view.side[f];
		autofree char *text = querier_text(b);

		if (b->state != QUERIER_OFF &&
		    (a->state != b->state || (b->state == QUERIER_OTHER && addr6_cmp(&a->other, &b->other))))
			log_info("querier", "%s on %s: %s", names[f], now->interface, text);
	}
}

static bool has_told(const struct querier_view *v, unsigned int families)
{
	return v->side[families & QUERIER_BIT(QUERIER_IPV4) ? QUERIER_IPV4 : QUERIER_IPV6].state != QUERIER_OFF;
}

int64_t querier_head_turn(struct querier_head *h, int64_t now_ns)
{
	struct querier_head_view now = { 0 }, before;
	unsigned int families;

	pthread_mutex_lock(&h->lock);
	before = h->view;
	families = h->families;
	memcpy(now.interface, h->interface, sizeof(now.interface));
	if (h->changed)
		h->next_ns = now_ns;
	h->changed = false;
	pthread_mutex_unlock(&h->lock);
	if (now_ns < h->next_ns)
		return h->next_ns;
	now.wanted = families != 0;
	now.running = keep(h, now.interface, families, &now.view, &now.problem) == 0 && families;
	tell_change(&before, &now);
	h->next_ns = !families ? INT64_MAX : now_ns + (now.running && !has_told(&now.view, families) ? SOON_NS : LOOK_NS);
	pthread_mutex_lock(&h->lock);
	h->view = now;
	pthread_mutex_unlock(&h->lock);
	return h->next_ns;
}

void querier_head_look(struct querier_head *h, struct querier_head_view *out)
{
	pthread_mutex_lock(&h->lock);
	*out = h->view;
	pthread_mutex_unlock(&h->lock);
}

void querier_head_status(struct querier_head *h, struct json_out *w)
{
	static const char *const keys[] = { [QUERIER_IPV4] = "ipv4", [QUERIER_IPV6] = "ipv6" };
	struct querier_head_view v;

	querier_head_look(h, &v);
	json_put_obj(w, "querier");
	json_put_str(w, "state", v.running ? "running" : v.wanted ? "failed" : "off");
	json_put_str(w, "interface", v.wanted ? v.interface : NULL);
	for (int f = 0; f < QUERIER_FAMILIES; f++) {
		autofree char *text = v.view.side[f].state == QUERIER_OFF ? NULL : querier_text(&v.view.side[f]);

		json_put_str(w, keys[f], text);
	}
	json_put_str(w, "problem", v.problem.kind != ERR_NONE ? v.problem.text : NULL);
	json_end_obj(w);
}

void querier_head_free(struct querier_head *h)
{
	if (!h)
		return;
	querier_child_end(&h->child);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
