/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/bmc_wish.h"

#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/keys_check.h"

#include <string.h>

#define PREFIX "bmc"
#define SEALED "sealed/bmc"

void bmc_wish_free(struct bmc_wish *w)
{
	free(w->address);
	free(w->user);
	free(w->pin);
	free(w->protocol);
	*w = (struct bmc_wish){ 0 };
}

static int read_wish(struct json_obj *o, void *wish, struct err *err)
{
	struct bmc_wish *w = wish;
	int protocol = BMC_AUTO;
	char pin[BMC_PIN_LEN];
	struct err why = { 0 };

	if (json_str(o, "address", JSON_MAY, &w->address, err) < 0 || json_str(o, "user", JSON_MAY, &w->user, err) < 0 ||
	    json_str(o, "pin", JSON_MAY, &w->pin, err) < 0 ||
	    json_enum(o, "protocol", JSON_MAY, bmc_protocol_names, &protocol, err) < 0 ||
	    json_bool(o, "password", JSON_MAY, &w->has_password, err) < 0)
		return -1;
	if (json_has(o, "protocol"))
		w->protocol = mem_strdup(bmc_protocol_names[protocol]);
	if (w->address && bmc_address_check(w->address, &why) < 0)
		return json_bad(o, "address", err, "%s", why.text);
	if (w->pin && bmc_pin_read(w->pin, pin, &why) < 0)
		return json_bad(o, "pin", err, "%s", why.text);
	return json_obj_end(o, err);
}

int bmc_wish_read(const char *json, struct bmc_wish *out, struct err *err)
{
	autoclean(bmc_wish_free) struct bmc_wish w = { 0 };

	if (json_read(json, strlen(json), read_wish, &w, err) < 0)
		return err_wrap(err, "a BMC's document");
	*out = w;
	w = (struct bmc_wish){ 0 };
	return 0;
}

int bmc_wish_get(struct daemon *d, const char *node, struct bmc_wish *out, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autofree char *key = str_format(PREFIX "/%s", node);
	struct err why = { 0 };

	if (state_get(d->state, key, &doc, &why) < 0) {
		if (why.kind == ERR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	return bmc_wish_read(doc.value, out, err) < 0 ? err_wrap(err, "%s", node) : 1;
}

void bmc_wish_fill(struct bmc_wish *w, const struct site *site, const char *group)
{
	const struct site_group *g = site_group(site, group);

	if (g && !w->user)
		model_set(&w->user, g->bmc_user);
	if (g && !w->protocol)
		model_set(&w->protocol, g->bmc_protocol);
}

static void put_opt(struct json_out *w, const char *key, const char *value)
{
	if (value)
		json_put_str(w, key, value);
}

static void put_document(struct change *c, const char *node, const struct bmc_wish *wish)
{
	autoclean(buf_free) struct buf json = { 0 };
	struct json_out w;

	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	put_opt(&w, "address", wish->address);
	put_opt(&w, "protocol", wish->protocol);
	put_opt(&w, "user", wish->user);
	put_opt(&w, "pin", wish->pin);
	json_put_bool(&w, "password", wish->has_password);
	json_end_obj(&w);
	change_put(c, PREFIX, node, &json);
}

void bmc_wish_put(const struct bmc_wish *w, struct json_out *out, const char *key)
{
	if (!w->address && !w->user && !w->protocol && !w->has_password) {
		json_put_str(out, key, NULL);
		return;
	}
	json_put_obj(out, key);
	json_put_str(out, "address", w->address);
	json_put_str(out, "protocol", w->protocol);
	json_put_str(out, "user", w->user);
	json_put_str(out, "pin", w->pin);
	json_put_bool(out, "password_set", w->has_password);
	json_end_obj(out);
}

int bmc_request_read(struct json_obj *o, struct bmc_request *out, struct err *err)
{
	struct json_obj b;
	int rc = json_obj(o, "bmc", JSON_MAY, &b, err);

	if (rc <= 0)
		return rc;
	out->given = true;
	if (json_str(&b, "address", JSON_MAY, &out->address, err) < 0 ||
	    json_str(&b, "protocol", JSON_MAY, &out->protocol, err) < 0 || json_str(&b, "user", JSON_MAY, &out->user, err) < 0 ||
	    json_str(&b, "password", JSON_MAY, &out->password, err) < 0 || json_str(&b, "pin", JSON_MAY, &out->pin, err) < 0)
		return -1;
	return json_obj_end(&b, err);
}

void bmc_request_free(struct bmc_request *r)
{
	free(r->address);
	free(r->protocol);
	free(r->user);
	free(r->pin);
	secret_str_free(r->password);
	*r = (struct bmc_request){ 0 };
}

static int check_request(const struct bmc_request *req, char pin[BMC_PIN_LEN], struct err *err)
{
	bool known = false;

	for (size_t i = 0; req->protocol && bmc_protocol_names[i]; i++)
		known |= str_eq(req->protocol, bmc_protocol_names[i]);
	if (req->protocol && req->protocol[0] && !known)
		return err_set(err, ERR_INVALID, "'%.40s' is no protocol of a BMC: auto, ipmi or redfish", req->protocol);
	if (req->address && req->address[0] && bmc_address_check(req->address, err) < 0)
		return -1;
	return req->pin && req->pin[0] ? bmc_pin_read(req->pin, pin, err) : 0;
}

/* One wish: kept, changed or, by "", taken back. */
static void merge(struct plan *plan, const char *node, const char *what, char **field, const char *value)
{
	autofree char *step = str_format("set:%s:bmc-%s", node, what);

	if (!value || str_eq(*field ? *field : "", value))
		return;
	api_step(plan, step, "%s: BMC %s from %s to %s", node, what, *field ? *field : "none", *value ? value : "none");
	model_set(field, *value ? value : NULL);
}

static int seal_password(struct change *c, const char *node, const char *password, struct err *err)
{
	autoclean(secret_key_clear) struct secret_key key = { 0 };
	autofree char *context = str_format("bmc/%s", node);
	autoclean(buf_free) struct buf sealed = { 0 }, json = { 0 };
	struct json_out w;

	if (keys_of_secrets(c->d, &key, err) < 0 || secretbox_seal(&key, context, password, strlen(password), &sealed, err) < 0)
		return -1;
	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "sealed", buf_str(&sealed));
	json_end_obj(&w);
	change_put(c, SEALED, node, &json);
	return 0;
}

static enum bmc_protocol protocol_of(const struct bmc_wish *w)
{
	for (int i = BMC_AUTO; i <= BMC_REDFISH; i++)
		if (str_eq(w->protocol, bmc_protocol_names[i]))
			return (enum bmc_protocol)i;
	return BMC_AUTO;
}

/* The password is not compared: it is set anew whenever it is given. */
static int merge_password(struct change *c, const char *node, struct bmc_wish *w, const char *password, struct plan *plan,
			  struct err *err)
{
	autofree char *step = str_format("set:%s:bmc-password", node);

	if (!password || (!*password && !w->has_password))
		return 0;
	api_step(plan, step, "%s: BMC password %s", node, *password ? "set, and kept sealed" : "forgotten");
	w->has_password = *password != '\0';
	if (*password)
		return seal_password(c, node, password, err);
	change_delete(c, SEALED, node);
	return 0;
}

/* As the protocol that will be used takes them, the group's where the node has none. */
static int check_login(const struct bmc_wish *w, const struct site *site, const char *group, const char *password,
		       struct err *err)
{
	autoclean(bmc_wish_free) struct bmc_wish whole = { 0 };
	enum bmc_protocol used;

	model_set(&whole.user, w->user);
	model_set(&whole.protocol, w->protocol);
	bmc_wish_fill(&whole, site, group);
	used = bmc_protocol_used(protocol_of(&whole), w->pin);
	return bmc_login_check(used, whole.user, password && *password ? password : NULL, err);
}

int bmc_request_apply(struct change *c, const struct site *site, const char *node, const char *group,
		      const struct bmc_request *req, struct plan *plan, struct err *err)
{
	autoclean(bmc_wish_free) struct bmc_wish w = { 0 };
	char pin[BMC_PIN_LEN] = "";
	const char *new_pin = req->pin ? pin : NULL;
	/* A password is for the BMC that it was given for: it goes with its address. */
	const char *password = req->password ? req->password : req->address && !*req->address ? "" : NULL;
	size_t before = plan->len;

	if (!req->given)
		return 0;
	if (bmc_wish_get(c->d, node, &w, err) < 0 || check_request(req, pin, err) < 0)
		return err_wrap(err, "%s", node);
	if (req->address && !str_eq(req->address, w.address ? w.address : "") && !new_pin)
		new_pin = "";
	merge(plan, node, "address", &w.address, req->address);
	merge(plan, node, "protocol", &w.protocol, req->protocol);
	merge(plan, node, "user", &w.user, req->user);
	merge(plan, node, "key", &w.pin, new_pin);
	if (check_login(&w, site, group, password, err) < 0)
		return err_wrap(err, "%s", node);
	if (merge_password(c, node, &w, password, plan, err) < 0)
		return err_wrap(err, "%s", node);
	if (plan->len > before)
		put_document(c, node, &w);
	return 0;
}

int bmc_wish_adopt(struct change *c, const char *node, const struct machine *m, struct plan *plan, struct err *err)
{
	autoclean(bmc_wish_free) struct bmc_wish w = { 0 };
	autofree char *step = str_format("set:%s:bmc-address", node);
	autofree char *address = NULL;
	struct err none = { 0 };

	if (!m->bmc_address)
		return 0;
	/* As --bmc has it: brackets around IPv6. What is no address (a BMC without one says 0.0.0.0) is left alone. */
	address = str_format(strchr(m->bmc_address, ':') ? "[%s]" : "%s", m->bmc_address);
	if (str_eq(address, "0.0.0.0") || str_eq(address, "[::]") || bmc_address_check(address, &none) < 0)
		return 0;
	if (bmc_wish_get(c->d, node, &w, err) < 0)
		return -1;
	if (w.address)
		return 0;
	api_step(plan, step, "%s: BMC address from none to %s, as the machine itself says", node, address);
	model_set(&w.address, address);
	put_document(c, node, &w);
	return 0;
}

void bmc_forget(struct change *c, const char *node)
{
	change_delete(c, PREFIX, node);
	change_delete(c, SEALED, node);
}

struct sealed_doc {
	char *sealed;
};

static int read_sealed(struct json_obj *o, void *out, struct err *err)
{
	struct sealed_doc *s = out;

	return json_str(o, "sealed", JSON_MUST, &s->sealed, err) < 0 ? -1 : json_obj_end(o, err);
}

static int open_password(struct daemon *d, const char *node, struct buf *out, struct err *err)
{
	autoclean(state_doc_free) struct state_doc doc = { 0 };
	autoclean(secret_key_clear) struct secret_key key = { 0 };
	autofree char *path = str_format(SEALED "/%s", node);
	autofree char *context = str_format("bmc/%s", node);
	struct sealed_doc s = { 0 };
	int rc;

	if (state_get(d->state, path, &doc, err) < 0)
		return err->kind == ERR_NOT_FOUND ? err_set(err, ERR_NOT_FOUND, "the password of its BMC is not known") : -1;
	rc = json_read(doc.value, strlen(doc.value), read_sealed, &s, err);
	if (rc == 0)
		rc = keys_of_secrets(d, &key, err);
	if (rc == 0)
		rc = secretbox_open(&key, context, s.sealed, out, err);
	free(s.sealed);
	return rc;
}

/* With the address that its machine tells, if it tells one: to be looked at by whoever sets it. */
static int no_address(struct daemon *d, const char *node, struct err *err)
{
	autoclean(machine_free) struct machine m = { 0 };
	struct err ignored = { 0 };
	int known = daemon_machine(d, node, &m, &ignored);

	err_set(err, ERR_NOT_FOUND, "%s: the address of its BMC is not known", node);
	if (known > 0 && m.bmc_address)
		return err_hint(err, "its machine says %s; if that is right: orthrus node set %s --bmc %s", m.bmc_address, node,
				m.bmc_address);
	return err_hint(err, "set it: orthrus node set %s --bmc ADDRESS --bmc-user USER --bmc-password-file FILE", node);
}

int bmc_access_load(struct daemon *d, const char *node, struct bmc_access *out, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autoclean(node_free) struct node n = { 0 };
	struct bmc_wish *w = &out->wish;

	if (daemon_site(d, &site, NULL, err) < 0 || daemon_node(d, node, &n, NULL, err) < 0 || bmc_wish_get(d, node, w, err) < 0)
		return -1;
	bmc_wish_fill(w, &site, n.group);
	if (!w->address)
		return no_address(d, node, err);
	if (!w->user || !w->has_password) {
		err_set(err, ERR_NOT_FOUND, "%s: the %s of its BMC is not known", node, w->user ? "password" : "user");
		return err_hint(err, "set it: orthrus node set %s --bmc-user USER --bmc-password-file FILE", node);
	}
	if (open_password(d, node, &out->password, err) < 0)
		return err_wrap(err, "%s", node);
	out->node = mem_strdup(node);
	out->bmc = (struct bmc){
		.node = out->node, .address = w->address, .user = w->user, .password = buf_str(&out->password), .pin = w->pin
	};
	out->bmc.protocol = protocol_of(w);
	return 0;
}

void bmc_access_free(struct bmc_access *a)
{
	bmc_wish_free(&a->wish);
	secret_buf_free(&a->password);
	free(a->node);
	*a = (struct bmc_access){ 0 };
}
