/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPMI 2.0 over LAN by ipmitool(1). The password goes over its standard input: an argument, the environment or a file would show
 * it to others. Sessions have the privilege level operator, which is enough for all that is done here. */
#include "base/mem.h"
#include "power/bmc_priv.h"
#include "power/ipmi_parse.h"
#include "sys/secretbox.h"
#include "sys/spawn.h"

#include <string.h>

#define OUTPUT_MAX ((size_t)256 << 10)
#define ARGS_MAX 32
#define IDENTIFY_S "240"
/* The console's escape character: one that nobody types. Ours is the command line's business. */
#define ESCAPE "\x1d"
/* Cipher suites (IPMI 2.0, table 22-20), the better first: HMAC-SHA256, and HMAC-SHA1, which every BMC has; both with AES-128. */
static const char *const suites[] = { "17", "3" };
#define NO_SUITE "Error in open session response message" /* it refuses the algorithms, before any password */

struct args {
	const char *argv[ARGS_MAX];
	size_t n;
	char *host, *port, *input;
};

static void args_free(struct args *a)
{
	free(a->host);
	free(a->port);
	secret_str_free(a->input);
}

static void add(struct args *a, const char *word)
{
	if (a->n < ARGS_MAX - 1)
		a->argv[a->n++] = word;
}

/* How to reach the BMC; the command follows. */
static int begin(const struct bmc *b, const char *suite, struct args *a, struct err *err)
{
	static const char *const fixed[] = { "-f", "/dev/stdin", "-L", "OPERATOR", "-N", "1", "-R", "3", "-C" };

	if (bmc_address_check(b->address, err) < 0 || bmc_login_check(BMC_IPMI, b->user, b->password, err) < 0)
		return err_wrap(err, "%s", b->node);
	bmc_address_split(b->address, &a->host, &a->port);
	add(a, "ipmitool");
	add(a, "-I");
	add(a, "lanplus");
	add(a, "-H");
	add(a, a->host);
	if (a->port) {
		add(a, "-p");
		add(a, a->port);
	}
	add(a, "-U");
	add(a, b->user);
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		add(a, fixed[i]);
	add(a, suite);
	a->input = str_format("%s\n", b->password);
	return 0;
}

/* Once, with one cipher suite. */
static int run_once(const struct bmc *b, const char *suite, const char *const *command, struct spawn_result *r, struct err *err)
{
	autoclean(args_free) struct args a = { 0 };
	struct spawn s = { .argv = a.argv, .capture_max = OUTPUT_MAX };
	struct err why = { 0 };

	if (begin(b, suite, &a, err) < 0)
		return -1;
	/* Only then does it say why a session failed. What the other commands print would become another form by it. */
	if (str_eq(command[0], "chassis"))
		add(&a, "-v");
	for (size_t i = 0; command[i]; i++)
		add(&a, command[i]);
	s.input = a.input;
	s.input_len = strlen(a.input);
	s.timeout_ns = b->timeout_ns ? b->timeout_ns : BMC_TIMEOUT_NS;
	if (spawn_run(&s, r, &why) == 0)
		return 0;
	*err = why;
	if (why.hint[0]) /* it is not installed */
		return err_wrap(err, "%s", b->node);
	err_set(err, ERR_FAILED, "%s: the BMC did not answer in time (%s)", b->node, b->address);
	return err_hint(err, "see whether it is at this address: orthrus node show %s", b->node);
}

/* ipmitool would ask which suites there are; a BMC that does not know this question is silent, for many seconds. *suite: the one
 * that it took; may be NULL. */
static int run(const struct bmc *b, const char *const *command, struct spawn_result *r, const char **suite, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
		autoclean(buf_free) struct buf said = { 0 };

		spawn_result_free(r);
		*r = (struct spawn_result){ 0 };
		if (suite)
			*suite = suites[i];
		if (run_once(b, suites[i], command, r, err) < 0)
			return -1;
		if (r->status == 0)
			return 0;
		buf_adds(&said, buf_str(&r->out));
		buf_adds(&said, buf_str(&r->err));
		if (i + 1 == ARRAY_LEN(suites) || !strstr(buf_str(&said), NO_SUITE))
			return ipmi_explain(b, buf_str(&said), err);
	}
	return 0;
}

#define RUN(b, r, err, ...) run((b), (const char *const[]){ __VA_ARGS__, NULL }, (r), NULL, (err))

int ipmi_power(const struct bmc *b, enum bmc_power *out, struct err *err)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	struct ipmi_chassis chassis;

	if (RUN(b, &r, err, "chassis", "status") < 0)
		return -1;
	if (ipmi_read_chassis(buf_str(&r.out), r.out.len, &chassis, err) < 0)
		return err_wrap(err, "%s", b->node);
	*out = chassis.power;
	return 0;
}

int ipmi_act(const struct bmc *b, enum bmc_act act, struct err *err)
{
	static const char *const words[] = {
		[BMC_ON] = "on", [BMC_OFF] = "off", [BMC_CYCLE] = "cycle", [BMC_RESET] = "reset", [BMC_SOFT_OFF] = "soft"
	};
	autoclean(spawn_result_free) struct spawn_result r = { 0 };

	return RUN(b, &r, err, "chassis", "power", words[act]);
}

int ipmi_boot_network(const struct bmc *b, bool uefi, struct err *err)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };

	return uefi ? RUN(b, &r, err, "chassis", "bootdev", "pxe", "options=efiboot")
		    : RUN(b, &r, err, "chassis", "bootdev", "pxe");
}

int ipmi_identify(const struct bmc *b, bool on, struct err *err)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };

	return RUN(b, &r, err, "chassis", "identify", on ? IDENTIFY_S : "0");
}

int ipmi_sensors(const struct bmc *b, struct bmc_sensors *out, struct err *err)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };

	if (RUN(b, &r, err, "sdr", "elist") < 0)
		return -1;
	return ipmi_read_sensors(buf_str(&r.out), r.out.len, out, err) < 0 ? err_wrap(err, "%s", b->node) : 0;
}

int ipmi_facts(const struct bmc *b, struct bmc_facts *out, struct err *err)
{
	autoclean(spawn_result_free) struct spawn_result mc = { 0 }, lan = { 0 };
	struct err ignored = { 0 };

	if (RUN(b, &mc, err, "mc", "info") < 0)
		return -1;
	if (ipmi_read_mc(buf_str(&mc.out), mc.out.len, out, err) < 0)
		return err_wrap(err, "%s", b->node);
	/* Not every BMC tells an operator of its network; the rest is worth having. */
	if (RUN(b, &lan, &ignored, "lan", "print") == 0 && ipmi_read_lan(buf_str(&lan.out), lan.out.len, out, &ignored) < 0)
		out->mac = NULL;
	return 0;
}

int bmc_console(const struct bmc *b, struct spawn_stream *out, struct err *err)
{
	static const char *const command[] = { "-e", ESCAPE, "sol", "activate" };
	static const char *const status[] = { "chassis", "status", NULL }, *const deactivate[] = { "sol", "deactivate", NULL };
	autoclean(spawn_result_free) struct spawn_result r = { 0 }, left = { 0 };
	autoclean(args_free) struct args a = { 0 };
	const char *suite = NULL;

	/* Says what is wrong better than a console that ends at once. */
	if (run(b, status, &r, &suite, err) < 0)
		return -1;
	/* Left open by whoever died: the new one would be refused. That there is none is its failure, too. */
	if (run_once(b, suite, deactivate, &left, err) < 0 || begin(b, suite, &a, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(command); i++)
		add(&a, command[i]);
	if (spawn_stream_open(&(struct spawn){ .argv = a.argv }, out, err) < 0)
		return err_wrap(err, "%s", b->node);
	/* It opens its standard input a second time, reads this one line of it, and only then what is typed. */
	return spawn_stream_write(out, a.input, strlen(a.input), BMC_TIMEOUT_NS, err) < 0 ? err_wrap(err, "%s", b->node) : 0;
}

int bmc_console_end(const struct bmc *b, const struct spawn_stream *st, struct err *err)
{
	return ipmi_explain(b, buf_str(&st->said), err);
}
