/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `node console`: a node's serial console at this terminal, or what it has printed. */
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/options.h"
#include "sys/http_client.h"
#include "sys/threads.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#define WAIT_S 1 /* so long leaving may take */

struct console {
	struct cmd *c;	   /* who types */
	struct cmd reader; /* the same with a connection of its own: who reads */
	const char *node;
	uint64_t next;
	int ended;	/* eventfd: the reader's end */
	bool left;	/* atomic: the user wants to leave */
	struct err err; /* the reader's */
	/* the terminal */
	bool is_terminal, line_began, tilde;
	struct termios before;
};

/* {"data":HEX}, appended. */
static int read_data(struct json_obj *o, struct buf *out, struct err *err)
{
	autofree char *hex = NULL;
	autofree uint8_t *raw = NULL;

	if (json_str(o, "data", JSON_MUST, &hex, err) < 0)
		return -1;
	raw = mem_array(strlen(hex) / 2 + 1, 1);
	if (str_unhex(hex, raw, strlen(hex) / 2, err) < 0)
		return -1;
	buf_add(out, raw, strlen(hex) / 2);
	return 0;
}

/* Once more of what the node prints. *open: more may come. */
static int look(struct console *k, bool *open, struct err *err)
{
	autofree char *path = str_format("/v1/console/%s?since=%llu&wait=%d", k->node, (unsigned long long)k->next, WAIT_S);
	autofree char *kind = NULL, *text = NULL, *hint = NULL;
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(buf_free) struct buf data = { 0 };
	struct json_obj o, e;
	int failed;

	if (cmd_call(&k->reader, "GET", path, NULL, &reply, err) < 0)
		return -1;
	if (json_parse(buf_str(&reply.body), reply.body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_bool(&o, "open", JSON_MUST, open, err) < 0 ||
	    json_u64(&o, "next", JSON_MUST, 0, UINT64_MAX, &k->next, err) < 0 || read_data(&o, &data, err) < 0 ||
	    (failed = json_obj(&o, "error", JSON_MAY, &e, err)) < 0)
		return err_wrap(err, "the daemon's answer");
	if (data.len) {
		fwrite(data.data, 1, data.len, stdout);
		fflush(stdout);
	}
	if (!failed)
		return 0;
	if (json_str(&e, "kind", JSON_MUST, &kind, err) < 0 || json_str(&e, "text", JSON_MUST, &text, err) < 0 ||
	    json_str(&e, "hint", JSON_MAY, &hint, err) < 0)
		return err_wrap(err, "the daemon's answer");
	err_set(err, err_kind_of(kind), "%s", text);
	return err_hint(err, "%s", hint ? hint : "");
}

static void *read_all(void *arg)
{
	struct console *k = arg;
	uint64_t one = 1;
	bool open = true;

	while (open && !__atomic_load_n(&k->left, __ATOMIC_ACQUIRE))
		if (look(k, &open, &k->err) < 0)
			break;
	/* Who types waits for it. */
	while (write(k->ended, &one, sizeof(one)) < 0 && errno == EINTR)
		continue;
	return NULL;
}

static int send_typed(struct console *k, const char *data, size_t len, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autofree char *path = str_format("/v1/console/%s", k->node);
	autofree char *hex = mem_array(len + 1, 2);
	autofree char *body = NULL;

	if (!len)
		return 0;
	str_hex(data, len, hex);
	body = str_format("{\"input\":\"%s\"}", hex);
	return cmd_call(k->c, "POST", path, body, &reply, err);
}

/* Enter ~ . leaves, ~ ? explains, ~ ~ is a tilde: as ssh(1) has it. True: leave. */
static bool take_keys(struct console *k, const char *in, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (k->tilde) {
			k->tilde = false;
			if (in[i] == '.')
				return true;
			if (in[i] == '?') {
				fputs("\r\n~.  leave    ~~  a tilde    ~?  this\r\n", stderr);
				continue;
			}
			if (in[i] != '~')
				buf_addc(out, '~');
		} else if (k->line_began && in[i] == '~') {
			k->tilde = true;
			continue;
		}
		buf_addc(out, in[i]);
		k->line_began = in[i] == '\r' || in[i] == '\n';
	}
	return false;
}

static int type_all(struct console *k, struct err *err)
{
	struct pollfd p[] = { { .fd = k->ended, .events = POLLIN }, { .fd = STDIN_FILENO, .events = POLLIN } };

	for (;;) {
		autoclean(buf_free) struct buf out = { 0 };
		char keys[1024];
		bool leave;
		ssize_t n;

		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return err_errno(err, errno, "wait for the terminal");
		if (p[0].revents)
			return 0;
		if (!p[1].revents)
			continue;
		n = read(STDIN_FILENO, keys, sizeof(keys));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) { /* no more will be typed: from now on it is only looked at */
			p[1].fd = -1;
			continue;
		}
		leave = k->is_terminal && take_keys(k, keys, (size_t)n, &out);
		if (!k->is_terminal)
			buf_add(&out, keys, (size_t)n);
		if (send_typed(k, buf_str(&out), out.len, err) < 0)
			return -1;
		if (leave)
			return 0;
	}
}

/* Every key goes to the node, also Ctrl-C. */
static int raw_terminal(struct console *k, struct err *err)
{
	struct termios raw;

	k->is_terminal = isatty(STDIN_FILENO);
	if (!k->is_terminal)
		return 0;
	if (tcgetattr(STDIN_FILENO, &k->before) < 0)
		return err_errno(err, errno, "look at the terminal");
	raw = k->before;
	cfmakeraw(&raw);
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0 ? err_errno(err, errno, "set the terminal") : 0;
}

static int talk(struct console *k, struct err *err)
{
	pthread_t thread;
	int rc;

	k->ended = eventfd(0, EFD_CLOEXEC);
	if (k->ended < 0)
		return err_errno(err, errno, "make an event");
	if (raw_terminal(k, err) < 0 || thread_start(&thread, read_all, k, err) < 0) {
		close(k->ended);
		return -1;
	}
	rc = type_all(k, err);
	__atomic_store_n(&k->left, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	if (k->is_terminal) {
		tcsetattr(STDIN_FILENO, TCSADRAIN, &k->before);
		fputs("\r\n", stderr);
	}
	close(k->ended);
	if (rc == 0 && k->err.kind != ERR_NONE) {
		*err = k->err;
		rc = -1;
	}
	return rc;
}

static int show_log(struct cmd *c, struct err *err)
{
	autofree char *path = str_format("/v1/console/%s/log", c->argv[0]);
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	autoclean(buf_free) struct buf data = { 0 };
	struct json_obj o;

	if (cmd_call(c, "GET", path, NULL, &reply, err) < 0)
		return -1;
	if (c->json) {
		cmd_print(buf_str(&reply.body));
		return 0;
	}
	if (json_parse(buf_str(&reply.body), reply.body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    read_data(&o, &data, err) < 0)
		return err_wrap(err, "the daemon's answer");
	if (!data.len)
		cmd_say(c, "nothing is kept of this console yet");
	/* What a node printed long ago shall not move this terminal's cursor. */
	for (size_t at = 0; isatty(STDOUT_FILENO) && at < data.len;) {
		const char *nl = memchr(data.data + at, '\n', data.len - at);
		size_t n = nl ? (size_t)(nl - data.data) - at : data.len - at;
		autofree char *line = str_printable(data.data + at, n && data.data[at + n - 1] == '\r' ? n - 1 : n);

		puts(line);
		at += n + 1;
	}
	if (!isatty(STDOUT_FILENO))
		fwrite(buf_str(&data), 1, data.len, stdout);
	return 0;
}

int cmd_node_console(struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct console k = { .c = c, .reader = *c, .line_began = true };
	autofree char *path = NULL;
	struct json_obj o;
	int rc;

	if (cmd_args(c, 1, 1, err) < 0)
		return -1;
	if (str_check_hostname(c->argv[0], err) < 0)
		return err_hint(err, "'node console' takes the name of one node");
	if (cmd_flag(c, "log"))
		return show_log(c, err);
	if (c->json)
		return err_set(err, ERR_USAGE, "'node console' is a conversation: --json goes with --log only");
	k.node = c->argv[0];
	path = str_format("/v1/console/%s", k.node);
	if (cmd_call(c, "POST", path, "{}", &reply, err) < 0)
		return -1;
	if (json_parse(buf_str(&reply.body), reply.body.len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    json_u64(&o, "next", JSON_MUST, 0, UINT64_MAX, &k.next, err) < 0)
		return err_wrap(err, "the daemon's answer");
	if (isatty(STDIN_FILENO) && !c->quiet)
		fprintf(stderr, "the console of %s; Enter ~ . leaves it\n", k.node);
	rc = talk(&k, err);
	cmd_disconnect(&k.reader);
	return rc;
}
