/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The nodes for genders, ClusterShell and Slurm: golden texts, and names that mean something else there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "daemon/exports_render.h"

#define HEAD "# Written by orthrusd, again whenever the nodes change: what is changed here is lost.\n"
#define GIB ((uint64_t)1 << 30)

static const struct export_node usual[] = {
	{ .name = "n01",
	  .group = "compute",
	  .state = "up",
	  .image = "compute",
	  .cpus = 8,
	  .memory_bytes = 16 * GIB,
	  .address = "10.77.0.1" },
	{ .name = "n02",
	  .group = "compute",
	  .state = "up",
	  .image = "compute",
	  .cpus = 8,
	  .memory_bytes = 16 * GIB + 4096,
	  .address = "fd00::2" },
	{ .name = "n03", .group = "big", .state = "failed", .image = "big/20261121", .cpus = 64, .memory_bytes = 512 * GIB },
	{ .name = "n04", .group = "compute", .state = "new" },
};
static const struct export_node odd[] = {
	{ .name = "a-1-x", .group = "default", .state = "up", .cpus = 1, .memory_bytes = GIB },
	{ .name = "a-2-x", .group = "no", .state = "up", .cpus = 1, .memory_bytes = GIB },
	{ .name = "a-3-x", .group = "no", .state = "up", .cpus = 1, .memory_bytes = GIB },
	{ .name = "all", .group = "all", .state = "up", .cpus = 1, .memory_bytes = GIB },
};

static void is(void (*render)(const struct export_node *nodes, size_t n, struct buf *out), const struct export_node *nodes,
	       size_t n, const char *want)
{
	autoclean(buf_free) struct buf out = { 0 };

	render(nodes, n, &out);
	assert_string_equal(buf_str(&out), want);
}

static void test_genders(void **state)
{
	(void)state;
	is(exports_render_genders, usual, 4,
	   HEAD "n01 all,group=compute,image=compute,state=up\n"
		"n02 all,group=compute,image=compute,state=up\n"
		"n03 all,group=big,image=big/20261121,state=failed\n"
		"n04 all,group=compute,state=new\n");
	is(exports_render_genders, usual, 0, HEAD);
}

static void test_groups(void **state)
{
	(void)state;
	is(exports_render_groups, usual, 4,
	   HEAD "orthrus:\n"
		"    \"all\": \"n[01-04]\"\n"
		"    \"big\": \"n03\"\n"
		"    \"compute\": \"n[01-02,04]\"\n"
		"orthrus_state:\n"
		"    \"all\": \"n[01-04]\"\n"
		"    \"failed\": \"n03\"\n"
		"    \"new\": \"n04\"\n"
		"    \"up\": \"n[01-02]\"\n");
	is(exports_render_groups, odd, 4,
	   HEAD "orthrus:\n"
		"    \"all\": \"a-[1-3]-x,all\"\n"
		"    # the group \"all\" of the site: ClusterShell means every node by that\n"
		"    \"default\": \"a-1-x\"\n"
		"    \"no\": \"a-[2-3]-x\"\n"
		"orthrus_state:\n"
		"    \"all\": \"a-[1-3]-x,all\"\n"
		"    \"up\": \"a-[1-3]-x,all\"\n");
}

static void test_slurm(void **state)
{
	(void)state;
	is(exports_render_slurm, usual, 4,
	   HEAD "# left out, for they have not reported their hardware or have a name that Slurm uses itself: n04\n"
		"NodeName=n01 NodeAddr=10.77.0.1 CPUs=8 RealMemory=16056 State=UNKNOWN\n"
		"NodeName=n02 NodeAddr=fd00::2 CPUs=8 RealMemory=16056 State=UNKNOWN\n"
		"NodeName=n03 CPUs=64 RealMemory=513802 State=UNKNOWN\n"
		"PartitionName=big Nodes=n03 State=UP\n"
		"PartitionName=compute Nodes=n[01-02] State=UP\n");
	is(exports_render_slurm, odd, 4,
	   HEAD "# left out, for they have not reported their hardware or have a name that Slurm uses itself: all\n"
		"NodeName=a-1-x CPUs=1 RealMemory=1003 State=UNKNOWN\n"
		"NodeName=a-2-x CPUs=1 RealMemory=1003 State=UNKNOWN\n"
		"NodeName=a-3-x CPUs=1 RealMemory=1003 State=UNKNOWN\n"
		"# no partition for the group all: Slurm has its own use for this name\n"
		"# no partition for the group default: Slurm has its own use for this name\n"
		"PartitionName=no Nodes=a-2-x,a-3-x State=UP\n");
	is(exports_render_slurm, usual, 0, HEAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_genders),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_slurm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
