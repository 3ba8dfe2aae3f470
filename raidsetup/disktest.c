/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raidsetup/raidsetup.h"

#include "base/digest.h"
#include "base/mem.h"
#include "raidsetup/disk.h"
#include "raidsetup/disktest.h"
#include "raidsetup/sysfs.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "sys/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES (UINT64_C(1) << 20)
#define READ_ALIGN 4096
/* A healthy disk, asleep at first, needs a tenth of this; one that retries a bad place for seconds is on its way out. */
#define SLOW_NS (10 * NS_PER_S)
#define SMARTCTL_TIMEOUT_NS (60 * NS_PER_S)
/* Bits of smartctl's exit status (smartctl(8), "EXIT STATUS"). For NVMe the first stands for any critical warning. */
#define SMART_FAILING 0x08
#define SMART_PREFAIL 0x10

uint64_t disktest_place(const char *id, unsigned int sample, uint64_t size_bytes)
{
	const uint64_t span = size_bytes > READ_BYTES ? size_bytes - READ_BYTES : 0;
	autofree char *text = str_format("%s %u", id, sample);
	struct digest d;
	uint64_t v = 0;

	switch (sample) {
	case 0:
		return 0;
	case 1:
		return span / 2 / READ_ALIGN * READ_ALIGN;
	case 2:
		return span / READ_ALIGN * READ_ALIGN;
	default:
		/* Scattered, but the same each time: a test that fails must fail again when somebody looks. */
		digest_of(text, strlen(text), &d);
		memcpy(&v, d.bytes, sizeof(v));
		return v % (span + 1) / READ_ALIGN * READ_ALIGN;
	}
}

char *disktest_smart_words(int status)
{
	if (status < 0 || status > 255)
		return NULL;
	if (status & SMART_FAILING)
		return mem_strdup("SMART: the disk says that it is failing");
	if (status & SMART_PREFAIL)
		return mem_strdup("SMART: an attribute that announces failure is below its threshold");
	return NULL;
}

/* A weak signal: most disks die without it, but one that says so is believed. No smartctl, or a disk without SMART, says nothing.
 */
static char *ask_smart(const char *node)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	const char *const argv[] = { "smartctl", "-H", "-A", node, NULL };
	struct err err = { 0 };

	if (spawn_run(&(const struct spawn){ .argv = argv, .timeout_ns = SMARTCTL_TIMEOUT_NS }, &r, &err) < 0) {
		log_debug("disks", "no SMART of %s: %s", node, err.text);
		return NULL;
	}
	/* Above 128 it was killed; 1 and 2 in the lowest bits mean that it could not ask. */
	return r.status > 127 || r.status & 0x03 ? NULL : disktest_smart_words(r.status);
}

/* One timed read past the page cache. NULL: it went well. */
static char *read_at(int fd, char *mem, uint64_t at, uint64_t size_bytes)
{
	size_t len = size_bytes - at < READ_BYTES ? (size_t)(size_bytes - at) / 512 * 512 : (size_t)READ_BYTES;
	int64_t began = clock_now_ns(), took;
	ssize_t n;

	do
		n = pread(fd, mem, len, (off_t)at);
	while (n < 0 && errno == EINTR);
	took = clock_now_ns() - began;
	if (n < 0) {
		char reason[128];

		return str_format("reading at byte %llu fails: %s", (unsigned long long)at,
				  strerror_r(errno, reason, sizeof(reason)));
	}
	if ((size_t)n < len)
		return str_format("it ends at byte %llu, before its size of %llu", (unsigned long long)at + (unsigned long long)n,
				  (unsigned long long)size_bytes);
	if (took > SLOW_NS)
		return str_format("reading 1 MiB at byte %llu took %lld s", (unsigned long long)at, (long long)(took / NS_PER_S));
	return NULL;
}

char *disktest_reads(const char *node, const char *id, uint64_t size_bytes, unsigned int samples)
{
	autoclose int fd = open(node, O_RDONLY | O_DIRECT | O_CLOEXEC);
	autofree void *mem = NULL;
	char *bad = NULL;

	if (fd < 0) {
		char reason[128];

		return str_format("it can't be opened: %s", strerror_r(errno, reason, sizeof(reason)));
	}
	if (posix_memalign(&mem, READ_ALIGN, READ_BYTES) != 0)
		return NULL;
	for (unsigned int i = 0; i < 3 + samples && !bad; i++)
		bad = read_at(fd, mem, disktest_place(id, i, size_bytes), size_bytes);
	return bad;
}

int raid_test_disks(struct disks *d, unsigned int samples, struct err *err)
{
	(void)err;
	for (size_t i = 0; i < d->len; i++) {
		struct disk *x = &d->items[i];
		autofree char *node = sys_node(&raid_env_host, x->name), *id = disk_id(x), *label = disk_label(x);

		free(x->bad);
		x->bad = ask_smart(node);
		if (!x->bad)
			x->bad = disktest_reads(node, id, x->size_bytes, samples);
		if (x->bad)
			log_warn("disks", "%s: %s", label, x->bad);
	}
	return 0;
}
