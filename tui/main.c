/* SPDX-License-Identifier: GPL-2.0-or-later */
/* orthrus-setup: the wizard until this machine is a head, the dashboard from then on. */
#include "base/json.h"
#include "base/mem.h"
#include "sys/fs.h"
#include "sys/log.h"
#include "tui/answers.h"
#include "tui/child.h"
#include "tui/dash.h"
#include "tui/newt.h"
#include "tui/options.h"
#include "tui/plain.h"
#include "tui/save.h"
#include "tui/screen.h"
#include "tui/setup.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>

#define TITLE "Orthrus setup"

/* What is typed may be a secret: none is left in a core. */
static void no_core(void)
{
	const struct rlimit none = { 0 };

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		log_warn("setup", "cannot forbid core dumps");
}

/* One of the three that is closed would be the next file that is opened, and be read as answers or written to. */
static bool open_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

static bool is_plain(const struct tui_options *o)
{
	return o->plain || !newt_can();
}

static int open_screen(const struct tui_options *o, struct screen **screen, struct err *err)
{
	return is_plain(o) ? plain_open(TITLE, screen, err) : newt_open(TITLE, screen, err);
}

static int wizard(const struct tui_options *o, struct saved *saved, enum setup_end *end, struct err *err)
{
	autofree char *orthrus = child_orthrus();
	struct setup_opts setup = { .root = o->root, .site = o->site, .orthrus = orthrus };
	autoclean(screen_close) struct screen *screen = NULL;
	autoclose int lock = save_lock(o->root, err);

	/* Again, now that nobody else writes it. */
	saved_free(saved);
	if (lock < 0 || save_load(o->root, saved, err) < 0 || open_screen(o, &screen, err) < 0)
		return -1;
	return setup_run(&setup, saved, screen, end, err);
}

static int read_answers(struct json_obj *o, void *ctx, struct err *err)
{
	return answers_read(o, ctx, err);
}

static int dashboard(const struct tui_options *o, const struct saved *saved, struct err *err)
{
	autoclean(answers_free) struct answers answers = { 0 };
	autofree char *orthrus = child_orthrus();
	struct err none = { 0 };
	struct dash_opts dash = { .root = o->root,
				  .api = o->api,
				  .ca = o->ca,
				  .cert = o->cert,
				  .key = o->key,
				  .orthrus = orthrus,
				  .plain = is_plain(o),
				  .watch = o->watch,
				  .ascii = o->ascii };

	/* What the wizard was told; where it was not, or can't be read, the dashboard proposes names of its own. */
	if (saved->answers && json_read(saved->answers, strlen(saved->answers), read_answers, &answers, &none) == 0)
		dash.names = answers.given[ANSWER_NAMES];

	return dash_run(&dash, err);
}

/* Its daemon need not run just now: the dashboard says so then, and the pages would say nothing of it. */
static bool is_head(const struct tui_options *o, const struct saved *saved)
{
	autofree char *socket = str_format("%s/run/orthrus/api.sock", o->root);
	autofree char *unit = str_format("%s/etc/systemd/system/multi-user.target.wants/orthrusd.service", o->root);

	return saved->installed || (!saved->page && (fs_exists(socket) || fs_exists(unit)));
}

/* The last words, when the screen is as it was. */
static int say_end(enum setup_end end)
{
	switch (end) {
	case SETUP_INSTALLED:
	case SETUP_GONE_INSTALLED:
		printf("This machine is a head of the cluster: `orthrus head status` says how it is.\n");
		return 0;
	case SETUP_LEFT:
		printf("What was answered is kept: `orthrus-setup` goes on there.\n");
		return 0;
	case SETUP_GONE:
		fprintf(stderr, "orthrus-setup: the input ended before all was answered\n"
				"  next: what was answered is kept; start orthrus-setup again, and it goes on there\n");
		return err_exit_code(ERR_FAILED);
	}
	return 0;
}

static int run(const struct tui_options *o, int *code, struct err *err)
{
	autoclean(saved_free) struct saved saved = { 0 };
	enum setup_end end;

	if (save_load(o->root, &saved, err) < 0) {
		if (!o->dashboard)
			return -1;
		*err = (struct err){ 0 }; /* nothing in it is needed to look at a cluster */
	}
	if (o->dashboard || (is_head(o, &saved) && !o->wizard))
		return dashboard(o, &saved, err);
	if (wizard(o, &saved, &end, err) < 0)
		return -1;
	if (end == SETUP_INSTALLED && !is_plain(o))
		return dashboard(o, &saved, err);
	*code = say_end(end);
	return 0;
}

static int complain(const struct err *err)
{
	autofree char *text = str_printable(err->text, strlen(err->text)), *hint = str_printable(err->hint, strlen(err->hint));

	fflush(stdout);
	fprintf(stderr, "orthrus-setup: %s\n", text);
	if (*hint)
		fprintf(stderr, "  next: %s\n", hint);
	return err_exit_code(err->kind == ERR_NONE ? ERR_FAILED : err->kind);
}

int main(int argc, char **argv)
{
	autoclean(tui_options_free) struct tui_options o = { 0 };
	struct err err = { 0 };
	int code = 0;

	if (!open_streams())
		return err_exit_code(ERR_FAILED);
	setlocale(LC_ALL, "");
	signal(SIGPIPE, SIG_IGN);
	log_init("orthrus-setup", false);
	no_core();
	if (tui_options_read(argc, argv, &o, &err) < 0)
		return complain(&err);
	if (o.help || o.version || o.completion) {
		tui_options_print(&o);
		return 0;
	}
	/* Everybody asks the locale. */
	if (o.ascii)
		setlocale(LC_CTYPE, "C");
	if (run(&o, &code, &err) == 0)
		return code;
	if (!err.hint[0] && geteuid() != 0 && str_ends(err.text, "Permission denied"))
		err_hint(&err, "run this as root");
	return complain(&err);
}
