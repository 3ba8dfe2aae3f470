/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headfailover/guard/gate_priv.h"

#include "base/mem.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

struct gate {
	const struct gate_ops *ops;
	void *state;
	int64_t deadline_ns;
};

const char *gate_kind_name(enum gate_kind kind)
{
	switch (kind) {
	case GATE_ANY:
		return "any";
	case GATE_BPF:
		return "bpf";
	case GATE_NFT:
		return "nft";
	}
	return "?";
}

int64_t gate_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void gate_missing(struct gate_view *view, const char *interface)
{
	if (view->n_missing++ == 0)
		snprintf(view->missing, sizeof(view->missing), "%s", interface);
}

/* The program looks for a header of Ethernet. */
static int check_interface(int fd, const char *name, struct err *err)
{
	struct ifreq req = { 0 };

	if (strlen(name) >= sizeof(req.ifr_name))
		return err_set(err, ERR_NOT_FOUND, "the gate: no interface can be called %s", name);
	memcpy(req.ifr_name, name, strlen(name));
	if (ioctl(fd, SIOCGIFHWADDR, &req) < 0)
		return err_errno(err, errno, "the gate: the interface %s", name);
	if (req.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return err_set(err, ERR_REFUSED, "the gate: %s is no Ethernet: service addresses can't be there", name);
	return 0;
}

static int check(const struct gate_config *c, struct err *err)
{
	autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_errno(err, errno, "the gate: a socket");
	if (c->n_interfaces == 0 || c->n_interfaces > GATE_INTERFACES || c->n_addrs == 0 || c->n_addrs > GATE_ADDRS)
		return err_set(err, ERR_USAGE, "the gate is for 1 to %d interfaces and 1 to %d addresses, not %zu and %zu",
			       GATE_INTERFACES, GATE_ADDRS, c->n_interfaces, c->n_addrs);
	for (size_t i = 0; i < c->n_interfaces; i++)
		if (check_interface(fd, c->interfaces[i], err) < 0)
			return -1;
	return 0;
}

static int open_as(const struct gate_ops *ops, const struct gate_ops *other, const struct gate_config *c, struct gate *g,
		   struct err *err)
{
	if (ops->open(c, &g->state, err) < 0)
		return -1;
	g->ops = ops;
	/* An earlier process' of the other kind is shut, too, and would stay so. */
	if (other->remove(err) < 0) {
		ops->close(g->state);
		return err_wrap(err, "an older gate is in the way");
	}
	return 0;
}

int gate_open(const struct gate_config *c, struct gate **out, struct err *err)
{
	autofree struct gate *g = mem_zalloc(sizeof(*g));
	struct err why = { 0 };

	if (check(c, err) < 0)
		return -1;
	if (c->kind != GATE_NFT) {
		if (open_as(gate_bpf(), gate_nft(), c, g, &why) == 0) {
			*out = steal(g);
			return 0;
		}
		if (c->kind == GATE_BPF) {
			*err = why;
			return -1;
		}
	}
	if (open_as(gate_nft(), gate_bpf(), c, g, err) < 0)
		return why.text[0] ? err_wrap(err, "%s; and by nftables", why.text) : -1;
	*out = steal(g);
	return 0;
}

int gate_deadline(struct gate *g, int64_t boot_ns, struct err *err)
{
	if (boot_ns < 0)
		boot_ns = 0;
	if (g->ops->deadline(g->state, boot_ns, err) < 0)
		return -1;
	g->deadline_ns = boot_ns;
	return 0;
}

int gate_look(struct gate *g, struct gate_view *out, struct err *err)
{
	*out = (struct gate_view){ .kind = g->ops->kind, .deadline_ns = g->deadline_ns };
	return g->ops->look(g->state, out, err);
}

void gate_close(struct gate *g)
{
	struct err ignored = { 0 };

	if (!g)
		return;
	if (gate_deadline(g, 0, &ignored) < 0)
		ignored.kind = ERR_NONE; /* it shuts at the deadline */
	g->ops->close(g->state);
	free(g);
}

int gate_remove(struct err *err)
{
	if (gate_bpf()->remove(err) < 0)
		return -1;
	return gate_nft()->remove(err);
}
