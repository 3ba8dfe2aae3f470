/* SPDX-License-Identifier: GPL-2.0-or-later */
/* orthrus-guard: decides, with the guards of the other voters, which head answers for the service addresses, and lets this one
 * answer only as long as it may. docs/failover.md */
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "headfailover/guard/leave.h"
#include "headfailover/guard/loop.h"
#include "headfailover/guard/realtime.h"
#include "headfailover/guard/talk.h"
#include "site/site.h"
#include "sys/fs.h"
#include "sys/keys.h"
#include "sys/log.h"
#include "sys/privilege.h"

#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define SITE_MAX ((size_t)512 << 10)
#define PRIORITY 50
#define USER "orthrus-guard"		   /* packages/orthrus.sysusers */
#define SHORT_LEASE_NS INT64_C(1000000000) /* shorter ones need a clock that goes on while the machine is paused */

static const char usage[] =
	"usage: orthrus-guard [--root DIR] [--site FILE] [--self NAME] [--key FILE] [--old-key FILE] [--control SOCKET]\n"
	"                     [--user NAME] [--lab [--clock-rate RATE]] [--debug]\n"
	"       orthrus-guard --make-key FILE\n"
	"       orthrus-guard --remove-gate [--root DIR] [--site FILE]\n"
	"\n"
	"  --root DIR         everything is below DIR (default: /)\n"
	"  --site FILE        the site (default: /etc/orthrus/site.json)\n"
	"  --self NAME        this machine's name there, a head's or a witness's (default: the host's name)\n"
	"  --key FILE         the secret that all guards of the cluster share (default: /etc/orthrus/guard.key)\n"
	"  --old-key FILE     another one that is believed, but not used: while a new one is brought to all (default: that of\n"
	"                     --key with \".old\" behind it, if there is one)\n"
	"  --control SOCKET   where `orthrus head` asks (default: /run/orthrus-guard/control)\n"
	"  --user NAME        started by root: become this user once all is open\n"
	"  --lab              run without real time if there is none, and with short leases where a machine may be paused\n"
	"  --clock-rate RATE  in a lab, this machine's clock is so much faster (1.01) or slower than it is\n"
	"  --make-key FILE    make a new secret, and end\n"
	"  --remove-gate      this machine is no head any more: take the service addresses and the gate off its interfaces, and "
	"end\n"
	"  --debug            log more\n"
	"  --version, --help\n";

struct options {
	const char *root, *site, *self, *key, *old_key, *control, *user, *make_key;
	double rate;
	bool lab, debug, remove_gate;
};

/* 1: done already; -1: usage. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "site", required_argument, NULL, 's' },
		{ "self", required_argument, NULL, 'n' },
		{ "key", required_argument, NULL, 'k' },
		{ "old-key", required_argument, NULL, 'K' },
		{ "control", required_argument, NULL, 'c' },
		{ "user", required_argument, NULL, 'u' },
		{ "lab", no_argument, NULL, 'l' },
		{ "clock-rate", required_argument, NULL, 'R' },
		{ "make-key", required_argument, NULL, 'm' },
		{ "remove-gate", no_argument, NULL, 'g' },
		{ "debug", no_argument, NULL, 'd' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	char *end = NULL;
	int c;

	*o = (struct options){ .root = "", .rate = 1 };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'r':
			o->root = str_eq(optarg, "/") ? "" : optarg;
			break;
		case 's':
			o->site = optarg;
			break;
		case 'n':
			o->self = optarg;
			break;
		case 'k':
			o->key = optarg;
			break;
		case 'K':
			o->old_key = optarg;
			break;
		case 'c':
			o->control = optarg;
			break;
		case 'u':
			o->user = optarg;
			break;
		case 'l':
			o->lab = true;
			break;
		case 'R':
			o->rate = strtod(optarg, &end);
			break;
		case 'm':
			o->make_key = optarg;
			break;
		case 'g':
			o->remove_gate = true;
			break;
		case 'd':
			o->debug = true;
			break;
		case 'v':
			puts("orthrus-guard " ORTHRUS_VERSION);
			return 1;
		case 'h':
			fputs(usage, stdout);
			return 1;
		default:
			fputs(usage, stderr);
			return -1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "orthrus-guard: what is '%s' for?\n%s", argv[optind], usage);
		return -1;
	}
	if (end && (*end || !o->lab || o->rate < 0.5 || o->rate > 2)) {
		fprintf(stderr, "orthrus-guard: --clock-rate is 0.5 to 2, and for a lab (--lab) only\n");
		return -1;
	}
	return 0;
}

/* --- what is made at the start, in this order; from the loop's start on nothing is allocated in its thread */

struct guard {
	struct options o;
	struct guard_config config;
	struct site site;
	struct loop loop;
	struct talk talk;
	struct guard_keys keys;
	struct fence_set fences;
	char *key_path, *old_key_path, *control_path;
};

static char *path_of(const struct options *o, const char *given, const char *usual)
{
	return given ? mem_strdup(given) : str_format("%s%s", o->root, usual);
}

static int read_site_file(struct guard *g, struct err *err)
{
	autofree char *path = path_of(&g->o, g->o.site, "/etc/orthrus/site.json");
	autoclean(buf_free) struct buf text = { 0 };
	char host[GUARD_NAME] = "";

	if (gethostname(host, sizeof(host) - 1) < 0)
		return err_errno(err, errno, "this machine's name");
	host[strcspn(host, ".")] = 0;
	if (fs_read(path, SITE_MAX, &text, err) < 0 || site_read(buf_str(&text), text.len, path, &g->site, err) < 0)
		return -1;
	return guard_config_of(&g->site, g->o.self ? g->o.self : host, &g->config, err);
}

/* Before anything is open that it must not have. */
static int begin_fence(struct guard *g, struct err *err)
{
	const uint8_t self = g->config.lease.self;

	if (!g->config.head || !g->config.lease.has_fence)
		return 0;
	if (fence_set_load(&g->site, g->config.names[self ? 0 : 1], &g->fences, err) < 0)
		return -1;
	return fence_helper_start(&g->fences, &g->talk.fence, err);
}

/* A guest's clock may stand still while its host pauses it, and the lease would seem to last. */
static int check_clock(const struct guard *g, struct err *err)
{
	char source[32];

	if (!g->config.head || g->config.lease.lease_ns >= SHORT_LEASE_NS || !realtime_may_be_paused(g->o.root, source))
		return 0;
	if (g->o.lab) {
		log_warn("guard",
			 "the clock %s stands still while this virtual machine is paused, and a lease of less than 1 s with it: "
			 "lab only",
			 source);
		return 0;
	}
	err_set(err, ERR_REFUSED,
		"this is a virtual machine whose clock (%s) stands still while it is paused: a lease of %lld ms is not safe here",
		source, (long long)(g->config.lease.lease_ns / 1000000));
	return err_hint(err, "write \"lease_ms\": 1000 or more into the \"pair\" of site.json, use real machines as heads, or "
			     "start with --lab");
}

static int begin_wire(struct guard *g, struct err *err)
{
	struct timespec wall;
	uint64_t boot = 0;

	while (!boot)
		random_bytes(&boot, sizeof(boot));
	random_bytes(&g->config.lease.seed, sizeof(g->config.lease.seed));
	clock_gettime(CLOCK_REALTIME, &wall);
	g->config.lease.first_round = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
	if (talk_read_keys(&g->talk, &g->keys, err) < 0 ||
	    guard_wire_init(&g->loop.wire, g->config.lease.self, g->config.lease.n_voters, g->config.n_links, boot, &g->keys,
			    err) < 0)
		return -1;
	return guard_links_open(&g->loop.links, g->config.links, g->config.n_links, err);
}

/* The gate is shut before anything else touches a service address. */
static int begin_head(struct guard *g, struct err *err)
{
	struct gate_view v = { 0 };

	g->talk.gate_name = "none";
	if (!g->config.head)
		return 0;
	if (gate_open(&g->config.gate, &g->loop.gate, err) < 0 || gate_look(g->loop.gate, &v, err) < 0)
		return -1;
	g->talk.gate_name = gate_kind_name(v.kind);
	return announce_open(g->config.addrs, g->config.n_addrs, &g->loop.announce, err);
}

static int begin_real_time(const struct guard *g, struct err *err)
{
	if (realtime_lock_memory(err) == 0 && realtime_begin(PRIORITY, g->config.cpu, err) == 0)
		return 0;
	if (!g->o.lab)
		return -1;
	log_err("guard", "not in real time, which is for labs only", err);
	return 0;
}

static int drop_rights(const struct guard *g, struct err *err)
{
	const uint64_t caps = (g->config.head ? PRIVILEGE_CAP(CAP_NET_ADMIN) : PRIVILEGE_NONE) |
			      (realtime_needs_right() ? PRIVILEGE_CAP(CAP_IPC_LOCK) : PRIVILEGE_NONE);
	struct privilege_user user;

	if (!g->o.user)
		return privilege_keep(caps, err);
	return privilege_user(g->o.user, &user, err) < 0 ? -1 : privilege_become(&user, caps, err);
}

/* On a head orthrusd may ask and order, too. (A witness is not in its group, and could not give the socket to it.) */
static int open_control(struct guard *g, struct err *err)
{
	const struct group *daemon = g->config.head ? getgrnam(PRIVILEGE_DAEMON) : NULL;

	return control_open(&g->talk.control, g->control_path, daemon ? daemon->gr_gid : (gid_t)-1, err);
}

static int begin_talk(struct guard *g, struct err *err)
{
	struct talk *t = &g->talk;

	t->loop = &g->loop;
	return talk_begin(t, err);
}

static int begin(struct guard *g, struct err *err)
{
	g->key_path = path_of(&g->o, g->o.key, "/etc/orthrus/guard.key");
	g->old_key_path = g->o.old_key ? mem_strdup(g->o.old_key) : str_format("%s.old", g->key_path);
	g->talk.config = &g->config;
	g->talk.root = g->o.root;
	g->talk.key = g->key_path;
	g->talk.old_key = g->old_key_path;
	g->talk.old_key_must = g->o.old_key;
	g->control_path = path_of(&g->o, g->o.control, GUARD_SOCKET);
	g->loop.rate = g->o.rate;
	if (talk_signals(&g->talk, err) < 0 || read_site_file(g, err) < 0 || check_clock(g, err) < 0 || begin_fence(g, err) < 0 ||
	    begin_wire(g, err) < 0 || begin_head(g, err) < 0 || open_control(g, err) < 0 || begin_real_time(g, err) < 0 ||
	    drop_rights(g, err) < 0 || privilege_hide_memory(err) < 0 || loop_init(&g->loop, &g->config, err) < 0)
		return -1;
	if (g->config.head && addresses_open(g->config.addrs, g->config.n_addrs, &g->loop.addresses, err) < 0)
		return -1;
	return begin_talk(g, err);
}

/* The addresses go, before all else: where the gate was taken away, nothing but that keeps them from answering. The gate stays
 * where it is: shut. */
static void end(struct guard *g)
{
	struct addresses_state s = { .there = true };
	struct pollfd p = { .events = POLLIN };

	if (g->loop.addresses) {
		addresses_want(g->loop.addresses, false);
		p.fd = addresses_fd(g->loop.addresses);
		while (s.there && poll(&p, 1, 1000) > 0)
			addresses_done(g->loop.addresses, &s);
	}
	talk_end(&g->talk);
	control_close(&g->talk.control);
	fence_helper_end(&g->talk.fence);
	fence_set_free(&g->fences);
	addresses_free(g->loop.addresses);
	announce_free(g->loop.announce);
	gate_close(g->loop.gate);
	guard_links_close(&g->loop.links);
	mem_autoclose_(&g->talk.signals);
	loop_clear(&g->loop);
	guard_keys_clear(&g->keys);
	site_free(&g->site);
	free(g->key_path);
	free(g->old_key_path);
	free(g->control_path);
}

static int run(struct guard *g, struct err *err)
{
	int rc = begin(g, err);

	if (rc == 0) {
		log_info("guard", "%s guards %s as voter %u of %u, lease %lld ms, gate %s", g->config.names[g->config.lease.self],
			 g->config.cluster, g->config.lease.self, g->config.lease.n_voters,
			 (long long)(g->config.lease.lease_ns / 1000000), g->talk.gate_name);
		sd_notify(0, "READY=1");
		loop_run_lease(&g->loop);
		if (g->talk.gate_missing)
			rc = err_set(err, ERR_FAILED, "the gate was taken away");
	}
	end(g);
	return rc;
}

/* Made by root, it belongs to whom the service runs as. */
static int make_key(const char *path, struct err *err)
{
	struct privilege_user user;
	struct err none = { 0 };

	if (guard_key_create(path, err) < 0)
		return -1;
	if (geteuid() == 0 && privilege_user(USER, &user, &none) == 0 && lchown(path, user.uid, user.gid) < 0)
		return err_errno(err, errno, "give %s to %s", path, USER);
	return 0;
}

static int leave(const struct options *o, struct err *err)
{
	autofree char *site = path_of(o, o->site, "/etc/orthrus/site.json");

	return guard_leave(site, err);
}

int main(int argc, char **argv)
{
	struct guard *g = mem_zalloc(sizeof(*g));
	struct err err = { 0 };
	int rc = read_options(argc, argv, &g->o);

	if (rc) {
		free(g);
		return rc > 0 ? 0 : 2;
	}
	log_init("orthrus-guard", g->o.debug);
	log_never_wait(); /* a log that stands still is no reason to stop answering systemd, who would end this guard */
	g->talk.control.fd = g->talk.fence.fd = g->talk.signals = -1;
	memset(g->talk.control.clients, -1, sizeof(g->talk.control.clients));
	if (g->o.make_key)
		rc = make_key(g->o.make_key, &err);
	else if (g->o.remove_gate)
		rc = leave(&g->o, &err);
	else
		rc = run(g, &err);
	if (rc < 0)
		log_err("guard", "orthrus-guard", &err);
	free(g);
	return rc < 0 ? err_exit_code(err.kind) : 0;
}
