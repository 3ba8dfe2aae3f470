/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A fake head's half of enrolment: who may be a node, and the certificate that says so. */
#ifndef ORTHRUS_TESTS_IMAGER_ENROL_H
#define ORTHRUS_TESTS_IMAGER_ENROL_H

#include "base/mem.h"
#include "imaging/imager/identity.h"
#include "sys/clock.h"
#include "sys/http_server.h"
#include "sys/keys_x509.h"

#include <string.h>

struct enrolling {
	struct identity id;
	unsigned int asked;	   /* calls so far */
	unsigned int pending;	   /* so many more are answered with "pending" */
	const char *rejected;	   /* NULL, or why all are refused */
	unsigned int reject_first; /* so many are refused */
	const char *bad_token;	   /* NULL, or why a call with a token is refused */
	const char *sees;	   /* NULL, or the fingerprint it answers with in place of ours */
	unsigned int minutes;	   /* how long a certificate lives; 0: 24 hours */
	char *body;		   /* of the last call */
};

/* One that the machine's own key has signed: only TLS would ask for more. */
static inline void enrolling_certificate(struct enrolling *e, struct buf *out)
{
	struct x509_spec spec = { .use = X509_USE_ADMIN,
				  .name = "n01",
				  .wall_s = clock_wall_s() - (e->minutes ? 86400 - 60 * (int64_t)e->minutes : 0),
				  .days = 1 };
	struct err err = { 0 };

	if (x509_issue(&spec, &e->id.keys.tls_pem, NULL, NULL, out, &err) < 0)
		fail_msg("%s", err.text);
}

static inline int enrolling_answer(struct enrolling *e, struct http_call *call, struct err *err)
{
	autoclean(buf_free) struct buf crt = { 0 };
	size_t len;
	const char *body = http_body(call, &len);
	struct json_out w;

	e->asked++;
	free(e->body);
	e->body = mem_strndup(body, len);
	if (e->bad_token && strstr(e->body, "\"token\""))
		return err_set(err, ERR_REFUSED, "%s", e->bad_token);
	if (e->reject_first) {
		e->reject_first--;
		return err_set(err, ERR_REFUSED, "this machine was rejected");
	}
	if (e->rejected)
		return err_set(err, ERR_REFUSED, "%s", e->rejected);
	json_out_init(&w, http_out(call), false);
	json_put_obj(&w, NULL);
	if (e->pending) {
		e->pending--;
		json_put_str(&w, "state", "pending");
		json_put_str(&w, "fingerprint", e->sees ? e->sees : e->id.fingerprint);
		json_put_str(&w, "words", e->id.words);
	} else {
		enrolling_certificate(e, &crt);
		json_put_str(&w, "state", "approved");
		json_put_str(&w, "node", "n01");
		json_put_str(&w, "certificate", buf_str(&crt));
		json_put_str(&w, "until", "2026-11-22T12:00:00Z");
	}
	json_end_obj(&w);
	return 0;
}

static inline void enrolling_begin(struct enrolling *e, const char *dir)
{
	struct node_keys keys;
	struct err err = { 0 };

	if (node_keys_make(&keys, &err) < 0 || identity_take(&keys, dir, &e->id, &err) < 0)
		fail_msg("%s", err.text);
}

static inline void enrolling_end(struct enrolling *e)
{
	identity_free(&e->id);
	free(e->body);
}

#endif
