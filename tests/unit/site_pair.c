/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "pair" of site.json: what is read, what is filled in, and what an administrator is warned of. (What is refused: the corpus in
 * tests/golden/site.) */
#include "base/mem.h"
#include "golden_site.h"
#include "site/site.h"
#include "site/words.h"

#include <string.h>

static void assert_ip(const struct site_ip *a, const char *wanted)
{
	char text[ADDR6_LEN];

	site_ip_print(a, text);
	assert_string_equal(text, wanted);
}

static void every_field(void **state)
{
	autoclean(site_free) struct site s = { 0 };
	const struct site_pair *p = &s.pair;

	(void)state;
	golden_site("ok-full.json", &s);
	assert_true(p->given);
	assert_int_equal(p->lease_ms, 20);
	assert_int_equal(p->renew_ms, 4);
	assert_int_equal(p->hold_off_s, 5);
	assert_int_equal(p->port, 4601);
	assert_int_equal(p->cpu, 3);
	assert_int_equal(p->gate, SITE_GATE_BPF);
	assert_string_equal(p->preferred, "head2");
	assert_true(p->own_links);
	assert_int_equal(p->n_links, 2);
	assert_string_equal(p->links[0].network, "provision");
	assert_false(p->links[0].own);
	assert_ip(&p->links[0].heads[0], "10.1.0.1");
	assert_ip(&p->links[0].heads[1], "10.1.0.2");
	assert_true(p->links[1].own);
	assert_ip(&p->links[1].heads[1], "10.2.0.2");
	assert_int_equal(p->n_witnesses, 1);
	assert_string_equal(p->witnesses[0].name, "w1");
	assert_ip(site_witness_address(&p->witnesses[0], 0), "10.1.0.5");
	assert_ip(site_witness_address(&p->witnesses[0], 1), "10.2.0.5");
	assert_int_equal(p->n_fences, 4);
	assert_string_equal(site_fencing_name(p->fences[0].driver), "ipmi");
	assert_string_equal(site_fencing_name(p->fences[1].driver), "redfish");
	assert_true(str_starts(p->fences[1].pin, "28430839"));
	assert_string_equal(site_fencing_name(p->fences[2].driver), "fence-agent");
	assert_string_equal(p->fences[2].agent, "fence_apc_snmp");
	assert_int_equal(p->fences[2].options.len, 2);
	assert_null(p->fences[2].password_file);
	assert_string_equal(p->fences[1].password_file, "/etc/orthrus/head2.password");
	assert_string_equal(site_fencing_name(p->fences[3].driver), "manual");
	/* Of the provision network the heads say it, of others the pair. */
	assert_string_equal(site_head_interface(&s, 0, "provision"), "bond0");
	assert_string_equal(site_head_interface(&s, 0, "fabric"), "eth2");
	assert_string_equal(site_head_interface(&s, 1, "fabric"), "eth3");
	assert_null(site_head_interface(&s, 1, "storage"));
}

static void defaults(void **state)
{
	autoclean(site_free) struct site s = { 0 }, two = { 0 }, five = { 0 }, none = { 0 };
	const struct site_pair *p = &s.pair;

	(void)state;
	golden_site("ok-pair-default.json", &s);
	assert_int_equal(p->lease_ms, 100);
	assert_int_equal(p->renew_ms, 20);
	assert_int_equal(p->hold_off_s, 3);
	assert_int_equal(p->port, 4600);
	assert_int_equal(p->cpu, -1);
	assert_int_equal(p->gate, SITE_GATE_AUTO);
	assert_string_equal(p->preferred, "head1");
	assert_false(p->own_links);
	assert_int_equal(p->n_links, 1);
	assert_string_equal(p->links[0].network, "provision");
	assert_ip(&p->links[0].heads[1], "10.1.0.2");
	/* On another network the heads have their numbers; one address of a witness is for every link. */
	golden_site("ok-pair.json", &two);
	assert_ip(&two.pair.links[1].heads[0], "10.2.0.1");
	assert_ip(&two.pair.links[1].heads[1], "10.2.0.2");
	assert_ip(site_witness_address(&two.pair.witnesses[0], 1), "10.1.0.5");
	/* Over IPv6, by three witnesses. */
	golden_site("ok-pair-five.json", &five);
	assert_int_equal(five.pair.n_witnesses, 3);
	assert_ip(&five.pair.links[0].heads[0], "fd00:1::1");
	assert_ip(site_witness_address(&five.pair.witnesses[2], 0), "fd00:9::3");
	/* A site that says nothing of a pair has none, and nothing of it is printed. */
	golden_site("ok-small.json", &none);
	assert_false(none.pair.given);
	{
		autoclean(buf_free) struct buf text = { 0 };

		site_print(&none, &text);
		assert_null(strstr(buf_str(&text), "pair"));
	}
}

static void warnings(void **state)
{
	autoclean(str_list_free) struct str_list said = { 0 };
	autoclean(site_free) struct site s = { 0 }, none = { 0 };
	char head1[] = "head1", head2[] = "head2";
	struct site_fence fences[] = { { .head = head1, .driver = SITE_FENCE_IPMI },
				       { .head = head2, .driver = SITE_FENCE_AGENT },
				       { .head = head2, .driver = SITE_FENCE_MANUAL } };
	struct site_fence *own;

	(void)state;
	golden_site("ok-small.json", &none);
	assert_int_equal(site_warnings(&none, &said), 0);
	golden_site("ok-pair.json", &s);
	assert_int_equal(site_warnings(&s, &said), 0);
	/* Two voters: each head must be fenced, and by what needs no person. */
	s.pair.n_witnesses--;
	assert_int_equal(site_warnings(&s, &said), 2);
	assert_non_null(strstr(said.items[0], "switches head1 off, nobody ever takes over"));
	own = s.pair.fences;
	s.pair.fences = fences;
	s.pair.n_fences = 3;
	assert_int_equal(site_warnings(&s, &said), 1);
	assert_non_null(strstr(said.items[2], "switches head2 off, nobody takes over"));
	s.pair.n_fences = 2;
	assert_int_equal(site_warnings(&s, &said), 0);
	s.pair.fences = own;
	s.pair.n_fences = 0;
	s.pair.n_witnesses++;
	{
		size_t n_vips = s.n_vips;

		s.n_vips = 0;
		assert_int_equal(site_warnings(&s, &said), 1);
		s.n_vips = n_vips;
	}
}

/* A node whose number would give it the address of a head's link gets none. */
static void nodes_keep_off(void **state)
{
	autoclean(site_free) struct site s = { 0 };
	const struct site_network *fabric;
	struct err err = { 0 };
	uint32_t a;

	(void)state;
	golden_site("ok-pair.json", &s);
	fabric = site_network(&s, "fabric");
	s.pair.links[1].heads[1].addr4 = 0x0a020007;
	assert_int_equal(site_node_addr4(&s, fabric, "n01", 7, &a, &err), -1);
	assert_non_null(strstr(err.text, "the head head2's (pair.links[1])"));
	assert_int_equal(site_node_addr4(&s, fabric, "n01", 8, &a, &err), 0);
}

static void words(void **state)
{
	static const char *const good[] = { "plug=3", "ip=10.3.0.9", "snmp-version=2c", "ssl_insecure=1", "name=" };
	static const char *const bad[] = {
		"",	     "plug",   "=3",	      "plug 3", "passwd=x",	   "password=x", "snmp_priv_passwd=x",
		"action=on", "PLUG=3", "plug=3\nx=4", "\x7f=1", "passwd_script=/x"
	};
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(word_agent_option(good[i], &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (word_agent_option(bad[i], &err) == 0)
			fail_msg("'%s' is taken for an option", bad[i]);
	assert_int_equal(word_agent("fence_ipmilan", &err), 0);
	assert_int_equal(word_agent("fence_../sh", &err), -1);
	assert_int_equal(word_agent("sh", &err), -1);
	assert_int_equal(word_bmc_address("[fd00::7]:623", &err), 0);
	assert_int_equal(word_bmc_address("-v", &err), -1);
	assert_int_equal(word_bmc_address("a b", &err), -1);
	assert_int_equal(word_file("/etc/orthrus/head2.password", &err), 0);
	assert_int_equal(word_file("etc/x", &err), -1);
	assert_int_equal(word_file("/etc/../x", &err), -1);
	assert_int_equal(word_file("/etc/..", &err), -1);
	assert_int_equal(word_file("/etc/", &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field),	  cmocka_unit_test(defaults), cmocka_unit_test(warnings),
		cmocka_unit_test(nodes_keep_off), cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
