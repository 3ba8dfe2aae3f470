/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What orthrus-node reads as root: whatever the bytes, no path leaves the root and no file becomes readable for all. */
#include "base/mem.h"
#include "base/str.h"
#include "installer/hostpath.h"
#include "installer/node_secrets.h"
#include "installer/node_ssh.h"
#include "sys/keys_seal.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct node_secret *s)
{
	uint8_t key[SEAL_KEY_LEN];
	struct buf plain = { 0 };
	struct err err = { 0 };

	if (hostpath_check(s->path, &err) < 0 || s->path[0] == '/' || strstr(s->path, "..") == s->path || s->mode & 0137)
		abort();
	memset(key, 1, sizeof(key));
	if (seal_open(key, s->sealed, &plain, &err) < 0 && plain.len)
		abort();
	seal_wipe(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(node_secrets_free) struct node_secrets s = { 0 };
	autoclean(node_ssh_free) struct node_ssh ssh = { 0 };
	struct err err = { 0 }, err2 = { 0 };

	if (node_secrets_read((const char *)data, size, &s, &err) < 0 && (s.items || !err.text[0]))
		abort();
	for (size_t i = 0; i < s.len; i++)
		check(&s.items[i]);
	if (node_ssh_read((const char *)data, size, &ssh, &err2) < 0) {
		if (ssh.certificate || !err2.text[0])
			abort();
	} else if (!ssh.revoked.len || strchr(ssh.certificate, '\n') != strrchr(ssh.certificate, '\n')) {
		abort();
	}
	return 0;
}
