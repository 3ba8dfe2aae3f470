/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A capture's parts that touch no machine: what is taken, what changed, what the image is in the end. */
#include "image_fixture.h"

#include "imaging/capture_priv.h"

#define ITEM(path, type, ctime, ino, links) type " 644 1 2 10 8 100.5000000000 " ctime " 7 " ino " " links " ./" path

static void add(struct capture_list *l, const char *record)
{
	OK(capture_list_add(l, record, err));
}

static struct tree_entry *got(struct capture_tree *t, const char *path, enum tree_type type, int64_t ctime_s)
{
	struct tree_entry *e = tree_add(&t->tree);
	size_t n = t->tree.len - 1;

	e->path = mem_strdup(path);
	e->type = type;
	e->size = type == TREE_FILE ? 10 : 0;
	e->mtime_s = 100;
	e->mtime_ns = 500000000;
	e->stream_at = type == TREE_FILE ? t->tree.stream_bytes : 0;
	e->stream_len = e->size;
	t->tree.stream_bytes += e->size;
	t->got = mem_room(t->got, n, &t->got_cap, sizeof(t->got[0]));
	t->got[n] = (struct capture_got){ .ctime_s = ctime_s, .read_s = t->read_s };
	return e;
}

static char *joined(const struct str_list *l)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < l->len; i++)
		buf_addf(&b, "%s%s", i ? " " : "", l->items[i]);
	return buf_steal(&b);
}

static void test_list(void **state)
{
	autoclean(capture_list_free) struct capture_list l = { 0 };
	const struct capture_item *i;

	(void)state;
	add(&l, "d 755 0 0 4096 8 1.0000000000 2.0000000000 7 2 3 .");
	add(&l, "f 4755 4000000000 3 50000000 0 -315619200.2500000000 1795263793.1475583390 7 11 2 ./a b\nc");
	add(&l, "d 700 0 0 0 0 1.0 2.0 7 13 2 ./sub");
	add(&l, "f 600 0 0 0 0 1.0 2.0 7 14 1 ./sub-");
	add(&l, "f 600 0 0 5000 8 1.0 2.0 7 15 1 ./sub/x");
	add(&l, "f 600 0 0 5000 8 1.0 2.0 7 15 1 ./sub/x");
	capture_list_sort(&l);
	assert_int_equal(l.len, 5);
	assert_string_equal(l.items[0].path, "");
	assert_string_equal(l.items[3].path, "sub/x");
	i = capture_list_find(&l, "a b\nc");
	assert_non_null(i);
	assert_int_equal(i->mode, 04755);
	assert_int_equal(i->uid, 4000000000u);
	assert_int_equal(i->mtime_s, -315619200);
	assert_int_equal(i->mtime_ns, 250000000);
	assert_int_equal(i->ctime_ns, 147558339);
	assert_int_equal(capture_list_bytes(&l), 4096);
	capture_list_flags(&l, "----ia-A--e-- ./sub/x");
	capture_list_flags(&l, "----i-------- ./none");
	capture_list_flags(&l, "no path");
	assert_int_equal(capture_list_find(&l, "sub/x")->flags, 0x10 | 0x20 | 0x80);
	assert_null(capture_list_find(&l, "none"));
	FAILS(ERR_DAMAGED, "list of files", capture_list_add(&l, "f 644 1 2", err));
	FAILS(ERR_DAMAGED, "list of files", capture_list_add(&l, "", err));
	FAILS(ERR_DAMAGED, "list of files", capture_list_add(&l, "f 99999 0 0 0 0 1 2 7 14 1 ./x", err));
	FAILS(ERR_DAMAGED, "list of files", capture_list_add(&l, "f 644 0 0 99999999999999999999 0 1 2 7 14 1 ./x", err));
	FAILS(ERR_DAMAGED, "list of files", capture_list_add(&l, "f 644 0 0 0 0 1 2 7 14 1 x", err));
	FAILS(ERR_DAMAGED, "tell its time", capture_list_began(&l, "now", err));
}

static void test_what_changed_is_found(void **state)
{
	autoclean(capture_list_free) struct capture_list now = { 0 };
	autoclean(capture_tree_free) struct capture_tree have = { .read_s = 1000 };
	autoclean(str_list_free) struct str_list paths = { 0 };
	autofree char *text = NULL;

	(void)state;
	got(&have, "", TREE_DIR, 900);
	got(&have, "ctime", TREE_FILE, 900);
	got(&have, "gone", TREE_FILE, 900);
	got(&have, "just-now", TREE_FILE, 1000);
	got(&have, "kind", TREE_FILE, 900);
	got(&have, "same", TREE_FILE, 900);
	got(&have, "size", TREE_FILE, 900)->size = 11;
	add(&now, ITEM("", "d", "900.0", "2", "3"));
	add(&now, ITEM("ctime", "f", "901.0", "3", "1"));
	add(&now, ITEM("just-now", "f", "1000.0", "4", "1"));
	add(&now, ITEM("kind", "p", "900.0", "5", "1"));
	add(&now, ITEM("new", "f", "900.0", "6", "1"));
	add(&now, ITEM("same", "f", "900.0", "7", "1"));
	add(&now, ITEM("size", "f", "900.0", "8", "1"));
	add(&now, ITEM("socket", "s", "900.0", "9", "1"));
	capture_list_sort(&now);
	capture_differences(&have, &now, &paths);
	text = joined(&paths);
	assert_string_equal(text, "ctime just-now kind new size");
}

static void test_later_covers_earlier(void **state)
{
	autoclean(capture_tree_free) struct capture_tree have = { .read_s = 1 };
	autoclean(capture_tree_free) struct capture_tree later = { .read_s = 2 };

	(void)state;
	got(&have, "", TREE_DIR, 0);
	got(&have, "a", TREE_FILE, 0);
	got(&have, "c", TREE_FILE, 0);
	later.tree.stream_bytes = have.tree.stream_bytes;
	got(&later, "a", TREE_FILE, 1);
	got(&later, "b", TREE_FILE, 1);
	capture_overlay(&have, &later);
	assert_int_equal(later.tree.len, 0);
	assert_int_equal(have.tree.len, 4);
	assert_string_equal(have.tree.entries[1].path, "a");
	assert_int_equal(have.tree.entries[1].stream_at, 20);
	assert_int_equal(have.got[1].read_s, 2);
	assert_string_equal(have.tree.entries[2].path, "b");
	assert_int_equal(have.tree.entries[3].stream_at, 10);
	assert_int_equal(have.got[3].read_s, 1);
}

/* One inode with three names: read first by "b", then, with one name less, by "c". */
static void test_names_of_one_file(void **state)
{
	autoclean(capture_list_free) struct capture_list now = { 0 };
	autoclean(capture_tree_free) struct capture_tree have = { .read_s = 1 };
	autoclean(capture_tree_free) struct capture_tree later = { .read_s = 2 };
	autoclean(tree_free) struct tree out = { 0 };
	autoclean(tree_free) struct tree back = { 0 };
	autoclean(str_list_free) struct str_list missing = { 0 };
	autoclean(buf_free) struct buf raw = { 0 };
	autofree char *text = NULL;

	(void)state;
	got(&have, "", TREE_DIR, 0);
	got(&have, "b", TREE_FILE, 0);
	got(&have, "c", TREE_HARDLINK, 0);
	got(&have, "d", TREE_HARDLINK, 0);
	got(&have, "dir", TREE_DIR, 0);
	got(&have, "dir/lost", TREE_HARDLINK, 0);
	later.tree.stream_bytes = have.tree.stream_bytes;
	got(&later, "c", TREE_FILE, 0);
	capture_overlay(&have, &later);
	add(&now, ITEM("", "d", "1.0", "2", "3"));
	add(&now, ITEM("b", "f", "1.0", "3", "3"));
	add(&now, ITEM("c", "f", "1.0", "3", "3"));
	add(&now, ITEM("d", "f", "1.0", "3", "3"));
	add(&now, ITEM("dir", "d", "1.0", "4", "2"));
	add(&now, ITEM("dir/lost", "f", "1.0", "5", "2"));
	add(&now, ITEM("never", "d", "1.0", "6", "2"));
	add(&now, ITEM("never/x", "s", "1.0", "7", "1"));
	add(&now, ITEM("sock", "s", "1.0", "8", "1"));
	capture_list_sort(&now);
	capture_list_flags(&now, "---i---- ./b");
	capture_settle(&have, &now, false, &out, &missing);
	text = joined(&missing);
	assert_string_equal(text, "dir/lost never never/x");
	assert_int_equal(out.len, 6);
	assert_string_equal(out.entries[1].path, "b");
	assert_int_equal(out.entries[1].type, TREE_FILE);
	assert_int_equal(out.entries[1].stream_at, 10); /* what was read last, not first */
	assert_int_equal(out.entries[1].flags, 0x10);
	assert_int_equal(out.entries[1].link, 1);
	assert_int_equal(out.entries[2].type, TREE_HARDLINK);
	assert_int_equal(out.entries[3].type, TREE_HARDLINK);
	assert_int_equal(out.entries[3].link, 1);
	assert_int_equal(out.entries[5].type, TREE_SOCKET);
	assert_int_equal(out.entries[5].uid, 1);
	out.entries[1].stream_at = 0;
	tree_encode(&out, &raw);
	OK(tree_decode(raw.data, raw.len, &back, err));
}

static void test_machine_id_is_empty(void **state)
{
	static const char *const after[] = { "etc/a", "etc/z", "usr", NULL };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(after); i++) {
		autoclean(capture_list_free) struct capture_list now = { 0 };
		autoclean(capture_tree_free) struct capture_tree have = { .read_s = 1 };
		autoclean(tree_free) struct tree out = { 0 };
		autoclean(str_list_free) struct str_list missing = { 0 };
		autoclean(buf_free) struct buf raw = { 0 };
		autoclean(tree_free) struct tree back = { 0 };
		autofree char *record = str_format("f 644 1 2 0 8 100.5 1.0 7 9 1 ./%s", after[i] ? after[i] : "");

		got(&have, "", TREE_DIR, 0);
		got(&have, "etc", TREE_DIR, 0);
		add(&now, ITEM("", "d", "1.0", "2", "3"));
		add(&now, ITEM("etc", "d", "1.0", "3", "3"));
		if (after[i]) {
			got(&have, after[i], TREE_FIFO, 0);
			record[0] = 'p';
			add(&now, record);
		}
		capture_list_sort(&now);
		capture_settle(&have, &now, true, &out, &missing);
		assert_int_equal(out.len, after[i] ? 4 : 3);
		assert_non_null(tree_find(&out, "etc/machine-id"));
		assert_int_equal(tree_find(&out, "etc/machine-id")->mode, 0444);
		tree_encode(&out, &raw);
		OK(tree_decode(raw.data, raw.len, &back, err));
	}
}

/* --- what is taken */
#define ZERO "\0"
static const char machine[] =
	"dir=/" ZERO "uid=0" ZERO "host=m" ZERO "system=1" ZERO "suite=trixie" ZERO "tar=1" ZERO "find=1" ZERO "mounting=1" ZERO
	"fs=/sys sysfs sysfs / 0 0 -" ZERO "fs=/ ext4 /dev/mapper/vg-root / 0 5000 lvm vg root 10737418240 1073741824 linear" ZERO
	"fs=/boot ext4 /dev/vda1 / 0 100 -" ZERO "fs=/boot/efi vfat /dev/vda2 / 0 100 -" ZERO
	"fs=/home xfs /dev/mapper/vg-home / 0 100 lvm vg home 10737418240 1073741824 linear" ZERO
	"fs=/mnt/a\\040b ext4 /dev/sdb1 / 1 100 -" ZERO "fs=/net nfs4 server:/x / 0 0 -" ZERO
	"fs=/net/below ext4 /dev/vdc / 0 0 -" ZERO "fs=/srv btrfs /dev/vdd /@srv 0 100 btrfs" ZERO
	"fs=/bind ext4 /dev/mapper/vg-root /var/x 0 5000 -" ZERO "fs=/boot-again ext4 /dev/vda1 / 0 100 -" ZERO
	"leftover=vg/orthrus_capture_1_0" ZERO;

static struct capture_facts *facts_of(const char *text, size_t len, const struct capture *c)
{
	struct capture_facts *f = mem_zalloc(sizeof(*f));

	OK(capture_facts_read(text, len, f, err));
	f->ssh_host = mem_strdup("root@m");
	OK(capture_facts_decide(c, f, err));
	return f;
}

static char *taken(const struct capture_facts *f)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < f->n_fs; i++)
		if (f->fs[i].taken || f->fs[i].why)
			buf_addf(&b, "%c%s:%d ", f->fs[i].taken ? '+' : '-', f->fs[i].target, (int)f->fs[i].hold);
	return buf_steal(&b);
}

static void test_file_systems_are_chosen(void **state)
{
	struct capture c = { .name = "x", .kind = "golden", .store_dir = "/s", .tmp_dir = "/t" };
	autoclean(capture_facts_freep) struct capture_facts *f = facts_of(machine, sizeof(machine) - 1, &c);
	autoclean(capture_facts_freep) struct capture_facts *live = NULL;
	autoclean(buf_free) struct buf settings = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autofree char *text = taken(f), *all_live = NULL;

	(void)state;
	/* /home gets no snapshot: the root's takes all that the volume group has left. */
	assert_string_equal(text, "+/:1 +/boot:0 -/boot/efi:0 +/home:0 -/mnt/a b:0 -/net:0 +/srv:2 -/bind:0 -/boot-again:0 ");
	assert_int_equal(f->snapshots, 2);
	assert_int_equal(f->live, 2);
	assert_int_equal(f->fs[1].snapshot_bytes, 1073741824);
	assert_int_equal(capture_hold_of(f, ""), CAPTURE_LVM);
	assert_int_equal(capture_hold_of(f, "boot/x"), CAPTURE_LIVE);
	assert_int_equal(capture_hold_of(f, "boot.x"), CAPTURE_LVM);
	assert_int_equal(capture_hold_of(f, "srv"), CAPTURE_BTRFS);
	capture_describe(f, true, &settings);
	assert_non_null(strstr(buf_str(&settings), "fs_target=( '/' '/srv' '/boot' '/home' )"));
	assert_non_null(strstr(buf_str(&settings), "fs_hold=( 'none' 'none' 'live' 'live' )"));
	capture_plan(&c, f, &plan);
	assert_string_equal(plan.steps[0].name, "leftover:vg/orthrus_capture_1_0");
	assert_int_equal(plan.steps[0].effect, PLAN_DESTROYS);
	c.live = true;
	live = facts_of(machine, sizeof(machine) - 1, &c);
	all_live = taken(live);
	assert_string_equal(all_live, "+/:0 +/boot:0 -/boot/efi:0 +/home:0 -/mnt/a b:0 -/net:0 +/srv:0 -/bind:0 -/boot-again:0 ");
}

static void test_what_is_left_out(void **state)
{
	autoclean(str_list_free) struct str_list mine = { 0 };
	struct capture c = { .name = "x", .kind = "golden", .store_dir = "/s", .tmp_dir = "/t", .excludes = &mine };
	autoclean(capture_facts_freep) struct capture_facts *f = NULL;
	autoclean(capture_facts_freep) struct capture_facts *ghost = NULL;

	(void)state;
	str_list_add(&mine, "/home/*/.cache");
	str_list_add(&mine, "big file");
	f = facts_of(machine, sizeof(machine) - 1, &c);
	assert_true(capture_excluded(f, "home/u/.cache", true));
	assert_true(capture_excluded(f, "home/u/.cache/x/y", false));
	assert_false(capture_excluded(f, "home/u", true));
	assert_true(capture_excluded(f, "big file", false));
	assert_false(capture_excluded(f, "a/big file", false));
	assert_true(capture_excluded(f, "etc/machine-id", false));
	assert_true(capture_excluded(f, "etc/ssh/ssh_host_rsa_key.pub", false));
	assert_false(capture_excluded(f, "etc/ssh/sshd_config", false));
	assert_true(capture_excluded(f, "var/log/a/b", false));
	assert_false(capture_excluded(f, "var/log/a", true));
	assert_true(capture_excluded(f, "proc/1", true));
	assert_false(capture_excluded(f, "proc", true));
	assert_true(capture_excluded(f, "srv/.orthrus-capture-17", true));
	assert_false(capture_excluded(f, "", true));
	c.keep_identity = true;
	ghost = facts_of(machine, sizeof(machine) - 1, &c);
	assert_false(capture_excluded(ghost, "etc/machine-id", false));
	assert_false(capture_excluded(ghost, "var/log/a/b", false));
	assert_true(capture_excluded(ghost, "tmp/x", false));
}

static void test_bad_answers(void **state)
{
	static const char no_tar[] = "dir=/" ZERO "find=1" ZERO "host=m" ZERO "fs=/ ext4 /dev/vda / 0 0 -" ZERO;
	struct capture c = { .name = "x", .kind = "golden", .store_dir = "/s", .tmp_dir = "/t" };
	struct capture_facts *f = mem_zalloc(sizeof(*f));

	(void)state;
	FAILS(ERR_DAMAGED, "cut off", capture_facts_read("dir=/", 5, f, err));
	FAILS(ERR_DAMAGED, "cut off", capture_facts_read("dir\0", 4, f, err));
	FAILS(ERR_DAMAGED, "which directory", capture_facts_read("uid=0\0", 6, f, err));
	FAILS(ERR_DAMAGED, "file systems", capture_facts_read("fs=/ ext4\0", 10, f, err));
	capture_facts_free(f);
	f = mem_zalloc(sizeof(*f));
	OK(capture_facts_read(no_tar, sizeof(no_tar) - 1, f, err));
	FAILS(ERR_FAILED, "GNU tar", capture_facts_decide(&c, f, err));
	capture_facts_free(f);
}

/* Words from the command line and from a machine reach a shell: as they are. */
static void test_settings_are_quoted(void **state)
{
	autoclean(buf_free) struct buf b = { 0 };
	autoclean(str_list_free) struct str_list l = { 0 };

	(void)state;
	capture_set(&b, "dir", "/a'b $(c) `d` \\\n\"e");
	assert_string_equal(buf_str(&b), "dir='/a'\\''b $(c) `d` \\\n\"e'\n");
	buf_clear(&b);
	str_list_add(&l, "x y");
	str_list_add(&l, "");
	capture_set_all(&b, "l", &l);
	assert_string_equal(buf_str(&b), "l=( 'x y' '' )\n");
}

static int collect(void *ctx, const void *data, size_t len, struct err *err)
{
	(void)err;
	buf_add(ctx, data, len);
	return 0;
}

static void test_spool(void **state)
{
	struct fixture *x = *state;
	struct capture_spool *s = NULL;
	autofree uint8_t *data = noise(3500000, 1);
	autoclean(str_list_free) struct str_list names = { 0 };
	static const struct {
		uint64_t at, len;
	} ranges[] = { { 0, 3500000 }, { 1048575, 2 }, { 3499999, 1 }, { 5, 0 }, { 1048576, 1048576 }, { 100, 3000000 } };

	OK(capture_spool_open(x->target, &s, err));
	for (size_t at = 0; at < 3500000; at += 70000)
		OK(capture_spool_add(s, data + at, 70000, err));
	OK(capture_spool_done(s, err));
	OK(fs_list(x->target, &names, err));
	assert_int_equal(names.len, 0); /* without a name */
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		autoclean(buf_free) struct buf out = { 0 };

		OK(capture_spool_read(s, ranges[i].at, ranges[i].len, collect, &out, err));
		assert_int_equal(out.len, ranges[i].len);
		assert_true(!out.len || memcmp(out.data, data + ranges[i].at, out.len) == 0);
	}
	FAILS(ERR_DAMAGED, "too short", capture_spool_read(s, 3499999, 2, collect, NULL, err));
	capture_spool_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_what_changed_is_found),
		cmocka_unit_test(test_later_covers_earlier),
		cmocka_unit_test(test_names_of_one_file),
		cmocka_unit_test(test_machine_id_is_empty),
		cmocka_unit_test(test_file_systems_are_chosen),
		cmocka_unit_test(test_what_is_left_out),
		cmocka_unit_test(test_bad_answers),
		cmocka_unit_test(test_settings_are_quoted),
		cmocka_unit_test_setup_teardown(test_spool, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
