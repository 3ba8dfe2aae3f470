/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages to nftables (linux/netfilter/nf_tables.h), as bytes that are made once and sent again and again. */
#include "headfailover/guard/gate_priv.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>

#define TYPE(t) ((NFNL_SUBSYS_NFTABLES << 8) | (t))

/* All lengths are known when this is written; what is made here is fixed but for names of GATE_CHAIN_LEN. */
static void *room(struct gate_msg *m, size_t len)
{
	void *p = m->bytes + m->len;

	assert(m->len + NLMSG_ALIGN(len) <= sizeof(m->bytes));
	memset(p, 0, NLMSG_ALIGN(len));
	m->len += NLMSG_ALIGN(len);
	return p;
}

static void put_header(struct gate_msg *m, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = ++m->seq };
	struct nfgenmsg g = { .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource) };

	m->part = m->len;
	memcpy(room(m, sizeof(h)), &h, sizeof(h));
	memcpy(room(m, sizeof(g)), &g, sizeof(g));
}

static void close_part(struct gate_msg *m)
{
	uint32_t len = (uint32_t)(m->len - m->part);

	memcpy(m->bytes + m->part, &len, sizeof(len));
}

static size_t put_attr(struct gate_msg *m, uint16_t type, const void *value, size_t len)
{
	struct nlattr a = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };
	size_t at = m->len;

	memcpy(room(m, sizeof(a)), &a, sizeof(a));
	if (len)
		memcpy(room(m, len), value, len);
	return at;
}

static void put_text(struct gate_msg *m, uint16_t type, const char *text)
{
	put_attr(m, type, text, strlen(text) + 1);
}

static size_t nest(struct gate_msg *m, uint16_t type)
{
	return put_attr(m, type | NLA_F_NESTED, NULL, 0);
}

static void nest_end(struct gate_msg *m, size_t at)
{
	uint16_t len = (uint16_t)(m->len - at);

	memcpy(m->bytes + at, &len, sizeof(len));
}

void gate_msg_begin(struct gate_msg *m)
{
	*m = (struct gate_msg){ 0 };
	put_header(m, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	close_part(m);
}

size_t gate_msg_element(struct gate_msg *m, bool add, const char *set, bool timeout)
{
	static const unsigned char key[4] = { 0 };
	size_t list, element, value, at = 0;

	put_header(m, TYPE(add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM), add ? NLM_F_CREATE : 0, NFPROTO_NETDEV, 0);
	put_text(m, NFTA_SET_ELEM_LIST_TABLE, GATE_TABLE);
	put_text(m, NFTA_SET_ELEM_LIST_SET, set);
	list = nest(m, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = nest(m, NFTA_LIST_ELEM);
	value = nest(m, NFTA_SET_ELEM_KEY);
	put_attr(m, NFTA_DATA_VALUE, key, sizeof(key));
	nest_end(m, value);
	if (timeout) {
		uint64_t never = 0;

		at = put_attr(m, NFTA_SET_ELEM_TIMEOUT, &never, sizeof(never)) + NLA_HDRLEN;
	}
	nest_end(m, element);
	nest_end(m, list);
	close_part(m);
	return at;
}

void gate_msg_timeout(struct gate_msg *m, size_t at, uint64_t ms)
{
	uint64_t big = htobe64(ms);

	memcpy(m->bytes + at, &big, sizeof(big));
}

void gate_msg_drop_table(struct gate_msg *m)
{
	put_header(m, TYPE(NFT_MSG_DELTABLE), 0, NFPROTO_NETDEV, 0);
	put_text(m, NFTA_TABLE_NAME, GATE_TABLE);
	close_part(m);
}

/* That the last but one message asks for an answer tells that all were done. */
void gate_msg_end(struct gate_msg *m)
{
	uint16_t flags = NLM_F_REQUEST | NLM_F_ACK, had;
	size_t at = m->part + offsetof(struct nlmsghdr, nlmsg_flags);
	uint32_t seq = m->seq;

	memcpy(&had, m->bytes + at, sizeof(had));
	flags |= had;
	memcpy(m->bytes + at, &flags, sizeof(flags));
	put_header(m, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	close_part(m);
	m->seq = seq;
}

void gate_msg_ask_chain(struct gate_msg *m, const char *chain)
{
	*m = (struct gate_msg){ 0 };
	put_header(m, TYPE(NFT_MSG_GETCHAIN), 0, NFPROTO_NETDEV, 0);
	put_text(m, NFTA_CHAIN_TABLE, GATE_TABLE);
	put_text(m, NFTA_CHAIN_NAME, chain);
	close_part(m);
}

void gate_msg_ask_counter(struct gate_msg *m, const char *counter)
{
	uint32_t type = htonl(NFT_OBJECT_COUNTER);

	*m = (struct gate_msg){ 0 };
	put_header(m, TYPE(NFT_MSG_GETOBJ), 0, NFPROTO_NETDEV, 0);
	put_text(m, NFTA_OBJ_TABLE, GATE_TABLE);
	put_text(m, NFTA_OBJ_NAME, counter);
	put_attr(m, NFTA_OBJ_TYPE, &type, sizeof(type));
	close_part(m);
}

/* The attribute of this type among those at `at`; its value's length goes to `*len`. */
static const unsigned char *find(const unsigned char *at, size_t left, uint16_t type, size_t *len)
{
	struct nlattr a;

	while (left >= sizeof(a)) {
		memcpy(&a, at, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || a.nla_len > left)
			return NULL;
		if ((a.nla_type & NLA_TYPE_MASK) == type) {
			*len = a.nla_len - NLA_HDRLEN;
			return at + NLA_HDRLEN;
		}
		if ((size_t)NLA_ALIGN(a.nla_len) >= left)
			return NULL;
		at += NLA_ALIGN(a.nla_len);
		left -= (size_t)NLA_ALIGN(a.nla_len);
	}
	return NULL;
}

int gate_msg_packets(const unsigned char *answer, size_t len, uint64_t *out, struct err *err)
{
	const size_t head = NLMSG_ALIGN(sizeof(struct nlmsghdr)) + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	const unsigned char *data = NULL, *packets = NULL;
	size_t n = 0;

	if (len > head)
		data = find(answer + head, len - head, NFTA_OBJ_DATA, &n);
	if (data)
		packets = find(data, n, NFTA_COUNTER_PACKETS, &n);
	if (!packets || n != sizeof(*out))
		return err_set(err, ERR_DAMAGED, "nftables: no number of packets in its answer");
	memcpy(out, packets, sizeof(*out));
	*out = be64toh(*out);
	return 0;
}
