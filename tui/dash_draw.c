/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/dash_draw.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "tui/dash_screen.h"

#include <errno.h>
#include <langinfo.h>
#define ENABLE_SLFUTURE_CONST /* texts that it only reads are const */
#include <slang.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

struct dash_draw {
	struct termios before;
	bool ascii;
	struct buf run; /* of cells with the same attribute */
};

#define HINT "`orthrus-setup --dashboard --plain` prints it; or set TERM to what your terminal is (vt100 is what most understand)"

/* Keys come one by one, Ctrl-C among them; what is sent is not changed. Ctrl-S stays what it is: serial lines need it. */
static int make_raw(struct termios *before, struct err *err)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, before) < 0)
		return err_errno(err, errno, "the terminal");
	raw = *before;
	raw.c_iflag &= ~(tcflag_t)(ICRNL | INLCR | IGNCR | ISTRIP | BRKINT);
	raw.c_oflag &= ~(tcflag_t)OPOST;
	raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	return tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0 ? err_errno(err, errno, "the terminal") : 0;
}

/* S-Lang's "objects" are our attributes. */
static void make_colours(void)
{
	static const SLtt_Char_Type masks[] = { [DASH_NORMAL] = 0,
						[DASH_BOLD] = SLTT_BOLD_MASK,
						[DASH_REVERSE] = SLTT_REV_MASK,
						[DASH_WARN] = SLTT_BOLD_MASK,
						[DASH_WARN_REVERSE] = SLTT_REV_MASK | SLTT_BOLD_MASK };

	for (int i = 0; i < DASH_ATTRS; i++) {
		SLtt_set_mono(i, NULL, masks[i]);
		if (!SLtt_Use_Ansi_Colors)
			continue;
		SLtt_set_color(i, NULL, i == DASH_WARN || i == DASH_WARN_REVERSE ? "red" : "default", "default");
		SLtt_add_color_attribute(i, masks[i]);
	}
}

int dash_draw_open(bool ascii, struct dash_draw **out, struct err *err)
{
	autofree struct dash_draw *d = mem_zalloc(sizeof(*d));
	const char *term = getenv("TERM");

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		err_set(err, ERR_FAILED, "standard input or output is no terminal");
		return err_hint(err, HINT);
	}
	if (!term || !*term || str_eq(term, "dumb") || SLtt_initialize(NULL) < 0) {
		err_set(err, ERR_FAILED, "this terminal (%s) cannot be drawn on", term && *term ? term : "TERM is not set");
		return err_hint(err, HINT);
	}
	d->ascii = ascii || !str_eq(nl_langinfo(CODESET), "UTF-8");
	SLutf8_enable(!d->ascii);
	SLang_TT_Write_FD = STDOUT_FILENO;
	SLtt_Blink_Mode = 0;
	if (make_raw(&d->before, err) < 0)
		return -1;
	make_colours();
	SLtt_get_screen_size();
	if (SLsmg_init_smg() < 0) {
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &d->before);
		return err_set(err, ERR_FAILED, "the terminal cannot be drawn on");
	}
	SLtt_set_cursor_visibility(0);
	*out = steal(d);
	return 0;
}

void dash_draw_close(struct dash_draw *d)
{
	if (!d)
		return;
	SLsmg_gotorc(SLtt_Screen_Rows - 1, 0);
	SLtt_set_cursor_visibility(1);
	SLsmg_refresh();
	SLsmg_reset_smg();
	(void)SLtt_flush_output();
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &d->before);
	buf_free(&d->run);
	free(d);
}

void dash_draw_size(const struct dash_draw *d, size_t *rows, size_t *cols)
{
	(void)d;
	*rows = SLtt_Screen_Rows > 0 ? (size_t)SLtt_Screen_Rows : 24;
	*cols = SLtt_Screen_Cols > 0 ? (size_t)SLtt_Screen_Cols : 80;
}

void dash_draw_resized(struct dash_draw *d)
{
	(void)d;
	SLtt_get_screen_size();
	SLsmg_reinit_smg();
}

bool dash_draw_ascii(const struct dash_draw *d)
{
	return d->ascii;
}

void dash_draw_show(struct dash_draw *d, const struct dash_screen *s)
{
	for (size_t row = 0; row < s->rows; row++) {
		const struct dash_cell *cells = &s->cells[row * s->cols];

		SLsmg_gotorc((int)row, 0);
		for (size_t i = 0, end; i < s->cols; i = end) {
			buf_clear(&d->run);
			for (end = i; end < s->cols && cells[end].attr == cells[i].attr; end++)
				buf_adds(&d->run, cells[end].text);
			SLsmg_set_color(cells[i].attr);
			SLsmg_write_nchars(buf_str(&d->run), (unsigned int)d->run.len);
		}
	}
	SLsmg_set_color(DASH_NORMAL);
	if (s->has_cursor)
		SLsmg_gotorc((int)s->cursor_row, (int)s->cursor_col);
	else
		SLsmg_gotorc((int)s->rows - 1, (int)s->cols - 1);
	SLtt_set_cursor_visibility(s->has_cursor);
	SLsmg_refresh();
}

void dash_draw_forget(struct dash_draw *d)
{
	(void)d;
	SLsmg_cls();
	SLsmg_touch_screen();
	SLtt_cls();
}
