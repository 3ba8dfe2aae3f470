/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/site_steps.h"

#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/text_diff.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONE_BY_ONE 8 /* so many files of nodes are shown each for itself */

static void step_free(void *arg)
{
	struct site_step *s = arg;

	free(s->path);
	free(s->diff);
	free(s->nodes);
	free(s);
}

struct plan_step *site_step_add(struct plan *plan, enum site_step_kind kind, const char *name, const struct site_step *about,
				const char *fmt, ...)
{
	struct site_step *arg = NULL;
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	if (about) {
		arg = mem_zalloc(sizeof(*arg));
		*arg = *about;
	}
	return plan_add(plan, (int)kind, PLAN_WRITES, name, text, arg, arg ? step_free : NULL);
}

void site_facts_free(struct site_facts *f)
{
	for (size_t i = 0; i < f->n_files; i++) {
		free(f->files[i].path);
		free(f->files[i].node);
		free(f->files[i].before);
		free(f->files[i].after);
	}
	for (size_t i = 0; i < f->n_wishes; i++) {
		free(f->wishes[i].node);
		free(f->wishes[i].group);
		free(f->wishes[i].before);
		free(f->wishes[i].after);
	}
	free(f->files);
	free(f->wishes);
}

static const char *action_of(const struct site_file *f)
{
	return !f->before ? "make" : !f->after ? "remove" : "change";
}

/* "(2 lines more, 1 less)" */
static char *lines_text(size_t added, size_t removed)
{
	if (added && removed)
		return str_format(" (%zu line%s added, %zu removed)", added, added == 1 ? "" : "s", removed);
	return added ? str_format(" (%zu line%s added)", added, added == 1 ? "" : "s")
		     : str_format(" (%zu line%s removed)", removed, removed == 1 ? "" : "s");
}

static void say_file(const struct site_file *f, bool diff, struct plan *plan)
{
	autofree char *name = str_format("file:%s", f->path);
	autoclean(buf_free) struct buf text = { 0 };
	autofree char *lines = NULL;
	struct text_diff n;
	struct site_step about = { .action = action_of(f), .files = 1 };

	text_diff(f->path, f->before, f->after, &n, diff ? &text : NULL);
	about.path = mem_strdup(f->path);
	about.diff = diff ? buf_steal(&text) : NULL;
	about.added = n.added;
	about.removed = n.removed;
	lines = f->after ? lines_text(n.added, n.removed) : mem_strdup("");
	site_step_add(plan, SITE_STEP_FILE, name, &about, "%s %s%s", about.action, f->path, lines);
}

/* Files of nodes that are alike, as one step: what each of them is follows from its node. */
static int say_node_files(const struct site_facts *f, const char *action, bool diff, struct plan *plan, struct err *err)
{
	autoclean(nodeset_free) struct nodeset nodes = { 0 };
	autoclean(buf_free) struct buf text = { 0 }, folded = { 0 };
	autofree char *name = str_format("file:nodes:%s", action), *dir = NULL;
	struct site_step about = { .action = action };

	for (size_t i = 0; i < f->n_files; i++) {
		const struct site_file *x = &f->files[i];
		struct text_diff n;

		if (x->kind != SITE_FILE_NODE || !str_eq(action_of(x), action))
			continue;
		text_diff(x->path, x->before, x->after, &n, diff ? &text : NULL);
		about.files++;
		about.added += n.added;
		about.removed += n.removed;
		if (x->node && nodeset_add(&nodes, x->node, err) < 0)
			return -1;
		free(dir);
		dir = mem_strndup(x->path, (size_t)(strrchr(x->path, '/') - x->path));
	}
	if (!about.files)
		return 0;
	nodeset_fold(&nodes, &folded);
	about.path = mem_strdup(dir);
	about.diff = diff ? buf_steal(&text) : NULL;
	about.nodes = folded.len ? mem_strdup(buf_str(&folded)) : NULL;
	site_step_add(plan, SITE_STEP_FILE, name, &about, "%s %zu files in %s%s%s", action, about.files, dir,
		      folded.len ? ", what these find at their next network boot: " : "", buf_str(&folded));
	return 0;
}

static int say_files(const struct site_facts *f, bool diff, struct plan *plan, struct err *err)
{
	static const char *const actions[] = { "make", "change", "remove" };
	size_t nodes = 0;

	for (size_t i = 0; i < f->n_files; i++)
		nodes += f->files[i].kind == SITE_FILE_NODE;
	for (size_t i = 0; i < f->n_files; i++)
		if (f->files[i].kind != SITE_FILE_NODE || nodes <= ONE_BY_ONE)
			say_file(&f->files[i], diff, plan);
	for (size_t i = 0; nodes > ONE_BY_ONE && i < ARRAY_LEN(actions); i++)
		if (say_node_files(f, actions[i], diff, plan, err) < 0)
			return -1;
	return 0;
}

static void service(struct plan *plan, const char *name, const char *action, const char *clients, char *text)
{
	autofree char *step = str_format("service:%s", name);
	const struct site_step about = { .service = name, .action = action, .clients = clients };
	autofree char *said = text;

	site_step_add(plan, SITE_STEP_SERVICE, step, &about, "%s", said);
}

/* "provision (10.1.0.0/16, fd00::/64)" */
static char *network_text(const struct site_network *net)
{
	char four[NET4_LEN] = "", six[NET6_LEN] = "";

	if (net->has4)
		net4_print(&net->net4, four);
	if (net->has6)
		net6_print(&net->net6, six);
	return str_format("%s (%s%s%s)", net->name, four, net->has4 && net->has6 ? ", " : "", six);
}

static void say_dnsmasq(const struct site_facts *f, struct plan *plan)
{
	autofree char *net = network_text(site_provision(f->site));
	const char *whom = f->site->discover ? "known nodes and, from the pool, unknown machines" : "known nodes only";

	if (f->no_dnsmasq)
		service(plan, "dnsmasq", "none", "none",
			mem_strdup("dnsmasq is switched off: the files of network boot are written and nobody is told"));
	else if (!f->was)
		service(plan, "dnsmasq", "start", "none",
			str_format("run dnsmasq on interface %s: this head answers DHCP on %s for %s", f->head->interface, net,
				   whom));
	else if (f->effect == NETBOOT_RESTART)
		service(plan, "dnsmasq", "restart", "pause",
			str_format("restart dnsmasq on interface %s, for %s, %s: it reads its configuration only when it starts. "
				   "Leases that still fit stay; for a second or two nobody is answered, and clients ask again. A "
				   "boot loader that "
				   "is being fetched by TFTP is fetched anew",
				   f->head->interface, net, whom));
	else if (f->effect == NETBOOT_RELOAD)
		service(plan, "dnsmasq", "reload", "none",
			mem_strdup("have dnsmasq read its hosts again (SIGHUP): it goes on answering, leases stay"));
	else
		service(plan, "dnsmasq", "none", "none", mem_strdup("dnsmasq goes on untouched"));
}

static void say_querier(const struct site_facts *f, struct plan *plan)
{
	bool was = f->was && f->old->cast.on && f->old->cast.querier, is = f->site->cast.on && f->site->cast.querier;

	if (was && is && !str_eq(f->was->interface, f->head->interface))
		service(plan, "querier", "restart", "none",
			str_format("have the querier of multicast members work on interface %s", f->head->interface));
	else if (f->was && was != is)
		service(plan, "querier", is ? "start" : "stop", "none",
			is ? str_format("let this head ask for multicast members on interface %s", f->head->interface)
			   : mem_strdup(
				     "end this head's querier of multicast members: switches that nobody asks may stop casts"));
}

static void say_services(const struct site_facts *f, struct plan *plan)
{
	say_dnsmasq(f, plan);
	for (size_t i = 0; i < f->n_files; i++)
		if (f->files[i].kind == SITE_FILE_SLURM && f->files[i].slurm_takes_note)
			service(plan, "slurmctld", "restart", "pause",
				mem_strdup(
					"restart slurmctld where it runs, some seconds later: it reads nodes and partitions only "
					"when it starts. Jobs go on"));
	if (f->serves_anew)
		service(plan, "api", f->was && f->old->api_port != f->site->api_port ? "restart" : "reload",
			f->was && f->old->api_port != f->site->api_port ? "break" : "none",
			str_format("serve nodes and administrators at %s, with a certificate for the heads' names and addresses",
				   f->url));
	if (f->was && f->old->cast.on && !f->site->cast.on)
		service(plan, "casts", "stop", "pause",
			mem_strdup("end the casts that run: nodes get their images over HTTPS, one by one"));
	say_querier(f, plan);
}

/* Does a step of the site's values begin like one of these? */
static bool touches(const struct plan *plan, const char *const *starts, size_t n)
{
	for (size_t i = 0; i < plan->len; i++) {
		const char *what = strchr(plan->steps[i].name, ':');

		if (plan->steps[i].type != SITE_STEP_VALUE || !what)
			continue;
		for (size_t k = 0; k < n; k++)
			if (str_starts(what + 1, starts[k]))
				return true;
	}
	return false;
}

/* Of a new or changed image nothing is there yet. */
static void say_images(const struct site_facts *f, struct plan *plan)
{
	for (size_t i = 0; i < f->site->n_images; i++) {
		const char *name = f->site->images[i].name;
		autofree char *start = str_format("image %s", name), *member = str_format("image %s:", name);
		autofree char *step = str_format("by-hand:image:%s", name);
		bool touched = false;

		for (size_t k = 0; k < plan->len && !touched; k++) {
			const char *what = strchr(plan->steps[k].name, ':');

			touched = plan->steps[k].type == SITE_STEP_VALUE && what &&
				  (str_eq(what + 1, start) || str_starts(what + 1, member));
		}
		if (touched)
			site_step_add(
				plan, SITE_STEP_BYHAND, step, NULL,
				"image %s: build it with `orthrus image build %s`; until then nodes are installed with what the "
				"store has",
				name, name);
	}
}

static void say_by_hand(const struct site_facts *f, struct plan *plan)
{
	static const char *const of_guard[] = { "pair", "head ", "order of heads", "heads", "service address ", "network " };

	if (!f->old)
		return;
	say_images(f, plan);
	if ((f->old->pair.given || f->site->pair.given) && touches(plan, of_guard, ARRAY_LEN(of_guard)))
		site_step_add(plan, SITE_STEP_BYHAND, "by-hand:guard", NULL,
			      "orthrus-guard reads the site file when it starts: put this one on each head and witness, then "
			      "`systemctl restart orthrus-guard` there, one after the other, the head that answers last");
}

/* Another address of this head is for whoever runs it to configure: without it nobody is answered. */
static void say_head(const struct site_facts *f, struct plan *plan)
{
	const struct site_network *net = site_provision(f->site), *before = site_provision(f->old);
	char addr[ADDR6_LEN];

	addr4_print(f->head->addr4, addr);
	if (net->has4 && (f->head->addr4 != f->was->addr4 || !before->has4 || net->net4.prefix != before->net4.prefix))
		site_step_add(
			plan, SITE_STEP_DANGER, "head:ipv4", NULL,
			"count on the address %s/%u on interface %s of this head: whoever runs it configures it, and until it "
			"is there nodes get no answer",
			addr, net->net4.prefix, f->head->interface);
	addr6_print(&f->head->addr6, addr);
	if (net->has6 && (!f->was->has6 || !addr6_same(&f->head->addr6, &f->was->addr6)))
		site_step_add(
			plan, SITE_STEP_DANGER, "head:ipv6", NULL,
			"count on the address %s/%u on interface %s of this head: whoever runs it configures it, and until it "
			"is there nodes get no answer",
			addr, net->net6.prefix, f->head->interface);
	if (!str_eq(f->was->interface, f->head->interface))
		site_step_add(
			plan, SITE_STEP_DANGER, "head:interface", NULL,
			"DHCP, DNS, TFTP and multicast leave interface %s of this head for %s: machines on %s are answered no "
			"more",
			f->was->interface, f->head->interface, f->was->interface);
}

static void say_subnets(const struct site_facts *f, struct plan *plan)
{
	const struct site_network *net = site_provision(f->site), *before = site_provision(f->old);
	autofree char *from = network_text(before), *to = network_text(net);
	bool four =
		before->has4 && (!net->has4 || before->net4.base != net->net4.base || before->net4.prefix != net->net4.prefix);
	bool six = before->has6 && (!net->has6 || !addr6_same(&before->net6.base, &net->net6.base));

	if (four || six)
		site_step_add(
			plan, SITE_STEP_DANGER, "danger:subnet", NULL,
			"the provision network changes from %s to %s: what runs there and is not named above (BMCs, switches, "
			"storage) is not told",
			from, to);
}

static int say_dangers(const struct site_facts *f, struct plan *plan, struct err *err)
{
	if (!f->old)
		return 0;
	if (f->was)
		say_head(f, plan);
	say_subnets(f, plan);
	if (f->site->trust_mac && !f->old->trust_mac)
		site_step_add(
			plan, SITE_STEP_DANGER, "danger:trust-mac", NULL,
			"from now on whoever shows a node's MAC address on the provision network is taken for that node, and "
			"gets its secrets");
	return site_steps_networks(f, plan, err);
}

int site_steps(const struct site_facts *f, bool diff, struct plan *plan, struct err *err)
{
	if (say_files(f, diff, plan, err) < 0)
		return -1;
	say_services(f, plan);
	if (f->old && site_steps_nodes(f, plan, err) < 0)
		return -1;
	say_by_hand(f, plan);
	return say_dangers(f, plan, err);
}

static const char *kind_name(int kind)
{
	static const char *const names[] = {
		[SITE_STEP_OTHER] = "other",	   [SITE_STEP_VALUE] = "value", [SITE_STEP_ADDRESS] = "address",
		[SITE_STEP_TEMPLATE] = "template", [SITE_STEP_ORDER] = "order", [SITE_STEP_FILE] = "file",
		[SITE_STEP_SERVICE] = "service",   [SITE_STEP_NODES] = "nodes", [SITE_STEP_BYHAND] = "by-hand",
		[SITE_STEP_DANGER] = "danger",
	};

	return kind >= 0 && (size_t)kind < ARRAY_LEN(names) ? names[kind] : names[SITE_STEP_OTHER];
}

static void put_about(const struct site_step *s, struct json_out *w)
{
	const struct {
		const char *key, *value;
	} words[] = { { "path", s->path },   { "action", s->action }, { "service", s->service }, { "clients", s->clients },
		      { "nodes", s->nodes }, { "when", s->when },     { "diff", s->diff } };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].value)
			json_put_str(w, words[i].key, words[i].value);
	if (!s->files)
		return;
	json_put_u64(w, "files", s->files);
	json_put_u64(w, "added", s->added);
	json_put_u64(w, "removed", s->removed);
}

void site_steps_put(const struct plan *plan, struct json_out *w)
{
	struct digest digest;
	char hex[DIGEST_HEX_LEN];

	plan_digest(plan, &digest);
	digest_hex(&digest, hex);
	json_put_str(w, "digest", hex);
	json_put_arr(w, "steps");
	for (size_t i = 0; i < plan->len; i++) {
		const struct plan_step *s = &plan->steps[i];

		json_put_obj(w, NULL);
		json_put_str(w, "name", s->name);
		json_put_str(w, "effect", s->effect == PLAN_DESTROYS ? "destroys" : "writes");
		json_put_str(w, "text", s->text);
		json_put_str(w, "kind", kind_name(s->type));
		if (s->arg)
			put_about(s->arg, w);
		json_end_obj(w);
	}
	json_end_arr(w);
}
