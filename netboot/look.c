/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What netboot_apply() would write and remove: looked at, nothing touched. */
#include "netboot/netboot.h"
#include "netboot/render.h"

#include "base/mem.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)16 << 20)

struct look {
	const struct netboot_input *in;
	netboot_file_fn fn;
	void *ctx;
};

/* `text` NULL: the file goes. *differs is only ever set. What can't be read is told as that: whoever asks is to know what would
 * be done all the same, and doing it says what is in its way. */
static void look_at(const struct look *l, const struct netboot_file *as, const char *dir, const char *name,
		    const struct buf *text, bool *differs)
{
	autofree char *path = fs_join(dir, name);
	autoclean(buf_free) struct buf before = { 0 };
	struct netboot_file f = *as;
	struct err why = { 0 };
	bool is = fs_exists(path);

	if (is && fs_read(path, FILE_MAX, &before, &why) < 0)
		f.unread = why.text;
	else if (is && text && str_eq(buf_str(&before), buf_str(text)))
		return;
	f.path = path;
	f.before = is && !f.unread ? buf_str(&before) : NULL;
	f.after = text ? buf_str(text) : NULL;
	if (differs)
		*differs = true;
	l->fn(l->ctx, &f);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void look_at_gone(const struct look *l, const char *dir, struct str_list *keep)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	struct netboot_file as = { .kind = NETBOOT_FILE_NODE };
	struct err why = { 0 };

	if (!fs_exists(dir))
		return;
	if (fs_list(dir, &names, &why) < 0) {
		as.path = dir;
		as.unread = why.text;
		l->fn(l->ctx, &as);
		return;
	}
	if (keep->len)
		qsort(keep->items, keep->len, sizeof(*keep->items), by_name);
	for (size_t i = 0; i < names.len; i++) {
		const char *name = names.items[i];

		if (keep->len && bsearch(&name, keep->items, keep->len, sizeof(*keep->items), by_name))
			continue;
		look_at(l, &as, dir, name, NULL, NULL);
	}
}

static void look_at_grub(const struct look *l)
{
	autofree char *dir = fs_join(l->in->tftp_root, NETBOOT_NODES_DIR);
	autoclean(str_list_free) struct str_list keep = { 0 };
	autoclean(buf_free) struct buf main_text = { 0 };
	const struct netboot_file as = { .kind = NETBOOT_FILE_GRUB };

	netboot_grub_main(l->in, &main_text);
	look_at(l, &as, l->in->tftp_root, NETBOOT_GRUB_CFG, &main_text, NULL);
	for (size_t i = 0; i < l->in->n_nodes; i++) {
		const struct netboot_node *n = &l->in->nodes[i];
		const struct netboot_file of = { .kind = NETBOOT_FILE_NODE, .node = n->name };

		for (size_t j = 0; j < n->macs->len; j++) {
			autoclean(buf_free) struct buf text = { 0 };
			autofree char *name = netboot_node_file(n->macs->items[j]);

			netboot_grub_node_mac(l->in, n, n->macs->items[j], &text);
			look_at(l, &of, dir, name, &text, NULL);
			str_list_add(&keep, name);
		}
	}
	look_at_gone(l, dir, &keep);
}

/* Does one of them go? Of those that can't be read it is taken for granted. */
static bool look_at_leases(const struct netboot_input *in)
{
	autofree char *path = fs_join(in->run_dir, NETBOOT_LEASES);
	autoclean(buf_free) struct buf leases = { 0 };
	struct err why = { 0 };

	if (fs_exists(path) && fs_read(path, FILE_MAX, &leases, &why) < 0)
		return true;
	return netboot_leases_keep(in, buf_str(&leases), NULL) > 0;
}

static enum netboot_effect look_at_dnsmasq(const struct look *l)
{
	static const struct {
		const char *name;
		enum netboot_file_kind kind;
		void (*render)(const struct netboot_input *in, struct buf *out);
	} files[] = { { NETBOOT_CONF, NETBOOT_FILE_CONF, netboot_dnsmasq_conf },
		      { NETBOOT_DHCP_HOSTS, NETBOOT_FILE_HOSTS, netboot_dhcp_hosts },
		      { NETBOOT_HOSTS, NETBOOT_FILE_HOSTS, netboot_hosts } };
	bool conf = false, hosts = false;

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		autoclean(buf_free) struct buf text = { 0 };
		const struct netboot_file as = { .kind = files[i].kind };

		files[i].render(l->in, &text);
		look_at(l, &as, l->in->run_dir, files[i].name, &text, files[i].kind == NETBOOT_FILE_CONF ? &conf : &hosts);
	}
	return conf || look_at_leases(l->in) ? NETBOOT_RESTART : hosts ? NETBOOT_RELOAD : NETBOOT_NOTHING;
}

int netboot_look(const struct netboot_input *in, netboot_file_fn fn, void *ctx, enum netboot_effect *effect, struct err *err)
{
	const struct look l = { .in = in, .fn = fn, .ctx = ctx };

	*effect = NETBOOT_UNWRITTEN;
	if (netboot_check(in, err) < 0)
		return err_wrap(err, "network boot");
	*effect = look_at_dnsmasq(&l);
	look_at_grub(&l);
	return 0;
}
