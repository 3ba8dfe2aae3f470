/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/serve.h"

#include "base/mem.h"
#include "imaging/imager/identity.h"
#include "imaging/imager/report.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORDERS_WAIT_S 30
#define ENROL_WAIT_S 30
#define PAUSE_NS (5 * NS_PER_S)
#define PAUSE_GROWTH 120 /* a machine that was rejected asks again after ten minutes at last */
#define SAY_NS (60 * NS_PER_S)

struct serving {
	const struct install_opts *opts;
	const char *mac;
	struct head *head;
	int64_t said_ns;       /* when the fingerprint was on the console last */
	int64_t growth;	       /* pauses are so many times longer, since the head has rejected us */
	char *failed_id;       /* the installation that failed here: not begun again by itself */
	struct buf neighbours; /* the switch ports of the last hello */
	enum serve_end end;
	char told[768]; /* the last line that was said, so that it is said once */
};

static void pause_a_little(const struct serving *s)
{
	clock_sleep_ns((s->opts->pause_ns ? s->opts->pause_ns : PAUSE_NS) * s->growth);
}

/* Whoever comes to the console to compare it must not have to scroll. */
static void say_fingerprint(struct serving *s)
{
	if (clock_now_ns() - s->said_ns < (s->opts->say_ns ? s->opts->say_ns : SAY_NS))
		return;
	identity_say(head_identity(s->head));
	s->said_ns = clock_now_ns();
}

static void tell_once(struct serving *s, const char *line)
{
	if (strncmp(s->told, line, sizeof(s->told) - 1) == 0)
		return;
	snprintf(s->told, sizeof(s->told), "%s", line);
	report_line("%s", line);
}

int serve_inventory(const struct install_work *work, const char *mac, struct inventory *out, struct err *err)
{
	*out = (struct inventory){ 0 };
	snprintf(out->mac, sizeof(out->mac), "%s", mac);
	if (inventory_read("", out, err) == 0 && work->look(&out->disks, err) == 0)
		return 0;
	inventory_free(out);
	return -1;
}

/* A switch tells its port's name only every 30 s, often after our first hello. */
static bool neighbours_changed(const struct serving *s)
{
	autoclean(buf_free) struct buf now = { 0 };

	inventory_neighbours("", &now);
	return !str_eq(buf_str(&now), buf_str(&s->neighbours));
}

/* The first answer at once, so that the console says what is awaited; then one as soon as the head has decided. 0: approved; 1:
 * there is more to tell of this machine, say it again. */
static int enrol(struct serving *s, const char *inventory, struct err *err)
{
	enum head_standing standing = HEAD_PENDING;

	for (unsigned int wait_s = 0;; wait_s = ENROL_WAIT_S) {
		int64_t asked_ns = clock_now_ns();

		if (head_enrol(s->head, inventory, wait_s, &standing, err) < 0) {
			say_fingerprint(s);
			if (err->kind == ERR_REFUSED)
				s->growth = s->growth * 2 < PAUSE_GROWTH ? s->growth * 2 : PAUSE_GROWTH;
			return -1;
		}
		s->growth = 1;
		if (standing == HEAD_APPROVED)
			return 0;
		tell_once(s, "this machine waits for approval: compare its fingerprint, then `orthrus node approve` on the head");
		say_fingerprint(s);
		if (neighbours_changed(s))
			return 1;
		/* A head that does not wait with its answer must not be asked in a circle. */
		if (wait_s && clock_now_ns() - asked_ns < NS_PER_S)
			pause_a_little(s);
	}
}

/* A new inventory each time: disks change between two tries. 1: once more. */
static int tell_all(struct serving *s, struct head_answer *answer, struct err *err)
{
	autoclean(inventory_free) struct inventory inv = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	int rc;

	buf_clear(&s->neighbours);
	inventory_neighbours("", &s->neighbours);
	if (serve_inventory(s->opts->work, s->mac, &inv, err) < 0)
		return -1;
	inventory_print(&inv, &text);
	rc = enrol(s, buf_str(&text), err);
	return rc ? rc : head_hello(s->head, buf_str(&text), answer, err);
}

static int say_hello(struct serving *s, struct head_answer *answer, struct err *err)
{
	int rc;

	do {
		rc = tell_all(s, answer, err);
	} while (rc == 1);
	return rc;
}

static bool may_install(const struct serving *s, const struct head_answer *answer)
{
	return answer->action == HEAD_INSTALL && !str_eq(answer->order.install_id, s->failed_id);
}

/* 0: there is something to do in `answer`; -1: say hello again. */
static int wait_for_orders(struct serving *s, struct head_answer *answer, struct err *err)
{
	autofree char *line = str_format("this is %s; waiting for orders", answer->node);

	while ((answer->action == HEAD_WAIT || answer->action == HEAD_INSTALL) && !may_install(s, answer)) {
		/* The order that failed here stands until the administrator gives a new one: don't ask in a circle. */
		if (answer->action == HEAD_INSTALL)
			pause_a_little(s);
		tell_once(s, line);
		head_answer_free(answer);
		if ((neighbours_changed(s) ? say_hello(s, answer, err) : head_orders(s->head, ORDERS_WAIT_S, answer, err)) < 0)
			return -1;
	}
	return 0;
}

/* Whoever stands at the console gets in, also when nobody can from elsewhere. */
static void begin_rescue(struct serving *s, const char *node)
{
	const struct install_work *work = s->opts->work;
	autoclean(disks_free) struct disks disks = { 0 };
	struct err why = { 0 };

	if (!work->rescue_is_here("/")) {
		report_line("%s shall run the rescue system, which was not loaded: starting anew", node);
		return;
	}
	s->end = SERVE_RESCUE;
	if (work->look(&disks, &why) < 0)
		report_error(&why);
	why = (struct err){ 0 };
	if (work->rescue("/", s->head, node, &disks, &why) == 0) {
		report_line("rescue system of %s; on the head: orthrus node exec %s -- COMMAND", node, node);
		return;
	}
	report_error(&why);
	report_line("the rescue system of %s can't be reached over the network: its consoles are open", node);
}

/* Tried again and again while it fails, so it is told each time, too: a head that was away hears it the next time. */
static int run_diskless(struct serving *s, const struct head_answer *answer, struct err *err)
{
	const struct head_event failed = {
		.install_id = answer->order.install_id, .step = DISKLESS_STEP, .event = "failed", .percent = -1, .cause = err
	};

	if (s->opts->work->diskless(s->opts, s->head, answer, err) < 0) {
		head_tell(s->head, &failed);
		return -1;
	}
	report_line("%s starts from memory", answer->node);
	s->end = SERVE_SYSTEM;
	return 0;
}

/* One hello and what follows from it. 0: it is over. */
static int serve_once(struct serving *s, struct err *err)
{
	autoclean(head_answer_free) struct head_answer answer = { 0 };

	if (say_hello(s, &answer, err) < 0 || wait_for_orders(s, &answer, err) < 0)
		return -1;
	if (answer.action == HEAD_RESCUE) {
		begin_rescue(s, answer.node);
		return 0;
	}
	if (answer.action == HEAD_DISKLESS)
		return run_diskless(s, &answer, err);
	if (answer.action == HEAD_DISK) {
		report_line("%s starts from its own disks", answer.node);
		return 0;
	}
	if (install_run(s->opts, s->head, &answer.order, err) == 0) {
		report_line("%s is installed", answer.node);
		return 0;
	}
	free(s->failed_id);
	s->failed_id = mem_strdup(answer.order.install_id);
	return -1;
}

enum serve_end serve(const struct install_opts *opts, const char *mac, struct head *head)
{
	struct serving s = { .opts = opts, .mac = mac, .head = head, .said_ns = clock_now_ns(), .growth = 1 };

	opts->work->release(opts->target);
	for (;;) {
		struct err why = { 0 };

		if (serve_once(&s, &why) == 0)
			break;
		if (strncmp(s.told, why.text, sizeof(s.told) - 1) != 0)
			report_error(&why);
		snprintf(s.told, sizeof(s.told), "%s", why.text);
		pause_a_little(&s);
	}
	free(s.failed_id);
	buf_free(&s.neighbours);
	return s.end;
}
