/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comes before ssh is begun on many nodes, and what is said when it went wrong. */
#include "base/mem.h"
#include "cmd/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define FDS_BESIDE 64

int exec_addresses(const struct node_rows *rows, struct nodeset *set, const char ***out, struct err *err)
{
	size_t n = nodeset_count(set);
	autofree const char **addresses = mem_array(n, sizeof(*addresses));

	for (size_t i = 0; i < n; i++) {
		const struct node_row *row = node_rows_find(rows, nodeset_get(set, i));

		addresses[i] = row->ipv4 ? row->ipv4 : row->ipv6;
		if (addresses[i])
			continue;
		err_set(err, ERR_FAILED, "%s has no address", row->name);
		return err_hint(err, "`orthrus node set %s --ipv4 ADDRESS` gives it one", row->name);
	}
	*out = steal(addresses);
	return 0;
}

/* Two pipes, a process and a log for each that runs, and its input while it begins. */
int exec_room(uint64_t at_a_time, struct err *err)
{
	rlim_t want = at_a_time * (FANOUT_FDS + 1) + FDS_BESIDE;
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0 || l.rlim_cur >= want)
		return 0;
	if (l.rlim_max >= want) {
		l.rlim_cur = want;
		return setrlimit(RLIMIT_NOFILE, &l) < 0 ? err_errno(err, errno, "raise the limit of open files") : 0;
	}
	err_set(err, ERR_FAILED, "%llu nodes at a time need %llu open files, but this process may have only %llu",
		(unsigned long long)at_a_time, (unsigned long long)want, (unsigned long long)l.rlim_max);
	return err_hint(err, "give a smaller --fanout, or raise the limit (ulimit -Hn)");
}

int exec_input(int input_fd, int *of_one, struct err *err)
{
	char path[32];

	if (*of_one >= 0)
		close(steal_fd(*of_one));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", input_fd);
	*of_one = open(path, O_RDONLY | O_CLOEXEC);
	return *of_one < 0 ? err_errno(err, errno, "open what came from standard input") : 0;
}

void exec_tail_add(struct exec_tail *t, const char *data, size_t len)
{
	size_t stay;

	if (len > EXEC_TAIL) {
		data += len - EXEC_TAIL;
		len = EXEC_TAIL;
	}
	stay = t->len < EXEC_TAIL - len ? t->len : EXEC_TAIL - len;
	memmove(t->text, t->text + t->len - stay, stay);
	memcpy(t->text + stay, data, len);
	t->len = stay + len;
}

const char *exec_hint(const struct exec_end *end)
{
	if (end->state != EXEC_UNREACHABLE)
		return NULL;
	if (strstr(end->why, "Host key verification failed"))
		return "compare the node's key with what its console shows, then put it into known_hosts; "
		       "it is another one after an installation";
	if (strstr(end->why, "Permission denied"))
		return "on a head root is let in by itself; others need a key in \"admin_ssh_keys\" of site.json";
	return "`orthrus node list` shows whether they are up; `ssh -v root@NODE` shows how far it gets";
}
