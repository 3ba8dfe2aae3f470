/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of the gate that need no kernel: nftables' rules and messages; and what gate_open() refuses. tests/netns/gate.sh has
 * the rest. */
#include "headfailover/guard/gate_priv.h"

#include "base/mem.h"
#include "sys/spawn.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct gate_config config(void)
{
	struct gate_config c = { .interfaces = { "eth0", "br-a.5" }, .n_interfaces = 2, .n_addrs = 3 };
	const struct addr6 four = { { [10] = 0xff, [11] = 0xff, [12] = 10, [13] = 1, [15] = 1 } };

	c.addrs[0] = c.addrs[1] = four;
	c.addrs[1].bytes[15] = 2;
	c.addrs[2] = (struct addr6){ { 0xfd, [15] = 1 } };
	return c;
}

static void chains_have_names_that_nft_reads(void **state)
{
	char out[GATE_CHAIN_LEN];

	(void)state;
	gate_nft_chain("to", "eth0", out);
	assert_string_equal(out, "to_eth0");
	gate_nft_chain("from", "br-a.5", out);
	assert_string_equal(out, "from_br_2da_2e5");
	gate_nft_chain("from", "br_2da.5", out); /* another one */
	assert_string_equal(out, "from_br_5f2da_2e5");
	gate_nft_chain("from", "---------------", out); /* the longest there is */
	assert_int_equal(strlen(out), 5 + 15 * 3);
}

static void rules_are_of_the_addresses(void **state)
{
	struct gate_config c = config();
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(gate_nft_rules(&c, &b, &err), 0);
	assert_non_null(strstr(b.data, "in_ip0 @ll,240,32 { 0x0a010001, 0x0a010002 } goto service\n"));
	assert_non_null(strstr(b.data, "out_ip1 @ll,240,32 { 0x0a010001, 0x0a010002 } goto service\n"));
	assert_non_null(strstr(b.data, "out_ipv60 @ll,176,128 { 0xfd000000000000000000000000000001 } goto service\n"));
	assert_non_null(strstr(b.data, "device \"br-a.5\" priority -500; policy accept; }\n"));
	assert_non_null(strstr(b.data, "hook egress device \"eth0\""));
	assert_null(strstr(b.data, "add element")); /* shut */
	/* Without addresses of a family there are no empty sets, which nft would not read. */
	buf_clear(&b);
	c.n_addrs = 2;
	assert_int_equal(gate_nft_rules(&c, &b, &err), 0);
	assert_null(strstr(b.data, "0x86dd"));
	c.interfaces[0] = "a\"b";
	assert_int_equal(gate_nft_rules(&c, &b, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
}

/* The messages, by their own lengths. */
static size_t count_parts(const struct gate_msg *m, uint32_t *last_seq_with_ack)
{
	struct nlmsghdr h;
	size_t n = 0;

	for (size_t at = 0; at < m->len; at += NLMSG_ALIGN(h.nlmsg_len), n++) {
		assert_in_range(m->len - at, sizeof(h), GATE_MSG_MAX);
		memcpy(&h, m->bytes + at, sizeof(h));
		assert_in_range(h.nlmsg_len, sizeof(h) + sizeof(struct nfgenmsg), m->len - at);
		if (h.nlmsg_flags & NLM_F_ACK)
			*last_seq_with_ack = h.nlmsg_seq;
	}
	return n;
}

static void messages_are_transactions(void **state)
{
	const unsigned char ms[8] = { [6] = 1, [7] = 2 };
	struct gate_msg m;
	uint32_t acked = 0;
	size_t at;

	(void)state;
	gate_msg_begin(&m);
	gate_msg_element(&m, true, "p0", false);
	gate_msg_element(&m, false, "p0", false);
	at = gate_msg_element(&m, true, "p0", true);
	gate_msg_end(&m);
	assert_int_equal(count_parts(&m, &acked), 5);
	assert_int_equal(acked, m.seq); /* the last one that does something */
	gate_msg_timeout(&m, at, 258);
	assert_memory_equal(m.bytes + at, ms, 8);
	gate_msg_begin(&m);
	gate_msg_drop_table(&m);
	gate_msg_end(&m);
	assert_int_equal(count_parts(&m, &acked), 3);
	gate_msg_ask_chain(&m, "from_eth0");
	assert_int_equal(count_parts(&m, &acked), 1);
	gate_msg_ask_counter(&m, "passed");
	assert_int_equal(count_parts(&m, &acked), 1);
}

static void answers_are_read_within_their_bounds(void **state)
{
	unsigned char a[64] = { 0 };
	struct nlattr object = { .nla_len = 4 + 12 + 12, .nla_type = NFTA_OBJ_DATA | NLA_F_NESTED },
		      bytes = { .nla_len = 12, .nla_type = NFTA_COUNTER_BYTES },
		      packets = { .nla_len = 12, .nla_type = NFTA_COUNTER_PACKETS };
	struct err err = { 0 };
	uint64_t n;

	(void)state;
	memcpy(a + 20, &object, 4);
	memcpy(a + 24, &bytes, 4);
	memcpy(a + 36, &packets, 4);
	a[47] = 7;
	assert_int_equal(gate_msg_packets(a, 48, &n, &err), 0);
	assert_int_equal(n, 7);
	for (size_t len = 0; len < 48; len++)
		assert_int_equal(gate_msg_packets(a, len, &n, &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	packets.nla_len = 8;
	memcpy(a + 36, &packets, 4);
	assert_int_equal(gate_msg_packets(a, 48, &n, &err), -1);
	packets.nla_len = 0; /* would never end */
	memcpy(a + 36, &packets, 4);
	assert_int_equal(gate_msg_packets(a, 48, &n, &err), -1);
}

static void open_refuses(void **state)
{
	struct gate_config c = config();
	struct gate *g = NULL;
	struct err err = { 0 };

	(void)state;
	c.interfaces[0] = "lo"; /* no Ethernet; nothing is asked of the kernel that needs a right */
	assert_int_equal(gate_open(&c, &g, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	c.interfaces[0] = "a-name-that-is-too-long";
	assert_int_equal(gate_open(&c, &g, &err), -1);
	c.n_addrs = 0;
	assert_int_equal(gate_open(&c, &g, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_null(g);
	gate_close(NULL);
	assert_string_equal(gate_kind_name(GATE_NFT), "nft");
	assert_string_equal(gate_kind_name(GATE_BPF), "bpf");
	assert_string_equal(gate_kind_name(GATE_ANY), "any");
}

/* In a network namespace of its own; for those who may make one. */
static void calls_as_the_header_says(void **state)
{
	static const enum gate_kind kinds[] = { GATE_BPF, GATE_NFT };
	struct gate_config c = config();
	struct gate_view v;
	struct err err = { 0 };
	struct gate *g;

	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		skip();
	assert_int_equal(SPAWN(&err, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "br-a.5"), 0);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		c.kind = kinds[i];
		assert_int_equal(gate_open(&c, &g, &err), 0);
		assert_int_equal(gate_look(g, &v, &err), 0);
		assert_int_equal(v.kind, kinds[i]);
		assert_int_equal(v.deadline_ns + (int64_t)v.n_missing + (int64_t)v.passed + (int64_t)v.dropped, 0);
		for (int times = 0; times < 20; times++)
			assert_int_equal(gate_deadline(g, gate_now_ns() + INT64_C(1000000000), &err), 0);
		assert_int_equal(gate_look(g, &v, &err), 0);
		assert_in_range(v.deadline_ns, gate_now_ns(), gate_now_ns() + INT64_C(1000000000));
		assert_int_equal(gate_deadline(g, gate_now_ns() - 1, &err), 0); /* past */
		assert_int_equal(gate_deadline(g, -1, &err), 0);
		assert_int_equal(gate_look(g, &v, &err), 0);
		assert_int_equal(v.deadline_ns, 0);
		assert_int_equal(gate_remove(&err), 0);
		assert_int_equal(gate_look(g, &v, &err), 0);
		assert_int_equal(v.n_missing, 2);
		assert_string_equal(v.missing, "eth0");
		/* BPF's store does not notice; nftables says that it could not shut what is not there. */
		assert_int_equal(gate_deadline(g, 0, &err), kinds[i] == GATE_BPF ? 0 : -1);
		gate_close(g);
	}
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(gate_remove(&err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains_have_names_that_nft_reads),
		cmocka_unit_test(rules_are_of_the_addresses),
		cmocka_unit_test(messages_are_transactions),
		cmocka_unit_test(answers_are_read_within_their_bounds),
		cmocka_unit_test(open_refuses),
		cmocka_unit_test(calls_as_the_header_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
