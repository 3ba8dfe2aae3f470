/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks that relays bring a cast into (docs/adr/0010-relays.md): whose nodes hear it from there, and whether anybody does. */
#include "base/mem.h"
#include "daemon/cast_priv.h"
#include "daemon/change.h"
#include "sys/clock.h"

#include <stdio.h>
#include <string.h>

#define HEAR_NS (9 * NS_PER_S) /* a node gives up after 10 s */
#define SENDING_MS 5000	       /* who hears it has said so by then */

static void print_address(const struct site_relay *r, bool six, char out[64])
{
	char addr[ADDR6_LEN];

	if (six)
		addr6_print(&r->addr6, addr);
	else
		addr4_print(r->addr4, addr);
	snprintf(out, 64, "%s", addr);
}

/* Where in `relays`, counted from 1. */
static unsigned int place_of(struct str_list *relays, const char *address)
{
	for (size_t i = 0; i < relays->len; i++)
		if (str_eq(relays->items[i], address))
			return (unsigned int)i + 1;
	str_list_add(relays, address);
	return (unsigned int)relays->len;
}

void cast_zones_make(struct cast *c, const struct site *site, bool six, struct str_list *relays)
{
	struct cast_zone *zones = mem_array(site->cast.n_relays ? site->cast.n_relays : 1, sizeof(*zones));
	size_t n = 0;

	for (size_t i = 0; i < site->cast.n_relays; i++) {
		const struct site_relay *r = &site->cast.relays[i], *first = site_relay_first(&site->cast, r);
		const struct site_network *net = site_network(site, r->network);
		struct cast_zone *z = &zones[n];
		char address[64];

		if (!first || !net || (six ? !r->has6 || !first->has6 : !r->addr4 || !first->addr4))
			continue;
		*z = (struct cast_zone){ .network = mem_strdup(r->network),
					 .machine = mem_strdup(r->machine),
					 .has4 = net->has4,
					 .net4 = net->net4,
					 .has6 = net->has6,
					 .net6 = net->net6 };
		print_address(r, six, z->relay);
		print_address(first, six, address);
		z->by = place_of(relays, address);
		n++;
	}
	pthread_mutex_lock(&c->all->lock);
	c->zones = zones;
	c->n_zones = n;
	pthread_mutex_unlock(&c->all->lock);
}

void cast_zones_free(struct cast *c)
{
	for (size_t i = 0; i < c->n_zones; i++) {
		free(c->zones[i].network);
		free(c->zones[i].machine);
	}
	free(c->zones);
}

const struct cast_zone *cast_zone_of(const struct cast *c, const char *from)
{
	struct err ignored = { 0 };
	struct addr6 a6;
	uint32_t a4 = 0;
	const bool is4 = from && addr4_read(from, &a4, &ignored) == 0;
	const bool is6 = from && !is4 && addr6_read(from, &a6, &ignored) == 0;

	for (size_t i = 0; i < c->n_zones; i++) {
		const struct cast_zone *z = &c->zones[i];

		if ((is4 && z->has4 && net4_has(&z->net4, a4)) || (is6 && z->has6 && net6_has(&z->net6, &a6)))
			return z;
	}
	return NULL;
}

/* The sender may reach it by unicast besides, packets for this node alone: that is no work of the relay's. */
static bool hears(const struct cast_member *m)
{
	const uint64_t groups = WIRE_HEARD(WIRE_MC4, WIRE_SMALL) | WIRE_HEARD(WIRE_MC6, WIRE_SMALL);

	return m->view.state && m->view.probes & groups;
}

void cast_zone_count(const struct cast *c, const struct cast_zone *z, int64_t told_before_ns, size_t *nodes, size_t *hear)
{
	*nodes = *hear = 0;
	for (size_t i = 0; i < c->n_members; i++) {
		const struct cast_member *m = &c->members[i];

		if (m->old || !m->told || m->zone != z || m->told_ns > told_before_ns)
			continue;
		++*nodes;
		*hear += hears(m);
	}
}

size_t cast_zones_silent(struct cast *c, bool ended, const struct cast_zone **out)
{
	const int64_t before = ended ? INT64_MAX : clock_now_ns() - HEAR_NS;
	size_t n = 0, nodes, hear;

	if (!c->progress.data_packets || (!ended && c->progress.ms < SENDING_MS))
		return 0;
	for (size_t i = 0; i < c->n_zones; i++) {
		struct cast_zone *z = &c->zones[i];

		cast_zone_count(c, z, before, &nodes, &hear);
		if (z->said || !nodes || hear)
			continue;
		z->said = true;
		out[n++] = z;
	}
	return n;
}

void cast_zones_tell(const struct cast *c, const struct cast_zone *const *silent, size_t n)
{
	for (size_t i = 0; i < n; i++)
		event_note(c->all->d, EVENT_WARNING, "relay-silent", NULL,
			   "no node in network %s hears the cast of %s/%s: does its relay, %s (%s), run, and does %s reach it? "
			   "Each of them gets the image by itself, by unicast or over HTTPS",
			   silent[i]->network, c->name, c->id, silent[i]->machine, silent[i]->relay, c->sender);
}

void cast_zones_print(const struct cast *c, struct json_out *w)
{
	size_t nodes, hear;

	json_put_arr(w, "relays");
	for (size_t i = 0; i < c->n_zones; i++) {
		const struct cast_zone *z = &c->zones[i];

		cast_zone_count(c, z, INT64_MAX, &nodes, &hear);
		json_put_obj(w, NULL);
		json_put_str(w, "network", z->network);
		json_put_str(w, "machine", z->machine);
		json_put_str(w, "address", z->relay);
		json_put_u64(w, "nodes", nodes);
		json_put_u64(w, "hear", hear);
		json_put_bool(w, "silent", z->said);
		json_end_obj(w);
	}
	json_end_arr(w);
}
