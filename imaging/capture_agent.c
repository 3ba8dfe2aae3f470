/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/capture_priv.h"

#include "base/mem.h"
#include "sys/clock.h"

#include <string.h>

#define BEAT_NS (10 * NS_PER_S)
#define SILENCE_NS (900 * NS_PER_S) /* a snapshot, or find in a directory of millions, says nothing for long */
#define WRITE_NS (60 * NS_PER_S)
#define GRACE_NS (60 * NS_PER_S) /* for taking snapshots away */
#define LOGIN_S "20"
#define STATUS_ALONE 4 /* of the script, when our lines stop */

/* The script, as it is in the source tree. */
extern const char capture_script[], capture_script_end[];
__asm__(".section .rodata.capture_script,\"a\",@progbits\n"
	".global capture_script, capture_script_end\n"
	"capture_script:\n"
	".incbin \"imaging/capture_agent.sh\"\n"
	"capture_script_end:\n"
	".byte 0\n"
	".previous\n");

/* A session and process group of its own: there it is neither killed with us nor stopped by our terminal, and cleans up in peace.
 */
#define SESSION "setsid", "--fork", "--wait"
#define OWN_MOUNTS "unshare", "--mount", "--propagation", "private"
/* The shell that ssh meets is anybody's, hence the second one. */
#define REMOTE(mounts)                                                                                                           \
	"exec sh -c 'if [ \"$(id -u)\" = 0 ]; then s=; else s=\"sudo -n\"; fi; exec $s setsid --fork --wait " mounts "bash -s'"

void capture_set(struct buf *settings, const char *name, const char *value)
{
	buf_addf(settings, "%s%s", name, *name ? "='" : "'");
	for (const char *p = value; *p; p++) {
		if (*p == '\'')
			buf_adds(settings, "'\\''");
		else
			buf_addc(settings, *p);
	}
	buf_adds(settings, *name ? "'\n" : "'");
}

void capture_set_all(struct buf *settings, const char *name, const struct str_list *values)
{
	buf_addf(settings, "%s=(", name);
	for (size_t i = 0; i < values->len; i++) {
		buf_addc(settings, ' ');
		capture_set(settings, "", values->items[i]);
	}
	buf_adds(settings, " )\n");
}

static void local_argv(bool own_mounts, struct str_list *argv)
{
	static const char *const words[] = { SESSION, OWN_MOUNTS, "bash", "-s" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (own_mounts || i < 3 || i > 6)
			str_list_add(argv, words[i]);
}

static void ssh_argv(const struct capture *c, const char *host, bool own_mounts, struct str_list *argv)
{
	static const char *const options[] = { "BatchMode=yes",		 "StrictHostKeyChecking=yes", "ConnectTimeout=" LOGIN_S,
					       "ServerAliveInterval=15", "ServerAliveCountMax=4",     "ForwardAgent=no",
					       "ForwardX11=no",		 "ClearAllForwardings=yes",   "ControlPath=none",
					       "LogLevel=ERROR" };

	str_list_add(argv, "ssh");
	str_list_add(argv, "-T");
	/* The first value that ssh is given counts: what is asked for may choose a port, not weaken the checks. */
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		str_list_add(argv, "-o");
		str_list_add(argv, options[i]);
	}
	for (size_t i = 0; c->ssh_options && i < c->ssh_options->len; i++) {
		str_list_add(argv, "-o");
		str_list_add(argv, c->ssh_options->items[i]);
	}
	str_list_add(argv, "--");
	str_list_add(argv, host);
	str_list_add(argv, own_mounts ? REMOTE("unshare --mount --propagation private ") : REMOTE(""));
}

static int beat(void *ctx, struct err *err)
{
	struct capture_agent *a = ctx;
	struct err gone = { 0 };

	(void)err;
	/* Its end is noticed where its answer is read, with its words. */
	if (a->stream.in >= 0 && spawn_stream_write(&a->stream, "beat\n", 5, 0, &gone) < 0)
		return 0;
	return 0;
}

int capture_agent_start(struct capture_agent *a, const struct capture *c, const struct capture_facts *f, const char *settings,
			bool own_mounts, struct err *err)
{
	autoclean(str_list_free) struct str_list argv = { 0 };
	struct err gone = { 0 };

	*a = (struct capture_agent){ .c = c, .f = f };
	if (f->ssh_host)
		ssh_argv(c, f->ssh_host, own_mounts, &argv);
	else
		local_argv(own_mounts, &argv);
	if (spawn_stream_open(&(struct spawn){ .argv = (const char *const *)argv.items }, &a->stream, err) < 0)
		return -1;
	a->stream.program = f->ssh_host ? "ssh" : "bash";
	a->stream.idle = beat;
	a->stream.idle_ns = BEAT_NS;
	a->stream.ctx = a;
	/* When it does not take them it has ended, and says why. */
	if (spawn_stream_write(&a->stream, settings, strlen(settings), WRITE_NS, &gone) < 0 ||
	    spawn_stream_write(&a->stream, capture_script, (size_t)(capture_script_end - capture_script), WRITE_NS, &gone) < 0)
		return capture_agent_end(a, err) < 0 ? -1 : err_set(err, ERR_FAILED, "%s", gone.text);
	return 0;
}

ssize_t capture_agent_read(struct capture_agent *a, void *data, size_t len, struct err *err)
{
	return spawn_stream_read(&a->stream, data, len, SILENCE_NS, err);
}

/* The rest of the last line that begins with `prefix` (all of them to `line`), else NULL. */
static char *find_line(const struct capture_agent *a, const char *prefix, bool tell)
{
	char *found = NULL;
	const char *p = buf_str(&a->stream.said);

	while (*p) {
		size_t n = strcspn(p, "\n");

		if (n > strlen(prefix) && str_starts(p, prefix)) {
			free(found);
			found = str_printable(p + strlen(prefix), n - strlen(prefix));
			if (tell && a->c->line)
				a->c->line(a->c->ctx, found);
		}
		p += n + (p[n] == '\n');
	}
	return found;
}

static char *last_words(const struct buf *b)
{
	size_t end = b->len, begin;

	while (end > 0 && strchr("\r\n\t ", b->data[end - 1]))
		end--;
	for (begin = end; begin > 0 && b->data[begin - 1] != '\n';)
		begin--;
	return end > begin ? str_printable(b->data + begin, end - begin) : NULL;
}

/* ssh's own words, and what helps. */
static int explain_ssh(const struct capture_agent *a, const char *words, struct err *err)
{
	const char *host = a->f->ssh_host, *said = buf_str(&a->stream.said);

	if (words)
		err_set(err, ERR_FAILED, "%s: %s", host, words);
	else
		err_set(err, ERR_FAILED, "%s: the connection ended before the machine had said all (exit %d)", host,
			a->stream.status);
	if (strstr(said, "Host key verification failed") || strstr(said, "REMOTE HOST IDENTIFICATION"))
		return err_hint(err, "compare its key's fingerprint with the machine's, and accept it once by hand: ssh %s true",
				host);
	if (strstr(said, "Permission denied"))
		return err_hint(err, "let this user's key in there (ssh-copy-id %s), or name one: --ssh-option IdentityFile=FILE",
				host);
	if (strstr(said, "sudo: "))
		return err_hint(err, "capture as root@HOST, or let that user run sudo without a password");
	if (strstr(said, "unshare: "))
		return err_hint(err, "it needs the rights of root there, also to mount");
	if (a->stream.status == 127 || strstr(said, "not found"))
		return err_hint(err, "the machine needs sh, bash, setsid (util-linux), find and GNU tar, as every Debian has");
	return err_hint(err, "see whether `ssh %s true` works, then capture it again", host);
}

int capture_agent_end(struct capture_agent *a, struct err *err)
{
	autofree char *note = NULL, *failed = NULL, *next = NULL, *words = NULL;

	spawn_stream_close(&a->stream, GRACE_NS);
	note = find_line(a, "orthrus-note: ", true);
	failed = find_line(a, "orthrus-failed: ", false);
	if (!failed && a->stream.status == 0)
		return err->kind == ERR_NONE ? 0 : -1;
	if (failed) {
		next = find_line(a, "orthrus-next: ", false);
		err_set(err, ERR_FAILED, "%s%s%s", a->f->ssh_host ? a->f->ssh_host : "", a->f->ssh_host ? ": " : "", failed);
		return next ? err_hint(err, "%s", next) : -1;
	}
	words = last_words(&a->stream.said);
	if (a->stream.status == STATUS_ALONE && !words) {
		err_set(err, ERR_FAILED, "%s: the script there heard nothing of this head for too long, and stopped",
			a->f->ssh_host ? a->f->ssh_host : a->c->from);
		return err_hint(err, "look at what holds up this machine: its disks, or a stop by Ctrl-Z; then capture it again");
	}
	if (err->kind != ERR_NONE && !words)
		return -1;
	if (a->f->ssh_host)
		return explain_ssh(a, words, err);
	return err_set(err, ERR_FAILED, "the program that reads the tree ended (exit %d): %s", a->stream.status,
		       words ? words : "it said nothing");
}

void capture_agent_free(struct capture_agent *a)
{
	spawn_stream_free(&a->stream);
}
