/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/keys_check.h"

#include "base/mem.h"
#include "sys/fs.h"
#include "sys/keys.h"
#include "sys/pki_ssh.h"

/* Is there a document below one of these? */
static bool has_any(struct daemon *d, const char *const *prefixes)
{
	size_t bytes;

	for (; *prefixes; prefixes++)
		if (state_usage(d->state, *prefixes, &bytes))
			return true;
	return false;
}

static bool has_sealed(struct daemon *d)
{
	static const char *const sealed[] = { "secret/", "sealed/", NULL };

	return has_any(d, sealed);
}

int keys_of_secrets(struct daemon *d, struct secret_key *out, struct err *err)
{
	return secretbox_key(d->paths.pki_dir, !has_sealed(d), out, err);
}

static int check_secrets_key(struct daemon *d, struct err *err)
{
	autoclean(secret_key_clear) struct secret_key key = { 0 };
	autofree char *path = fs_join(d->paths.pki_dir, "secrets.key");

	return fs_exists(path) || has_sealed(d) ? secretbox_key(d->paths.pki_dir, false, &key, err) : 0;
}

int keys_check(struct daemon *d, struct err *err)
{
	/* What only the authorities of these keys can have brought into the state. */
	static const char *const by_ca[] = { "ident/", "secret/", "sealed/", NULL };
	static const char *const by_ssh[] = { "hostkey/", "sshkey/", NULL };
	autofree char *ssh_dir = fs_join(d->paths.pki_dir, "ssh");
	autoclean(str_list_free) struct str_list parts = { 0 };

	if (fs_exists(d->paths.pki_dir) && fs_list(d->paths.pki_dir, &parts, err) < 0)
		return -1;
	if (!parts.len && !has_any(d, by_ca))
		return 0;
	if (pki_check(d->paths.pki_dir, err) < 0 ||
	    ((fs_exists(ssh_dir) || has_any(d, by_ssh)) && pki_ssh_check(d->paths.pki_dir, err) < 0) ||
	    check_secrets_key(d, err) < 0)
		return err_wrap(err, "the keys of this head");
	return 0;
}
