/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Identifiers that follow from a seed: one installation order gives one set of GUIDs, on the head that shows them and in the
 * imager. */
#ifndef ORTHRUS_RAIDSETUP_IDS_H
#define ORTHRUS_RAIDSETUP_IDS_H

#include <stdint.h>

#define ID_UUID_LEN 37 /* 8-4-4-4-12 lower-case hex and the final NUL */
#define ID_MD_LEN 36   /* mdadm's 8:8:8:8 */
#define ID_FAT_LEN 10  /* XXXX-XXXX */
#define ID_SEED_LEN 16

/* A UUID of version 8 (RFC 9562, section 5.8) from SHA-256 over seed, kind and the NULL-terminated names. `kind` keeps a disk and
 * an array of one name apart. `b` may be NULL. */
void id_uuid(const uint8_t seed[ID_SEED_LEN], const char *kind, const char *a, const char *b, char out[ID_UUID_LEN]);
/* The same bits in mdadm's notation. */
void id_md(const uint8_t seed[ID_SEED_LEN], const char *name, char out[ID_MD_LEN]);
/* A FAT volume number, upper case as blkid and /etc/fstab write it; never 0000-0000. */
void id_fat(const uint8_t seed[ID_SEED_LEN], const char *name, char out[ID_FAT_LEN]);

#endif
