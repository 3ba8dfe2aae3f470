/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `orthrus cast send --to`: receivers are begun on nodes by ssh, and end with the cast. */
#include "base/mem.h"
#include "cmd/cast_send.h"
#include "cmd/nodes.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STORE "/srv/orthrus/store"
#define FANOUT_DEFAULT 64
#define FANOUT_MAX 1000
#define CONNECT_DEFAULT 10
#define SECONDS_MAX 31536000
#define GATHER_MAX_NS (3600 * NS_PER_S) /* the gathering ends by what nodes say */
#define BEGIN_NS (20 * NS_PER_S)	/* of one that has logged in nothing is heard for so long at most */
#define CARRY_NS (600 * NS_PER_S)	/* while the program is brought there */
#define LAST_WORDS_NS (3 * NS_PER_S)	/* after Ctrl-C receivers say how they leave, and after its last words a receiver ends */

/* --- begin --- */

/* Where it shall be on the nodes: as here, or as --path says, which may be a directory. */
static int choose_path(const struct cmd *c, struct cast_to *t, bool image, struct err *err)
{
	const char *path = cmd_option(c, "path"), *slash = strrchr(c->argv[0], '/'), *name = slash ? slash + 1 : c->argv[0];
	autofree char *here = path ? NULL : image ? mem_strdup(STORE) : realpath(c->argv[0], NULL);

	if (!path && !here)
		return err_errno(err, errno, "look at %s", c->argv[0]);
	if (path && path[0] != '/') {
		err_set(err, ERR_USAGE, "--path '%s' does not begin with /", path);
		return err_hint(err, "on a node no directory is the one you are in: name the whole path");
	}
	t->path = path && str_ends(path, "/") && !image ? str_format("%s%s", path, name) : mem_strdup(path ? path : here);
	return 0;
}

static int refuse_others(const struct cmd *c, struct err *err)
{
	static const char *const others[] = { "receivers", "token-file" };

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (!cmd_option(c, others[i]))
			continue;
		err_set(err, ERR_USAGE, "--%s is for receivers that are begun by hand, --to begins them", others[i]);
		return err_hint(err, "leave one of them out");
	}
	return 0;
}

static int refuse_alone(const struct cmd *c, struct err *err)
{
	static const char *const ours[] = { "path", "user", "fanout", "connect-timeout", "ssh-option" };

	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (cmd_option(c, ours[i]))
			return err_set(err, ERR_USAGE, "--%s is for receivers on nodes: it needs --to", ours[i]);
	if (cmd_flag(c, "carry"))
		return err_set(err, ERR_USAGE, "--carry is for receivers on nodes: it needs --to");
	return cmd_flag(c, "force") ? err_set(err, ERR_USAGE, "--force is for receivers on nodes: it needs --to") : 0;
}

static int find_nodes(struct cmd *c, struct cast_send *s, struct err *err)
{
	struct fleet *f = &s->to->fleet;
	struct node_rows rows = { 0 };
	int rc = -1;

	if (node_rows_get(c, &rows, err) == 0 && node_set(&rows, cmd_option(c, "to"), true, &f->nodes, err) == 0 &&
	    exec_addresses(&rows, &f->nodes, &f->addresses, err) == 0) {
		/* They stay when the daemon's answer goes. */
		for (size_t i = 0; i < nodeset_count(&f->nodes); i++) {
			str_list_add(&s->to->places, f->addresses[i]);
			f->addresses[i] = s->to->places.items[i];
		}
		s->receivers = nodeset_count(&f->nodes);
		rc = 0;
	}
	node_rows_free(&rows);
	if (rc == 0 && s->receivers > DESK_RECEIVERS_MAX)
		rc = err_set(err, ERR_USAGE, "%llu nodes are more than one cast can have (%d)", (unsigned long long)s->receivers,
			     DESK_RECEIVERS_MAX);
	return rc;
}

static int read_ssh(struct cmd *c, struct cast_to *t, struct err *err)
{
	const char *user = cmd_option(c, "user");
	uint64_t seconds = CONNECT_DEFAULT;

	t->fleet.fanout = FANOUT_DEFAULT;
	if (user && str_check_name(user, err) < 0)
		return err_wrap(err, "--user");
	if (cmd_option_u64(c, "fanout", 1, FANOUT_MAX, &t->fleet.fanout, err) < 0 ||
	    cmd_option_u64(c, "connect-timeout", 1, SECONDS_MAX, &seconds, err) < 0)
		return -1;
	cmd_option_all(c, "ssh-option", &t->ssh_options);
	t->connect_ns = (int64_t)seconds * NS_PER_S;
	t->connect_s = str_format("%llu", (unsigned long long)seconds);
	t->fleet.ssh = (struct exec_ssh){
		.user = user ? user : "root", .connect_s = t->connect_s, .options = &t->ssh_options, .command = t->words
	};
	return exec_ssh_init(&t->fleet.ssh, c, err);
}

int cast_to_read(struct cmd *c, struct cast_send *s, struct err *err)
{
	struct fleet_order order = { .force = cmd_flag(c, "force") };
	autoclean(buf_free) struct buf command = { 0 };
	struct cast_to *t;

	if (!cmd_option(c, "to"))
		return refuse_alone(c, err);
	t = s->to = mem_zalloc(sizeof(*t));
	t->c = c;
	t->fleet.input_fd = -1;
	t->force = order.force;
	t->gather_ns = s->gather_ns;
	s->gather_ns = GATHER_MAX_NS;
	if (refuse_others(c, err) < 0 || choose_path(c, t, s->parcel != NULL, err) < 0 || find_nodes(c, s, err) < 0 ||
	    read_ssh(c, t, err) < 0)
		return -1;
	if (cmd_flag(c, "carry") && !(t->loader = carry_loader(err)))
		return -1;
	order.path = t->path;
	order.store = s->parcel != NULL;
	order.loader = t->loader;
	fleet_command(&order, &command);
	t->words[0] = t->command = buf_steal(&command);
	return 0;
}

int cast_to_place(const struct cast_send *s, struct desk_place *out, struct err *err)
{
	if (desk_place_towards(s->to->fleet.addresses[0], out, err) < 0)
		return err_wrap(err, "the way to %s", s->to->fleet.nodes.names[0]);
	return 0;
}

void cast_to_plan(const struct cast_send *s, struct plan *plan)
{
	const struct cast_to *t = s->to;
	autoclean(buf_free) struct buf who = { 0 };
	autofree char *path = str_printable(t->path, strlen(t->path));

	fold_who(&s->to->fleet.nodes, &who);
	if (t->loader)
		plan_add(plan, 1, PLAN_WRITES, "carry",
			 str_format("copy this program and its libraries to a private temporary directory of each of %s, until "
				    "its receiver ends",
				    buf_str(&who)),
			 NULL, NULL);
	plan_add(plan, 1, PLAN_WRITES, "receivers",
		 str_format("run `orthrus cast receive` as %s on %s by ssh, %llu begun at a time, host keys checked against %s",
			    t->fleet.ssh.user, buf_str(&who), (unsigned long long)t->fleet.fanout,
			    t->fleet.ssh.known_hosts ? t->fleet.ssh.known_hosts : "this user's known_hosts"),
		 NULL, NULL);
	plan_add(plan, 1, t->force ? PLAN_DESTROYS : PLAN_WRITES, "write",
		 s->parcel ? str_format("take the image into the store %s of each of them", path)
			   : str_format("write %s on each of them%s", path,
					t->force ? ", in place of what has that name there" : ""),
		 NULL, NULL);
}

/* The token goes to them by standard input: nobody else on a node can read that. */
static int give_input(struct cast_to *t, const struct token *token, struct err *err)
{
	struct buf text = { 0 };
	int rc = -1;

	token_write(token, &text);
	buf_addc(&text, '\n');
	t->fleet.input_fd = memfd_create("cast-token", MFD_CLOEXEC);
	if (t->fleet.input_fd < 0)
		err_errno(err, errno, "a place for the token");
	else
		rc = fs_write_all(t->fleet.input_fd, "a place for the token", text.data, text.len, err);
	explicit_bzero(text.data, text.cap);
	buf_free(&text);
	if (rc == 0 && t->loader)
		rc = carry_pack(t->fleet.input_fd, err);
	return rc;
}

static void on_news(void *ctx, size_t i)
{
	struct cast_send *s = ctx;

	cast_to_say(s, i);
	if (s->to->fleet.items[i].state == FLEET_FAILED)
		cast_send_changed(s);
}

/* Nobody is left to be waited for. */
static void on_all_ended(void *ctx)
{
	struct cast_send *s = ctx;

	pthread_mutex_lock(&s->lock);
	if (s->tx && atomic_load(&s->runs))
		tx_stop(s->tx);
	pthread_cond_signal(&s->more);
	pthread_mutex_unlock(&s->lock);
	desk_stop(s->desk, "the cast is over");
}

int cast_to_begin(struct cast_send *s, const struct token *token, struct err *err)
{
	struct fleet *f = &s->to->fleet;

	f->news = on_news;
	f->all_ended = on_all_ended;
	f->ctx = s;
	return give_input(s->to, token, err) < 0 ? -1 : fleet_begin(f, s->watch.loop, err);
}

/* --- while it goes on --- */

void cast_to_stop(struct cast_send *s)
{
	s->to->stopped_ns = clock_now_ns();
	fleet_stop(&s->to->fleet);
}

void cast_to_tick(struct cast_send *s)
{
	struct cast_to *t = s->to;
	int64_t now = clock_now_ns(), moved = fleet_moved_ns(&t->fleet), ready = fleet_ready_ns(&t->fleet), over = s->over_ns;
	int64_t patience = s->wait_ns + t->connect_ns + (!fleet_begins(&t->fleet) ? 0 : t->loader ? CARRY_NS : BEGIN_NS);
	int64_t last = over > moved ? over : moved;
	struct desk_view desk;
	struct tx_view v;

	if (!moved || atomic_load(&t->fleet.over))
		return;
	if (t->stopped_ns && now - t->stopped_ns > LAST_WORDS_NS)
		fleet_cut(&t->fleet, "was stopped");
	if (!atomic_load(&s->runs) || s->over) {
		desk_look(s->desk, &desk);
		if (atomic_load(&s->desk_waits) && desk.waited_for)
			last = t->waited_ns = now;
		if (now - last > patience && now - t->waited_ns > LAST_WORDS_NS)
			fleet_cut(&t->fleet, "nothing was heard of it any more; the connection was cut");
		return;
	}
	tx_look(s->tx, &v);
	if (v.sender.stage == WIRE_GATHER && ready && now - ready > t->gather_ns)
		tx_start(s->tx);
}

void cast_to_wait(struct cast_send *s)
{
	if (!s->to)
		return;
	pthread_mutex_lock(&s->lock);
	while (!atomic_load(&s->to->fleet.over))
		pthread_cond_wait(&s->more, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

void cast_to_free(struct cast_to *t)
{
	if (!t)
		return;
	if (t->fleet.input_fd >= 0)
		close(t->fleet.input_fd);
	fleet_free(&t->fleet);
	str_list_free(&t->ssh_options);
	str_list_free(&t->places);
	free(t->command);
	free(t->connect_s);
	free(t->path);
	free(t->loader);
	free(t);
}
