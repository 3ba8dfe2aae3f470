/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changes whose write fails, or ends nobody knows how; and whose key is whose. The state is a real one: only its
 * write can be told to fail. There is no server: calls are answered by the functions below. */
#include "daemon/api.h"
#include "daemon/change.h"
#include "daemon/enrol_token.h"
#include "daemon/ident.h"
#include "daemon/reconcile.h"
#include "sys/clock.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

#include "state_help.h"

static enum { WRITES, REFUSES, WRITES_AND_FAILS } mode;
static int kicks;
static struct buf out;
static const char *claimed; /* the node in the certificate of the call */
static struct node_key caller;

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

const char *__wrap_http_peer_node(const struct http_call *call, struct digest *spki);
const char *__wrap_http_peer_node(const struct http_call *call, struct digest *spki)
{
	(void)call;
	*spki = caller.spki;
	return claimed;
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
	assert_int_equal(status, 403);
}

static void must_start(struct daemon *d, const char *dir)
{
	struct state_opts opts = { .dir = dir, .id = 1, .address = "127.0.0.1:1" };
	struct err err = { 0 };

	*d = (struct daemon){ .reconcile = (struct reconcile *)d }; /* never looked into: its functions are above */
	d->paths.run_dir = d->paths.tftp_dir = d->paths.ssh_dir = mem_strdup(dir);
	pthread_mutex_init(&d->change_lock, NULL);
	assert_int_equal(state_open(&opts, &d->state, &err), 0);
	assert_int_equal(event_start(d, &err), 0);
	mode = WRITES;
	kicks = 0;
}

static void stop(struct daemon *d)
{
	state_close(d->state);
	free(d->paths.run_dir);
	mac_index_free(&d->macs);
	waiting_free(&d->waiting);
	pthread_mutex_destroy(&d->change_lock);
	buf_free(&out);
}

static int add_node(struct daemon *d, const char *name, const char *mac, struct err *err)
{
	struct node n = { .name = mem_strdup(name), .group = mem_strdup("compute"), .addr4 = 0x0a4d0002 };
	autoclean(change_end) struct change c = { 0 };
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

static struct node_key key_of(uint8_t n)
{
	struct node_key k = { 0 };

	memset(k.spki.bytes, n, sizeof(k.spki.bytes));
	memset(k.seal, n + 100, sizeof(k.seal));
	return k;
}

static void approve(struct daemon *d, const char *node, uint8_t n)
{
	autoclean(change_end) struct change c = { 0 };
	struct node_key k = key_of(n);
	struct err err = { 0 };

	change_begin(&c, d);
	assert_int_equal(ident_approve(&c, node, &k, "a test", &err), 0);
	assert_int_equal(change_commit(&c, &err), 0);
}

static void change_ident(struct daemon *d, int (*what)(struct change *c, const char *node, struct err *err))
{
	autoclean(change_end) struct change c = { 0 };
	struct err err = { 0 };

	change_begin(&c, d);
	assert_int_equal(what(&c, "n01", &err), 0);
	assert_int_equal(change_commit(&c, &err), 0);
}

/* Does the head take a call with this key and a certificate of this name? */
static bool calls(struct daemon *d, const char *name, uint8_t n)
{
	autoclean(run_free) struct run r = { 0 };
	autofree char *node = NULL;
	struct err err = { 0 };

	claimed = name;
	caller = key_of(n);
	if (ident_caller(d, NULL, &node, &r, &err) < 0)
		return false;
	assert_string_equal(node, name);
	return true;
}

/* What is installed keeps its key until it is erased, whoever was approved meanwhile; a key that is given up is nobody's. */
static void test_keys_of_a_node(void **state)
{
	struct daemon d;
	struct err err = { 0 };

	must_start(&d, *state);
	assert_int_equal(add_node(&d, "n01", "52:54:00:00:00:01", &err), 0);
	assert_int_equal(add_node(&d, "n02", "52:54:00:00:00:02", &err), 0);
	assert_false(calls(&d, "n01", 1));
	approve(&d, "n01", 1);
	assert_true(calls(&d, "n01", 1));
	assert_false(calls(&d, "n02", 1));
	assert_false(calls(&d, NULL, 1));
	approve(&d, "n01", 2);
	assert_false(calls(&d, "n01", 1));
	change_ident(&d, ident_installed);
	approve(&d, "n01", 3);
	assert_true(calls(&d, "n01", 2));
	assert_true(calls(&d, "n01", 3));
	approve(&d, "n01", 4);
	assert_true(calls(&d, "n01", 2));
	assert_false(calls(&d, "n01", 3));
	change_ident(&d, ident_erased);
	assert_false(calls(&d, "n01", 2));
	assert_true(calls(&d, "n01", 4));
	change_ident(&d, ident_installed);
	change_ident(&d, ident_erased);
	assert_true(calls(&d, "n01", 4));
	change_ident(&d, ident_installed);
	assert_int_equal(count(&d, "spki/"), 1);
	stop(&d);
}

/* Another machine in its place: both keys that the one before had are nobody's. */
static void test_node_replaced(void **state)
{
	struct daemon d;
	struct err err = { 0 };
	const struct node_key key = key_of(7);

	must_start(&d, *state);
	assert_int_equal(add_node(&d, "n01", "52:54:00:00:00:01", &err), 0);
	approve(&d, "n01", 1);
	change_ident(&d, ident_installed);
	approve(&d, "n01", 2);
	{
		autoclean(change_end) struct change c = { 0 };

		change_begin(&c, &d);
		assert_int_equal(ident_replace(&c, "n01", &key, "a test", &err), 0);
		assert_int_equal(change_commit(&c, &err), 0);
	}
	assert_false(calls(&d, "n01", 1));
	assert_false(calls(&d, "n01", 2));
	assert_true(calls(&d, "n01", 7));
	assert_int_equal(count(&d, "spki/"), 1);
	/* The same key again: it stays its own. */
	{
		autoclean(change_end) struct change c = { 0 };

		change_begin(&c, &d);
		assert_int_equal(ident_replace(&c, "n01", &key, "a test", &err), 0);
		assert_int_equal(change_commit(&c, &err), 0);
	}
	assert_true(calls(&d, "n01", 7));
	stop(&d);
}

static void test_node_remove_takes_its_keys(void **state)
{
	autoclean(enrol_token_free) struct enrol_token told = { 0 };
	char secret[ENROL_TOKEN_LEN];
	struct daemon d;
	struct err err = { 0 };

	must_start(&d, *state);
	assert_int_equal(add_node(&d, "n01", "52:54:00:00:00:01", &err), 0);
	approve(&d, "n01", 1);
	change_ident(&d, ident_installed);
	approve(&d, "n01", 2);
	{
		autoclean(change_end) struct change c = { 0 };

		change_begin(&c, &d);
		assert_int_equal(enrol_token_make(&c, "n01", "a test", 60, secret, &told, &err), 0);
		assert_int_equal(change_commit(&c, &err), 0);
	}
	assert_int_equal(count(&d, "spki/") + count(&d, "ident/") + count(&d, "tok/"), 4);
	assert_int_equal(api_node_remove(&d, NULL, &err), 0);
	assert_int_equal(count(&d, "node/") + count(&d, "run/"), 0);
	assert_int_equal(count(&d, "spki/") + count(&d, "ident/") + count(&d, "tok/"), 0);
	assert_false(calls(&d, "n01", 1));
	assert_false(calls(&d, "n01", 2));
	stop(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_failed_commit, memory_dir_setup, dir_teardown),
		cmocka_unit_test_setup_teardown(test_commit_not_known, memory_dir_setup, dir_teardown),
		cmocka_unit_test_setup_teardown(test_keys_of_a_node, memory_dir_setup, dir_teardown),
		cmocka_unit_test_setup_teardown(test_node_replaced, memory_dir_setup, dir_teardown),
		cmocka_unit_test_setup_teardown(test_node_remove_takes_its_keys, memory_dir_setup, dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
