/* SPDX-License-Identifier: GPL-2.0-or-later */
/* orthrusd: the head's daemon. State, API, network boot. */
#include "base/mem.h"
#include "daemon/api.h"
#include "daemon/audit.h"
#include "daemon/cast.h"
#include "daemon/cast_child.h"
#include "daemon/change.h"
#include "daemon/console.h"
#include "daemon/guard_watch.h"
#include "daemon/helper_call.h"
#include "daemon/hooks.h"
#include "daemon/keys_check.h"
#include "daemon/options.h"
#include "daemon/parsed.h"
#include "daemon/power.h"
#include "daemon/privsep.h"
#include "daemon/querier_child.h"
#include "daemon/reconcile.h"
#include "daemon/secret_told.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/privilege.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define HOLD_CHANGES_S 5
#define SITE_MAX ((size_t)512 << 10)

static void print_routes(void)
{
	static const char *const who[] = { [HTTP_ANYBODY] = "anybody", [HTTP_ADMIN] = "admin", [HTTP_NODE] = "node" };
	size_t n;
	const struct http_route *routes = api_routes(&n);

	for (size_t i = 0; i < n; i++)
		printf("%s %s %s %s\n", routes[i].method, routes[i].pattern, who[routes[i].who],
		       routes[i].query ? routes[i].query : "-");
}

/* Made so by every version of today; one that is open all the same was copied, or came back from a backup. */
static int close_dirs(const struct daemon_paths *p, struct err *err)
{
	autofree char *consoles = fs_join(p->var_dir, "console"), *hooks = fs_join(p->var_dir, "hooks");
	const char *const dirs[] = { p->state_dir, p->pki_dir, consoles, hooks, p->diskless_dir };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (privilege_close_dir(dirs[i], 0700, 0, err) < 0)
			return -1;
	return 0;
}

static int make_dirs(const struct daemon_paths *p, int *lock, struct err *err)
{
	if (fs_mkdirs(p->run_dir, 0755, err) < 0 || fs_mkdirs(p->tftp_dir, 0755, err) < 0 ||
	    fs_mkdirs(p->var_dir, 0755, err) < 0 || fs_mkdirs(p->state_dir, 0700, err) < 0)
		return -1;
	if (close_dirs(p, err) < 0)
		return -1;
	*lock = fs_lock(p->lock, err);
	if (*lock < 0)
		return err->kind == ERR_CONFLICT ? err_set(err, ERR_CONFLICT, "another orthrusd runs here (it holds %s)", p->lock)
						 : -1;
	return 0;
}

/* 5,000 nodes that wait for orders are 5,000 connections. */
static void raise_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < l.rlim_max) {
		l.rlim_cur = l.rlim_max < 65536 ? l.rlim_max : 65536;
		if (setrlimit(RLIMIT_NOFILE, &l) < 0)
			log_warn("daemon", "cannot raise the limit of open files");
	}
}

/* --site: what a head that was never told anything starts with. */
static int first_site(struct daemon *d, const char *path, struct err *err)
{
	autoclean(site_free) struct site site = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(change_end) struct change c = { 0 };
	struct err none = { 0 };

	change_begin(&c, d);
	if (!path || daemon_site(d, &site, NULL, &none) == 0)
		return 0;
	if (none.kind != ERR_NOT_FOUND) {
		*err = none;
		return -1;
	}
	if (fs_read(path, SITE_MAX, &text, err) < 0 || site_read(buf_str(&text), text.len, path, &site, err) < 0)
		return err_wrap(err, "--site");
	change_put_key(&c, "site", &text);
	change_event(&c, EVENT_INFO, "site-applied", NULL, "the first site was applied from %s", path);
	return change_commit(&c, err);
}

/* Whoever damaged a key, or had a look at it, stands in the log by what followed. */
static int check_keys(struct daemon *d, struct err *err)
{
	if (clock_wall_s() < CLOCK_FLOOR_S)
		event_note(d, EVENT_ERROR, "clock-wrong", NULL,
			   "this head's clock is before 2026: no certificate is believed or issued until it is set (chronyc "
			   "makestep, "
			   "or date)");
	if (keys_check(d, err) == 0)
		return 0;
	audit_refused(d, "orthrusd", "local", "start", err);
	return -1;
}

static int start(struct daemon *d, const struct daemon_options *o, struct err *err)
{
	struct state_opts state = { .dir = d->paths.state_dir, .id = 1, .address = "127.0.0.1:8444" };
	struct http_server_opts http = { .ctx = d, .max_connections = 8192, .auditor = audit_of_http() };
	struct err late = { 0 };

	http.routes = api_routes(&http.n_routes);
	if (state_open(&state, &d->state, err) < 0)
		return err_wrap(err, "the cluster's state");
	if (event_start(d, err) < 0 || first_site(d, o->site, err) < 0 || http_server_new(&http, &d->http, err) < 0 ||
	    audit_start(d, &d->audit, err) < 0 || check_keys(d, err) < 0 || hooks_start(d, &d->hooks, err) < 0 ||
	    guard_watch_start(d, &d->guard, err) < 0 || casts_start(d, &d->casts, err) < 0 ||
	    reconcile_start(d, &d->reconcile, err) < 0 || power_start(d, &d->power, err) < 0 ||
	    consoles_start(d, &d->consoles, err) < 0)
		return -1;
	/* Before anybody can ask: an order that was done before a crash must not be found again by a netbooting node. */
	if (reconcile_wait(d->reconcile, &late) < 0)
		log_err("daemon", "network boot does not follow the state", &late);
	return http_server_unix(d->http, d->paths.socket, err);
}

/* Until told to end. Signals are blocked in all threads and taken here. */
static void serve(struct daemon *d, const sigset_t *signals)
{
	for (;;) {
		int sig = sigwaitinfo(signals, NULL);

		if (sig < 0)
			continue;
		if (sig != SIGHUP)
			return;
		log_info("daemon", "SIGHUP: looking at everything again");
		reconcile_kick(d->reconcile, true);
		hooks_wake(d->hooks);
	}
}

/* What a worker that cannot be waited for might write must be whole before the state is closed under it. */
static void hold_changes(struct daemon *d)
{
	struct timespec limit;

	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_sec += HOLD_CHANGES_S;
	if (pthread_mutex_clocklock(&d->change_lock, CLOCK_MONOTONIC, &limit) != 0)
		log_warn("daemon", "a change is still being written");
}

/* False: a worker goes on and uses what *d holds. */
static bool stop(struct daemon *d)
{
	bool all_ended;

	/* The listeners first: whoever was answered got what was promised. Then those who write, then the state. */
	http_server_close(d->http);
	all_ended = reconcile_stop(d->reconcile);
	all_ended &= power_stop(d->power);
	all_ended &= consoles_stop(d->consoles);
	all_ended &= casts_stop(d->casts);
	http_server_stop(d->http);
	guard_watch_stop(d->guard);
	hooks_stop(d->hooks);
	audit_stop(d->audit);
	if (!all_ended)
		hold_changes(d);
	if (d->state)
		state_close(d->state);
	return all_ended;
}

static int run(const struct daemon_options *o, const sigset_t *signals, struct err *err)
{
	struct daemon d = { .listen = o->listen, .no_dnsmasq = o->no_dnsmasq, .started_ns = clock_now_ns() };
	struct helper_call helper = { .socket = o->helper_socket, .fd = -1 };
	autoclose int lock = -1;
	int rc = 0;

	pthread_mutex_init(&d.change_lock, NULL);
	d.told = secret_told_new();
	d.nodes = parsed_new(&parsed_nodes);
	d.runs = parsed_new(&parsed_runs);
	daemon_paths_set(&d.paths, o->root, o->netboot_dir);
	raise_files();
	/* Before there is a thread, a listener or a key. */
	if (o->user)
		rc = privsep_split(&d.paths, o->root ? o->root : "/", o->user, !o->no_dnsmasq, &helper.fd, err);
	if (rc == 0)
		rc = privilege_hide_memory(err);
	if (o->user || o->helper_socket)
		d.helper = &helper;
	if (rc == 0)
		rc = make_dirs(&d.paths, &lock, err);
	if (rc == 0)
		rc = start(&d, o, err);
	if (rc == 0) {
		log_info("daemon", "orthrusd " ORTHRUS_VERSION " is ready at %s", d.paths.socket);
		sd_notify(0, "READY=1");
		serve(&d, signals);
		sd_notify(0, "STOPPING=1");
		log_info("daemon", "ending");
	}
	if (!stop(&d)) {
		/* Nothing may be freed under it, nor may exit handlers run: the end of the process ends it. */
		log_info("daemon", "ended while an imager was being made, or a BMC was asked; the next start goes on");
		_exit(rc == 0 ? 0 : err_exit_code(err->kind));
	}
	mac_index_free(&d.macs);
	certs_free(&d.certs);
	waiting_free(&d.waiting);
	hooks_free(d.hooks);
	secret_told_free(d.told);
	parsed_free(d.nodes);
	parsed_free(d.runs);
	helper_call_close(&helper);
	daemon_paths_free(&d.paths);
	pthread_mutex_destroy(&d.change_lock);
	return rc;
}

/* --cast-child */
static int run_cast(struct err *err)
{
	if (cast_child_run(err) == 0)
		return 0;
	log_err("cast", "it ended", err);
	return err_exit_code(err->kind);
}

/* --helper, --prepare, --querier */
static int run_other(const struct daemon_options *o, struct err *err)
{
	struct daemon_paths paths = { 0 };
	int rc;

	if (o->querier)
		return querier_child_run(err);
	daemon_paths_set(&paths, o->root, o->netboot_dir);
	rc = o->prepare ? privsep_prepare(&paths, o->user, err)
			: privsep_helper(&paths, o->user, o->client ? o->client : PRIVSEP_CLIENT, err);
	daemon_paths_free(&paths);
	return rc;
}

int main(int argc, char **argv)
{
	struct daemon_options o = { 0 };
	struct err err = { 0 };
	sigset_t signals;
	int rc = daemon_options_read(argc, argv, &o);

	if (rc)
		return rc < 0 ? 2 : 0;
	if (o.print_routes) {
		print_routes();
		return 0;
	}
	umask(022);
	log_init(o.helper ? "orthrusd-helper" : o.querier ? "orthrusd-querier" : "orthrusd", o.debug);
	/* One that this program started is called "exe" until now: SPAWN_SELF. */
	(void)prctl(PR_SET_NAME, "orthrusd");
	signal(SIGPIPE, SIG_IGN);
	if (o.cast_child)
		return run_cast(&err);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	if ((o.helper || o.prepare || o.querier ? run_other(&o, &err) : run(&o, &signals, &err)) == 0)
		return 0;
	log_err("daemon", "cannot start", &err);
	return err_exit_code(err.kind);
}
