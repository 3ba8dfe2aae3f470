/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A restore onto what is there: gone on with after a kill, and an older tree that becomes another image's. */
#include "image_fixture.h"

#include "imaging/pack.h"
#include "imaging/restore_journal.h"
#include "sys/spawn.h"

#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/xattr.h>

#define MIB ((size_t)1 << 20)
#define JOURNAL ".orthrus-restore"

/* rsync sees no difference between the tree and the target. */
static void assert_same(const struct fixture *f)
{
	autofree char *from = str_format("%s/", f->tree);
	autofree char *to = str_format("%s/", f->target);
	struct spawn_result out = { 0 };
	const char *const argv[] = { "rsync", "-aHAXSn", "--checksum", "--delete", "--itemize-changes", from, to, NULL };

	OK(spawn_run(&(const struct spawn){ .argv = argv }, &out, err));
	if (out.out.len)
		fail_msg("differs: %s", buf_str(&out.out));
	spawn_result_free(&out);
}

static int open_target(const struct fixture *f)
{
	int fd = open(f->target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* A shell script in the directory that holds tree/ and target/. */
static void script(const struct fixture *f, const char *text)
{
	const char *const argv[] = { "bash", "-ec", text, NULL };
	autofree char *old = getcwd(NULL, 0);

	assert_int_equal(chdir(f->dir), 0);
	OK(spawn_run(&(const struct spawn){ .argv = argv }, NULL, err));
	assert_int_equal(chdir(old), 0);
}

static void restore(const struct fixture *f, const char *ref, bool update)
{
	autoclose int fd = open_target(f);

	OK(restore_from_store(f->store, ref, &(struct restore_how){ .key = &f->public, .update = update }, fd, err));
}

#define OLD_TREE                                                                                                                 \
	"cd tree; mkdir -p etc usr/lib/deep var; echo one >etc/one; echo two >etc/two; ln etc/one etc/one-more; ln -s one "      \
	"etc/link; mkfifo var/pipe; truncate -s 5M var/sparse; echo data | dd of=var/sparse bs=1 seek=2097152 conv=notrunc "     \
	"status=none; chmod 2750 usr/lib; setfattr -n user.a -v b etc/two; touch -d '1960-01-02 03:04:05.678' etc/two; "         \
	"for i in $(seq 200); do echo $i >usr/lib/deep/$i; done; setfacl -m u:12:rw etc/one"

/* Each kind of difference that a later image can have. */
#define NEW_TREE                                                                                                                 \
	"cd tree; echo changed >etc/two; setfattr -x user.a etc/two; rm etc/one-more; echo three >etc/three; rm -r "             \
	"usr/lib/deep/1*; rm etc/link; mkdir etc/link; echo in >etc/link/in; rm var/pipe; echo file >var/pipe; setfacl -b "      \
	"etc/one; chmod 600 etc/one; truncate -s 3M var/sparse; ln usr/lib/deep/2 usr/lib/deep/two; ln -s nowhere "              \
	"var/dangling; "                                                                                                         \
	"chmod 755 usr/lib; cp big big-too; dd if=/dev/urandom of=big bs=1000 seek=3000 count=1 conv=notrunc status=none"

static void test_update(void **state)
{
	struct fixture *f = *state;
	autoclean(restore_delta_free) struct restore_delta delta = { 0 };
	autofree char *old = NULL, *new = NULL;
	autoclose int fd = open_target(f);

	put_noise(f->tree, "big", 9 * MIB, 7);
	script(f, OLD_TREE);
	old = take_image(f, "x");
	restore(f, old, false);
	assert_same(f);
	script(f, NEW_TREE);
	new = take_image(f, "x");
	OK(restore_compare_store(f->store, new, &f->public, fd, &delta, err));
	/* Topmost names only, in order; a directory shows as one. */
	assert_true(str_list_has(&delta.removed, "/etc/link"));
	assert_true(str_list_has(&delta.removed, "/etc/one-more"));
	assert_true(str_list_has(&delta.removed, "/usr/lib/deep/1"));
	assert_false(str_list_has(&delta.removed, "/etc/two"));
	assert_true(delta.missing_chunks > 0 && delta.missing_bytes < 6 * MIB);
	assert_true(delta.kept_bytes > 2 * MIB);
	restore(f, new, true);
	assert_same(f);
	/* Nothing left to do, and nothing is done. */
	restore_delta_free(&delta);
	OK(restore_compare_store(f->store, new, &f->public, fd, &delta, err));
	assert_int_equal(delta.missing_chunks, 0);
	assert_int_equal(delta.removed.len, 0);
	/* Back again, too: not only what grows. */
	restore(f, old, true);
	restore(f, new, true);
	assert_same(f);
}

static struct timespec change_time(const char *dir, const char *name)
{
	autofree char *path = fs_join(dir, name);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_ctim;
}

/* What is right already is not touched at all. */
static void test_update_leaves_alone(void **state)
{
	static const char *const names[] = { "etc/one",	   "etc/two", "etc/link",      "var/pipe",
					     "var/sparse", "usr/lib", "usr/lib/deep/5" };
	struct timespec before[ARRAY_LEN(names)];
	struct fixture *f = *state;
	autofree char *ref = NULL;

	script(f, OLD_TREE);
	ref = take_image(f, "x");
	restore(f, ref, false);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		before[i] = change_time(f->target, names[i]);
	restore(f, ref, true);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct timespec after = change_time(f->target, names[i]);

		if (memcmp(&after, &before[i], sizeof(after)) != 0)
			fail_msg("%s was touched", names[i]);
	}
	assert_same(f);
}

/* Files of the image that are names of one another in the target: writing to one must not write to the other. */
static void test_update_parts_links(void **state)
{
	struct fixture *f = *state;
	autofree char *ref = NULL;

	put_noise(f->tree, "a", 3 * MIB, 1);
	put_noise(f->tree, "b", 3 * MIB, 2);
	script(f, "cd tree; echo c >c; echo d >d; ln a a2; ln b b2");
	ref = take_image(f, "x");
	script(f, "cd target; cp ../tree/a a; ln a b; ln a a2; ln a b2; echo c >c; ln c d; mkdir extra; ln a extra/x; ln -s "
		  "/etc/passwd e");
	restore(f, ref, true);
	assert_same(f);
}

/* A restore that stopped anywhere: the next one completes it, without what is durable. */
static void test_resume(void **state)
{
	struct fixture *f = *state;
	autofree char *ref = NULL, *path = NULL;
	autoclose int fd = -1;

	put_noise(f->tree, "big", 9 * MIB, 3);
	script(f, OLD_TREE);
	ref = take_image(f, "x");
	path = store_file(f, "packs", ".pack");
	for (unsigned int stop = 0; stop < 12; stop += 3) {
		struct buf in[4] = { 0 };
		static const char *const docs[] = { "manifest.json", "manifest.sig", "tree.zst", "chunks.bin" };
		struct restore_source src = { .key = &f->public, .resumable = true, .checkpoint_bytes = 2 * MIB };
		autoclean(buf_free) struct buf pack = { 0 };
		struct restore_hand *hand;
		struct restore *r;
		size_t kept = 0;

		OK(fs_remove_tree(f->target, err));
		OK(fs_mkdirs(f->target, 0755, err));
		fd = open_target(f);
		OK(fs_read(path, 64 * MIB, &pack, err));
		for (size_t i = 0; i < 4; i++) {
			autofree char *doc = str_format("%s/images/%s/%s", f->store_dir, ref, docs[i]);

			OK(fs_read(doc, MIB, &in[i], err));
		}
		src.manifest = in[0].data, src.manifest_len = in[0].len, src.manifest_sig = in[1].data;
		src.manifest_sig_len = in[1].len, src.tree = in[2].data, src.tree_len = in[2].len;
		src.chunks = in[3].data, src.chunks_len = in[3].len;
		OK(restore_begin(&src, fd, &r, err));
		assert_true(restore_is_unfinished(fd));
		hand = restore_hand_new(r);
		for (size_t i = 0; i < stop && i < restore_chunk_count(r); i++) {
			const struct restore_chunk *c = restore_chunk_at(r, i);

			OK(restore_put(hand, i, pack.data + c->pack_offset, c->stored_len, err));
		}
		restore_hand_free(hand);
		restore_free(r);
		OK(restore_begin(&src, fd, &r, err));
		for (size_t i = 0; i < restore_chunk_count(r); i++)
			kept += restore_chunk_done(r, i);
		assert_true(kept >= (stop > 3 ? 2 : 0));
		restore_free(r);
		OK(restore_from_store(f->store, ref, &(struct restore_how){ .key = &f->public }, fd, err));
		assert_false(restore_is_unfinished(fd));
		assert_same(f);
		for (size_t i = 0; i < 4; i++)
			buf_free(&in[i]);
		close(steal_fd(fd));
	}
}

/* Another image's unfinished restore is not taken for ours, and a damaged note is no licence to overwrite. */
static void test_resume_is_refused(void **state)
{
	struct fixture *f = *state;
	autoclose int fd = open_target(f);
	autofree char *ref = NULL, *path = fs_join(f->target, JOURNAL);
	struct restore_how how = { .key = &f->public };
	struct restore_journal j = { .n_chunks = 1, .done = (bool[]){ true } };
	autoclean(buf_free) struct buf data = { 0 };

	put_noise(f->tree, "big", MIB, 3);
	ref = take_image(f, "x");
	restore_journal_encode(&j, &data);
	OK(fs_write_atomic(path, data.data, data.len, 0600, err));
	FAILS(ERR_REFUSED, "another image", restore_from_store(f->store, ref, &how, fd, err));
	data.data[20] ^= 1;
	OK(fs_write_atomic(path, data.data, data.len, 0600, err));
	FAILS(ERR_DAMAGED, JOURNAL, restore_from_store(f->store, ref, &how, fd, err));
	script(f, "test ! -e target/big");
}

/* A journal that can't be read or written is called what the administrator can find, not by our number of the directory. */
static void test_journal_is_named(void **state)
{
	static const char *const in_its_place[] = { "mkdir", "mkfifo", "ln -s big" };
	static const char named[] = "the restore's journal " JOURNAL " in the target";
	struct fixture *f = *state;
	int fd = open_target(f);
	autofree char *ref = NULL;
	struct restore_how how = { .key = &f->public };

	put_noise(f->tree, "big", MIB, 3);
	ref = take_image(f, "x");
	for (size_t i = 0; i < ARRAY_LEN(in_its_place); i++) {
		autofree char *place = str_format("%s target/" JOURNAL, in_its_place[i]);
		struct err why = { 0 };

		script(f, place);
		assert_int_equal(restore_from_store(f->store, ref, &how, fd, &why), -1);
		assert_non_null(strstr(why.text, named));
		assert_null(strstr(why.text, "/proc/"));
		assert_non_null(strstr(why.hint, "another directory"));
		script(f, "rm -r target/" JOURNAL "; test ! -e target/big");
	}
	close(fd);
	fd = open_target(f);
	script(f, "rmdir target"); /* nothing can be made in it any more */
	FAILS(ERR_NOT_FOUND, named, restore_from_store(f->store, ref, &how, fd, err));
	close(fd);
	script(f, "mkdir target");
}

/* Only root may set inode flags, and not every file system keeps them. */
static bool has_flags(const struct fixture *f)
{
	autoclose int probe = open(f->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned int flags = 0;

	return geteuid() == 0 && ioctl(probe, FS_IOC_GETFLAGS, &flags) == 0;
}

/* What can't be removed is called by its path in the target. What is mounted in it is left alone, be it of the same file system.
 */
static void test_extra_is_named(void **state)
{
	struct fixture *f = *state;
	autoclose int fd = -1;
	autofree char *ref = NULL, *mine = fs_join(f->dir, "mine"), *there = fs_join(f->target, "old/deep/m");
	struct restore_how how = { .key = &f->public, .update = true };

	ref = take_image(f, "x");
	script(f, "mkdir -p target/old/deep/m mine; echo a >mine/a");
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return;	     /* we may not mount */
	fd = open_target(f); /* as seen from here */
	assert_int_equal(mount(mine, there, NULL, MS_BIND, NULL), 0);
	FAILS(ERR_REFUSED, "remove '/old', which the image does not have: remove /old/deep/m: another file system",
	      restore_from_store(f->store, ref, &how, fd, err));
	assert_int_equal(umount2(there, MNT_DETACH), 0);
	script(f, "test \"$(cat mine/a)\" = a");
	close(steal_fd(fd)); /* and with it the lock on the target */
	restore(f, ref, true);
	assert_same(f);
}

/* Without --update nothing that is there is touched, and no note of a restore is left that would make it a licence later. */
static void test_occupied(void **state)
{
	struct fixture *f = *state;
	autoclose int fd = open_target(f);
	autofree char *ref = NULL;
	struct restore_how how = { .key = &f->public };

	script(f, "mkdir tree/etc; echo image >tree/etc/conf; mkdir target/etc; echo mine >target/etc/conf");
	ref = take_image(f, "x");
	FAILS(ERR_EXISTS, "'/etc/conf'", restore_from_store(f->store, ref, &how, fd, err));
	assert_false(restore_is_unfinished(fd));
	script(f, "test \"$(cat target/etc/conf)\" = mine; test \"$(ls -A target)\" = etc");
}

/* The parts of immutable trees can be replaced. */
static void test_update_immutable(void **state)
{
	struct fixture *f = *state;
	autofree char *ref = NULL, *old = NULL;

	if (!has_flags(f))
		return;
	script(f, "cd tree; mkdir d; echo a >d/a; echo b >b; chattr +i d/a b; chattr +a d");
	old = take_image(f, "x");
	restore(f, old, false);
	script(f, "cd tree; chattr -a d; chattr -i d/a b; echo other >d/a; echo more >d/more");
	ref = take_image(f, "x");
	restore(f, ref, true);
	assert_same(f);
	script(f, "test -z \"$(lsattr -R target | grep -e '-i-' -e '-a-')\"");
}

/* Directories that forbid to remove what is in them: the target itself, one that stays, one that goes. */
static void test_update_removes_immutable(void **state)
{
	static const char *const flags[] = { "+i", "+a" };
	struct fixture *f = *state;

	if (!has_flags(f))
		return;
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		autofree char *set =
			str_format("chattr %s target/stays target/goes/in target/goes/in/f target/goes target", flags[i]);
		autofree char *keep = str_format("chattr %s tree/stays tree", flags[i]);
		autofree char *look =
			str_format("for p in . stays; do test \"$(lsattr -d tree/$p | cut -d' ' -f1)\" = \"$(lsattr -d "
				   "target/$p | cut -d' ' -f1)\"; done; lsattr -d target | grep -q -e -%c-",
				   flags[i][1]);
		autofree char *ref = NULL;

		script(f,
		       "mkdir -p tree/stays; echo a >tree/stays/a; mkdir -p target/stays/d target/goes/in; touch target/stays/b "
		       "target/c target/goes/f target/goes/in/f; mkfifo target/goes/in/pipe; ln -s / target/goes/in/link");
		script(f, set);
		script(f, keep);
		ref = take_image(f, "x");
		restore(f, ref, true);
		assert_same(f);
		script(f, look);
		script(f, "chattr -i -a tree tree/stays");
		free(ref);
		ref = take_image(f, "x");
		restore(f, ref, true);
		assert_same(f);
		script(f, "test -z \"$(lsattr -aR target | grep -e '-i-' -e '-a-')\"");
	}
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (has_flags(f))
		script(f, "chattr -R -f -i -a tree target || :");
	return fixture_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_update, fixture_setup, teardown),
		cmocka_unit_test_setup_teardown(test_update_leaves_alone, fixture_setup, teardown),
		cmocka_unit_test_setup_teardown(test_update_parts_links, fixture_setup, teardown),
		cmocka_unit_test_setup_teardown(test_resume, fixture_setup, teardown),
		cmocka_unit_test_setup_teardown(test_resume_is_refused, fixture_setup, teardown),
		cmocka_unit_test_setup_teardown(test_journal_is_named, fixture_setup, teardown),
		cmocka_unit_test_setup_teardown(test_extra_is_named, fixture_setup, teardown),
		cmocka_unit_test_setup_teardown(test_occupied, fixture_setup, teardown),
		cmocka_unit_test_setup_teardown(test_update_immutable, fixture_setup, teardown),
		cmocka_unit_test_setup_teardown(test_update_removes_immutable, fixture_setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
