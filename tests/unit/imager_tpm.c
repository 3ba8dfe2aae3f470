/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The identity in a TPM 2.0: a real one in software (swtpm), spoken to by tpm2-tools as on a machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "imaging/imager/identity.h"
#include "imaging/imager/tpm.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/keys.h"
#include "sys/spawn.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct machine {
	char *dir, *run, *tcti, *server, *control, *state;
	pid_t pid;
	struct tpm tpm;
};

static void power_on(struct machine *m)
{
	const char *const argv[] = { "swtpm",
				     "socket",
				     "--tpm2",
				     "--tpmstate",
				     m->state,
				     "--server",
				     m->server,
				     "--ctrl",
				     m->control,
				     "--flags",
				     "not-need-init,startup-clear",
				     NULL };
	const struct spawn s = { .argv = argv };
	struct err err = { 0 };
	bool there = false;

	if (spawn_start(&s, &m->pid, &err) < 0)
		fail_msg("%s", err.text);
	for (int i = 0; i < 500 && !there; i++) {
		uint8_t raw[NODE_KEYS_RAW_LEN];

		clock_sleep_ns(10 * NS_PER_MS);
		there = tpm_unseal(&m->tpm, raw, &err) >= 0 || err.kind == ERR_REFUSED;
	}
	if (!there)
		fail_msg("%s", err.text);
}

static void power_off(struct machine *m)
{
	if (m->pid <= 0)
		return;
	kill(m->pid, SIGTERM);
	waitpid(m->pid, NULL, 0);
	m->pid = 0;
}

static int begin(void **state)
{
	struct machine *m = mem_zalloc(sizeof(*m));
	autofree char *flash = NULL;
	struct err err = { 0 };

	m->dir = mem_strdup("/tmp/orthrus-tpm.XXXXXX");
	if (!mkdtemp(m->dir))
		return -1;
	m->run = fs_join(m->dir, "run");
	flash = fs_join(m->dir, "flash");
	m->tcti = str_format("swtpm:path=%s/t", m->dir);
	m->server = str_format("type=unixio,path=%s/t", m->dir);
	m->control = str_format("type=unixio,path=%s/t.ctrl", m->dir);
	m->state = str_format("dir=%s", flash);
	if (fs_mkdirs(flash, 0700, &err) < 0 || fs_mkdirs(m->run, 0700, &err) < 0)
		return -1;
	m->tpm = (struct tpm){ .tcti = m->tcti, .work = m->run };
	*state = m;
	power_on(m);
	return 0;
}

static int end(void **state)
{
	struct machine *m = *state;
	struct err err = { 0 };
	int rc;

	power_off(m);
	rc = fs_remove_tree(m->dir, &err);
	free(m->dir);
	free(m->run);
	free(m->tcti);
	free(m->server);
	free(m->control);
	free(m->state);
	free(m);
	return rc;
}

static void what_is_sealed_outlives_the_power(void **state)
{
	struct machine *m = *state;
	uint8_t secret[NODE_KEYS_RAW_LEN], other[NODE_KEYS_RAW_LEN], raw[NODE_KEYS_RAW_LEN] = { 0 };
	autofree char *leftover = fs_join(m->run, "tpm");
	struct err err = { 0 };

	random_bytes(secret, sizeof(secret));
	random_bytes(other, sizeof(other));
	assert_int_equal(tpm_unseal(&m->tpm, raw, &err), 0);
	if (tpm_seal(&m->tpm, secret, &err) < 0)
		fail_msg("%s", err.text);
	assert_false(fs_exists(leftover));
	for (int i = 0; i < 2; i++) {
		memset(raw, 0, sizeof(raw));
		if (tpm_unseal(&m->tpm, raw, &err) != 1)
			fail_msg("%s", err.text);
		assert_memory_equal(raw, secret, sizeof(raw));
		power_off(m);
		power_on(m);
	}
	/* Never another in its place. */
	assert_int_equal(tpm_seal(&m->tpm, other, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	assert_int_equal(tpm_unseal(&m->tpm, raw, &err), 1);
	assert_memory_equal(raw, secret, sizeof(raw));
}

/* What somebody else keeps there is neither taken for an identity nor removed; the machine is a new one. */
static void what_is_not_ours_is_left_alone(void **state)
{
	struct machine *m = *state;
	autofree char *primary = fs_join(m->run, "foreign.ctx");
	autoclean(identity_free) struct identity id = { 0 };
	const struct identity_sources from = { .dir = m->run, .tcti = m->tcti };
	uint8_t raw[NODE_KEYS_RAW_LEN];
	struct err err = { 0 };

	if (SPAWN(&err, "tpm2", "createprimary", "-Q", "-C", "o", "-c", primary, "-T", m->tcti) < 0 ||
	    SPAWN(&err, "tpm2", "flushcontext", "-t", "-T", m->tcti) < 0 ||
	    SPAWN(&err, "tpm2", "evictcontrol", "-Q", "-C", "o", "-c", primary, TPM_HANDLE, "-T", m->tcti) < 0 ||
	    SPAWN(&err, "tpm2", "flushcontext", "-t", "-T", m->tcti) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(tpm_unseal(&m->tpm, raw, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.hint, TPM_HANDLE));
	if (identity_find(&from, &id, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(tpm_unseal(&m->tpm, raw, &err), -1);
}

static void find(const struct machine *m, const char *tcti, char words[KEYWORDS_LEN])
{
	const struct identity_sources from = { .dir = m->run, .tcti = tcti };
	autoclean(identity_free) struct identity id = { 0 };
	struct err err = { 0 };

	if (identity_find(&from, &id, &err) < 0)
		fail_msg("%s", err.text);
	memcpy(words, id.words, KEYWORDS_LEN);
	/* The RAM disk of the next start is empty. */
	assert_int_equal(fs_remove_tree(m->run, &err), 0);
}

static void a_machine_is_the_same_at_its_next_network_boot(void **state)
{
	struct machine *m = *state;
	char first[KEYWORDS_LEN], second[KEYWORDS_LEN], third[KEYWORDS_LEN];

	find(m, m->tcti, first);
	power_off(m);
	power_on(m);
	find(m, m->tcti, second);
	assert_string_equal(first, second);
	/* A TPM that does not answer is no reason to stand still: then it is a new machine. */
	power_off(m);
	find(m, m->tcti, third);
	assert_string_not_equal(first, third);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_sealed_outlives_the_power, begin, end),
		cmocka_unit_test_setup_teardown(what_is_not_ours_is_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(a_machine_is_the_same_at_its_next_network_boot, begin, end),
	};

	if (!fs_exists("/usr/bin/swtpm") || !fs_exists("/usr/bin/tpm2")) {
		puts("SKIP: swtpm or tpm2-tools is not installed");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
