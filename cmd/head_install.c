/* SPDX-License-Identifier: GPL-2.0-or-later */
/* This machine becomes a head: shown first, then performed step by step; run again, it goes on. */
#include "base/digest.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/head_install.h"
#include "headinstall/apply.h"
#include "headinstall/plan.h"
#include "headinstall/probe.h"
#include "headinstall/record.h"
#include "headinstall/store.h"
#include "raidsetup/raidsetup.h"
#include "site/addr.h"
#include "site/site.h"
#include "sys/fs.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct install {
	struct cmd *c;
	struct buf text; /* of the site, in its usual form */
	struct site site;
	struct head_facts facts;
	struct head_record record;
	struct head_store store; /* of wish.store */
	struct head_wish wish;
	struct head_probe probe;
	struct plan plan;
};

static void install_free(struct install *i)
{
	buf_free(&i->text);
	site_free(&i->site);
	head_facts_free(&i->facts);
	head_record_close(&i->record);
	str_list_free(&i->wish.open);
	str_list_free(&i->probe.ask);
	plan_free(&i->plan);
	head_store_free(&i->store);
}

static void put_disks(struct json_out *w)
{
	autoclean(disks_free) struct disks disks = { 0 };
	struct err none = { 0 };

	/* A machine whose disks can't be read still has the rest. */
	if (raid_probe(&disks, &none) < 0)
		disks_free(&disks);
	disks_to_json(&disks, w, "disks");
}

static void say_list(const struct cmd *c, const char *mark, const struct str_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		cmd_say_wrapped(c, mark, list->items[i]);
}

static void say_interfaces(const struct cmd *c, const struct head_facts *f)
{
	for (size_t i = 0; i < f->n_interfaces; i++) {
		const struct head_interface *n = &f->interfaces[i];
		autoclean(buf_free) struct buf b = { 0 };

		buf_addf(&b, "%s %s %s", n->name, n->mac, n->link ? "link" : "no link");
		if (n->speed_mbit)
			buf_addf(&b, " %llu Mbit/s", (unsigned long long)n->speed_mbit);
		if (n->driver[0])
			buf_addf(&b, " (%s)", n->driver);
		for (size_t k = 0; k < n->ipv4.len; k++)
			buf_addf(&b, " %s", n->ipv4.items[k]);
		for (size_t k = 0; k < n->ipv6.len; k++)
			buf_addf(&b, " %s", n->ipv6.items[k]);
		cmd_say_wrapped(c, "interface  ", buf_str(&b));
	}
}

static void say_facts(const struct cmd *c, const struct head_facts *f)
{
	char ram[STR_BYTES_MAX], room[STR_BYTES_MAX], server[ADDR4_LEN];

	str_from_bytes(f->ram_bytes, ram);
	str_from_bytes(f->store_free_bytes, room);
	cmd_say(c, "machine    %s, Debian %s (%s), kernel %s, %s", f->hostname, f->debian, f->suite, f->kernel,
		f->uefi ? "UEFI" : "BIOS");
	cmd_say(c, "           %llu x %s, %s of memory, %s free for images", (unsigned long long)f->cpus,
		f->cpu[0] ? f->cpu : "processor", ram, room);
	say_interfaces(c, f);
	for (size_t i = 0; i < f->dhcp.len; i++) {
		addr4_print(f->dhcp.items[i].server, server);
		cmd_say(c, "dhcp       another server answers on %s: %s", f->dhcp.items[i].interface, server);
	}
	for (size_t i = 0; i < f->n_ports; i++)
		cmd_say(c, "port       %s %u is in use by %s%s%s", f->ports[i].udp ? "UDP" : "TCP", f->ports[i].port,
			f->ports[i].program ? f->ports[i].program : "somebody", f->ports[i].address[0] ? " on " : "",
			f->ports[i].address);
	for (size_t i = 0; i < f->n_confs; i++)
		cmd_say(c, "configured %s, by %s", f->confs[i].service, f->confs[i].path);
	for (size_t i = 0; i < f->n_needs; i++)
		if (!f->needs[i].installed)
			cmd_say(c, "missing    %s: %s", f->needs[i].name, f->needs[i].why);
	say_list(c, "problem    ", &f->problems);
}

static int show_facts(struct install *i, struct err *err)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	i->probe.simulate = true;
	if (head_probe(&i->probe, &i->facts, err) < 0)
		return -1;
	if (!i->c->json) {
		say_facts(i->c, &i->facts);
		return 0;
	}
	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	head_facts_print(&i->facts, &w);
	put_disks(&w);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
	return 0;
}

static void read_record(struct install *i)
{
	const struct head_journal *j = &i->record.j;

	const struct head_pkg *sshd = head_journal_package(j, "openssh-server");

	i->wish.recorded = j->complete;
	i->wish.brought_sshd = j->complete && (!sshd || !sshd->was_there);
	for (size_t k = 0; k < j->n_steps; k++)
		if (!j->steps[k].done)
			str_list_add(&i->wish.open, j->steps[k].step);
}

/* Of this machine, these disks and this level: what is done has the identifiers that --plan has shown. */
static void make_seed(struct install *i)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct digest d;

	buf_addf(&text, "orthrus store of %s: %u", i->facts.machine_id, i->store.level);
	for (size_t k = 0; k < i->store.disks.len; k++)
		buf_addf(&text, "\n%s", i->store.disks.items[k]);
	digest_of(buf_str(&text), text.len, &d);
	memcpy(i->store.seed, &d, sizeof(i->store.seed));
}

/* The words of this run; without any, what an earlier one began. */
static int ask_store(struct install *i, struct err *err)
{
	autoclean(head_store_free) struct head_store begun = { 0 };
	bool resumed = head_store_resumed(&i->record.j, &begun);
	const char *level = cmd_option(i->c, "store-raid"), *fs = cmd_option(i->c, "store-fs");
	uint64_t number = 0;

	cmd_option_all(i->c, "store-disk", &i->store.disks);
	cmd_option_all(i->c, "store-wipe", &i->store.wipe);
	if (!level) {
		if (i->store.disks.len || i->store.wipe.len || fs)
			return err_set(err, ERR_USAGE, "--store-disk, --store-wipe and --store-fs go with --store-raid");
		if (resumed) {
			i->store = begun;
			begun = (struct head_store){ 0 };
			i->wish.store = &i->store;
		}
		return 0;
	}
	if (str_to_u64(level, 0, 10, &number, err) < 0)
		return err_set(err, ERR_USAGE, "--store-raid is 1, 5, 6 or 10");
	i->store.level = (unsigned int)number;
	i->store.fs = mem_strdup(fs ? fs : resumed ? begun.fs : "xfs");
	i->wish.store = &i->store;
	if (!resumed) {
		make_seed(i);
		return 0;
	}
	if (head_store_same(&i->store, &begun, err) < 0)
		return -1;
	/* In the order in which it was begun: the same seed then gives the same array. */
	str_list_free(&i->store.disks);
	free(i->store.fs);
	begun.wipe = i->store.wipe;
	i->store = begun;
	begun = (struct head_store){ 0 };
	return 0;
}

static int plan_disks(struct install *i, struct err *err)
{
	autoclean(disks_free) struct disks disks = { 0 };

	if (!i->wish.store || i->store.made)
		return 0;
	return raid_probe(&disks, err) < 0 ? -1 : head_store_plan(&i->store, &disks, err);
}

/* The site is read and checked before anything else is looked at; what is kept of it is its usual form. */
static int prepare(struct install *i, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct cmd *c = i->c;
	char host[256] = "";

	if (cmd_read_site(c->site_path, &text, err) < 0 || site_read(buf_str(&text), text.len, c->site_path, &i->site, err) < 0)
		return -1;
	site_print(&i->site, &i->text);
	if (head_record_open(c->root, false, &i->record, err) < 0)
		return -1;
	if (i->record.leaving) {
		err_set(err, ERR_REFUSED, "an uninstallation of this head was begun and has not ended");
		return err_hint(err, "`orthrus head uninstall` goes on with it");
	}
	read_record(i);
	if (gethostname(host, sizeof(host) - 1) < 0)
		host[0] = '\0';
	host[strcspn(host, ".")] = '\0';
	i->probe.interface = site_head_interface(&i->site, head_of_site(&i->site, host), site_provision(&i->site)->name);
	i->probe.simulate = true;
	if (i->probe.interface)
		str_list_add(&i->probe.ask, i->probe.interface);
	if (head_probe(&i->probe, &i->facts, err) < 0 || ask_store(i, err) < 0 || plan_disks(i, err) < 0)
		return -1;
	if (head_applied(c, &i->text, &i->facts, err) < 0)
		return -1;
	i->wish.site_text = buf_str(&i->text);
	i->wish.accept_dhcp = cmd_flag(c, "accept-dhcp");
	i->wish.images = cmd_flag(c, "images");
	i->wish.links = i->record.j.links;
	i->wish.n_links = i->record.j.n_links;
	return head_plan(&i->facts, &i->site, &i->wish, &i->plan, err);
}

void head_show_plan(const struct cmd *c, const struct plan *plan)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, true);
	if (c->json)
		head_plan_json(plan, &w);
	else
		head_plan_print(plan, &out);
	cmd_print(buf_str(&out));
}

void head_say_step(void *ctx, const struct plan_step *step, size_t number, size_t of, const char *state)
{
	const struct cmd *c = ctx;
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	if (!c->json) {
		if (str_eq(state, "begun") || str_eq(state, "kept"))
			cmd_say(c, "%zu of %zu: %s", number, of, step->text);
		return;
	}
	json_out_init(&w, &out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "step", step->name);
	json_put_u64(&w, "number", number);
	json_put_u64(&w, "of", of);
	json_put_str(&w, "state", state);
	json_put_str(&w, "text", step->text);
	json_end_obj(&w);
	buf_addc(&out, '\n');
	cmd_print(buf_str(&out));
	fflush(stdout); /* whoever follows it through a pipe sees each step when it begins */
}

static int perform(struct install *i, struct err *err)
{
	struct head_apply a = {
		.record = &i->record, .store = i->wish.store, .facts = &i->facts, .say = head_say_step, .ctx = i->c
	};

	/* What the daemon's user reads (/etc/orthrus), and what programs make for all, is not closed to them by a habit of
	 * root's. */
	umask(022);
	/* Until now nothing was written, not even that somebody wanted to. */
	if (head_record_begin(&i->record, err) < 0 || head_record_catch_up(&i->record, true, err) < 0)
		return -1;
	i->wish.links = NULL; /* of the record that was read before; the plan has what it needs */
	i->wish.n_links = 0;
	i->c->json_lines = true;
	if (head_apply(&a, &i->plan, err) < 0)
		return -1;
	/* Nobody else answers DHCP: that was looked at a moment ago. */
	i->probe.no_ask = true;
	return head_applied(i->c, &i->text, &i->facts, err) < 0
		       ? -1
		       : head_verify(&i->probe, &i->site, &i->wish, i->facts.applied, err);
}

static int install(struct install *i, struct err *err)
{
	struct cmd *c = i->c;

	if (prepare(i, err) < 0)
		return -1;
	if (c->plan) {
		if (!head_plan_changes(&i->plan))
			cmd_say(c, "Nothing is to be done: this machine is the head that the site describes.");
		else
			cmd_say(c, "Making this machine a head would (nothing is changed now):");
		head_show_plan(c, &i->plan);
		return 0;
	}
	if (head_plan_changes(&i->plan)) {
		if (!c->json && !c->yes)
			head_show_plan(c, &i->plan);
		if (cmd_confirm(c, err, "make this machine a head of cluster %s", i->site.cluster) < 0)
			return -1;
	}
	if ((head_plan_changes(&i->plan) || i->wish.open.len) && perform(i, err) < 0)
		return -1;
	cmd_say(c,
		"This machine is a head of cluster %s. Next: %spower nodes on; `orthrus head uninstall` gives it back as it was.",
		i->site.cluster, i->wish.images ? "" : "`orthrus image build`, then ");
	return 0;
}

int cmd_head_install(struct cmd *c, struct err *err)
{
	autoclean(
		install_free) struct install i = { .c = c, .record = { .lock_fd = -1, .fd = -1 }, .probe = { .root = c->root } };

	if (cmd_args(c, 0, 0, err) < 0)
		return -1;
	cmd_option_all(c, "interface", &i.probe.ask);
	if (cmd_flag(c, "probe"))
		return show_facts(&i, err);
	str_list_free(&i.probe.ask);
	return install(&i, err);
}
