/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/enrol_read.h"

#include "base/mem.h"
#include "sys/keys_x509.h"

#include <string.h>

void enrol_free(struct enrol *e)
{
	free(e->csr);
	if (e->token)
		explicit_bzero(e->token, strlen(e->token));
	free(e->token);
	machine_free(&e->machine);
	*e = (struct enrol){ 0 };
}

static int read_machine(struct json_obj *o, struct enrol *out, struct err *err)
{
	autofree char *raw = NULL;

	if (json_raw(o, "machine", JSON_MAY, &raw, err) < 0)
		return -1;
	out->has_machine = raw != NULL;
	return raw ? machine_read(raw, strlen(raw), &out->machine, err) : 0;
}

static int read_all(struct json_obj *o, void *enrol, struct err *err)
{
	struct enrol *out = enrol;
	autofree char *seal = NULL;
	struct err why = { 0 };

	if (json_str(o, "csr", JSON_MUST, &out->csr, err) < 0 || json_str(o, "seal_key", JSON_MUST, &seal, err) < 0 ||
	    json_str(o, "token", JSON_MAY, &out->token, err) < 0)
		return -1;
	if (str_unhex(seal, out->key.seal, SEAL_KEY_LEN, &why) < 0)
		return json_bad(o, "seal_key", err, "is not an X25519 public key of %d hex digits", 2 * SEAL_KEY_LEN);
	if (x509_request_check(out->csr, strlen(out->csr), &out->key.spki, err) < 0 || read_machine(o, out, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

int enrol_read(const char *json, size_t len, struct enrol *out, struct err *err)
{
	autoclean(enrol_free) struct enrol e = { 0 };

	if (json_read(json, len, read_all, &e, err) < 0)
		return err_wrap(err, "the request's body");
	*out = e;
	e = (struct enrol){ 0 };
	return 0;
}
