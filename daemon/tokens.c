/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/tokens.h"

#include "base/digest.h"
#include "base/mem.h"
#include "sys/http_server.h"
#include "sys/keys.h"

#include <string.h>

static const char *const use_names[] = { [TOKEN_IMAGER] = "imager", [TOKEN_REPORT] = "report", NULL };

static char **field(struct run *r, enum token_use use)
{
	return use == TOKEN_IMAGER ? &r->token : &r->report_token;
}

static void hash(const char *token, struct digest *d, char hex[DIGEST_HEX_LEN])
{
	digest_of(token, strlen(token), d);
	digest_hex(d, hex);
}

void token_issue(struct change *c, const char *node, struct run *r, enum token_use use, char out[TOKEN_LEN])
{
	autoclean(buf_free) struct buf json = { 0 };
	uint8_t raw[(TOKEN_LEN - 1) / 2];
	char hex[DIGEST_HEX_LEN];
	struct digest d;
	struct json_out w;

	random_bytes(raw, sizeof(raw));
	str_hex(raw, sizeof(raw), out);
	explicit_bzero(raw, sizeof(raw));
	hash(out, &d, hex);
	if (*field(r, use))
		change_delete(c, "token", *field(r, use));
	model_set(field(r, use), hex);
	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "node", node);
	json_put_str(&w, "use", use_names[use]);
	json_end_obj(&w);
	change_put(c, "token", hex, &json);
}

static int read_token(const char *json, char **node, int *use, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	if (json_parse(json, strlen(json), &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_str(&o, "node", JSON_MUST, node, err) < 0 || json_enum(&o, "use", JSON_MUST, use_names, use, err) < 0)
		return -1;
	return json_obj_end(&o, err);
}

static bool is_hash_of(const char *hex, const struct digest *given)
{
	struct err ignored = { 0 };
	struct digest good;

	return hex && str_unhex(hex, good.bytes, DIGEST_LEN, &ignored) == 0 && digest_cmp(given, &good) == 0;
}

/* The document finds the node; the run document says whether it is still the one. With an order that erased nothing yet, what
 * was installed before may report too. */
static int look_up(struct daemon *d, const char *token, enum token_use use, char **node, struct run *r)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *key = NULL;
	char hex[DIGEST_HEX_LEN];
	struct digest given;
	struct err ignored = { 0 };
	int is_for = -1;

	if (!token || strlen(token) != TOKEN_LEN - 1)
		return -1;
	hash(token, &given, hex);
	key = str_format("token/%s", hex);
	if (state_get(d->state, key, &doc, &ignored) < 0 || read_token(doc.value, node, &is_for, &ignored) < 0 ||
	    is_for != (int)use || daemon_run(d, *node, r, &ignored) < 0)
		return -1;
	return is_hash_of(*field(r, use), &given) || (use == TOKEN_REPORT && is_hash_of(r->prior_report_token, &given)) ? 0 : -1;
}

int token_check(struct daemon *d, struct http_call *call, enum token_use use, char **node, struct run *r, struct err *err)
{
	if (look_up(d, http_bearer(call), use, node, r) == 0)
		return 0;
	run_free(r);
	http_set_status(call, 401);
	err_set(err, ERR_REFUSED, "the token is not, or no longer, good");
	return err_hint(err, "the machine must say hello again");
}
