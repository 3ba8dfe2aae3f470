/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/site_nodes.h"

#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/api.h"
#include "daemon/site_history.h"

/* Of what one write of the state holds (1 MiB, 4096 documents), so much is for nodes; the site and an event are in it too. */
#define WRITE_NODES 4000
#define WRITE_BYTES ((size_t)900 << 10)
#define WRITE_HEAD 40 /* a key and what goes with it */

void site_nodes_free(struct site_nodes *n)
{
	roster_free(&n->was);
	roster_free(&n->is);
	free(n->how);
	*n = (struct site_nodes){ 0 };
}

static int not_fitting(struct err *err, const struct err *why)
{
	err_set(err, ERR_REFUSED, "this site does not fit the nodes: %s", why->text);
	/* What is short of addresses says itself what to do. */
	return err_hint(err, "%s",
			why->kind == ERR_REFUSED && why->hint[0]
				? why->hint
				: "change or remove the node first, or keep what it needs in site.json");
}

static int check_write(const struct site_nodes *n, struct err *err)
{
	size_t moved = 0, bytes = 0;

	for (size_t i = 0; i < n->is.len; i++) {
		autoclean(buf_free) struct buf json = { 0 };
		struct json_out w;

		if (n->how[i] == RENUMBER_STAYS)
			continue;
		json_out_init(&w, &json, false);
		node_print(&n->is.nodes[i], &w);
		bytes += json.len + WRITE_HEAD;
		moved++;
	}
	if (moved <= WRITE_NODES && bytes <= WRITE_BYTES)
		return 0;
	err_set(err, ERR_REFUSED, "this site moves the addresses of %zu nodes: more than one write of the state holds", moved);
	return err_hint(err, "%s",
			"take a subnet that has the old one in it: nodes whose addresses lie in the new subnet keep them");
}

/* What got its addresses back is written like what got others. */
static void note_moved(struct site_nodes *n)
{
	for (size_t i = 0; i < n->is.len; i++) {
		const struct node *was = &n->was.nodes[i], *is = &n->is.nodes[i];

		if (n->how[i] == RENUMBER_STAYS &&
		    (was->addr4 != is->addr4 || was->has6 != is->has6 || (is->has6 && !addr6_same(&was->addr6, &is->addr6))))
			n->how[i] = RENUMBER_PLACE;
	}
}

int site_nodes_fit(struct daemon *d, const struct site *old, const struct site *site, uint64_t back_to, struct site_nodes *out,
		   struct err *err)
{
	struct err why = { 0 };

	if (roster_load(d, &out->was, err) < 0 || roster_load(d, &out->is, err) < 0 ||
	    (back_to && site_history_move_back(d, back_to, &out->is, err) < 0))
		return -1;
	out->how = mem_array(out->is.len + 1, sizeof(*out->how));
	if (old && renumber(old, site, &out->is, out->how, &why) < 0)
		return not_fitting(err, &why);
	note_moved(out);
	for (size_t i = 0; i < out->is.len; i++)
		if (roster_check(&out->is, site, &out->is.nodes[i], &why) < 0)
			return not_fitting(err, &why);
	return check_write(out, err);
}

/* Whom a change concerns, by what runs there now. */
struct concerned {
	struct nodeset leased, files, memory, all;
};

static void concerned_free(struct concerned *c)
{
	nodeset_free(&c->leased);
	nodeset_free(&c->files);
	nodeset_free(&c->memory);
	nodeset_free(&c->all);
}

static int is_installing(const char *node, struct err *err)
{
	err_set(err, ERR_REFUSED, "%s is being installed, and this site changes its addresses or the head's", node);
	return err_hint(err, "wait for its end, or stop it: orthrus node boot %s --disk --force", node);
}

/* An ordered node may wait in the imager, which asks the head that it was started by; what failed runs nothing of ours. */
static int add_concerned(struct daemon *d, const struct node *n, const struct address_change *c, bool other_head,
			 struct concerned *out, struct err *err)
{
	autoclean(run_free) struct run r = { 0 };

	if ((!c->any && !other_head) || daemon_run(d, n->name, &r, err) < 0)
		return c->any || other_head ? -1 : 0;
	if (r.state == RUN_INSTALLING)
		return is_installing(n->name, err);
	if (n->boot == NODE_BOOT_DISKLESS || n->rescue != NODE_RESCUE_NO || r.state == RUN_READY || r.state == RUN_ORDERED)
		return nodeset_add(&out->memory, n->name, err);
	if (r.state != RUN_INSTALLED && r.state != RUN_UP)
		return 0;
	if ((c->leased && nodeset_add(&out->leased, n->name, err) < 0) || (c->any && nodeset_add(&out->files, n->name, err) < 0))
		return -1;
	return nodeset_add(&out->all, n->name, err);
}

/* Is the address by which nodes know the head one of a head's, or served by one, in the new site too? */
static bool head_stays(const struct site *old, const struct site *site)
{
	uint32_t a4 = site_service_addr4(old);
	struct addr6 a6 = { { 0 } };
	bool stays = false;

	site_service_addr6(old, &a6);
	for (size_t i = 0; i < site->n_heads; i++) {
		const struct site_head *h = &site->heads[i];

		stays |= a4 ? h->addr4 == a4 : h->has6 && addr6_same(&h->addr6, &a6);
	}
	for (size_t i = 0; i < site->n_vips; i++) {
		const struct site_vip *v = &site->vips[i];

		stays |= a4 ? v->addr4 == a4 : v->has6 && addr6_same(&v->addr6, &a6);
	}
	return stays && old->api_port == site->api_port;
}

/* NULL: none. Caller frees. */
static char *folded(struct nodeset *set)
{
	autoclean(buf_free) struct buf out = { 0 };

	nodeset_fold(set, &out);
	return nodeset_count(set) ? buf_steal(&out) : NULL;
}

/* What happens to machines that run, exactly: dnsmasq's answers are new at once, files of installed systems are not. */
static void say_concerned(struct concerned *c, const char *old_url, bool head_moves, struct plan *plan)
{
	autofree char *leased = folded(&c->leased), *files = folded(&c->files);
	autofree char *memory = folded(&c->memory), *all = folded(&c->all);

	if (leased)
		api_step(
			plan, "addresses:leased",
			"%s: running with the old IPv4 address until the next boot, or until the DHCP lease ends within an hour; "
			"then the new one is taken, and connections to the old one break",
			leased);
	if (files)
		api_step(plan, "addresses:files",
			 "%s: installed; /etc/hosts and what is static (every IPv6 address, and whatever is not by DHCP) stay as "
			 "they are, also over a reboot, until the next installation: orthrus node install %s",
			 files, files);
	if (all && head_moves)
		api_step(plan, "addresses:head",
			 "%s: installed, and look for the head at %s; from now on they reach it no more (their certificates, of "
			 "24 "
			 "hours, are not renewed) until they are installed again",
			 all, old_url);
	if (memory)
		api_step(plan, "addresses:memory", "%s: running from memory, if at all; reboot %s to take all of this", memory,
			 memory);
}

int site_nodes_say(struct daemon *d, const struct site *old, const struct site *site, const struct site_nodes *n,
		   struct plan *plan, struct err *err)
{
	autofree struct address_change *changes = mem_array(n->is.len + 1, sizeof(*changes));
	autofree char *old_url = old ? daemon_server_url(old) : NULL;
	autoclean(concerned_free) struct concerned c = { 0 };
	bool head_moves;

	if (!old)
		return 0;
	if (address_changes(old, site, &n->was, &n->is, n->how, changes, plan, err) < 0)
		return -1;
	head_moves = !head_stays(old, site);
	for (size_t i = 0; i < n->is.len; i++)
		if (add_concerned(d, &n->is.nodes[i], &changes[i], head_moves, &c, err) < 0)
			return -1;
	say_concerned(&c, old_url, head_moves, plan);
	return 0;
}

int site_nodes_write(struct change *c, const struct site_nodes *n, const char *who, struct err *err)
{
	autoclean(nodeset_free) struct nodeset names = { 0 };
	autoclean(buf_free) struct buf folded_names = { 0 };

	for (size_t i = 0; i < n->is.len; i++) {
		if (n->how[i] == RENUMBER_STAYS)
			continue;
		change_node(c, &n->is.nodes[i]);
		if (nodeset_add(&names, n->is.nodes[i].name, err) < 0)
			return -1;
	}
	if (!nodeset_count(&names))
		return 0;
	nodeset_fold(&names, &folded_names);
	change_event(c, EVENT_INFO, "node-changed", nodeset_count(&names) == 1 ? nodeset_get(&names, 0) : NULL,
		     "%s: other addresses, with the site that %s applied", buf_str(&folded_names), who);
	return 0;
}
