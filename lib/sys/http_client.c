/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/http_client.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "sys/clock.h"
#include "sys/keys_spki.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_TIMEOUT_NS (60 * NS_PER_S)
#define DEFAULT_CONNECT_NS (5 * NS_PER_S)
#define DEFAULT_MAX_BODY ((size_t)16 << 20)

struct http_client {
	CURL *curl;
	char *unix_socket, *base_url, *ca_file, *client_cert, *client_key, *bearer, *user, *password;
	char pin[SPKI_PIN_LEN]; /* "": none */
	bool look;
	int64_t timeout_ns, connect_timeout_ns;
};

/* One request under way. */
struct flight {
	const struct http_request *req;
	struct http_reply *reply;
	CURL *curl;
	size_t max_body, got;
	struct err *err;
	bool stopped; /* err was set by us: the reason is ours, not libcurl's */
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void curl_start(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static char *dup_or_null(const char *s)
{
	return s ? mem_strdup(s) : NULL;
}

/* Whom to trust is said in exactly one way; where nobody is trusted, nothing secret is sent. */
static int check_trust(const struct http_client_opts *opts, struct digest *pin, struct err *err)
{
	int ways = (opts->unix_socket != NULL) + (opts->ca_file != NULL) + (opts->pin != NULL) + opts->look;

	if (!ways)
		return err_set(err, ERR_USAGE, "%s: a CA certificate must be named; no other is trusted", opts->base_url);
	if (!opts->unix_socket && !str_starts(opts->base_url, "https://"))
		return err_set(err, ERR_USAGE, "%s: only https is spoken over a network", opts->base_url);
	if ((opts->pin || opts->look) && ways > 1)
		return err_set(err, ERR_USAGE, "%s: a key and a CA to trust exclude each other", opts->base_url);
	if (opts->look && (opts->bearer || opts->user || opts->client_key))
		return err_set(err, ERR_USAGE, "%s: nothing secret goes to a server that is not trusted yet", opts->base_url);
	return opts->pin ? str_unhex(opts->pin, pin->bytes, sizeof(pin->bytes), err) : 0;
}

int http_client_new(const struct http_client_opts *opts, struct http_client **out, struct err *err)
{
	struct http_client *c;
	struct digest pin;

	pthread_once(&curl_once, curl_start);
	if (check_trust(opts, &pin, err) < 0)
		return -1;
	c = mem_zalloc(sizeof(*c));
	c->curl = curl_easy_init();
	if (!c->curl) {
		free(c);
		return err_set(err, ERR_FAILED, "libcurl cannot be used on this machine");
	}
	c->unix_socket = dup_or_null(opts->unix_socket);
	c->base_url = mem_strdup(opts->base_url);
	c->ca_file = dup_or_null(opts->ca_file);
	c->client_cert = dup_or_null(opts->client_cert);
	c->client_key = dup_or_null(opts->client_key);
	c->bearer = dup_or_null(opts->bearer);
	c->user = dup_or_null(opts->user);
	c->password = dup_or_null(opts->password);
	c->look = opts->look;
	if (opts->pin)
		spki_pin(&pin, c->pin);
	c->timeout_ns = opts->timeout_ns ? opts->timeout_ns : DEFAULT_TIMEOUT_NS;
	c->connect_timeout_ns = opts->connect_timeout_ns ? opts->connect_timeout_ns : DEFAULT_CONNECT_NS;
	*out = c;
	return 0;
}

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

void http_client_set_bearer(struct http_client *c, const char *token)
{
	wipe(&c->bearer);
	c->bearer = dup_or_null(token);
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	wipe(&c->bearer);
	wipe(&c->password);
	curl_easy_cleanup(c->curl);
	free(c->user);
	free(c->unix_socket);
	free(c->base_url);
	free(c->ca_file);
	free(c->client_cert);
	free(c->client_key);
	free(c);
}

void http_reply_free(struct http_reply *r)
{
	buf_free(&r->body);
}

static size_t on_body(char *data, size_t one, size_t len, void *ctx)
{
	struct flight *f = ctx;
	long status = 0;

	len *= one;
	curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
	if (len > f->max_body - f->got) {
		f->stopped = true;
		err_set(f->err, ERR_FAILED, "the answer is longer than %zu bytes", f->max_body);
		return 0;
	}
	f->got += len;
	/* The words of an error are for us, not for the sink that waits for a file. */
	if (f->req->sink && status >= 200 && status < 300) {
		if (f->req->sink(f->req->ctx, data, len, f->err) < 0) {
			f->stopped = true;
			return 0;
		}
		return len;
	}
	buf_add(&f->reply->body, data, len);
	return len;
}

static size_t on_header(char *data, size_t one, size_t len, void *ctx)
{
	static const char name[] = "etag:";
	struct flight *f = ctx;
	size_t from = sizeof(name) - 1, n;

	len *= one;
	if (len <= from || strncasecmp(data, name, from) != 0)
		return len;
	while (from < len && (data[from] == ' ' || data[from] == '\t'))
		from++;
	n = len - from;
	while (n && (data[from + n - 1] == '\r' || data[from + n - 1] == '\n'))
		n--;
	if (n < sizeof(f->reply->etag)) {
		memcpy(f->reply->etag, data + from, n);
		f->reply->etag[n] = '\0';
	}
	return len;
}

static void add_header(struct curl_slist **list, const char *name, const char *value)
{
	autofree char *line = str_format("%s: %s", name, value);
	struct curl_slist *more = curl_slist_append(*list, line);

	explicit_bzero(line, strlen(line)); /* may hold the token */
	if (!more)
		abort();
	*list = more;
}

/* Where to and whom to trust. libcurl copies strings. */
static void set_peer(const struct http_client *c, const char *url)
{
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(c->connect_timeout_ns / NS_PER_MS));
	if (c->unix_socket) {
		curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->unix_socket);
		return;
	}
	curl_easy_setopt(c->curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c->curl, CURLOPT_CAPATH, NULL);
	if (c->ca_file) {
		curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYPEER, 1L);
		curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYHOST, 2L);
		curl_easy_setopt(c->curl, CURLOPT_CAINFO, c->ca_file);
	} else {
		/* The key is all that is trusted, or nothing is yet: then nothing but a question goes there. */
		curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c->curl, CURLOPT_SSL_VERIFYHOST, 0L);
		curl_easy_setopt(c->curl, CURLOPT_CERTINFO, 1L);
		if (c->pin[0])
			curl_easy_setopt(c->curl, CURLOPT_PINNEDPUBLICKEY, c->pin);
	}
	if (c->user) {
		curl_easy_setopt(c->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(c->curl, CURLOPT_USERNAME, c->user);
		curl_easy_setopt(c->curl, CURLOPT_PASSWORD, c->password ? c->password : "");
	}
	if (c->client_cert)
		curl_easy_setopt(c->curl, CURLOPT_SSLCERT, c->client_cert);
	if (c->client_key)
		curl_easy_setopt(c->curl, CURLOPT_SSLKEY, c->client_key);
}

/* libcurl asks about once a second, whatever comes or does not. */
static int on_progress(void *ctx, curl_off_t down_all, curl_off_t down, curl_off_t up_all, curl_off_t up)
{
	const atomic_bool *stop = ctx;

	(void)down_all, (void)down, (void)up_all, (void)up;
	return atomic_load(stop);
}

static struct curl_slist *set_request(const struct http_client *c, struct flight *f)
{
	const struct http_request *req = f->req;
	int64_t timeout_ns = req->timeout_ns ? req->timeout_ns : c->timeout_ns;
	struct curl_slist *headers = NULL;

	if (c->bearer) {
		autofree char *value = str_format("Bearer %s", c->bearer);

		add_header(&headers, "Authorization", value);
		explicit_bzero(value, strlen(value));
	}
	if (req->if_match)
		add_header(&headers, "If-Match", req->if_match);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, (long)(timeout_ns / NS_PER_MS));
	if (req->stop) {
		curl_easy_setopt(c->curl, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(c->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
		curl_easy_setopt(c->curl, CURLOPT_XFERINFODATA, (void *)(uintptr_t)req->stop);
	}
	if (str_eq(req->method, "HEAD"))
		curl_easy_setopt(c->curl, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, req->method);
	if (req->body) {
		add_header(&headers, "Content-Type", req->content_type ? req->content_type : "application/json");
		curl_easy_setopt(c->curl, CURLOPT_POST, 1L);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body_len);
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, req->body);
		curl_easy_setopt(c->curl, CURLOPT_CUSTOMREQUEST, req->method);
	}
	if (req->range_first || req->range_last) {
		autofree char *range =
			str_format("%llu-%llu", (unsigned long long)req->range_first, (unsigned long long)req->range_last);

		curl_easy_setopt(c->curl, CURLOPT_RANGE, range);
	}
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, f);
	curl_easy_setopt(c->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c->curl, CURLOPT_HEADERDATA, f);
	return headers;
}

/* The key that the server showed, of the certificate that libcurl keeps as PEM in its list "Cert". */
static void take_pin(const struct http_client *c, struct http_reply *reply)
{
	struct curl_certinfo *info = NULL;
	struct err ignored = { 0 };
	struct digest spki;

	if (!c->look || curl_easy_getinfo(c->curl, CURLINFO_CERTINFO, &info) != CURLE_OK || !info || info->num_of_certs < 1)
		return;
	for (const struct curl_slist *s = info->certinfo[0]; s; s = s->next)
		if (str_starts(s->data, "Cert:") && spki_of_certificate(s->data + 5, strlen(s->data + 5), &spki, &ignored) == 0)
			digest_hex(&spki, reply->pin);
}

static int explain(const struct http_client *c, CURLcode rc, const char *words, struct err *err)
{
	const char *where = c->unix_socket ? c->unix_socket : c->base_url;

	if (rc == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
		return err_set(err, ERR_REFUSED, "%s has another public key than the one that is trusted", where);

	if (c->unix_socket && rc == CURLE_COULDNT_CONNECT) {
		err_set(err, ERR_FAILED, "orthrusd does not answer on %s", where);
		return err_hint(err, "is it running? systemctl status orthrusd");
	}
	if (rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST) {
		err_set(err, ERR_FAILED, "cannot reach %s: %s", where, words[0] ? words : curl_easy_strerror(rc));
		return rc == CURLE_COULDNT_CONNECT ? err_hint(err, "see whether orthrusd runs there and nothing filters its port")
						   : err_hint(err, "see whether the name is right; an address works without DNS");
	}
	err_set(err, ERR_FAILED, "no whole answer from %s: %s", where, words[0] ? words : curl_easy_strerror(rc));
	if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE)
		return err_hint(err, "this machine trusts only the CA in %s: another cluster's head, or an old copy of the CA?",
				c->ca_file ? c->ca_file : "(none)");
	return -1;
}

int http_send(struct http_client *c, const struct http_request *req, struct http_reply *reply, struct err *err)
{
	autofree char *url = str_format("%s%s", c->base_url, req->path);
	struct flight f = { .req = req, .reply = reply, .curl = c->curl, .err = err };
	char words[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers;
	long status = 0;
	CURLcode rc;

	f.max_body = req->max_body ? req->max_body : DEFAULT_MAX_BODY;
	buf_clear(&reply->body);
	reply->status = 0;
	reply->etag[0] = '\0';
	reply->pin[0] = '\0';
	reply->nobody = false;
	curl_easy_reset(c->curl); /* keeps the connection, forgets the last request's options */
	set_peer(c, url);
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, words);
	headers = set_request(c, &f);
	rc = curl_easy_perform(c->curl);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	take_pin(c, reply);
	if (f.stopped)
		return err_wrap(err, "%s %s", req->method, req->path);
	reply->nobody = rc == CURLE_COULDNT_CONNECT;
	if (rc != CURLE_OK)
		return explain(c, rc, words, err);
	reply->status = (int)status;
	return 0;
}

/* {"error":{"kind","text","hint"}}; anything else is not from us and is shown as it is. */
static int read_error(const struct http_reply *r, struct err *out)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autofree char *kind = NULL;
	autofree char *text = NULL;
	autofree char *hint = NULL;
	struct json_obj root, e;
	struct err bad = { 0 };

	if (json_parse(buf_str(&r->body), r->body.len, &doc, &bad) < 0 || json_root_obj(&doc, &root, &bad) < 0 ||
	    json_obj(&root, "error", JSON_MUST, &e, &bad) < 0 || json_str(&e, "kind", JSON_MUST, &kind, &bad) < 0 ||
	    json_str(&e, "text", JSON_MUST, &text, &bad) < 0 || json_str(&e, "hint", JSON_MAY, &hint, &bad) < 0)
		return -1;
	err_set(out, err_kind_of(kind), "%s", text);
	if (hint)
		err_hint(out, "%s", hint);
	return 0;
}

int http_reply_ok(const struct http_reply *r, struct err *err)
{
	autofree char *words = NULL;

	if (r->status >= 200 && r->status < 300)
		return 0;
	if (read_error(r, err) == 0)
		return -1;
	words = str_printable(buf_str(&r->body), r->body.len < 200 ? r->body.len : 200);
	return err_set(err, ERR_FAILED, "the server answered HTTP %d: %s", r->status, words[0] ? words : "(nothing)");
}
