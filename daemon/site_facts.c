/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What there is on this head and on the nodes, and what it would be by another site. */
#include "base/mem.h"
#include "daemon/boot_input.h"
#include "daemon/exports.h"
#include "daemon/head_tls.h"
#include "daemon/order_make.h"
#include "daemon/reconcile.h"
#include "daemon/site_change.h"
#include "daemon/site_steps.h"
#include "daemon/ssh_trust.h"
#include "sys/fs.h"

#include <string.h>

#define FILE_MAX ((size_t)16 << 20)

static struct site_file *add_file(struct site_facts *f, enum site_file_kind kind, const char *path, const char *before,
				  const char *after)
{
	struct site_file *x;

	f->files = mem_room(f->files, f->n_files, &f->cap_files, sizeof(*f->files));
	x = &f->files[f->n_files++];
	*x = (struct site_file){ .kind = kind,
				 .path = mem_strdup(path),
				 .before = before ? mem_strdup(before) : NULL,
				 .after = after ? mem_strdup(after) : NULL };
	return x;
}

static void on_netboot(void *ctx, const struct netboot_file *f)
{
	static const enum site_file_kind kinds[] = { [NETBOOT_FILE_CONF] = SITE_FILE_CONF,
						     [NETBOOT_FILE_HOSTS] = SITE_FILE_HOSTS,
						     [NETBOOT_FILE_GRUB] = SITE_FILE_GRUB,
						     [NETBOOT_FILE_NODE] = SITE_FILE_NODE };
	struct site_file *x = add_file(ctx, kinds[f->kind], f->path, f->before, f->after);

	x->node = f->node ? mem_strdup(f->node) : NULL;
	x->unread = f->unread ? mem_strdup(f->unread) : NULL;
}

static void on_export(void *ctx, bool slurm, const char *path, const char *before, const char *after, const char *unread)
{
	struct site_file *x;

	if (!unread && str_eq(before, after))
		return;
	x = add_file(ctx, slurm ? SITE_FILE_SLURM : SITE_FILE_EXPORT, path, before, after);
	x->unread = unread ? mem_strdup(unread) : NULL;
	x->slurm_takes_note = slurm && exports_slurm_differs(before ? before : "", after);
}

static int look_at_known_hosts(struct daemon *d, const struct site *site, struct site_facts *f, struct err *err)
{
	autofree char *path = fs_join(d->paths.ssh_dir, "known_hosts");
	autoclean(buf_free) struct buf before = { 0 }, after = { 0 };
	struct err why = { 0 };

	/* The authority is made with the first site. */
	if (!fs_exists(path))
		return 0;
	if (ssh_known_hosts(d, site, &after, err) < 0)
		return -1;
	if (fs_read(path, FILE_MAX, &before, &why) < 0)
		on_export(f, false, path, NULL, buf_str(&after), why.text);
	else if (!str_eq(buf_str(&before), buf_str(&after)))
		add_file(f, SITE_FILE_EXPORT, path, buf_str(&before), buf_str(&after));
	return 0;
}

static int look_at_files(struct daemon *d, const struct site_change *s, struct site_facts *f, struct err *err)
{
	autoclean(str_list_free) struct str_list withdrawn = { 0 };
	const struct boot_wish wish = { .site = &s->site, .roster = &s->nodes.is, .withdrawn = &withdrawn };

	for (size_t i = 0; i < s->orders.len; i++)
		if (s->orders.items[i].withdraw)
			str_list_add(&withdrawn, s->orders.items[i].order.node);
	if (!d->reconcile)
		return 0;
	return reconcile_look(d->reconcile, &wish, on_netboot, f, &f->effect, err) < 0 ||
			       exports_look(reconcile_exports(d->reconcile), &s->site, &s->nodes.is, on_export, f, err) < 0 ||
			       look_at_known_hosts(d, &s->site, f, err) < 0
		       ? -1
		       : 0;
}

/* What can't be ordered is told as it is: that changes too. */
static char *wish_of(const struct site *site, const struct node *n, const struct machine *m)
{
	autoclean(order_free) struct order o = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct err why = { 0 };
	struct json_out w;

	if (order_wish(site, n, m, &o, &why) == 0) {
		site_wish_print(&o, node_image(site, n), &out);
		return buf_steal(&out);
	}
	json_out_init(&w, &out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "error", why.text);
	json_end_obj(&w);
	return buf_steal(&out);
}

static enum site_runs runs_of(const struct node *n, const struct run *r)
{
	if (n->boot == NODE_BOOT_DISKLESS || n->rescue != NODE_RESCUE_NO)
		return SITE_RUNS_MEMORY;
	return r->state == RUN_INSTALLED || r->state == RUN_UP ? SITE_RUNS_DISK : SITE_RUNS_NOTHING;
}

static int look_at_node(struct daemon *d, const struct site_change *s, size_t i, struct site_facts *f, struct err *err)
{
	const struct node *was = &s->nodes.was.nodes[i], *is = &s->nodes.is.nodes[i];
	autoclean(machine_free) struct machine m = { 0 };
	autoclean(run_free) struct run r = { 0 };
	int known = daemon_machine(d, is->name, &m, err);

	if (known < 0 || daemon_run(d, is->name, &r, err) < 0)
		return -1;
	f->wishes = mem_room(f->wishes, f->n_wishes, &f->cap_wishes, sizeof(*f->wishes));
	f->wishes[f->n_wishes++] = (struct site_wish){ .node = mem_strdup(is->name),
						       .group = mem_strdup(is->group),
						       .runs = runs_of(is, &r),
						       .before = wish_of(&s->old, was, known ? &m : NULL),
						       .after = wish_of(&s->site, is, known ? &m : NULL) };
	return 0;
}

static bool same_list(const struct str_list *a, const struct str_list *b)
{
	bool same = a->len == b->len;

	for (size_t i = 0; same && i < a->len; i++)
		same = str_eq(a->items[i], b->items[i]);
	return same;
}

static bool serves_anew(const struct site_change *s)
{
	autoclean(str_list_free) struct str_list names = { 0 }, addrs = { 0 }, old_names = { 0 }, old_addrs = { 0 };

	if (!s->had)
		return true;
	head_tls_names(&s->old, &old_names, &old_addrs);
	head_tls_names(&s->site, &names, &addrs);
	return s->old.api_port != s->site.api_port || !same_list(&names, &old_names) || !same_list(&addrs, &old_addrs);
}

int site_facts_gather(struct daemon *d, const struct site_change *s, struct site_facts *out, struct err *err)
{
	struct err none = { 0 };

	*out = (struct site_facts){ .old = s->had ? &s->old : NULL,
				    .site = &s->site,
				    .was = s->had ? daemon_head(&s->old, &none) : NULL,
				    .head = daemon_head(&s->site, err),
				    .no_dnsmasq = d->no_dnsmasq,
				    .serves_anew = serves_anew(s) };
	if (!out->head || look_at_files(d, s, out, err) < 0)
		return -1;
	for (size_t i = 0; s->had && i < s->nodes.is.len; i++)
		if (look_at_node(d, s, i, out, err) < 0)
			return -1;
	return 0;
}
