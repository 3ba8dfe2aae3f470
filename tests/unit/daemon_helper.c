/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The helper and who asks it, with a fake dnsmasq: packets, ends that are told, and what is given to whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "daemon/helper_call.h"
#include "daemon/helper_serve.h"
#include "daemon/querier_wire.h"
#include "netboot/netboot.h"
#include "sys/fs.h"
#include "sys/privilege.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char conf[] = "# Made\nbind-dynamic\nuser=dnsmasq\n";
/* Copies what it reads as configuration, says that it is ready by its pid, and ends as told. */
static const char fake[] = "#!/bin/bash\n"
			   "dir=$(dirname \"$0\")\n"
			   "trap 'echo hup >\"$dir/hup\"' HUP\n"
			   "trap 'exit 0' TERM\n"
			   "trap 'exit 7' USR1\n"
			   "[ \"$*\" = --conf-file=- ] && cat >\"$dir/read\" && echo $$ >\"$dir/ready\"\n"
			   "while :; do sleep 1 & wait $!; done\n";

struct bench {
	char *dir, *conf, *ready, *read, *hup;
	struct helper_call call;
	pid_t pid;
};

static void serve(const struct bench *b, int fd)
{
	int idle[2];
	struct helper_opts opts = { .listen_fd = -1, .fd = fd, .conf_path = b->conf, .run_dir = b->dir, .tftp_dir = "/t" };
	struct err err = { 0 };

	close(b->call.fd);
	if (pipe(idle) < 0)
		_exit(9);
	opts.signal_fd = idle[0];
	_exit(helper_serve(&opts, &err) < 0);
}

static int setup(void **state)
{
	struct bench *b = mem_zalloc(sizeof(*b));
	autofree char *program = NULL, *path = NULL;
	struct err err = { 0 };
	int pair[2];

	b->dir = mem_strdup("/tmp/orthrus-helper.XXXXXX");
	if (!mkdtemp(b->dir) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	b->conf = fs_join(b->dir, "dnsmasq.conf");
	b->ready = fs_join(b->dir, "ready");
	b->read = fs_join(b->dir, "read");
	b->hup = fs_join(b->dir, "hup");
	program = fs_join(b->dir, "dnsmasq");
	if (fs_write_atomic(program, fake, strlen(fake), 0755, &err) < 0 ||
	    fs_write_atomic(b->conf, conf, strlen(conf), 0644, &err) < 0)
		return -1;
	path = str_format("%s:/usr/sbin:/usr/bin:/sbin:/bin", b->dir);
	setenv("PATH", path, 1);
	b->call = (struct helper_call){ .fd = pair[0] };
	fflush(NULL);
	b->pid = fork();
	if (b->pid == 0)
		serve(b, pair[1]);
	close(pair[1]);
	*state = b;
	return b->pid < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;
	struct err err = { 0 };
	int rc;

	helper_call_close(&b->call);
	waitpid(b->pid, NULL, 0);
	rc = fs_remove_tree(b->dir, &err);
	free(b->dir);
	free(b->conf);
	free(b->ready);
	free(b->read);
	free(b->hup);
	free(b);
	return rc;
}

static void wait_for(const char *path)
{
	for (int i = 0; i < 1000 && access(path, F_OK) < 0; i++)
		poll(NULL, 0, 10);
	assert_int_equal(access(path, F_OK), 0);
}

static pid_t start(struct bench *b)
{
	struct err err = { 0 };
	pid_t pid = 0;

	unlink(b->ready);
	assert_int_equal(helper_call(&b->call, HELPER_DNSMASQ_START, &pid, &err), 0);
	assert_true(pid > 1);
	wait_for(b->ready);
	return pid;
}

static void test_started_told_and_ended(void **state)
{
	struct bench *b = *state;
	autoclean(buf_free) struct buf got = { 0 };
	struct err err = { 0 };
	pid_t pid = start(b);

	assert_int_equal(fs_read(b->read, 1000, &got, &err), 0);
	assert_string_equal(buf_str(&got), conf);
	assert_int_equal(helper_call(&b->call, HELPER_DNSMASQ_RELOAD, NULL, &err), 0);
	wait_for(b->hup);
	assert_int_equal(helper_call(&b->call, HELPER_DNSMASQ_START, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_CONFLICT);
	assert_int_equal(helper_call(&b->call, HELPER_DNSMASQ_STOP, NULL, &err), 0);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(helper_call(&b->call, HELPER_DNSMASQ_STOP, NULL, &err), 0);
	assert_int_equal(helper_call(&b->call, HELPER_DNSMASQ_RELOAD, NULL, &err), -1);
	assert_false(b->call.ended);
}

static void test_an_end_is_told(void **state)
{
	struct bench *b = *state;
	struct pollfd p = { .fd = b->call.fd, .events = POLLIN };
	struct err err = { 0 };
	pid_t pid = start(b);
	int status = 0;

	kill(pid, SIGUSR1);
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_true(helper_ended(&b->call, &status));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	/* Heard while something else is asked. */
	pid = start(b);
	kill(pid, SIGKILL);
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(helper_call(&b->call, HELPER_DNSMASQ_RELOAD, NULL, &err), -1);
	assert_true(b->call.ended);
	assert_true(helper_ended(&b->call, &status));
	assert_true(WIFSIGNALED(status) && !b->call.ended);
	/* The helper's own end is dnsmasq's. */
	pid = start(b);
	kill(b->pid, SIGKILL);
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_true(helper_ended(&b->call, &status));
	assert_int_equal(status, HELPER_GONE);
	for (int i = 0; i < 1000 && kill(pid, 0) == 0; i++)
		poll(NULL, 0, 10);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(helper_call(&b->call, HELPER_DNSMASQ_START, NULL, &err), -1);
	assert_true(err.hint[0]);
}

static void test_it_ends_with_who_asked(void **state)
{
	struct bench *b = *state;
	pid_t pid = start(b);
	int status = -1;

	helper_call_close(&b->call);
	assert_int_equal(waitpid(b->pid, &status, 0), b->pid);
	assert_int_equal(status, 0);
	assert_int_equal(kill(pid, 0), -1);
}

static void test_packets(void **state)
{
	const uint32_t good[3] = { HELPER_DNSMASQ_STOP, 0, 0 }, unknown[2] = { 9, 0 }, index[2] = { 1, 1 }, none[2] = { 0, 0 };
	const uint32_t querier[2] = { HELPER_QUERIER_BOTH, 7 }, nowhere[2] = { HELPER_QUERIER_IPV4, 0x80000000 },
		       look[2] = { HELPER_QUERIER_LOOK, 7 };
	struct helper_answer a = { .tells = HELPER_DONE, .value = 5 }, got;
	struct helper_request r;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(helper_request_read(good, 8, &r, &err), 0);
	assert_int_equal(r.ask, HELPER_DNSMASQ_STOP);
	assert_int_equal(helper_request_read(good, 7, &r, &err), -1);
	assert_int_equal(helper_request_read(good, 12, &r, &err), -1);
	assert_int_equal(helper_request_read(good, 0, &r, &err), -1);
	assert_int_equal(helper_request_read(unknown, 8, &r, &err), -1);
	assert_int_equal(helper_request_read(index, 8, &r, &err), -1);
	assert_int_equal(helper_request_read(none, 8, &r, &err), -1);
	assert_int_equal(helper_request_read(querier, 8, &r, &err), 0);
	assert_int_equal(r.index, 7);
	assert_int_equal(helper_querier_families(r.ask), 3);
	assert_int_equal(helper_querier_families(HELPER_QUERIER_IPV4), 1);
	assert_int_equal(helper_querier_families(HELPER_QUERIER_IPV6), 2);
	assert_int_equal(helper_querier_families(HELPER_QUERIER_LOOK), 0);
	assert_int_equal(helper_request_read(nowhere, 8, &r, &err), -1);
	assert_int_equal(helper_request_read(look, 8, &r, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(helper_answer_read(&a, sizeof(a), &got, &err), 0);
	assert_int_equal(got.value, 5);
	assert_int_equal(helper_answer_read(&a, sizeof(a) - 1, &got, &err), -1);
	a.text[sizeof(a.text) - 1] = 'x';
	assert_int_equal(helper_answer_read(&a, sizeof(a), &got, &err), -1);
}

/* The process that it would start is this test's program, which is none: what counts is who says no. */
static void test_no_querier(void **state)
{
	struct bench *b = *state;
	struct querier_view view;
	struct err err = { 0 };

	assert_int_equal(helper_look_querier(&b->call, &view, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	assert_int_equal(helper_call_querier(&b->call, 0, 0, &err), 0);
	assert_int_equal(helper_call_querier(&b->call, INT32_MAX, 3, &err), -1);
	assert_non_null(strstr(err.text, "2147483647"));
	/* dnsmasq's end is heard while something else is asked. */
	kill(start(b), SIGKILL);
	for (int i = 0; i < 1000 && !b->call.ended; i++) {
		assert_int_equal(helper_call_querier(&b->call, 0, 0, &err), 0);
		poll(NULL, 0, 10);
	}
	assert_true(b->call.ended);
}

static void test_querier_wire(void **state)
{
	struct querier q;
	struct querier_view view;
	struct addr6 own = igmp_addr4(0x0a010005);
	uint8_t packet[QUERIER_WIRE];
	struct err err = { 0 };

	(void)state;
	querier_init(&q, &querier_defaults, 3, 0);
	querier_own(&q, QUERIER_IPV4, &own);
	assert_int_equal(querier_step(&q, INT64_C(200000000000)), 1);
	q.side[QUERIER_IPV6].heard = UINT64_C(1) << 40;
	q.side[QUERIER_IPV6].other.bytes[15] = 9;
	querier_wire_write(&q, packet);
	assert_int_equal(querier_wire_read(packet, sizeof(packet), &view, &err), 0);
	assert_int_equal(view.side[QUERIER_IPV4].state, QUERIER_WE);
	assert_int_equal(view.side[QUERIER_IPV4].sent, 1);
	assert_true(view.side[QUERIER_IPV4].has_own && addr6_same(&view.side[QUERIER_IPV4].own, &own));
	assert_int_equal(view.side[QUERIER_IPV6].state, QUERIER_NO_ADDRESS);
	assert_true(view.side[QUERIER_IPV6].heard == UINT64_C(1) << 40);
	assert_int_equal(view.side[QUERIER_IPV6].other.bytes[15], 9);
	assert_int_equal(querier_wire_read(packet, sizeof(packet) - 1, &view, &err), -1);
	packet[0] = QUERIER_NO_ADDRESS + 1;
	assert_int_equal(querier_wire_read(packet, sizeof(packet), &view, &err), -1);
	packet[0] = 0;
	packet[51] = 4;
	assert_int_equal(querier_wire_read(packet, sizeof(packet), &view, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
}

static void refused(const char *text)
{
	struct err err = { 0 };

	if (netboot_conf_check(text, strlen(text), "/run/orthrus", "/srv/orthrus/tftp", &err) == 0)
		fail_msg("taken: %s", text);
	assert_int_equal(err.kind, ERR_REFUSED);
}

static void test_only_our_configuration(void **state)
{
	static const char *const bad[] = {
		"dhcp-script=/bin/sh\n",
		"conf-file=/etc/x\n",
		"user=root\n",
		"user\n",
		"user=\n",
		"no-ping=1\n",
		"no-ping ",
		"no-ping",
		" no-ping\n",
		"no-ping\r\n",
		"NO-PING\n",
		"no-pin\n",
		"tftp-root=/srv/orthrus/tftp/..\n",
		"tftp-root=/\n",
		"interface=lo\n",
		"interface=-x\n",
		"interface=0123456789abcdef\n",
		"addn-hosts=/run/orthrus/x\n",
		"addn-hosts=/run/orthrus/dnsmasq.conf\n",
		"addn-hosts=/run/orthrusdnsmasq.hosts\n",
		"pid-file=/run/orthrus/\n",
		"server=/x/10.0.0.1\n",
		"server=10.0.0.1@eth0\n",
		"domain=a b\n",
		"local=//\n",
		"local=/a\n",
		"local=a/\n",
		"tftp-max=-1\n",
		"tftp-max=\n",
		"dhcp-option=\"x\"\n",
		"dhcp-option=x\\\n",
		"dhcp-option=\n",
		"\n\nlog-facility=/x\n",
		"#\x01\n",
		"#\xff\n",
		"\v\n",
	};
	static const char good[] = "# any text\n\nno-ping\ninterface=eth0.7\nserver=fd00::1\nserver=10.0.0.1\ndomain=a.b-c\n"
				   "local=/a.b/\naddn-hosts=/run/orthrus/dnsmasq.hosts\ntftp-root=/srv/orthrus/tftp\n"
				   "dhcp-option=tag:uefi64,option6:bootfile-url,tftp://[fd00::1]/shimx64.efi\ntftp-max=600\n";
	autofree char *longer = str_format("#%0512d\n", 0), *most = str_format("#%0511d\n", 0);
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		refused(bad[i]);
	refused(longer);
	assert_int_equal(netboot_conf_check(most, strlen(most), "/r", "/t", &err), 0);
	assert_int_equal(netboot_conf_check(good, strlen(good), "/run/orthrus", "/srv/orthrus/tftp", &err), 0);
	assert_int_equal(netboot_conf_check("", 0, "/r", "/t", &err), 0);
	assert_int_equal(netboot_conf_check("no-ping\0\n", 9, "/r", "/t", &err), -1);
}

/* What each renderer writes is taken: the golden files are what netboot_dnsmasq_conf() is compared with. */
static void test_golden_configurations(void **state)
{
	static const char *const names[] = { "plain", "discover", "dual", "ipv6" };
	const char *top = getenv("TOP");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		autofree char *path = str_format("%s/tests/golden/netboot/%s/dnsmasq.conf", top ? top : ".", names[i]);
		autoclean(buf_free) struct buf text = { 0 };
		struct err err = { 0 };

		assert_int_equal(fs_read(path, 65536, &text, &err), 0);
		if (netboot_conf_check(buf_str(&text), text.len, "/run/orthrus", "/srv/orthrus/tftp", &err) < 0)
			fail_msg("%s: %s", path, err.text);
	}
}

static uid_t owner(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_uid;
}

static void test_given_to_a_user(void **state)
{
	struct bench *b = *state;
	autofree char *sub = fs_join(b->dir, "sub"), *deep = fs_join(b->dir, "sub/deep"), *link = fs_join(b->dir, "sub/link"),
		      *twice = fs_join(b->dir, "sub/twice"), *key = fs_join(b->dir, "sub/key");
	autoclean(buf_free) struct buf got = { 0 };
	struct privilege_user u;
	struct err err = { 0 };

	if (geteuid() != 0)
		skip();
	assert_int_equal(privilege_user("root", &u, &err), -1);
	assert_int_equal(privilege_user("no-such-user", &u, &err), -1);
	assert_true(err.kind == ERR_NOT_FOUND && err.hint[0]);
	assert_int_equal(privilege_user("nobody", &u, &err), 0);
	assert_int_equal(fs_mkdirs(sub, 0755, &err), 0);
	assert_int_equal(fs_write_atomic(deep, "x", 1, 0600, &err), 0);
	assert_int_equal(symlink("../dnsmasq.conf", link), 0);
	assert_int_equal(linkat(AT_FDCWD, b->conf, AT_FDCWD, twice, 0), 0);
	assert_int_equal(privilege_give(sub, u.uid, &err), 0);
	assert_true(owner(sub) == u.uid && owner(deep) == u.uid && owner(link) == u.uid);
	assert_int_equal(owner(b->conf), 0);
	/* Root reads a key of the directory's owner, and what root makes there is that one's; a third one's it does not read. */
	assert_int_equal(fs_write_atomic(key, "k", 1, 0600, &err), 0);
	assert_int_equal(privilege_give_to_owner_of_dir(key, &err), 0);
	assert_int_equal(owner(key), u.uid);
	assert_int_equal(fs_read_secret(key, 1, 8, &got, &err), 0);
	assert_int_equal(chown(key, 12345, (gid_t)-1), 0);
	assert_int_equal(fs_read_secret(key, 1, 8, &got, &err), -1);
	assert_int_equal(chown(key, u.uid, (gid_t)-1), 0);
	assert_int_equal(chmod(sub, 0777), 0);
	assert_int_equal(fs_read_secret(key, 1, 8, &got, &err), -1);
	assert_int_equal(helper_share_leases(b->dir, &err), -1);
}

/* In a process of its own: what was given up does not come back. */
static void test_become(void **state)
{
	struct privilege_user u;
	struct err err = { 0 };
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(privilege_user("nobody", &u, &err), 0);
	pid = fork();
	if (pid == 0)
		_exit(privilege_become(&u, PRIVILEGE_CAP(13), &err) < 0	   ? 1
		      : geteuid() != u.uid || getgid() != u.gid		   ? 2
		      : setuid(0) == 0					   ? 3
		      : chown("/", 0, 0) == 0				   ? 4
		      : socket(AF_INET, SOCK_RAW, 1) < 0		   ? 5
		      : privilege_hide_memory(&err) < 0			   ? 6
		      : privilege_become(&u, PRIVILEGE_CAP(21), &err) == 0 ? 7
									   : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_started_told_and_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_end_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_ends_with_who_asked, setup, teardown),
		cmocka_unit_test(test_packets),
		cmocka_unit_test_setup_teardown(test_no_querier, setup, teardown),
		cmocka_unit_test(test_querier_wire),
		cmocka_unit_test(test_only_our_configuration),
		cmocka_unit_test(test_golden_configurations),
		cmocka_unit_test_setup_teardown(test_given_to_a_user, setup, teardown),
		cmocka_unit_test(test_become),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
