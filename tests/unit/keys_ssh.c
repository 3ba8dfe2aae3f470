/* SPDX-License-Identifier: GPL-2.0-or-later */
/* That a machine has the private half of an ssh host key: made by the real ssh-keygen, and refused in every other case. */
#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"
#include "sys/keys_ssh.h"
#include "sys/pki_ssh.h"
#include "sys/spawn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants the three above. */
#include <cmocka.h>

#define FINGERPRINT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct test {
	char *dir, *path, *other_path;
	char key[SSH_KEY_LEN], other[SSH_KEY_LEN];
	struct ssh_claim claim;
	struct buf proof;
};

static int begin(void **state)
{
	struct test *t = mem_zalloc(sizeof(*t));
	struct err err = { 0 };

	*state = t;
	t->dir = mem_strdup("/tmp/orthrus-keysssh.XXXXXX");
	if (!mkdtemp(t->dir))
		return -1;
	t->path = fs_join(t->dir, "key");
	t->other_path = fs_join(t->dir, "other");
	t->claim = (struct ssh_claim){ .node = "n01", .fingerprint = FINGERPRINT, .key = t->key };
	if (pki_ssh_key(t->path, "x", t->key, &err) < 0 || pki_ssh_key(t->other_path, "x", t->other, &err) < 0 ||
	    ssh_proof_make(t->path, &t->claim, &t->proof, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int end(void **state)
{
	struct test *t = *state;
	struct err err = { 0 };
	int rc = fs_remove_tree(t->dir, &err);

	buf_free(&t->proof);
	free(t->path);
	free(t->other_path);
	free(t->dir);
	free(t);
	return rc;
}

static void refused(const struct ssh_claim *c, const char *proof)
{
	struct err err = { 0 };

	assert_int_equal(ssh_proof_check(c, proof, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, c->node));
}

static void what_was_signed_is_believed(void **state)
{
	struct test *t = *state;
	struct err err = { 0 };

	if (ssh_proof_check(&t->claim, buf_str(&t->proof), &err) < 0)
		fail_msg("%s", err.text);
	assert_null(strchr(buf_str(&t->proof), '\n'));
}

static void for_another_claim_it_is_worth_nothing(void **state)
{
	struct test *t = *state;
	struct ssh_claim node = t->claim, fingerprint = t->claim, key = t->claim;

	node.node = "n02";
	refused(&node, buf_str(&t->proof));
	fingerprint.fingerprint = "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
	refused(&fingerprint, buf_str(&t->proof));
	key.key = t->other;
	refused(&key, buf_str(&t->proof));
}

static void by_another_key_it_is_worth_nothing(void **state)
{
	struct test *t = *state;
	autoclean(buf_free) struct buf proof = { 0 };
	struct err err = { 0 };

	/* over n01's key, by the other one */
	if (ssh_proof_make(t->other_path, &t->claim, &proof, &err) < 0)
		fail_msg("%s", err.text);
	refused(&t->claim, buf_str(&proof));
}

static void each_changed_character_is_seen(void **state)
{
	struct test *t = *state;
	autofree char *text = mem_strdup(buf_str(&t->proof));

	for (size_t i = 0; i < t->proof.len; i++) {
		char was = text[i];

		text[i] = was == 'A' ? 'B' : 'A';
		refused(&t->claim, text);
		text[i] = was;
	}
	text[t->proof.len - 4] = '\0';
	refused(&t->claim, text);
	refused(&t->claim, "");
	refused(&t->claim, "no base64");
}

static void longer_is_refused(void **state)
{
	struct test *t = *state;
	autofree char *text = str_format("%sAAAA", buf_str(&t->proof));

	refused(&t->claim, text);
}

static void no_key_no_proof(void **state)
{
	struct test *t = *state;
	autofree char *missing = fs_join(t->dir, "missing");
	autoclean(buf_free) struct buf proof = { 0 };
	struct err err = { 0 };

	assert_int_equal(ssh_proof_make(missing, &t->claim, &proof, &err), -1);
	assert_non_null(strstr(err.text, missing));
	assert_int_equal(proof.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_signed_is_believed),
		cmocka_unit_test(for_another_claim_it_is_worth_nothing),
		cmocka_unit_test(by_another_key_it_is_worth_nothing),
		cmocka_unit_test(each_changed_character_is_seen),
		cmocka_unit_test(longer_is_refused),
		cmocka_unit_test(no_key_no_proof),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
