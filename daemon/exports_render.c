/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/exports_render.h"

#include "base/mem.h"
#include "base/nodeset.h"
#include "base/str.h"

#include <string.h>
#include <strings.h>

#define HEAD "# Written by orthrusd, again whenever the nodes change: what is changed here is lost.\n"
#define MIB ((uint64_t)1 << 20)

typedef const char *(*fact_word)(const struct export_node *n);

static const char *group_of(const struct export_node *n)
{
	return n->group;
}

static const char *state_of(const struct export_node *n)
{
	return n->state;
}

/* The different words, in bytewise order. */
static void words(const struct export_node *nodes, size_t n, fact_word word, struct str_list *out)
{
	for (size_t i = 0; i < n; i++)
		if (!str_list_has(out, word(&nodes[i])))
			str_list_add(out, word(&nodes[i]));
	for (size_t i = 1; i < out->len; i++)
		for (size_t k = i; k && strcmp(out->items[k - 1], out->items[k]) > 0; k--) {
			char *other = out->items[k];

			out->items[k] = out->items[k - 1];
			out->items[k - 1] = other;
		}
}

/* Names of nodes were checked when they were added: a set takes them all. */
static void add(struct nodeset *set, const char *name)
{
	struct err never = { 0 };

	if (nodeset_add(set, name, &never) < 0)
		return;
}

/* The nodes with this word; all for NULL. */
static void members(const struct export_node *nodes, size_t n, fact_word word, const char *is, struct nodeset *out)
{
	for (size_t i = 0; i < n; i++)
		if (!is || str_eq(word(&nodes[i]), is))
			add(out, nodes[i].name);
}

void exports_render_genders(const struct export_node *nodes, size_t n, struct buf *out)
{
	buf_adds(out, HEAD);
	for (size_t i = 0; i < n; i++) {
		buf_addf(out, "%s all,group=%s", nodes[i].name, nodes[i].group);
		if (nodes[i].image)
			buf_addf(out, ",image=%s", nodes[i].image);
		buf_addf(out, ",state=%s\n", nodes[i].state);
	}
}

/* In quotes: YAML takes "no", "1e3" or "null" for something else than a text. */
static void add_source(const struct export_node *nodes, size_t n, const char *source, fact_word word, struct buf *out)
{
	autoclean(str_list_free) struct str_list list = { 0 };
	autoclean(nodeset_free) struct nodeset all = { 0 };

	words(nodes, n, word, &list);
	members(nodes, n, word, NULL, &all);
	buf_addf(out, "%s:\n    \"all\": \"", source);
	nodeset_fold(&all, out);
	buf_adds(out, "\"\n");
	for (size_t i = 0; i < list.len; i++) {
		autoclean(nodeset_free) struct nodeset set = { 0 };

		if (str_eq(list.items[i], "all")) {
			buf_adds(out, "    # the group \"all\" of the site: ClusterShell means every node by that\n");
			continue;
		}
		members(nodes, n, word, list.items[i], &set);
		buf_addf(out, "    \"%s\": \"", list.items[i]);
		nodeset_fold(&set, out);
		buf_adds(out, "\"\n");
	}
}

void exports_render_groups(const struct export_node *nodes, size_t n, struct buf *out)
{
	buf_adds(out, HEAD);
	add_source(nodes, n, "orthrus", group_of, out);
	add_source(nodes, n, "orthrus_state", state_of, out);
}

/* Slurm takes "n[01-64]", but no range in the middle of a name: where our short form has one, all names. */
static void slurm_names(struct nodeset *set, struct buf *out)
{
	autoclean(buf_free) struct buf folded = { 0 };
	bool fits = true;

	nodeset_fold(set, &folded);
	for (const char *p = strchr(buf_str(&folded), ']'); p && fits; p = strchr(p + 1, ']'))
		fits = p[1] == ',' || !p[1];
	if (fits)
		buf_adds(out, buf_str(&folded));
	for (size_t i = 0; !fits && i < nodeset_count(set); i++)
		buf_addf(out, "%s%s", i ? "," : "", nodeset_get(set, i));
}

/* slurm.conf(5): DEFAULT sets what follows, ALL is every node; case does not count. */
static bool reserved(const char *name)
{
	return strcasecmp(name, "default") == 0 || strcasecmp(name, "all") == 0;
}

static bool in_slurm(const struct export_node *n)
{
	return n->cpus && n->memory_bytes && !reserved(n->name);
}

/* A node that has less memory than is written here is drained by Slurm, and what the kernel keeps to itself is not the same in
 * the imager and in the installed system: a fiftieth less. */
static uint64_t slurm_mib(const struct export_node *n)
{
	return n->memory_bytes / MIB * 49 / 50;
}

/* By its address: for each name that DNS does not know slurmctld waits many seconds, with everybody. */
static void add_nodes(const struct export_node *nodes, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (!in_slurm(&nodes[i]))
			continue;
		buf_addf(out, "NodeName=%s", nodes[i].name);
		if (nodes[i].address)
			buf_addf(out, " NodeAddr=%s", nodes[i].address);
		buf_addf(out, " CPUs=%llu RealMemory=%llu State=UNKNOWN\n", (unsigned long long)nodes[i].cpus,
			 (unsigned long long)slurm_mib(&nodes[i]));
	}
}

static void add_partitions(const struct export_node *nodes, size_t n, struct buf *out)
{
	autoclean(str_list_free) struct str_list groups = { 0 };

	words(nodes, n, group_of, &groups);
	for (size_t g = 0; g < groups.len; g++) {
		autoclean(nodeset_free) struct nodeset set = { 0 };

		for (size_t i = 0; i < n; i++)
			if (in_slurm(&nodes[i]) && str_eq(nodes[i].group, groups.items[g]))
				add(&set, nodes[i].name);
		if (reserved(groups.items[g])) {
			buf_addf(out, "# no partition for the group %s: Slurm has its own use for this name\n", groups.items[g]);
		} else if (nodeset_count(&set)) {
			buf_addf(out, "PartitionName=%s Nodes=", groups.items[g]);
			slurm_names(&set, out);
			buf_adds(out, " State=UP\n");
		}
	}
}

void exports_render_slurm(const struct export_node *nodes, size_t n, struct buf *out)
{
	autoclean(nodeset_free) struct nodeset left = { 0 };

	buf_adds(out, HEAD);
	for (size_t i = 0; i < n; i++)
		if (!in_slurm(&nodes[i]))
			add(&left, nodes[i].name);
	if (nodeset_count(&left)) {
		buf_adds(out, "# left out, for they have not reported their hardware or have a name that Slurm uses itself: ");
		nodeset_fold(&left, out);
		buf_addc(out, '\n');
	}
	add_nodes(nodes, n, out);
	add_partitions(nodes, n, out);
}
