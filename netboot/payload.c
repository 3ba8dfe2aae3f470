/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netboot/payload.h"

#include "netboot/compress.h"
#include "netboot/initramfs.h"
#include "netboot/modules.h"
#include "netboot/render.h"

#include "imaging/store.h"

#include "base/digest.h"
#include "base/mem.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORK_PREFIX ".build-"
#define MANIFEST_MAX ((size_t)16 << 20)
#define KERNEL_MAX ((size_t)256 << 20)
/* Measured with 2 processors (docs/netboot.md): 19 makes it 11 % smaller than 12 and takes 12 times as long. */
#define LEVEL 12
/* Grows when the same inputs would come to another initramfs. */
#define FORMAT "orthrus payload 2"

static void store_closep(struct store **s)
{
	if (*s)
		store_close(*s);
}

int payload_roots_make(struct payload_roots *out, const struct netboot_payload *p, struct err *err)
{
	return initramfs_base(&out->base, p, err) < 0 ? -1 : initramfs_rescue(&out->rescue, &out->base, err);
}

void payload_roots_free(struct payload_roots *r)
{
	rootfs_free(&r->base);
	rootfs_free(&r->rescue);
}

int payload_key(struct payload_roots *roots, const char *source_id, char **key, struct err *err)
{
	autoclean(buf_free) struct buf text = { 0 };
	char hex[DIGEST_HEX_LEN], rescue[DIGEST_HEX_LEN];
	struct digest d;

	if (rootfs_digest(&roots->rescue, &d, err) < 0)
		return -1;
	digest_hex(&d, rescue);
	if (rootfs_digest(&roots->base, &d, err) < 0)
		return -1;
	digest_hex(&d, hex);
	buf_addf(&text, FORMAT "\nsource %s\nbase %s\nrescue %s\nzstd %u %d\nmodules", source_id, hex, rescue, compress_version(),
		 LEVEL);
	for (const char *const *m = modules_wanted; *m; m++)
		buf_addf(&text, " %s", *m);
	digest_of(text.data, text.len, &d);
	digest_hex(&d, hex);
	free(*key);
	*key = mem_strdup(hex);
	return 0;
}

/* What it has in bytes, then compressed. */
static int write_archive(struct rootfs *r, const char *path, size_t *raw, size_t *packed, struct err *err)
{
	autoclean(buf_free) struct buf archive = { 0 }, small = { 0 };

	if (rootfs_cpio(r, &archive, err) < 0 || compress_zstd(&archive, LEVEL, &small, err) < 0)
		return -1;
	*raw = archive.len;
	*packed = small.len;
	return fs_write_atomic(path, buf_str(&small), small.len, 0644, err);
}

int payload_from_tree(struct payload_roots *roots, const char *tree, const char *work, const char *out_dir, struct err *err)
{
	autofree char *vmlinuz = NULL, *version = NULL, *kernel_to = fs_join(out_dir, "vmlinuz");
	autofree char *initrd_to = fs_join(out_dir, "initrd.img"), *rescue_to = fs_join(out_dir, "rescue.img");
	autoclean(buf_free) struct buf kernel = { 0 };
	char raw[STR_BYTES_MAX], packed[STR_BYTES_MAX], more[STR_BYTES_MAX];
	size_t n_raw, n_packed, n_rescue, n_more;

	if (initramfs_kernel(tree, &vmlinuz, &version, err) < 0 || fs_read(vmlinuz, KERNEL_MAX, &kernel, err) < 0 ||
	    fs_write_atomic(kernel_to, buf_str(&kernel), kernel.len, 0644, err) < 0)
		return -1;
	if (initramfs_modules(&roots->base, tree, version, work, err) < 0 ||
	    write_archive(&roots->base, initrd_to, &n_raw, &n_packed, err) < 0 ||
	    write_archive(&roots->rescue, rescue_to, &n_rescue, &n_more, err) < 0)
		return -1;
	str_from_bytes(n_raw, raw);
	str_from_bytes(n_packed, packed);
	str_from_bytes(n_more, more);
	log_info("netboot", "imager initramfs for kernel %s: %s, compressed %s; %s more for rescue", version, raw, packed, more);
	return 0;
}

/* Which image it is: the digest of its signed manifest covers every byte below. */
static int image_identity(const char *dir, char **source_id, struct err *err)
{
	autofree char *path = fs_join(dir, "manifest.json");
	autoclean(buf_free) struct buf manifest = { 0 };
	char hex[DIGEST_HEX_LEN];
	struct digest d;

	if (fs_read(path, MANIFEST_MAX, &manifest, err) < 0)
		return -1;
	digest_of(buf_str(&manifest), manifest.len, &d);
	digest_hex(&d, hex);
	*source_id = str_format("manifest %s", hex);
	return 0;
}

static bool is_complete(const char *dir)
{
	autofree char *kernel = fs_join(dir, "vmlinuz"), *initrd = fs_join(dir, "initrd.img"),
		      *rescue = fs_join(dir, "rescue.img");

	return fs_exists(kernel) && fs_exists(initrd) && fs_exists(rescue);
}

/* What a build that was cut short left behind; the lock says that none is running. */
static int remove_leftovers(const char *dir, struct err *err)
{
	autoclean(str_list_free) struct str_list names = { 0 };

	if (fs_list(dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(dir, names.items[i]);

		if (str_starts(names.items[i], WORK_PREFIX) && fs_remove_tree(path, err) < 0)
			return -1;
	}
	return 0;
}

static int build_in(const struct netboot_payload *p, struct store *store, const char *ref, struct payload_roots *roots,
		    const char *dir, struct err *err)
{
	static const char *const wanted[] = { "boot/vmlinuz-",	   "usr/lib/modules/", "lib/modules/",
					      "usr/lib/firmware/", "lib/firmware/",    NULL };
	autofree char *tree = fs_join(dir, "tree"), *work = fs_join(dir, "work"), *out = fs_join(dir, "out"),
		      *boot = fs_join(tree, "boot");
	struct verify_key key;

	if (fs_mkdirs(tree, 0700, err) < 0 || fs_mkdirs(work, 0700, err) < 0 || fs_mkdirs(out, 0755, err) < 0)
		return -1;
	if (verify_key_load(p->sign_pub, &key, err) < 0 || store_extract(store, ref, &key, wanted, tree, err) < 0)
		return -1;
	if (!fs_exists(boot)) {
		err_set(err, ERR_NOT_FOUND, "the image has no kernel: there is no /boot/vmlinuz-*");
		return err_hint(err, "build it again with a kernel package, as `orthrus image build` does by itself");
	}
	return payload_from_tree(roots, tree, work, out, err);
}

/* Built aside and put in place whole: a machine that boots meanwhile sees all of it or nothing. */
static int build(const struct netboot_payload *p, struct store *store, const char *ref, struct payload_roots *roots,
		 const char *payloads, const char *final, struct err *err)
{
	autofree char *lock_path = fs_join(payloads, ".lock"), *dir = fs_join(payloads, WORK_PREFIX "XXXXXX"), *out = NULL;
	autoclose int lock = fs_lock(lock_path, err), top = -1;
	struct err ignored = { 0 };
	int rc = 0;

	if (lock < 0)
		return err_wrap(err, "another build is running");
	if (is_complete(final))
		return 0;
	if (remove_leftovers(payloads, err) < 0)
		return -1;
	if (!mkdtemp(dir))
		return err_errno(err, errno, "create a directory in %s", payloads);
	out = fs_join(dir, "out");
	if (build_in(p, store, ref, roots, dir, err) < 0)
		rc = -1;
	else if (rename(out, final) < 0)
		rc = err_errno(err, errno, "rename %s to %s", out, final);
	else if ((top = fs_open_dir(payloads, err)) < 0)
		rc = -1;
	else if (fsync(top) < 0)
		rc = err_errno(err, errno, "sync %s", payloads);
	if (fs_remove_tree(dir, &ignored) < 0)
		log_err("netboot", "clean up", &ignored);
	return rc;
}

int netboot_payload_build(const struct netboot_payload *p, char **key, struct err *err)
{
	autofree char *name = NULL, *id = NULL, *dir = NULL, *ref = NULL, *source_id = NULL, *payloads = NULL, *final = NULL;
	autofree char *made = NULL;
	autoclean(payload_roots_free) struct payload_roots roots = { 0 };
	autoclean(store_closep) struct store *store = NULL;

	if (store_open(p->store_dir, false, &store, err) < 0 || store_find(store, p->image_ref, &name, &id, &dir, err) < 0)
		return err_wrap(err, "imager for %s", p->image_ref);
	ref = str_format("%s/%s", name, id);
	payloads = fs_join(p->tftp_root, NETBOOT_PAYLOAD_DIR);
	if (image_identity(dir, &source_id, err) < 0 || payload_roots_make(&roots, p, err) < 0 ||
	    payload_key(&roots, source_id, &made, err) < 0 || fs_mkdirs(payloads, 0755, err) < 0)
		return err_wrap(err, "imager for %s", ref);
	final = fs_join(payloads, made);
	if (!is_complete(final) && build(p, store, ref, &roots, payloads, final, err) < 0)
		return err_wrap(err, "imager for %s", ref);
	free(*key);
	*key = steal(made);
	return 0;
}
