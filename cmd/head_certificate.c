/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client certificate for an administrator's machine, made on the head: the authority's key never leaves it. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "sys/fs.h"
#include "sys/http_client.h"
#include "sys/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What goes where. */
struct files {
	const char *name, *out;
	char *pki, *pki_ca;	/* the head's */
	char *key, *crt, *ca;	/* below `out` */
	bool make_out, copy_ca; /* not there yet */
};

static void files_free(struct files *f)
{
	free(f->pki);
	free(f->pki_ca);
	free(f->key);
	free(f->crt);
	free(f->ca);
}

static int read_words(struct cmd *c, struct files *f, struct err *err)
{
	if (cmd_args(c, 1, 1, err) < 0)
		return -1;
	f->name = c->argv[0];
	f->out = cmd_option(c, "out");
	if (!f->out) {
		err_set(err, ERR_USAGE, "'head certificate' needs --out DIR: the directory for the key and the certificate");
		return err_hint(err, "like: orthrus head certificate %.40s --out ./%.40s", f->name, f->name);
	}
	if (str_check_name(f->name, err) < 0)
		return err_wrap(err, "the name of the certificate");
	/* Beside ca.crt, which is written too. */
	if (str_eq(f->name, "ca")) {
		err_set(err, ERR_INVALID, "the name of the certificate: 'ca' is the authority's own");
		return err_hint(err, "take the administrator's name");
	}
	return 0;
}

static int check_authority(const struct files *f, struct err *err)
{
	if (access(f->pki, R_OK | W_OK | X_OK) == 0)
		return 0;
	if (errno == ENOENT) {
		err_set(err, ERR_NOT_FOUND, "there is no certificate authority yet: %s does not exist", f->pki);
		return err_hint(err, "`orthrus site apply` makes it");
	}
	return err_errno(err, errno, "the certificate authority in %s", f->pki);
}

static int same_authority(const struct files *f, struct err *err)
{
	autoclean(buf_free) struct buf ours = { 0 }, theirs = { 0 };

	if (fs_read(f->pki_ca, 65536, &ours, err) < 0 || fs_read(f->ca, 65536, &theirs, err) < 0)
		return -1;
	if (str_eq(buf_str(&ours), buf_str(&theirs)))
		return 0;
	err_set(err, ERR_EXISTS, "%s is there already, and is another cluster's authority", f->ca);
	return err_hint(err, "take another directory with --out");
}

/* Nothing that is there is written over: it may be the only copy of a key that is in use. */
static int check_out(struct files *f, struct err *err)
{
	const char *const made[] = { f->key, f->crt };
	struct stat st = { 0 };

	if (stat(f->out, &st) < 0 && errno == ENOENT) {
		f->make_out = f->copy_ca = true;
		return 0;
	}
	if (S_ISREG(st.st_mode)) {
		err_set(err, ERR_INVALID, "--out %s: it is a file", f->out);
		return err_hint(err, "name a directory; one that does not exist is made");
	}
	if (access(f->out, W_OK | X_OK) < 0) {
		err_errno(err, errno, "--out %s", f->out);
		return err_hint(err, "name a directory that may be written to");
	}
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		if (!fs_exists(made[i]))
			continue;
		err_set(err, ERR_EXISTS, "%s is there already, and is not replaced", made[i]);
		return err_hint(err, "take another name, or another directory with --out");
	}
	f->copy_ca = !fs_exists(f->ca);
	return f->copy_ca ? 0 : same_authority(f, err);
}

static void print_plan(const struct cmd *c, const struct files *f)
{
	autoclean(plan_free) struct plan plan = { 0 };

	if (f->make_out)
		plan_add(&plan, 0, PLAN_WRITES, "directory",
			 str_format("make the directory %s, which only its owner may enter", f->out), NULL, NULL);
	plan_add(&plan, 0, PLAN_WRITES, "key", str_format("make the private key %s, which only its owner may read", f->key), NULL,
		 NULL);
	plan_add(&plan, 0, PLAN_WRITES, "certificate",
		 str_format("make the certificate %s for administrator %s, signed by the authority in %s", f->crt, f->name,
			    f->pki),
		 NULL, NULL);
	if (f->copy_ca)
		plan_add(&plan, 0, PLAN_WRITES, "ca", str_format("copy the authority's certificate to %s", f->ca), NULL, NULL);
	cmd_print_plan(c, &plan);
}

/* The authority's certificate first: what is missing after a failure can then be made by the same words again. */
static int make(const struct files *f, struct err *err)
{
	autoclean(buf_free) struct buf ca = { 0 };

	if (f->make_out && fs_mkdirs(f->out, 0700, err) < 0)
		return err_hint(err, "name a directory that may be written to with --out");
	if (f->copy_ca &&
	    (fs_read(f->pki_ca, 65536, &ca, err) < 0 || fs_write_atomic(f->ca, buf_str(&ca), ca.len, 0644, err) < 0))
		return -1;
	return pki_issue_client(f->pki, f->name, f->out, err);
}

/* Where this head serves administrators; NULL when the daemon can't be asked. It is only for the example. */
static char *served_at(struct cmd *c)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct err ignored = { 0 };
	struct json_obj o;
	char *url = NULL;

	if (cmd_call(c, "GET", "/v1/status", NULL, &reply, &ignored) < 0 ||
	    json_parse(buf_str(&reply.body), reply.body.len, &doc, &ignored) < 0 || json_root_obj(&doc, &o, &ignored) < 0 ||
	    json_str(&o, "url", JSON_MAY, &url, &ignored) < 0)
		return NULL;
	return url;
}

static void print_done(struct cmd *c, const struct files *f, const char *until)
{
	autofree char *url = served_at(c);
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	cmd_say(c, "wrote %s, %s and %s\n", f->key, f->crt, f->ca);
	cmd_say(c, "Whoever has them administers this cluster until %s, and nothing takes that back earlier:", until);
	cmd_say(c, "move them to %s's machine by a safe way. There:\n", f->name);
	cmd_say(c, "  orthrus --api %s --ca %s --cert %s --key %s node list", url ? url : "https://HEAD:8443", f->ca, f->crt,
		f->key);
	if (!c->json)
		return;
	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "name", f->name);
	json_put_str(&w, "key", f->key);
	json_put_str(&w, "certificate", f->crt);
	json_put_str(&w, "ca", f->ca);
	json_put_str(&w, "until", until);
	json_put_str(&w, "url", url);
	json_end_obj(&w);
	cmd_print(buf_str(&out));
}

static char *joined(const char *dir, const char *name, const char *end)
{
	autofree char *file = str_format("%s.%s", name, end);

	return fs_join(dir, file);
}

int cmd_head_certificate(struct cmd *c, struct err *err)
{
	autoclean(files_free) struct files f = { 0 };
	char until[PKI_UNTIL_LEN];

	if (read_words(c, &f, err) < 0)
		return -1;
	f.pki = cmd_path(c, "/var/lib/orthrus/pki");
	f.pki_ca = fs_join(f.pki, "ca.crt");
	f.key = joined(f.out, f.name, "key");
	f.crt = joined(f.out, f.name, "crt");
	f.ca = fs_join(f.out, "ca.crt");
	if (check_authority(&f, err) < 0 || check_out(&f, err) < 0)
		return -1;
	if (c->plan) {
		print_plan(c, &f);
		return 0;
	}
	if (make(&f, err) < 0 || pki_until(f.crt, until, err) < 0)
		return -1;
	print_done(c, &f, until);
	return 0;
}
