/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate by nftables, where there is no BPF. An element of a set has a timeout, but it begins when the kernel gets the message:
 * a process that was stopped just before would open the gate too late and too long. Hence two steps. An element is put into p0
 * (or p1), which opens nothing; it is the clock *after* that which says whether the element ends in time; only then c0 (or c1)
 * gets the key. Stopped at any point between, the element has run out when the second step comes. p0/c0 and p1/c1 take turns. */
#include "headfailover/guard/gate_priv.h"

#include "base/mem.h"
#include "sys/spawn.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define NS_PER_MS INT64_C(1000000)
#define SLACK_NS NS_PER_MS /* how long the first step may take: the element ends by so much earlier */
#define TRIES 3
#define ANSWER_MAX 8192

struct nft_gate {
	int fd;
	unsigned int turn; /* the pair that is next; c of it is empty */
	struct gate_msg prepare[2], confirm[2], shut;
	size_t timeout_at[2];
	char interfaces[GATE_INTERFACES][IFNAMSIZ];
	unsigned int index[GATE_INTERFACES];
	size_t n_interfaces;
	uint64_t passed, dropped; /* when it was opened */
	unsigned char answer[ANSWER_MAX];
};

static void nft_free(struct nft_gate *n)
{
	if (!n)
		return;
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}

static void nft_free_(struct nft_gate **n)
{
	nft_free(*n);
}

/* What came before, of a request whose answer was not waited for, does not matter any more. */
static void drain(struct nft_gate *n)
{
	while (recv(n->fd, n->answer, sizeof(n->answer), MSG_DONTWAIT) > 0)
		;
}

/* The kernel has done it, and has put its answers into our socket, when send() returns. 0, or what errno would be; `*len` of
 * `n->answer` for what is no acknowledgement. */
static int ask(struct nft_gate *n, const struct gate_msg *m, size_t *len)
{
	ssize_t got;

	drain(n);
	if (send(n->fd, m->bytes, m->len, 0) < 0)
		return errno;
	while ((got = recv(n->fd, n->answer, sizeof(n->answer), MSG_DONTWAIT)) > 0) {
		struct nlmsghdr h;
		struct nlmsgerr e;

		if ((size_t)got < sizeof(h))
			return EBADMSG;
		memcpy(&h, n->answer, sizeof(h));
		if (h.nlmsg_type != NLMSG_ERROR) {
			*len = (size_t)got;
			return 0;
		}
		if ((size_t)got < NLMSG_HDRLEN + sizeof(e.error))
			return EBADMSG;
		memcpy(&e.error, n->answer + NLMSG_HDRLEN, sizeof(e.error));
		if (e.error || h.nlmsg_seq == m->seq)
			return -e.error;
	}
	return got < 0 && errno != EAGAIN ? errno : ENOMSG;
}

/* 0, or what errno was. */
static int connect_nft(struct nft_gate *n)
{
	int on = 1;

	n->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	/* Else each error comes with all that was asked. */
	return n->fd < 0 || setsockopt(n->fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)) < 0 ? errno : 0;
}

static void make_messages(struct nft_gate *n)
{
	static const char *const p[2] = { "p0", "p1" }, *const c[2] = { "c0", "c1" };

	for (int i = 0; i < 2; i++) {
		/* What is added first is there for sure when it is deleted; an element that is there keeps its timeout. */
		gate_msg_begin(&n->prepare[i]);
		n->timeout_at[i] = gate_msg_element(&n->prepare[i], true, p[i], false);
		gate_msg_element(&n->prepare[i], false, p[i], false);
		n->timeout_at[i] = gate_msg_element(&n->prepare[i], true, p[i], true);
		gate_msg_end(&n->prepare[i]);
		gate_msg_begin(&n->confirm[i]);
		gate_msg_element(&n->confirm[i], true, c[i], false);
		gate_msg_element(&n->confirm[i], true, c[!i], false);
		gate_msg_element(&n->confirm[i], false, c[!i], false);
		gate_msg_end(&n->confirm[i]);
	}
	gate_msg_begin(&n->shut);
	for (int i = 0; i < 2; i++) {
		gate_msg_element(&n->shut, true, c[i], false);
		gate_msg_element(&n->shut, false, c[i], false);
	}
	gate_msg_end(&n->shut);
}

static int count(struct nft_gate *n, const char *counter, uint64_t *out, struct err *err)
{
	struct gate_msg m;
	size_t len = 0;
	int rc;

	gate_msg_ask_counter(&m, counter);
	rc = ask(n, &m, &len);
	return rc ? err_errno(err, rc, "nftables: the counter %s", counter) : gate_msg_packets(n->answer, len, out, err);
}

static int nft_shut(struct nft_gate *n, struct err *err)
{
	size_t len;
	int rc = 0;

	for (int i = 0; i < TRIES; i++) {
		rc = ask(n, &n->shut, &len);
		if (!rc) {
			return 0;
		}
	}
	err_errno(err, rc, "nftables did not shut the gate");
	err->kind = ERR_REFUSED;
	return -1;
}

static int nft_open(const struct gate_config *c, void **state, struct err *err)
{
	autoclean(nft_free_) struct nft_gate *n = mem_zalloc(sizeof(*n));
	autoclean(buf_free) struct buf rules = { 0 };
	const char *argv[] = { "nft", "-f", "-", NULL };
	struct spawn nft = { .argv = argv };
	int rc = connect_nft(n);

	if (rc)
		return err_errno(err, rc, "nftables");
	if (gate_nft_rules(c, &rules, err) < 0)
		return -1;
	nft.input = buf_str(&rules);
	nft.input_len = rules.len;
	if (spawn_run(&nft, NULL, err) < 0)
		return err_wrap(err, "the gate by nftables");
	for (; n->n_interfaces < c->n_interfaces; n->n_interfaces++) {
		snprintf(n->interfaces[n->n_interfaces], IFNAMSIZ, "%s", c->interfaces[n->n_interfaces]);
		n->index[n->n_interfaces] = if_nametoindex(c->interfaces[n->n_interfaces]);
	}
	make_messages(n);
	if (nft_shut(n, err) < 0 || count(n, "passed", &n->passed, err) < 0 || count(n, "dropped", &n->dropped, err) < 0)
		return -1;
	*state = steal(n);
	return 0;
}

/* The element's own end is at `boot_ns` or before when this returns 0; EAGAIN: it took too long to know. */
static int prepare(struct nft_gate *n, int64_t boot_ns)
{
	int64_t before = gate_now_ns(), ms = (boot_ns - before - SLACK_NS) / NS_PER_MS;
	size_t len;
	int rc;

	if (ms < 1)
		return ETIME;
	gate_msg_timeout(&n->prepare[n->turn], n->timeout_at[n->turn], (uint64_t)ms);
	rc = ask(n, &n->prepare[n->turn], &len);
	return rc ? rc : gate_now_ns() - before > SLACK_NS ? EAGAIN : 0;
}

static int nft_deadline(void *state, int64_t boot_ns, struct err *err)
{
	struct nft_gate *n = state;
	size_t len;
	int rc = EAGAIN;

	if (boot_ns == 0)
		return nft_shut(n, err);
	for (int i = 0; i < TRIES && rc && rc != ETIME; i++)
		rc = prepare(n, boot_ns);
	if (rc == ETIME) /* no time is left: what is open now may be so for longer */
		return nft_shut(n, err);
	if (!rc)
		rc = ask(n, &n->confirm[n->turn], &len);
	if (rc)
		return err_errno(err, rc, "nftables did not move the gate's deadline");
	n->turn = !n->turn;
	return 0;
}

static int nft_look(void *state, struct gate_view *out, struct err *err)
{
	struct nft_gate *n = state;
	struct gate_msg m;
	char name[GATE_CHAIN_LEN];
	size_t len;

	for (size_t i = 0; i < n->n_interfaces; i++) {
		static const char *const prefixes[] = { "from", "to" };
		bool there = if_nametoindex(n->interfaces[i]) == n->index[i];

		for (size_t k = 0; k < ARRAY_LEN(prefixes) && there; k++) {
			int rc;

			gate_nft_chain(prefixes[k], n->interfaces[i], name);
			gate_msg_ask_chain(&m, name);
			rc = ask(n, &m, &len);
			if (rc && rc != ENOENT)
				return err_errno(err, rc, "nftables: the chain %s", name);
			there = !rc;
		}
		if (!there)
			gate_missing(out, n->interfaces[i]);
	}
	if (out->n_missing == n->n_interfaces)
		return 0; /* nothing is left of it, no counters either */
	if (count(n, "passed", &out->passed, err) < 0 || count(n, "dropped", &out->dropped, err) < 0)
		return -1;
	out->passed -= n->passed;
	out->dropped -= n->dropped;
	return 0;
}

static void nft_close(void *state)
{
	nft_free(state);
}

static int nft_remove(struct err *err)
{
	autoclean(nft_free_) struct nft_gate *n = mem_zalloc(sizeof(*n));
	struct gate_msg m;
	size_t len;
	int rc;

	rc = connect_nft(n);
	if (rc == EPROTONOSUPPORT || rc == EAFNOSUPPORT)
		return 0; /* a kernel without it */
	if (rc)
		return err_errno(err, rc, "nftables");
	gate_msg_begin(&m);
	gate_msg_drop_table(&m);
	gate_msg_end(&m);
	rc = ask(n, &m, &len);
	if (!rc || rc == ENOENT || rc == EOPNOTSUPP)
		return 0; /* there is none, or no nftables */
	return err_errno(err, rc, "nftables: the table " GATE_TABLE " can't be taken away");
}

const struct gate_ops *gate_nft(void)
{
	static const struct gate_ops ops = {
		.kind = GATE_NFT,
		.open = nft_open,
		.deadline = nft_deadline,
		.look = nft_look,
		.close = nft_close,
		.remove = nft_remove,
	};

	return &ops;
}
