/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/audit_here.h"

#include "base/mem.h"
#include "sys/auditlog.h"
#include "sys/fs.h"

#include <unistd.h>

#define NO_LOGIN UINT32_MAX /* of who did not log in: a service */

/* "uid 0", and who logged in when that is another: sudo leaves no other trace. */
static char *who_runs(void)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct err ignored = { 0 };
	uint64_t login = NO_LOGIN;

	if (fs_read("/proc/self/loginuid", 32, &text, &ignored) < 0 ||
	    str_to_u64(buf_str(&text), 0, NO_LOGIN, &login, &ignored) < 0 || login == NO_LOGIN || login == getuid())
		return str_format("uid %u", getuid());
	return str_format("uid %u (logged in as uid %llu)", getuid(), (unsigned long long)login);
}

/* Does it run a command on nodes? Then the words after the nodes are that command's, and may be anything: also a secret. */
static bool runs_command(const struct cmd *c)
{
	return str_eq(c->def->noun, "node") && str_eq(c->def->verb, "exec") && c->argc > 1;
}

static char *words(const struct cmd *c)
{
	autoclean(buf_free) struct buf b = { 0 };
	int shown = runs_command(c) ? 2 : c->argc;

	buf_addf(&b, "%s %s", c->def->noun, c->def->verb);
	for (int i = 0; i < shown; i++)
		buf_addf(&b, " %s", c->argv[i]);
	if (shown < c->argc)
		buf_addf(&b, " ... (%d words)", c->argc - 1);
	for (size_t i = 0; i < c->n_values; i++)
		buf_addf(&b, " --%.*s%s%s", (int)c->values[i].name_len, c->values[i].name, c->values[i].value[0] ? " " : "",
			 c->values[i].value);
	return buf_steal(&b);
}

static enum audit_result result_of(int rc, enum err_kind kind)
{
	int code = err_exit_code(kind);

	if (rc == 0)
		return AUDIT_DONE;
	return code == 2 || code == 3 ? AUDIT_DENIED : AUDIT_FAILED;
}

static int begin(struct auditlog *log, const struct cmd *c, uint64_t *number, struct err *err)
{
	autofree char *who = who_runs();
	autofree char *what = words(c);
	struct audit_entry e = { .phase = AUDIT_BEGIN,
				 .who = who,
				 .from = "local",
				 .what = what,
				 .nodes = runs_command(c) ? c->argv[0] : cmd_option(c, "to") };

	if (auditlog_write(log, &e, number, err) == 0)
		return 0;
	if (geteuid() == 0 || !str_ends(err->text, "Permission denied"))
		return -1;
	err->kind = ERR_FAILED; /* no rule forbids it: it is this user who may not */
	return err_hint(err, "run this as root");
}

int cmd_audited(struct cmd *c, int (*act)(struct cmd *c, struct err *err), struct err *err)
{
	autofree char *dir = cmd_path(c, "/var/log/orthrus");
	struct audit_entry end = { .phase = AUDIT_END };
	struct err late = { 0 };
	struct auditlog *log;
	int rc;

	if (c->plan)
		return act(c, err);
	log = auditlog_new(dir, 0);
	if (begin(log, c, &end.begun, err) < 0) {
		auditlog_free(log);
		return -1;
	}
	rc = act(c, err);
	end.result = result_of(rc, err->kind);
	end.status = rc == 0 ? 0 : (unsigned int)err_exit_code(err->kind);
	end.text = rc < 0 && err->text[0] ? err->text : NULL;
	/* What is done is done: that its end could not be written is in the log of the program, and the act stands there as
	 * begun. */
	if (auditlog_write(log, &end, NULL, &late) < 0)
		end.begun = 0;
	auditlog_free(log);
	return rc;
}
