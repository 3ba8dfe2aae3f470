/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of `orthrus node exec` share: what became of the command on a node, how that is shown, how ssh is called. */
#ifndef ORTHRUS_CMD_EXEC_H
#define ORTHRUS_CMD_EXEC_H

#include "base/fold.h"
#include "cmd/nodes.h"
#include "sys/fanout.h"

#include <stdbool.h>
#include <stdint.h>

/* exec_out.c: standard output and error of a program that must still listen to Ctrl-C while nobody reads what it writes. */
struct exec_out {
	int signal_fd;	  /* readable once a signal came; never read here */
	bool gone;	  /* whoever read standard output has closed it */
	bool gave_up;	  /* something was not written, for a signal came and nobody read */
	struct err wrong; /* why else it can't be written; kind ERR_NONE while it can */
};
/* `fd` is 1 or 2. False when it is not all written: see the struct. Standard error that nobody takes is nobody's business. */
bool exec_put(struct exec_out *o, int fd, const char *data, size_t len);

/* exec_begin.c: what comes before ssh is begun on many nodes. */
/* The address that each node of `set` is reached by, in its order: strings of `rows`, in an array that the caller frees.
 * ERR_FAILED names one that has none. */
int exec_addresses(const struct node_rows *rows, struct nodeset *set, const char ***out, struct err *err) WARN_UNUSED;
/* May this process have so many of them at a time? Raises its limit of open files as far as need be. */
int exec_room(uint64_t at_a_time, struct err *err) WARN_UNUSED;
/* `input_fd`, opened anew for the next node to read it from its beginning; closes the one before (-1: none). */
int exec_input(int input_fd, int *of_one, struct err *err) WARN_UNUSED;

/* What became of the command on a node. */
enum exec_state {
	EXEC_DONE,	  /* exit 0 */
	EXEC_FAILED,	  /* another exit */
	EXEC_UNREACHABLE, /* ssh says that it could not, or could not any more */
	EXEC_TIMEOUT,
	EXEC_TOO_MUCH,	  /* it wrote more than is taken */
	EXEC_INTERRUPTED, /* it ran when Ctrl-C came */
	EXEC_UNBEGUN,	  /* Ctrl-C came first */
	EXEC_UNSTARTED,	  /* ssh could not be started */
};
const char *exec_state_name(enum exec_state s);
struct exec_end {
	enum exec_state state;
	int exit; /* -1: there was none */
	int64_t took_ns;
	char *why; /* for people: "exit 1"; NULL with EXEC_DONE. Freed by the caller */
};

/* The next step that fits what went wrong, or NULL. */
const char *exec_hint(const struct exec_end *end);
/* The last bytes of a stream, for exec_ssh_judge(). */
#define EXEC_TAIL 128
struct exec_tail {
	char text[EXEC_TAIL];
	size_t len;
};
void exec_tail_add(struct exec_tail *t, const char *data, size_t len);

/* exec_view.c: the ways of showing it. */
enum exec_mode { EXEC_FOLD, EXEC_LIVE, EXEC_JSON };
struct exec_view {
	enum exec_mode mode;
	bool quiet;
	struct exec_out *out;
	struct nodeset *nodes;
	uint64_t max_bytes; /* of one node */
	bool terminal[2];   /* is standard output, error one? */
	unsigned int width;
	struct exec_said {
		struct buf text[2]; /* kept, or with EXEC_LIVE the line that is not yet whole */
		uint64_t bytes;
		struct exec_tail tail; /* of standard error */
		bool ended;
	} * said;
	uint64_t kept_bytes; /* in said[].text */
	struct fold fold[2], ends;
	struct nodeset silent;
	size_t ended;
	char *status; /* the line that stands on the terminal, or NULL */
	int64_t begun_ns, told_ns;
};
void exec_view_init(struct exec_view *v, enum exec_mode mode, struct nodeset *nodes, struct exec_out *out, bool quiet);
void exec_view_free(struct exec_view *v);
/* False: node `i` wrote more than is taken. */
bool exec_view_output(struct exec_view *v, size_t i, bool is_stderr, const char *data, size_t len);
/* `own_len`: so many bytes at the end of its standard error are ssh's, not the command's. */
int exec_view_end(struct exec_view *v, size_t i, const struct exec_end *end, size_t own_len, struct err *err) WARN_UNUSED;
/* Now and then: "12 of 64 done, waiting for n[03,17]". */
void exec_view_tick(struct exec_view *v, const struct fanout *f, int64_t now_ns);
/* After the last: with EXEC_FOLD all that was said. */
void exec_view_close(struct exec_view *v);
/* Bytes from a node as a terminal may have them: text and tabs as they are, all else as \xNN. Appends. */
void exec_printable(const char *data, size_t len, struct buf *out);
/* One line of JSON about a node. Appends, with the line's end. */
void exec_json(const char *node, const struct exec_end *end, const struct buf text[2], struct buf *out);

/* exec_ssh.c */
struct exec_ssh {
	const char *user, *connect_s;
	const struct str_list *options; /* --ssh-option */
	char **command;			/* NULL-terminated words */
	char *known_hosts, *revoked;	/* the cluster's, or NULL */
	char *identity;			/* the key by which heads are let in as root, or NULL */
	char *domain;			/* with known_hosts */
	char *agent_env;		/* SSH_AUTH_SOCK=.., or NULL */
	struct str_list argv;		/* of the last exec_ssh_prepare() */
	const char *env[2];
};
/* Looks for the cluster's host keys below --root. */
int exec_ssh_init(struct exec_ssh *s, struct cmd *c, struct err *err) WARN_UNUSED;
void exec_ssh_free(struct exec_ssh *s);
/* An fd that ssh's own words go to, apart from those of the command; -1 with err. The caller closes it. */
int exec_ssh_log(struct err *err) WARN_UNUSED;
/* The argv for a node, in s->argv. */
void exec_ssh_argv(struct exec_ssh *s, const char *node, const char *address, int log_fd);
/* What a run of ssh came to; `end->why` is new. `log_fd`: of exec_ssh_log(), or -1. `tail`: the last of standard error, where ssh
 * says that a connection was lost; the return value is the length of these words of its own. */
size_t exec_ssh_judge(const struct fanout_result *r, int log_fd, const char *address, const char *tail, size_t tail_len,
		      struct exec_end *end);

/* exec_run.c: the command on all nodes. */
struct exec_wish {
	enum exec_mode mode;
	uint64_t fanout, timeout_s, max_bytes;
	const char *user;
};

struct exec_run {
	struct cmd *c;
	const struct exec_wish *wish;
	struct nodeset *nodes;
	const char **addresses; /* by place in `nodes` */
	int *logs;		/* ditto; -1: none */
	int input_fd;		/* what --stdin gave; -1 without */
	int input_of_one;	/* opened anew for the node that is being begun */
	struct exec_ssh ssh;
	struct exec_out out;
	struct exec_view view;
	struct loop *loop;
	struct fanout *fanout;
	struct loop_timer *tick;
	struct nodeset failed;
	bool interrupted;
	const char *hint;
	struct err wrong; /* of ours */
};
/* ERR_PARTIAL: some nodes failed; ERR_FAILED: all. All is said on standard output and error by then. */
int exec_run(struct exec_run *r, struct err *err) WARN_UNUSED;

#endif
