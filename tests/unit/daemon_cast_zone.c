/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which nodes hear a cast from which relay, whom the sender sends to for that, and when a relay counts as silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "daemon/cast_priv.h"
#include "sys/clock.h"

#include <string.h>

#define S (INT64_C(1000000000))

static const char site_text[] =
	"{\"format\":1,\"cluster\":{\"name\":\"c\",\"domain\":\"c.internal\"},"
	"\"heads\":[{\"name\":\"h\",\"interface\":\"eth0\",\"ipv4\":\"10.1.0.1\"}],\"networks\":["
	"{\"name\":\"near\",\"role\":\"provision\",\"ipv4\":{\"subnet\":\"10.1.0.0/24\"},\"ipv6\":{\"subnet\":\"fd00:1::/64\"}},"
	"{\"name\":\"far\",\"role\":\"compute\",\"ipv4\":{\"subnet\":\"10.2.0.0/24\"},\"ipv6\":{\"subnet\":\"fd00:2::/64\"}},"
	"{\"name\":\"farther\",\"role\":\"compute\",\"ipv4\":{\"subnet\":\"10.3.0.0/24\"}},"
	"{\"name\":\"other\",\"role\":\"compute\",\"ipv4\":{\"subnet\":\"10.4.0.0/24\"}}],\"cast\":{\"relays\":["
	"{\"network\":\"farther\",\"machine\":\"n18\",\"ipv4\":\"10.3.0.9\",\"from\":\"far\"},"
	"{\"network\":\"far\",\"machine\":\"n17\",\"ipv4\":\"10.2.0.9\",\"ipv6\":\"fd00:2::9\"},"
	"{\"network\":\"other\",\"machine\":\"n19\",\"ipv4\":\"10.4.0.9\"}]}}";

struct bench {
	struct site site;
	struct casts all;
	struct cast cast;
	struct str_list relays;
	struct cast_member members[3];
};

static void begin(struct bench *b, bool six)
{
	struct err err = { 0 };

	*b = (struct bench){ .all.lock = PTHREAD_MUTEX_INITIALIZER };
	if (site_read(site_text, strlen(site_text), "test", &b->site, &err) < 0)
		fail_msg("%s", err.text);
	b->cast.all = &b->all;
	b->cast.members = b->members;
	cast_zones_make(&b->cast, &b->site, six, &b->relays);
}

static void end(struct bench *b)
{
	cast_zones_free(&b->cast);
	str_list_free(&b->relays);
	site_free(&b->site);
}

static const struct cast_zone *zone(const struct bench *b, const char *from, const char *network)
{
	const struct cast_zone *z = cast_zone_of(&b->cast, from);

	assert_non_null(z);
	assert_string_equal(z->network, network);
	return z;
}

static void by_address(void **state)
{
	struct bench b;
	const struct cast_zone *z;

	(void)state;
	begin(&b, false);
	assert_int_equal(b.cast.n_zones, 3);
	/* One address for the two that are behind each other. */
	assert_int_equal(b.relays.len, 2);
	z = zone(&b, "10.3.0.77", "farther");
	assert_string_equal(z->relay, "10.3.0.9");
	assert_string_equal(b.relays.items[z->by - 1], "10.2.0.9");
	z = zone(&b, "10.2.0.77", "far");
	assert_string_equal(b.relays.items[z->by - 1], "10.2.0.9");
	z = zone(&b, "fd00:2::77", "far");
	assert_string_equal(z->relay, "10.2.0.9");
	z = zone(&b, "10.4.0.77", "other");
	assert_string_equal(z->machine, "n19");
	assert_string_equal(b.relays.items[z->by - 1], "10.4.0.9");
	assert_null(cast_zone_of(&b.cast, "10.1.0.77"));
	assert_null(cast_zone_of(&b.cast, "fd00:1::77"));
	assert_null(cast_zone_of(&b.cast, "local"));
	assert_null(cast_zone_of(&b.cast, NULL));
	end(&b);
}

/* By IPv6 only those take part that have it, all the way. */
static void by_ipv6(void **state)
{
	struct bench b;

	(void)state;
	begin(&b, true);
	assert_int_equal(b.cast.n_zones, 1);
	assert_string_equal(zone(&b, "fd00:2::77", "far")->relay, "fd00:2::9");
	assert_int_equal(b.relays.len, 1);
	end(&b);
}

static void silent(void **state)
{
	const struct cast_zone *out[SITE_RELAYS_MAX];
	autoclean(buf_free) struct buf text = { 0 };
	struct json_out w;
	struct bench b;
	const int64_t now = clock_now_ns();

	(void)state;
	begin(&b, false);
	b.members[0] = (struct cast_member){ .zone = zone(&b, "10.2.0.5", "far"), .told = true, .told_ns = now - 20 * S };
	b.members[1] = (struct cast_member){ .zone = b.members[0].zone, .told = true, .told_ns = now - 20 * S };
	b.members[2] = (struct cast_member){ .zone = zone(&b, "10.4.0.5", "other"), .told = true, .told_ns = now };
	b.cast.n_members = 3;
	assert_int_equal(cast_zones_silent(&b.cast, false, out), 0); /* nothing was sent */
	b.cast.progress.data_packets = 1;
	assert_int_equal(cast_zones_silent(&b.cast, false, out), 0); /* just now */
	b.cast.progress.ms = 8000;
	b.members[1].view = (struct cast_view){ .state = WIRE_READY, .probes = WIRE_HEARD_MC4 };
	assert_int_equal(cast_zones_silent(&b.cast, false, out), 0); /* one hears it */
	b.members[1].view.probes = WIRE_HEARD_UNICAST;
	assert_int_equal(cast_zones_silent(&b.cast, false, out), 1);
	assert_ptr_equal(out[0], b.members[0].zone);
	assert_int_equal(cast_zones_silent(&b.cast, false, out), 0); /* that was said; the other one may still be heard */
	assert_int_equal(cast_zones_silent(&b.cast, true, out), 1);
	assert_ptr_equal(out[0], b.members[2].zone);
	json_out_init(&w, &text, false);
	json_put_obj(&w, NULL);
	cast_zones_print(&b.cast, &w);
	json_end_obj(&w);
	assert_non_null(strstr(buf_str(&text),
			       "{\"network\":\"far\",\"machine\":\"n17\",\"address\":\"10.2.0.9\",\"nodes\":2,\"hear\":0,"
			       "\"silent\":true}"));
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(by_address), cmocka_unit_test(by_ipv6), cmocka_unit_test(silent) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
