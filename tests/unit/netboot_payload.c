/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts an initramfs is made of: ELF headers, modules.dep, the sorted list of files, compression that gives the same bytes
 * again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "netboot/closure.h"
#include "netboot/compress.h"
#include "netboot/elf.h"
#include "netboot/modules.h"
#include "netboot/rootfs.h"
#include "sys/fs.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static void read_self(struct buf *out)
{
	struct err err = { 0 };

	assert_int_equal(fs_read("/proc/self/exe", (size_t)1 << 28, out, &err), 0);
}

static void needs_of_a_program(void **state)
{
	autoclean(buf_free) struct buf self = { 0 };
	autoclean(elf_needs_free) struct elf_needs needs = { 0 };
	struct err err = { 0 };

	(void)state;
	read_self(&self);
	assert_int_equal(elf_needs_read(self.data, self.len, &needs, &err), 0);
	assert_string_equal(needs.interp, "/lib64/ld-linux-x86-64.so.2");
	assert_true(str_list_has(&needs.needed, "libc.so.6"));
	assert_true(str_list_has(&needs.needed, "libcmocka.so.0"));
	assert_null(needs.runpath);
	assert_int_equal(elf_needs_read("#!/bin/sh\n", 10, &needs, &err), -1);
	assert_int_equal(err.kind, ERR_INVALID);
}

/* A field of the header or of the dynamic table that points away is an error, and a cut file never reads past its end. */
static void broken_programs(void **state)
{
	autoclean(buf_free) struct buf self = { 0 };
	Elf64_Ehdr head;

	(void)state;
	read_self(&self);
	memcpy(&head, self.data, sizeof(head));
	for (size_t len = 0; len < 4096; len += 7) {
		autoclean(elf_needs_free) struct elf_needs needs = { 0 };
		autofree void *cut = mem_dup(self.data, len ? len : 1);
		struct err err = { 0 };

		if (elf_needs_read(cut, len, &needs, &err) == 0)
			assert_true(needs.needed.len == 0 || len > sizeof(head) + head.e_phnum * sizeof(Elf64_Phdr));
	}
	for (size_t at = 0; at < sizeof(head) + head.e_phnum * sizeof(Elf64_Phdr); at++) {
		autoclean(elf_needs_free) struct elf_needs needs = { 0 };
		struct err err = { 0 };
		char old = self.data[at];

		self.data[at] = (char)0xff;
		if (elf_needs_read(self.data, self.len, &needs, &err) < 0)
			assert_true(err.kind == ERR_INVALID || err.kind == ERR_DAMAGED);
		self.data[at] = old;
	}
}

static void program_with_its_libraries(void **state)
{
	autoclean(rootfs_free) struct rootfs r = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(closure_program(&r, "/bin/self", "/proc/self/exe", &err), 0);
	assert_true(rootfs_has(&r, "usr/bin/self"));
	assert_true(rootfs_has(&r, "usr/lib64/ld-linux-x86-64.so.2"));
	assert_true(rootfs_has(&r, "usr/lib/x86_64-linux-gnu/libc.so.6"));
	assert_true(rootfs_has(&r, "/lib/x86_64-linux-gnu/libcmocka.so.0"));
	assert_int_equal(closure_library(&r, "libthere-is-none.so.7", &err), 0);
	assert_int_equal(closure_library(&r, "../../etc/passwd", &err), 0);
}

static const char dep[] =
	"kernel/drivers/md/raid1.ko: kernel/drivers/md/md-mod.ko\n"
	"kernel/drivers/md/md-mod.ko:\n"
	"kernel/drivers/net/virtio_net.ko.xz: kernel/drivers/net/net_failover.ko.xz kernel/net/core/failover.ko.xz\n"
	"kernel/drivers/net/net_failover.ko.xz: kernel/net/core/failover.ko.xz\n"
	"kernel/net/core/failover.ko.xz:\n"
	"kernel/drivers/usb/host/xhci-pci.ko:\n"
	"kernel/sound/snd.ko:";

static void modules_and_what_they_need(void **state)
{
	static const char *const wanted[] = { "virtio_net", "xhci_pci", "raid1", "not_in_this_kernel", NULL };
	static const char *const want[] = { "kernel/drivers/md/md-mod.ko",	     "kernel/drivers/md/raid1.ko",
					    "kernel/drivers/net/net_failover.ko.xz", "kernel/drivers/net/virtio_net.ko.xz",
					    "kernel/drivers/usb/host/xhci-pci.ko",   "kernel/net/core/failover.ko.xz" };
	autoclean(str_list_free) struct str_list got = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(modules_select(dep, sizeof(dep) - 1, wanted, &got, &err), 0);
	assert_int_equal(got.len, ARRAY_LEN(want));
	for (size_t i = 0; i < got.len; i++)
		assert_string_equal(got.items[i], want[i]);
}

static void wrong_module_lists(void **state)
{
	static const char *const wanted[] = { "a", NULL };
	static const char *const bad[] = { "kernel/a.ko: kernel/b.ko\n",
					   "../../etc/a.ko:\n",
					   "/etc/a.ko:\n",
					   "kernel/../../a.ko:\n",
					   "kernel//a.ko:\n",
					   "no colon\n",
					   "kernel/./a.ko:\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		autoclean(str_list_free) struct str_list got = { 0 };
		struct err err = { 0 };

		assert_int_equal(modules_select(bad[i], strlen(bad[i]), wanted, &got, &err), -1);
		assert_int_equal(err.kind, ERR_DAMAGED);
		assert_int_equal(got.len, 0);
	}
}

static void firmware_names(void **state)
{
	static const char module[] = "junk\0firmware=bnx2/a.fw\0license=GPL\0firmware=bnx2/b.fw\0firmware=bnx2/a.fw\0"
				     "firmware=../../../etc/shadow\0xfirmware=no\0firmware=cut";
	autoclean(str_list_free) struct str_list got = { 0 };

	(void)state;
	modules_firmware(module, sizeof(module) - 1, &got);
	assert_int_equal(got.len, 2);
	assert_string_equal(got.items[0], "bnx2/a.fw");
	assert_string_equal(got.items[1], "bnx2/b.fw");
}

static void fill(struct rootfs *r, bool backwards, const char *text, unsigned int mode)
{
	for (int i = 0; i < 3; i++) {
		switch (backwards ? 2 - i : i) {
		case 0:
			rootfs_data(r, "/etc/a/b/c", mode, text);
			break;
		case 1:
			rootfs_link(r, "lib/modules/x", "target");
			break;
		case 2:
			rootfs_char(r, "dev/console", 0600, 5, 1);
			break;
		}
	}
}

static void write_out(bool backwards, const char *text, unsigned int mode, struct buf *archive, struct digest *d)
{
	autoclean(rootfs_free) struct rootfs r = { 0 };
	struct err err = { 0 };

	fill(&r, backwards, text, mode);
	assert_true(rootfs_has(&r, "etc/a/b") && rootfs_has(&r, "usr/lib/modules/x") && !rootfs_has(&r, "etc/a/b/c/d"));
	assert_int_equal(rootfs_digest(&r, d, &err), 0);
	assert_int_equal(rootfs_cpio(&r, archive, &err), 0);
}

static void same_content_same_bytes(void **state)
{
	autoclean(buf_free) struct buf a = { 0 }, b = { 0 }, c = { 0 }, e = { 0 };
	struct digest da, db, dc, de;

	(void)state;
	write_out(false, "text", 0644, &a, &da);
	write_out(true, "text", 0644, &b, &db);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	assert_int_equal(digest_cmp(&da, &db), 0);
	write_out(true, "texT", 0644, &c, &dc);
	write_out(true, "text", 0755, &e, &de);
	assert_int_not_equal(digest_cmp(&da, &dc), 0);
	assert_int_not_equal(digest_cmp(&da, &de), 0);
}

static void first_come_first_served(void **state)
{
	autoclean(rootfs_free) struct rootfs r = { 0 };

	(void)state;
	rootfs_data(&r, "/sbin/tool", 0755, "ours");
	rootfs_link(&r, "usr/sbin/tool", "/usr/bin/busybox");
	assert_int_equal(r.len, 3); /* usr, usr/sbin, usr/sbin/tool */
	assert_int_equal(r.items[2].type, ROOTFS_FILE);
}

static void compressed_the_same_way_again(void **state)
{
	autoclean(buf_free) struct buf in = { 0 }, once = { 0 }, again = { 0 }, back = { 0 };
	struct err err = { 0 };

	(void)state;
	/* More than one job of the threaded compressor. */
	for (unsigned int i = 0; in.len < (size_t)20 << 20; i++)
		buf_addf(&in, "%u %u;", i, i * 2654435761U);
	assert_int_equal(compress_zstd(&in, 3, &once, &err), 0);
	assert_int_equal(compress_zstd(&in, 3, &again, &err), 0);
	assert_int_equal(once.len, again.len);
	assert_memory_equal(once.data, again.data, once.len);
	buf_reserve(&back, in.len);
	assert_int_equal(ZSTD_decompress(back.data, in.len, once.data, once.len), in.len);
	assert_memory_equal(back.data, in.data, in.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(needs_of_a_program),
		cmocka_unit_test(broken_programs),
		cmocka_unit_test(program_with_its_libraries),
		cmocka_unit_test(modules_and_what_they_need),
		cmocka_unit_test(wrong_module_lists),
		cmocka_unit_test(firmware_names),
		cmocka_unit_test(same_content_same_bytes),
		cmocka_unit_test(first_come_first_served),
		cmocka_unit_test(compressed_the_same_way_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
