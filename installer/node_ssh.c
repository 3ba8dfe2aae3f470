/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/node_ssh.h"

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ssh_key.h"
#include "installer/target.h"

#include <string.h>

#define LINE_BYTES_MAX 8192
#define FILE_BYTES_MAX ((size_t)16 << 20)

static const char sshd_conf[] = "# Written by orthrus: this node's certificate, and the authority that lets the heads in.\n"
				"HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub\n"
				"TrustedUserCAKeys /etc/ssh/orthrus_user_ca.pub\n";
/* A list that is named and not there would make ssh refuse every host: it is written before this file is. */
static const char ssh_conf[] = "# Written by orthrus: the nodes of this cluster are known by their authority.\n"
			       "Host *\n"
			       "\tGlobalKnownHostsFile /etc/ssh/ssh_known_hosts /etc/ssh/orthrus_known_hosts\n"
			       "\tRevokedHostKeys /etc/ssh/orthrus_revoked\n";

void node_ssh_free(struct node_ssh *s)
{
	free(s->certificate);
	free(s->user_ca);
	free(s->known_hosts);
	buf_free(&s->revoked);
	*s = (struct node_ssh){ 0 };
}

static int check_lines(struct json_obj *o, const char *key, const char *text, bool many, struct err *err)
{
	size_t len = strlen(text);

	if (!len || (!many && len > LINE_BYTES_MAX))
		return json_bad(o, key, err, "it is %s", len ? "too long" : "empty");
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)text[i] < ' ' || text[i] == 0x7f) && !(text[i] == '\n' && (many || i == len - 1)))
			return json_bad(o, key, err, "it has a control byte");
	return 0;
}

static int read_all(struct json_obj *o, void *to, struct err *err)
{
	static const char type[] = "ssh-ed25519-cert-v01@openssh.com ";
	struct node_ssh *s = to;
	autofree char *revoked = NULL;
	char key[SSH_KEY_LEN];
	struct err why = { 0 };

	if (json_str(o, "certificate", JSON_MUST, &s->certificate, err) < 0 ||
	    json_str(o, "user_ca", JSON_MUST, &s->user_ca, err) < 0 ||
	    json_str(o, "known_hosts", JSON_MUST, &s->known_hosts, err) < 0 ||
	    json_str(o, "revoked", JSON_MUST, &revoked, err) < 0 || json_obj_end(o, err) < 0)
		return -1;
	if (check_lines(o, "certificate", s->certificate, false, err) < 0 ||
	    check_lines(o, "known_hosts", s->known_hosts, true, err) < 0)
		return -1;
	if (!str_starts(s->certificate, type))
		return json_bad(o, "certificate", err, "it is no certificate of an Ed25519 key");
	if (ssh_key_read(s->user_ca, strlen(s->user_ca), key, &why) < 0)
		return json_bad(o, "user_ca", err, "%s", why.text);
	if (base64_read(revoked, strlen(revoked), &s->revoked, &why) < 0 || !s->revoked.len)
		return json_bad(o, "revoked", err, "%s", why.text[0] ? why.text : "it is empty");
	return 0;
}

int node_ssh_read(const char *json, size_t len, struct node_ssh *out, struct err *err)
{
	*out = (struct node_ssh){ 0 };
	if (json_read(json, len, read_all, out, err) == 0)
		return 0;
	node_ssh_free(out);
	return err_wrap(err, "the head's answer");
}

static int put(int root_fd, const char *path, const char *data, size_t len, bool *changed, struct err *err)
{
	autoclean(buf_free) struct buf have = { 0 };
	struct err none = { 0 };

	if (target_read(root_fd, path, FILE_BYTES_MAX, &have, &none) == 0 && have.len == len &&
	    memcmp(buf_str(&have), data, len) == 0)
		return 0;
	*changed = true;
	return target_write(root_fd, path, 0644, data, len, err);
}

static int put_text(int root_fd, const char *path, const char *text, bool *changed, struct err *err)
{
	autofree char *line = str_format("%s%s", text, str_ends(text, "\n") ? "" : "\n");

	return put(root_fd, path, line, strlen(line), changed, err);
}

int node_ssh_apply(int root_fd, const struct node_ssh *s, bool *changed, struct err *err)
{
	bool others = false; /* what sshd does not read */

	*changed = false;
	if (put_text(root_fd, "etc/ssh/ssh_host_ed25519_key-cert.pub", s->certificate, changed, err) < 0 ||
	    put_text(root_fd, "etc/ssh/orthrus_user_ca.pub", s->user_ca, changed, err) < 0 ||
	    put_text(root_fd, "etc/ssh/orthrus_known_hosts", s->known_hosts, &others, err) < 0 ||
	    put(root_fd, "etc/ssh/orthrus_revoked", buf_str(&s->revoked), s->revoked.len, &others, err) < 0 ||
	    put_text(root_fd, "etc/ssh/ssh_config.d/orthrus.conf", ssh_conf, &others, err) < 0 ||
	    put_text(root_fd, "etc/ssh/sshd_config.d/orthrus.conf", sshd_conf, changed, err) < 0)
		return err_wrap(err, "ssh of this node");
	return 0;
}
