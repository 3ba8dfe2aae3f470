/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a node fetches that is for it alone: its secrets, a certificate for its ssh host key, and the program that puts both in
 * place. The caller is known by its key, at each call anew. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/audit.h"
#include "daemon/change.h"
#include "daemon/ident.h"
#include "daemon/reconcile.h"
#include "daemon/secret_given.h"
#include "daemon/secret_store.h"
#include "daemon/secret_told.h"
#include "daemon/ssh_trust.h"
#include "site/addr.h"
#include "sys/fs.h"
#include "sys/keys_ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define PROGRAM_MAX ((size_t)64 << 20)

/* A node that is being installed anew has two keys: what counts is the one that it calls with. */
static int key_of(struct daemon *d, struct http_call *call, const char *node, struct node_key *key, struct err *err)
{
	autoclean(ident_free) struct ident id = { 0 };
	struct digest spki;

	if (http_peer_node(call, &spki) && ident_get(d, node, &id, err) == 1) {
		if (id.has_now && digest_cmp(&id.now.spki, &spki) == 0) {
			*key = id.now;
			return 0;
		}
		if (id.has_installed && digest_cmp(&id.installed.spki, &spki) == 0) {
			*key = id.installed;
			return 0;
		}
	}
	http_set_status(call, 403);
	return err_set(err, ERR_REFUSED, "%s: this key is not one of its any more", node);
}

/* That a node is given secrets is written down before they go out: in the audit log, and for the day on which it is removed. Not
 * each time that it asks and has them already. */
static int write_down(struct daemon *d, struct http_call *call, const char *node, const uint8_t key[SEAL_KEY_LEN],
		      const struct secret_delivery *given, struct err *err)
{
	autoclean(buf_free) struct buf what = { 0 };
	struct digest_ctx *ctx = digest_new();
	autoclean(change_end) struct change c = { 0 };
	struct digest whom;

	buf_addf(&what, "%s %s: ", http_method(call), http_path(call));
	for (size_t i = 0; i < given->names.len; i++)
		buf_addf(&what, "%s%s", i ? ", " : "", given->names.items[i]);

	digest_add(ctx, node, strlen(node) + 1);
	digest_add(ctx, key, SEAL_KEY_LEN);
	digest_end(ctx, &whom);
	change_begin(&c, d);
	if (secret_given_add(&c, node, &given->names, err) < 0)
		return -1;
	if (!c.n_ops && secret_told_is(d->told, &whom, &given->what))
		return 0;
	/* It may have been removed meanwhile, and what it knew replaced by what is to go out now. */
	if (ident_caller(d, call, NULL, NULL, err) < 0 || audit_act(d, call, buf_str(&what), node, err) < 0 ||
	    change_commit(&c, err) < 0)
		return -1;
	secret_told_set(d->told, &whom, &given->what);
	return 0;
}

int api_node_secrets(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(node_free) struct node n = { 0 };
	autofree char *node = NULL;
	struct secret_delivery given = { 0 };
	struct node_key key;
	int rc;

	if (ident_caller(d, call, &node, NULL, err) < 0 || daemon_node(d, node, &n, NULL, err) < 0 ||
	    key_of(d, call, node, &key, err) < 0 || secrets_deliver(d, n.group, key.seal, http_out(call), &given, err) < 0)
		return -1;
	rc = given.names.len ? write_down(d, call, node, key.seal, &given, err) : 0;
	str_list_free(&given.names);
	return rc;
}

/* The key, and that it is the caller's: everybody can read it, and whoever names it first would keep it from its node. */
static int read_host_key(struct daemon *d, struct http_call *call, const char *node, char out[SSH_KEY_LEN], bool *rescue,
			 struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *text = NULL, *proof = NULL;
	char fingerprint[DIGEST_HEX_LEN];
	const struct ssh_claim claim = { .node = node, .fingerprint = fingerprint, .key = out };
	struct node_key key;
	struct digest fp;
	struct err why = { 0 };
	struct json_obj o;

	if (key_of(d, call, node, &key, err) < 0 || api_body(call, &doc, &o, err) < 0 ||
	    json_str(&o, "key", JSON_MUST, &text, err) < 0 || json_str(&o, "proof", JSON_MAY, &proof, err) < 0 ||
	    json_bool(&o, "rescue", JSON_MAY, rescue, err) < 0)
		return -1;
	if (!proof) {
		json_bad(&o, "proof", err, "is missing: the signature by which %s shows that the key is its own", node);
		return err_hint(err, "a node that was installed before heads asked for it: install it again");
	}
	if (ssh_key_read(text, strlen(text), out, &why) < 0)
		return json_bad(&o, "key", err, "%s", why.text);
	node_key_fingerprint(&key, &fp);
	digest_hex(&fp, fingerprint);
	return json_obj_end(&o, err) < 0 ? -1 : ssh_proof_check(&claim, proof, err);
}

static void addresses_of(const struct node *n, struct str_list *out)
{
	char addr4[ADDR4_LEN], addr6[ADDR6_LEN];

	if (n->addr4) {
		addr4_print(n->addr4, addr4);
		str_list_add(out, addr4);
	}
	if (n->has6) {
		addr6_print(&n->addr6, addr6);
		str_list_add(out, addr6);
	}
}

/* The rescue system can be reached from here on: what was to happen once has happened. */
static int take_key(struct change *c, struct node *n, const char key[SSH_KEY_LEN], bool rescue, bool *changed, struct err *err)
{
	if (!rescue && n->boot != NODE_BOOT_DISKLESS)
		return ssh_host_key(c, n->name, key, changed, err);
	if (ssh_passing_key(c, n->name, key, changed, err) < 0)
		return -1;
	/* Asked again, because the answer was lost or in a circle: nothing new, and no line of the audit log. */
	if (!rescue || (!*changed && n->rescue != NODE_RESCUE_ONCE))
		return 0;
	*changed = true;
	change_event(c, EVENT_INFO, "rescue-up", n->name, "the rescue system runs; `orthrus node exec %s` reaches it", n->name);
	if (n->rescue == NODE_RESCUE_ONCE) {
		n->rescue = NODE_RESCUE_NO;
		change_node(c, n);
	}
	return 0;
}

int api_node_hostkey(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclean(site_free) struct site site = { 0 };
	autoclean(node_free) struct node n = { 0 };
	autoclean(str_list_free) struct str_list addrs = { 0 };
	autoclean(change_end) struct change c = { 0 };
	autofree char *node = NULL;
	char key[SSH_KEY_LEN];
	bool changed, rescue = false;

	change_begin(&c, d);
	if (ident_caller(d, call, &node, NULL, err) < 0 || read_host_key(d, call, node, key, &rescue, err) < 0 ||
	    daemon_node(d, node, &n, NULL, err) < 0 || daemon_site(d, &site, NULL, err) < 0 ||
	    take_key(&c, &n, key, rescue, &changed, err) < 0 ||
	    (changed && (audit_act(d, call, NULL, node, err) < 0 || change_commit(&c, err) < 0)))
		return -1;
	change_release(&c);
	if (changed)
		reconcile_kick(d->reconcile, false); /* the one before may be revoked; what is booted next may be another thing */
	addresses_of(&n, &addrs);
	return ssh_answer(d, &site, node, &addrs, key, http_out(call), err);
}

/* What a file holds, as the caller may have it already. */
static int digest_file(int fd, const char *path, char hex[DIGEST_HEX_LEN], struct err *err)
{
	autoclean(buf_free) struct buf data = { 0 };
	struct digest d;

	if (fs_read_fd(fd, path, PROGRAM_MAX, &data, err) < 0)
		return -1;
	digest_of(buf_str(&data), data.len, &d);
	digest_hex(&d, hex);
	return 0;
}

int api_node_program(void *ctx, struct http_call *call, struct err *err)
{
	struct daemon *d = ctx;
	autoclose int fd = -1;
	char hex[DIGEST_HEX_LEN];
	struct stat st;

	if (ident_caller(d, call, NULL, NULL, err) < 0)
		return -1;
	fd = fs_open_regular(d->paths.node_program, 0, err);
	if (fd < 0 || digest_file(fd, d->paths.node_program, hex, err) < 0)
		return err_hint(err, "this head's installation lacks a part: install it again");
	if (str_eq(http_query(call, "have"), hex)) {
		http_set_status(call, 204);
		return 0;
	}
	if (fstat(fd, &st) < 0)
		return err_errno(err, errno, "%s", d->paths.node_program);
	http_out_file(call, steal_fd(fd), (uint64_t)st.st_size, "application/octet-stream");
	return 0;
}
