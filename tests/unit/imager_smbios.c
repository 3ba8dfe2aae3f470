/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a hypervisor wrote into the SMBIOS tables for us, and the tables of firmware that has faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "imaging/imager/smbios.h"
#include "sys/fs.h"

#include <string.h>

#define PREFIX "io.systemd.credential:orthrus.token="
/* A BIOS structure with two strings, one without any, then the OEM strings, then the end. */
#define BEFORE                                                                                                                   \
	"\0\6\0\0\1\2"                                                                                                           \
	"maker\0"                                                                                                                \
	"1.0\0"                                                                                                                  \
	"\0"                                                                                                                     \
	"\40\4\1\0"                                                                                                              \
	"\0"                                                                                                                     \
	"\0"
#define OEM(text)                                                                                                                \
	"\13\5\2\0\2"                                                                                                            \
	"something else\0" text "\0"                                                                                             \
	"\0"
#define END                                                                                                                      \
	"\177\4\3\0"                                                                                                             \
	"\0"                                                                                                                     \
	"\0"

static int token_of(const char *table, size_t len, char out[SMBIOS_TOKEN_LEN])
{
	autofree uint8_t *exact = mem_dup(table, len);
	struct err err = { 0 };
	int rc = smbios_token(exact, len, out, &err);

	if (rc < 0)
		assert_int_equal(err.kind, ERR_INVALID);
	return rc;
}
#define TOKEN_OF(table, out) token_of(table, sizeof(table) - 1, out)

static void a_token_is_found_in_oem_strings(void **state)
{
	static const char good[] = BEFORE OEM(PREFIX "abc-DEF-012") END;
	char token[SMBIOS_TOKEN_LEN];

	(void)state;
	assert_int_equal(TOKEN_OF(good, token), 1);
	assert_string_equal(token, "abc-DEF-012");
	/* Only there: a maker's name is not for us. */
	assert_int_equal(TOKEN_OF("\1\6\0\0\1\2" PREFIX "abc\0"
				  "\0" END,
				  token),
			 0);
	assert_int_equal(TOKEN_OF(BEFORE OEM("io.systemd.credential:other=abc") END, token), 0);
	assert_int_equal(TOKEN_OF(BEFORE END OEM(PREFIX "abc"), token), 0);
	assert_int_equal(TOKEN_OF(BEFORE OEM(PREFIX) END, token), -1);
	assert_int_equal(TOKEN_OF(BEFORE OEM(PREFIX "a b") END, token), -1);
	assert_int_equal(TOKEN_OF(BEFORE OEM(PREFIX "a\"b") END, token), -1);
	assert_string_equal(token, "");
	/* Cut at whatever byte, it is found whole or not at all. */
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		int rc = token_of(good, n, token);

		assert_true(rc == 0 || (rc == 1 && str_eq(token, "abc-DEF-012")));
	}
}

static void a_machine_may_have_no_tables(void **state)
{
	char dir[] = "/tmp/orthrus-smbios.XXXXXX";
	autofree char *path = NULL;
	char token[SMBIOS_TOKEN_LEN];
	struct err err = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = fs_join(dir, "DMI");
	assert_int_equal(smbios_token_read(path, token, &err), 0);
	assert_int_equal(fs_write_atomic(path, OEM(PREFIX "abc"), sizeof(OEM(PREFIX "abc")) - 1, 0600, &err), 0);
	assert_int_equal(smbios_token_read(path, token, &err), 1);
	assert_string_equal(token, "abc");
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_found_in_oem_strings),
		cmocka_unit_test(a_machine_may_have_no_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
