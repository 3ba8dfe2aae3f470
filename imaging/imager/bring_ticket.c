/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/bring_ticket.h"

#include "base/json.h"
#include "base/mem.h"
#include "cast/cable.h"
#include "cast/layout.h"
#include "sys/inet.h"

#include <netinet/in.h>
#include <string.h>

#define REASON_MAX ((size_t)600)

/* Between "//" and what follows the host, brackets taken off. Caller frees; NULL: there is none. */
static char *host_of(const char *server)
{
	const char *at = server ? strstr(server, "//") : NULL;
	bool six;

	if (!at)
		return NULL;
	six = at[2] == '[';
	at += six ? 3 : 2;
	return mem_strndup(at, strcspn(at, six ? "]" : ":/"));
}

void bring_ticket_facts(const char *server, struct json_out *w)
{
	autofree char *host = host_of(server);
	struct sockaddr_storage to;
	struct err name = { 0 };
	struct cable cable;

	if (!host || inet_address(host, 1, &to, &name) < 0)
		return;
	cable_towards(&to, &cable);
	cable_put(&cable, w);
}

static int read_hex(struct json_obj *o, const char *key, uint8_t *out, size_t len, struct err *err)
{
	autofree char *hex = NULL;
	struct err why = { 0 };
	int rc;

	if (json_str(o, key, JSON_MUST, &hex, err) < 0)
		return -1;
	rc = strlen(hex) == 2 * len ? str_unhex(hex, out, len, &why) : -1;
	explicit_bzero(hex, strlen(hex));
	return rc < 0 ? json_bad(o, key, err, "is not %zu hex digits", 2 * len) : 0;
}

static int read_address(struct json_obj *o, const char *key, const char *port_key, struct sockaddr_storage *out, struct err *err)
{
	autofree char *text = NULL;
	struct err why = { 0 };
	uint64_t port = 0;

	if (json_str(o, key, JSON_MUST, &text, err) < 0 || json_u64(o, port_key, JSON_MUST, 1, 65535, &port, err) < 0)
		return -1;
	return inet_address(text, (uint16_t)port, out, &why) < 0 ? json_bad(o, key, err, "%s", why.text) : 0;
}

static bool is_group(const struct sockaddr_storage *a)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;

	return a->ss_family == AF_INET ? IN_MULTICAST(ntohl(v4->sin_addr.s_addr)) : IN6_IS_ADDR_MULTICAST(&v6->sin6_addr);
}

/* The other ways: of the other address family, and broadcast. Their ports are those of the first. */
static int read_more(struct json_obj *o, struct session *s, struct err *err)
{
	const bool two = json_has(o, "group2") || json_has(o, "sender2");

	if (two && (read_address(o, "group2", "port", &s->group2, err) < 0 ||
		    read_address(o, "sender2", "sender_port", &s->sender2, err) < 0))
		return -1;
	if (two && (!is_group(&s->group2) || is_group(&s->sender2) || s->group2.ss_family != s->sender2.ss_family ||
		    s->group2.ss_family == s->group.ss_family))
		return json_bad(o, "group2", err, "is no group that the sender can reach by the other address family");
	if (json_has(o, "broadcast") && read_address(o, "broadcast", "port", &s->broadcast, err) < 0)
		return -1;
	if (s->broadcast.ss_family && (s->broadcast.ss_family != AF_INET || is_group(&s->broadcast)))
		return json_bad(o, "broadcast", err, "is no broadcast address");
	return 0;
}

static int read_session(struct json_obj *o, struct session *s, struct err *err)
{
	uint64_t cast = 0, number = 0, symbol = 0;

	if (json_u64(o, "cast", JSON_MUST, 1, UINT32_MAX, &cast, err) < 0 ||
	    json_u64(o, "number", JSON_MUST, 1, UINT16_MAX, &number, err) < 0 ||
	    json_u64(o, "symbol_bytes", JSON_MUST, 64, LAYOUT_SYMBOL_JUMBO, &symbol, err) < 0 ||
	    read_address(o, "group", "port", &s->group, err) < 0 ||
	    read_address(o, "sender", "sender_port", &s->sender, err) < 0 ||
	    (json_has(o, "source") && read_address(o, "source", "source_port", &s->source, err) < 0) ||
	    read_hex(o, "group_key", s->group_key, SESSION_KEY, err) < 0 ||
	    read_hex(o, "own_key", s->own_key, SESSION_KEY, err) < 0 ||
	    read_hex(o, "sign_public", s->sign_public, SESSION_SIGN_PUBLIC, err) < 0)
		return -1;
	s->cast = (uint32_t)cast;
	s->number = (uint16_t)number;
	s->symbol_bytes = (uint16_t)symbol;
	if (symbol % 64)
		return json_bad(o, "symbol_bytes", err, "is no multiple of 64");
	if (!is_group(&s->group) || is_group(&s->sender) || s->group.ss_family != s->sender.ss_family)
		return json_bad(o, "group", err, "is no group that the sender can reach");
	if (s->source.ss_family && (is_group(&s->source) || s->source.ss_family != s->group.ss_family))
		return json_bad(o, "source", err, "is no machine that sends to that group");
	return read_more(o, s, err);
}

static int read_ticket(struct json_obj *root, struct bring_ticket *out, struct err *err)
{
	struct json_obj o;

	if (json_obj(root, "ticket", JSON_MUST, &o, err) < 0 || read_session(&o, &out->session, err) < 0 ||
	    read_hex(&o, "layout", out->layout.bytes, DIGEST_LEN, err) < 0 ||
	    json_u64(&o, "chunks", JSON_MUST, 1, LAYOUT_CHUNKS_MAX, &out->chunks, err) < 0)
		return -1;
	return json_obj_end(&o, err);
}

static int read_reason(struct json_obj *root, struct bring_ticket *out, struct err *err)
{
	autofree char *text = NULL;

	if (json_str(root, "reason", JSON_MUST, &text, err) < 0)
		return -1;
	out->reason = str_printable(text, strnlen(text, REASON_MAX));
	return 0;
}

static int read_all(struct json_obj *o, void *ticket, struct err *err)
{
	static const char *const states[] = { "ticket", "none", NULL };
	struct bring_ticket *out = ticket;
	int state = 0;

	if (json_enum(o, "state", JSON_MUST, states, &state, err) < 0)
		return -1;
	out->given = state == 0;
	if ((out->given ? read_ticket(o, out, err) : read_reason(o, out, err)) < 0)
		return -1;
	return json_obj_end(o, err);
}

int bring_ticket_read(const char *text, size_t len, struct bring_ticket *out, struct err *err)
{
	*out = (struct bring_ticket){ 0 };
	if (json_read(text, len, read_all, out, err) == 0)
		return 0;
	bring_ticket_free(out);
	return -1;
}

void bring_ticket_free(struct bring_ticket *t)
{
	free(t->reason);
	explicit_bzero(t, sizeof(*t));
}
