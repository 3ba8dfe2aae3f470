/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a fuzz target over the files of its corpus, without libFuzzer: every input that ever made trouble, in every test run. */
#include "base/mem.h"
#include "sys/fs.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err err = { 0 };

	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
		return 2;
	}
	if (fs_list(argv[1], &names, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	if (names.len == 0) {
		fprintf(stderr, "%s: the corpus is empty\n", argv[1]);
		return 1;
	}
	for (size_t i = 0; i < names.len; i++) {
		autofree char *path = fs_join(argv[1], names.items[i]);
		autoclean(buf_free) struct buf text = { 0 };
		autofree uint8_t *exact = NULL;

		if (fs_read(path, 64 << 20, &text, &err) < 0) {
			fprintf(stderr, "%s\n", err.text);
			return 1;
		}
		printf("%s, %zu bytes\n", names.items[i], text.len);
		fflush(stdout);				   /* a crash then stands below its input's name */
		exact = mem_dup(buf_str(&text), text.len); /* no spare byte at the end: AddressSanitizer sees one read too far */
		LLVMFuzzerTestOneInput(exact, text.len);
	}
	return 0;
}
