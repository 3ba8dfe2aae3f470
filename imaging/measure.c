/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/measure.h"

#include "base/mem.h"
#include "imaging/inodes.h"
#include "sys/threads.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct measure {
	int root_fd;
	dev_t dev;
	struct inodes inodes; /* with more than one name */
	uint64_t sum;
	_Atomic uint64_t known; /* the sum when it is complete */
	atomic_bool stop;
	pthread_t thread;
};

static void count_file(struct measure *m, const struct stat *st)
{
	uint64_t used = (uint64_t)st->st_blocks * 512;

	if (st->st_nlink > 1) {
		uint32_t id = inodes_id(&m->inodes, st->st_dev, st->st_ino);

		if (m->inodes.items[id - 1].names++)
			return;
	}
	m->sum += used < (uint64_t)st->st_size ? used : (uint64_t)st->st_size;
}

/* Whatever goes wrong here goes wrong in the work too, and is said there. Takes `fd`. */
static void count_below(struct measure *m, int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *e;

	if (!dir) {
		close(fd);
		return;
	}
	while (!m->stop && (e = readdir(dir))) {
		struct stat st;
		int below;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || e->d_type == DT_LNK ||
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISREG(st.st_mode))
			count_file(m, &st);
		if (!S_ISDIR(st.st_mode) || st.st_dev != m->dev)
			continue;
		below = openat(dirfd(dir), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0)
			count_below(m, below);
	}
	closedir(dir);
}

static void *measure_main(void *arg)
{
	struct measure *m = arg;
	int fd = openat(m->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		count_below(m, fd);
	if (!m->stop)
		m->known = m->sum;
	return NULL;
}

struct measure *measure_start(int root_fd)
{
	struct measure *m = mem_zalloc(sizeof(*m));
	struct err ignored = { 0 };
	struct stat st;

	m->root_fd = root_fd;
	if (fstat(root_fd, &st) == 0) {
		m->dev = st.st_dev;
		if (thread_start(&m->thread, measure_main, m, &ignored) == 0)
			return m;
	}
	free(m);
	return NULL;
}

uint64_t measure_bytes(struct measure *m)
{
	return m ? m->known : 0;
}

void measure_end(struct measure *m)
{
	if (!m)
		return;
	m->stop = true;
	pthread_join(m->thread, NULL);
	inodes_free(&m->inodes);
	free(m);
}
