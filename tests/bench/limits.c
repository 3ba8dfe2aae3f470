/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage: limits TREE DIR: what this machine can do at most with the bytes and files of TREE, and with the file system of DIR
 * (some 300 MB are written there and removed). Prints NAME=VALUE, one a line: MB/s of raw bytes (1 MB = 10^6 bytes) or files a
 * second; the best of several tries, because a limit is what was reached once. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#define MIB ((size_t)1 << 20)
#define SAMPLE_MAX (192 * MIB)
#define BLOCK MIB /* what is hashed and compressed in one go: a chunk of the store on average */
#define STRIDE 4  /* of the tree's bytes every fourth block */
#define TRIES 3
#define DISK_BYTES (256 * MIB)
#define FILES 10000
#define PER_DIR 100
#define THREADS_MAX 256

static unsigned char *sample, *packed;
static size_t sample_len, stream_len, blocks;
static size_t packed_len[SAMPLE_MAX / BLOCK + 1];
static int target; /* the directory whose file system is measured */

static void die(const char *what)
{
	fprintf(stderr, "limits: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *need(size_t len)
{
	void *p = malloc(len);

	if (!p)
		die("memory");
	memset(p, 1, len); /* its pages are there */
	return p;
}

/* The content of all files is one stream, of which the sample has every STRIDE-th block. */
static void take(const unsigned char *data, size_t len)
{
	while (len) {
		size_t n = BLOCK - stream_len % BLOCK;

		n = n < len ? n : len;
		if (stream_len / BLOCK % STRIDE == 0 && sample_len + n <= SAMPLE_MAX) {
			memcpy(sample + sample_len, data, n);
			sample_len += n;
		}
		stream_len += n;
		data += n;
		len -= n;
	}
}

static size_t files_read;
static int sampling;
static unsigned char *buffer;

static int read_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	ssize_t n;
	int fd;

	(void)ftw;
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return 0;
	fd = open(path, O_RDONLY | O_NOFOLLOW);
	if (fd < 0)
		die(path);
	while ((n = read(fd, buffer, BLOCK)) > 0)
		if (sampling)
			take(buffer, (size_t)n);
		else
			stream_len += (size_t)n;
	if (n < 0)
		die(path);
	close(fd);
	files_read++;
	return 0;
}

static void read_tree(const char *tree)
{
	double best = 1e9;

	buffer = need(BLOCK);
	sampling = 1;
	if (nftw(tree, read_file, 64, FTW_PHYS) < 0)
		die(tree);
	sampling = 0;
	for (int i = 0; i < TRIES; i++) {
		double t = now();

		files_read = stream_len = 0;
		if (nftw(tree, read_file, 64, FTW_PHYS) < 0)
			die(tree);
		t = now() - t;
		best = t < best ? t : best;
	}
	printf("content_mb=%.1f\nfiles=%zu\nread_mb_s=%.0f\nread_files_s=%.0f\n", (double)stream_len / 1e6, files_read,
	       (double)stream_len / 1e6 / best, (double)files_read / best);
}

static size_t block_len(size_t i)
{
	return i + 1 < blocks ? BLOCK : sample_len - i * BLOCK;
}

struct part {
	void (*work)(size_t first, size_t step);
	size_t first, step;
};

static void work_memcpy(size_t first, size_t step)
{
	unsigned char *to = need(BLOCK);

	for (int again = 0; again < 4; again++)
		for (size_t i = first; i < blocks; i += step) {
			memcpy(to, sample + i * BLOCK, block_len(i));
			__asm__ volatile("" : : "r"(to) : "memory"); /* it is done, though nobody reads it */
		}
	free(to);
}

static void work_sha(size_t first, size_t step)
{
	unsigned char out[EVP_MAX_MD_SIZE];

	for (size_t i = first; i < blocks; i += step)
		if (EVP_Digest(sample + i * BLOCK, block_len(i), out, NULL, EVP_sha256(), NULL) != 1)
			die("SHA-256");
}

static void work_compress(size_t first, size_t step)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();

	for (size_t i = first; i < blocks; i += step) {
		size_t n = ZSTD_compressCCtx(c, packed + i * ZSTD_compressBound(BLOCK), ZSTD_compressBound(BLOCK),
					     sample + i * BLOCK, block_len(i), 3);

		if (ZSTD_isError(n))
			die(ZSTD_getErrorName(n));
		packed_len[i] = n;
	}
	ZSTD_freeCCtx(c);
}

static void work_decompress(size_t first, size_t step)
{
	ZSTD_DCtx *d = ZSTD_createDCtx();
	unsigned char *to = need(BLOCK);

	for (size_t i = first; i < blocks; i += step)
		if (ZSTD_isError(ZSTD_decompressDCtx(d, to, BLOCK, packed + i * ZSTD_compressBound(BLOCK), packed_len[i])))
			die("decompress");
	free(to);
	ZSTD_freeDCtx(d);
}

static void *run_part(void *arg)
{
	const struct part *p = arg;

	p->work(p->first, p->step);
	return NULL;
}

/* Seconds, until all are done. */
static double once(void (*work)(size_t, size_t), size_t cores)
{
	pthread_t threads[THREADS_MAX];
	struct part parts[THREADS_MAX];
	double t = now();

	for (size_t i = 0; i < cores; i++) {
		parts[i] = (struct part){ .work = work, .first = i, .step = cores };
		if (pthread_create(&threads[i], NULL, run_part, &parts[i]))
			die("thread");
	}
	for (size_t i = 0; i < cores; i++)
		pthread_join(threads[i], NULL);
	return now() - t;
}

/* MB/s of the sample. */
static double best_of(void (*work)(size_t, size_t), size_t cores)
{
	double best = 1e9;

	for (int try = 0; try < TRIES; try++) {
		double t = once(work, cores);

		best = t < best ? t : best;
	}
	return (double)sample_len / 1e6 / best;
}

static void cpu(size_t cores)
{
	static const struct {
		const char *name;
		void (*work)(size_t, size_t);
		double times; /* it goes over the sample */
	} kinds[] = { { "memcpy", work_memcpy, 4 },
		      { "sha256", work_sha, 1 },
		      { "zstd3", work_compress, 1 },
		      { "unzstd", work_decompress, 1 } };
	double in = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		printf("%s_1_mb_s=%.0f\n", kinds[i].name, best_of(kinds[i].work, 1) * kinds[i].times);
		printf("%s_all_mb_s=%.0f\n", kinds[i].name, best_of(kinds[i].work, cores) * kinds[i].times);
	}
	for (size_t i = 0; i < blocks; i++)
		in += (double)packed_len[i];
	printf("cores=%zu\nsample_mb=%.1f\nzstd3_ratio=%.4f\n", cores, (double)sample_len / 1e6, in / (double)sample_len);
}

/* Through the page cache and past it: what is quicker is the limit. */
static void disk(void)
{
	uint8_t *from = (uint8_t *)(((uintptr_t)sample + MIB - 1) / MIB * MIB);
	double best = 1e9;

	for (int try = 0; try < 2 * TRIES; try++) {
		double t;
		int fd;

		syncfs(target);
		t = now();
		fd = openat(target, "limits-data", O_WRONLY | O_CREAT | O_TRUNC | (try % 2 ? O_DIRECT : 0), 0600);
		if (fd < 0 && errno == EINVAL && try % 2)
			continue;
		if (fd < 0)
			die("limits-data");
		for (size_t done = 0; done < DISK_BYTES; done += MIB)
			if (write(fd, from + done % (sample_len - 2 * MIB) / MIB * MIB, MIB) != (ssize_t)MIB)
				die("limits-data");
		if (fsync(fd) < 0 || close(fd) < 0)
			die("limits-data");
		t = now() - t;
		unlinkat(target, "limits-data", 0);
		best = t < best ? t : best;
	}
	printf("disk_write_mb_s=%.0f\n", (double)DISK_BYTES / 1e6 / best);
}

/* What a restore cannot do without for each file: create it, give it a mode and a time. Each core in directories of its own. */
static void work_create(size_t first, size_t step)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	char name[64];

	for (size_t d = first; d < FILES / PER_DIR; d += step) {
		snprintf(name, sizeof(name), "limits-%zu", d);
		if (mkdirat(target, name, 0700) < 0)
			die(name);
		for (size_t i = 0; i < PER_DIR; i++) {
			int fd;

			snprintf(name, sizeof(name), "limits-%zu/%zu", d, i);
			fd = openat(target, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
			if (fd < 0 || write(fd, sample, 1000) != 1000 || fchmod(fd, 0644) < 0 || futimens(fd, times) < 0 ||
			    close(fd) < 0)
				die(name);
		}
	}
}

static void remove_created(void)
{
	char name[64];

	for (size_t d = 0; d < FILES / PER_DIR; d++) {
		for (size_t i = 0; i < PER_DIR; i++) {
			snprintf(name, sizeof(name), "limits-%zu/%zu", d, i);
			unlinkat(target, name, 0);
		}
		snprintf(name, sizeof(name), "limits-%zu", d);
		unlinkat(target, name, AT_REMOVEDIR);
	}
}

static void create_files(size_t cores)
{
	double best = 1e9;

	for (int try = 0; try < TRIES; try++) {
		double t;

		syncfs(target);
		t = now();
		once(work_create, cores);
		syncfs(target);
		t = now() - t;
		best = t < best ? t : best;
		remove_created();
	}
	printf("create_%s_files_s=%.0f\n", cores == 1 ? "1" : "all", FILES / best);
}

int main(int argc, char **argv)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	size_t cores = online < 1 ? 1 : online > THREADS_MAX ? THREADS_MAX : (size_t)online;

	if (argc != 3) {
		fprintf(stderr, "usage: limits TREE DIR\n");
		return 2;
	}
	target = open(argv[2], O_RDONLY | O_DIRECTORY);
	if (target < 0)
		die(argv[2]);
	sample = need(SAMPLE_MAX);
	read_tree(argv[1]);
	blocks = (sample_len + BLOCK - 1) / BLOCK;
	if (blocks < 2) {
		fprintf(stderr, "limits: %s holds less than some megabytes\n", argv[1]);
		return 1;
	}
	packed = need(blocks * ZSTD_compressBound(BLOCK));
	cpu(cores);
	disk();
	create_files(1);
	create_files(cores);
	return 0;
}
