/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs raidsetup on the disks of the machine it is started on: for the virtual machine of tests/vm/raid.sh, and nothing else.
 *   raid_tool do LAYOUT.json SEED STEPS     plan and perform; STEPS: all | N (that many steps, then end as a power cut would)
 *   raid_tool undo LAYOUT.json SEED         unmount and stop what `do` made
 *   raid_tool plan LAYOUT.json SEED         print the plan
 *   raid_tool check LAYOUT.json SEED        verify the running arrays, read the file back, stop them
 * It refuses to run where the kernel was not told orthrus.raidtest=1. */
#include "base/mem.h"
#include "raidsetup/raidsetup.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET "/target"
#define MARK "written by raid_tool\n"

struct job {
	struct layout layout;
	struct disks disks;
	struct plan plan;
	struct raid_result result;
	struct raid_ctx *ctx;
};

static void job_free(struct job *j)
{
	layout_free(&j->layout);
	disks_free(&j->disks);
	plan_free(&j->plan);
	raid_result_free(&j->result);
	raid_ctx_free(j->ctx);
}

static int in_test_machine(struct err *err)
{
	autoclean(buf_free) struct buf line = { 0 };

	if (fs_read("/proc/cmdline", 65536, &line, err) < 0)
		return -1;
	if (!strstr(buf_str(&line), "orthrus.raidtest=1"))
		return err_set(err, ERR_REFUSED, "this is not the test's virtual machine");
	return 0;
}

static int prepare(struct job *j, const char *layout, const char *seed_hex, bool ignore_use, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	uint8_t seed[RAID_SEED_LEN];
	struct json_obj o;

	if (fs_read(layout, 1 << 20, &text, err) < 0 || json_parse(text.data, text.len, &doc, err) < 0 ||
	    json_root_obj(&doc, &o, err) < 0 || layout_read(&o, &j->layout, err) < 0 ||
	    str_unhex(seed_hex, seed, sizeof(seed), err) < 0 || raid_probe(&j->disks, err) < 0 ||
	    raid_test_disks(&j->disks, 4, err) < 0)
		return -1;
	for (size_t i = 0; ignore_use && i < j->disks.len; i++) {
		free(j->disks.items[i].in_use);
		j->disks.items[i].in_use = NULL;
	}
	if (raid_plan(&j->layout, &j->disks, seed, &j->plan, &j->result, err) < 0)
		return -1;
	j->ctx = raid_ctx_new(TARGET, err);
	return j->ctx ? 0 : -1;
}

static void print_plan(const struct plan *plan)
{
	autoclean(buf_free) struct buf text = { 0 };

	plan_print(plan, &text);
	fputs(buf_str(&text), stdout);
}

static int perform(struct job *j, const char *steps, struct err *err)
{
	uint64_t last = j->plan.len;

	if (!str_eq(steps, "all") && str_to_u64(steps, 0, j->plan.len, &last, err) < 0)
		return -1;
	print_plan(&j->plan);
	for (uint64_t i = 0; i < last; i++) {
		printf("step %s\n", j->plan.steps[i].name);
		fflush(stdout);
		if (raid_perform(j->ctx, &j->plan.steps[i], err) < 0)
			return err_wrap(err, "%s", j->plan.steps[i].name);
	}
	if (!str_eq(steps, "all"))
		return 0;
	if (raid_verify(&j->result, err) < 0 || raid_mount(j->ctx, &j->result, err) < 0)
		return -1;
	return fs_write_atomic(TARGET "/mark", MARK, strlen(MARK), 0644, err);
}

/* The file must still be there after the arrays were stopped and assembled again. */
static int check(struct job *j, struct err *err)
{
	autoclean(buf_free) struct buf mark = { 0 };

	if (raid_verify(&j->result, err) < 0 || raid_mount(j->ctx, &j->result, err) < 0 ||
	    fs_read(TARGET "/mark", 4096, &mark, err) < 0 || raid_unmount(j->ctx, &j->result, err) < 0)
		return -1;
	return str_eq(buf_str(&mark), MARK) ? 0 : err_set(err, ERR_DAMAGED, "the file reads back as something else");
}

static int run(int argc, char **argv, struct err *err)
{
	autoclean(job_free) struct job j = { 0 };

	if (argc < 4)
		return err_set(err, ERR_USAGE, "usage: see the top of tests/lab/raid_tool.c");
	if (in_test_machine(err) < 0 ||
	    prepare(&j, argv[2], argv[3], !str_eq(argv[1], "do") && !str_eq(argv[1], "plan"), err) < 0)
		return -1;
	if (str_eq(argv[1], "plan")) {
		print_plan(&j.plan);
		return 0;
	}
	if (str_eq(argv[1], "do") && argc == 5)
		return perform(&j, argv[4], err);
	if (str_eq(argv[1], "undo"))
		return raid_unmount(j.ctx, &j.result, err);
	if (str_eq(argv[1], "check"))
		return check(&j, err);
	return err_set(err, ERR_USAGE, "no such command: %s", argv[1]);
}

int main(int argc, char **argv)
{
	struct err err = { 0 };

	log_init("raid_tool", false);
	if (run(argc, argv, &err) == 0)
		return 0;
	printf("raid_tool: %s: %s (%s)\n", err_kind_name(err.kind), err.text, err.hint);
	return err_exit_code(err.kind);
}
