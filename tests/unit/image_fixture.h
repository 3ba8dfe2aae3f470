/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of images share: a scratch directory, a key, and files written in one line. */
#ifndef ORTHRUS_TESTS_IMAGE_FIXTURE_H
#define ORTHRUS_TESTS_IMAGE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "imaging/restore.h"
#include "imaging/store.h"
#include "sys/fs.h"
#include "sys/keys.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OK(call)                                                                                                                 \
	do {                                                                                                                     \
		struct err ok_err_ = { 0 };                                                                                      \
		struct err *err = &ok_err_;                                                                                      \
		if ((call) < 0)                                                                                                  \
			fail_msg("%s: %s", #call, ok_err_.text);                                                                 \
	} while (0)
/* The call must fail with this kind of error, and its text must hold `part`. */
#define FAILS(want, part, call)                                                                                                  \
	do {                                                                                                                     \
		struct err fails_err_ = { 0 };                                                                                   \
		struct err *err = &fails_err_;                                                                                   \
		if ((call) == 0)                                                                                                 \
			fail_msg("%s succeeded", #call);                                                                         \
		if (fails_err_.kind != (want) || !strstr(fails_err_.text, part))                                                 \
			fail_msg("%s: kind %d, '%s'", #call, (int)fails_err_.kind, fails_err_.text);                             \
	} while (0)

#define MIB ((size_t)1 << 20)

struct fixture {
	char dir[64];
	char *tree, *store_dir, *target, *key_path;
	struct store *store;
	struct sign_key key;
	struct verify_key public;
};

static inline int fixture_setup(void **state)
{
	struct fixture *f = mem_zalloc(sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "%.30s/orthrus-image.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(f->dir))
		return -1;
	f->tree = fs_join(f->dir, "tree");
	f->target = fs_join(f->dir, "target");
	f->store_dir = fs_join(f->dir, "store");
	f->key_path = fs_join(f->dir, "sign.key");
	OK(fs_mkdirs(f->tree, 0755, err));
	OK(fs_mkdirs(f->target, 0755, err));
	OK(store_open(f->store_dir, true, &f->store, err));
	OK(sign_key_create(f->key_path, err));
	OK(sign_key_load(f->key_path, &f->key, err));
	verify_key_of(&f->key, &f->public);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	OK(fs_remove_tree(f->dir, err));
	sign_key_clear(&f->key);
	free(f->tree);
	free(f->target);
	free(f->store_dir);
	free(f->key_path);
	free(f);
	return 0;
}

/* A deterministic sequence of bytes that does not compress: xorshift64*. */
static inline uint8_t *noise(size_t len, uint64_t seed)
{
	uint8_t *p = mem_zalloc(len);
	uint64_t x = seed * 2 + 1;

	for (size_t i = 0; i < len; i++) {
		x ^= x >> 12;
		x ^= x << 25;
		x ^= x >> 27;
		p[i] = (uint8_t)((x * UINT64_C(0x2545F4914F6CDD1D)) >> 56);
	}
	return p;
}

static inline void put_file(const char *dir, const char *name, const void *data, size_t len)
{
	autofree char *path = fs_join(dir, name);

	OK(fs_write_atomic(path, data, len, 0644, err));
}

static inline void put_noise(const char *dir, const char *name, size_t len, uint64_t seed)
{
	autofree uint8_t *data = noise(len, seed);

	put_file(dir, name, data, len);
}

/* A tree with two kernels, and noise enough for several chunks. */
static inline void make_tree(struct fixture *f)
{
	autofree char *dir = fs_join(f->tree, "usr/bin");
	autofree char *boot = fs_join(f->tree, "boot");

	OK(fs_mkdirs(dir, 0755, err));
	OK(fs_mkdirs(boot, 0755, err));
	put_noise(boot, "vmlinuz-6.1.0-9-amd64", 3 * MIB, 11);
	put_noise(boot, "vmlinuz-6.1.0-10-amd64", 3 * MIB + 5, 12);
	put_file(boot, "initrd.img-6.1.0-10-amd64", "initrd", 6);
	put_noise(f->tree, "usr/bin/one", 5 * MIB, 1);
	put_noise(f->tree, "usr/bin/two", 5 * MIB, 2);
	put_file(f->tree, "usr/bin/empty", "", 0);
}

/* Is an image whole? */
static inline int check(struct fixture *f, const char *ref, struct err *err)
{
	autoclean(str_list_free) struct str_list hurt = { 0 };

	return store_verify(f->store, ref, &f->public, NULL, NULL, &hurt, err);
}

/* Ingest f->tree as `name`; the caller frees the reference. */
static inline char *take_image(struct fixture *f, const char *name)
{
	struct ingest in = {
		.source_dir = f->tree, .name = name, .kind = "golden", .cluster_id = "c1", .wall_s = 1795239000, .key = &f->key
	};
	char *ref = NULL;

	OK(store_ingest(f->store, &in, &ref, err));
	return ref;
}

/* The only file below store/DIR whose name ends with `suffix` (the first by name). */
static inline char *store_file(const struct fixture *f, const char *dir, const char *suffix)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	autofree char *at = fs_join(f->store_dir, dir);

	OK(fs_list(at, &names, err));
	for (size_t i = 0; i < names.len; i++)
		if (str_ends(names.items[i], suffix))
			return fs_join(at, names.items[i]);
	fail_msg("no file *%s in %s", suffix, at);
	return NULL;
}

/* Of all files in packs/. */
static inline uint64_t pack_bytes(const struct fixture *f)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	autofree char *packs = fs_join(f->store_dir, "packs");
	uint64_t sum = 0;

	OK(fs_list(packs, &names, err));
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(packs, names.items[i]);
		struct stat st;

		assert_int_equal(stat(path, &st), 0);
		sum += (uint64_t)st.st_size;
	}
	return sum;
}

static inline void flip_bit(const char *path, uint64_t at)
{
	autoclose int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	uint8_t b;

	assert_true(fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0);
	at %= (uint64_t)st.st_size;
	OK(fs_pread_all(fd, path, &b, 1, at, err));
	b ^= 0x10;
	OK(fs_pwrite_all(fd, path, &b, 1, at, err));
}

#endif
