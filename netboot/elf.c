/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netboot/elf.h"

#include "base/mem.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

struct image {
	const uint8_t *data;
	size_t len;
	Elf64_Ehdr head;
};

void elf_needs_free(struct elf_needs *n)
{
	free(n->interp);
	free(n->runpath);
	str_list_free(&n->needed);
	*n = (struct elf_needs){ 0 };
}

/* Copies: the file's tables need not be aligned. */
static int get(const struct image *im, uint64_t at, void *out, size_t size, struct err *err)
{
	if (at > im->len || size > im->len - at)
		return err_set(err, ERR_DAMAGED, "an ELF table leads outside of the file");
	memcpy(out, im->data + at, size);
	return 0;
}

static int get_string(const struct image *im, uint64_t at, char **out, struct err *err)
{
	if (at >= im->len || !memchr(im->data + at, '\0', im->len - at))
		return err_set(err, ERR_DAMAGED, "an ELF string leads outside of the file");
	free(*out);
	*out = mem_strdup((const char *)im->data + at);
	return 0;
}

static int segment(const struct image *im, size_t i, Elf64_Phdr *out, struct err *err)
{
	/* e_phnum has 16 bits and e_phentsize was checked: only e_phoff can overflow, and get() checks the sum's first part. */
	uint64_t at = im->head.e_phoff + i * sizeof(*out);

	if (at < im->head.e_phoff)
		return err_set(err, ERR_DAMAGED, "an ELF table leads outside of the file");
	return get(im, at, out, sizeof(*out), err);
}

/* Where in the file the byte is that is loaded at `address`. */
static int file_offset(const struct image *im, uint64_t address, uint64_t *out, struct err *err)
{
	for (size_t i = 0; i < im->head.e_phnum; i++) {
		Elf64_Phdr ph;

		if (segment(im, i, &ph, err) < 0)
			return -1;
		if (ph.p_type == PT_LOAD && address >= ph.p_vaddr && address - ph.p_vaddr < ph.p_filesz &&
		    ph.p_offset <= im->len) {
			*out = ph.p_offset + (address - ph.p_vaddr);
			return 0;
		}
	}
	return err_set(err, ERR_DAMAGED, "an ELF address is in no segment");
}

/* The entry `i` of the dynamic table; 1 when there is one, 0 at the end. */
static int dynamic(const struct image *im, const Elf64_Phdr *table, size_t i, Elf64_Dyn *d, struct err *err)
{
	if (table->p_offset > im->len || i >= table->p_filesz / sizeof(*d))
		return 0;
	if (get(im, table->p_offset + i * sizeof(*d), d, sizeof(*d), err) < 0)
		return -1;
	return d->d_tag != DT_NULL;
}

static int read_dynamic(const struct image *im, const Elf64_Phdr *table, struct elf_needs *out, struct err *err)
{
	uint64_t strings = 0;
	bool have = false;
	Elf64_Dyn d;
	int rc;

	for (size_t i = 0; (rc = dynamic(im, table, i, &d, err)) > 0; i++) {
		if (d.d_tag != DT_STRTAB)
			continue;
		have = true;
		if (file_offset(im, d.d_un.d_ptr, &strings, err) < 0)
			return -1;
	}
	if (rc < 0)
		return -1;
	for (size_t i = 0; have && (rc = dynamic(im, table, i, &d, err)) > 0; i++) {
		autofree char *name = NULL;

		if (d.d_tag != DT_NEEDED && d.d_tag != DT_RUNPATH && d.d_tag != DT_RPATH)
			continue;
		if (d.d_un.d_val > im->len || get_string(im, strings + d.d_un.d_val, &name, err) < 0)
			return err->kind ? -1 : err_set(err, ERR_DAMAGED, "an ELF string leads outside of the file");
		if (d.d_tag == DT_NEEDED) {
			str_list_add(&out->needed, name);
		} else if (!out->runpath || d.d_tag == DT_RUNPATH) {
			free(out->runpath);
			out->runpath = steal(name);
		}
	}
	return rc < 0 ? -1 : 0;
}

int elf_needs_read(const void *data, size_t len, struct elf_needs *out, struct err *err)
{
	struct image im = { .data = data, .len = len };
	autoclean(elf_needs_free) struct elf_needs needs = { 0 };

	if (len < sizeof(im.head) || memcmp(data, ELFMAG, SELFMAG) != 0)
		return err_set(err, ERR_INVALID, "not an ELF file");
	memcpy(&im.head, data, sizeof(im.head));
	if (im.head.e_ident[EI_CLASS] != ELFCLASS64 || im.head.e_ident[EI_DATA] != ELFDATA2LSB || im.head.e_machine != EM_X86_64)
		return err_set(err, ERR_INVALID, "not an ELF file for x86-64");
	if (im.head.e_phnum && im.head.e_phentsize != sizeof(Elf64_Phdr))
		return err_set(err, ERR_DAMAGED, "the entries of the ELF program header table have a wrong size");
	for (size_t i = 0; i < im.head.e_phnum; i++) {
		Elf64_Phdr ph;

		if (segment(&im, i, &ph, err) < 0)
			return -1;
		if (ph.p_type == PT_INTERP && get_string(&im, ph.p_offset, &needs.interp, err) < 0)
			return -1;
		if (ph.p_type == PT_DYNAMIC && read_dynamic(&im, &ph, &needs, err) < 0)
			return -1;
	}
	*out = needs;
	needs = (struct elf_needs){ 0 };
	return 0;
}
