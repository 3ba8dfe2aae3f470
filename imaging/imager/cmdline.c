/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "imaging/imager/cmdline.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* PXE puts the hardware type before the address: "01-aa-bb-cc-dd-ee-ff" (PXELINUX's form; GRUB's has ':' after the first '-'). */
static int read_bootif(const char *value, struct cmdline *out, struct err *err)
{
	if (str_starts(value, "01-"))
		value += strlen("01-");
	return str_to_mac(value, out->mac, err);
}

static int read_server(const char *value, struct cmdline *out, struct err *err)
{
	size_t len = strlen(value);

	while (len && value[len - 1] == '/')
		len--;
	if (!str_starts(value, "https://") || len <= strlen("https://"))
		return err_set(err, ERR_INVALID, "the head's address is written like https://10.0.0.1:8443");
	free(out->server);
	out->server = mem_strndup(value, len);
	return 0;
}

static int read_mode(const char *value, struct cmdline *out, struct err *err)
{
	static const char *const modes[] = { "probe", "install", "rescue", "diskless" };

	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (str_eq(value, modes[i])) {
			out->mode = modes[i];
			return 0;
		}
	return err_set(err, ERR_INVALID, "the mode is 'probe', 'install', 'rescue' or 'diskless'");
}

static int read_word(const char *word, struct cmdline *out, struct err *err)
{
	static const struct {
		const char *key;
		int (*read)(const char *value, struct cmdline *out, struct err *err);
	} known[] = { { "orthrus.server=", read_server }, { "orthrus.mode=", read_mode }, { "BOOTIF=", read_bootif } };

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (!str_starts(word, known[i].key))
			continue;
		if (known[i].read(word + strlen(known[i].key), out, err) == 0)
			return 0;
		return err_wrap(err, "kernel command line: %.*s", (int)strlen(known[i].key) - 1, word);
	}
	return 0;
}

int cmdline_read(const char *text, struct cmdline *out, struct err *err)
{
	*out = (struct cmdline){ .mode = "probe" };
	for (const char *at = text + strspn(text, " \t\r\n"); *at; at += strspn(at, " \t\r\n")) {
		size_t len = strcspn(at, " \t\r\n");
		autofree char *word = mem_strndup(at, len);

		if (read_word(word, out, err) < 0) {
			cmdline_free(out);
			return -1;
		}
		at += len;
	}
	return 0;
}

void cmdline_free(struct cmdline *c)
{
	free(c->server);
	*c = (struct cmdline){ 0 };
}
