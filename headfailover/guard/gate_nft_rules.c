/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate as a table of nftables. Frames are read from the link layer on, where nftables shows a VLAN tag beside the frame as if
 * it was in it: so there is one set of chains for each number of tags. Rules that can't read what they ask for (a frame that is
 * too short) don't apply; the last of each chain are for that. Open is: key 0 is in p0 and c0, or in p1 and c1 (gate_nft.c). */
#include "headfailover/guard/gate_priv.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define TAGS_MAX 3 /* deeper ones are not looked through */
#define TABLE "netdev " GATE_TABLE

static const char *const sides[2] = { "in", "out" };

void gate_nft_chain(const char *prefix, const char *interface, char out[GATE_CHAIN_LEN])
{
	size_t n = (size_t)snprintf(out, GATE_CHAIN_LEN, "%s_", prefix);

	for (const char *p = interface; *p && n + 4 < GATE_CHAIN_LEN; p++)
		n += (size_t)snprintf(out + n, GATE_CHAIN_LEN - n, isalnum((unsigned char)*p) ? "%c" : "_%02x",
				      (unsigned char)*p);
}

static bool is4(const struct addr6 *a)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };

	return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

/* "{ 0x0a010001, 0x0a010002 }" of either family; empty: there is none. */
static void list_addresses(const struct gate_config *c, bool six, struct buf *out)
{
	const char *before = "{ 0x";

	for (size_t i = 0; i < c->n_addrs; i++) {
		if (is4(&c->addrs[i]) == six)
			continue;
		buf_adds(out, before);
		for (size_t k = six ? 0 : 12; k < 16; k++)
			buf_addf(out, "%02x", c->addrs[i].bytes[k]);
		before = ", 0x";
	}
	if (out->len)
		buf_adds(out, " }");
}

static void put4(struct buf *out, const char *addrs, bool leaving, unsigned int tags)
{
	unsigned int ip = 112 + 32 * tags, at = ip + (leaving ? 96 : 128), arp = ip + (leaving ? 112 : 192);
	const char *side = sides[leaving];

	buf_addf(out, "add rule " TABLE " %s_ip%u @ll,%u,32 %s goto service\n", side, tags, at, addrs);
	buf_addf(out, "add rule " TABLE " %s_ip%u @ll,%u,32 >= 0 accept\n", side, tags, ip + 128);
	buf_addf(out, "add rule " TABLE " %s_ip%u goto service\n", side, tags);

	buf_addf(out, "add rule " TABLE " %s_arp%u @ll,%u,16 != 0x0604 goto service\n", side, tags, ip + 32);
	buf_addf(out, "add rule " TABLE " %s_arp%u @ll,%u,32 %s", side, tags, arp, addrs);
	if (!leaving)
		buf_addf(out, " @ll,%u,32 != %s", ip + 112, addrs);
	buf_adds(out, " goto service\n");
	buf_addf(out, "add rule " TABLE " %s_arp%u @ll,%u,32 >= 0 accept\n", side, tags, ip + 192);
	buf_addf(out, "add rule " TABLE " %s_arp%u goto service\n", side, tags);
}

/* Neighbour discovery; `what` finds ICMPv6, `type` and `target` are where that has these. */
static void put_nd(struct buf *out, const char *chain, const char *what, const char *type, const char *target, const char *addrs,
		   unsigned int source, bool leaving)
{
	buf_addf(out, "add rule " TABLE " %s %s %s %d %s %s goto service\n", chain, what, type, leaving ? 136 : 135, target,
		 addrs);
	if (leaving)
		buf_addf(out, "add rule " TABLE " %s %s %s 135 @ll,%u,128 0x0 %s %s goto service\n", chain, what, type, source,
			 target, addrs);
	buf_addf(out, "add rule " TABLE " %s %s %s { 135, 136 } %s >= 0 accept\n", chain, what, type, target);
	buf_addf(out, "add rule " TABLE " %s %s %s { 135, 136 } goto service\n", chain, what, type);
}

/* The kernel finds ICMPv6 behind other headers only where no tag is in the frame; with one, other headers are not looked through.
 */
static void put6(struct buf *out, const char *addrs, bool leaving, unsigned int tags)
{
	unsigned int ip = 112 + 32 * tags, from = ip + 64, to = ip + 192;
	char chain[16], what[64], type[16], target[32];

	snprintf(chain, sizeof(chain), "%s_ipv6%u", sides[leaving], tags);
	buf_addf(out, "add rule " TABLE " %s @ll,%u,128 %s goto service\n", chain, leaving ? from : to, addrs);
	put_nd(out, chain, "meta l4proto ipv6-icmp", "@th,0,8", "@th,64,128", addrs, from, leaving);
	buf_addf(out, "add rule " TABLE " %s meta protocol != ip6 @ll,%u,8 { 0, 43, 44, 51, 60 } goto service\n", chain, ip + 48);
	snprintf(what, sizeof(what), "meta protocol != ip6 @ll,%u,8 58", ip + 48);
	snprintf(type, sizeof(type), "@ll,%u,8", ip + 320);
	snprintf(target, sizeof(target), "@ll,%u,128", ip + 384);
	put_nd(out, chain, what, type, target, addrs, from, leaving);
	buf_addf(out, "add rule " TABLE " %s @ll,%u,128 >= 0 accept\n", chain, to);
	buf_addf(out, "add rule " TABLE " %s goto service\n", chain);
}

/* Where a frame with so many tags goes on. */
static void put_kinds(struct buf *out, const char *chain, const char *side, unsigned int tags, bool four, bool six)
{
	const char *comma = "";

	buf_addf(out, "add rule " TABLE " %s @ll,%u,16 vmap { ", chain, 96 + 32 * tags);
	for (int i = 0; i < 2; i++, comma = ", ") {
		buf_addf(out, tags < TAGS_MAX ? "%s%s : goto %s_tag%u" : "%s%s : goto service", comma, i ? "0x88a8" : "0x8100",
			 side, tags + 1);
	}
	if (four)
		buf_addf(out, ", 0x0800 : goto %s_ip%u, 0x0806 : goto %s_arp%u", side, tags, side, tags);
	if (six)
		buf_addf(out, ", 0x86dd : goto %s_ipv6%u", side, tags);
	buf_adds(out, " }\n");
}

static void put_chain(struct buf *out, const char *name, unsigned int tags, const char *type)
{
	char full[GATE_CHAIN_LEN + 8];

	snprintf(full, sizeof(full), *type ? "%s" : "%s%u", name, tags);
	buf_addf(out, "add chain " TABLE " %s%s\nflush chain " TABLE " %s\n", full, type, full);
}

static void put_side(const struct gate_config *c, bool leaving, const char *four, const char *six, struct buf *out)
{
	const char *side = sides[leaving];
	char name[GATE_CHAIN_LEN], type[160];

	for (unsigned int tags = 0; tags <= TAGS_MAX; tags++) {
		static const char *const kinds[] = { "ip", "arp", "ipv6", "tag" };

		for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
			snprintf(name, sizeof(name), "%s_%s", side, kinds[i]);
			put_chain(out, name, tags, "");
		}
	}
	for (unsigned int tags = 0; tags <= TAGS_MAX; tags++) {
		if (*four)
			put4(out, four, leaving, tags);
		if (*six)
			put6(out, six, leaving, tags);
		snprintf(name, sizeof(name), "%s_tag%u", side, tags);
		put_kinds(out, name, side, tags, *four, *six);
	}
	for (size_t i = 0; i < c->n_interfaces; i++) {
		gate_nft_chain(leaving ? "to" : "from", c->interfaces[i], name);
		snprintf(type, sizeof(type), " { type filter hook %s device \"%s\" priority -500; policy accept; }",
			 leaving ? "egress" : "ingress", c->interfaces[i]);
		put_chain(out, name, 0, type);
		buf_addf(out, "add rule " TABLE " %s goto %s_tag0\n", name, side);
	}
}

int gate_nft_rules(const struct gate_config *c, struct buf *out, struct err *err)
{
	autoclean(buf_free) struct buf four = { 0 }, six = { 0 };
	static const char *const sets[] = { "p0", "p1", "c0", "c1" };

	for (size_t i = 0; i < c->n_interfaces; i++)
		if (strpbrk(c->interfaces[i], "\"\\\n*"))
			return err_set(err, ERR_INVALID, "nftables has no way to write the interface name %s", c->interfaces[i]);
	list_addresses(c, false, &four);
	list_addresses(c, true, &six);
	buf_adds(out, "add table " TABLE "\nadd counter " TABLE " passed\nadd counter " TABLE " dropped\n");
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		buf_addf(out, "add set " TABLE " %s { type mark;%s }\nflush set " TABLE " %s\n", sets[i],
			 sets[i][0] == 'p' ? " flags timeout;" : "", sets[i]);
	buf_adds(out, "add chain " TABLE " service\nflush chain " TABLE " service\n");
	for (int i = 0; i < 2; i++)
		buf_addf(out, "add rule " TABLE " service meta mark & 0 @p%d meta mark & 0 @c%d counter name passed accept\n", i,
			 i);
	buf_adds(out, "add rule " TABLE " service counter name dropped drop\n");
	put_side(c, false, four.len ? buf_str(&four) : "", six.len ? buf_str(&six) : "", out);
	put_side(c, true, four.len ? buf_str(&four) : "", six.len ? buf_str(&six) : "", out);
	return 0;
}
