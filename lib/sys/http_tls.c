/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The TLS listener of the HTTP server: its certificate and its address change while the connections that are open live on. */
#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"
#include "sys/http_call.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <string.h>
#include <unistd.h>

#define PEM_MAX 65536
#define RETIRED_MAX 8

static int read_pem(const char *path, struct buf *out, struct err *err)
{
	if (out->data)
		explicit_bzero(out->data, out->cap);
	buf_clear(out);
	return fs_read(path, PEM_MAX, out, err);
}

/* What is shown to those who connect, each with its length in front. */
static void digest_pems(const struct http_server *s, struct digest *out)
{
	const struct buf *pems[] = { &s->crt, &s->key, &s->ca };
	struct digest_ctx *ctx = digest_new();

	for (size_t i = 0; i < ARRAY_LEN(pems); i++) {
		digest_add(ctx, &pems[i]->len, sizeof(pems[i]->len));
		digest_add(ctx, pems[i]->data, pems[i]->len);
	}
	digest_end(ctx, out);
}

void http_tls_sweep(struct http_server *s, bool all)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_retired; i++) {
		const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->retired[i], MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

		if (all || !info || info->num_connections == 0)
			MHD_stop_daemon(s->retired[i]);
		else
			s->retired[kept++] = s->retired[i];
	}
	s->n_retired = kept;
}

/* Takes no more connections; those it has end by themselves. Of more than RETIRED_MAX the oldest are asked to end: what is being
 * answered is sent, another question is not heard. They are stopped by a later sweep. */
static void retire(struct http_server *s, struct MHD_Daemon *old)
{
	int fd = MHD_quiesce_daemon(old);

	/* Its listening socket is a duplicate and is ours to close now. */
	if (fd >= 0)
		close(fd);
	s->retired = mem_room(s->retired, s->n_retired, &s->cap_retired, sizeof(struct MHD_Daemon *));
	s->retired[s->n_retired++] = old;
	for (size_t i = 0; i + RETIRED_MAX < s->n_retired; i++) {
		http_guests_leave(s->guests, s->retired[i]);
		http_queue_leave(s->queue, s->retired[i]);
	}
}

/* Another libmicrohttpd on this socket, beside the one that may be there. */
static int start(struct http_server *s, const struct http_tls *tls, int listen_fd, struct MHD_Daemon **out, struct err *err)
{
	autoclose int fd = fcntl(listen_fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return err_errno(err, errno, "duplicate a socket");
	*out = http_mhd_start(s, fd, true);
	if (!*out)
		return err_set(err, ERR_FAILED, "libmicrohttpd cannot serve %s with the certificate %s", tls->listen, tls->crt);
	(void)steal_fd(fd);
	return 0;
}

static int change(struct http_server *s, const struct http_tls *tls, struct err *err)
{
	bool same_place = s->tls_fd >= 0 && str_eq(s->listen, tls->listen);
	unsigned int port = s->port;
	autoclose int fresh_fd = -1;
	struct MHD_Daemon *fresh;
	struct digest shown;

	digest_pems(s, &shown);
	if (same_place && digest_cmp(&shown, &s->shown) == 0)
		return 0;
	if (!same_place) {
		/* The new one first: a port that is taken must not cost the one that is served. */
		fresh_fd = http_listen_tcp(tls->listen, &port, err);
		if (fresh_fd < 0)
			return -1;
	}
	if (start(s, tls, same_place ? s->tls_fd : fresh_fd, &fresh, err) < 0)
		return -1;
	if (s->tls_mhd)
		retire(s, s->tls_mhd);
	s->tls_mhd = fresh;
	s->shown = shown;
	if (!same_place) {
		if (s->tls_fd >= 0)
			close(s->tls_fd);
		s->tls_fd = steal_fd(fresh_fd);
		free(s->listen);
		s->listen = mem_strdup(tls->listen);
		s->port = port;
	}
	return 0;
}

int http_server_tls(struct http_server *s, const struct http_tls *tls, struct err *err)
{
	int rc = -1;

	http_tls_sweep(s, false);
	if (read_pem(tls->crt, &s->crt, err) == 0 && read_pem(tls->key, &s->key, err) == 0 && read_pem(tls->ca, &s->ca, err) == 0)
		rc = change(s, tls, err);
	if (s->key.data)
		explicit_bzero(s->key.data, s->key.cap);
	return rc;
}
