/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/head.h"

#include "base/mem.h"
#include "imaging/imager/enrol.h"
#include "imaging/imager/head_priv.h"
#include "imaging/imager/identity.h"
#include "imaging/imager/report.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/http_client.h"
#include "sys/keys_x509.h"

#include <stdlib.h>
#include <string.h>

#define SLACK_S 30 /* beyond what the head may take for its answer */
#define RENEW_LEAST_S 60
#define RENEW_MOST_S (12 * 3600)
#define RENEW_AGAIN_NS (300 * NS_PER_S)

/* Half of what is left of the certificate's life. This machine's clock may be wrong: then within what 24 hours make sensible. */
static int64_t renew_after_ns(const struct buf *crt)
{
	struct err ignored = { 0 };
	int64_t until_s, half_s;

	if (x509_until(crt, &until_s, &ignored) < 0)
		return RENEW_LEAST_S * NS_PER_S;
	half_s = (until_s - clock_wall_s()) / 2;
	half_s = half_s < RENEW_LEAST_S ? RENEW_LEAST_S : half_s > RENEW_MOST_S ? RENEW_MOST_S : half_s;
	return half_s * NS_PER_S;
}

static void forget_token(struct head *h)
{
	if (h->token)
		explicit_bzero(h->token, strlen(h->token));
	free(steal(h->token));
}

/* Only when it is for our key does it replace the one that we have. */
static int use_certificate(struct head *h, const char *pem, struct err *err)
{
	const struct identity *id = h->identity;
	struct http_client_opts opts = { .unix_socket = h->unix_socket,
					 .base_url = h->server,
					 .ca_file = h->ca_file,
					 .client_cert = id->crt_path,
					 .client_key = id->key_path };
	autoclean(buf_free) struct buf crt = { 0 };
	struct http_client *client = NULL;

	buf_adds(&crt, pem);
	if (x509_check_pair(&crt, &id->keys.tls_pem, err) < 0 ||
	    fs_write_atomic(id->crt_path, buf_str(&crt), crt.len, 0600, err) < 0 || http_client_new(&opts, &client, err) < 0)
		return err_wrap(err, "this machine's certificate");
	http_client_free(h->client);
	h->client = client;
	h->renew_at_ns = clock_now_ns() + renew_after_ns(&crt);
	forget_token(h);
	return 0;
}

static int ask(struct head *h, unsigned int wait_s, struct enrol_answer *out, struct err *err)
{
	const struct enrol_ask words = {
		.csr = h->identity->csr, .seal_key = h->identity->seal_key, .token = h->token, .machine_json = h->machine
	};
	autofree char *path = str_format("/v1/enrol?wait=%u", wait_s);
	autoclean(buf_free) struct buf body = { 0 };
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	struct http_request req = { .method = "POST", .path = path, .timeout_ns = (wait_s + (int64_t)SLACK_S) * NS_PER_S };
	int rc;

	enrol_print(&words, &body);
	req.body = body.data;
	req.body_len = body.len;
	rc = http_send(h->stranger, &req, &reply, err);
	if (h->token)
		explicit_bzero(body.data, body.len);
	if (rc < 0 || http_reply_ok(&reply, err) < 0)
		return -1;
	return enrol_answer_read(buf_str(&reply.body), reply.body.len, out, err) < 0 ? err_wrap(err, "the head's answer") : 0;
}

/* A token that is used up, too old or for another machine is no reason to stay outside: the administrator may still approve. */
static int ask_with_token(struct head *h, unsigned int wait_s, struct enrol_answer *out, struct err *err)
{
	if (ask(h, wait_s, out, err) == 0)
		return 0;
	if (!h->token || (err->kind != ERR_REFUSED && err->kind != ERR_INVALID && err->kind != ERR_NOT_FOUND))
		return -1;
	report_line("the token is not taken (%s): asking without it", err->text);
	forget_token(h);
	*err = (struct err){ 0 };
	return ask(h, wait_s, out, err);
}

int head_enrol(struct head *h, const char *inventory, unsigned int wait_s, enum head_standing *out, struct err *err)
{
	autoclean(enrol_answer_free) struct enrol_answer a = { 0 };

	if (inventory && inventory != h->machine) {
		free(h->machine);
		h->machine = mem_strdup(inventory);
	}
	if (ask_with_token(h, wait_s, &a, err) < 0)
		return err_wrap(err, "enrol");
	*out = a.approved ? HEAD_APPROVED : HEAD_PENDING;
	if (a.approved)
		return use_certificate(h, a.certificate, err);
	if (str_eq(a.fingerprint, h->identity->fingerprint))
		return 0;
	err_set(err, ERR_DAMAGED, "the head was told another key than this machine has: somebody may be between them");
	return err_hint(err, "approve nothing; look for who else is on the provision network");
}

void head_renew(struct head *h)
{
	enum head_standing now = HEAD_PENDING;
	struct err why = { 0 };

	if (!h->client || clock_now_ns() < h->renew_at_ns)
		return;
	if (head_enrol(h, NULL, 0, &now, &why) == 0 && now == HEAD_APPROVED)
		return;
	/* The old certificate is good for as long again; when it is not any more, the head will say so. */
	h->renew_at_ns = clock_now_ns() + RENEW_AGAIN_NS;
	report_line("no new certificate yet: %s", why.text[0] ? why.text : "this machine waits for approval");
}
