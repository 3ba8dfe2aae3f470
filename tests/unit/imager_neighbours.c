/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A switch that speaks up after the machine has told what it is: that is told again, and only then. */
#include "tests/unit/imager_rig.h"

#include "imaging/imager/lldp_listen.h"

#include <sched.h>
#include <sys/mount.h>

static void speak(const char *port)
{
	autoclean(buf_free) struct buf frame = { 0 };
	struct err err = { 0 };

	buf_add(&frame, "\x01\x80\xc2\0\0\x0e\x02\0\0\0\0\x01\x88\xcc\x02\x02\x07s\x04", 19);
	buf_add_u8(&frame, (uint8_t)(strlen(port) + 1));
	buf_addc(&frame, 5);
	buf_adds(&frame, port);
	buf_add(&frame, "\x06\x02\0\x78", 4);
	if (fs_mkdirs(LLDP_DIR, 0755, &err) < 0 || fs_write_atomic(LLDP_DIR "/eth0", frame.data, frame.len, 0644, &err) < 0)
		fail_msg("%s", err.text);
}

/* The inventory is being made: what its switch says now is in the next one. */
static int look_while_it_speaks(struct disks *out, struct err *err)
{
	if (rig->looks == 0)
		speak("swp5");
	if (rig->looks == 1)
		speak("swp5"); /* the same as ever */
	return look(out, err);
}

static void a_switch_that_is_heard_late_is_told(void **state)
{
	struct rig *r = *state;

	for (int late = 0; late < 2; late++) {
		r->looks = 0;
		r->work.look = late ? look_while_it_speaks : look;
		r->opts.pause_ns = NS_PER_MS;
		r->enrolling.asked = 0;
		r->enrolling.pending = 3;
		r->hellos = HELLOS_MOST; /* it is told to start from its disk */
		serve(&r->opts, "52:54:00:77:00:01", r->head);
		assert_int_equal(r->enrolling.asked, 4);
		assert_int_equal(r->looks, 1 + late);
		head_close(r->head);
		r->head = NULL;
		http_server_stop(r->server);
		connect_to(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_switch_that_is_heard_late_is_told, begin, end),
	};

	/* A /run of our own. */
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, NULL) < 0) {
		puts("needs root and a mount namespace");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
