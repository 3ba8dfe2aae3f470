/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is at the other end of a connection of the HTTP server. */
#include "base/mem.h"
#include "base/str.h"
#include "sys/http_call.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static bool certificate_says_admin(gnutls_session_t session, char **who)
{
	gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
					  .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT };
	unsigned int status = ~0U, n = 0;
	const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &n);
	char unit[65] = "", name[65] = "";
	size_t unit_len = sizeof(unit), name_len = sizeof(name);
	gnutls_x509_crt_t crt;
	bool admin;

	if (!chain || n == 0 || gnutls_certificate_verify_peers(session, &purpose, 1, &status) != 0 || status != 0)
		return false;
	if (gnutls_x509_crt_init(&crt) < 0)
		return false;
	admin = gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) == 0 &&
		gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_ORGANIZATIONAL_UNIT_NAME, 0, 0, unit, &unit_len) == 0 &&
		gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &name_len) == 0 &&
		str_eq(unit, "admin");
	gnutls_x509_crt_deinit(crt);
	if (admin) {
		free(*who);
		*who = str_format("certificate %s", name);
	}
	return admin;
}

static bool unix_peer_is_admin(int fd, char **who)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || len != sizeof(cred))
		return false;
	free(*who);
	*who = str_format("uid %u", cred.uid);
	return cred.uid == 0 || cred.uid == geteuid();
}

bool http_peer_is_admin(struct MHD_Connection *c, bool over_unix, char **who)
{
	const union MHD_ConnectionInfo *info;

	if (over_unix) {
		info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
		return info && unix_peer_is_admin(info->connect_fd, who);
	}
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	return info && info->tls_session && certificate_says_admin(info->tls_session, who);
}

char *http_peer_address(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	char text[INET6_ADDRSTRLEN] = "unknown";

	if (info && info->client_addr && info->client_addr->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)info->client_addr)->sin_addr, text, sizeof(text));
	else if (info && info->client_addr && info->client_addr->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)info->client_addr)->sin6_addr, text,
			  sizeof(text));
	return mem_strdup(text);
}
