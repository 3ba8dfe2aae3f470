/* SPDX-License-Identifier: GPL-2.0-or-later */
/* orthrus-node: on a node, puts in place what the head answered. Fetching it is curl's part (installer/hostfiles_sync.c); opening
 * it needs the node's key, and nothing of what it opens is ever on a command line, in the environment or in another file. Linked
 * statically: it runs on whatever image the node has. */
#include "base/mem.h"
#include "cast/relay.h"
#include "installer/node_secrets.h"
#include "installer/node_ssh.h"
#include "sys/fs.h"
#include "sys/spawn.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)24 << 20)
#define SYSTEMCTL_NS (INT64_C(60) * 1000000000)

static const char usage[] =
	"usage: orthrus-node [--root DIR] secrets|ssh\n"
	"       orthrus-node relay --address ADDRESS --port PORT --group GROUP --from ADDRESS ... [--to ADDRESS ...]\n"
	"\n"
	"  secrets     put the secrets in the head's answer (standard input) in place\n"
	"  ssh         the same for the ssh certificate and authorities\n"
	"  relay       bring casts that come to this address into its network, to 64 groups from GROUP on;\n"
	"              the head says the options\n"
	"  --root DIR  the node's root (default: /); then nothing is restarted\n"
	"  --version, --help\n";

/* The files are right; that a service does not follow is said, and its own status says why. */
static void tell_service(const char *verb, const char *unit)
{
	autofree char *service = str_format("%s.service", unit);
	const struct spawn s = { .argv = (const char *const[]){ "systemctl", "--no-block", verb, service, NULL },
				 .timeout_ns = SYSTEMCTL_NS };
	struct err err = { 0 };

	if (spawn_run(&s, NULL, &err) < 0)
		fprintf(stderr, "orthrus-node: %s\n", err.text);
}

static int do_secrets(int root, const struct buf *answer, bool restart, struct err *err)
{
	autoclean(node_secrets_free) struct node_secrets s = { 0 };
	autoclean(str_list_free) struct str_list units = { 0 }, done = { 0 };
	uint8_t key[SEAL_KEY_LEN];
	int rc;

	if (node_secrets_read(buf_str(answer), answer->len, &s, err) < 0 ||
	    node_seal_key(root, "etc/orthrus/node.seal", key, err) < 0)
		return -1;
	rc = node_secrets_apply(root, &s, key, &units, &done, err);
	explicit_bzero(key, sizeof(key));
	for (size_t i = 0; i < done.len; i++)
		printf("%s\n", done.items[i]);
	for (size_t i = 0; restart && i < units.len; i++)
		tell_service("restart", units.items[i]);
	return rc;
}

static int do_ssh(int root, const struct buf *answer, bool restart, struct err *err)
{
	autoclean(node_ssh_free) struct node_ssh s = { 0 };
	bool changed = false;

	if (node_ssh_read(buf_str(answer), answer->len, &s, err) < 0 || node_ssh_apply(root, &s, &changed, err) < 0)
		return -1;
	if (changed)
		printf("the ssh certificate or authority is a new one\n");
	if (changed && restart)
		tell_service("try-reload-or-restart", "ssh");
	return 0;
}

static int run(const char *root, const char *what, struct err *err)
{
	autoclean(buf_free) struct buf answer = { 0 };
	autoclose int fd = fs_open_dir(root, err);
	bool restart = str_eq(root, "/");

	if (fd < 0 || fs_read_fd(STDIN_FILENO, "standard input", ANSWER_MAX, &answer, err) < 0)
		return -1;
	return str_eq(what, "secrets") ? do_secrets(fd, &answer, restart, err) : do_ssh(fd, &answer, restart, err);
}

/* What `relay` is told. */
struct words {
	const char *address, *group;
	uint64_t port;
	struct str_list from, to;
};

static int relay(const struct words *w, struct err *err)
{
	struct relay_opts opts;
	struct relay *r;
	int rc;

	if (!w->address || !w->group)
		return err_set(err, ERR_USAGE, "a relay needs --address and --group");
	if (relay_words(&opts, w->address, w->port, w->group, &w->from, &w->to, err) < 0 || relay_open(&opts, &r, err) < 0)
		return -1;
	rc = relay_run(r, err);
	relay_close(r);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = { { "root", required_argument, NULL, 'r' },
					       { "address", required_argument, NULL, 'a' },
					       { "port", required_argument, NULL, 'p' },
					       { "group", required_argument, NULL, 'g' },
					       { "from", required_argument, NULL, 'f' },
					       { "to", required_argument, NULL, 't' },
					       { "version", no_argument, NULL, 'v' },
					       { "help", no_argument, NULL, 'h' },
					       { NULL, 0, NULL, 0 } };
	const struct rlimit no_core = { 0 };
	struct words words = { 0 };
	const char *root = "/", *what;
	struct err err = { 0 };
	int c, rc;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'r':
			root = optarg;
			break;
		case 'a':
			words.address = optarg;
			break;
		case 'p':
			words.port = strtoull(optarg, NULL, 10);
			break;
		case 'g':
			words.group = optarg;
			break;
		case 'f':
			str_list_add(&words.from, optarg);
			break;
		case 't':
			str_list_add(&words.to, optarg);
			break;
		case 'v':
			puts("orthrus-node " ORTHRUS_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	what = optind + 1 == argc ? argv[optind] : "";
	if (!str_eq(what, "secrets") && !str_eq(what, "ssh") && !str_eq(what, "relay")) {
		fputs(usage, stderr);
		return 2;
	}
	/* Secrets must not end in a core dump. */
	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		rc = err_set(&err, ERR_FAILED, "core dumps can't be switched off");
	else
		rc = str_eq(what, "relay") ? relay(&words, &err) : run(root, what, &err);
	str_list_free(&words.from);
	str_list_free(&words.to);
	if (rc == 0)
		return 0;
	fprintf(stderr, "orthrus-node: %s\n", err.text);
	if (err.hint[0])
		fprintf(stderr, "  next: %s\n", err.hint);
	return err_exit_code(err.kind ? err.kind : ERR_FAILED);
}
