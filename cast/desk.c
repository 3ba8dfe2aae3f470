/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cast/desk.h"

#include "base/mem.h"
#include "base/str.h"
#include "cast/desk_priv.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/http_server.h"
#include "sys/keys_spki.h"
#include "sys/keys_x509.h"
#include "sys/threads.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CERT_DAYS 30
#define CONNECTIONS 8192
#define WORKERS 4

/* --- a private directory, in memory where there is one --- */

static int make_dir(char **dir, struct err *err)
{
	const char *tmp = getenv("TMPDIR");

	*dir = str_format("/dev/shm/orthrus-cast.XXXXXX");
	if (mkdtemp(*dir))
		return 0;
	free(*dir);
	*dir = str_format("%s/orthrus-cast.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (mkdtemp(*dir))
		return 0;
	free(*dir);
	*dir = NULL;
	return err_errno(err, errno, "make a temporary directory");
}

static void remove_dir(char **dir)
{
	struct err ignored = { 0 };

	if (*dir && fs_remove_tree(*dir, &ignored) < 0)
		ignored.kind = ERR_NONE;
	free(*dir);
	*dir = NULL;
}

/* --- keys --- */

void desk_keys_clear(struct desk_keys *k)
{
	sign_key_clear(&k->sign);
	if (k->key.data)
		explicit_bzero(k->key.data, k->key.cap);
	buf_free(&k->key);
	buf_free(&k->crt);
	explicit_bzero(k, sizeof(*k));
}

int desk_keys_make(const char *address, struct desk_keys *out, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 }, addrs = { 0 };
	struct x509_spec spec = { .use = X509_USE_SERVER, .name = "orthrus cast", .names = &names, .addrs = &addrs };

	*out = (struct desk_keys){ 0 };
	str_list_add(&addrs, address);
	spec.wall_s = clock_wall_s();
	spec.days = CERT_DAYS;
	random_bytes(out->secret, sizeof(out->secret));
	if (sign_key_make(&out->sign, err) == 0 && x509_key_make(&out->key, err) == 0 &&
	    x509_issue(&spec, &out->key, NULL, NULL, &out->crt, err) == 0 &&
	    spki_of_certificate(buf_str(&out->crt), out->crt.len, &out->pin, err) == 0)
		return 0;
	desk_keys_clear(out);
	return err_wrap(err, "make the keys of a cast");
}

/* --- the server --- */

static int listen_there(struct desk *d, struct err *err)
{
	autoclean(remove_dir) char *dir = NULL;
	autofree char *crt = NULL, *key = NULL, *listen = NULL;
	bool six = strchr(d->opts.address, ':') != NULL;
	struct http_tls tls;

	if (make_dir(&dir, err) < 0)
		return -1;
	crt = fs_join(dir, "server.crt");
	key = fs_join(dir, "server.key");
	listen = str_format("%s%s%s:%u", six ? "[" : "", d->opts.address, six ? "]" : "", d->opts.port);
	tls = (struct http_tls){ .listen = listen, .crt = crt, .key = key, .ca = crt };
	if (fs_write_atomic(key, d->opts.keys->key.data, d->opts.keys->key.len, 0600, err) < 0 ||
	    fs_write_atomic(crt, d->opts.keys->crt.data, d->opts.keys->crt.len, 0600, err) < 0 ||
	    http_server_tls(d->server, &tls, err) < 0)
		return -1;
	d->port = (uint16_t)http_server_port(d->server);
	return 0;
}

int desk_open(const struct desk_opts *opts, struct desk **out, struct err *err)
{
	struct desk *d = mem_zalloc(sizeof(*d));
	struct http_server_opts server = {
		.ctx = d, .workers = WORKERS, .max_connections = CONNECTIONS, .takes_body = desk_takes_body
	};
	char secret[TOKEN_BEARER_LEN];

	d->opts = *opts;
	pthread_mutex_init(&d->lock, NULL);
	thread_cond_init(&d->more);
	str_hex(opts->keys->secret, TOKEN_SECRET, secret);
	digest_of(secret, strlen(secret), &d->secret);
	explicit_bzero(secret, sizeof(secret));
	server.routes = desk_routes(&server.n_routes);
	if (http_server_new(&server, &d->server, err) < 0 || listen_there(d, err) < 0) {
		desk_close(d);
		return -1;
	}
	*out = d;
	return 0;
}

void desk_token(const struct desk *d, struct token *out)
{
	*out = (struct token){ .port = d->port, .pin = d->opts.keys->pin };
	snprintf(out->host, sizeof(out->host), "%s", d->opts.address);
	memcpy(out->secret, d->opts.keys->secret, TOKEN_SECRET);
}

void desk_stop(struct desk *d, const char *why)
{
	pthread_mutex_lock(&d->lock);
	if (!d->stopped_ns) {
		d->stopped_ns = clock_now_ns();
		d->why = mem_strdup(why);
		pthread_cond_broadcast(&d->more);
	}
	pthread_mutex_unlock(&d->lock);
}

void desk_close(struct desk *d)
{
	if (!d)
		return;
	http_server_stop(d->server);
	for (size_t i = 0; i < d->n_rows; i++) {
		desk_guest_clear(&d->rows[i].pub);
		explicit_bzero(&d->rows[i], sizeof(d->rows[i]));
	}
	pthread_cond_destroy(&d->more);
	pthread_mutex_destroy(&d->lock);
	free(d->rows);
	free(d->why);
	free(d);
}
