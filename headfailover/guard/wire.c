/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/wire.h"

#include "base/bigend.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define MAGIC 0x4f475244 /* "OGRD" */
#define SIGNED (GUARD_WIRE_LEN - GUARD_WIRE_TAG)
#define HEADS 2

enum { KIND_PROOF = 0 }; /* besides those of enum lease_kind */
enum { AT_VERSION = 4, AT_KEY = 12 };

/* A datagram, in the order of its bytes; magic, version and key were looked at before. */
struct datagram {
	uint8_t kind, from, to, link, owner, flags, zero;
	uint64_t cluster, boot, number, echo_boot, echo_number, ballot, epoch, lease_ns;
};

const char *guard_refused_name(enum guard_refused why)
{
	static const char *const names[GUARD_REFUSED_END] = {
		[GUARD_SHORT] = "short",	 [GUARD_LONG] = "long",		  [GUARD_MAGIC] = "magic",
		[GUARD_VERSION] = "version",	 [GUARD_UNKNOWN_KEY] = "key",	  [GUARD_FORGED] = "forged",
		[GUARD_CLUSTER] = "cluster",	 [GUARD_REFLECTED] = "reflected", [GUARD_STRANGER] = "stranger",
		[GUARD_ASTRAY] = "astray",	 [GUARD_LINK] = "link",		  [GUARD_KIND] = "kind",
		[GUARD_SENSELESS] = "senseless", [GUARD_UNPROVEN] = "unproven",	  [GUARD_OLD_BOOT] = "old-boot",
		[GUARD_REPEATED] = "repeated",
	};

	return why >= GUARD_SHORT && why < GUARD_REFUSED_END ? names[why] : "?";
}

/* --- what a message may say */

static bool may_own(uint8_t owner)
{
	return owner == LEASE_NOBODY || owner < HEADS;
}

/* Who says it to whom, and which fields mean something in it: msg.h. */
static bool sensible(unsigned int kind, const struct datagram *d)
{
	static const struct {
		bool by_head, to_head, owner, lease;
	} rules[LEASE_KIND_END] = {
		[LEASE_HELLO] = { .owner = true, .lease = true },
		[LEASE_PREPARE] = { .by_head = true },
		[LEASE_PROMISE] = { .to_head = true, .owner = true, .lease = true },
		[LEASE_PROPOSE] = { .by_head = true, .lease = true },
		[LEASE_ACCEPT] = { .to_head = true },
		[LEASE_REJECT] = { .to_head = true, .owner = true, .lease = true },
		[LEASE_RELEASE] = { .by_head = true, .owner = true },
		[LEASE_RELEASED] = { .to_head = true },
	};

	if (kind == KIND_PROOF)
		return d->owner == LEASE_NOBODY && !d->flags && !d->ballot && !d->epoch && !d->lease_ns;
	if ((rules[kind].by_head && d->from >= HEADS) || (rules[kind].to_head && d->to >= HEADS))
		return false;
	if (rules[kind].owner ? !may_own(d->owner) : d->owner != LEASE_NOBODY)
		return false;
	if (d->flags & ~LEASE_FLAGS)
		return false;
	if (d->lease_ns > (rules[kind].lease ? (uint64_t)LEASE_MAX_NS : 0))
		return false;
	/* What nobody has, he has no longer. */
	return !rules[kind].owner || d->owner != LEASE_NOBODY || !d->lease_ns;
}

/* --- writing */

static void tag_of(const uint8_t *data, const struct guard_key *key, uint8_t tag[GUARD_WIRE_TAG])
{
	const int rc = crypto_generichash(tag, GUARD_WIRE_TAG, data, SIGNED, key->bytes, sizeof(key->bytes));

	assert(rc == 0); /* only lengths can be wrong, and these are constants */
	(void)rc;
}

static void datagram_write(const struct datagram *d, const struct guard_key *key, uint8_t out[GUARD_WIRE_LEN])
{
	uint8_t *at = out;

	at = bigend_put(at, MAGIC, 4);
	at = bigend_put(at, GUARD_WIRE_VERSION, 1);
	at = bigend_put(at, d->kind, 1);
	at = bigend_put(at, d->from, 1);
	at = bigend_put(at, d->to, 1);
	at = bigend_put(at, d->link, 1);
	at = bigend_put(at, d->owner, 1);
	at = bigend_put(at, d->flags, 1);
	at = bigend_put(at, 0, 1);
	at = bigend_put(at, key->id, 4);
	at = bigend_put(at, key->cluster, 8);
	at = bigend_put(at, d->boot, 8);
	at = bigend_put(at, d->number, 8);
	at = bigend_put(at, d->echo_boot, 8);
	at = bigend_put(at, d->echo_number, 8);
	at = bigend_put(at, d->ballot, 8);
	at = bigend_put(at, d->epoch, 8);
	at = bigend_put(at, d->lease_ns, 8);
	assert(at == out + SIGNED);
	tag_of(out, key, at);
}

/* The next message to d->to, by every link. */
static void write_all(struct guard_wire *w, struct datagram *d, uint8_t out[GUARD_LINKS][GUARD_WIRE_LEN])
{
	d->from = w->self;
	d->boot = w->boot;
	d->number = ++w->peers[d->to].sent;
	for (unsigned int i = 0; i < w->n_links; i++) {
		d->link = (uint8_t)i;
		datagram_write(d, &w->keys.key[0], out[i]);
	}
}

bool guard_wire_write(struct guard_wire *w, const struct lease_msg *m, uint8_t out[GUARD_LINKS][GUARD_WIRE_LEN])
{
	struct datagram d = { .kind = (uint8_t)m->kind,
			      .from = m->from,
			      .to = m->to,
			      .owner = m->owner,
			      .flags = m->flags,
			      .ballot = m->ballot,
			      .epoch = m->epoch,
			      .lease_ns = (uint64_t)m->lease_ns };

	if (m->from != w->self || m->to == w->self || m->to >= w->n_voters || m->kind < LEASE_HELLO ||
	    m->kind >= LEASE_KIND_END || !sensible(m->kind, &d))
		return false;
	d.echo_boot = w->peers[m->to].boot;
	d.echo_number = w->peers[m->to].newest;
	write_all(w, &d, out);
	return true;
}

void guard_wire_answer(struct guard_wire *w, const struct guard_heard *heard, uint8_t out[GUARD_LINKS][GUARD_WIRE_LEN])
{
	struct datagram d = { .kind = KIND_PROOF,
			      .to = heard->from,
			      .owner = LEASE_NOBODY,
			      .echo_boot = heard->boot,
			      .echo_number = heard->number };

	assert(heard->from < w->n_voters && heard->from != w->self);
	write_all(w, &d, out);
}

/* --- reading */

static bool has_magic(const uint8_t *data, size_t len)
{
	return len > AT_VERSION && bigend_get(&data, AT_VERSION) == MAGIC;
}

/* 0: it is authentic. Nothing of it is used before that but to refuse it. */
static enum guard_refused authentic(const struct guard_wire *w, const uint8_t *data, size_t len, const struct guard_key **key)
{
	const uint8_t *id = data + AT_KEY;
	uint8_t tag[GUARD_WIRE_TAG];
	uint32_t signed_by;

	/* Guards of another version may have datagrams of another length: say what is wrong with them. */
	if (has_magic(data, len) && data[AT_VERSION] != GUARD_WIRE_VERSION)
		return GUARD_VERSION;
	if (len != GUARD_WIRE_LEN)
		return len < GUARD_WIRE_LEN ? GUARD_SHORT : GUARD_LONG;
	if (!has_magic(data, len))
		return GUARD_MAGIC;
	signed_by = (uint32_t)bigend_get(&id, 4);
	*key = NULL;
	for (unsigned int i = 0; i < w->keys.n && !*key; i++)
		if (w->keys.key[i].id == signed_by)
			*key = &w->keys.key[i];
	if (!*key)
		return GUARD_UNKNOWN_KEY;
	tag_of(data, *key, tag);
	return sodium_memcmp(tag, data + SIGNED, GUARD_WIRE_TAG) == 0 ? 0 : GUARD_FORGED;
}

static void datagram_read(const uint8_t *data, struct datagram *d)
{
	const uint8_t *at = data + AT_VERSION + 1;

	d->kind = (uint8_t)bigend_get(&at, 1);
	d->from = (uint8_t)bigend_get(&at, 1);
	d->to = (uint8_t)bigend_get(&at, 1);
	d->link = (uint8_t)bigend_get(&at, 1);
	d->owner = (uint8_t)bigend_get(&at, 1);
	d->flags = (uint8_t)bigend_get(&at, 1);
	d->zero = (uint8_t)bigend_get(&at, 1);
	at += 4; /* the key */
	d->cluster = bigend_get(&at, 8);
	d->boot = bigend_get(&at, 8);
	d->number = bigend_get(&at, 8);
	d->echo_boot = bigend_get(&at, 8);
	d->echo_number = bigend_get(&at, 8);
	d->ballot = bigend_get(&at, 8);
	d->epoch = bigend_get(&at, 8);
	d->lease_ns = bigend_get(&at, 8);
}

/* 0: a voter of this cluster said this to us, by this link, at some time. */
static enum guard_refused for_us(const struct guard_wire *w, unsigned int link, const struct guard_key *key,
				 const struct datagram *d)
{
	if (d->cluster != key->cluster)
		return GUARD_CLUSTER;
	if (d->from == w->self)
		return GUARD_REFLECTED;
	if (d->from >= w->n_voters)
		return GUARD_STRANGER;
	if (d->to != w->self)
		return GUARD_ASTRAY;
	if (d->link != link)
		return GUARD_LINK;
	if (d->kind >= LEASE_KIND_END)
		return GUARD_KIND;
	if (!d->boot || !d->number || !d->echo_boot != !d->echo_number || d->zero || !sensible(d->kind, d))
		return GUARD_SENSELESS;
	return 0;
}

static bool retired(const struct guard_wire_peer *p, uint64_t boot)
{
	for (unsigned int i = 0; i < GUARD_RETIRED; i++)
		if (p->retired[i] == boot)
			return true;
	return false;
}

/* 0: whoever said it did so after we began, and no other boot of this voter began after that. */
static enum guard_refused alive(const struct guard_wire *w, struct guard_wire_peer *p, const struct datagram *d)
{
	if (d->echo_boot != w->boot || d->echo_number > p->sent)
		return GUARD_UNPROVEN;
	if (d->boot == p->boot)
		return 0;
	/* Of another boot than the one that we hear: it must echo what we said after we last heard that one. */
	if (retired(p, d->boot)) {
		p->twins = p->twins || d->echo_number > p->mark;
		return GUARD_OLD_BOOT;
	}
	return !p->boot || d->echo_number > p->mark ? 0 : GUARD_UNPROVEN;
}

static void begin_boot(struct guard_wire_peer *p, uint64_t boot)
{
	if (p->boot)
		p->retired[p->n_retired++ % GUARD_RETIRED] = p->boot;
	p->boot = boot;
	p->newest = p->seen = 0;
	for (unsigned int i = 0; i < GUARD_LINKS; i++)
		p->links[i].newest = 0;
}

/* Was this message not here yet, by any link? */
static bool first_copy(struct guard_wire_peer *p, uint64_t number)
{
	uint64_t behind, bit;

	if (number > p->newest) {
		behind = number - p->newest;
		p->seen = (behind < GUARD_WIRE_WINDOW ? p->seen << behind : 0) | 1;
		p->newest = number;
		return true;
	}
	behind = p->newest - number;
	if (behind >= GUARD_WIRE_WINDOW)
		return false; /* nobody knows any more, and it says nothing of today */
	bit = UINT64_C(1) << behind;
	if (p->seen & bit)
		return false;
	p->seen |= bit;
	return true;
}

static enum guard_verdict refuse(struct guard_wire *w, unsigned int link, enum guard_refused why, struct guard_heard *out)
{
	w->refused[link][why]++;
	out->why = why;
	return GUARD_REFUSED;
}

static bool may_answer(struct guard_wire_link *l, int64_t now_ns)
{
	if (l->answered_ns && now_ns - l->answered_ns < GUARD_ANSWER_NS)
		return false;
	l->answered_ns = now_ns;
	return true;
}

static enum guard_verdict believe(struct guard_wire *w, unsigned int link, const struct datagram *d, int64_t now_ns,
				  struct guard_heard *out)
{
	struct guard_wire_peer *p = &w->peers[d->from];
	struct guard_wire_link *l = &p->links[link];

	out->new_boot = d->boot != p->boot;
	if (out->new_boot)
		begin_boot(p, d->boot);
	else if (d->number <= l->newest)
		return refuse(w, link, GUARD_REPEATED, out);
	out->answer = out->new_boot;
	l->missed += l->newest ? d->number - l->newest - 1 : 0;
	l->newest = d->number;
	l->heard++;
	l->heard_ns = now_ns;
	p->mark = p->sent;
	if (!first_copy(p, d->number))
		return GUARD_COPY;
	if (d->kind == KIND_PROOF)
		return GUARD_PROOF;
	out->msg = (struct lease_msg){ .kind = (enum lease_kind)d->kind,
				       .from = d->from,
				       .to = d->to,
				       .owner = d->owner,
				       .flags = d->flags,
				       .ballot = d->ballot,
				       .epoch = d->epoch,
				       .lease_ns = (int64_t)d->lease_ns };
	return GUARD_TAKEN;
}

enum guard_verdict guard_wire_hear(struct guard_wire *w, unsigned int link, const uint8_t *data, size_t len, int64_t now_ns,
				   struct guard_heard *out)
{
	const struct guard_key *key = NULL;
	struct guard_wire_peer *p;
	enum guard_refused why;
	struct datagram d;

	assert(link < w->n_links);
	*out = (struct guard_heard){ 0 };
	why = authentic(w, data, len, &key);
	if (why)
		return refuse(w, link, why, out);
	datagram_read(data, &d);
	out->from = d.from;
	out->boot = d.boot;
	out->number = d.number;
	why = for_us(w, link, key, &d);
	if (why)
		return refuse(w, link, why, out);
	p = &w->peers[d.from];
	why = alive(w, p, &d);
	if (!why)
		return believe(w, link, &d, now_ns, out);
	/* It may be a voter that has not heard of us yet: he hears by the answer what he has to echo. */
	out->answer = why == GUARD_UNPROVEN && d.boot != p->boot && may_answer(&p->links[link], now_ns);
	return refuse(w, link, why, out);
}

/* --- beginning */

int guard_wire_keys(struct guard_wire *w, const struct guard_keys *keys, struct err *err)
{
	if (keys->n < 1 || keys->n > GUARD_KEYS)
		return err_set(err, ERR_INVALID, "the guard has %u keys: it needs one, or two while they change", keys->n);
	if (keys->n == 2 && keys->key[0].id == keys->key[1].id)
		return err_set(err, ERR_INVALID, "the guard's two keys are one");
	w->keys = *keys;
	return 0;
}

int guard_wire_init(struct guard_wire *w, uint8_t self, unsigned int n_voters, unsigned int n_links, uint64_t boot,
		    const struct guard_keys *keys, struct err *err)
{
	*w = (struct guard_wire){ .self = self, .n_voters = n_voters, .n_links = n_links, .boot = boot };
	if (n_voters < 2 || n_voters > LEASE_VOTERS || self >= n_voters)
		return err_set(err, ERR_INVALID, "the guard is voter %u of %u: there are 2 to %u, from 0 on", self, n_voters,
			       LEASE_VOTERS);
	if (n_links < 1 || n_links > GUARD_LINKS)
		return err_set(err, ERR_INVALID, "the guard has %u links: it needs one, and may have %u", n_links, GUARD_LINKS);
	if (!boot)
		return err_set(err, ERR_INVALID, "the guard has no boot id");
	return guard_wire_keys(w, keys, err);
}
