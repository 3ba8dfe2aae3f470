/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/ssh_key.h"

#include "base/base64.h"
#include "base/mem.h"

#include <string.h>

#define TYPE "ssh-ed25519"
#define KEY_BYTES 32
#define BLOB_CHARS (SSH_KEY_LEN - sizeof(TYPE) - 1)

/* A string of RFC 4251: its length in four bytes, then its bytes. */
static const unsigned char head[] = { 0, 0, 0, sizeof(TYPE) - 1, 's', 's', 'h', '-', 'e', 'd', '2', '5', '5', '1', '9',
				      0, 0, 0, KEY_BYTES };

int ssh_key_read(const char *text, size_t len, char out[SSH_KEY_LEN], struct err *err)
{
	autoclean(buf_free) struct buf blob = { 0 };
	const char *b64 = text + sizeof(TYPE);
	struct err why = { 0 };

	if (len && text[len - 1] == '\n')
		len--;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return err_set(err, ERR_INVALID, "an ssh public key is one line of text");
	if (len < SSH_KEY_LEN - 1 || memcmp(text, TYPE " ", sizeof(TYPE)) != 0) {
		err_set(err, ERR_INVALID, "no ssh public key of type " TYPE);
		return err_hint(err, "ssh-keygen -t ed25519 makes one; its public half is in the file that ends in .pub");
	}
	if ((len > SSH_KEY_LEN - 1 && text[SSH_KEY_LEN - 1] != ' ') || base64_read(b64, BLOB_CHARS, &blob, &why) < 0 ||
	    blob.len != sizeof(head) + KEY_BYTES || memcmp(blob.data, head, sizeof(head)) != 0)
		return err_set(err, ERR_INVALID, "the ssh public key is not a whole one of type " TYPE);
	memcpy(out, text, SSH_KEY_LEN - 1);
	out[SSH_KEY_LEN - 1] = '\0';
	return 0;
}
