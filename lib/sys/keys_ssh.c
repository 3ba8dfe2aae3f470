/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/keys_ssh.h"

#include "base/base64.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/keys.h"
#include "sys/spawn.h"

#include <sodium.h>
#include <string.h>

#define KEYGEN_NS (60 * NS_PER_S)
#define TYPE "ssh-ed25519"
#define MAGIC "SSHSIG"
#define HASH "sha512" /* what ssh-keygen takes unless it is told otherwise */
#define KEY_BYTES 32

/* A string of RFC 4251: its length in four bytes, then its bytes. */
static void put_string(struct buf *out, const void *data, size_t len)
{
	const unsigned char head[] = { (unsigned char)(len >> 24), (unsigned char)(len >> 16), (unsigned char)(len >> 8),
				       (unsigned char)len };

	buf_add(out, head, sizeof(head));
	buf_add(out, data, len);
}

#define PUT_TEXT(out, text) put_string((out), (text), strlen(text))

/* What is said, and signed: a line for each part. orthrus-sync writes the same. */
static void claim_text(const struct ssh_claim *c, struct buf *out)
{
	buf_addf(out, "%s\n%s\n%s\n", c->node, c->fingerprint, c->key);
}

/* The whole signature is given by the claim but for its last bytes; hence nothing of it has to be parsed. */
static void put_prefix(const struct buf *key, struct buf *out)
{
	static const unsigned char version[] = { 0, 0, 0, 1 };

	buf_add(out, MAGIC, strlen(MAGIC));
	buf_add(out, version, sizeof(version));
	put_string(out, key->data, key->len);
	PUT_TEXT(out, SSH_PROOF_NAMESPACE);
	PUT_TEXT(out, "");
	PUT_TEXT(out, HASH);
	/* the length of what follows: type and signature, each with its own */
	buf_add(out, (const unsigned char[]){ 0, 0, 0, 4 + strlen(TYPE) + 4 + SIGNATURE_LEN }, 4);
	PUT_TEXT(out, TYPE);
	buf_add(out, (const unsigned char[]){ 0, 0, 0, SIGNATURE_LEN }, 4);
}

/* What the key signs: never the text itself, lest it be taken for something else. */
static void put_signed(const struct ssh_claim *c, struct buf *out)
{
	autoclean(buf_free) struct buf text = { 0 };
	unsigned char hash[crypto_hash_sha512_BYTES];

	claim_text(c, &text);
	crypto_hash_sha512(hash, (const unsigned char *)text.data, text.len);
	buf_add(out, MAGIC, strlen(MAGIC));
	PUT_TEXT(out, SSH_PROOF_NAMESPACE);
	PUT_TEXT(out, "");
	PUT_TEXT(out, HASH);
	put_string(out, hash, sizeof(hash));
}

int ssh_proof_check(const struct ssh_claim *claim, const char *proof, struct err *err)
{
	autoclean(buf_free) struct buf key = { 0 }, have = { 0 }, prefix = { 0 }, text = { 0 };
	const char *blob = claim->key + strlen(TYPE " ");
	struct verify_key public;
	struct err why = { 0 };

	if (base64_read(blob, strlen(blob), &key, &why) < 0 || key.len < KEY_BYTES)
		return err_set(err, ERR_REFUSED, "no ssh public key of type " TYPE);
	memcpy(public.public, key.data + key.len - KEY_BYTES, KEY_BYTES);
	put_prefix(&key, &prefix);
	put_signed(claim, &text);
	if (base64_read(proof, strlen(proof), &have, &why) == 0 && have.len == prefix.len + SIGNATURE_LEN &&
	    memcmp(have.data, prefix.data, prefix.len) == 0 &&
	    verify_bytes(&public, text.data, text.len, (const uint8_t *)have.data + prefix.len, SIGNATURE_LEN, &why) == 0)
		return 0;
	return err_set(err, ERR_REFUSED, "%s: nothing proves that the ssh host key it shows is its own", claim->node);
}

/* Between its first and its last line it is base64, in lines. */
static void add_armored(const char *text, struct buf *out)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (text[0] != '-')
			buf_add(out, text, len);
		text += len + (text[len] == '\n');
	}
}

int ssh_proof_make(const char *key_path, const struct ssh_claim *claim, struct buf *out, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	struct spawn s = { .argv = (const char *const[]){ "ssh-keygen", "-Y", "sign", "-q", "-f", key_path, "-n",
							  SSH_PROOF_NAMESPACE, NULL },
			   .timeout_ns = KEYGEN_NS };

	claim_text(claim, &text);
	s.input = text.data;
	s.input_len = text.len;
	if (spawn_run(&s, &r, err) < 0)
		return -1;
	if (r.status != 0)
		return err_set(err, ERR_FAILED, "ssh-keygen can't sign with %s: %.200s", key_path, buf_str(&r.err));
	add_armored(buf_str(&r.out), out);
	return 0;
}
