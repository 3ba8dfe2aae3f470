/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/revoke.h"

#include "base/mem.h"
#include "base/nodeset.h"
#include "daemon/api.h"
#include "daemon/bmc_wish.h"
#include "daemon/enrol_token.h"
#include "daemon/pending.h"
#include "daemon/secret_given.h"
#include "daemon/secret_store.h"
#include "daemon/ssh_trust.h"
#include "sys/fs.h"

#include <string.h>

#define LIST_MAX ((size_t)64 << 20)

void revoke_free(struct revoke *r)
{
	for (size_t i = 0; i < r->n_nodes; i++) {
		struct revoke_node *n = &r->nodes[i];

		ident_free(&n->ident);
		str_list_free(&n->macs);
		str_list_free(&n->given);
		free(n->name);
		free(n->group);
		free(n->host_key);
	}
	for (size_t i = 0; i < r->n_secrets; i++) {
		free(r->secrets[i].name);
		free(r->secrets[i].who);
	}
	free(r->nodes);
	free(r->secrets);
	*r = (struct revoke){ 0 };
}

int revoke_add(struct revoke *r, const struct node *n, struct err *err)
{
	autoclean(bmc_wish_free) struct bmc_wish bmc = { 0 };
	struct revoke_node *v;
	int has_bmc;

	r->nodes = mem_room(r->nodes, r->n_nodes, &r->cap_nodes, sizeof(*r->nodes));
	v = &r->nodes[r->n_nodes++];
	*v = (struct revoke_node){ .name = mem_strdup(n->name), .group = mem_strdup(n->group) };
	for (size_t i = 0; i < n->macs.len; i++)
		str_list_add(&v->macs, n->macs.items[i]);
	if (ident_get(r->d, n->name, &v->ident, err) < 0 || secret_given_load(r->d, n->name, &v->given, err) < 0)
		return -1;
	has_bmc = bmc_wish_get(r->d, n->name, &bmc, err);
	v->has_bmc = has_bmc > 0;
	return has_bmc < 0 ? -1 : ssh_current(r->d, n->name, &v->host_key, err);
}

static bool has_key(const struct revoke_node *n)
{
	return n->ident.has_now || n->ident.has_installed;
}

/* What it was given, in another group too; and what a machine of this group that had a key may have fetched from a head that did
 * not write it down yet. */
static bool may_know(const struct revoke_node *n, const struct secret *s)
{
	return str_list_has(&n->given, s->name) || (has_key(n) && (!s->groups.len || str_list_has(&s->groups, n->group)));
}

int revoke_look(struct revoke *r, struct err *err)
{
	autoclean(secrets_free) struct secrets all = { 0 };

	if (secrets_load(r->d, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.len; i++) {
		const struct secret *s = &all.items[i];
		autoclean(nodeset_free) struct nodeset who = { 0 };
		autoclean(buf_free) struct buf folded = { 0 };

		for (size_t k = 0; k < r->n_nodes; k++)
			if (may_know(&r->nodes[k], s) && nodeset_add(&who, r->nodes[k].name, err) < 0)
				return -1;
		if (!nodeset_count(&who))
			continue;
		nodeset_fold(&who, &folded);
		r->secrets = mem_room(r->secrets, r->n_secrets, &r->cap_secrets, sizeof(*r->secrets));
		r->secrets[r->n_secrets++] = (struct revoke_secret){ .name = mem_strdup(s->name),
								     .who = buf_steal(&folded),
								     .several = nodeset_count(&who) > 1,
								     .rotated = s->generated && !r->keep_secrets };
	}
	return 0;
}

static void step(const char *who, struct plan *plan, const char *what, const char *text, const char *confirmed)
{
	autofree char *name = str_format("%s:%s", what, who);

	api_step(plan, name, "%s: %s%s", who, text, confirmed);
}

static void say_secrets(const struct revoke *r, struct plan *plan, const char *confirmed)
{
	for (size_t i = 0; i < r->n_secrets; i++) {
		const struct revoke_secret *s = &r->secrets[i];
		autofree char *what = str_format("secret:%s", s->name);
		autofree char *text =
			s->rotated ? str_format("secret %s, which %s, is replaced by a new one; the other nodes fetch it within "
						"minutes",
						s->name, s->several ? "they know" : "it knows")
				   : str_format("%s secret %s; to give the others a new one: orthrus secret %s %s",
						s->several ? "they still know" : "it still knows", s->name,
						r->keep_secrets ? "rotate" : "set", s->name);

		step(s->who, plan, what, text, s->rotated ? confirmed : "");
	}
}

/* dnsmasq knows a lease's name until the lease ends, and is not restarted for it: that would cut what others are just reading. */
static const char address_text[] =
	"it gets no address and no boot file any more; its name ends with its DHCP lease, within an hour";
static const char key_text[] = "its key is nobody's: each call of it is refused, on connections that are open too";
static const char ssh_text[] = "its ssh host key is revoked";
static const char token_text[] = "tokens for it, and machines that wait with its MAC address, are forgotten";
static const char bmc_text[] = "its BMC's address and password are forgotten";

static bool loses_address(const struct revoke_node *n, const struct str_list *still)
{
	for (size_t i = 0; i < n->macs.len; i++)
		if (!still || !str_list_has(still, n->macs.items[i]))
			return true;
	return false;
}

void revoke_say(const struct revoke *r, const struct str_list *still, struct plan *plan)
{
	for (size_t i = 0; i < r->n_nodes; i++) {
		const struct revoke_node *n = &r->nodes[i];

		if (has_key(n))
			step(n->name, plan, "key", key_text, "");
		if (n->host_key)
			step(n->name, plan, "ssh", ssh_text, "");
		if (loses_address(n, still))
			step(n->name, plan, "address", address_text, "");
		step(n->name, plan, "tokens", token_text, "");
		if (n->has_bmc)
			step(n->name, plan, "bmc", bmc_text, "");
	}
	say_secrets(r, plan, "");
}

static int rotate(const struct revoke *r, struct change *c, struct err *err)
{
	for (size_t i = 0; i < r->n_secrets; i++) {
		autoclean(secret_free) struct secret s = { 0 };

		if (!r->secrets[i].rotated)
			continue;
		if (secret_load(r->d, r->secrets[i].name, &s, err) < 0 || secret_generate(r->d, &s, s.bytes, err) < 0)
			return -1;
		secret_write(c, &s);
		change_event(c, EVENT_INFO, "secret-changed", NULL, "secret %s was replaced by a new one: %s knew it", s.name,
			     r->secrets[i].who);
	}
	return 0;
}

int revoke_put(const struct revoke *r, struct change *c, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	for (size_t i = 0; i < r->n_nodes; i++) {
		const struct revoke_node *n = &r->nodes[i];

		for (size_t k = 0; k < n->macs.len; k++)
			if (pending_delete_mac(c, n->macs.items[k], err) < 0)
				return -1;
		bmc_forget(c, n->name);
		secret_given_forget(c, n->name);
		str_list_add(&names, n->name);
	}
	return enrol_token_sweep(c, &names, err) < 0 ? -1 : rotate(r, c, err);
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

static int check_key(struct daemon *d, const struct revoke_node *n, struct err *err)
{
	return nobodys(d, n->ident.has_now, &n->ident.now, n->name, err) < 0
		       ? -1
		       : nobodys(d, n->ident.has_installed, &n->ident.installed, n->name, err);
}

/* A file that is looked at for each of the nodes, read once. */
struct list {
	char *path;
	bool optional, read;
	struct buf text;
};

static int look_into(struct list *l, const char *line, bool *there, struct err *err)
{
	if (!l->read && !(l->optional && !fs_exists(l->path)) && fs_read(l->path, LIST_MAX, &l->text, err) < 0)
		return -1;
	l->read = true;
	*there = strstr(buf_str(&l->text), line);
	return 0;
}

static int check_ssh(const struct revoke_node *n, struct list *revoked, struct err *err)
{
	autofree char *line = str_format("%s\n", n->host_key);
	bool there;

	if (look_into(revoked, line, &there, err) < 0)
		return -1;
	return there ? 0 : err_set(err, ERR_FAILED, "its ssh host key is not in %s yet", revoked->path);
}

static int check_macs(struct daemon *d, const struct revoke_node *n, const struct str_list *still, struct list *hosts,
		      struct err *err)
{
	for (size_t i = 0; i < n->macs.len; i++) {
		const char *mac = n->macs.items[i];
		autofree char *boot = str_format("%s/grub/nodes/%s.cfg", d->paths.tftp_dir, mac);
		bool there;

		if (still && str_list_has(still, mac))
			continue;
		if (fs_exists(boot))
			return err_set(err, ERR_FAILED, "%s is still there", boot);
		if (look_into(hosts, mac, &there, err) < 0)
			return -1;
		if (there)
			return err_set(err, ERR_FAILED, "%s still has %s", hosts->path, mac);
	}
	return 0;
}

/* A step for what is in force, or what is not. */
static void judge(const struct revoke_node *n, struct plan *plan, const char *what, const char *text, int rc,
		  const struct err *why)
{
	if (rc == 0)
		step(n->name, plan, what, text, "; confirmed");
	else
		api_step(plan, "problem", "%s: %s: not confirmed: %s", n->name, text, why->text);
}

void revoke_confirm(const struct revoke *r, const struct str_list *still, struct plan *plan)
{
	struct list revoked = { .path = fs_join(r->d->paths.ssh_dir, "revoked_keys.list") };
	struct list hosts = { .path = fs_join(r->d->paths.run_dir, "dnsmasq.dhcp-hosts"), .optional = true };
	struct err err = { 0 };

	for (size_t i = 0; i < r->n_nodes; i++) {
		const struct revoke_node *n = &r->nodes[i];

		if (has_key(n))
			judge(n, plan, "key", key_text, check_key(r->d, n, &err), &err);
		if (n->host_key)
			judge(n, plan, "ssh", ssh_text, check_ssh(n, &revoked, &err), &err);
		if (loses_address(n, still))
			judge(n, plan, "address", address_text, check_macs(r->d, n, still, &hosts, &err), &err);
		/* These are documents alone: the commit is all of it. */
		step(n->name, plan, "tokens", token_text, "; confirmed");
		if (n->has_bmc)
			step(n->name, plan, "bmc", bmc_text, "; confirmed");
	}
	say_secrets(r, plan, "; confirmed");
	buf_free(&revoked.text);
	buf_free(&hosts.text);
	free(revoked.path);
	free(hosts.path);
}
