/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of headfailover/guard/loop.h: what the core wants is done, in the order that docs/failover.md gives. */
#include "headfailover/guard/loop_acts.h"

#include <string.h>

#define TELL_NS INT64_C(10000000000)
#define LOOK_NS INT64_C(5000000)

static void note(struct loop *l, uint32_t kind, uint8_t who, int64_t value)
{
	const struct loop_note n = { .kind = kind, .who = who, .value = value };

	ring_put(&l->notes, &n);
}

/* What others can make happen as often as they like, or goes on for long, is told now and then: each is an event of the cluster.
 */
static bool too_often(struct loop *l, int64_t *last_ns)
{
	const int64_t now = loop_clock(l);

	if (*last_ns && now - *last_ns < TELL_NS)
		return true;
	*last_ns = now;
	return false;
}

/* A lab's deadline, by the kernel's clock. Rounded to what is earlier. */
static int64_t by_kernel(const struct loop *l, int64_t ns)
{
	if (l->rate == 1 || ns == 0)
		return ns;
	return l->rate_from_ns + (int64_t)((double)(ns - l->rate_from_ns) / l->rate);
}

/* Where it can't be shut (nftables' netlink), it is open until its last deadline, and nothing may be released before that. */
static void move_gate(struct loop *l, int64_t ns)
{
	struct err err = { 0 };
	const int64_t before = l->gate_ns;

	if (!l->gate)
		return;
	l->gate_ns = ns;
	if (gate_deadline(l->gate, by_kernel(l, ns), &err) == 0) {
		l->shut_after_ns = 0;
		return;
	}
	if (ns < before) /* whether it was moved is not known: the later of the two counts */
		l->gate_ns = before;
	if (!too_often(l, &l->told_gate_ns))
		note(l, LOOP_GATE_FAIL, LEASE_NOBODY, ns);
	if (ns == 0)
		l->shut_after_ns = before;
}

/* Of what another head can take the lease by, nothing is said while the own gate can't be shut: neither that the lease was given
 * up, nor that the own voter, for which it was, grants it. */
static bool gives(const struct lease_msg *m)
{
	return m->kind == LEASE_RELEASE || m->kind == LEASE_ACCEPT;
}

static bool may_give(struct loop *l)
{
	if (l->shut_after_ns && loop_clock(l) > l->shut_after_ns)
		l->shut_after_ns = 0;
	if (l->shut_after_ns)
		move_gate(l, 0);
	return !l->shut_after_ns;
}

static void send_all(struct loop *l, const struct lease_actions *a)
{
	uint8_t packets[GUARD_LINKS][GUARD_WIRE_LEN];

	for (unsigned int i = 0; i < a->n_send; i++) {
		const struct lease_msg *m = &a->send[i];

		/* One that is not told now is told by the core's next try. */
		if (gives(m) && !may_give(l))
			continue;
		if (guard_wire_write(&l->wire, m, packets))
			guard_links_send(&l->links, m->to, (const uint8_t(*)[GUARD_WIRE_LEN])packets, loop_clock(l));
	}
}

static void lose(struct loop *l)
{
	l->has = false;
	burst_stop(&l->burst);
	l->burst_ns = LEASE_NEVER;
	if (l->addresses)
		addresses_want(l->addresses, false);
	note(l, LOOP_LOST, LEASE_NOBODY, 0);
}

/* The gate is open: say it first, then have the kernel answer by itself. */
static void gain(struct loop *l, uint64_t epoch)
{
	const struct loop_note n = { .kind = LOOP_GAINED, .number = epoch };

	l->has = true;
	if (l->announce) {
		burst_start(&l->burst, loop_clock(l));
		loop_burst(l);
	}
	if (l->addresses)
		addresses_want(l->addresses, true);
	ring_put(&l->notes, &n);
}

static void tell(struct loop *l, const struct lease_actions *a, bool renewed, int64_t now)
{
	for (unsigned int i = 0; i < a->n_notes; i++)
		if (a->notes[i].kind != LEASE_NOTE_LONGER || !too_often(l, &l->told_longer_ns))
			note(l, a->notes[i].kind, a->notes[i].who, a->notes[i].value);
	/* The deadline says when it was asked for: t + T - M. */
	if (renewed)
		note(l, LOOP_RENEWED, LEASE_NOBODY,
		     now - (a->gate_ns - l->config->lease.lease_ns + lease_margin_ns(l->config->lease.lease_ns)));
	if (a->fence != LEASE_NOBODY)
		note(l, LOOP_FENCE, a->fence, 0);
}

void loop_step(struct loop *l, enum lease_on kind, uint8_t who, bool ok, const struct lease_msg *msg)
{
	struct lease_event e = { .kind = kind, .who = who, .ok = ok, .now_ns = loop_clock(l) };
	const bool had = l->has;
	struct lease_actions a;

	if (msg)
		e.msg = *msg;
	lease_step(&l->lease, &e, &a);
	if (a.gate_changed)
		move_gate(l, a.gate_ns);
	send_all(l, &a);
	if (a.lost)
		lose(l);
	if (a.gained)
		gain(l, a.epoch);
	tell(l, &a, had && !a.lost && a.gate_changed && a.gate_ns, e.now_ns);
	l->timer_ns = a.timer_ns;
}

void loop_unfit(struct loop *l, enum loop_unfit why, bool is)
{
	const uint8_t before = l->unfit;

	l->unfit = (uint8_t)(is ? before | why : before & ~why);
	if (!before != !l->unfit)
		loop_step(l, l->unfit ? LEASE_ON_UNFIT : LEASE_ON_FIT, LEASE_NOBODY, true, NULL);
}

void loop_burst(struct loop *l)
{
	if (burst_due(&l->burst, loop_clock(l), &l->burst_ns))
		(void)announce_send(l->announce); /* what does not leave is said again */
}

static void set_cable(struct loop *l, const char *interface, bool out)
{
	const struct gate_config *g = &l->config->gate;

	for (size_t i = 0; i < g->n_interfaces; i++)
		if (strcmp(g->interfaces[i], interface) == 0)
			l->cables_out = out ? l->cables_out | 1U << i : l->cables_out & ~(1U << i);
	loop_unfit(l, LOOP_CABLE, l->cables_out);
}

void loop_look_around(struct loop *l)
{
	struct announce_event e;
	enum announce_kind kind;

	while ((kind = announce_read(l->announce, &e)) != ANNOUNCE_NOTHING) {
		struct loop_note n = { .who = LEASE_NOBODY };

		memcpy(n.interface, e.interface, sizeof(n.interface));
		switch (kind) {
		case ANNOUNCE_CONFLICT:
			l->look_ns = loop_clock(l) + LOOK_NS;
			if (!l->has || too_often(l, &l->told_conflict_ns))
				continue; /* whoever has it says so */
			n.kind = LOOP_CONFLICT;
			n.addr = e.addr;
			memcpy(n.mac, e.mac, sizeof(n.mac));
			break;
		case ANNOUNCE_LINK_UP:
			n.kind = LOOP_CABLE_IN;
			set_cable(l, e.interface, false);
			if (l->has) {
				burst_start(&l->burst, loop_clock(l));
				loop_burst(l);
			}
			break;
		case ANNOUNCE_LINK_DOWN:
			n.kind = LOOP_CABLE_OUT;
			set_cable(l, e.interface, true);
			break;
		case ANNOUNCE_GONE:
			n.kind = LOOP_GONE;
			set_cable(l, e.interface, true);
			break;
		case ANNOUNCE_NOTHING:
			break;
		}
		ring_put(&l->notes, &n);
	}
}

void loop_see_addresses(struct loop *l)
{
	struct addresses_state s;
	bool failed;

	addresses_done(l->addresses, &s);
	l->addresses_state = s;
	failed = s.there && s.n_failed;
	if (failed != l->addresses_failed) {
		const struct loop_note n = { .kind = failed ? LOOP_ADDRESSES_FAIL : LOOP_ADDRESSES_RIGHT, .number = s.n_failed };

		ring_put(&l->notes, &n);
		loop_unfit(l, LOOP_ADDRESSES, failed);
	}
	l->addresses_failed = failed;
}

void loop_tell_twins(struct loop *l)
{
	for (uint8_t v = 0; v < l->config->lease.n_voters; v++)
		if (l->wire.peers[v].twins && !l->twins[v]) {
			l->twins[v] = true;
			note(l, LOOP_TWINS, v, 0);
		}
}
