/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Redfish over TLS with a pinned key. HTTP Basic in each request (DSP0266 13.3): BMCs have few sessions, and one that is not
 * given back is missing for minutes. Redirects are not followed: the password is for this BMC. */
#include "base/json.h"
#include "base/mem.h"
#include "power/bmc_priv.h"
#include "power/redfish_parse.h"
#include "sys/http_client.h"

#include <string.h>

#define ANSWER_MAX ((size_t)1 << 20)

struct session {
	const struct bmc *b;
	struct http_client *http;
	struct redfish_root root;
	struct redfish_system system;
	char *system_path, *etag;
};

static void session_free(struct session *s)
{
	http_client_free(s->http);
	redfish_root_free(&s->root);
	redfish_system_free(&s->system);
	free(s->system_path);
	free(s->etag);
}

static char *base_url(const struct bmc *b)
{
	return str_format("https://%s", b->address);
}

/* What went wrong before there was an answer. */
static int explain_connect(const struct bmc *b, struct err *err)
{
	enum err_kind kind = err->kind;

	err_wrap(err, "%s", b->node);
	if (kind == ERR_REFUSED)
		return err_hint(
			err,
			"no password was sent. If the BMC got a new certificate, compare its fingerprint: orthrus node bmc %s",
			b->node);
	return err_hint(err, "see whether the BMC is at this address and speaks Redfish: orthrus node show %s", b->node);
}

static int explain_answer(const struct bmc *b, const struct http_request *req, const struct http_reply *reply, struct err *err)
{
	autofree char *words = redfish_error_words(buf_str(&reply->body), reply->body.len);

	if (reply->status == 401 || reply->status == 403) {
		err_set(err, ERR_FAILED, "%s: the BMC does not let '%s' %s (%s)", b->node, b->user,
			reply->status == 401 ? "in with this password" : "do that", b->address);
		return err_hint(err, "set what is right: orthrus node set %s --bmc-user USER --bmc-password-file FILE", b->node);
	}
	if (reply->status >= 300 && reply->status < 400) {
		err_set(err, ERR_REFUSED, "%s: the BMC sends us elsewhere (HTTP %d for %s): that is not followed", b->node,
			reply->status, req->path);
		return err_hint(err, "set the address at which it answers itself: orthrus node set %s --bmc ADDRESS", b->node);
	}
	return err_set(err, ERR_FAILED, "%s: the BMC answered HTTP %d for %s %s%s%s", b->node, reply->status, req->method,
		       req->path, words ? ": " : "", words ? words : "");
}

static int send(struct session *s, const char *method, const char *path, const char *body, const char *if_match,
		struct http_reply *reply, struct err *err)
{
	struct http_request req = { .method = method,
				    .path = path,
				    .body = body,
				    .body_len = body ? strlen(body) : 0,
				    .if_match = if_match,
				    .max_body = ANSWER_MAX };

	if (http_send(s->http, &req, reply, err) < 0)
		return explain_connect(s->b, err);
	return reply->status >= 200 && reply->status < 300 ? 0 : explain_answer(s->b, &req, reply, err);
}

/* An answer that is not what it should be: whose, and to what. */
static int bad_answer(const struct session *s, const char *path, struct err *err)
{
	/* "Invalid" would be somebody's input. */
	err->kind = ERR_DAMAGED;
	err_wrap(err, "%s: the BMC's answer to %s", s->b->node, path);
	return err_hint(err, "see whether its firmware is up to date; or use IPMI: orthrus node set %s --bmc-protocol ipmi",
			s->b->node);
}

static int open_session(const struct bmc *b, struct session *s, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autofree char *url = base_url(b);
	struct http_client_opts opts = { .base_url = url,
					 .pin = b->pin,
					 .user = b->user,
					 .password = b->password,
					 .timeout_ns = b->timeout_ns ? b->timeout_ns : BMC_TIMEOUT_NS };

	s->b = b;
	if (bmc_address_check(b->address, err) < 0 || bmc_login_check(BMC_REDFISH, b->user, b->password, err) < 0)
		return err_wrap(err, "%s", b->node);
	if (!b->pin) {
		err_set(err, ERR_REFUSED, "%s: nobody has vouched for the certificate of its BMC yet (%s)", b->node, b->address);
		return err_hint(
			err,
			"compare what `orthrus node bmc %s` shows with the BMC's own page; then: orthrus node set %s --bmc-pin "
			"FINGERPRINT",
			b->node, b->node);
	}
	if (http_client_new(&opts, &s->http, err) < 0)
		return err_wrap(err, "%s", b->node);
	if (send(s, "GET", REDFISH_ROOT, NULL, NULL, &reply, err) < 0)
		return -1;
	return redfish_read_root(buf_str(&reply.body), reply.body.len, &s->root, err) < 0 ? bad_answer(s, REDFISH_ROOT, err) : 0;
}

static int members(struct session *s, const char *path, struct str_list *out, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (send(s, "GET", path, NULL, NULL, &reply, err) < 0)
		return -1;
	return redfish_read_members(buf_str(&reply.body), reply.body.len, out, err) < 0 ? bad_answer(s, path, err) : 0;
}

static int read_system(struct session *s, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (send(s, "GET", s->system_path, NULL, NULL, &reply, err) < 0)
		return -1;
	redfish_system_free(&s->system);
	free(s->etag);
	s->etag = reply.etag[0] ? mem_strdup(reply.etag) : NULL;
	return redfish_read_system(buf_str(&reply.body), reply.body.len, &s->system, err) < 0 ? bad_answer(s, s->system_path, err)
											      : 0;
}

/* The one system that this BMC manages. Of several nobody knows here which is the node: none is touched. */
static int open_system(const struct bmc *b, struct session *s, struct err *err)
{
	autoclean(str_list_free) struct str_list links = { 0 };

	if (open_session(b, s, err) < 0)
		return -1;
	if (!s->root.systems)
		return err_set(err, ERR_FAILED, "%s: the BMC's Redfish service has no systems", b->node);
	if (members(s, s->root.systems, &links, err) < 0)
		return -1;
	if (links.len != 1) {
		err_set(err, ERR_REFUSED, "%s: the BMC manages %zu systems, so that it is not clear which one the node is",
			b->node, links.len);
		return err_hint(err, "use IPMI, where each has an address of its own: orthrus node set %s --bmc-protocol ipmi",
				b->node);
	}
	s->system_path = mem_strdup(links.items[0]);
	return read_system(s, err);
}

int redfish_power(const struct bmc *b, enum bmc_power *out, struct err *err)
{
	autoclean(session_free) struct session s = { 0 };

	if (open_system(b, &s, err) < 0)
		return -1;
	*out = s.system.power;
	return 0;
}

int redfish_act(const struct bmc *b, enum bmc_act act, struct err *err)
{
	autoclean(session_free) struct session s = { 0 };
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autofree char *body = NULL;
	const char *type;

	if (open_system(b, &s, err) < 0)
		return -1;
	type = redfish_reset_type(&s.system, act);
	if (!s.system.reset || !type) {
		static const char *const words[] = { [BMC_ON] = "switch on",
						     [BMC_OFF] = "switch off",
						     [BMC_CYCLE] = "cycle the power",
						     [BMC_RESET] = "reset",
						     [BMC_SOFT_OFF] = "shut down softly" };

		return err_set(err, ERR_FAILED, "%s: its BMC says that it cannot %s", b->node, words[act]);
	}
	body = str_format("{\"ResetType\":\"%s\"}", type);
	return send(&s, "POST", s.system.reset, body, NULL, &reply, err);
}

static int patch_system(struct session *s, const char *body, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	return send(s, "PATCH", s->system_path, body, s->etag, &reply, err);
}

int redfish_boot_network(const struct bmc *b, struct err *err)
{
	autoclean(session_free) struct session s = { 0 };

	if (open_system(b, &s, err) < 0)
		return -1;
	return patch_system(&s, "{\"Boot\":{\"BootSourceOverrideEnabled\":\"Once\",\"BootSourceOverrideTarget\":\"Pxe\"}}", err);
}

int redfish_identify(const struct bmc *b, bool on, struct err *err)
{
	autoclean(session_free) struct session s = { 0 };

	if (open_system(b, &s, err) < 0)
		return -1;
	if (s.system.has_location)
		return patch_system(&s, on ? "{\"LocationIndicatorActive\":true}" : "{\"LocationIndicatorActive\":false}", err);
	return patch_system(&s, on ? "{\"IndicatorLED\":\"Blinking\"}" : "{\"IndicatorLED\":\"Off\"}", err);
}

static int read_part(struct session *s, const char *path,
		     int (*read)(const char *text, size_t len, struct bmc_sensors *out, struct err *err), struct bmc_sensors *out,
		     struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (!path)
		return 0;
	if (send(s, "GET", path, NULL, NULL, &reply, err) < 0)
		return -1;
	return read(buf_str(&reply.body), reply.body.len, out, err) < 0 ? bad_answer(s, path, err) : 0;
}

static int read_chassis(struct session *s, const char *path, struct bmc_sensors *out, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autofree char *thermal = NULL, *power = NULL;

	if (send(s, "GET", path, NULL, NULL, &reply, err) < 0)
		return -1;
	if (redfish_read_chassis(buf_str(&reply.body), reply.body.len, &thermal, &power, err) < 0)
		return bad_answer(s, path, err);
	return read_part(s, thermal, redfish_read_thermal, out, err) < 0 ? -1 : read_part(s, power, redfish_read_power, out, err);
}

int redfish_sensors(const struct bmc *b, struct bmc_sensors *out, struct err *err)
{
	autoclean(session_free) struct session s = { 0 };
	autoclean(str_list_free) struct str_list chassis = { 0 };

	if (open_session(b, &s, err) < 0)
		return -1;
	if (!s.root.chassis)
		return err_set(err, ERR_FAILED, "%s: the BMC's Redfish service has no chassis, so no sensors", b->node);
	if (members(&s, s.root.chassis, &chassis, err) < 0)
		return -1;
	for (size_t i = 0; i < chassis.len; i++)
		if (read_chassis(&s, chassis.items[i], out, err) < 0)
			return -1;
	return 0;
}

int redfish_facts(const struct bmc *b, struct bmc_facts *out, struct err *err)
{
	autoclean(session_free) struct session s = { 0 };
	autoclean(str_list_free) struct str_list managers = { 0 };
	autoclean(http_reply_free) struct http_reply reply = { 0 };

	if (open_session(b, &s, err) < 0)
		return -1;
	out->version = steal(s.root.version);
	out->maker = steal(s.root.vendor);
	out->model = steal(s.root.product);
	if (!s.root.managers)
		return 0;
	if (members(&s, s.root.managers, &managers, err) < 0)
		return -1;
	if (!managers.len)
		return 0;
	if (send(&s, "GET", managers.items[0], NULL, NULL, &reply, err) < 0)
		return -1;
	return redfish_read_manager(buf_str(&reply.body), reply.body.len, out, err) < 0 ? bad_answer(&s, managers.items[0], err)
											: 0;
}

int bmc_pin_look(const struct bmc *b, char out[BMC_PIN_LEN], struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autofree char *url = base_url(b);
	struct http_client_opts opts = { .base_url = url,
					 .look = true,
					 .timeout_ns = b->timeout_ns ? b->timeout_ns : BMC_TIMEOUT_NS };
	struct http_request req = { .method = "GET", .path = REDFISH_ROOT, .max_body = ANSWER_MAX };
	struct http_client *http = NULL;
	int rc;

	if (bmc_address_check(b->address, err) < 0 || http_client_new(&opts, &http, err) < 0)
		return err_wrap(err, "%s", b->node);
	rc = http_send(http, &req, &reply, err);
	http_client_free(http);
	if (rc < 0)
		return explain_connect(b, err);
	if (!reply.pin[0])
		return err_set(err, ERR_FAILED, "%s: the BMC shows no certificate whose key can be read (%s)", b->node,
			       b->address);
	memcpy(out, reply.pin, BMC_PIN_LEN);
	return 0;
}
