/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of cast/tx.h: the outlets, which are the ways that packets leave by. While all gather, by all of them; then by those that
 * cast/modes.h chooses: in the usual case one. */
#include "base/mem.h"
#include "cast/tx_priv.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <string.h>

#define TRAIN_LATE_NS (200 * NS_PER_MS) /* between two trains for those that hear nothing */
#define HELLOS_MAX 16			/* of one receiver that are answered */

static struct tx_outlet *add(struct tx *t, enum wire_way way, int fd, const struct sockaddr_storage *to)
{
	struct tx_outlet *o = &t->outlets[t->n_outlets++];

	*o = (struct tx_outlet){ .way = way, .used = true, .out = { .fd = fd, .to = *to, .one_by_one = t->one_by_one } };
	return o;
}

static void drop(struct tx *t, struct tx_outlet *o)
{
	*o = t->outlets[--t->n_outlets];
}

static enum wire_way way_of(const struct sockaddr_storage *group)
{
	if (!net_multicast(group))
		return WIRE_UNICAST;
	return group->ss_family == AF_INET ? WIRE_MC4 : WIRE_MC6;
}

static uint8_t bit_of(const struct tx_outlet *o)
{
	return (uint8_t)WIRE_HEARD(o->way, WIRE_SMALL);
}

void tx_outlets_make(struct tx *t)
{
	const struct session *s = &t->session;
	uint8_t offered = 0;

	add(t, way_of(&s->group), t->fds[0], &s->group)->fixed = !net_multicast(&s->group);
	if (t->n_fds > 1)
		add(t, way_of(&s->group2), t->fds[1], &s->group2);
	for (unsigned int i = 0; i < t->n_fds && s->broadcast.ss_family; i++)
		if ((i ? &s->sender2 : &s->sender)->ss_family == s->broadcast.ss_family) {
			net_may_broadcast(t->fds[i]);
			add(t, WIRE_BROADCAST, t->fds[i], &s->broadcast);
		}
	for (unsigned int i = 0; i < t->n_outlets; i++)
		offered |= bit_of(&t->outlets[i]);
	modes_init(&t->modes, offered, t->packet > WIRE_PACKET_MAX ? WIRE_JUMBO : WIRE_FULL, s->group.ss_family == AF_INET6);
}

/* --- those that are sent everything by themselves: of tx_run alone, with the lock */

static struct tx_outlet *outlet_of(struct tx *t, uint16_t number)
{
	for (unsigned int i = 0; i < t->n_outlets; i++)
		if (t->outlets[i].number == number)
			return &t->outlets[i];
	return NULL;
}

static struct tx_outlet *add_single(struct tx *t, uint16_t number, const struct sockaddr_storage *to)
{
	struct tx_outlet *o = outlet_of(t, number);

	if (o || t->n_outlets == TX_OUTLETS)
		return o;
	for (unsigned int i = 0; i < t->n_fds; i++)
		if ((i ? &t->session.sender2 : &t->session.sender)->ss_family == to->ss_family) {
			o = add(t, WIRE_UNICAST, t->fds[i], to);
			o->number = number;
			return o;
		}
	return NULL;
}

static unsigned int singles(const struct tx *t)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < t->n_outlets; i++)
		n += t->outlets[i].number != 0;
	return n;
}

/* Who was named to tx_relay(), and who left. */
static void look_at_singles(struct tx *t)
{
	for (; t->relays_seen < t->n_relays && t->n_outlets < TX_OUTLETS; t->relays_seen++) {
		struct tx_outlet *o = add(t, way_of(&t->session.group), t->fds[0], &t->relays[t->relays_seen]);

		o->fixed = o->relay = t->stale = true;
	}
	for (unsigned int i = t->n_outlets; i-- > 0;) {
		const uint16_t number = t->outlets[i].number;

		if (number && !(t->peers[number] && t->peers[number]->seal))
			drop(t, &t->outlets[i]);
	}
}

/* --- who hears what: with the lock */

void tx_outlets_heard(struct tx *t, uint16_t number, const struct wire_report *r, const struct sockaddr_storage *from)
{
	struct tx_peer *p = t->peers[number];

	if (!p->told || p->probes != r->probes) {
		if (p->told)
			modes_changed(&t->modes, p->probes, r->probes);
		else
			modes_told(&t->modes, r->probes);
		p->told = t->stale = true;
		p->probes = r->probes;
	}
	/* It has heard no POLL yet: what does reach it is to be found out. */
	if (r->seq || p->hellos >= HELLOS_MAX)
		return;
	p->hellos++;
	t->hello = true;
	if (!t->outlets[0].fixed && !outlet_of(t, number) && singles(t) < MODES_UNICAST) {
		struct tx_outlet *o = add_single(t, number, from);

		if (o)
			o->used = !t->chosen; /* later only when it is known to reach it */
	}
}

/* --- what goes out */

int tx_outlets_put(struct tx *t, const uint8_t *data, size_t len, size_t each, struct err *err)
{
	const uint64_t n = (len + each - 1) / each;
	unsigned int used = 0, broken = 0;
	struct err why = { 0 };
	bool left = false;

	for (unsigned int i = 0; i < t->n_outlets; i++) {
		struct tx_outlet *o = &t->outlets[i];
		const uint64_t lost = o->out.lost;

		if (!o->used)
			continue;
		used++;
		if (net_send(&o->out, data, len, each, &why) < 0)
			broken++;
		else
			left |= o->out.lost - lost < n;
	}
	/* One way that is of no use is like one that loses all: as long as there are others. */
	if (used != broken)
		return left;
	*err = why;
	return -1;
}

/* Small, full-size and, where our link takes them, jumbo packets. What does not leave is not heard. */
static void train_by(struct tx *t, struct tx_outlet *o)
{
	uint8_t p[WIRE_HEAD + WIRE_PROBE_JUMBO];
	struct err ignored = { 0 };

	for (int size = 0; size < (t->jumbo ? WIRE_SIZES : WIRE_JUMBO); size++) {
		const struct wire_probe probe = { .way = o->way, .size = (enum wire_size)size };
		const size_t len = tx_seal(t, WIRE_PROBE, p, wire_probe_write(&probe, p + WIRE_HEAD));

		(void)!net_send(&o->out, p, len, len, &ignored);
	}
}

static void train(struct tx *t, int64_t now_ns, bool gathering)
{
	if (!gathering && (!t->hello || now_ns - t->train_ns < TRAIN_LATE_NS))
		return;
	t->train_ns = now_ns;
	t->hello = false;
	for (unsigned int i = 0; i < t->n_outlets; i++)
		if (!t->outlets[i].fixed || t->outlets[i].relay)
			train_by(t, &t->outlets[i]);
}

/* Whoever is reached by nothing that goes to many: not too many of them, and not too few of all. */
static bool worth_singles(const struct tx *t)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < t->n_outlets; i++) {
		const struct tx_outlet *o = &t->outlets[i];

		n += o->number && !o->fixed && modes_alone(&t->modes, t->peers[o->number]->probes, t->ways);
	}
	return modes_worth(&t->modes, n);
}

static void use(struct tx *t)
{
	const bool worth = worth_singles(t);

	for (unsigned int i = t->n_outlets; i-- > 0;) {
		struct tx_outlet *o = &t->outlets[i];

		if (o->fixed)
			continue;
		if (!o->number) {
			o->used = t->ways & bit_of(o);
			continue;
		}
		o->used = modes_alone(&t->modes, t->peers[o->number]->probes, t->ways) && (worth || (t->chosen && o->used));
		if (modes_reach(&t->modes, t->peers[o->number]->probes) & t->ways)
			drop(t, o);
	}
}

static const char *name_of(uint8_t ways)
{
	static const char *const names[] = { "unicast only",
					     "IPv6 multicast",
					     "IPv4 multicast",
					     "IPv6 and IPv4 multicast",
					     "broadcast",
					     "IPv6 multicast and broadcast",
					     "IPv4 multicast and broadcast",
					     "IPv6 and IPv4 multicast and broadcast" };

	return names[ways & 7];
}

static void choose(struct tx *t)
{
	const uint8_t before = t->ways;

	/* What comes from a relay comes by the group: POLLs say that it is in use, and must not say so to others in vain. */
	t->ways = modes_choose(&t->modes, (t->chosen ? t->ways : 0) | (t->n_relays ? bit_of(&t->outlets[0]) : 0));
	use(t);
	if (t->ways != before)
		log_debug("cast", "cast %08x goes out by %s to %u receivers", t->session.cast, name_of(t->ways), t->modes.told);
	if (!t->chosen && t->small_instead && modes_too_large(&t->modes)) {
		t->too_large = true;
		atomic_store(&t->stop, true);
		for (unsigned int i = 0; i < t->n_outlets; i++) /* all are to hear that it is over */
			t->outlets[i].used = true;
	}
	t->chosen = true;
	t->stale = false;
}

/* With the lock. What is allowed is allowed to all ways together. */
static void limit(struct tx *t)
{
	unsigned int used = 0;

	for (unsigned int i = 0; i < t->n_outlets; i++)
		used += t->outlets[i].used;
	if (!t->rate_max || !used || used == t->limited_to)
		return;
	t->limited_to = used;
	sender_limit(t->sender, t->rate_max / used);
}

void tx_outlets_before_poll(struct tx *t, struct wire_poll *poll)
{
	const bool gathering = poll->stage == WIRE_GATHER;
	const int64_t now = clock_now_ns();

	pthread_mutex_lock(&t->lock);
	look_at_singles(t);
	if (!gathering && !t->too_large && (!t->chosen || t->stale))
		choose(t);
	poll->ways = gathering ? 0 : t->ways;
	for (unsigned int i = 0; i < t->n_outlets && !gathering; i++)
		if (t->outlets[i].used)
			poll->ways |= bit_of(&t->outlets[i]);
	t->said_ways = poll->ways;
	if (!gathering)
		limit(t);
	pthread_mutex_unlock(&t->lock);
	train(t, now, gathering);
}

int tx_relay(struct tx *t, const struct sockaddr_storage *to, struct err *err)
{
	unsigned int i = 0;
	int rc = 0;

	if (to->ss_family != t->session.sender.ss_family)
		return err_set(err, ERR_INVALID, "a relay has another address family than the sender");
	pthread_mutex_lock(&t->lock);
	while (i < t->n_relays && !net_same(&t->relays[i], to))
		i++;
	if (i == TX_RELAYS)
		rc = err_set(err, ERR_REFUSED, "the cast has %u relays already", i);
	else if (i == t->n_relays)
		t->relays[t->n_relays++] = *to;
	pthread_mutex_unlock(&t->lock);
	return rc;
}
