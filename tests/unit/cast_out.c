/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cast/out: a target is whole or not there; what was kept is taken up again after kill -9, and proves what it is. */
#include "cast/out.h"

#include "base/mem.h"
#include "base/str.h"
#include "cast/out_journal.h"
#include "cast/ticket.h"
#include "cast/treehash.h"
#include "sys/fs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PIECES 5
#define PIECE 65536
#define SIZE (PIECES * PIECE - 100)

struct place {
	char *dir, *path, *part, *journal, name[4];
	uint8_t *data;
	struct digest digests[PIECES];
	struct ticket_file file;
};

static void check(int rc, const struct err *err)
{
	if (rc != 0)
		fail_msg("%s", err->text);
}

static int set_up(void **state)
{
	struct place *p = mem_zalloc(sizeof(*p));
	struct treehash *t = treehash_new();

	p->dir = mem_strdup("/tmp/orthrus-cast-out.XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	p->path = fs_join(p->dir, "out");
	p->part = fs_join(p->dir, ".out.cast.part");
	p->journal = fs_join(p->dir, ".out.cast.journal");
	p->data = mem_zalloc(PIECES * PIECE);
	for (size_t i = 0; i < SIZE; i++)
		p->data[i] = (uint8_t)(i * 31 + i / 251);
	memcpy(p->name, "out", sizeof(p->name));
	p->file = (struct ticket_file){
		.name = p->name, .size_bytes = SIZE, .piece_bytes = PIECE, .mode = 0640, .mtime_ns = 1500000000000000007
	};
	ticket_file_id(&p->file, &p->file.id);
	for (uint32_t i = 0; i < PIECES; i++)
		treehash_of(t, p->data + i * PIECE, ticket_piece_len(&p->file, i), &p->digests[i]);
	treehash_free(t);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };
	int rc = fs_remove_tree(p->dir, &err);

	free(p->dir);
	free(p->path);
	free(p->part);
	free(p->journal);
	free(p->data);
	free(p);
	return rc;
}

static struct out *begin(struct place *p, bool force)
{
	struct out_opts opts = { .path = p->path, .force = force, .hands = 2, .file = &p->file };
	struct out *o = NULL;
	struct err err = { 0 };

	check(out_open(&opts, &o, &err), &err);
	return o;
}

static void give(struct place *p, struct out *o, uint32_t i)
{
	struct err err = { 0 };

	check(out_chunk(o, i % 2, i, p->data + i * PIECE, ticket_piece_len(&p->file, i), &p->digests[i], &err), &err);
}

static bool is_whole(const struct place *p)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	return fs_read(p->path, SIZE + 1, &b, &err) == 0 && b.len == SIZE && memcmp(b.data, p->data, SIZE) == 0;
}

/* Somebody gives the journal's name to a file of ours before it is written: that file stays as it is. */
static void test_a_foreign_journal(void **state)
{
	struct place *p = *state;
	autofree char *other = fs_join(p->dir, "other");
	autoclean(buf_free) struct buf b = { 0 };
	struct out *o = begin(p, false);
	struct err err = { 0 };

	check(fs_write_atomic(other, "mine", 4, 0600, &err), &err);
	assert_int_equal(link(other, p->journal), 0);
	give(p, o, 0);
	out_close(o, NULL);
	check(fs_read(other, 100, &b, &err), &err);
	assert_string_equal(buf_str(&b), "mine");
}

static void test_a_file_is_received(void **state)
{
	struct place *p = *state;
	struct out *o = begin(p, false);
	autofree uint8_t *have = NULL;
	struct err err = { 0 };
	mode_t mask = umask(022);
	struct stat st;
	size_t len;

	for (uint32_t i = PIECES; i > 0; i--) {
		assert_int_equal(out_finish(o, &err), -1);
		assert_false(out_whole(o));
		assert_false(out_has(o, i - 1));
		give(p, o, i - 1);
		give(p, o, i - 1); /* twice is once */
		assert_true(out_has(o, i - 1));
	}
	have = out_have(o, &len);
	assert_int_equal(len, 1);
	assert_int_equal(have[0], 0x1f);
	assert_int_equal(out_bytes(o), SIZE);
	assert_true(out_whole(o));
	assert_false(fs_exists(p->path));
	check(out_finish(o, &err), &err);
	out_close(o, NULL);
	umask(mask);
	assert_true(is_whole(p));
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_mtim.tv_sec, 1500000000);
	assert_int_equal(st.st_mtim.tv_nsec, 7);
	assert_false(fs_exists(p->part));
	assert_false(fs_exists(p->journal));
}

static void test_wrong_bytes_are_not_kept(void **state)
{
	struct place *p = *state;
	struct out *o = begin(p, false);
	struct err err = { 0 };
	uint64_t kept = 1;

	assert_int_equal(out_chunk(o, 0, 0, p->data + PIECE, PIECE, &p->digests[0], &err), -1);
	assert_int_equal(err.kind, ERR_DAMAGED);
	assert_int_equal(out_chunk(o, 0, 0, p->data, PIECE, NULL, &err), -1);
	assert_int_not_equal(err.kind, ERR_DAMAGED);
	assert_int_equal(out_bytes(o), 0);
	out_close(o, &kept);
	/* Nothing is kept: nothing stays. */
	assert_int_equal(kept, 0);
	assert_false(fs_exists(p->part));
	assert_false(fs_exists(p->journal));
}

static void test_what_was_closed_is_taken_up(void **state)
{
	struct place *p = *state;
	struct out *o = begin(p, false);
	struct out_look look;
	struct err err = { 0 };
	uint64_t kept;

	give(p, o, 0);
	give(p, o, PIECES - 1);
	out_close(o, &kept);
	assert_int_equal(kept, 2 * PIECE - 100);
	check(out_look(p->path, false, &look, &err), &err);
	assert_true(look.resumes && !look.replaces);
	assert_int_equal(look.kept_bytes, 2 * PIECE - 100);
	assert_int_equal(look.size_bytes, SIZE);
	assert_int_equal(look.piece_bytes, PIECE);
	assert_int_equal(digest_cmp(&look.id, &p->file.id), 0);
	o = begin(p, false);
	check(out_verify(o, 0, p->digests, PIECES, &err), &err);
	assert_int_equal(out_verify(o, 1, p->digests, PIECES, &err), -1);
	assert_true(out_has(o, 0) && !out_has(o, 1) && out_has(o, PIECES - 1));
	for (uint32_t i = 1; i < PIECES - 1; i++)
		give(p, o, i);
	check(out_finish(o, &err), &err);
	out_close(o, NULL);
	assert_true(is_whole(p));
}

static void flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t byte = 0;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void test_what_changed_meanwhile_is_dropped(void **state)
{
	struct place *p = *state;
	struct out *o = begin(p, false);
	struct err err = { 0 };

	for (uint32_t i = 0; i < 3; i++)
		give(p, o, i);
	out_close(o, NULL);
	flip(p->part, PIECE + 5);
	o = begin(p, false);
	assert_int_equal(out_bytes(o), 3 * PIECE);
	check(out_verify(o, 0, p->digests, PIECES, &err), &err);
	assert_true(out_has(o, 0) && !out_has(o, 1) && out_has(o, 2));
	assert_int_equal(out_bytes(o), 2 * PIECE);
	out_close(o, NULL);
	/* The same bytes under another name or time are still the same; another size is another file. */
	p->file.mtime_ns++;
	ticket_file_id(&p->file, &p->file.id);
	o = begin(p, false);
	check(out_verify(o, 0, p->digests, PIECES, &err), &err);
	assert_int_equal(out_bytes(o), 2 * PIECE);
	out_close(o, NULL);
	p->file.size_bytes--;
	o = begin(p, false);
	assert_int_equal(out_bytes(o), 0);
	out_close(o, NULL);
	assert_false(fs_exists(p->part));
}

static void test_a_torn_journal_leaves_the_one_before(void **state)
{
	struct place *p = *state;
	struct out *o = begin(p, false);
	struct out_look look;
	struct err err = { 0 };

	give(p, o, 0);
	out_close(o, NULL); /* turn 1 */
	o = begin(p, false);
	give(p, o, 1);
	out_close(o, NULL); /* turn 2: slot 0 */
	flip(p->journal, 20);
	check(out_look(p->path, false, &look, &err), &err);
	assert_int_equal(look.kept_bytes, PIECE);
	flip(p->journal, 4096 + 20);
	check(out_look(p->path, false, &look, &err), &err);
	assert_false(look.resumes);
	o = begin(p, false);
	assert_int_equal(out_bytes(o), 0);
	out_close(o, NULL);
}

/* Whoever is killed loses what was stored in the last seconds, and no more. */
static void test_kill_9(void **state)
{
	struct place *p = *state;
	struct out_look look = { 0 };
	struct err err = { 0 };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct out *o = begin(p, false);

		give(p, o, 0);
		give(p, o, 3);
		for (;;)
			pause();
	}
	while (!look.resumes) {
		check(out_look(p->path, false, &look, &err), &err);
		usleep(10000);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(look.kept_bytes, 2 * PIECE);
	out_close(begin(p, false), NULL);
}

static void test_two_do_not_write_one_file(void **state)
{
	struct place *p = *state;
	struct out_opts opts = { .path = p->path, .hands = 1, .file = &p->file };
	struct out *o = begin(p, false), *second = NULL;
	struct err err = { 0 };

	give(p, o, 0);
	assert_int_equal(out_open(&opts, &second, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_true(fs_exists(p->part));
	out_close(o, NULL);
}

static void test_what_exists_stays_unless_forced(void **state)
{
	struct place *p = *state;
	struct out *o = begin(p, false);
	struct out_look look;
	struct err err = { 0 };

	for (uint32_t i = 0; i < PIECES; i++)
		give(p, o, i);
	/* Made meanwhile. */
	check(fs_write_atomic(p->path, "old", 3, 0600, &err), &err);
	assert_int_equal(out_finish(o, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	out_close(o, NULL);
	assert_int_equal(out_look(p->path, false, &look, &err), -1);
	assert_int_equal(err.kind, ERR_EXISTS);
	check(out_look(p->path, true, &look, &err), &err);
	assert_true(look.replaces && look.resumes);
	o = begin(p, true);
	assert_true(out_whole(o));
	check(out_finish(o, &err), &err);
	out_close(o, NULL);
	assert_true(is_whole(p));
}

static void test_what_is_no_target(void **state)
{
	struct place *p = *state;
	autofree char *none = fs_join(p->dir, "none/out"), *slash = str_format("%s/", p->dir), *fifo = fs_join(p->dir, "fifo");
	struct out_opts opts = { .path = none, .hands = 1, .file = &p->file };
	struct out *o = NULL;
	struct out_look look;
	struct err err = { 0 };

	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(out_look("-", true, &look, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_true(err.hint[0] != '\0');
	assert_int_equal(out_look(p->dir, true, &look, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_int_equal(out_look(slash, true, &look, &err), -1);
	assert_int_equal(out_look(fifo, true, &look, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(out_open(&opts, &o, &err), -1);
}

/* Somebody made our partial file before us: he could change it after its digests were checked. */
static void test_a_part_of_others(void **state)
{
	struct place *p = *state;
	autofree char *precious = fs_join(p->dir, "precious");
	struct out_opts opts = { .path = p->path, .hands = 1, .file = &p->file };
	struct out *o = NULL;
	struct err err = { 0 };

	check(fs_write_atomic(precious, "precious", 8, 0600, &err), &err);
	assert_int_equal(link(precious, p->part), 0);
	assert_int_equal(out_open(&opts, &o, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, "has other names"));
	assert_true(err.hint[0] != '\0');
	assert_int_equal(unlink(precious), 0);
	if (geteuid() != 0)
		return;
	err = (struct err){ 0 };
	assert_int_equal(chown(p->part, 65534, 65534), 0);
	assert_int_equal(out_open(&opts, &o, &err), -1);
	assert_non_null(strstr(err.text, "belongs to another user"));
}

/* Some of it is elsewhere, and need not come. */
static void test_what_is_elsewhere(void **state)
{
	struct place *p = *state;
	struct out_opts opts = { .path = p->path, .hands = 2, .file = &p->file, .room_bytes = 1 };
	struct out *o = NULL;
	uint8_t some[16];
	struct err err = { 0 };

	check(out_open(&opts, &o, &err), &err);
	give(p, o, 1);
	out_assume(o, 1);
	for (uint32_t i = 0; i < PIECES; i++) {
		out_assume(o, i);
		assert_true(out_has(o, i));
		if (i == 0)
			assert_int_equal(out_bytes(o), 2 * PIECE);
	}
	assert_true(out_whole(o));
	check(out_read(o, PIECE, some, sizeof(some), &err), &err);
	assert_memory_equal(some, p->data + PIECE, sizeof(some));
	out_discard(o);
	out_close(o, NULL);
	assert_false(fs_exists(p->part));
	assert_false(fs_exists(p->path));
}

static void test_no_room(void **state)
{
	struct place *p = *state;
	struct out_opts opts = { .path = p->path, .hands = 1, .file = &p->file };
	struct out *o = NULL;
	struct err err = { 0 };

	p->file.size_bytes = (uint64_t)1 << 60;
	p->file.piece_bytes = 64 << 20;
	p->file.size_bytes = (uint64_t)64 << 20 << 20; /* 64 TiB */
	assert_int_equal(out_open(&opts, &o, &err), -1);
	assert_non_null(strstr(err.text, "is lacking"));
	assert_false(fs_exists(p->part));
}

static void test_journal_is_read_strictly(void **state)
{
	uint8_t have[] = { 0x03, 0x01 };
	struct out_journal j = { .turn = 3, .size_bytes = 9 * 4096, .piece_bytes = 4096, .have = have, .have_len = 2 },
			   back = { 0 };
	autoclean(buf_free) struct buf b = { 0 };
	struct err err = { 0 };

	(void)state;
	out_journal_encode(&j, &b);
	assert_int_equal(b.len, out_journal_slot(2));
	check(out_journal_decode(b.data, b.len, &back, &err), &err);
	assert_true(back.turn == 3 && back.size_bytes == 9 * 4096 && back.piece_bytes == 4096 && back.have_len == 2);
	assert_memory_equal(back.have, have, 2);
	out_journal_free(&back);
	/* The other slot never was. */
	buf_reserve(&b, b.len);
	while (b.len < 2 * out_journal_slot(2))
		buf_add_u8(&b, 0);
	check(out_journal_newest(b.data, b.len, &back, &err), &err);
	assert_int_equal(back.turn, 3);
	out_journal_free(&back);
	assert_int_equal(out_journal_decode(b.data, b.len, &back, &err), -1);
	for (size_t i = 0; i < b.len / 2; i += 97) {
		b.data[i] ^= 4;
		assert_int_equal(out_journal_newest(b.data, b.len, &back, &err), -1);
		b.data[i] ^= 4;
	}
	have[1] = 0x02; /* a piece after the last one */
	buf_clear(&b);
	out_journal_encode(&j, &b);
	assert_int_equal(out_journal_decode(b.data, b.len, &back, &err), -1);
	out_journal_free(&back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_foreign_journal, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_file_is_received, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrong_bytes_are_not_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_was_closed_is_taken_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_changed_meanwhile_is_dropped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_torn_journal_leaves_the_one_before, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_kill_9, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_two_do_not_write_one_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_exists_stays_unless_forced, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_no_target, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_part_of_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_elsewhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_room, set_up, tear_down),
		cmocka_unit_test(test_journal_is_read_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
