/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/secretbox.h"

#include "base/mem.h"
#include "base/str.h"
#include "sys/fs.h"
#include "sys/keys.h"
#include "sys/log.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>

#define KEY_FILE "secrets.key"
#define KEY_HEX_LEN (2 * sizeof(((struct secret_key *)0)->bytes)) /* the file: these digits and a newline */
#define VERSION 1
#define ID_LEN 8
#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_LEN crypto_aead_xchacha20poly1305_ietf_ABYTES
#define HEAD_LEN (1 + ID_LEN + NONCE_LEN) /* version, key id, nonce; then the ciphertext with its tag */

_Static_assert(sizeof(((struct secret_key *)0)->bytes) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key of the cipher");

static int sodium_ready(struct err *err)
{
	return sodium_init() < 0 ? err_set(err, ERR_FAILED, "libsodium cannot be used on this machine") : 0;
}

void secret_buf_free(struct buf *b)
{
	if (b->data)
		sodium_memzero(b->data, b->cap);
	buf_free(b);
}

void secret_str_free(char *s)
{
	if (s)
		sodium_memzero(s, strlen(s));
	free(s);
}

void secret_key_clear(struct secret_key *k)
{
	/* Wipes it, too. */
	sodium_munlock(k->bytes, sizeof(k->bytes));
}

/* Which key it was, in what is sealed: "another key" is another next step than "damaged". Says nothing of the key itself. */
static void key_id(const struct secret_key *k, uint8_t id[ID_LEN])
{
	static const char domain[] = "orthrus secrets key id";
	uint8_t hash[crypto_generichash_BYTES];

	crypto_generichash(hash, sizeof(hash), (const unsigned char *)domain, sizeof(domain) - 1, k->bytes, sizeof(k->bytes));
	memcpy(id, hash, ID_LEN);
}

static int make_file(const char *dir, const char *path, struct err *err)
{
	autoclose int fd = fs_open_dir(dir, err);
	autoclean(secret_key_clear) struct secret_key key = { 0 };
	char text[KEY_HEX_LEN + 2];
	int rc;

	if (fd < 0)
		return -1;
	/* Two that find no key would each make one, and what the first has sealed nobody could open. */
	if (fs_flock(fd, LOCK_EX) < 0)
		return err_errno(err, errno, "lock %s", dir);
	if (fs_exists(path))
		return 0;
	random_bytes(key.bytes, sizeof(key.bytes));
	sodium_bin2hex(text, sizeof(text), key.bytes, sizeof(key.bytes));
	text[KEY_HEX_LEN] = '\n';
	rc = fs_write_atomic(path, text, KEY_HEX_LEN + 1, 0600, err);
	sodium_memzero(text, sizeof(text));
	if (rc == 0)
		log_info("keys", "made %s, the key of the secrets in the cluster's state", path);
	return rc;
}

static int load(const char *path, struct secret_key *out, struct err *err)
{
	autoclean(secret_buf_free) struct buf text = { 0 };
	autosecret char *digits = NULL;
	struct err bad = { 0 };

	buf_reserve(&text, KEY_HEX_LEN + 2);
	if (fs_read_secret(path, KEY_HEX_LEN, KEY_HEX_LEN + 1, &text, err) < 0)
		return -1;
	digits = mem_strndup(text.data, text.len - (text.data[text.len - 1] == '\n'));
	/* Zeros are what a failed read or a fresh disk block looks like: never a key. */
	if (strlen(digits) == KEY_HEX_LEN && str_unhex(digits, out->bytes, sizeof(out->bytes), &bad) == 0 &&
	    !sodium_is_zero(out->bytes, sizeof(out->bytes)))
		return 0;
	secret_key_clear(out);
	err_set(err, ERR_REFUSED, "%s is not a key: a key is %zu hex digits", path, KEY_HEX_LEN);
	return err_hint(err, "restore it from the backup: without it no secret in the state can be opened");
}

/* Who sees that it is lost can choose: the hint says both ways. */
static int lost(const char *path, struct err *err)
{
	err_set(err, ERR_REFUSED, "%s is missing, though there are secrets that it has sealed", path);
	return err_hint(
		err,
		"restore it from the backup; if it is lost for good: (umask 077; openssl rand -hex 32 >%s), then set every "
		"secret and BMC password again",
		path);
}

int secretbox_key(const char *pki_dir, bool make, struct secret_key *out, struct err *err)
{
	autofree char *path = fs_join(pki_dir, KEY_FILE);

	if (sodium_ready(err) < 0)
		return -1;
	/* Where the limit of locked memory is used up the key works as well; it might only reach the swap. */
	if (sodium_mlock(out->bytes, sizeof(out->bytes)) < 0)
		log_debug("keys", "a key cannot be locked into memory");
	if (!fs_exists(path) && (make ? make_file(pki_dir, path, err) : lost(path, err)) < 0)
		return err_wrap(err, "the key of secrets");
	return load(path, out, err);
}

int secretbox_seal(const struct secret_key *k, const char *context, const void *plain, size_t len, struct buf *b64,
		   struct err *err)
{
	autofree char *bound = str_format("orthrus secret %d %s", VERSION, context);
	autofree uint8_t *box = NULL;
	autofree char *text = NULL;
	size_t box_len, text_len;

	if (sodium_ready(err) < 0)
		return -1;
	if (len > SECRETBOX_MAX)
		return err_set(err, ERR_INVALID, "%s: a secret of %zu bytes is too long, at most %zu", context, len,
			       SECRETBOX_MAX);
	if (sodium_is_zero(k->bytes, sizeof(k->bytes)))
		return err_set(err, ERR_REFUSED, "%s: no key is loaded to seal it", context);
	box_len = HEAD_LEN + len + TAG_LEN;
	box = mem_zalloc(box_len);
	box[0] = VERSION;
	key_id(k, box + 1);
	random_bytes(box + 1 + ID_LEN, NONCE_LEN);
	crypto_aead_xchacha20poly1305_ietf_encrypt(box + HEAD_LEN, NULL, plain, len, (const unsigned char *)bound, strlen(bound),
						   NULL, box + 1 + ID_LEN, k->bytes);
	text_len = sodium_base64_encoded_len(box_len, sodium_base64_VARIANT_ORIGINAL);
	text = mem_zalloc(text_len);
	buf_adds(b64, sodium_bin2base64(text, text_len, box, box_len, sodium_base64_VARIANT_ORIGINAL));
	return 0;
}

/* The bytes of the text; *len at least those of an empty secret. NULL: it is none. */
static uint8_t *unpack(const char *b64, size_t *len)
{
	size_t max = strlen(b64) / 4 * 3 + 3;
	autofree uint8_t *box = mem_zalloc(max);
	const char *end;

	if (strlen(b64) > 2 * SECRETBOX_MAX ||
	    sodium_base642bin(box, max, b64, strlen(b64), NULL, len, &end, sodium_base64_VARIANT_ORIGINAL) < 0 || *end ||
	    *len < HEAD_LEN + TAG_LEN)
		return NULL;
	return steal(box);
}

int secretbox_open(const struct secret_key *k, const char *context, const char *b64, struct buf *plain, struct err *err)
{
	autofree char *bound = str_format("orthrus secret %d %s", VERSION, context);
	autofree uint8_t *box = NULL;
	uint8_t id[ID_LEN], *out;
	size_t len = 0, out_len;
	int rc;

	if (sodium_ready(err) < 0)
		return -1;
	box = unpack(b64, &len);
	if (!box || box[0] != VERSION) {
		err_set(err, ERR_DAMAGED, "%s: this is no sealed secret of this version", context);
		return err_hint(err, "set the secret again");
	}
	key_id(k, id);
	if (sodium_memcmp(id, box + 1, ID_LEN) != 0) {
		err_set(err, ERR_DAMAGED, "%s: the secret was sealed with another key than " KEY_FILE, context);
		return err_hint(err, "restore " KEY_FILE " from the backup, or set the secret again");
	}
	out_len = len - HEAD_LEN - TAG_LEN;
	out = sodium_malloc(out_len + 1);
	if (!out)
		return err_set(err, ERR_FAILED, "%s: no memory that is kept from the swap", context);
	rc = crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, box + HEAD_LEN, len - HEAD_LEN,
							(const unsigned char *)bound, strlen(bound), box + 1 + ID_LEN, k->bytes);
	if (rc == 0) {
		buf_reserve(plain, out_len + 1);
		buf_add(plain, out, out_len);
	} else {
		err_set(err, ERR_DAMAGED, "%s: the sealed secret is not what was sealed for this", context);
		err_hint(err, "set the secret again, and ask who can write the cluster's state");
	}
	sodium_free(out);
	return rc == 0 ? 0 : -1;
}
