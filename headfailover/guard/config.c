/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/config.h"

#include "base/mem.h"
#include "base/str.h"
#include "site/site.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define MS INT64_C(1000000)
#define LONG_NS (1000 * MS) /* of a lease; the site may have said so when it was granted, and something shorter now */

static void socket_address(const struct site_ip *a, uint64_t port, struct sockaddr_storage *out)
{
	*out = (struct sockaddr_storage){ 0 };
	if (a->six) {
		struct sockaddr_in6 *s = (struct sockaddr_in6 *)out;

		s->sin6_family = AF_INET6;
		s->sin6_port = htons((uint16_t)port);
		memcpy(&s->sin6_addr, a->addr6.bytes, sizeof(a->addr6.bytes));
	} else {
		struct sockaddr_in *s = (struct sockaddr_in *)out;

		s->sin_family = AF_INET;
		s->sin_port = htons((uint16_t)port);
		s->sin_addr.s_addr = htonl(a->addr4);
	}
}

static int name_voters(const struct site *s, const char *self, struct guard_config *c, struct err *err)
{
	uint8_t n = 0;

	c->lease.self = LEASE_NOBODY;
	for (size_t i = 0; i < s->n_heads; i++)
		snprintf(c->names[n++], GUARD_NAME, "%s", s->heads[i].name);
	for (size_t i = 0; i < s->pair.n_witnesses; i++)
		snprintf(c->names[n++], GUARD_NAME, "%s", s->pair.witnesses[i].name);
	for (uint8_t i = 0; i < n; i++)
		if (str_eq(c->names[i], self))
			c->lease.self = i;
	c->lease.n_voters = n;
	c->head = c->lease.self < LEASE_HEADS;
	if (c->lease.self != LEASE_NOBODY)
		return 0;
	err_set(err, ERR_NOT_FOUND, "site.json knows neither a head nor a witness named '%s'", self);
	return err_hint(err, "give the name it has there: orthrus-guard --self NAME");
}

static void set_links(const struct site *s, struct guard_config *c)
{
	const struct site_pair *p = &s->pair;

	for (size_t i = 0; i < p->n_links; i++) {
		struct guard_link_config *l = &c->links[c->n_links++];
		const char *interface = c->head ? site_head_interface(s, c->lease.self, p->links[i].network) : NULL;

		snprintf(l->interface, sizeof(l->interface), "%s", interface ? interface : "");
		for (uint8_t v = 0; v < c->lease.n_voters; v++) {
			const struct site_ip *a =
				v < LEASE_HEADS ? &p->links[i].heads[v] : site_witness_address(&p->witnesses[v - LEASE_HEADS], i);

			socket_address(a, p->port, v == c->lease.self ? &l->local : &l->peers[v]);
		}
	}
}

/* Of this head's interfaces that site.json names, each once. NULL: no more room. */
static const char *keep_interface(struct guard_config *c, const char *name)
{
	struct gate_config *g = &c->gate;

	for (size_t i = 0; i < g->n_interfaces; i++)
		if (str_eq(g->interfaces[i], name))
			return g->interfaces[i];
	if (g->n_interfaces == GATE_INTERFACES)
		return NULL;
	snprintf(c->interfaces[g->n_interfaces], IFNAMSIZ, "%s", name);
	g->interfaces[g->n_interfaces] = c->interfaces[g->n_interfaces];
	return g->interfaces[g->n_interfaces++];
}

static int set_interfaces(const struct site *s, struct guard_config *c, struct err *err)
{
	const struct site_head *me = &s->heads[c->lease.self];
	bool room = keep_interface(c, me->interface);

	for (size_t i = 0; i < s->pair.n_interfaces; i++)
		if (str_eq(s->pair.interfaces[i].head, me->name))
			room = room && keep_interface(c, s->pair.interfaces[i].interface);
	return room ? 0
		    : err_set(err, ERR_INVALID, "%s has more than %d interfaces that packets of service addresses could come by",
			      me->name, GATE_INTERFACES);
}

/* Has this head an address of its own in that network? Then that one has the route, and the service address is one of a single
 * host: were it of the same subnet, the kernel could take one away with the other. */
static bool has_own(const struct site *s, size_t head, const char *network)
{
	if (str_eq(s->heads[head].network, network))
		return true;
	for (size_t i = 0; i < s->pair.n_links; i++)
		if (str_eq(s->pair.links[i].network, network))
			return true;
	return false;
}

static int add_address(struct guard_config *c, const struct service_addr *a, struct err *err)
{
	if (c->n_addrs == SERVICE_ADDRS || c->gate.n_addrs == GATE_ADDRS)
		return err_set(err, ERR_INVALID, "there are more than %d service addresses", SERVICE_ADDRS);
	c->addrs[c->n_addrs++] = *a;
	c->gate.addrs[c->gate.n_addrs++] = a->addr;
	return 0;
}

static struct addr6 mapped(uint32_t a)
{
	return (struct addr6){
		.bytes = { [10] = 0xff, [11] = 0xff, (uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a }
	};
}

static int set_address(const struct site *s, const struct site_vip *v, struct guard_config *c, struct err *err)
{
	const char *interface = site_head_interface(s, c->lease.self, v->network);
	const struct site_network *n = site_network(s, v->network);
	struct service_addr a = { .route = !has_own(s, c->lease.self, v->network) };

	if (!interface || !n) {
		err_set(err, ERR_INVALID,
			"site.json does not say by which interface %s is on network %s, where the service address %s is",
			c->names[c->lease.self], v->network, v->name);
		return err_hint(err, "name it in pair.interfaces: site.json(5)");
	}
	a.interface = keep_interface(c, interface);
	if (!a.interface)
		return err_set(err, ERR_INVALID, "there are more than %d interfaces with service addresses", GATE_INTERFACES);
	if (v->addr4) {
		a.addr = mapped(v->addr4);
		a.prefix = a.route ? n->net4.prefix : 32;
		if (add_address(c, &a, err) < 0)
			return -1;
	}
	if (!v->has6)
		return 0;
	a.addr = v->addr6;
	a.prefix = a.route ? n->net6.prefix : 128;
	return add_address(c, &a, err);
}

int guard_config_of(const struct site *s, const char *self, struct guard_config *c, struct err *err)
{
	static const enum gate_kind kinds[] = {
		[SITE_GATE_AUTO] = GATE_ANY, [SITE_GATE_BPF] = GATE_BPF, [SITE_GATE_NFT] = GATE_NFT
	};

	*c = (struct guard_config){ .cpu = -1 };
	if (!s->pair.given) {
		err_set(err, ERR_REFUSED, "this cluster has one head: site.json has no \"pair\", so there is nothing to guard");
		return err_hint(err, "site.json(5) says what a pair of heads needs");
	}
	snprintf(c->cluster, sizeof(c->cluster), "%s", s->cluster);
	if (name_voters(s, self, c, err) < 0)
		return -1;
	c->lease.lease_ns = (int64_t)s->pair.lease_ms * MS;
	c->lease.renew_ns = (int64_t)s->pair.renew_ms * MS;
	if (c->lease.lease_ns < LONG_NS)
		c->lease.first_quarantine_ns = LONG_NS + LONG_NS / 10;
	c->lease.hold_off_ns = (int64_t)s->pair.hold_off_s * 1000 * MS;
	c->lease.rank = c->head && !str_eq(s->pair.preferred, self);
	c->lease.has_fence = s->pair.n_fences > 0;
	c->gate.kind = kinds[s->pair.gate];
	set_links(s, c);
	if (lease_config_check(&c->lease, err) < 0)
		return -1;
	if (!c->head)
		return 0;
	c->cpu = s->pair.cpu; /* of the heads: a witness may be a smaller machine */
	if (set_interfaces(s, c, err) < 0)
		return -1;
	/* "nfs" goes with the disk behind it, which is not given away by a lease of milliseconds. */
	for (size_t i = 0; i < s->n_vips; i++)
		if (!str_eq(s->vips[i].name, "nfs") && set_address(s, &s->vips[i], c, err) < 0)
			return -1;
	if (c->n_addrs)
		return 0;
	err_set(err, ERR_REFUSED, "site.json has no service address, so there is nothing to guard");
	return err_hint(err, "write one, named \"svc\", into service_addresses: site.json(5)");
}
