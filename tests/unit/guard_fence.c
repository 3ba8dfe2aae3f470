/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fence's process and its verdicts, with agents that are scripts of this test. (Real BMCs: tests/cli/fence.sh.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "headfailover/guard/fence.h"
#include "sys/clock.h"
#include "sys/fs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct lab {
	char dir[64];
	struct site_fence how;
	struct fence fence;
	struct fence_set set;
};

static void script(const struct lab *l, const char *text)
{
	autofree char *path = str_format("%s/fence_t", l->dir);
	struct err err = { 0 };

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0755, &err), 0);
}

static char *slurp(const struct lab *l, const char *name)
{
	autofree char *path = str_format("%s/%s", l->dir, name);
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	return fs_read(path, 4096, &text, &err) < 0 ? mem_strdup("") : buf_steal(&text);
}

static int setup(void **state)
{
	struct lab *l = mem_zalloc(sizeof(*l));
	autofree char *path = NULL;

	snprintf(l->dir, sizeof(l->dir), "/tmp/guard-fence.XXXXXX");
	assert_non_null(mkdtemp(l->dir));
	path = str_format("%s:%s", l->dir, getenv("PATH"));
	setenv("PATH", path, 1);
	l->how = (struct site_fence){ .driver = SITE_FENCE_AGENT, .agent = mem_strdup("fence_t") };
	str_list_add(&l->how.options, "plug=3");
	l->fence = (struct fence){ .how = &l->how };
	l->set = (struct fence_set){ .head = "head2", .items = &l->fence, .len = 1, .timeout_ns = 300 * NS_PER_MS };
	*state = l;
	return 0;
}

static int teardown(void **state)
{
	struct lab *l = *state;
	struct err err = { 0 };
	int rc = fs_remove_tree(l->dir, &err);

	str_list_free(&l->how.options);
	free(l->how.agent);
	free(l);
	return rc;
}

/* An agent whose power is the file "on"; "off" removes it. */
#define AGENT                                                                                                                    \
	"#!/bin/sh\nd=${0%/*}\ncat >$d/said\ncase $(cat $d/said) in\n*action=off*) echo x >>$d/offs; rm -f $d/on; exit 0 ;;\n"   \
	"*action=status*) [ -e $d/on ] && exit 0; exit 2 ;;\nesac\nexit 1\n"

static void confirmed_only_when_off(void **state)
{
	/* Each says something else than "it was ordered to be off, and is". */
	static const char *const wrong[] = {
		"#!/bin/sh\nexit 0\n",					    /* it is on, for ever */
		"#!/bin/sh\nexit 1\n",					    /* nothing works */
		"#!/bin/sh\ngrep -q action=off || exit 3\n",		    /* status: something odd */
		"#!/bin/sh\ngrep -q action=off && exit 2; exit 0\n",	    /* 2 is no success of "off" */
		"#!/bin/sh\ngrep -q action=off && exit 0; kill -9 $$\n",    /* status dies */
		"#!/bin/sh\ngrep -q action=off && exit 0; exec sleep 20\n", /* status hangs */
		"not a program\n",
	};
	struct lab *l = *state;
	struct err err = { 0 };
	int64_t begun;

	script(l, AGENT);
	assert_int_equal(fence_run(&l->set, -1, &err), FENCE_CONFIRMED);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		script(l, wrong[i]);
		err = (struct err){ 0 };
		begun = clock_now_ns();
		if (fence_run(&l->set, -1, &err) != FENCE_FAILED)
			fail_msg("taken for a confirmation: %s", wrong[i]);
		assert_true(str_starts(err.text, "switch head2 off by fence-agent: "));
		assert_true(err.hint[0]);
		assert_true(clock_now_ns() - begun < 10 * NS_PER_S);
	}
	/* No fence is no confirmation, whoever asks. */
	l->set.len = 0;
	assert_int_equal(fence_run(&l->set, -1, &err), FENCE_FAILED);
	l->set.len = 1;
	l->how.driver = SITE_FENCE_MANUAL;
	assert_int_equal(fence_run(&l->set, -1, &err), FENCE_WAITS);
	l->how.driver = SITE_FENCE_AGENT;
}

/* An order that is refused: of one supply what is read counts, of two it doesn't. */
static void refused_order(void **state)
{
	struct lab *l = *state;
	struct fence two[] = { l->fence, l->fence };
	struct fence_set both = { .head = "head2", .items = two, .len = 2 };
	struct err err = { 0 };

	/* Time enough for one order on a machine that is busy; a refusal is seen when it is over. */
	l->set.timeout_ns = 60 * NS_PER_S;
	both.timeout_ns = 3 * NS_PER_S;
	script(l, "#!/bin/sh\ngrep -q action=off && exit 1; exit 2\n");
	assert_int_equal(fence_run(&l->set, -1, &err), FENCE_CONFIRMED);
	assert_int_equal(fence_run(&both, -1, &err), FENCE_FAILED);
	assert_non_null(strstr(err.text, "fence_t off: exit 1"));
	both.timeout_ns = 60 * NS_PER_S;
	script(l, AGENT);
	assert_int_equal(fence_run(&both, -1, &err), FENCE_CONFIRMED);
}

static void ends_when_hung_up(void **state)
{
	struct lab *l = *state;
	struct err err = { 0 };
	int64_t begun = clock_now_ns();
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	close(ends[0]);
	script(l, "#!/bin/sh\nexit 0\n");
	l->set.timeout_ns = 600 * NS_PER_S;
	assert_int_equal(fence_run(&l->set, ends[1], &err), FENCE_FAILED);
	assert_true(clock_now_ns() - begun < 60 * NS_PER_S);
	l->set.timeout_ns = 300 * NS_PER_MS;
	close(ends[1]);
}

static void wait_answer(struct fence_helper *h, struct fence_answer *a)
{
	struct pollfd p = { .fd = h->fd, .events = POLLIN };
	int got;

	while ((got = fence_helper_take(h, a)) == 0)
		assert_int_not_equal(poll(&p, 1, 60000), 0);
	assert_int_equal(got, 1);
}

static void helper_answers(void **state)
{
	struct lab *l = *state;
	struct fence_helper h;
	struct fence_answer a;
	struct err err = { 0 };

	script(l, AGENT);
	assert_int_equal(fence_helper_start(&l->set, &h, &err), 0);
	assert_int_equal(fence_helper_take(&h, &a), 0); /* nothing was asked */
	assert_true(fence_helper_ask(&h, 1));
	wait_answer(&h, &a);
	assert_int_equal(a.number, 1);
	assert_int_equal(a.verdict, FENCE_CONFIRMED);
	assert_string_equal(a.text, "");
	script(l, "#!/bin/sh\nexit 1\n");
	assert_true(fence_helper_ask(&h, 2));
	wait_answer(&h, &a);
	assert_int_equal(a.number, 2);
	assert_int_equal(a.verdict, FENCE_FAILED);
	assert_non_null(strstr(a.text, "fence_t off: exit 1"));
	/* It is killed: nobody is told that anything was confirmed. */
	kill(h.pid, SIGKILL);
	{
		struct pollfd p = { .fd = h.fd, .events = POLLIN };

		assert_int_equal(poll(&p, 1, 60000), 1);
	}
	assert_int_equal(fence_helper_take(&h, &a), -1);
	assert_false(fence_helper_ask(&h, 3));
	fence_helper_end(&h);
	assert_int_equal(fence_helper_take(&h, &a), -1);
	assert_false(fence_helper_ask(&h, 4));
	fence_helper_end(&h); /* again */
}

/* A fence agent is somebody else's program: it has none of the rights that the guard needs at its start. */
static void helper_has_no_rights(void **state)
{
	struct lab *l = *state;
	autofree char *rights = NULL;
	struct fence_helper h;
	struct fence_answer a;
	struct err err = { 0 };

	script(l, "#!/bin/sh\ngrep CapEff /proc/$$/status >${0%/*}/rights\ngrep -q action=off && exit 0; exit 2\n");
	assert_int_equal(fence_helper_start(&l->set, &h, &err), 0);
	assert_true(fence_helper_ask(&h, 1));
	wait_answer(&h, &a);
	assert_int_equal(a.verdict, FENCE_CONFIRMED);
	fence_helper_end(&h);
	rights = slurp(l, "rights");
	assert_string_equal(rights, "CapEff:\t0000000000000000\n");
}

/* Questions that come while it works are one: a machine is not switched off ten times. */
static void helper_merges(void **state)
{
	struct lab *l = *state;
	autofree char *offs = NULL;
	struct fence_helper h;
	struct fence_answer a = { 0 };
	struct err err = { 0 };

	script(l, AGENT);
	assert_int_equal(fence_helper_start(&l->set, &h, &err), 0);
	kill(h.pid, SIGSTOP);
	for (uint64_t i = 1; i <= 5; i++)
		assert_true(fence_helper_ask(&h, i));
	kill(h.pid, SIGCONT);
	wait_answer(&h, &a);
	assert_int_equal(a.number, 5);
	fence_helper_end(&h);
	offs = slurp(l, "offs");
	assert_true(strlen(offs) <= 4); /* one question may have been taken before it stopped */
}

static void sets(void **state)
{
	struct lab *l = *state;
	autofree char *file = str_format("%s/password", l->dir);
	struct site_fence list[] = { l->how, l->how, l->how };
	struct site site = { .pair = { .fences = list, .n_fences = 3 } };
	struct fence_set set;
	struct err err = { 0 };
	char head1[] = "head1", head2[] = "head2";

	list[0].head = list[2].head = head2;
	list[1].head = head1;
	list[2].password_file = file;
	assert_int_equal(fence_set_load(&site, "head2", &set, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_int_equal(fs_write_atomic(file, "secret\n", 7, 0600, &err), 0);
	if (geteuid() == 0) {
		assert_int_equal(fence_set_load(&site, "head2", &set, &err), 0);
		assert_int_equal(set.len, 2);
		assert_null(set.items[0].password);
		assert_string_equal(set.items[1].password, "secret");
		fence_set_free(&set);
		assert_int_equal(fs_write_atomic(file, "two\nlines\n", 10, 0600, &err), 0);
		assert_int_equal(fence_set_load(&site, "head2", &set, &err), -1);
		assert_int_equal(err.kind, ERR_INVALID);
		assert_null(strstr(err.text, "two\n"));
	}
	if (geteuid() == 0) { /* as the guard's unit runs it: a user of its own */
		assert_int_equal(fs_write_atomic(file, "secret\n", 7, 0600, &err), 0);
		assert_int_equal(chmod(l->dir, 0755), 0);
		assert_int_equal(seteuid(65534), 0);
		err = (struct err){ 0 };
		assert_int_equal(fence_set_load(&site, "head2", &set, &err), -1);
		assert_non_null(strstr(err.hint, "chown orthrus-guard"));
		assert_int_equal(seteuid(0), 0);
		assert_int_equal(chown(file, 65534, 65534), 0);
		assert_int_equal(seteuid(65534), 0);
		assert_int_equal(fence_set_load(&site, "head2", &set, &err), 0);
		assert_string_equal(set.items[1].password, "secret");
		fence_set_free(&set);
		assert_int_equal(seteuid(0), 0);
		assert_int_equal(fence_set_load(&site, "head2", &set, &err), -1); /* a stranger's, who may change it */
		assert_int_equal(err.kind, ERR_REFUSED);
	}
	assert_int_equal(fs_write_atomic(file, "secret\n", 7, 0640, &err), 0);
	assert_int_equal(fence_set_load(&site, "head2", &set, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(fence_set_load(&site, "head1", &set, &err), 0);
	assert_int_equal(set.len, 1);
	fence_set_free(&set);
	assert_int_equal(fence_set_load(&site, "head3", &set, &err), 0);
	assert_int_equal(set.len, 0);
	fence_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(confirmed_only_when_off, setup, teardown),
		cmocka_unit_test_setup_teardown(refused_order, setup, teardown),
		cmocka_unit_test_setup_teardown(ends_when_hung_up, setup, teardown),
		cmocka_unit_test_setup_teardown(helper_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(helper_has_no_rights, setup, teardown),
		cmocka_unit_test_setup_teardown(helper_merges, setup, teardown),
		cmocka_unit_test_setup_teardown(sets, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the helper: an agent need not read all that it is told */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
