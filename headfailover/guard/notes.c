/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/notes.h"

#include "base/mem.h"
#include "site/addr.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#define MS(ns) ((double)(ns) / 1e6)

static const char *name_of(const struct guard_config *c, uint8_t voter)
{
	return voter < c->lease.n_voters ? c->names[voter] : "nobody";
}

static void say(struct control_event *e, int severity, const char *kind, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void say(struct control_event *e, int severity, const char *kind, const char *fmt, ...)
{
	va_list args;

	e->severity = (uint32_t)severity;
	snprintf(e->kind, sizeof(e->kind), "%s", kind);
	va_start(args, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, args);
	va_end(args);
}

static bool tell_lease(const struct guard_config *c, const struct loop_note *n, int64_t now_ns, struct control_event *e)
{
	const char *who = name_of(c, n->who);

	switch ((enum lease_note_kind)n->kind) {
	case LEASE_NOTE_QUARANTINE:
		say(e, LOG_INFO, "lease-quarantine", "does not vote for %.1f ms: a lease that it forgot may still run",
		    MS(n->value - now_ns));
		return true;
	case LEASE_NOTE_VOTES:
		say(e, LOG_INFO, "lease-votes", "votes");
		return true;
	case LEASE_NOTE_CLOCK:
		say(e, LOG_ERR, "lease-clock",
		    "this machine's clock went back by %.1f ms, which CLOCK_BOOTTIME never does: nothing that it knew counts any "
		    "more; "
		    "look at the kernel's log, and at the host if this is a virtual machine",
		    MS(n->value));
		return true;
	case LEASE_NOTE_STALLED:
		say(e, LOG_WARNING, "lease-stalled",
		    "had no processor for %.1f ms, or was stopped: longer than a lease, so that it begins anew", MS(n->value));
		return true;
	case LEASE_NOTE_TAKEOVER:
		say(e, LOG_WARNING, "lease-takeover", "takes over from %s, of which nothing was heard for %.1f ms", who,
		    MS(n->value));
		return true;
	case LEASE_NOTE_LATE:
		return false; /* counted */
	case LEASE_NOTE_GIVEN:
		say(e, LOG_INFO, "lease-given", "gave the lease away: %s may have it", n->who == LEASE_NOBODY ? "anybody" : who);
		return true;
	case LEASE_NOTE_ALONE:
		say(e, LOG_WARNING, "lease-alone",
		    "no majority of the voters answers: this head can't take the lease; look at the cables to them, and whether "
		    "they run");
		return true;
	case LEASE_NOTE_REFUSED:
		say(e, LOG_ERR, "lease-refused",
		    "%s is silent, and there is neither a third voter nor a fence that could tell whether it is dead: it is not "
		    "taken over from; "
		    "add a witness (pair.witnesses) or what can switch it off (pair.fences; the driver \"manual\" asks an "
		    "administrator)",
		    who);
		return true;
	case LEASE_NOTE_FENCE_FAILED:
		say(e, LOG_ERR, "fence-failed",
		    "%s could not be switched off for certain, so it is not taken over from; it is tried again", who);
		return true;
	case LEASE_NOTE_NOT_HOLDER:
		say(e, LOG_WARNING, "lease-not-held", "can't give the lease to %s: it is not held here", who);
		return true;
	case LEASE_NOTE_UNABLE:
		say(e, LOG_WARNING, "lease-not-given", "keeps the lease: %s is silent, paused, unfit or does not vote yet", who);
		return true;
	case LEASE_NOTE_LONGER:
		say(e, LOG_ERR, "lease-longer",
		    "%s asks for a lease of %.0f ms, which is longer than here: the site.json of the two differ; put the same on "
		    "both, "
		    "and restart the guards one after the other",
		    who, MS(n->value));
		return true;
	case LEASE_NOTE_END:
		break;
	}
	return false;
}

static bool tell_loop(const struct guard_config *c, const struct loop_note *n, struct control_event *e)
{
	const char *who = name_of(c, n->who);
	char address[ADDR6_LEN];

	switch ((enum loop_note_kind)n->kind) {
	case LOOP_GAINED:
		say(e, LOG_INFO, "lease-taken", "answers for the service addresses (epoch %llu)", (unsigned long long)n->number);
		return true;
	case LOOP_LOST:
		say(e, LOG_INFO, "lease-lost", "does not answer for the service addresses any more");
		return true;
	case LOOP_RENEWED:
		return false; /* counted */
	case LOOP_FENCE:
		say(e, LOG_WARNING, "fence-soon", "%s is silent: if it stays so, it is switched off, to take over from it", who);
		return true;
	case LOOP_MET:
		say(e, LOG_INFO, "voter-met", "hears %s (boot %016llx)", who, (unsigned long long)n->number);
		return true;
	case LOOP_TWINS:
		say(e, LOG_ERR, "voter-twins", "two machines say that they are %s: one of them has a wrong --self, or is a copy",
		    who);
		return true;
	case LOOP_CONFLICT:
		addr6_print(&n->addr, address);
		say(e, LOG_ERR, "address-conflict",
		    "%02x:%02x:%02x:%02x:%02x:%02x says that it has the service address %s, which is ours now: find that machine",
		    n->mac[0], n->mac[1], n->mac[2], n->mac[3], n->mac[4], n->mac[5], address);
		return true;
	case LOOP_CABLE_OUT:
		say(e, LOG_WARNING, "cable-out", "%s has no carrier", n->interface);
		return true;
	case LOOP_CABLE_IN:
		say(e, LOG_INFO, "cable-in", "%s has a carrier", n->interface);
		return true;
	case LOOP_GONE:
		say(e, LOG_ERR, "interface-gone", "%s is no more: nobody answers there", n->interface);
		return true;
	case LOOP_ADDRESSES_FAIL:
		say(e, LOG_ERR, "addresses-failed", "%llu service addresses could not be put in place",
		    (unsigned long long)n->number);
		return true;
	case LOOP_ADDRESSES_RIGHT:
		say(e, LOG_INFO, "addresses-right", "the service addresses are in place again");
		return true;
	case LOOP_GATE_FAIL:
		say(e, LOG_ERR, "gate-failed", "the gate could not be moved; it shuts at its last deadline");
		return true;
	}
	return false;
}

bool note_tell(const struct guard_config *config, const struct loop_note *n, int64_t now_ns, struct control_event *out)
{
	*out = (struct control_event){ .version = CONTROL_VERSION };
	return n->kind < LEASE_NOTE_END ? tell_lease(config, n, now_ns, out) : tell_loop(config, n, out);
}
