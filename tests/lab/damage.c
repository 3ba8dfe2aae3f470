/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where to damage an image store, and what is hurt then. It reads the store by docs/image-format.md alone and uses none of the
 * project's code: what it says is compared with what `orthrus image verify` says. damage plan STORE SEED N    N places, spread
 * over all files, as lines with tabs between the words: flip FILE OFFSET BIT image NAME/ID PATH...     for each image that is no
 * longer whole: its files that are hurt, in path order end damage flip FILE OFFSET BIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define FILES_MAX 1000
#define IMAGES_MAX 64
#define NAME_MAX_BYTES 300

struct bytes {
	uint8_t *at;
	size_t len;
};
struct image {
	char ref[NAME_MAX_BYTES];
	struct bytes chunks, tree; /* chunks.bin; the records of tree.zst */
};
static char files[FILES_MAX][NAME_MAX_BYTES]; /* relative to the store, packs first */
static size_t n_files, n_packs;
static struct image images[IMAGES_MAX];
static size_t n_images;
static const char *store;
static uint64_t state;

static void die(const char *what)
{
	fprintf(stderr, "damage: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* splitmix64 */
static uint64_t next_random(void)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t le(const uint8_t *p, int n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | p[n];
	return v;
}

static struct bytes read_file(const char *name)
{
	char path[4096];
	struct bytes b = { 0 };
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", store, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		die(path);
	b.len = (size_t)st.st_size;
	b.at = malloc(b.len + 1);
	if (!b.at || read(fd, b.at, b.len) != (ssize_t)b.len)
		die(path);
	close(fd);
	return b;
}

static struct bytes unpack(const struct bytes *frame)
{
	unsigned long long raw = ZSTD_getFrameContentSize(frame->at, frame->len);
	struct bytes b = { 0 };

	if (raw > 1 << 30 || !(b.at = malloc(raw + 1)) || ZSTD_decompress(b.at, raw, frame->at, frame->len) != raw)
		die("unpack tree.zst");
	b.len = raw;
	return b;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* All files at or below `dir` that hold anything. */
static void list(const char *dir, const char *suffix)
{
	char path[4096];
	struct dirent *e;
	size_t first = n_files;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", store, dir);
	if (!(d = opendir(path)))
		die(path);
	while ((e = readdir(d))) {
		size_t len = strlen(e->d_name), tail = strlen(suffix);
		char inner[NAME_MAX_BYTES];
		struct stat st;

		if (e->d_name[0] == '.' || len < tail || strcmp(e->d_name + len - tail, suffix) != 0)
			continue;
		if (snprintf(inner, sizeof(inner), "%s/%s", dir, e->d_name) >= (int)sizeof(inner))
			continue;
		snprintf(path, sizeof(path), "%s/%s", store, inner);
		if (stat(path, &st) < 0)
			die(path);
		if (S_ISDIR(st.st_mode))
			list(inner, suffix);
		else if (st.st_size && n_files < FILES_MAX)
			memcpy(files[n_files++], inner, sizeof(inner));
	}
	closedir(d);
	qsort(files[first], n_files - first, sizeof(files[0]), by_name);
}

static void load_images(void)
{
	static const char prefix[] = "images/", document[] = "/chunks.bin";

	for (size_t i = 0; i < n_files && n_images < IMAGES_MAX; i++) {
		struct image *m = &images[n_images];
		size_t len = strlen(files[i]), tail = sizeof(document) - 1, head = sizeof(prefix) - 1;
		char tree[NAME_MAX_BYTES + 32];
		struct bytes frame;

		if (strncmp(files[i], prefix, head) != 0 || len < tail || strcmp(files[i] + len - tail, document) != 0)
			continue;
		snprintf(m->ref, sizeof(m->ref), "%.*s", (int)(len - tail - head), files[i] + head);
		snprintf(tree, sizeof(tree), "images/%s/tree.zst", m->ref);
		frame = read_file(tree);
		m->tree = unpack(&frame);
		m->chunks = read_file(files[i]);
		free(frame.at);
		n_images++;
	}
}

/* Is the content of a row still right when the pack's bytes are these? */
static bool is_whole(const uint8_t *row, const struct bytes *pack)
{
	uint32_t raw_len = (uint32_t)le(row + 32, 4), stored_len = (uint32_t)le(row + 36, 4);
	const uint8_t *frame = pack->at + le(row + 72, 8);
	uint8_t *raw = malloc(raw_len), sum[32];
	bool whole;

	whole = raw && ZSTD_getFrameContentSize(frame, stored_len) == raw_len &&
		ZSTD_findFrameCompressedSize(frame, stored_len) == stored_len &&
		ZSTD_decompress(raw, raw_len, frame, stored_len) == raw_len && SHA256(raw, raw_len, sum) &&
		memcmp(sum, row, 32) == 0;
	free(raw);
	return whole;
}

/* Mark the stretches of the content stream that are lost. */
struct lost {
	uint64_t from, to;
};

static size_t find_lost(const struct image *m, const uint8_t *pack_name, const struct bytes *pack, uint64_t at, struct lost *out,
			bool *uses)
{
	uint64_t n = le(m->chunks.at + 16, 8), stream = 0;
	size_t n_lost = 0;

	*uses = false;
	for (uint64_t i = 0; i < n; i++) {
		const uint8_t *row = m->chunks.at + 24 + 80 * i;
		uint64_t offset = le(row + 72, 8), raw_len = le(row + 32, 4);

		if (memcmp(row + 40, pack_name, 32) == 0) {
			*uses = true;
			if (at >= offset && at < offset + le(row + 36, 4) && !is_whole(row, pack))
				out[n_lost++] = (struct lost){ stream, stream + raw_len };
		}
		stream += raw_len;
	}
	return n_lost;
}

static void print_hurt(const struct image *m, const struct lost *lost, size_t n_lost)
{
	uint64_t n = le(m->tree.at + 16, 8);
	bool *link_hurt = calloc(n + 1, sizeof(*link_hurt));
	const uint8_t *e = m->tree.at + 24;

	if (!link_hurt)
		die("memory");
	printf("image\t%s", m->ref);
	for (uint64_t i = 0; i < n; i++, e += 4 + le(e, 4)) {
		uint64_t link = le(e + 32, 4), from = le(e + 52, 8), to = from + le(e + 60, 8);
		bool hurt = e[4] == 8 && link_hurt[link];

		for (size_t k = 0; e[4] == 2 && k < n_lost; k++)
			hurt |= from < to && from < lost[k].to && to > lost[k].from;
		if (!hurt)
			continue;
		if (link)
			link_hurt[link] = true;
		printf("\t/%.*s", (int)le(e + 68, 2), (const char *)e + 80);
	}
	putchar('\n');
	free(link_hurt);
}

static void unhex(const char *hex, uint8_t *out)
{
	for (int i = 0; i < 32; i++) {
		unsigned int byte = 0;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			die(hex);
		out[i] = (uint8_t)byte;
	}
}

/* What each image loses by one bit of `file`. */
static void print_losses(const char *file, uint64_t at, int bit)
{
	bool is_pack = strncmp(file, "packs/", 6) == 0, is_content = is_pack && strcmp(file + strlen(file) - 5, ".pack") == 0;
	bool is_counter = strncmp(file, "sequence/", 9) == 0;
	struct bytes data = read_file(file);
	uint8_t name[32];

	data.at[at] ^= (uint8_t)(1 << bit);
	if (is_pack)
		unhex(file + 6, name);
	for (size_t i = 0; i < n_images; i++) {
		const struct image *m = &images[i];
		size_t n_lost = 0, len = strlen(m->ref), name_len = (size_t)(strchr(m->ref, '/') - m->ref);
		struct lost *lost = calloc(le(m->chunks.at + 16, 8) + 1, sizeof(*lost));
		bool uses = false;

		if (!lost)
			die("memory");
		if (is_pack) {
			n_lost = find_lost(m, name, &data, is_content ? at : UINT64_MAX, lost, &uses);
		} else if (is_counter) {
			/* NAME or NAME~ */
			uses = strncmp(file + 9, m->ref, name_len) == 0 &&
			       (!file[9 + name_len] || strcmp(file + 9 + name_len, "~") == 0);
		} else {
			uses = strncmp(file + 7, m->ref, len) == 0 && file[7 + len] == '/';
		}
		if (uses)
			print_hurt(m, lost, n_lost);
		free(lost);
	}
	free(data.at);
}

static void plan(unsigned long n)
{
	char(*seen)[NAME_MAX_BYTES + 32] = calloc(n, sizeof(*seen));

	list("packs", ".pack");
	n_packs = n_files;
	list("packs", ".idx");
	list("images", "");
	list("sequence", "");
	load_images();
	if (!seen || !n_packs || n_files == n_packs)
		die("list the store");
	/* Two of five in packs, which hold the content; the others take turns. */
	for (unsigned long i = 0, turn = 0; i < n;) {
		const char *file = i % 5 < 2 ? files[next_random() % n_packs] : files[n_packs + turn % (n_files - n_packs)];
		struct bytes data = read_file(file);
		uint64_t at = next_random() % data.len;
		int bit = (int)(next_random() % 8);
		bool again = false;

		free(data.at);
		snprintf(seen[i], sizeof(seen[i]), "%s %llu %d", file, (unsigned long long)at, bit);
		for (unsigned long k = 0; k < i; k++)
			again |= strcmp(seen[k], seen[i]) == 0;
		if (again)
			continue;
		printf("flip\t%s\t%llu\t%d\n", file, (unsigned long long)at, bit);
		print_losses(file, at, bit);
		puts("end");
		turn += i % 5 >= 2;
		i++;
	}
	free(seen);
}

static void flip(const char *path, off_t at, int bit)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	if (fd < 0 || pread(fd, &byte, 1, at) != 1)
		die(path);
	byte ^= (uint8_t)(1 << bit);
	if (pwrite(fd, &byte, 1, at) != 1 || close(fd) < 0)
		die(path);
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "plan") == 0) {
		store = argv[2];
		state = strtoull(argv[3], NULL, 10);
		plan(strtoul(argv[4], NULL, 10));
	} else if (argc == 5 && strcmp(argv[1], "flip") == 0) {
		flip(argv[2], (off_t)strtoll(argv[3], NULL, 10), (int)strtol(argv[4], NULL, 10) & 7);
	} else {
		fputs("usage: damage plan STORE SEED N | damage flip FILE OFFSET BIT\n", stderr);
		return 2;
	}
	return fflush(stdout) == 0 ? 0 : 2;
}
