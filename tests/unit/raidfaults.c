/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disks that fail to read, and an array's first resync, as far as both go without disks: this program's own pread stands before
 * that of the C library, and an mdadm of the test's own on the PATH. */
#include "base/mem.h"
#include "base/str.h"
#include "raidsetup/apply.h"
#include "raidsetup/disktest.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)
#define SIZE (512 * MIB)
#define NOWHERE UINT64_MAX

static struct {
	bool on;     /* else reads are the system's own */
	uint64_t at; /* a read from here fails */
	unsigned int interrupts, reads;
} fault;

ssize_t pread64(int fd, void *data, size_t len, off64_t at);
ssize_t pread64(int fd, void *data, size_t len, off64_t at)
{
	if (!fault.on)
		return syscall(SYS_pread64, fd, data, len, at);
	if (fault.interrupts) {
		fault.interrupts--;
		errno = EINTR;
		return -1;
	}
	fault.reads++;
	if ((uint64_t)at != fault.at)
		return (ssize_t)len;
	errno = EIO;
	return -1;
}

static char *test_at(const char *path, uint64_t at, unsigned int samples)
{
	char *bad;

	fault.on = true;
	fault.at = at;
	fault.reads = 0;
	bad = disktest_reads(path, "serial n01a", SIZE, samples);
	fault.on = false;
	return bad;
}

static char *scratch(void)
{
	char *dir = str_format("%s/orthrus-faults.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");

	assert_non_null(mkdtemp(dir));
	return dir;
}

static void scratch_end(char *dir)
{
	struct err err = { 0 };

	assert_int_equal(fs_remove_tree(dir, &err), 0);
	free(dir);
}

static void put(const char *dir, const char *path, const char *text, mode_t mode)
{
	autofree char *full = fs_join(dir, path), *parent = mem_strdup(full);
	struct err err = { 0 };

	*strrchr(parent, '/') = '\0';
	if (fs_mkdirs(parent, 0755, &err) < 0 || fs_write_atomic(full, text, strlen(text), mode, &err) < 0)
		fail_msg("%s", err.text);
}

static void a_place_that_fails_is_named(void **state)
{
	char *dir = scratch();
	autofree char *path = fs_join(dir, "disk"), *none = NULL;
	autoclose int fd = -1;

	(void)state;
	put(dir, "disk", "", 0600);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0) {
		print_message("no O_DIRECT on %s: the reads are not tried\n", dir);
		scratch_end(dir);
		return;
	}
	fault.interrupts = 2;
	none = test_at(path, NOWHERE, 32);
	assert_null(none);
	assert_int_equal(fault.reads, 35);
	for (unsigned int i = 0; i < 35; i++) {
		uint64_t at = disktest_place("serial n01a", i, SIZE);
		autofree char *words = str_format("reading at byte %llu fails: %s", (unsigned long long)at, strerror(EIO));
		autofree char *bad = test_at(path, at, 32);

		assert_non_null(bad);
		assert_string_equal(bad, words);
	}
	scratch_end(dir);
}

/* Makes the array's directory as the kernel would, and knows its UUID from then on. */
static const char mdadm[] =
	"#!/bin/sh\n"
	"case $1 in\n"
	"--create) mkdir -p \"$HOME/block/md127/md\" && echo resync >\"$HOME/block/md127/md/sync_action\" ;;\n"
	"--detail) echo MD_UUID=11111111:22222222:33333333:44444444 ;;\n"
	"*) exit 1 ;;\n"
	"esac\n";

static void the_first_resync_is_held(void **state)
{
	static char name[] = "sys", metadata[] = "1.2";
	char *dir = scratch();
	autofree char *bin = fs_join(dir, "bin"), *sys = fs_join(dir, "sys"),
		      *home = mem_strdup(getenv("HOME") ? getenv("HOME") : "/");
	autofree char *path = mem_strdup(getenv("PATH")), *mine = str_format("%s:%s", bin, path);
	struct raid_env env = { .sys = sys, .dev = "/nonexistent", .udev = "/nonexistent", .proc = "/proc" };
	struct raid_create c = { .name = name, .uuid = "11111111:22222222:33333333:44444444", .metadata = metadata, .level = 1 };
	autofree char *md = fs_join(sys, "block/md127/md"), *action = NULL;
	struct err err = { 0 };

	(void)state;
	put(dir, "bin/mdadm", mdadm, 0755);
	put(dir, "sys/block/.keep", "", 0644);
	str_list_add(&c.active, "missing");
	str_list_add(&c.active, "missing");
	setenv("PATH", mine, 1);
	setenv("HOME", sys, 1);
	if (md_create(&env, &c, &err) < 0)
		fail_msg("%s", err.text);
	setenv("PATH", path, 1);
	setenv("HOME", home, 1);
	action = sysfs_text(md, "sync_action");
	/* Written over what was there, as into a file of sysfs. */
	assert_true(str_starts(action, "frozen"));
	str_list_free(&c.active);
	scratch_end(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_place_that_fails_is_named),
		cmocka_unit_test(the_first_resync_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
