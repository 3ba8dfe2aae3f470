/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An imager without a machine: enrols, obeys one order by the very code that brings an image to disks (imaging/imager/bring.h),
 * into a directory. What it has not: disks, boot loader, restart. Run by tests/netns/cast-install.sh. Prints one line of JSON. */
#include "base/mem.h"
#include "imaging/imager/bring.h"
#include "imaging/imager/head.h"
#include "imaging/imager/identity.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKPOINT ((uint64_t)1 << 20)
#define ENROL_TRIES 20
#define WAIT_S 10

struct tool {
	const char *server, *trust, *dir, *target, *machine;
	int64_t silence_ns;
	struct identity identity;
	struct head *head;
	struct head_answer order;
	int shown_percent;
};

static int get_from_head(void *ctx, const char *path, uint64_t first, uint64_t len, size_t max, struct buf *out, struct err *err)
{
	return head_get(ctx, path, first, len, max, out, err);
}

static int ask_head(void *ctx, const char *body, size_t len, struct buf *answer, struct err *err)
{
	return head_cast(ctx, body, len, answer, err);
}

static void show(void *ctx, uint64_t done_bytes, uint64_t total_bytes)
{
	struct tool *t = ctx;
	int percent = (int)(done_bytes * 100 / total_bytes);
	const struct head_event ev = {
		.install_id = t->order.order.install_id, .step = "restore", .event = "progress", .percent = percent
	};

	if (percent < t->shown_percent + 5)
		return;
	t->shown_percent = percent;
	head_tell(t->head, &ev);
}

static int say(struct tool *t, const char *event, const char *text, struct err *err)
{
	const struct head_event ev = {
		.install_id = t->order.order.install_id, .step = "restore", .event = event, .text = text, .percent = -1
	};

	return head_event(t->head, &ev, err);
}

/* As an imager does: until it is a node, then until there is an order. */
static int get_order(struct tool *t, struct err *err)
{
	autoclean(buf_free) struct buf machine = { 0 };
	enum head_standing standing = HEAD_PENDING;

	if (fs_read(t->machine, 1 << 20, &machine, err) < 0)
		return -1;
	for (int i = 0; i < ENROL_TRIES && standing == HEAD_PENDING; i++)
		if (head_enrol(t->head, buf_str(&machine), WAIT_S, &standing, err) < 0)
			return -1;
	if (head_hello(t->head, buf_str(&machine), &t->order, err) < 0)
		return -1;
	for (int i = 0; i < ENROL_TRIES && t->order.action != HEAD_INSTALL; i++) {
		head_answer_free(&t->order);
		if (head_orders(t->head, WAIT_S, &t->order, err) < 0)
			return -1;
	}
	return t->order.action == HEAD_INSTALL ? 0 : err_set(err, ERR_FAILED, "there is no order");
}

static int install(struct tool *t, struct err *err)
{
	const struct fetch_source source = { .get = get_from_head, .ctx = t->head };
	autofree char *sign_pub = fs_join(t->trust, "sign.pub"), *text = NULL;
	autoclose int fd = fs_open_dir(t->target, err);
	const struct bring_image b = { .order = &t->order.order,
				       .sign_pub = sign_pub,
				       .resumable = true,
				       .checkpoint_bytes = CHECKPOINT,
				       .opts = { .source = &source,
						 .ask = ask_head,
						 .ask_ctx = t->head,
						 .progress = show,
						 .progress_ctx = t,
						 .server = t->server,
						 .silence_ns = t->silence_ns } };
	struct bring_result r;

	if (fd < 0 || say(t, "begin", "restore", err) < 0 || bring_image(&b, fd, &r, err) < 0)
		return -1;
	text = bring_text(&r);
	printf("{\"before\":%llu,\"cast\":%llu,\"https\":%llu,\"casts\":%u,\"text\":\"%s\"}\n",
	       (unsigned long long)r.before_bytes, (unsigned long long)r.cast_bytes, (unsigned long long)r.https_bytes, r.casts,
	       text);
	return say(t, "done", text, err) < 0 ? -1 : head_done(t->head, t->order.order.install_id, "{}", err);
}

static int run(struct tool *t, struct err *err)
{
	autofree char *ca = fs_join(t->trust, "ca.crt");
	const struct identity_sources from = { .dir = t->dir };
	struct head_opts opts = { .server = t->server, .ca_file = ca, .identity = &t->identity };
	int rc;

	if (fs_mkdirs(t->dir, 0700, err) < 0 || fs_mkdirs(t->target, 0755, err) < 0 ||
	    identity_find(&from, &t->identity, err) < 0 || head_open(&opts, &t->head, err) < 0)
		return -1;
	rc = get_order(t, err) < 0 ? -1 : install(t, err);
	head_answer_free(&t->order);
	head_close(t->head);
	identity_free(&t->identity);
	return rc;
}

int main(int argc, char **argv)
{
	struct tool t = { 0 };
	struct err err = { 0 };

	if (argc != 7) {
		fprintf(stderr, "usage: bring_tool SERVER TRUST-DIR KEY-DIR MACHINE-JSON TARGET SILENCE-SECONDS\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	t.server = argv[1];
	t.trust = argv[2];
	t.dir = argv[3];
	t.machine = argv[4];
	t.target = argv[5];
	t.silence_ns = strtol(argv[6], NULL, 10) * NS_PER_S;
	if (run(&t, &err) == 0)
		return 0;
	fprintf(stderr, "bring_tool: %s; %s\n", err.text, err.hint);
	return 1;
}
