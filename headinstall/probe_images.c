/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The images that nodes can be installed with: whole, and signed by the key that is this cluster's. An uninstallation keeps
 * images and takes the key away, so that those of a cluster that was here before are of use to nobody now. */
#include "headinstall/probe_priv.h"

#include "base/mem.h"
#include "headinstall/paths.h"
#include "sys/fs.h"
#include "sys/keys.h"

#include <sys/stat.h>

#define MANIFEST_MAX ((size_t)1 << 20)

/* What is being written, or was when its writer was killed, has a dot in front, and so is no name. */
static bool is_ours(const char *dir, const char *version, const struct verify_key *key)
{
	autofree char *at = fs_join(dir, version), *manifest = fs_join(at, "manifest.json"), *sig = fs_join(at, "manifest.sig");
	autoclean(buf_free) struct buf text = { 0 }, signature = { 0 };
	struct err none = { 0 };
	struct stat st;

	return str_check_name(version, &none) == 0 && lstat(at, &st) == 0 && S_ISDIR(st.st_mode) &&
	       fs_read_nofollow(manifest, MANIFEST_MAX, &text, &none) == 0 &&
	       fs_read_nofollow(sig, SIGNATURE_LEN, &signature, &none) == 0 &&
	       verify_bytes(key, buf_str(&text), text.len, (const uint8_t *)buf_str(&signature), signature.len, &none) == 0;
}

/* An image is there when one version of it is. */
void probe_images(struct head_facts *f)
{
	autofree char *dir = str_format("%s" HEAD_IMAGES, f->root), *pub = str_format("%s" HEAD_SIGN_PUB, f->root);
	autoclean(str_list_free) struct str_list names = { 0 };
	struct verify_key key = { 0 };
	struct err none = { 0 };

	if (fs_list(dir, &names, &none) < 0 || verify_key_load(pub, &key, &none) < 0)
		return;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *one = fs_join(dir, names.items[i]);
		autoclean(str_list_free) struct str_list versions = { 0 };
		bool has = false;

		if (fs_list(one, &versions, &none) < 0)
			continue;
		for (size_t k = 0; k < versions.len && !has; k++)
			has = is_ours(one, versions.items[k], &key);
		if (has)
			str_list_add(&f->images, names.items[i]);
	}
}
