/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a terminal sends, as keys: the sequences of xterm, vt100, vt220, linux, screen and tmux (ECMA-48, 5.4; XTerm Control
 * Sequences). Pure. */
#ifndef ORTHRUS_TUI_DASH_INPUT_H
#define ORTHRUS_TUI_DASH_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#define DASH_INPUT_MAX 16 /* of one sequence; a longer one is dropped */
struct dash_input {
	char held[DASH_INPUT_MAX]; /* a sequence that is not whole yet */
	size_t len;
};
/* Takes one byte; puts the keys that are whole now (enum dash_key, or a character) into KEYS, and returns how many. */
size_t dash_input_byte(struct dash_input *in, unsigned char byte, int keys[2]);
/* A sequence has begun: ask again by dash_input_pause() when nothing came for a tenth of a second. */
bool dash_input_waits(const struct dash_input *in);
/* Nothing came: a lone Esc is that key, anything else is dropped. */
int dash_input_pause(struct dash_input *in);

#endif
