/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/exports.h"

#include "base/mem.h"
#include "daemon/change.h"
#include "daemon/exports_render.h"
#include "daemon/roster.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/spawn.h"
#include "sys/threads.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_NS NS_PER_S /* a change is seen so soon */
#define BREATH 10	  /* a round with thousands of nodes takes time: of ten parts of the time it has one */
#define SLURM_NS (15 * NS_PER_S)
#define SLURM_QUIET_NS (3 * NS_PER_S) /* systemd gives up what is restarted 5 times in 10 s */
#define SLURM_LONG_NS (30 * NS_PER_S)
#define FILE_MAX ((size_t)16 << 20)
#define OURS "/var/lib/orthrus/exports"
#define RESTART_SLURM "slurm-restart" /* orthrus-slurm.path looks at it */

/* `dir` below the root; ours is made, another program's must be there: else the file is not wanted. */
static const struct follower {
	const char *dir, *name;
	bool ours, slurm;
	void (*render)(const struct export_node *nodes, size_t n, struct buf *out);
} followers[] = {
	{ OURS, "genders", true, false, exports_render_genders },
	{ "/etc/clustershell/groups.d", "orthrus.yaml", false, false, exports_render_groups },
	{ "/etc/slurm", "orthrus.conf", false, true, exports_render_slurm },
};
#define N_FOLLOWERS ARRAY_LEN(followers)
enum { TOLD_STATE = N_FOLLOWERS, TOLD_SLURM, TOLD_N };

struct exports {
	struct daemon *d;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	bool stop, wanted; /* under the lock */
	/* the thread's own */
	struct err told[TOLD_N]; /* what was said to be wrong: of each file, of the state itself, of slurmctld */
	bool slurm_behind;	 /* it has not read what was written */
	int64_t slurm_since_ns, slurm_changed_ns, slurm_told_ns;
};

static int link_one(const char *target, const char *dir, const char *name, struct err *err)
{
	autofree char *path = fs_join(dir, name), *temp = str_format("%s.new", path);
	char is[4096];
	ssize_t n = readlink(path, is, sizeof(is) - 1);

	if (n >= 0)
		is[n] = '\0';
	if (n >= 0 && str_eq(is, target))
		return 0;
	if ((unlink(temp) < 0 && errno != ENOENT) || symlink(target, temp) < 0 || rename(temp, path) < 0)
		return err_errno(err, errno, "link %s to %s", path, target);
	return 0;
}

int exports_link(const struct daemon_paths *p, struct err *err)
{
	for (size_t i = 0; i < N_FOLLOWERS; i++) {
		autofree char *dir = str_format("%s%s", p->root, followers[i].dir);
		autofree char *target = str_format("%s" OURS "/%s", p->root, followers[i].name);

		if (!followers[i].ours && fs_exists(dir) && link_one(target, dir, followers[i].name, err) < 0)
			return -1;
	}
	return 0;
}

/* Said when it begins, when it becomes another problem, and when it is over. */
static void tell(struct exports *f, size_t which, const char *what, const struct err *now)
{
	struct err *before = &f->told[which];

	if (now->kind != ERR_NONE && !str_eq(before->text, now->text))
		event_note(f->d, EVENT_WARNING, "file-failed", NULL, "%s does not follow the nodes: %s%s%s", what, now->text,
			   now->hint[0] ? "; " : "", now->hint);
	else if (now->kind == ERR_NONE && before->kind != ERR_NONE)
		event_note(f->d, EVENT_INFO, "file-follows", NULL, "%s follows the nodes again", what);
	*before = *now;
}

/* What is rendered points into the rest. */
struct facts {
	struct site own_site;
	struct roster own_roster;
	const struct site *site;
	const struct roster *roster;
	struct export_node *nodes;
	char (*addresses)[ADDR6_LEN];
};

static void facts_free(struct facts *f)
{
	free(f->nodes);
	free(f->addresses);
	roster_free(&f->own_roster);
	site_free(&f->own_site);
}

static int fill_fact(struct daemon *d, const struct facts *f, size_t i, bool hardware, struct err *err)
{
	const struct node *n = &f->roster->nodes[i];
	autoclean(run_free) struct run run = { 0 };
	autoclean(machine_free) struct machine machine = { 0 };
	struct node_addrs addrs;

	if (daemon_run(d, n->name, &run, err) < 0 || (hardware && daemon_machine(d, n->name, &machine, err) < 0))
		return -1;
	node_addresses(f->site, n, &addrs);
	if (addrs.addr4)
		addr4_print(addrs.addr4, f->addresses[i]);
	else if (addrs.has6)
		addr6_print(&addrs.addr6, f->addresses[i]);
	f->nodes[i] = (struct export_node){ .name = n->name,
					    .group = n->group,
					    .image = node_image(f->site, n),
					    .address = f->addresses[i][0] ? f->addresses[i] : NULL,
					    .state = run_state_name(run.state),
					    .cpus = machine.cpus,
					    .memory_bytes = machine.memory_bytes };
	return 0;
}

static int fill_facts(struct daemon *d, bool hardware, struct facts *f, struct err *err)
{
	f->nodes = mem_array(f->roster->len, sizeof(*f->nodes));
	f->addresses = mem_array(f->roster->len, sizeof(*f->addresses));
	for (size_t i = 0; i < f->roster->len; i++)
		if (fill_fact(d, f, i, hardware, err) < 0)
			return -1;
	return 0;
}

static int facts_load(struct daemon *d, bool hardware, struct facts *f, struct err *err)
{
	f->site = &f->own_site;
	f->roster = &f->own_roster;
	if (daemon_site(d, &f->own_site, NULL, err) < 0 || roster_load(d, &f->own_roster, err) < 0)
		return -1;
	return fill_facts(d, hardware, f, err);
}

/* slurmctld reads nodes and partitions when it starts: of a slurmctld that is told to read them again while it runs (scontrol
 * reconfigure), that of Debian 12 dies when nodes were added or removed (scontrol(1) demands a restart), and keeps a node in the
 * partition that it left. Jobs go on over the restart, which does nothing where slurmctld does not run. Not for every one of
 * hundreds of machines that arrive: when there was quiet for a moment, or it waits too long for that. */
static bool slurm_is_due(const struct exports *f, int64_t now)
{
	return f->slurm_behind && now - f->slurm_told_ns >= SLURM_QUIET_NS &&
	       (now - f->slurm_changed_ns >= SLURM_QUIET_NS || now - f->slurm_since_ns >= SLURM_LONG_NS);
}

static int restart_slurm(const struct daemon *d, struct err *err)
{
	const char *const argv[] = { "systemctl", "try-restart", "slurmctld.service", NULL };
	autofree char *ask = fs_join(d->paths.run_dir, RESTART_SLURM);

	/* Who has no privilege asks systemd to do that one thing. */
	return d->helper ? fs_write_atomic(ask, "", 0, 0644, err)
			 : spawn_run(&(const struct spawn){ .argv = argv, .timeout_ns = SLURM_NS }, NULL, err);
}

static void tell_slurm(struct exports *f)
{
	struct err err = { 0 };

	if (restart_slurm(f->d, &err) < 0)
		err_hint(&err, "`systemctl restart slurmctld` by hand lets it follow; it is tried again");
	else
		f->slurm_behind = false;
	f->slurm_told_ns = f->slurm_changed_ns = f->slurm_since_ns = clock_now_ns();
	tell(f, TOLD_SLURM, "slurmctld", &err);
}

/* What Slurm takes of the text: no comments. */
static void without_comments(const char *text, struct buf *out)
{
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");

		n += line[n] == '\n';
		if (*line != '#')
			buf_add(out, line, n);
		line += n;
	}
}

bool exports_slurm_differs(const char *before, const char *after)
{
	autoclean(buf_free) struct buf a = { 0 }, b = { 0 };

	without_comments(before, &a);
	without_comments(after, &b);
	return !str_eq(buf_str(&a), buf_str(&b));
}

static void note_slurm(struct exports *f, const struct buf *before, const struct buf *now)
{
	if (!exports_slurm_differs(buf_str(before), buf_str(now)))
		return;
	f->slurm_changed_ns = clock_now_ns();
	if (!f->slurm_behind)
		f->slurm_since_ns = f->slurm_changed_ns;
	f->slurm_behind = true;
}

static int write_one(struct exports *f, const struct follower *w, const struct facts *facts, const char *path, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 }, before = { 0 };
	autofree char *dir = str_format("%s" OURS, f->d->paths.root);
	struct err none = { 0 };
	bool changed = false;

	if ((w->ours || f->d->helper) && fs_mkdirs(dir, 0755, err) < 0)
		return -1;
	w->render(facts->nodes, facts->roster->len, &text);
	if (w->slurm && fs_read(path, FILE_MAX, &before, &none) < 0)
		buf_clear(&before);
	if (fs_write_if_changed(path, text.data, text.len, 0644, &changed, err) < 0)
		return -1;
	if (w->slurm && changed)
		note_slurm(f, &before, &text);
	return 0;
}

static bool is_wanted(const struct exports *f, const struct follower *w)
{
	autofree char *dir = str_format("%s%s", f->d->paths.root, w->dir);

	return w->ours || fs_exists(dir);
}

static bool wants_hardware(const struct exports *f)
{
	bool hardware = false;

	for (size_t i = 0; i < N_FOLLOWERS; i++)
		hardware = hardware || (followers[i].slurm && is_wanted(f, &followers[i]));
	return hardware;
}

static char *path_of(const struct exports *f, const struct follower *w)
{
	return str_format("%s%s/%s", f->d->paths.root, f->d->helper ? OURS : w->dir, w->name);
}

int exports_look(struct exports *f, const struct site *site, const struct roster *roster, exports_file_fn fn, void *ctx,
		 struct err *err)
{
	autoclean(facts_free) struct facts facts = { .site = site, .roster = roster };

	if (fill_facts(f->d, wants_hardware(f), &facts, err) < 0)
		return -1;
	for (size_t i = 0; i < N_FOLLOWERS; i++) {
		autofree char *path = path_of(f, &followers[i]);
		autoclean(buf_free) struct buf text = { 0 }, before = { 0 };
		struct err why = { 0 };

		if (!is_wanted(f, &followers[i]))
			continue;
		followers[i].render(facts.nodes, roster->len, &text);
		if (fs_exists(path) && fs_read(path, FILE_MAX, &before, &why) < 0)
			fn(ctx, followers[i].slurm, path, NULL, buf_str(&text), why.text);
		else
			fn(ctx, followers[i].slurm, path, fs_exists(path) ? buf_str(&before) : NULL, buf_str(&text), NULL);
	}
	return 0;
}

/* Each in spite of what is wrong with the others. */
static void follow(struct exports *f)
{
	autoclean(facts_free) struct facts facts = { 0 };
	struct err err = { 0 };

	if (facts_load(f->d, wants_hardware(f), &facts, &err) < 0) {
		if (err.kind != ERR_NOT_FOUND) /* no site is applied yet */
			tell(f, TOLD_STATE, "what other programs know of the nodes", &err);
		return;
	}
	tell(f, TOLD_STATE, "what other programs know of the nodes", &(struct err){ 0 });
	for (size_t i = 0; i < N_FOLLOWERS; i++) {
		autofree char *path = path_of(f, &followers[i]);
		struct err why = { 0 };

		if (is_wanted(f, &followers[i]) && write_one(f, &followers[i], &facts, path, &why) == 0)
			why = (struct err){ 0 };
		tell(f, i, path, &why);
	}
}

/* Under the lock; shorter only at the end. */
static void rest(struct exports *f, int64_t ns)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ns / NS_PER_S);
	until.tv_nsec += (long)(ns % NS_PER_S);
	if (until.tv_nsec >= NS_PER_S) {
		until.tv_nsec -= NS_PER_S;
		until.tv_sec++;
	}
	while (!f->stop && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&f->more, &f->lock, &until);
}

/* A round when the state has changed, and when it is kicked, which is also for files that somebody changed. */
static void *work(void *arg)
{
	struct exports *f = arg;
	uint64_t seen = 0, now;
	int64_t begin, pause_ns = PAUSE_NS;

	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		rest(f, pause_ns);
		pause_ns = PAUSE_NS;
		if (f->stop)
			break;
		if (!f->wanted && state_revision(f->d->state) == seen && !slurm_is_due(f, clock_now_ns()))
			continue;
		f->wanted = false;
		pthread_mutex_unlock(&f->lock);
		if (slurm_is_due(f, clock_now_ns()))
			tell_slurm(f);
		now = state_revision(f->d->state);
		begin = clock_now_ns();
		follow(f);
		seen = now;
		pause_ns = BREATH * (clock_now_ns() - begin);
		pause_ns = pause_ns > PAUSE_NS ? pause_ns : PAUSE_NS;
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

void exports_kick(struct exports *f)
{
	pthread_mutex_lock(&f->lock);
	f->wanted = true;
	pthread_mutex_unlock(&f->lock);
}

static void exports_free(struct exports *f)
{
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->more);
	free(f);
}

int exports_start(struct daemon *d, struct exports **out, struct err *err)
{
	struct exports *f = mem_zalloc(sizeof(*f));
	int rc;

	f->d = d;
	pthread_mutex_init(&f->lock, NULL);
	thread_cond_init(&f->more);
	rc = pthread_create(&f->thread, NULL, work, f);
	if (rc) {
		exports_free(f);
		return err_errno(err, rc, "start the thread that writes the nodes' files");
	}
	*out = f;
	return 0;
}

void exports_stop(struct exports *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_broadcast(&f->more);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	exports_free(f);
}
