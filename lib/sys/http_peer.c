/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is at the other end of a connection of the HTTP server. */
#include "base/mem.h"
#include "base/str.h"
#include "sys/clock.h"
#include "sys/http_call.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <string.h>
#include <unistd.h>

#define DN_MAX 65 /* of X.520, with NUL */

static void set_who(struct http_call *call, char *who)
{
	free(call->who);
	call->who = who;
}

/* What the certificate says of its holder, and the SHA-256 of its key. */
struct holder {
	char unit[DN_MAX], name[DN_MAX];
	struct digest spki;
};

static bool read_holder(gnutls_x509_crt_t crt, const gnutls_datum_t *der, struct holder *out)
{
	size_t unit = sizeof(out->unit), name = sizeof(out->name), spki = sizeof(out->spki.bytes);

	return gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER) == 0 &&
	       gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, 0, 0, out->unit, &unit) == 0 &&
	       gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, out->name, &name) == 0 &&
	       strlen(out->name) == name && /* a NUL byte in it would cut it */
	       gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, out->spki.bytes, &spki) == 0 &&
	       spki == sizeof(out->spki.bytes);
}

/* Signed by our CA for clients, and good now. */
static bool certificate(gnutls_session_t session, struct holder *out)
{
	gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
					  .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT };
	unsigned int status = ~0U, n = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
	gnutls_x509_crt_t crt;
	bool whole;

	/* Every certificate begins in 1970, for machines whose clock lost its battery. A head's that did can't say which are
	 * over. */
	if (clock_wall_s() < CLOCK_FLOOR_S)
		return false;
	if (!chain || n == 0 || gnutls_certificate_verify_peers(session, &purpose, 1, &status) != 0 || status != 0)
		return false;
	if (gnutls_x509_crt_init(&crt) < 0)
		return false;
	whole = read_holder(crt, &chain[0], out);
	gnutls_x509_crt_deinit(crt);
	return whole;
}

static bool tls_peer_may(gnutls_session_t session, enum http_who who, struct http_call *call)
{
	struct holder holder = { 0 };

	if (!certificate(session, &holder) || !str_eq(holder.unit, who == HTTP_NODE ? "node" : "admin"))
		return false;
	set_who(call, str_format("%s %s", who == HTTP_NODE ? "node" : "certificate", holder.name));
	if (who == HTTP_NODE) {
		free(call->node);
		call->node = mem_strdup(holder.name);
		call->spki = holder.spki;
	}
	return true;
}

static bool unix_peer_is_admin(int fd, struct http_call *call)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || len != sizeof(cred))
		return false;
	set_who(call, str_format("uid %u", cred.uid));
	return cred.uid == 0 || cred.uid == geteuid();
}

bool http_peer_may(struct MHD_Connection *c, bool over_unix, enum http_who who, struct http_call *call)
{
	const union MHD_ConnectionInfo *info;

	if (who == HTTP_ANYBODY)
		return true;
	if (over_unix) {
		info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
		return who == HTTP_ADMIN && info && unix_peer_is_admin(info->connect_fd, call);
	}
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	return info && info->tls_session && tls_peer_may(info->tls_session, who, call);
}

/* A socket of both families shows an IPv4 address as ::ffff:10.0.0.1; it is still the same machine. */
static void print_in6(const struct in6_addr *a, char text[INET6_ADDRSTRLEN])
{
	if (IN6_IS_ADDR_V4MAPPED(a))
		inet_ntop(AF_INET, a->s6_addr + 12, text, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, a, text, INET6_ADDRSTRLEN);
}

char *http_peer_address(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	char text[INET6_ADDRSTRLEN] = "unknown";

	if (info && info->client_addr && info->client_addr->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)info->client_addr)->sin_addr, text, sizeof(text));
	else if (info && info->client_addr && info->client_addr->sa_family == AF_INET6)
		print_in6(&((const struct sockaddr_in6 *)(const void *)info->client_addr)->sin6_addr, text);
	return mem_strdup(text);
}
