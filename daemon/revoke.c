/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/revoke.h"

#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/bmc_wish.h"
#include "daemon/enrol_token.h"
#include "daemon/pending.h"
#include "daemon/secret_store.h"
#include "daemon/ssh_trust.h"
#include "sys/fs.h"

#include <string.h>

#define LIST_MAX ((size_t)64 << 20)

void revoke_free(struct revoke *r)
{
	ident_free(&r->ident);
	str_list_free(&r->macs);
	str_list_free(&r->rotated);
	str_list_free(&r->known);
	free(r->node);
	free(r->host_key);
	*r = (struct revoke){ 0 };
}

/* What a machine of this group that had a key may have fetched. */
static int look_at_secrets(struct revoke *r, const char *group, struct err *err)
{
	autoclean(secrets_free) struct secrets all = { 0 };

	if (secrets_load(r->d, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.len; i++) {
		const struct secret *s = &all.items[i];

		if (!s->groups.len || str_list_has(&s->groups, group))
			str_list_add(s->generated && !r->keep_secrets ? &r->rotated : &r->known, s->name);
	}
	return 0;
}

int revoke_look(struct daemon *d, const struct node *n, bool keep_secrets, struct revoke *r, struct err *err)
{
	autoclean(bmc_wish_free) struct bmc_wish bmc = { 0 };
	int has_key, has_bmc;

	*r = (struct revoke){ .d = d, .node = mem_strdup(n->name), .keep_secrets = keep_secrets };
	for (size_t i = 0; i < n->macs.len; i++)
		str_list_add(&r->macs, n->macs.items[i]);
	has_key = ident_get(d, n->name, &r->ident, err);
	has_bmc = has_key < 0 ? -1 : bmc_wish_get(d, n->name, &bmc, err);
	if (has_bmc < 0 || ssh_current(d, n->name, &r->host_key, err) < 0)
		return -1;
	r->has_bmc = has_bmc;
	return has_key ? look_at_secrets(r, n->group, err) : 0;
}

static void step(const struct revoke *r, struct plan *plan, const char *what, const char *text, const char *confirmed)
{
	autofree char *name = str_format("%s:%s", what, r->node);

	api_step(plan, name, "%s: %s%s", r->node, text, confirmed);
}

static void say_secrets(const struct revoke *r, struct plan *plan, const char *confirmed)
{
	for (size_t i = 0; i < r->rotated.len; i++) {
		autofree char *text =
			str_format("secret %s, which it knows, is replaced by a new one; the other nodes fetch it within "
				   "minutes",
				   r->rotated.items[i]);
		autofree char *what = str_format("secret:%s", r->rotated.items[i]);

		step(r, plan, what, text, confirmed);
	}
	for (size_t i = 0; i < r->known.len; i++) {
		autofree char *text = str_format("it still knows secret %s; to give the others a new one: orthrus secret %s %s",
						 r->known.items[i], r->keep_secrets ? "rotate" : "set", r->known.items[i]);
		autofree char *what = str_format("secret:%s", r->known.items[i]);

		step(r, plan, what, text, "");
	}
}

/* dnsmasq knows a lease's name until the lease ends, and is not restarted for it: that would cut what others are just reading. */
static const char address_text[] =
	"it gets no address and no boot file any more; its name ends with its DHCP lease, within an hour";
static const char key_text[] = "its key is nobody's: each call of it is refused, on connections that are open too";
static const char ssh_text[] = "its ssh host key is revoked";
static const char token_text[] = "tokens for it, and machines that wait with its MAC address, are forgotten";
static const char bmc_text[] = "its BMC's address and password are forgotten";

void revoke_say(const struct revoke *r, struct plan *plan)
{
	if (r->ident.has_now || r->ident.has_installed)
		step(r, plan, "key", key_text, "");
	if (r->host_key)
		step(r, plan, "ssh", ssh_text, "");
	if (r->macs.len)
		step(r, plan, "address", address_text, "");
	step(r, plan, "tokens", token_text, "");
	if (r->has_bmc)
		step(r, plan, "bmc", bmc_text, "");
	say_secrets(r, plan, "");
}

static int rotate(struct revoke *r, struct change *c, struct err *err)
{
	for (size_t i = 0; i < r->rotated.len; i++) {
		autoclean(secret_free) struct secret s = { 0 };

		if (secret_load(r->d, r->rotated.items[i], &s, err) < 0 || secret_generate(r->d, &s, s.bytes, err) < 0)
			return -1;
		secret_write(c, &s);
		change_event(c, EVENT_INFO, "secret-changed", NULL, "secret %s was replaced by a new one: %s knew it", s.name,
			     r->node);
	}
	return 0;
}

int revoke_put(struct revoke *r, struct change *c, struct err *err)
{
	if (enrol_token_sweep(c, r->node, err) < 0)
		return -1;
	for (size_t i = 0; i < r->macs.len; i++)
		if (pending_delete_mac(c, r->macs.items[i], err) < 0)
			return -1;
	bmc_forget(c, r->node);
	return rotate(r, c, err);
}

static int nobodys(struct daemon *d, bool has, const struct node_key *k, const char *node, struct err *err)
{
	autofree char *owner = NULL;

	if (!has)
		return 0;
	if (ident_find(d, &k->spki, &owner, err) < 0)
		return -1;
	return str_eq(owner, node) ? err_set(err, ERR_FAILED, "its key is still its own") : 0;
}

static int check_key(const struct revoke *r, struct err *err)
{
	return nobodys(r->d, r->ident.has_now, &r->ident.now, r->node, err) < 0
		       ? -1
		       : nobodys(r->d, r->ident.has_installed, &r->ident.installed, r->node, err);
}

static int check_ssh(const struct revoke *r, struct err *err)
{
	autofree char *path = fs_join(r->d->paths.ssh_dir, "revoked_keys.list");
	autofree char *line = str_format("%s\n", r->host_key);
	autoclean(buf_free) struct buf text = { 0 };

	if (fs_read(path, LIST_MAX, &text, err) < 0)
		return -1;
	return strstr(buf_str(&text), line) ? 0 : err_set(err, ERR_FAILED, "its ssh host key is not in %s yet", path);
}

static int check_mac(const struct revoke *r, const char *mac, struct err *err)
{
	autofree char *hosts = fs_join(r->d->paths.run_dir, "dnsmasq.dhcp-hosts");
	autofree char *boot = str_format("%s/grub/nodes/%s.cfg", r->d->paths.tftp_dir, mac);
	autoclean(buf_free) struct buf text = { 0 };

	if (fs_exists(boot))
		return err_set(err, ERR_FAILED, "%s is still there", boot);
	if (fs_exists(hosts) && fs_read(hosts, LIST_MAX, &text, err) < 0)
		return -1;
	return strstr(buf_str(&text), mac) ? err_set(err, ERR_FAILED, "%s still has %s", hosts, mac) : 0;
}

/* A step for what is in force, or what is not. */
static void judge(const struct revoke *r, struct plan *plan, const char *what, const char *text, int rc, const struct err *why)
{
	if (rc == 0)
		step(r, plan, what, text, "; confirmed");
	else
		api_step(plan, "problem", "%s: %s: not confirmed: %s", r->node, text, why->text);
}

void revoke_confirm(const struct revoke *r, const struct str_list *still, struct plan *plan)
{
	struct err err = { 0 };
	int rc = 0;

	if (r->ident.has_now || r->ident.has_installed)
		judge(r, plan, "key", key_text, check_key(r, &err), &err);
	if (r->host_key)
		judge(r, plan, "ssh", ssh_text, check_ssh(r, &err), &err);
	for (size_t i = 0; rc == 0 && i < r->macs.len; i++)
		if (!still || !str_list_has(still, r->macs.items[i]))
			rc = check_mac(r, r->macs.items[i], &err);
	if (r->macs.len)
		judge(r, plan, "address", address_text, rc, &err);
	/* These are documents alone: the commit is all of it. */
	step(r, plan, "tokens", token_text, "; confirmed");
	if (r->has_bmc)
		step(r, plan, "bmc", bmc_text, "; confirmed");
	say_secrets(r, plan, "; confirmed");
}
