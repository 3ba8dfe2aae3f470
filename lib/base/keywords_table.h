/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The 2048 words of RFC 1751. */
#ifndef ORTHRUS_BASE_KEYWORDS_TABLE_H
#define ORTHRUS_BASE_KEYWORDS_TABLE_H

#define KEYWORDS_N 2048
extern const char keywords_table[KEYWORDS_N][5];

#endif
