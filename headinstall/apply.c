/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "headinstall/apply.h"

#include "base/mem.h"
#include "headinstall/apply_priv.h"
#include "headinstall/paths.h"
#include "headinstall/plan.h"
#include "headinstall/programs.h"
#include "sys/clock.h"
#include "sys/fs.h"
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AGAIN "put that right, then run the same again: it goes on with this step"
#define APPLY_TIME (600 * NS_PER_S)
#define IMAGE_TIME (3 * 3600 * NS_PER_S)

char *apply_place(const struct head_apply *a, const char *path)
{
	return str_format("%s%s", a->record->root, path);
}

/* The directories above it that are missing, each as /etc has them, and named in the journal by the look that follows. */
static int make_parents(const char *full, struct err *err)
{
	const char *slash = strrchr(full, '/');
	autofree char *dir = mem_strndup(full, (size_t)(slash - full));

	return *dir ? fs_mkdirs(dir, 0755, err) : 0;
}

static int write_files(struct head_apply *a, const struct head_step *s, struct err *err)
{
	for (size_t i = 0; i < s->n_writes; i++) {
		const struct head_write *w = &s->writes[i];
		autofree char *full = apply_place(a, w->path);
		struct stat st;
		bool there = lstat(full, &st) == 0 && S_ISREG(st.st_mode);

		if (head_record_own(a->record, w->path, err) < 0 || make_parents(full, err) < 0 ||
		    fs_write_atomic(full, w->text, strlen(w->text), w->mode, err) < 0)
			return -1;
		if (there && chown(full, st.st_uid, st.st_gid) < 0)
			return err_errno(err, errno, "give %s its owner", full);
	}
	return 0;
}

static int hold_services(const struct head_apply *a, bool hold, struct err *err)
{
	autofree char *full = apply_place(a, HEAD_POLICY);
	autoclean(buf_free) struct buf is = { 0 };
	struct err none = { 0 };
	bool there = fs_exists(full),
	     ours = there && fs_read(full, 4096, &is, &none) == 0 && str_eq(buf_str(&is), HEAD_POLICY_TEXT);

	/* One that is the administrator's holds already what they want held. */
	if (hold)
		return there ? 0 : fs_write_atomic(full, HEAD_POLICY_TEXT, strlen(HEAD_POLICY_TEXT), 0755, err);
	if (ours && unlink(full) < 0)
		return err_errno(err, errno, "remove %s", full);
	return 0;
}

/* Debian's sshd would be there with the next start: that somebody may log in is the administrator's word. */
static int close_sshd(const struct head_apply *a, struct err *err)
{
	return PROGRAM(a->record->root, NULL, err, "systemctl", "disable", "ssh.service", "ssh.socket");
}

static int install_packages(struct head_apply *a, const struct head_step *s, struct err *err)
{
	autoclean(str_list_free) struct str_list args = { 0 };

	str_list_add(&args, "--no-install-recommends");
	str_list_add(&args, "install");
	for (size_t i = 0; i < s->words.len; i++)
		str_list_add(&args, s->words.items[i]);
	if (hold_services(a, true, err) < 0 || program_apt(a->record->root, &args, err) < 0)
		return -1;
	if (str_list_has(&s->words, "openssh-server") && close_sshd(a, err) < 0)
		return -1;
	return hold_services(a, false, err);
}

static int configure_packages(struct head_apply *a, struct err *err)
{
	if (hold_services(a, true, err) < 0 ||
	    PROGRAM(a->record->root, NULL, err, "dpkg", "--configure", "-a", "--force-confold") < 0)
		return -1;
	return hold_services(a, false, err);
}

/* And the directories that these own: the sandbox of orthrusd's unit wants them there before it is started. */
static int make_users(struct head_apply *a, struct err *err)
{
	if (PROGRAM(a->record->root, NULL, err, "systemd-sysusers", "/usr/lib/sysusers.d/orthrus.conf") < 0)
		return -1;
	return PROGRAM(a->record->root, NULL, err, "systemd-tmpfiles", "--create", "/usr/lib/tmpfiles.d/orthrus.conf");
}

/* What it was is written down before it is touched. */
static int note_unit(struct head_apply *a, const char *name, struct err *err)
{
	const struct head_unit *u = head_unit(a->facts, name);
	autofree char *was =
		str_format("%s and %s", u && u->enabled ? "enabled" : "disabled", u && u->active ? "running" : "stopped");
	autoclean(buf_free) struct buf line = { 0 };

	if (head_journal_unit(&a->record->j, name))
		return 0;
	head_line_unit(&line, name, was);
	return head_record_note(a->record, &line, err);
}

static int set_unit(struct head_apply *a, const struct head_step *s, const char *how, struct err *err)
{
	const char *name = s->words.items[0];

	if (note_unit(a, name, err) < 0)
		return -1;
	if (s->enable && PROGRAM(a->record->root, NULL, err, "systemctl", "enable", name) < 0)
		return -1;
	if (s->start && PROGRAM(a->record->root, NULL, err, "systemctl", how, name) < 0)
		return err_hint(err, "`systemctl status %s` and `journalctl -u %s` say why; " AGAIN, name, name);
	return 0;
}

int apply_value(const char *name, const char *value, struct err *err)
{
	autofree char *path = str_format("/proc/sys/%s", name), *line = str_format("%s\n", value);
	autoclose int fd = -1;

	for (char *p = path + strlen("/proc/sys/"); *p; p++)
		if (*p == '.')
			*p = '/';
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "open %s", path);
	return fs_write_all(fd, path, line, strlen(line), err);
}

static int set_value(struct head_apply *a, const struct head_step *s, struct err *err)
{
	autoclean(buf_free) struct buf line = { 0 };

	for (size_t i = 0; i < HEAD_VALUES; i++)
		if (str_eq(a->facts->values[i].name, s->words.items[0]))
			head_line_setting(&line, s->words.items[0], a->facts->values[i].now);
	if (head_record_note(a->record, &line, err) < 0)
		return -1;
	return apply_value(s->words.items[0], s->words.items[1], err);
}

/* The rest of the line of `text` that begins with `mark`; "" when there is none. Caller frees. */
static char *line_of(const char *text, const char *mark)
{
	const char *at = strstr(text, mark);

	return at ? mem_strndup(at + strlen(mark), strcspn(at + strlen(mark), "\n")) : mem_strdup("");
}

/* This program, by other words: "NOUN VERB" is what it is called when it fails, and `ask` what to do where it does not say that
 * itself. */
static int perform_self(const char *what, const char *const *argv, int64_t timeout_ns, const char *ask, struct err *err)
{
	struct spawn run = { .argv = argv, .program = SPAWN_SELF, .timeout_ns = timeout_ns };
	autoclean(spawn_result_free) struct spawn_result r = { 0 };
	autofree char *why = NULL, *next = NULL;

	if (spawn_run(&run, &r, err) < 0)
		return -1;
	if (r.status == 0)
		return 0;
	why = line_of(buf_str(&r.err), "orthrus: ");
	next = line_of(buf_str(&r.err), "  next: ");
	err_set(err, ERR_FAILED, "orthrus %s: %s", what, *why ? why : "it ended without a word");
	return err_hint(err, "%s; " AGAIN, *next ? next : ask);
}

static int perform_apply(const struct head_step *step, struct err *err)
{
	const char *const argv[] = { "orthrus", "site", "apply", "--yes", "--quiet", NULL };

	if (step->words.len && head_probe_alone(step->words.items[0], err) < 0)
		return -1;
	return perform_self("site apply", argv, APPLY_TIME, "`orthrus head status` says what keeps it", err);
}

static int build_image(const struct head_step *s, struct err *err)
{
	const char *const argv[] = { "orthrus", "image", "build", s->words.items[0], "--yes", "--quiet", NULL };

	autofree char *ask = str_format("`orthrus image build %s` shows all that the builder says", s->words.items[0]);

	return perform_self("image build", argv, IMAGE_TIME, ask, err);
}

static int perform(struct head_apply *a, const struct plan_step *step, struct err *err)
{
	const struct head_step *s = step->arg;

	switch ((enum head_step_type)step->type) {
	case HEAD_STEP_NOTE:
		return 0;
	case HEAD_STEP_RECORD:
		return head_record_before(a->record, err);
	case HEAD_STEP_CONFIGURE:
		return configure_packages(a, err);
	case HEAD_STEP_PACKAGES:
		return install_packages(a, s, err);
	case HEAD_STEP_SSHD:
		return close_sshd(a, err);
	case HEAD_STEP_USERS:
		return make_users(a, err);
	case HEAD_STEP_FILE:
		return write_files(a, s, err);
	case HEAD_STEP_STORE_STOP:
		return apply_store_stop(a, err);
	case HEAD_STEP_RAID:
		return apply_raid(a, s, err);
	case HEAD_STEP_STORE:
		return write_files(a, s, err) < 0 ? -1 : apply_store(a, s, err);
	case HEAD_STEP_ADDRESS_OFF:
		return apply_address_off(a, s, err);
	case HEAD_STEP_ADDRESS:
		return write_files(a, s, err) < 0 ? -1 : apply_address(a, s, err);
	case HEAD_STEP_TIME:
		return write_files(a, s, err) < 0 ? -1 : set_unit(a, s, "restart", err);
	case HEAD_STEP_VALUE:
		return set_value(a, s, err);
	case HEAD_STEP_UNIT:
		return set_unit(a, s, "start", err);
	case HEAD_STEP_APPLY:
		return perform_apply(s, err);
	case HEAD_STEP_IMAGE:
		return build_image(s, err);
	case HEAD_STEP_UNIT_BACK:
	case HEAD_STEP_VALUE_BACK:
	case HEAD_STEP_ADDRESS_BACK:
	case HEAD_STEP_PACKAGES_BACK:
	case HEAD_STEP_FILES_BACK:
	case HEAD_STEP_DATA:
	case HEAD_STEP_STORE_BACK:
	case HEAD_STEP_FORGET:
		break;
	}
	return err_set(err, ERR_INVALID, "it is no step of an installation");
}

/* What was written down by halves is of no use: this machine is as it was, and that goes too. */
static int make_record(struct head_apply *a, const struct plan_step *step, struct err *err)
{
	struct err late = { 0 };

	if (perform(a, step, err) == 0)
		return 0;
	if (head_record_forget(a->record, &late) < 0)
		log_err("head", "remove what was begun to be written down", &late);
	return -1;
}

/* The first step makes the record; what the others change is written down when they are done, and what they had changed when they
 * were cut off by the next run. */
static int run_step(struct head_apply *a, const struct plan_step *step, struct err *err)
{
	if (step->type == HEAD_STEP_RECORD)
		return make_record(a, step, err);
	if (head_record_step(a->record, step->name, false, err) < 0)
		return -1;
	if (perform(a, step, err) < 0) {
		struct err late = { 0 };

		if (head_record_failed(a->record, step->name, &late) < 0)
			log_err("head", "write down what was changed", &late);
		return -1;
	}
	if (head_record_changes(a->record, !head_record_watches(step->name), true, err) < 0)
		return -1;
	return head_record_step(a->record, step->name, true, err);
}

/* Steps that a kill left open, and that no plan has any more, are done. */
static int close_steps(struct head_apply *a, struct err *err)
{
	autoclean(str_list_free) struct str_list open = { 0 };

	for (size_t i = 0; i < a->record->j.n_steps; i++)
		if (!a->record->j.steps[i].done)
			str_list_add(&open, a->record->j.steps[i].step);
	for (size_t i = 0; i < open.len; i++)
		if (head_record_step(a->record, open.items[i], true, err) < 0)
			return -1;
	return 0;
}

void apply_say(const struct head_apply *a, const struct plan *plan, size_t i, const char *state)
{
	if (a->say)
		a->say(a->ctx, &plan->steps[i], i + 1, plan->len, state);
}

int head_apply(struct head_apply *a, const struct plan *plan, struct err *err)
{
	if (a->record->leaving)
		return err_set(err, ERR_REFUSED, "an uninstallation of this head was begun meanwhile");
	for (size_t i = 0; i < plan->len; i++) {
		if (plan->steps[i].type == HEAD_STEP_NOTE) {
			apply_say(a, plan, i, "kept");
			continue;
		}
		apply_say(a, plan, i, "begun");
		if (run_step(a, &plan->steps[i], err) < 0) {
			apply_say(a, plan, i, "failed");
			err_wrap(err, "%s", plan->steps[i].name);
			return err->hint[0] ? -1 : err_hint(err, AGAIN);
		}
		apply_say(a, plan, i, "done");
	}
	return close_steps(a, err);
}
