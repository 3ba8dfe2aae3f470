/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ssh for `orthrus node exec`: its words to a place of their own, host keys always checked, addresses from the daemon. */
#include "base/mem.h"
#include "cmd/exec.h"
#include "site/site.h"
#include "sys/fs.h"
#include "sys/http_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define KNOWN_HOSTS "/var/lib/orthrus/ssh/known_hosts"
#define REVOKED "/var/lib/orthrus/ssh/revoked_keys"
#define IDENTITY "/var/lib/orthrus/ssh/root" /* with root-cert.pub beside it, which ssh finds by itself */
#define LOG_MAX ((size_t)1 << 20)
#define SIGNAL_MAX 64
#define SSH_OWN_EXIT 255 /* ssh(1): when an error occurred; also the command's own 255, and a signal that ended it */

/* The domain is in the names that host certificates are made out for. */
static int find_domain(struct exec_ssh *s, struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(site_free) struct site site = { 0 };

	if (cmd_call(c, "GET", "/v1/site", NULL, &reply, err) < 0 ||
	    site_read(buf_str(&reply.body), reply.body.len, "the applied site", &site, err) < 0)
		return -1;
	s->domain = mem_strdup(site.domain);
	return 0;
}

int exec_ssh_init(struct exec_ssh *s, struct cmd *c, struct err *err)
{
	const char *agent = getenv("SSH_AUTH_SOCK");
	autofree char *known = cmd_path(c, KNOWN_HOSTS);

	if (agent)
		s->env[0] = s->agent_env = str_format("SSH_AUTH_SOCK=%s", agent);
	/* With --api this is not the head, and its files are no business of that cluster. */
	if (c->api || !fs_exists(known))
		return 0;
	s->known_hosts = steal(known);
	s->revoked = cmd_path(c, REVOKED);
	if (!fs_exists(s->revoked)) {
		free(s->revoked);
		s->revoked = NULL;
	}
	s->identity = cmd_path(c, IDENTITY);
	if (!str_eq(s->user, "root") || access(s->identity, R_OK) < 0) {
		free(s->identity);
		s->identity = NULL;
	}
	return find_domain(s, c, err);
}

void exec_ssh_free(struct exec_ssh *s)
{
	free(s->known_hosts);
	free(s->revoked);
	free(s->identity);
	free(s->domain);
	free(s->agent_env);
	str_list_free(&s->argv);
}

int exec_ssh_log(struct err *err)
{
	int fd = memfd_create("ssh-log", MFD_CLOEXEC);

	return fd < 0 ? err_errno(err, errno, "a place for ssh's words") : fd;
}

static void add_option(struct str_list *argv, const char *option)
{
	str_list_add(argv, "-o");
	str_list_add(argv, option);
}

/* ssh_config(5): in quotes for its spaces, and a '%' begins a token. */
static void add_file(struct str_list *argv, const char *name, const char *path, bool tokens)
{
	autoclean(buf_free) struct buf b = { 0 };

	buf_addf(&b, "%s=\"", name);
	for (; *path; path++) {
		if (*path == '%' && tokens)
			buf_addc(&b, '%');
		buf_addc(&b, *path);
	}
	buf_addc(&b, '"');
	add_option(argv, buf_str(&b));
}

void exec_ssh_argv(struct exec_ssh *s, const char *node, const char *address, int log_fd)
{
	static const char *const firm[] = { "BatchMode=yes",	  "StrictHostKeyChecking=yes", "ForwardAgent=no",
					    "ForwardX11=no",	  "ClearAllForwardings=yes",   "PermitLocalCommand=no",
					    "RemoteCommand=none", "ControlPath=none",	       "LogLevel=ERROR" };
	static const char *const usual[] = { "ServerAliveInterval=15", "ServerAliveCountMax=3",
					     /* Else these words come at a level that would bring the nodes' banners with it. */
					     "LogVerbose=clientloop.c:server_alive_check():*" };

	str_list_free(&s->argv);
	str_list_add(&s->argv, "ssh");
	str_list_add(&s->argv, "-T");
	/* The ssh that is started closes all descriptors but the first three; by this name it opens ours anew. */
	str_list_add(&s->argv, "-E");
	str_list_addf(&s->argv, "/proc/%d/fd/%d", (int)getpid(), log_fd);
	/* The first value that ssh is given counts: nothing behind can weaken the checks. */
	for (size_t i = 0; i < ARRAY_LEN(firm); i++)
		add_option(&s->argv, firm[i]);
	str_list_add(&s->argv, "-o");
	str_list_addf(&s->argv, "ConnectTimeout=%s", s->connect_s);
	if (s->known_hosts) {
		add_file(&s->argv, "UserKnownHostsFile", s->known_hosts, true);
		add_option(&s->argv, "GlobalKnownHostsFile=/dev/null");
		str_list_add(&s->argv, "-o");
		str_list_addf(&s->argv, "HostKeyAlias=%s.%s", node, s->domain);
	}
	if (s->revoked)
		add_file(&s->argv, "RevokedHostKeys", s->revoked, false);
	for (size_t i = 0; i < s->options->len; i++)
		add_option(&s->argv, s->options->items[i]);
	if (s->identity)
		add_file(&s->argv, "IdentityFile", s->identity, true);
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		add_option(&s->argv, usual[i]);
	/* Names need no DNS, and what was learned of the node under its name stays right when its address changes. */
	str_list_add(&s->argv, "-o");
	str_list_addf(&s->argv, "HostKeyAlias=%s", node);
	str_list_add(&s->argv, "-o");
	str_list_addf(&s->argv, "HostName=%s", address);
	str_list_add(&s->argv, "-l");
	str_list_add(&s->argv, s->user);
	str_list_add(&s->argv, "--");
	str_list_add(&s->argv, node);
	for (size_t i = 0; s->command[i]; i++)
		str_list_add(&s->argv, s->command[i]);
}

/* The last line with something on it; NULL when ssh said nothing. */
static char *last_words(int log_fd)
{
	autoclean(buf_free) struct buf log = { 0 };
	struct err ignored = { 0 };
	size_t end, begin;

	if (lseek(log_fd, 0, SEEK_SET) < 0 || fs_read_fd(log_fd, "ssh's words", LOG_MAX, &log, &ignored) < 0)
		return NULL;
	for (end = log.len; end && strchr("\n\r \t", log.data[end - 1]);)
		end--;
	for (begin = end; begin && log.data[begin - 1] != '\n';)
		begin--;
	return end > begin ? str_printable(log.data + begin, end - begin) : NULL;
}

/* The words without what is the same for all, and without the address, in which nodes that can't be reached for one reason would
 * differ: "clientloop.c:server_alive_check():503 (pid=7): Timeout, server 10.1.0.7 not responding." */
static char *plain_words(const char *words, const char *address)
{
	autofree char *number = str_format(" %s", address);
	autoclean(buf_free) struct buf b = { 0 };
	const char *verbose = strstr(words, " (pid="), *at;

	if (verbose && (at = strstr(verbose, "): ")))
		words = at + strlen("): ");
	if (str_starts(words, "ssh: "))
		words += strlen("ssh: ");
	buf_adds(&b, "ssh: ");
	at = strstr(words, number);
	if (at) {
		buf_add(&b, words, (size_t)(at - words));
		words = at + strlen(number);
	}
	buf_adds(&b, words);
	if (b.data[b.len - 1] == '.')
		b.data[--b.len] = '\0';
	return buf_steal(&b);
}

/* Only these words of ssh's own come by the way of the command's. */
static size_t lost(const char *address, const char *tail, size_t tail_len)
{
	autofree char *words = str_format("Connection to %s closed by remote host.\r\n", address);
	size_t len = strlen(words);

	return tail_len >= len && memcmp(tail + tail_len - len, words, len) == 0 ? len : 0;
}

static void judge_exit(int status, int log_fd, const char *address, struct exec_end *end)
{
	autofree char *words = status == SSH_OWN_EXIT ? last_words(log_fd) : NULL;

	if (words) {
		end->state = EXEC_UNREACHABLE;
		end->exit = -1;
		end->why = plain_words(words, address);
	} else if (status > 128 && status <= 128 + SIGNAL_MAX) {
		/* The same number for a shell that tells of a signal, and for ssh itself that was ended by one. */
		end->state = EXEC_FAILED;
		end->why = str_format("exit %d (signal %d)", status, status - 128);
	} else if (status) {
		end->state = EXEC_FAILED;
		end->why = str_format("exit %d%s", status, status == SSH_OWN_EXIT ? " (or a signal ended it)" : "");
	}
}

size_t exec_ssh_judge(const struct fanout_result *r, int log_fd, const char *address, const char *tail, size_t tail_len,
		      struct exec_end *end)
{
	size_t own_len = lost(address, tail, tail_len);

	*end = (struct exec_end){ .exit = -1, .took_ns = r->took_ns };
	switch (r->how) {
	case FANOUT_EXITED:
		end->exit = r->status;
		if (r->status == SSH_OWN_EXIT && own_len) {
			end->state = EXEC_UNREACHABLE;
			end->exit = -1;
			end->why = mem_strdup("ssh: the connection was closed by the node");
			return own_len;
		}
		judge_exit(r->status, log_fd, address, end);
		return 0;
	case FANOUT_TIMEOUT:
		end->state = EXEC_TIMEOUT;
		end->why = mem_strdup("not done within its time (--timeout); the connection was cut");
		break;
	case FANOUT_REFUSED:
		end->state = EXEC_TOO_MUCH;
		end->why = mem_strdup("it wrote too much (--max-output); the connection was cut");
		break;
	case FANOUT_STOPPED:
		end->state = EXEC_INTERRUPTED;
		end->why = mem_strdup("was running; the connection was cut");
		break;
	case FANOUT_UNBEGUN:
		end->state = EXEC_UNBEGUN;
		end->why = mem_strdup("not begun");
		break;
	case FANOUT_UNSTARTED:
		end->state = EXEC_UNSTARTED;
		end->why = mem_strdup(r->why->text);
		break;
	}
	return 0;
}
