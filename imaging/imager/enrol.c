/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/enrol.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define CERTIFICATE_MAX 8192

void enrol_print(const struct enrol_ask *ask, struct buf *out)
{
	struct json_out w;

	json_out_init(&w, out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "csr", ask->csr);
	json_put_str(&w, "seal_key", ask->seal_key);
	if (ask->token)
		json_put_str(&w, "token", ask->token);
	if (ask->machine_json)
		json_put_raw(&w, "machine", ask->machine_json);
	json_end_obj(&w);
}

/* One block of RFC 7468, and nothing else: it is written to a file that curl and libcrypto read. */
static bool is_certificate(const char *text)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----\n", end[] = "-----END CERTIFICATE-----\n";
	const char *body = text + sizeof(begin) - 1;
	size_t n;

	if (strlen(text) > CERTIFICATE_MAX || !str_starts(text, begin))
		return false;
	n = strspn(body, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\n");
	return n > 1 && body[n - 1] == '\n' && str_eq(body + n, end);
}

static int read_approved(struct json_obj *o, struct enrol_answer *out, struct err *err)
{
	autofree char *until = NULL;
	struct err why = { 0 };

	/* The end that counts is in the certificate itself. */
	if (json_str(o, "node", JSON_MUST, &out->node, err) < 0 ||
	    json_str(o, "certificate", JSON_MUST, &out->certificate, err) < 0 || json_str(o, "until", JSON_MUST, &until, err) < 0)
		return -1;
	if (str_check_hostname(out->node, &why) < 0)
		return json_bad(o, "node", err, "%s", why.text);
	return is_certificate(out->certificate) ? 0 : json_bad(o, "certificate", err, "is not one certificate in PEM form");
}

static int read_pending(struct json_obj *o, struct enrol_answer *out, struct err *err)
{
	autofree char *words = NULL;

	/* The words for people are worked out here, from our own key. */
	if (json_str(o, "fingerprint", JSON_MUST, &out->fingerprint, err) < 0 || json_str(o, "words", JSON_MUST, &words, err) < 0)
		return -1;
	if (strlen(out->fingerprint) != DIGEST_HEX_LEN - 1 || strspn(out->fingerprint, "0123456789abcdef") != DIGEST_HEX_LEN - 1)
		return json_bad(o, "fingerprint", err, "must be %d lower-case hex digits", DIGEST_HEX_LEN - 1);
	return 0;
}

static int read_all(struct json_obj *o, void *answer, struct err *err)
{
	static const char *const states[] = { "pending", "approved", NULL };
	struct enrol_answer *out = answer;
	int state = 0;

	if (json_enum(o, "state", JSON_MUST, states, &state, err) < 0)
		return -1;
	out->approved = state == 1;
	if ((out->approved ? read_approved(o, out, err) : read_pending(o, out, err)) < 0)
		return -1;
	return json_obj_end(o, err);
}

int enrol_answer_read(const char *text, size_t len, struct enrol_answer *out, struct err *err)
{
	*out = (struct enrol_answer){ 0 };
	if (json_read(text, len, read_all, out, err) == 0)
		return 0;
	enrol_answer_free(out);
	return -1;
}

void enrol_answer_free(struct enrol_answer *a)
{
	free(a->node);
	free(a->certificate);
	free(a->fingerprint);
	*a = (struct enrol_answer){ 0 };
}
