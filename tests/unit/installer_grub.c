/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A boot menu that would not find its system is told from one that does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "installer/grubcfg.h"

#include <string.h>

/* grub.cfg as grub-mkconfig writes it, with what matters left in. */
static char *grub_cfg(const char *root, const char *search, const char *md, const char *initrd)
{
	return str_format("set default=\"0\"\nif [ x$feature_platform_search_hint = xy ]; then\n"
			  "  search --no-floppy --fs-uuid --set=root --hint='mduuid/%s'  %s\nfi\n"
			  "menuentry 'Debian' {\n\tlinux\t/boot/vmlinuz-6.1.0-9 %s ro console=tty0\n%s}\n",
			  md, search, root, initrd);
}

static void wrong_boot_menus_are_found(void **state)
{
	static const char md_good[] = "da3ff716eedd8bdd8732562ae9225d7e";
	struct raid_md md = { .uuid = "da3ff716:eedd8bdd:8732562a:e9225d7e" };
	struct raid_fs fs = { .uuid = "2ed12c1b-e825-8665-b6af-ffda2df7c6ef" };
	struct raid_result r = { .md = &md, .n_md = 1, .fs = &fs, .n_fs = 1 };
	static char root[] = "/", ext4[] = "ext4", sys[] = "sys";
	static const char initrd[] = "\tinitrd\t/boot/initrd.img-6.1.0-9\n";
	autofree char *good_root = str_format("root=UUID=%s", fs.uuid);
	struct {
		const char *root, *search, *md, *initrd, *complaint;
	} cases[] = {
		{ good_root, fs.uuid, md_good, initrd, NULL },
		{ "root=/dev/md1", fs.uuid, md_good, initrd, "lacks root=UUID=" },
		{ "root=UUID=00000000-e825-8665-b6af-ffda2df7c6ef", fs.uuid, md_good, initrd, "lacks root=UUID=" },
		{ good_root, "00000000-e825-8665-b6af-ffda2df7c6ef", md_good, initrd, "searches a file system" },
		{ good_root, fs.uuid, "00000000eedd8bdd8732562ae9225d7e", initrd, "names an array" },
		{ good_root, fs.uuid, "da3ff716eedd8bdd8732562ae9225d7e00", initrd, "names an array" },
		{ good_root, fs.uuid, md_good, "", "0 initial RAM disks" },
	};

	(void)state;
	md.name = sys;
	fs.mount = root;
	fs.type = ext4;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		autofree char *cfg = grub_cfg(cases[i].root, cases[i].search, cases[i].md, cases[i].initrd);
		autoclean(str_list_free) struct str_list initrds = { 0 };
		struct err err = { 0 };
		int rc = grubcfg_check(cfg, &r, &initrds, &err);

		if (!cases[i].complaint) {
			assert_int_equal(rc, 0);
			assert_int_equal(initrds.len, 1);
			assert_string_equal(initrds.items[0], "/boot/initrd.img-6.1.0-9");
		} else if (rc == 0 || !strstr(err.text, cases[i].complaint)) {
			fail_msg("case %zu: rc %d, '%s'", i, rc, err.text);
		}
	}
}

static void a_menu_without_kernels_is_refused(void **state)
{
	struct raid_fs fs = { .uuid = "2ed12c1b-e825-8665-b6af-ffda2df7c6ef" };
	struct raid_result r = { .fs = &fs, .n_fs = 1 };
	autoclean(str_list_free) struct str_list initrds = { 0 };
	static char root[] = "/";
	struct err err = { 0 };

	(void)state;
	fs.mount = root;
	assert_int_equal(grubcfg_check("set timeout=2\n", &r, &initrds, &err), -1);
	assert_non_null(strstr(err.text, "no kernel"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_boot_menus_are_found),
		cmocka_unit_test(a_menu_without_kernels_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
