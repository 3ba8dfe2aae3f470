/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts the rendered files where dnsmasq and GRUB find them. Each file is replaced whole, GRUB's are on disk before dnsmasq's are
 * touched; a file whose content is right is not touched at all. */
#include "netboot/netboot.h"
#include "netboot/render.h"

#include "base/mem.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LEASES_MAX ((size_t)16 << 20)

static int write_one(const char *dir, const char *name, const struct buf *text, bool *changed, struct err *err)
{
	autofree char *path = fs_join(dir, name);

	return fs_write_if_changed(path, buf_str(text), text->len, 0644, changed, err);
}

/* What a write of this file left that was cut off by a kill: fs_write_atomic() names it NAME.XXXXXX. Nobody else writes here. */
static void sweep(const char *dir, const char *name)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err ignored = { 0 };
	size_t len = strlen(name);

	if (fs_list(dir, &names, &ignored) < 0)
		return;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(dir, names.items[i]);

		if (str_starts(names.items[i], name) && names.items[i][len] == '.' && strlen(names.items[i]) == len + 7 &&
		    unlink(path) == 0)
			log_info("netboot", "removed %s, which a write that was cut off left", path);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool in_sorted(const struct str_list *names, const char *name)
{
	return names->len && bsearch(&name, names->items, names->len, sizeof(*names->items), by_name);
}

/* What goes wrong with one file must not keep the others from being right: the first error and their number are told. */
struct failures {
	struct err first;
	size_t n;
	struct str_list silent; /* nodes that have no file for GRUB at all */
};

static void failures_free(struct failures *f)
{
	str_list_free(&f->silent);
}

static void note_failure(struct failures *f, const struct err *err)
{
	if (!f->n++)
		f->first = *err;
}

static int tell_failures(const struct failures *f, struct err *err)
{
	if (!f->n)
		return 0;
	*err = f->first;
	return f->n == 1 ? -1 : err_wrap(err, "%zu files are not as they should be; the first", f->n);
}

static bool is_file(const char *dir, const char *name)
{
	autofree char *path = fs_join(dir, name);
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Every interface of a node gets the node's answer: which of them the firmware boots from is not ours to choose. */
static int write_nodes(const struct netboot_input *in, const char *dir, struct str_list *written, struct failures *failures,
		       struct err *fatal)
{
	struct fs_batch batch = { 0 };

	for (size_t i = 0; i < in->n_nodes; i++) {
		const struct netboot_node *n = &in->nodes[i];

		for (size_t j = 0; j < n->macs->len; j++) {
			autoclean(buf_free) struct buf text = { 0 };
			autofree char *name = netboot_node_file(n->macs->items[j]);
			autofree char *path = fs_join(dir, name);
			struct err err = { 0 };

			netboot_grub_node_mac(in, n, n->macs->items[j], &text);
			if (fs_batch_write(&batch, path, buf_str(&text), text.len, 0644, &err) < 0) {
				err_wrap(&err, "node %s", n->name);
				note_failure(failures, &err);
				if (!is_file(dir, name))
					str_list_add(&failures->silent, n->name);
			}
			str_list_add(written, name);
		}
	}
	return fs_batch_end(&batch, dir, fatal);
}

/* Two nodes with one MAC would overwrite each other's orders: found before anything is written. */
static int check_macs_differ(const struct netboot_input *in, struct err *err)
{
	autoclean(str_list_free) struct str_list all = { 0 };

	for (size_t i = 0; i < in->n_nodes; i++)
		for (size_t j = 0; j < in->nodes[i].macs->len; j++)
			str_list_add(&all, in->nodes[i].macs->items[j]);
	if (all.len)
		qsort(all.items, all.len, sizeof(*all.items), by_name);
	for (size_t i = 1; i < all.len; i++)
		if (str_eq(all.items[i - 1], all.items[i]))
			return err_set(err, ERR_CONFLICT, "two nodes have the MAC address %s", all.items[i]);
	return 0;
}

static int remove_stale(const char *dir, const struct str_list *keep, struct failures *failures, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	bool removed = false;

	if (fs_list(dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(dir, names.items[i]);

		if (in_sorted(keep, names.items[i]))
			continue;
		if (unlink(path) < 0 && errno != ENOENT) {
			struct err why = { 0 };

			err_errno(&why, errno, "remove %s", path);
			note_failure(failures, &why);
		}
		removed = true;
	}
	if (removed) {
		autoclose int fd = fs_open_dir(dir, err);

		if (fd < 0)
			return -1;
		if (fsync(fd) < 0)
			return err_errno(err, errno, "sync %s", dir);
	}
	return 0;
}

static int write_grub(const struct netboot_input *in, struct failures *failures, struct err *err)
{
	autofree char *dir = fs_join(in->tftp_root, NETBOOT_NODES_DIR);
	autoclean(str_list_free) struct str_list written = { 0 };
	autoclean(buf_free) struct buf text = { 0 };

	if (fs_mkdirs(dir, 0755, err) < 0)
		return -1;
	if (write_nodes(in, dir, &written, failures, err) < 0)
		return -1;
	netboot_grub_main(in, &text);
	if (write_one(in->tftp_root, NETBOOT_GRUB_CFG, &text, NULL, err) < 0)
		return -1;
	if (written.len)
		qsort(written.items, written.len, sizeof(*written.items), by_name);
	return remove_stale(dir, &written, failures, err);
}

static int read_leases(const struct netboot_input *in, struct buf *out, struct err *err)
{
	autofree char *path = fs_join(in->run_dir, NETBOOT_LEASES);

	if (!fs_exists(path))
		return 0;
	return fs_read(path, LEASES_MAX, out, err);
}

/* A machine must not get an address before the answer to its next question is there. */
static void answered_hosts(const struct netboot_input *in, const struct str_list *silent, struct buf *out)
{
	autofree struct netboot_node *nodes = mem_array(in->n_nodes, sizeof(*nodes));
	struct netboot_input some = *in;

	some.nodes = nodes;
	some.n_nodes = 0;
	for (size_t i = 0; i < in->n_nodes; i++)
		if (!str_list_has(silent, in->nodes[i].name))
			nodes[some.n_nodes++] = in->nodes[i];
	netboot_dhcp_hosts(&some, out);
}

static int write_dnsmasq(const struct netboot_input *in, const struct failures *failures, enum netboot_effect *effect,
			 struct err *err)
{
	int rc = 0;
	autoclean(buf_free) struct buf conf = { 0 }, dhcp = { 0 }, hosts = { 0 }, leases = { 0 };
	bool conf_new = false, dhcp_new = false, hosts_new = false;

	netboot_dnsmasq_conf(in, &conf);
	answered_hosts(in, &failures->silent, &dhcp);
	netboot_hosts(in, &hosts);
	if (fs_mkdirs(in->run_dir, 0755, err) < 0 || write_one(in->run_dir, NETBOOT_DHCP_HOSTS, &dhcp, &dhcp_new, err) < 0 ||
	    write_one(in->run_dir, NETBOOT_HOSTS, &hosts, &hosts_new, err) < 0 ||
	    write_one(in->run_dir, NETBOOT_CONF, &conf, &conf_new, err) < 0 || read_leases(in, &leases, err) < 0)
		rc = -1;
	/* What is written is told now: the next round finds no difference. */
	if (conf_new || (rc == 0 && netboot_leases_keep(in, buf_str(&leases), NULL)))
		*effect = NETBOOT_RESTART;
	else if (dhcp_new || hosts_new)
		*effect = NETBOOT_RELOAD;
	else if (rc == 0)
		*effect = NETBOOT_NOTHING;
	return rc;
}

static void sweep_all(const struct netboot_input *in)
{
	autofree char *grub = fs_join(in->tftp_root, NETBOOT_GRUB_DIR);

	sweep(grub, "grub.cfg");
	sweep(in->run_dir, NETBOOT_CONF);
	sweep(in->run_dir, NETBOOT_DHCP_HOSTS);
	sweep(in->run_dir, NETBOOT_HOSTS);
}

int netboot_apply(const struct netboot_input *in, enum netboot_effect *effect, struct err *err)
{
	autoclean(failures_free) struct failures failures = { 0 };

	*effect = NETBOOT_UNWRITTEN;
	if (netboot_check(in, err) < 0 || check_macs_differ(in, err) < 0)
		return err_wrap(err, "network boot");
	sweep_all(in);
	/* GRUB's files first: a machine must not get an address before the answer to its next question is there. */
	if (write_grub(in, &failures, err) < 0 || write_dnsmasq(in, &failures, effect, err) < 0 ||
	    tell_failures(&failures, err) < 0)
		return err_wrap(err, "network boot");
	return 0;
}

int netboot_before_start(const struct netboot_input *in, struct err *err)
{
	autoclean(buf_free) struct buf leases = { 0 }, kept = { 0 };
	size_t dropped;

	if (read_leases(in, &leases, err) < 0)
		return err_wrap(err, "network boot");
	dropped = netboot_leases_keep(in, buf_str(&leases), &kept);
	if (!dropped)
		return 0;
	log_info("netboot", "%zu lease(s) of addresses that belong to another machine now are forgotten", dropped);
	if (write_one(in->run_dir, NETBOOT_LEASES, &kept, NULL, err) < 0)
		return err_wrap(err, "network boot");
	return 0;
}
