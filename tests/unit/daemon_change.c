/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes whose write fails, or ends nobody knows how; and what of tokens stays in the state. The state is a real one: only its
 * write can be told to fail. There is no server: calls are answered by the functions below. */
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/reconcile.h"
#include "daemon/tokens.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

#include "state_help.h"

static enum { WRITES, REFUSES, WRITES_AND_FAILS } mode;
static int kicks;
static struct buf out;
static const char *bearer;

int __real_state_write(struct state *s, const struct state_op *ops, size_t n, uint64_t *revision, struct err *err);
int __wrap_state_write(struct state *s, const struct state_op *ops, size_t n, uint64_t *revision, struct err *err);
int __wrap_state_write(struct state *s, const struct state_op *ops, size_t n, uint64_t *revision, struct err *err)
{
	if (mode == REFUSES)
		return err_set(err, ERR_FAILED, "no space");
	if (__real_state_write(s, ops, n, revision, err) < 0)
		return -1;
	return mode == WRITES ? 0 : err_set(err, ERR_FAILED, "it is not known whether %s was written", ops[0].key);
}

void __wrap_reconcile_kick(struct reconcile *r, bool retry);
void __wrap_reconcile_kick(struct reconcile *r, bool retry)
{
	(void)r;
	(void)retry;
	kicks++;
}

int __wrap_reconcile_wait(struct reconcile *r, struct err *err);
int __wrap_reconcile_wait(struct reconcile *r, struct err *err)
{
	(void)r;
	(void)err;
	return 0;
}

const char *__wrap_http_bearer(const struct http_call *call);
const char *__wrap_http_bearer(const struct http_call *call)
{
	(void)call;
	return bearer;
}

const char *__wrap_http_param(const struct http_call *call, const char *name);
const char *__wrap_http_param(const struct http_call *call, const char *name)
{
	(void)call;
	(void)name;
	return "n01";
}

int __wrap_http_query_flag(const struct http_call *call, const char *name, bool *flag, struct err *err);
int __wrap_http_query_flag(const struct http_call *call, const char *name, bool *flag, struct err *err)
{
	(void)call;
	(void)name;
	(void)err;
	*flag = false;
	return 0;
}

const char *__wrap_http_who(const struct http_call *call);
const char *__wrap_http_who(const struct http_call *call)
{
	(void)call;
	return "the test";
}

struct buf *__wrap_http_out(struct http_call *call);
struct buf *__wrap_http_out(struct http_call *call)
{
	(void)call;
	return &out;
}

void __wrap_http_set_status(struct http_call *call, int status);
void __wrap_http_set_status(struct http_call *call, int status)
{
	(void)call;
	assert_int_equal(status, 401);
}

static void must_start(struct daemon *d, const char *dir)
{
	struct state_opts opts = { .dir = dir, .id = 1, .address = "127.0.0.1:1" };
	struct err err = { 0 };

	*d = (struct daemon){ .reconcile = (struct reconcile *)d }; /* never looked into: its functions are above */
	pthread_mutex_init(&d->change_lock, NULL);
	assert_int_equal(state_open(&opts, &d->state, &err), 0);
	assert_int_equal(event_start(d, &err), 0);
	mode = WRITES;
	kicks = 0;
}

static void stop(struct daemon *d)
{
	state_close(d->state);
	mac_index_free(&d->macs);
	pthread_mutex_destroy(&d->change_lock);
	buf_free(&out);
}

static int add_node(struct daemon *d, const char *name, const char *mac, struct err *err)
{
	struct node n = { .name = mem_strdup(name), .group = mem_strdup("compute"), .addr4 = 0x0a4d0002 };
	autoclean(change_end) struct change c;
	int rc;

	str_list_add(&n.macs, mac);
	change_begin(&c, d);
	change_node(&c, &n);
	change_event(&c, EVENT_INFO, "node-added", name, "%s added", name);
	rc = change_commit(&c, err);
	node_free(&n);
	return rc;
}

static size_t count(struct daemon *d, const char *prefix)
{
	autoclean(state_docs_free) struct state_docs l = { 0 };
	struct err err = { 0 };

	assert_int_equal(state_list(d->state, prefix, &l, &err), 0);
	return l.len;
}

static void test_failed_commit(void **state)
{
	struct daemon d;
	struct err err = { 0 };

	must_start(&d, *state);
	assert_int_equal(add_node(&d, "n01", "52:54:00:00:00:01", &err), 0);
	assert_int_equal(kicks, 0);
	mode = REFUSES;
	assert_int_equal(add_node(&d, "n02", "52:54:00:00:00:02", &err), -1);
	assert_int_equal(kicks, 1);
	/* An event of the reconciler's own would wake it for ever. */
	event_note(&d, EVENT_ERROR, "netboot-failed", NULL, "x");
	assert_int_equal(kicks, 1);
	stop(&d);
}

/* It is written all the same: the machine follows, and the next event is not put over that one. */
static void test_commit_not_known(void **state)
{
	struct daemon d;
	struct err err = { 0 };
	autofree char *node = NULL;

	must_start(&d, *state);
	assert_int_equal(add_node(&d, "n01", "52:54:00:00:00:01", &err), 0);
	assert_int_equal(mac_index_find(&d, "52:54:00:00:00:02", &node, &err), 0);
	assert_null(node);
	mode = WRITES_AND_FAILS;
	assert_int_equal(add_node(&d, "n02", "52:54:00:00:00:02", &err), -1);
	assert_non_null(strstr(err.text, "not known whether node/n02"));
	assert_int_equal(kicks, 1);
	assert_int_equal(count(&d, "event/"), 2);
	mode = WRITES;
	assert_int_equal(mac_index_find(&d, "52:54:00:00:00:02", &node, &err), 0);
	assert_string_equal(node, "n02");
	event_note(&d, EVENT_INFO, "x", NULL, "x");
	assert_int_equal(count(&d, "event/"), 3);
	assert_int_equal(d.last_event, 3);
	stop(&d);
}

static void issue(struct daemon *d, struct run *r, char imager[TOKEN_LEN], char report[TOKEN_LEN])
{
	autoclean(change_end) struct change c;
	struct err err = { 0 };

	change_begin(&c, d);
	token_issue(&c, "n01", r, TOKEN_IMAGER, imager);
	token_issue(&c, "n01", r, TOKEN_REPORT, report);
	change_run(&c, "n01", r);
	assert_int_equal(change_commit(&c, &err), 0);
}

static int check(struct daemon *d, const char *token, enum token_use use)
{
	autoclean(run_free) struct run r = { 0 };
	autofree char *node = NULL;
	struct err err = { 0 };

	bearer = token;
	return token_check(d, NULL, use, &node, &r, &err);
}

static void test_token_is_for_one_use(void **state)
{
	struct daemon d;
	struct err err = { 0 };
	autoclean(run_free) struct run r = { 0 };
	char imager[TOKEN_LEN], report[TOKEN_LEN];

	must_start(&d, *state);
	assert_int_equal(add_node(&d, "n01", "52:54:00:00:00:01", &err), 0);
	issue(&d, &r, imager, report);
	assert_int_equal(check(&d, imager, TOKEN_IMAGER), 0);
	assert_int_equal(check(&d, report, TOKEN_REPORT), 0);
	assert_int_equal(check(&d, imager, TOKEN_REPORT), -1);
	assert_int_equal(check(&d, report, TOKEN_IMAGER), -1);
	/* Not even when the node's run takes it for the other's: what was written with the token counts too. */
	model_set(&r.token, r.report_token);
	{
		autoclean(change_end) struct change c;

		change_begin(&c, &d);
		change_run(&c, "n01", &r);
		assert_int_equal(change_commit(&c, &err), 0);
	}
	assert_int_equal(check(&d, report, TOKEN_IMAGER), -1);
	assert_int_equal(check(&d, report, TOKEN_REPORT), 0);
	stop(&d);
}

static void test_node_remove_takes_its_tokens(void **state)
{
	struct daemon d;
	struct err err = { 0 };
	autoclean(run_free) struct run r = { 0 };
	char imager[TOKEN_LEN], report[TOKEN_LEN];

	must_start(&d, *state);
	assert_int_equal(add_node(&d, "n01", "52:54:00:00:00:01", &err), 0);
	issue(&d, &r, imager, report);
	assert_int_equal(count(&d, "token/"), 2);
	assert_int_equal(api_node_remove(&d, NULL, &err), 0);
	assert_int_equal(count(&d, "node/"), 0);
	assert_int_equal(count(&d, "run/"), 0);
	assert_int_equal(count(&d, "token/"), 0);
	stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_failed_commit, memory_dir_setup, dir_teardown),
		cmocka_unit_test_setup_teardown(test_commit_not_known, memory_dir_setup, dir_teardown),
		cmocka_unit_test_setup_teardown(test_token_is_for_one_use, memory_dir_setup, dir_teardown),
		cmocka_unit_test_setup_teardown(test_node_remove_takes_its_tokens, memory_dir_setup, dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
