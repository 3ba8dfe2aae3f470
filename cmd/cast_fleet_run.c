/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ssh to every node at once: one that is dead or mute holds up nobody. */
#include "base/mem.h"
#include "cmd/cast_fleet.h"
#include "sys/clock.h"

#include <stdlib.h>
#include <unistd.h>

#define GRACE_NS (2 * NS_PER_S)

static int prepare(void *ctx, size_t i, struct spawn *s, struct err *err)
{
	struct fleet *f = ctx;

	if (f->stops)
		return err_set(err, ERR_FAILED, "not begun");
	f->logs[i] = exec_ssh_log(err);
	if (f->logs[i] < 0 || exec_input(f->input_fd, &f->input_of_one, err) < 0)
		return -1;
	s->stdin_fd = f->input_of_one;
	exec_ssh_argv(&f->ssh, nodeset_get(&f->nodes, i), f->addresses[i], f->logs[i]);
	s->argv = (const char *const *)f->ssh.argv.items;
	s->env = f->ssh.env;
	return 0;
}

static bool on_output(void *ctx, size_t i, bool is_stderr, const char *data, size_t len)
{
	struct fleet *f = ctx;
	struct fleet_node *n = &f->items[i];
	enum fleet_state was = n->state;
	uint64_t had = n->done_bytes;
	bool more = fleet_node_hear(n, is_stderr, data, len);

	if (n->state != was) {
		n->ready_ns = clock_now_ns();
		fanout_settled(f->run, i);
	}
	if (n->state != was || n->done_bytes != had) {
		n->moved_ns = clock_now_ns();
		f->news(f->ctx, i);
	} else if (n->state == FLEET_BEGINS && n->stage) {
		n->moved_ns = clock_now_ns(); /* it is at what it has already, which may be much */
	}
	return more;
}

static void on_ended(void *ctx, size_t i, const struct fanout_result *result)
{
	struct fleet *f = ctx;
	struct fleet_node *n = &f->items[i];
	struct exec_end end;

	exec_ssh_judge(result, f->logs[i], f->addresses[i], n->tail.text, n->tail.len, &end);
	if (end.state == EXEC_INTERRUPTED && f->cut) {
		free(end.why);
		end.why = mem_strdup(f->cut);
	}
	if (f->logs[i] >= 0)
		close(steal_fd(f->logs[i]));
	fleet_node_end(n, &end);
	free(end.why);
	n->moved_ns = clock_now_ns();
	if (n->state == FLEET_DONE) {
		atomic_fetch_add(&f->done, 1);
	} else {
		atomic_fetch_add(&f->failed, 1);
		if (!n->ready_ns)
			atomic_fetch_add(&f->lost, 1);
	}
	f->news(f->ctx, i);
}

static void on_all_ended(void *ctx)
{
	struct fleet *f = ctx;

	atomic_store(&f->over, true);
	f->all_ended(f->ctx);
}

static void begin(void *ctx)
{
	struct fleet *f = ctx;
	struct fanout_opts opts = { .n = nodeset_count(&f->nodes),
				    .at_a_time = f->fanout,
				    .grace_ns = GRACE_NS,
				    .prepare = prepare,
				    .output = on_output,
				    .ended = on_ended,
				    .all_ended = on_all_ended,
				    .ctx = f };

	f->items = mem_array(opts.n, sizeof(f->items[0]));
	f->logs = mem_array(opts.n, sizeof(f->logs[0]));
	for (size_t i = 0; i < opts.n; i++) {
		f->logs[i] = -1;
		f->items[i].moved_ns = clock_now_ns();
	}
	if (fanout_start(f->loop, &opts, &f->run, &f->wrong) < 0)
		f->run = NULL;
}

int fleet_begin(struct fleet *f, struct loop *loop, struct err *err)
{
	if (exec_room(nodeset_count(&f->nodes), err) < 0)
		return -1;
	f->loop = loop;
	f->input_of_one = -1;
	if (!loop_call(loop, begin, f))
		return err_set(err, ERR_FAILED, "the loop has ended");
	if (f->run)
		return 0;
	*err = f->wrong;
	return -1;
}

void fleet_stop(struct fleet *f)
{
	f->stops = true;
}

void fleet_cut(struct fleet *f, const char *why)
{
	f->stops = true;
	if (f->cut || !f->run || atomic_load(&f->over))
		return;
	f->cut = why;
	fanout_stop(f->run);
}

int64_t fleet_moved_ns(const struct fleet *f)
{
	int64_t last = 0;
	size_t n = f->nodes.len;

	for (size_t i = 0; f->items && i < n; i++)
		last = f->items[i].moved_ns > last ? f->items[i].moved_ns : last;
	return last;
}

int64_t fleet_ready_ns(const struct fleet *f)
{
	int64_t last = 0;

	for (size_t i = 0; f->items && i < f->nodes.len; i++)
		last = f->items[i].ready_ns > last ? f->items[i].ready_ns : last;
	return last;
}

bool fleet_begins(const struct fleet *f)
{
	for (size_t i = 0; f->items && i < f->nodes.len; i++)
		if (f->items[i].state == FLEET_BEGINS && !f->items[i].stage)
			return true;
	return false;
}

void fleet_free(struct fleet *f)
{
	size_t n = nodeset_count(&f->nodes);

	fanout_free(f->run);
	for (size_t i = 0; f->items && i < n; i++)
		fleet_node_clear(&f->items[i]);
	for (size_t i = 0; f->logs && i < n; i++)
		if (f->logs[i] >= 0)
			close(f->logs[i]);
	if (f->items && f->input_of_one >= 0)
		close(f->input_of_one);
	free(f->items);
	free(f->logs);
	free(f->addresses);
	exec_ssh_free(&f->ssh);
	nodeset_free(&f->nodes);
}
