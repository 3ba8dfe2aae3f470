/* SPDX-License-Identifier: GPL-2.0-or-later */
/* orthrus: the one command line. Parse, run the verb, print its error, exit with its code. */
#include "base/mem.h"
#include "cmd/audit_here.h"
#include "cmd/cmd.h"
#include "sys/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/resource.h>

static int run(struct cmd *c, struct err *err)
{
	if (c->version) {
		cmd_print(c->json ? "{\"version\":\"" ORTHRUS_VERSION "\"}\n" : "orthrus " ORTHRUS_VERSION "\n");
		return 0;
	}
	if (c->help) {
		cmd_help(c);
		return 0;
	}
	return c->def->effect == CMD_CHANGES_HERE ? cmd_audited(c, c->def->run, err) : c->def->run(c, err);
}

/* Has whoever read standard output closed it? The write that found out may be long ago, and its errno gone. */
static bool reader_is_gone(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO };

	return poll(&p, 1, 0) > 0 && p.revents & POLLERR;
}

/* A full disk behind a redirection must not look like success; a reader that has seen enough (`| head`) is none of our business.
 */
static int flush(struct err *err)
{
	errno = 0;
	if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE || reader_is_gone())
		return 0;
	return err_errno(err, errno ? errno : EIO, "write to standard output");
}

/* Secrets and keys pass through some commands: none leaves them in a core. */
static void no_core(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_CORE, &l) == 0) {
		l.rlim_cur = 0;
		if (setrlimit(RLIMIT_CORE, &l) < 0)
			log_warn("command", "cannot forbid core dumps");
	}
}

int main(int argc, char **argv)
{
	autoclean(cmd_clear) struct cmd c = { 0 };
	struct err err = { 0 };
	int rc = cmd_parse(argc, argv, &c, &err);

	signal(SIGPIPE, SIG_IGN);
	log_init("orthrus", c.debug);
	no_core();
	if (rc == 0)
		rc = run(&c, &err);
	if (rc == 0 && flush(&err) < 0) {
		c.json = false; /* standard output takes nothing more, and what it took is no whole document */
		rc = -1;
	}
	if (rc == 0)
		return 0;
	/* Whatever it was, root may do it. */
	if (!err.hint[0] && geteuid() != 0 && str_ends(err.text, "Permission denied"))
		err_hint(&err, "run this as root");
	if (err.text[0]) /* empty: the verb has said it all in its result */
		cmd_error(&c, &err);
	return err_exit_code(err.kind == ERR_NONE ? ERR_FAILED : err.kind);
}
