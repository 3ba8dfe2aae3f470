/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cast_receive.h"

#include "base/mem.h"
#include "cmd/cast_fleet.h"
#include "cmd/commands.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/threads.h"

#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A sender that gathers says so several times a second: whoever hears nothing for so long will hear nothing. */
#define SILENCE_NS (3 * NS_PER_S)
#define HANDS_MAX 16

/* --- Ctrl-C and progress: on another thread --- */

static void on_stop(void *ctx)
{
	struct cast_receive *r = ctx;
	struct rx *rx = atomic_load(&r->rx);

	if (rx)
		rx_stop(rx);
}

static void watch_silence(struct cast_receive *r, struct rx *rx)
{
	struct rx_view v;

	if (clock_now_ns() - r->listens_ns < SILENCE_NS)
		return;
	rx_look(rx, &v);
	if (!v.receiver.heard_ns && !atomic_exchange(&r->silent, true))
		rx_stop(rx);
}

/* Whoever began us by ssh is gone: nobody can stop us any more, or be told. */
static void watch_reader(struct cast_receive *r)
{
	struct pollfd p = { .fd = STDOUT_FILENO };

	if (poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP)) && !atomic_exchange(&r->watch.stopped, true))
		on_stop(r);
}

static void on_tick(void *ctx, struct progress *p)
{
	struct cast_receive *r = ctx;
	struct rx *rx = atomic_load(&r->rx);
	const char *stage;

	if (r->attended)
		watch_reader(r);

	if (rx)
		watch_silence(r, rx);
	stage = atomic_load(&r->stage);
	if (str_eq(stage, FLEET_LOOKING)) { /* what is offered, and what of it is there, nobody knows yet */
		progress_update(p, stage, 0, 0, clock_now_ns());
		return;
	}
	progress_update(p, stage, out_bytes(r->out), r->offer.file.size_bytes, clock_now_ns());
}

/* --- begin --- */

static int read_options(struct cmd *c, struct cast_receive *r, struct err *err)
{
	if (cmd_args(c, 0, 1, err) < 0)
		return -1;
	r->to_store = !c->argc;
	if (c->argc && (cmd_option(c, "store") || cmd_option(c, "trust"))) {
		err_set(err, ERR_USAGE, "an image has its name in the store, and no file's");
		return err_hint(err, "leave out %s, or --store and --trust", c->argv[0]);
	}
	r->path = c->argv[0];
	r->force = cmd_flag(c, "force");
	r->attended = cmd_flag(c, "attended");
	r->by_multicast = !cmd_flag(c, "no-multicast");
	r->interface = cmd_option(c, "interface");
	if (r->interface && !if_nametoindex(r->interface)) {
		err_set(err, ERR_USAGE, "there is no interface '%s'", r->interface);
		return err_hint(err, "`ip -br address` lists them");
	}
	r->hands = threads_for_work(HANDS_MAX + 1) - 1;
	if (!r->hands)
		r->hands = 1;
	if (r->to_store)
		return 0;
	r->shown = str_printable(r->path, strlen(r->path));
	return out_look(r->path, r->force, &r->look, err);
}

static int meet_sender(const struct cmd *c, struct cast_receive *r, struct err *err)
{
	struct token token;
	int rc = cast_token(c, &token, err);

	if (rc == 0)
		rc = guest_open(&token, &r->guest, err);
	if (rc == 0 && !r->to_store)
		rc = cast_receive_confine(r, err);
	token_clear(&token);
	return rc;
}

static int hear_offer(const struct cmd *c, struct cast_receive *r, struct err *err)
{
	if (guest_offer(r->guest, &r->offer, err) < 0)
		return -1;
	if (!r->to_store && r->offer.n_parts) {
		err_set(err, ERR_USAGE, "what is sent is the image %.200s, and no file", r->offer.file.name);
		return err_hint(err, "leave out %s: it goes into the image store, or the one that --store DIR names", r->shown);
	}
	if (!r->to_store)
		return 0;
	r->shown = str_printable(r->offer.file.name, strlen(r->offer.file.name));
	return cast_store_begin(c, r, err);
}

static bool resumes(const struct cast_receive *r)
{
	return r->look.resumes && r->look.size_bytes == r->offer.file.size_bytes &&
	       r->look.piece_bytes == r->offer.file.piece_bytes;
}

static void print_plan(const struct cmd *c, const struct cast_receive *r)
{
	autoclean(plan_free) struct plan plan = { 0 };
	autofree char *name = str_printable(r->offer.file.name, strlen(r->offer.file.name));
	char size[STR_BYTES_MAX], kept[STR_BYTES_MAX];

	str_from_bytes(r->offer.file.size_bytes, size);
	str_from_bytes(r->look.kept_bytes, kept);
	if (r->look.resumes && !resumes(r))
		plan_add(&plan, 0, PLAN_DESTROYS, "drop", str_format("drop %s that were kept of another file", kept), NULL, NULL);
	plan_add(&plan, 1, PLAN_WRITES, "receive",
		 str_format("receive %s (%s)%s%s", name, size, resumes(r) ? ", of which are there already: " : "",
			    resumes(r) ? kept : ""),
		 NULL, NULL);
	if (r->to_store)
		plan_add(&plan, 2, PLAN_WRITES, "store", str_format("take it into the image store when it is whole, as signed"),
			 NULL, NULL);
	else
		plan_add(&plan, 2, r->look.replaces ? PLAN_DESTROYS : PLAN_WRITES, "name",
			 str_format("%s %s when it is whole", r->look.replaces ? "replace" : "name it", r->shown), NULL, NULL);
	cmd_print_plan(c, &plan);
}

/* Room first, then the ticket: whoever has one is waited for. */
static int take_ticket(struct cast_receive *r, struct err *err)
{
	const struct ticket_file *f = &r->offer.file;
	struct out_opts out = { .path = r->path, .force = r->force, .hands = r->hands, .file = f };
	struct guest_wish wish = { .path = r->path, .offer = &r->offer, .tls_only = !r->by_multicast };
	autofree uint8_t *have = NULL;

	if (r->to_store && cast_store_look(r, &out.room_bytes, err) < 0)
		return -1;
	if (layout_of_pieces(f->size_bytes, f->piece_bytes, f->symbol_bytes, &r->layout, err) < 0 ||
	    out_open(&out, &r->out, err) < 0 || guest_verify(r->guest, &r->offer, r->out, &r->watch.stopped, err) < 0)
		return -1;
	if (r->to_store)
		cast_store_assume(r);
	r->kept_bytes = out_bytes(r->out);
	have = out_have(r->out, &wish.have_len);
	wish.have = r->kept_bytes ? have : NULL;
	return guest_ticket(r->guest, &wish, &r->ticket, err);
}

/* --- run --- */

/* When its disk was last at work, and whether it is. */
static int to_disk(void *ctx, unsigned int hand, uint32_t piece, const uint8_t *data, size_t len, const struct digest *digest,
		   struct err *err)
{
	struct cast_receive *r = ctx;
	int rc;

	if (atomic_fetch_add(&r->writing, 1) == 0)
		atomic_store(&r->wrote_ns, clock_now_ns());
	rc = out_chunk(r->out, hand, piece, data, len, digest, err);
	atomic_store(&r->wrote_ns, clock_now_ns());
	atomic_fetch_sub(&r->writing, 1);
	return rc;
}

static int open_rx(struct cast_receive *r, struct rx **rx, struct err *err)
{
	size_t len;
	autofree uint8_t *have = out_have(r->out, &len);
	struct rx_opts opts = { .layout = r->layout,
				.session = &r->ticket.session,
				.have = have,
				.rows = true,
				.sink = { .chunk = to_disk, .ctx = r },
				.hands = r->hands };

	if (r->interface)
		snprintf(opts.interface, sizeof(opts.interface), "%s", r->interface);
	return rx_open(&opts, rx, err);
}

static void close_rx(struct cast_receive *r)
{
	struct rx *rx = atomic_exchange(&r->rx, NULL);

	if (rx)
		rx_close(rx);
}

/* The sender was heard, and speaks still, but none of what it sends. */
static bool only_small(const struct cast_receive *r)
{
	const struct receiver_view *v = &r->heard.receiver;

	return v->heard_ns && !v->packets && !v->over;
}

/* What stops multicast here is no error: there is another way. */
static int by_multicast(struct cast_receive *r, struct err *err)
{
	struct err why = { 0 };
	struct rx *rx = NULL;
	bool whole = false;
	int rc;

	if (open_rx(r, &rx, &why) < 0) {
		log_warn("cast", "no multicast here (%s): the file is fetched from the sender by TLS", why.text);
		return 0;
	}
	r->listens_ns = clock_now_ns();
	atomic_store(&r->stage, "receiving");
	atomic_store(&r->rx, rx);
	if (atomic_load(&r->watch.stopped))
		rx_stop(rx);
	cast_tell_begin(&r->telling, r, TICKET_HELD_UP);
	rc = rx_run(rx, &whole, err);
	cast_tell_end(&r->telling);
	rx_look(rx, &r->heard);
	return rc;
}

static int by_tls(struct cast_receive *r, struct err *err)
{
	atomic_store(&r->stage, "fetching by TLS");
	cast_receive_report(r, TICKET_FETCHING, NULL);
	return guest_fetch(r->guest, &r->ticket, r->out, &r->tls_bytes, &r->watch.stopped, err);
}

static int receive_all(struct cast_receive *r, struct err *err)
{
	if (out_whole(r->out))
		return 0;
	if (r->by_multicast && r->ticket.multicast && by_multicast(r, err) < 0)
		return -1;
	if (atomic_load(&r->watch.stopped))
		return err_set(err, ERR_FAILED, "stopped");
	return out_whole(r->out) ? 0 : by_tls(r, err);
}

static int make_durable(struct cmd *c, struct cast_receive *r, struct err *err)
{
	int rc;

	atomic_store(&r->stage, "making it durable");
	cast_tell_begin(&r->telling, r, TICKET_SYNCING);
	rc = r->to_store ? cast_store_finish(c, r, err) : out_finish(r->out, err);
	cast_tell_end(&r->telling);
	return rc;
}

static int finish(struct cmd *c, struct cast_receive *r, struct err *err)
{
	struct rx *rx;

	if (receive_all(r, err) < 0 || make_durable(c, r, err) < 0)
		return -1;
	r->seconds = (double)(clock_now_ns() - r->begun_ns) / (double)NS_PER_S;
	rx = atomic_load(&r->rx);
	if (rx)
		rx_done(rx);
	cast_receive_report(r, TICKET_DONE, NULL);
	return 0;
}

/* What is kept, and how to go on. */
static int leave(struct cast_receive *r, struct err *err)
{
	char kept[STR_BYTES_MAX], size[STR_BYTES_MAX];
	uint64_t kept_bytes = 0;

	cast_receive_report(r, TICKET_FAILED, err->text);
	out_close(r->out, &kept_bytes);
	r->out = NULL;
	if (!kept_bytes || err->hint[0])
		return -1;
	str_from_bytes(kept_bytes, kept);
	str_from_bytes(r->offer.file.size_bytes, size);
	return err_hint(err, "%s of %s are kept: receive it again, with the token of the next sending, and only the rest is sent",
			kept, size);
}

/* Ctrl-C is heard, and whoever began us hears that we are there. */
static int watch(struct cmd *c, struct cast_receive *r, struct err *err)
{
	r->watch.tick = on_tick;
	r->watch.stop = on_stop;
	r->watch.ctx = r;
	atomic_store(&r->stage, FLEET_LOOKING);
	return cast_watch_start(&r->watch, c, err);
}

static int receive(struct cmd *c, struct cast_receive *r, struct err *err)
{
	int rc;

	if (take_ticket(r, err) < 0)
		return -1;
	r->begun_ns = clock_now_ns();
	atomic_store(&r->stage, "waiting for the sender");
	rc = finish(c, r, err);
	cast_watch_end(&r->watch);
	if (atomic_load(&r->silent))
		log_warn("cast", "nothing came by multicast within %d s (a firewall? a switch?): the file was fetched by TLS",
			 (int)(SILENCE_NS / NS_PER_S));
	else if (rc == 0 && only_small(r))
		log_warn("cast", "only small packets came by multicast (a switch or tunnel with a small MTU?): the file was "
				 "fetched by TLS");
	close_rx(r);
	if (rc < 0)
		return leave(r, err);
	cast_receive_result(c, r);
	return 0;
}

static void clear(struct cast_receive *r)
{
	cast_watch_end(&r->watch);
	close_rx(r);
	out_close(r->out, NULL);
	layout_drop(r->layout);
	ticket_clear(&r->ticket);
	ticket_offer_clear(&r->offer);
	guest_close(r->guest);
	cast_store_free(r->store);
	free(r->shown);
}

int cmd_cast_receive(struct cmd *c, struct err *err)
{
	autoclean(clear) struct cast_receive r = { 0 };

	if (read_options(c, &r, err) < 0 || meet_sender(c, &r, err) < 0 || (!c->plan && watch(c, &r, err) < 0) ||
	    hear_offer(c, &r, err) < 0)
		return -1;
	if (c->plan) {
		print_plan(c, &r);
		return 0;
	}
	return receive(c, &r, err);
}
