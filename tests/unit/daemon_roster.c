/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Nodes beside each other in one site, and what applying another site would change. */
#include "base/mem.h"
#include "daemon/roster.h"
#include "daemon/site_diff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

struct bench {
	struct site site;
	struct roster roster;
};

static int setup(void **state)
{
	struct site_seed seed = { .cluster = "lab",
				  .interface = "eth0",
				  .subnet = "10.77.0.0/28",
				  .head_addr = "10.77.0.1",
				  .head_name = "head1",
				  .suite = "bookworm",
				  .trust_mac = true };
	struct bench *b = mem_zalloc(sizeof(*b));
	struct err err = { 0 };

	if (site_init(&seed, &b->site, &err) < 0) {
		print_error("%s\n", err.text);
		return -1;
	}
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	roster_free(&b->roster);
	site_free(&b->site);
	free(b);
	return 0;
}

static struct node make(const char *name, const char *mac, uint32_t addr4)
{
	struct node n = { .name = mem_strdup(name), .group = mem_strdup("compute"), .addr4 = addr4 };

	str_list_add(&n.macs, mac);
	return n;
}

#define NET 0x0a4d0000u /* 10.77.0.0 */

static void test_addresses_are_the_lowest_free(void **state)
{
	struct bench *b = *state;
	struct site_network *net = &b->site.networks[0];
	struct err err = { 0 };
	uint32_t a = 0;

	/* .1 is the head; .4-.6 the pool, .7 the gateway; .15 the broadcast */
	net->pool4_first = NET + 4;
	net->pool4_last = NET + 6;
	net->gateway4 = NET + 7;
	static const uint32_t want[] = { 2, 3, 8, 9, 10, 11, 12, 13, 14 };

	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		autofree char *name = str_format("n%zu", i);
		autofree char *mac = str_format("52:54:00:00:00:%02zx", i);
		struct node n;

		assert_int_equal(roster_next_addr(&b->roster, &b->site, 0, &a, &err), 0);
		assert_int_equal(a, NET + want[i]);
		n = make(name, mac, a);
		assert_int_equal(roster_check(&b->roster, &b->site, &n, &err), 0);
		roster_add(&b->roster, &n);
	}
	assert_int_equal(roster_next_addr(&b->roster, &b->site, 0, &a, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	/* What was given back is given again; a start further up is kept to. */
	b->roster.nodes[1].addr4 = NET + 200;
	assert_int_equal(roster_next_addr(&b->roster, &b->site, 0, &a, &err), 0);
	assert_int_equal(a, NET + 3);
	assert_int_equal(roster_next_addr(&b->roster, &b->site, NET + 4, &a, &err), -1);
}

static void refuse(struct bench *b, struct node *n, enum err_kind kind, const char *words)
{
	struct err err = { 0 };

	assert_int_equal(roster_check(&b->roster, &b->site, n, &err), -1);
	if (!strstr(err.text, words))
		fail_msg("'%s' lacks '%s'", err.text, words);
	assert_int_equal(err.kind, kind);
	node_free(n);
}

static void test_what_one_may_not_take_from_another(void **state)
{
	struct bench *b = *state;
	struct node first = make("n1", "52:54:00:00:00:01", NET + 2), n;
	struct err err = { 0 };

	str_list_add(&first.macs, "52:54:00:00:00:11");
	roster_add(&b->roster, &first);
	n = make("n1", "52:54:00:00:00:01", NET + 2); /* itself */
	assert_int_equal(roster_check(&b->roster, &b->site, &n, &err), 0);
	node_free(&n);
	n = make("n2", "52:54:00:00:00:11", NET + 3);
	refuse(b, &n, ERR_EXISTS, "n1's already");
	n = make("n2", "52:54:00:00:00:02", NET + 2);
	refuse(b, &n, ERR_EXISTS, "10.77.0.2 is n1's already");
	n = make("n2", "52:54:00:00:00:02", NET + 1);
	refuse(b, &n, ERR_EXISTS, "head head1's");
	n = make("n2", "52:54:00:00:00:02", NET);
	refuse(b, &n, ERR_INVALID, "no host address");
	n = make("n2", "52:54:00:00:00:02", NET + 15);
	refuse(b, &n, ERR_INVALID, "no host address");
	n = make("n2", "52:54:00:00:00:02", NET + 16);
	refuse(b, &n, ERR_INVALID, "no host address");
	n = make("head1", "52:54:00:00:00:02", NET + 3);
	refuse(b, &n, ERR_EXISTS, "name of a head");
	n = make("n2", "52:54:00:00:00:02", NET + 3);
	model_set(&n.group, "gpu");
	refuse(b, &n, ERR_INVALID, "no group 'gpu'");
	n = make("n2", "52:54:00:00:00:02", NET + 3);
	model_set(&n.image, "nothing/1");
	refuse(b, &n, ERR_INVALID, "no image 'nothing'");
	n = make("n2", "52:54:00:00:00:02", NET + 3);
	model_set(&n.layout, "raid7");
	refuse(b, &n, ERR_INVALID, "no disk layout 'raid7'");
	n = make("n2", "52:54:00:00:00:02", NET + 3);
	str_list_free(&n.macs);
	refuse(b, &n, ERR_INVALID, "at least one MAC");
	n = make("n2", "52:54:00:00:00:02", NET + 3);
	for (int i = 0; i < 16; i++)
		str_list_addf(&n.macs, "52:54:00:00:01:%02x", (unsigned int)i);
	refuse(b, &n, ERR_INVALID, "too many");
	n = make("n2", "52:54:00:00:00:02", NET + 3);
	model_set(&n.serial, "A\x1b[2J");
	refuse(b, &n, ERR_INVALID, "serial number");
	b->site.networks[0].pool4_first = NET + 4;
	b->site.networks[0].pool4_last = NET + 6;
	n = make("n2", "52:54:00:00:00:02", NET + 6);
	refuse(b, &n, ERR_EXISTS, "in the pool");
	n = make("n2", "52:54:00:00:00:02", NET + 7);
	assert_int_equal(roster_check(&b->roster, &b->site, &n, &err), 0);
	node_free(&n);
	assert_null(roster_find(&b->roster, "n2"));
}

static bool has_step(const struct plan *plan, const char *words)
{
	for (size_t i = 0; i < plan->len; i++)
		if (strstr(plan->steps[i].text, words))
			return true;
	return false;
}

static void test_a_site_against_another(void **state)
{
	struct bench *b = *state;
	autoclean(site_free) struct site other = { 0 };
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(plan_free) struct plan all = { 0 };
	autoclean(plan_free) struct plan none = { 0 };
	autoclean(plan_free) struct plan some = { 0 };
	struct err err = { 0 };

	assert_int_equal(site_diff(NULL, &b->site, &all, &err), 0);
	assert_true(has_step(&all, "add node group compute"));
	assert_true(has_step(&all, "set cluster.name to \"lab\""));
	assert_int_equal(site_diff(&b->site, &b->site, &none, &err), 0);
	assert_int_equal(none.len, 0);
	site_print(&b->site, &text);
	assert_int_equal(site_read(buf_str(&text), text.len, "copy", &other, &err), 0);
	other.trust_mac = false;
	model_set(&other.heads[0].name, "head9");
	other.networks[0].mtu = 9000;
	assert_int_equal(site_diff(&b->site, &other, &some, &err), 0);
	assert_int_equal(some.len, 4);
	assert_true(has_step(&some, "change enrol.trust_mac from true to false"));
	assert_true(has_step(&some, "add head head9"));
	assert_true(has_step(&some, "remove head head1"));
	assert_true(has_step(&some, "change network provision"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_addresses_are_the_lowest_free, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_one_may_not_take_from_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_site_against_another, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
