/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate in the kernel (gate.h): packets of a service address pass until the deadline. tc's clsact hooks, direct action.
 * Untouched means TC_ACT_UNSPEC: whatever other filters there are, they have their say. All is read by bpf_skb_load_bytes(), so
 * that it does not matter how a packet lies in memory; VLAN tags in the frame are stepped over, those beside it (skb->vlan_tci)
 * don't move anything. */
#include "headfailover/guard/gate_key.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define TAGS_MAX 8    /* in the frame; deeper ones are not looked through */
#define HEADERS_MAX 8 /* of IPv6, before ICMPv6 */

#define ETHERTYPE_AT 12
#define IPV4 0x0800
#define ARP 0x0806
#define IPV6 0x86dd
#define VLAN_C 0x8100
#define VLAN_S 0x88a8

#define HOP_BY_HOP 0
#define ROUTING 43
#define FRAGMENT 44
#define AUTHENTICATION 51
#define ICMPV6 58
#define DESTINATION 60
#define SOLICITATION 135
#define ADVERTISEMENT 136

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_KEYS);
	__type(key, struct gate_key);
	__type(value, __u8);
} service SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} deadline SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, GATE_COUNTS);
	__type(key, __u32);
	__type(value, struct gate_count);
} counts SEC(".maps");

/* What cannot be read is of a service address: no machine sends that, and none answers to it. */
static __always_inline int is_service(struct __sk_buff *skb, __u32 at, __u32 len)
{
	struct gate_key key = { { 0 } };

	if (len == 4) {
		key.bytes[10] = key.bytes[11] = 0xff;
		if (bpf_skb_load_bytes(skb, at, key.bytes + 12, 4) < 0)
			return 1;
	} else if (bpf_skb_load_bytes(skb, at, key.bytes, 16) < 0) {
		return 1;
	}
	return bpf_map_lookup_elem(&service, &key) != 0;
}

/* We say that we are it, or are asked for it. What a service address itself asks or announces (as sender and target) comes from
 * the head that has it. */
static __always_inline int is_service_arp(struct __sk_buff *skb, __u32 at, int leaving)
{
	__u8 h[28];

	if (bpf_skb_load_bytes(skb, at, h, sizeof(h)) < 0 || h[4] != 6 || h[5] != 4)
		return 1;
	if (leaving)
		return is_service(skb, at + 14, 4);
	return is_service(skb, at + 24, 4) && !is_service(skb, at + 14, 4);
}

static __always_inline int is_service_nd(struct __sk_buff *skb, __u32 at, int leaving, int from_nobody)
{
	__u8 type;

	if (bpf_skb_load_bytes(skb, at, &type, 1) < 0)
		return 0; /* the kernel can't read it either */
	/* Leaving: what says where it is, and "is anybody this?" before we become it. Coming in: what asks. */
	if (type == ADVERTISEMENT ? leaving : type == SOLICITATION && (!leaving || from_nobody))
		return is_service(skb, at + 8, 16);
	return 0;
}

static __always_inline int is_service_ipv6(struct __sk_buff *skb, __u32 at, int leaving)
{
	__u8 h[8];
	__u64 from[2];
	__u8 next;

	if (is_service(skb, at + (leaving ? 8 : 24), 16))
		return 1;
	if (bpf_skb_load_bytes(skb, at + 6, &next, 1) < 0 || bpf_skb_load_bytes(skb, at + 8, from, sizeof(from)) < 0)
		return 1;
	at += 40;
	for (int i = 0; i < HEADERS_MAX; i++) {
		if (next == ICMPV6)
			return is_service_nd(skb, at, leaving, !from[0] && !from[1]);
		if (next != HOP_BY_HOP && next != ROUTING && next != DESTINATION && next != FRAGMENT && next != AUTHENTICATION)
			return 0;
		if (bpf_skb_load_bytes(skb, at, h, sizeof(h)) < 0)
			return 0; /* the kernel can't read it either */
		if (next == FRAGMENT && (h[2] || h[3] & 0xf8))
			return 0; /* what it is about was in the first */
		at += next == FRAGMENT ? 8 : next == AUTHENTICATION ? (h[1] + 2) * 4 : (h[1] + 1) * 8;
		next = h[0];
	}
	return 1;
}

static __always_inline int is_of_service(struct __sk_buff *skb, int leaving)
{
	__u32 at = ETHERTYPE_AT;
	__u16 type;

	for (int i = 0; i <= TAGS_MAX; i++) {
		if (bpf_skb_load_bytes(skb, at, &type, sizeof(type)) < 0)
			return i > 0;
		at += 2;
		if (type == bpf_htons(IPV4))
			return is_service(skb, at + (leaving ? 12 : 16), 4);
		if (type == bpf_htons(IPV6))
			return is_service_ipv6(skb, at, leaving);
		if (type == bpf_htons(ARP))
			return is_service_arp(skb, at, leaving);
		if (type != bpf_htons(VLAN_C) && type != bpf_htons(VLAN_S))
			return 0;
		at += 2;
	}
	return 1;
}

static __always_inline int judge(struct __sk_buff *skb, int leaving)
{
	__u32 zero = 0, cpu = bpf_get_smp_processor_id() % GATE_COUNTS;
	volatile __u64 *until;
	struct gate_count *c;
	int open;

	if (!is_of_service(skb, leaving))
		return TC_ACT_UNSPEC;
	until = bpf_map_lookup_elem(&deadline, &zero);
	open = until && bpf_ktime_get_boot_ns() < *until;
	c = bpf_map_lookup_elem(&counts, &cpu);
	if (c)
		__sync_fetch_and_add(open ? &c->passed : &c->dropped, 1);
	return open ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

int gate_in(struct __sk_buff *skb);
SEC("tc") int gate_in(struct __sk_buff *skb)
{
	return judge(skb, 0);
}

int gate_out(struct __sk_buff *skb);
SEC("tc") int gate_out(struct __sk_buff *skb)
{
	return judge(skb, 1);
}

/* bpf_ktime_get_boot_ns() and the others are for programs of this licence. */
char licence[] SEC("license") = "GPL";
