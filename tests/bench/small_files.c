/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage: small_files DIR COUNT: text-like files of 0 to 16 KiB below the new directory DIR, 100 in each directory. The same
 * bytes, owners aside, in every run: names, sizes, content and times come from the number alone. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST 16384
#define PER_DIR 100
#define WORDS 4096
#define TIME 1686355200 /* no time of today: the trees of two days shall be equal */

static uint64_t state;
static char words[WORDS][12];

static uint32_t next(void)
{
	state ^= state << 13; /* xorshift64 */
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

static void die(const char *what)
{
	fprintf(stderr, "small_files: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void make_words(void)
{
	state = 0x9e3779b97f4a7c15;
	for (size_t i = 0; i < WORDS; i++) {
		size_t n = 2 + next() % 9;

		for (size_t k = 0; k < n; k++)
			words[i][k] = (char)('a' + next() % 26);
	}
}

/* Sizes as logs, job scripts and results have them: as many between 1 and 2 KiB as between 2 and 4, some empty. */
static size_t pick_size(void)
{
	unsigned int bits = next() % 15;
	size_t base = bits ? (size_t)1 << (bits - 1) : 0;

	return base ? base + next() % base : 0;
}

/* Common words more often than rare ones, a number here and there: zstd makes about a third of it. */
static void fill(char *out, size_t len)
{
	size_t at = 0;

	while (at < len) {
		char word[24];
		size_t n;

		if (next() % 8 == 0)
			n = (size_t)snprintf(word, sizeof(word), "%u\n", next() % 1000000);
		else
			n = (size_t)snprintf(word, sizeof(word), "%s ", words[(next() % 64) * (next() % 64)]);
		if (n > len - at)
			n = len - at;
		memcpy(out + at, word, n);
		at += n;
	}
}

static void set_time(const char *path, unsigned int i)
{
	struct timespec t[2] = { { .tv_sec = TIME }, { .tv_sec = TIME + i } };

	if (utimensat(AT_FDCWD, path, t, 0) < 0)
		die(path);
}

static void make_file(const char *path, unsigned int i)
{
	char text[LARGEST + 1];
	size_t len;
	int fd;

	state = 0x2545f4914f6cdd1d ^ ((uint64_t)i * 0x9e3779b97f4a7c15);
	next();
	len = pick_size();
	fill(text, len);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len || close(fd) < 0)
		die(path);
	set_time(path, i);
}

int main(int argc, char **argv)
{
	unsigned int count = argc == 3 ? (unsigned int)strtoul(argv[2], NULL, 10) : 0;
	char path[4096];

	if (!count) {
		fprintf(stderr, "usage: small_files DIR COUNT\n");
		return 2;
	}
	make_words();
	if (mkdir(argv[1], 0755) < 0)
		die(argv[1]);
	for (unsigned int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/d%04u", argv[1], i / PER_DIR);
		if (i % PER_DIR == 0 && mkdir(path, 0755) < 0)
			die(path);
		snprintf(path, sizeof(path), "%s/d%04u/job-%06u.out", argv[1], i / PER_DIR, i);
		make_file(path, i);
	}
	for (unsigned int i = 0; i < count; i += PER_DIR) {
		snprintf(path, sizeof(path), "%s/d%04u", argv[1], i / PER_DIR);
		set_time(path, i);
	}
	set_time(argv[1], 0);
	return 0;
}
