/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "cmd/cast_receive.h"
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define TOKEN_HINT "--token-file FILE reads it from a file, --token-file - from standard input"

static void wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_free(b);
}

/* Any file: a pipe of the shell, <(...), too. */
static int read_file(const char *path, struct buf *out, struct err *err)
{
	autoclose int fd = str_eq(path, "-") ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, errno, "--token-file: open %s", path);
	return fs_read_fd(fd, path, TOKEN_TEXT_MAX, out, err);
}

static int ask(struct buf *out, struct err *err)
{
	struct termios was, now;
	char line[TOKEN_TEXT_MAX + 2];
	bool terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && tcgetattr(STDIN_FILENO, &was) == 0;

	if (!terminal) {
		err_set(err, ERR_USAGE, "no token is given, and there is no terminal to ask at");
		return err_hint(err, TOKEN_HINT);
	}
	now = was;
	now.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(stderr, "The token that the sender printed (it is not shown): ");
	fflush(stderr);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &now);
	if (!fgets(line, sizeof(line), stdin))
		line[0] = '\0';
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	fputc('\n', stderr);
	buf_adds(out, line);
	explicit_bzero(line, sizeof(line));
	return 0;
}

int cast_token(const struct cmd *c, struct token *out, struct err *err)
{
	const char *word = cmd_option(c, "token"), *file = cmd_option(c, "token-file");
	autoclean(wipe) struct buf text = { 0 };

	if (word && file) {
		err_set(err, ERR_USAGE, "--token and --token-file both give a token");
		return err_hint(err, "leave one of them out");
	}
	buf_reserve(&text, 2 * TOKEN_TEXT_MAX);
	if (word)
		buf_adds(&text, word);
	else if (file ? read_file(file, &text, err) < 0 : ask(&text, err) < 0)
		return -1;
	return token_read(buf_str(&text), text.len, out, err);
}
