/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tui/dash_input.h"

#include "base/mem.h"
#include "tui/dash_ui.h"

#include <string.h>

#define ESC 27

struct sequence {
	const char *text; /* behind the ESC */
	int key;
};
static const struct sequence sequences[] = {
	{ "[A", DASH_KEY_UP },	  { "[B", DASH_KEY_DOWN },  { "[C", DASH_KEY_RIGHT },	{ "[D", DASH_KEY_LEFT },
	{ "OA", DASH_KEY_UP },	  { "OB", DASH_KEY_DOWN },  { "OC", DASH_KEY_RIGHT },	{ "OD", DASH_KEY_LEFT },
	{ "[H", DASH_KEY_HOME },  { "[F", DASH_KEY_END },   { "OH", DASH_KEY_HOME },	{ "OF", DASH_KEY_END },
	{ "[1~", DASH_KEY_HOME }, { "[4~", DASH_KEY_END },  { "[7~", DASH_KEY_HOME },	{ "[8~", DASH_KEY_END },
	{ "[5~", DASH_KEY_PGUP }, { "[6~", DASH_KEY_PGDN }, { "[Z", DASH_KEY_BACKTAB }, { "OP", DASH_KEY_F1 },
	{ "[11~", DASH_KEY_F1 },  { "[[A", DASH_KEY_F1 },   { "[15~", DASH_KEY_F5 },	{ "[[E", DASH_KEY_F5 },
	{ "OM", DASH_KEY_ENTER }, /* of the keypad */
};

static int lookup(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(sequences); i++)
		if (strlen(sequences[i].text) == len && memcmp(sequences[i].text, text, len) == 0)
			return sequences[i].key;
	return DASH_KEY_NONE;
}

/* Whether the held sequence is whole: "[" with parameters up to a final byte, "[[" and "O" with one more. */
static bool is_whole(const struct dash_input *in)
{
	const char last = in->held[in->len - 1];

	if (in->len < 3)
		return false;
	if (in->held[1] == 'O')
		return true;
	if (in->held[2] == '[')
		return in->len == 4;
	return last >= '@' && last <= '~';
}

/* No sequence is under way. What is not ASCII has no meaning here, and is not shown by halves. */
static size_t first_byte(struct dash_input *in, unsigned char byte, int *key)
{
	if (byte == ESC) {
		in->held[in->len++] = ESC;
		return 0;
	}
	*key = byte == '\n' ? DASH_KEY_ENTER : byte;
	return byte && byte < 128 ? 1 : 0;
}

size_t dash_input_byte(struct dash_input *in, unsigned char byte, int keys[2])
{
	size_t n = 0;

	if (in->len == 0)
		return first_byte(in, byte, &keys[0]);
	if (in->len == 1 && byte != '[' && byte != 'O') {
		/* Esc, and then something else; or a second Esc. */
		in->len = 0;
		keys[0] = DASH_KEY_ESC;
		return 1 + first_byte(in, byte, &keys[1]);
	}
	if (byte < ' ' || byte >= 127) {
		/* It was cut off: this begins something else. */
		in->len = 0;
		return first_byte(in, byte, &keys[0]);
	}
	in->held[in->len++] = (char)byte;
	if (is_whole(in)) {
		keys[0] = lookup(in->held + 1, in->len - 1);
		n = keys[0] != DASH_KEY_NONE;
		in->len = 0;
	} else if (in->len == sizeof(in->held)) {
		in->len = 0;
	}
	return n;
}

bool dash_input_waits(const struct dash_input *in)
{
	return in->len > 0;
}

int dash_input_pause(struct dash_input *in)
{
	const size_t len = in->len;

	in->len = 0;
	return len == 1 ? DASH_KEY_ESC : DASH_KEY_NONE;
}
