/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cast_send.h"

#include "base/mem.h"
#include "cast/layout.h"
#include "cmd/audit_here.h"
#include "cmd/commands.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define GATHER_S 5
#define GATHER_ALL_S 300 /* with --receivers */
#define WAIT_S 30
#define STOP_NS (2 * NS_PER_S) /* so long receivers may say how they leave after Ctrl-C */
#define ANY_NUMBER 65535

/* --- what cast/tx.h asks for --- */

static const uint8_t *source_chunk(void *ctx, uint32_t chunk, uint8_t *scratch, struct err *err)
{
	struct cast_send *s = ctx;

	return file_chunk(s->file, chunk, scratch, err);
}

static int source_digest(void *ctx, uint32_t chunk, struct digest *out, struct err *err)
{
	struct cast_send *s = ctx;

	return file_digest(s->file, chunk, out, err);
}

static int source_sign(void *ctx, const uint8_t *data, size_t len, uint8_t signature[64], struct err *err)
{
	struct cast_send *s = ctx;

	return sign_bytes(&s->keys.sign, data, len, signature, err);
}

static int open_tx(struct cast_send *s, struct err *err)
{
	struct tx_opts opts = { .layout = file_layout(s->file),
				.session = &s->session,
				.source = { .chunk = source_chunk, .digest = source_digest, .sign = source_sign, .ctx = s },
				.expected = s->receivers   ? (uint32_t)s->receivers
					    : s->gather_ns ? ANY_NUMBER
							   : 0,
				.gather_ns = s->gather_ns,
				.empty_ns = s->wait_ns,
				.rate_max = s->rate_bytes };

	snprintf(opts.interface, sizeof(opts.interface), "%s", s->place.interface);
	s->opened_ns = clock_now_ns();
	if (tx_open(&opts, &s->tx, err) < 0)
		return -1;
	/* The port is at the same place in both families. */
	((struct sockaddr_in *)&s->session.sender)->sin_port = htons(tx_port(s->tx));
	((struct sockaddr_in *)&s->session.sender2)->sin_port = htons(tx_port(s->tx));
	return 0;
}

/* --- what cast/desk.h asks for --- */

/* A cast ends by itself when nobody comes; but the first one may come in an hour. So its time begins with him. */
static int run_now(struct cast_send *s, struct err *err)
{
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	if (!atomic_load(&s->runs) && clock_now_ns() - s->opened_ns > NS_PER_S) {
		tx_close(s->tx);
		s->tx = NULL;
		rc = open_tx(s, err);
	}
	if (rc == 0)
		atomic_store(&s->runs, true);
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static int on_join(void *ctx, uint16_t number, const uint8_t own_key[SESSION_KEY], const uint8_t *have, struct err *err)
{
	struct cast_send *s = ctx;

	return run_now(s, err) < 0 ? -1 : tx_join(s->tx, number, own_key, have, err);
}

static void on_leave(void *ctx, uint16_t number, bool whole)
{
	struct cast_send *s = ctx;

	pthread_mutex_lock(&s->lock);
	if (atomic_load(&s->runs)) /* until then it may be opened anew, and knows nobody */
		tx_leave(s->tx, number, whole);
	pthread_mutex_unlock(&s->lock);
}

/* When the last of those that were expected has said how it went, nothing is waited for any more. */
void cast_send_changed(struct cast_send *s)
{
	struct desk_view view;
	struct tx_view tx;

	pthread_mutex_lock(&s->lock);
	if (!s->tx) {
		pthread_mutex_unlock(&s->lock);
		return;
	}
	tx_look(s->tx, &tx);
	pthread_mutex_unlock(&s->lock);
	s->ended_seconds = tx.seconds;
	desk_look(s->desk, &view);
	if (s->receivers && view.done + view.failed >= cast_send_awaited(s) && !view.waited_for)
		tx_stop(s->tx);
}

static void on_changed(void *ctx)
{
	cast_send_changed(ctx);
}

/* --- Ctrl-C --- */

static void on_stop(void *ctx)
{
	struct cast_send *s = ctx;

	desk_stop(s->desk, "the sender was stopped");
	if (s->to)
		cast_to_stop(s);
	pthread_mutex_lock(&s->lock);
	if (s->tx)
		tx_stop(s->tx);
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
}

/* --- begin --- */

static int read_options(struct cmd *c, struct cast_send *s, struct err *err)
{
	uint64_t gather = GATHER_S, wait = WAIT_S, rate = 0, port = 0;

	if (cmd_option_u64(c, "receivers", 1, DESK_RECEIVERS_MAX, &s->receivers, err) < 0)
		return -1;
	if (s->receivers && !cmd_option(c, "to"))
		gather = GATHER_ALL_S;
	if (cmd_option_u64(c, "gather", 0, 86400, &gather, err) < 0 || cmd_option_u64(c, "wait", 0, 86400, &wait, err) < 0 ||
	    cmd_option_u64(c, "rate", 1, 1000000, &rate, err) < 0 || cmd_option_u64(c, "port", 1, 65535, &port, err) < 0)
		return -1;
	s->token_file = cmd_option(c, "token-file");
	s->gather_ns = (int64_t)gather * NS_PER_S;
	s->wait_ns = (int64_t)wait * NS_PER_S;
	s->rate_bytes = rate * 125000;
	s->port = (uint16_t)port;
	return cast_to_read(c, s, err);
}

static int choose_place(const struct cmd *c, struct cast_send *s, bool six, struct err *err)
{
	const char *interface = cmd_option(c, "interface"), *address = cmd_option(c, "address");

	if (s->to && !interface && !address && !six)
		return cast_to_place(s, &s->place, err);
	return desk_place(interface, address, six, &s->place, err);
}

/* Jumbo packets where they are asked for: whoever does not get them fetches the file. */
static int choose_symbols(const struct cmd *c, struct cast_send *s, struct err *err)
{
	if (!cmd_flag(c, "jumbo"))
		return 0;
	if (!tx_takes_jumbo(s->place.interface)) {
		err_set(err, ERR_USAGE, "interface %s takes no packets of %d bytes", s->place.interface, TX_JUMBO_MTU);
		return err_hint(err, "set its MTU, and that of every switch and receiver, to %d; or leave out --jumbo",
				TX_JUMBO_MTU);
	}
	return file_symbols(s->file, LAYOUT_SYMBOL_JUMBO, err);
}

static int make_session(const struct cmd *c, struct cast_send *s, struct err *err)
{
	const char *address = cmd_option(c, "address");
	bool six = cmd_flag(c, "ipv6") || (address && strchr(address, ':'));

	if (choose_place(c, s, six, err) < 0 || desk_group(cmd_option(c, "group"), six, &s->session.group, err) < 0 ||
	    choose_symbols(c, s, err) < 0)
		return -1;
	if (c->plan)
		return 0;
	if (desk_keys_make(s->place.address, &s->keys, err) < 0)
		return -1;
	s->session.sender = s->place.addr;
	desk_ways(&s->place, &s->session);
	/* Reports come to the port that tickets are asked for at: one number for a firewall. */
	((struct sockaddr_in *)&s->session.sender)->sin_port = htons(s->port);
	s->session.symbol_bytes = file_facts(s->file)->symbol_bytes;
	random_bytes(&s->session.cast, sizeof(s->session.cast));
	random_bytes(s->session.group_key, SESSION_KEY);
	memcpy(s->session.sign_public, s->keys.sign.public, SESSION_SIGN_PUBLIC);
	return 0;
}

static int open_cast(struct cast_send *s, struct err *err)
{
	struct desk_opts desk = { .address = s->place.address,
				  .port = s->port,
				  .file = s->file,
				  .session = &s->session,
				  .keys = &s->keys,
				  .join = on_join,
				  .leave = on_leave,
				  .changed = on_changed,
				  .ctx = s };

	return open_tx(s, err) < 0 ? -1 : desk_open(&desk, &s->desk, err);
}

static int give_token(const struct cmd *c, struct cast_send *s, struct err *err)
{
	struct token token;
	struct buf text = { 0 };
	int rc = 0;

	desk_token(s->desk, &token);
	if (s->to) {
		rc = cast_to_begin(s, &token, err);
		token_clear(&token);
		return rc;
	}
	token_write(&token, &text);
	token_clear(&token);
	if (s->token_file) {
		buf_addc(&text, '\n');
		rc = fs_write_atomic(s->token_file, text.data, text.len, 0600, err);
		if (rc == 0)
			cmd_say(c, "the token is in %s", s->token_file);
	} else if (c->json) {
		printf("{\"token\":\"%s\"}\n", text.data);
	} else {
		printf("%s\n", text.data);
	}
	fflush(stdout);
	explicit_bzero(text.data, text.cap);
	buf_free(&text);
	return rc;
}

static void print_plan(const struct cmd *c, const struct cast_send *s)
{
	autoclean(plan_free) struct plan plan = { 0 };
	char size[STR_BYTES_MAX], group[INET6_ADDRSTRLEN] = "", port[sizeof("TCP port 65535")] = "a free port";
	const struct sockaddr_storage *g = &s->session.group;

	str_from_bytes(file_facts(s->file)->size_bytes, size);
	inet_ntop(g->ss_family,
		  g->ss_family == AF_INET6 ? (const void *)&((const struct sockaddr_in6 *)g)->sin6_addr
					   : (const void *)&((const struct sockaddr_in *)g)->sin_addr,
		  group, sizeof(group));
	if (s->port)
		snprintf(port, sizeof(port), "TCP port %u", s->port);
	plan_add(&plan, 0, PLAN_READS, "desk",
		 str_format("give tickets at %s, %s, to whoever shows the token", s->place.address, port), NULL, NULL);
	if (s->to)
		cast_to_plan(s, &plan);
	plan_add(&plan, 1, PLAN_READS, "send",
		 str_format("send %s (%s) from %s by %s to a group like %s, encrypted", file_facts(s->file)->name, size,
			    s->place.address, s->place.interface, group),
		 NULL, NULL);
	cmd_print_plan(c, &plan);
}

/* --- run --- */

/* Two for each receiver that fetches: its connection, and the file. One for each pack of an image. */
static void raise_limits(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return;
	l.rlim_cur = l.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &l) < 0)
		log_debug("cast", "the limit of open files stays as it is");
}

/* False: it was stopped before. */
static bool wait_for_the_first(struct cast_send *s)
{
	bool came;

	pthread_mutex_lock(&s->lock);
	while (!atomic_load(&s->runs) && s->tx && !atomic_load(&s->watch.stopped) && !(s->to && atomic_load(&s->to->fleet.over)))
		pthread_cond_wait(&s->more, &s->lock);
	came = atomic_load(&s->runs) || !s->tx;
	pthread_mutex_unlock(&s->lock);
	return came;
}

/* The cast, and then until everybody said how it went. */
static int run(struct cast_send *s, struct err *err)
{
	int rc;

	if (!wait_for_the_first(s)) {
		cast_to_wait(s);
		return 0;
	}
	rc = s->tx ? tx_run(s->tx, err) : err_set(err, ERR_FAILED, "the sockets of the cast could not be opened again");
	if (rc == 0 && !atomic_load(&s->watch.stopped))
		rc = file_check(s->file, err);
	s->over_ns = clock_now_ns();
	s->over = true;
	if (rc < 0)
		desk_stop(s->desk, err->text);
	s->desk_waits = true;
	desk_wait(s->desk, s->wait_ns, s->to ? 0 : STOP_NS);
	s->desk_waits = false;
	cast_to_wait(s);
	return rc;
}

static int send_file(struct cmd *c, struct cast_send *s, struct err *err)
{
	int rc;

	if (open_cast(s, err) < 0)
		return -1;
	s->watch.tick = cast_send_tick;
	s->watch.stop = on_stop;
	s->watch.ctx = s;
	if ((!s->to && give_token(c, s, err) < 0) || cast_watch_start(&s->watch, c, err) < 0)
		return -1;
	rc = s->to ? give_token(c, s, err) : 0;
	if (rc == 0)
		rc = run(s, err);
	cast_watch_end(&s->watch);
	return rc < 0 ? -1 : cast_send_result(c, s, err);
}

static void clear(struct cast_send *s)
{
	cast_watch_end(&s->watch);
	cast_to_free(s->to);
	desk_close(s->desk);
	if (s->tx)
		tx_close(s->tx);
	file_close(s->file);
	cast_send_source_close(s);
	pthread_cond_destroy(&s->more);
	pthread_mutex_destroy(&s->lock);
	desk_keys_clear(&s->keys);
	explicit_bzero(&s->session, sizeof(s->session));
}

static int run_command(struct cmd *c, struct err *err)
{
	autoclean(clear) struct cast_send s = { .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

	raise_limits();
	c->json_lines = true;
	if (cmd_args(c, 1, 1, err) < 0 || cast_send_source(c, &s, err) < 0 || read_options(c, &s, err) < 0 ||
	    make_session(c, &s, err) < 0)
		return -1;
	if (c->plan) {
		print_plan(c, &s);
		return 0;
	}
	return send_file(c, &s, err);
}

/* Whoever writes files as root on nodes stands in the audit log. */
int cmd_cast_send(struct cmd *c, struct err *err)
{
	return cmd_option(c, "to") ? cmd_audited(c, run_command, err) : run_command(c, err);
}
