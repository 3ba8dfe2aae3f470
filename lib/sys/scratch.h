/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and directories that are only there until they have their name, or are of no more use: when a signal ends the program
 * (Ctrl-C, a closed terminal, a shutdown), they go first. What SIGKILL or a power cut leaves, nobody takes away. */
#ifndef ORTHRUS_SYS_SCRATCH_H
#define ORTHRUS_SYS_SCRATCH_H

#include "base/err.h"
#include "base/str.h"

#include <pthread.h>
#include <signal.h>

struct scratch {
	pthread_mutex_t lock;
	struct str_list held;
	sigset_t signals, before;
	pthread_t thread;
};

/* Until scratch_unwatch(), SIGINT, SIGTERM and SIGHUP (unless they are ignored) remove what is held, then end the program as they
 * would have. By the main thread, before others are started. */
int scratch_watch(struct scratch *s, struct err *err) WARN_UNUSED;
void scratch_unwatch(struct scratch *s);
/* A new file of its owner alone, a new directory, named after `template` as by mkostemp(3) and mkdtemp(3): it is scratch, with
 * all in it, from the moment it is there, and no signal comes between. Where nobody watches (NULL) it is only made. The file's
 * descriptor, or 0; -1 with errno. */
int scratch_file(struct scratch *s, char *template);
int scratch_dir(struct scratch *s, char *template);
/* It is no longer: it has its name, or was removed. What was never held is no mistake. */
void scratch_release(struct scratch *s, const char *path);

#endif
