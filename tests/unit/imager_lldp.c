/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is at the other end of a cable: frames as they are read, and as they are heard on a card of a network of our own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "imaging/imager/inventory.h"
#include "imaging/imager/lldp.h"
#include "imaging/imager/lldp_listen.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint8_t header[] = { 0x01, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 1, 0x88, 0xcc };

static void add_tlv(struct buf *b, unsigned int type, const void *data, size_t len)
{
	buf_add_u8(b, (uint8_t)(type << 1 | len >> 8));
	buf_add_u8(b, (uint8_t)len);
	buf_add(b, data, len);
}
#define TLV(b, type, text) add_tlv(b, type, text, sizeof(text) - 1)

/* What a switch sends. */
static void add_first_three(struct buf *b, const char *port)
{
	buf_add(b, header, sizeof(header));
	TLV(b, 1, "\x04\x02\x11\x22\x33\x44\x55");
	add_tlv(b, 2, port, strlen(port));
	TLV(b, 3, "\x00\x78");
}

static int read_it(const struct buf *b, struct lldp *l, struct err *err)
{
	autofree uint8_t *exact = mem_dup(buf_str(b), b->len); /* sanitizers see one byte too far */

	return lldp_read(exact, b->len, l, err);
}

static void a_switch_is_read(void **state)
{
	autoclean(buf_free) struct buf b = { 0 };
	struct lldp l;
	struct err err = { 0 };

	(void)state;
	add_first_three(&b, "\x05"
			    "Ethernet1/5");
	TLV(&b, 4, "to rack 1\x1b[2J");
	TLV(&b, 5, "sw-r1.example.com\0\0");
	TLV(&b, 6, "Some OS 4.2");
	TLV(&b, 7, "\x00\x14\x00\x04");
	TLV(&b, 8, "\x05\x01\x0a\x4d\x00\x02\x02\x00\x00\x00\x01\x00");
	TLV(&b, 8, "\x11\x02\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x02\0\0\0\x01\0");
	TLV(&b, 127, "\x00\x80\xc2\x01\x00\x65");
	TLV(&b, 127, "\x00\x12\x0f\x01\x03\x6c\x11\x00\x10");
	TLV(&b, 0, "");
	buf_adds(&b, "what fills up the frame");
	assert_int_equal(read_it(&b, &l, &err), 0);
	assert_string_equal(l.chassis, "02:11:22:33:44:55");
	assert_string_equal(l.port, "Ethernet1/5");
	assert_int_equal(l.ttl_s, 120);
	assert_string_equal(l.port_description, "to rack 1\\x1b[2J");
	assert_string_equal(l.system, "sw-r1.example.com");
	assert_string_equal(l.system_description, "Some OS 4.2");
	assert_string_equal(l.address, "10.77.0.2");
	assert_int_equal(l.vlan, 101);
	lldp_free(&l);
}

static void every_kind_of_port(void **state)
{
	static const struct {
		const char *id;
		size_t len;
		const char *want;
	} kinds[] = {
		{ "\x01"
		  "uplink",
		  7, "uplink" },
		{ "\x02"
		  "slot 3",
		  7, "slot 3" },
		{ "\x03\x02\0\0\0\0\x07", 7, "02:00:00:00:00:07" },
		{ "\x04\x01\x0a\0\0\x01", 6, "10.0.0.1" },
		{ "\x04\x02\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 18, "fd00::1" },
		{ "\x05"
		  "swp5",
		  5, "swp5" },
		{ "\x06\x01\x02", 3, "\\x01\\x02" },
		{ "\x07"
		  "12",
		  3, "12" },
		{ "\x63"
		  "new",
		  4, "new" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		autoclean(buf_free) struct buf b = { 0 };
		struct lldp l;
		struct err err = { 0 };

		buf_add(&b, header, sizeof(header));
		TLV(&b, 1,
		    "\x07"
		    "chassis");
		add_tlv(&b, 2, kinds[i].id, kinds[i].len);
		TLV(&b, 3, "\x00\x01");
		if (read_it(&b, &l, &err) < 0)
			fail_msg("%s: %s", kinds[i].want, err.text);
		assert_string_equal(l.chassis, "chassis");
		assert_string_equal(l.port, kinds[i].want);
		assert_null(l.system);
		lldp_free(&l);
	}
}

static void refuse(const struct buf *b, enum err_kind kind, const char *words)
{
	struct lldp l;
	struct err err = { 0 };

	if (read_it(b, &l, &err) == 0)
		fail_msg("accepted, instead of '%s'", words);
	assert_int_equal(err.kind, kind);
	if (!strstr(err.text, words))
		fail_msg("'%s' lacks '%s'", err.text, words);
	assert_null(l.chassis);
	assert_null(l.port);
}

/* The frame that a test breaks at its end: three sound entries, then one of `type` with `len` bytes of `data`. */
static void refuse_tlv(unsigned int type, const void *data, size_t len, const char *words)
{
	autoclean(buf_free) struct buf b = { 0 };

	add_first_three(&b, "\x07"
			    "1");
	add_tlv(&b, type, data, len);
	refuse(&b, ERR_DAMAGED, words);
}

static void bad_frames_are_refused(void **state)
{
	autoclean(buf_free) struct buf b = { 0 };
	static const char none[512];
	size_t sound[] = { 0, 0 };

	(void)state;
	/* Every cut of a sound frame, but for those behind the third entry, is refused. */
	add_first_three(&b, "\x05"
			    "swp5");
	sound[0] = b.len;
	TLV(&b, 5, "sw-r1");
	sound[1] = b.len;
	for (size_t len = 0; len < b.len; len++) {
		struct buf cut = { b.data, len, 0 };

		if (len != sound[0] && len != sound[1])
			refuse(&cut, len < sizeof(header) ? ERR_INVALID : ERR_DAMAGED, "LLDP");
	}
	b.data[5] = 0x01; /* another group: pause frames */
	refuse(&b, ERR_INVALID, "no LLDP frame");
	b.data[5] = 0x0e;
	b.data[13] = 0x08;
	refuse(&b, ERR_INVALID, "no LLDP frame");
	refuse_tlv(1, "\x07x", 2, "entry 4 is of type 1");
	refuse_tlv(3, "\0\x01", 2, "entry 4 is of type 3");
	refuse_tlv(5, none, 256, "256 bytes");
	refuse_tlv(8, "\x05\x01\x0a", 3, "management address is cut off");
	refuse_tlv(8, "\x00\x01\x0a", 3, "management address is cut off");
	refuse_tlv(127, "\0\x80\xc2", 3, "organization");
	refuse_tlv(127, "\0\x80\xc2\x01\0", 5, "VLAN has 5 bytes");
	buf_clear(&b);
	add_first_three(&b, "\x03\x02\0\0\0\0");
	refuse(&b, ERR_DAMAGED, "port");
	buf_clear(&b);
	add_first_three(&b, "\x05");
	refuse(&b, ERR_DAMAGED, "port");
	buf_clear(&b);
	buf_add(&b, header, sizeof(header));
	TLV(&b, 2,
	    "\x07"
	    "1");
	refuse(&b, ERR_DAMAGED, "entry 1 is of type 2");
}

/* The head refuses texts of more than 256 bytes: a switch must not keep a machine from being known. */
static void long_texts_are_cut(void **state)
{
	autoclean(buf_free) struct buf b = { 0 };
	char wild[255];
	struct lldp l;
	struct err err = { 0 };

	(void)state;
	memset(wild, 0x07, sizeof(wild));
	add_first_three(&b, "\x07"
			    "1");
	add_tlv(&b, 4, wild, sizeof(wild));
	memset(wild, 'n', sizeof(wild));
	add_tlv(&b, 5, wild, sizeof(wild));
	assert_int_equal(read_it(&b, &l, &err), 0);
	assert_int_equal(strlen(l.port_description), 252);
	assert_int_equal(strlen(l.system), 255);
	lldp_free(&l);
}

/* What lldpd sends, captured from a cable; build/tests/fuzz/lldp tries them all for soundness. */
static void real_frames_are_read(void **state)
{
	static const struct {
		const char *name, *port, *system, *description, *address;
		uint16_t vlan;
	} frames[] = {
		{ "lldpd-local-port", "Ethernet1/5", "sw-r1", "to-rack-1", NULL, 0 },
		{ "lldpd-mac-port", NULL, "sw-r1.example.com", "sw0", NULL, 0 },
		{ "lldpd-ipv4", NULL, "sw-r1", NULL, "10.77.0.2", 0 },
		{ "lldpd-custom", NULL, "sw-r1", "sw0", NULL, 101 },
	};
	const char *top = getenv("TOP");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
		autofree char *path = str_format("%s/tests/fuzz/corpus/lldp/%s", top ? top : ".", frames[i].name);
		autoclean(buf_free) struct buf frame = { 0 };
		struct lldp l;
		struct err err = { 0 };

		if (fs_read(path, LLDP_FRAME_MAX, &frame, &err) < 0 || read_it(&frame, &l, &err) < 0)
			fail_msg("%s: %s", frames[i].name, err.text);
		assert_string_equal(l.system, frames[i].system);
		if (frames[i].port)
			assert_string_equal(l.port, frames[i].port);
		if (frames[i].description)
			assert_string_equal(l.port_description, frames[i].description);
		if (frames[i].address)
			assert_string_equal(l.address, frames[i].address);
		assert_int_equal(l.vlan, frames[i].vlan);
		lldp_free(&l);
	}
}

/* --- hearing ---------------------------------------------------------------------------------------------------------------- */

/* Namespaces of our own, with a cable between two cards. False: we may not. */
static bool make_network(void)
{
	struct err err = { 0 };

	if (geteuid() != 0 || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return false;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 ||
	    SPAWN(&err, "ip", "link", "add", "card0", "type", "veth", "peer", "switch0") < 0 ||
	    SPAWN(&err, "ip", "link", "set", "switch0", "up") < 0) {
		print_message("%s\n", err.text);
		return false;
	}
	return true;
}

static void say(const struct buf *frame)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("switch0"), .sll_halen = 6 };
	autoclose int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	/* Until the card at the other end is up the cable has no link. */
	(void)!sendto(fd, frame->data, frame->len, 0, (struct sockaddr *)&to, sizeof(to));
}

/* Says it again and again until the file is there, or is gone. */
static void say_until(const struct buf *frame, const char *file, bool there)
{
	for (int i = 0; i < 1000; i++) {
		if (frame)
			say(frame);
		if (fs_exists(file) == there)
			return;
		clock_sleep_ns(10 * NS_PER_MS);
	}
	fail_msg("%s is %s after 10 s", file, there ? "not there" : "still there");
}

static void neighbours_are_heard(void **state)
{
	autofree char *root = str_format("%s/orthrus-lldp.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	autofree char *dir = NULL, *file = NULL;
	autoclean(buf_free) struct buf frame = { 0 }, gone = { 0 }, bad = { 0 }, now = { 0 };
	struct lldp_listen_opts opts = { .any_card = true };
	struct lldp_listener *l = NULL;
	struct err err = { 0 };

	(void)state;
	if (!make_network())
		skip();
	assert_non_null(mkdtemp(root));
	dir = str_format("%s" LLDP_DIR, root);
	file = fs_join(dir, "card0");
	opts.dir = dir;
	add_first_three(&frame, "\x05"
				"swp5");
	TLV(&frame, 5, "sw-r1");
	add_first_three(&gone, "\x05"
			       "swp5");
	gone.data[gone.len - 1] = 0; /* its time to live */
	add_first_three(&bad, "\x05");
	assert_int_equal(lldp_listen(&opts, &l, &err), 0);
	say_until(&frame, file, true);
	inventory_neighbours(root, &now);
	assert_string_equal(buf_str(&now), "card0: 02:11:22:33:44:55, sw-r1, swp5, , 0\n");
	/* Nobody's router has a say on a card that was down. */
	if (fs_exists("/proc/sys/net/ipv6/conf/card0")) {
		buf_clear(&now);
		assert_int_equal(fs_read("/proc/sys/net/ipv6/conf/card0/disable_ipv6", 16, &now, &err), 0);
		assert_string_equal(buf_str(&now), "1\n");
	}
	/* What is not sound changes nothing; the last word does. */
	say(&bad);
	say_until(&gone, file, false);
	say_until(&frame, file, true);
	/* A cable that is pulled. */
	assert_int_equal(SPAWN(&err, "ip", "link", "set", "switch0", "down"), 0);
	say_until(NULL, file, false);
	lldp_listen_end(l);
	assert_int_equal(fs_remove_tree(root, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_switch_is_read),	  cmocka_unit_test(every_kind_of_port),
		cmocka_unit_test(bad_frames_are_refused), cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(real_frames_are_read),	  cmocka_unit_test(neighbours_are_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
