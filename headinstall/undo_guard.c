/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine that is no head must not answer for the service addresses, nor keep them silent. */
#include "headinstall/apply_priv.h"

#include "base/mem.h"
#include "headinstall/paths.h"
#include "headinstall/programs.h"
#include "sys/log.h"

static bool says(const char *question, const char *answer)
{
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	struct err none = { 0 };

	return PROGRAM("", &r, &none, "systemctl", question, HEAD_GUARD_UNIT) == 0 && str_starts(buf_str(&r.out), answer);
}

bool head_guard_runs(const char *root)
{
	return !*root && (says("is-active", "active") || says("is-enabled", "enabled"));
}

/* Written down first: killed after it was stopped, nothing else says that there was one. */
static int note_guard(struct head_apply *a, struct err *err)
{
	autoclean(buf_free) struct buf line = { 0 };

	if (head_journal_unit(&a->record->j, HEAD_GUARD_UNIT))
		return 0;
	head_line_unit(&line, HEAD_GUARD_UNIT, HEAD_UNIT_OFF);
	return head_record_note(a->record, &line, err);
}

int undo_guard(struct head_apply *a, struct err *err)
{
	struct err why = { 0 };

	if (note_guard(a, err) < 0)
		return -1;
	if (PROGRAM("", NULL, &why, "systemctl", "stop", HEAD_GUARD_UNIT) < 0) {
		if (says("is-active", "active")) {
			*err = why;
			return -1;
		}
		log_debug("head", "%s", why.text);
	}
	/* Stopped, it leaves its gate shut: the service addresses would be silent here for good. Killed, it leaves these, too. */
	return PROGRAM("", NULL, err, "orthrus-guard", "--remove-gate");
}
