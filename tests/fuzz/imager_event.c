/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as what a machine reports. What is taken is bounded, and safe to show on a terminal. */
#include "base/mem.h"
#include "base/str.h"
#include "daemon/imager_event.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_tame(const char *s, size_t max, const char *allowed)
{
	if (!s)
		return;
	if (strlen(s) > 4 * max) /* one byte may become \xNN */
		abort();
	for (; *s; s++)
		if (((unsigned char)*s < ' ' && !strchr(allowed, *s)) || *s == 0x7f)
			abort();
}

static void try_event(const char *text, size_t len)
{
	autoclean(imager_event_free) struct imager_event ev = { 0 };
	struct err err = { 0 };

	if (imager_event_read(text, len, &ev, &err) < 0) {
		if (ev.step || !err.text[0])
			abort();
		return;
	}
	must_be_tame(ev.step, 128, "");
	must_be_tame(ev.text, 700, "");
	must_be_tame(ev.error, 700, "");
	must_be_tame(ev.hint, 700, "");
	if (strlen(ev.install_id) != 32 || ev.seq == 0 || ev.percent > 100 || !ev.step[0])
		abort();
}

static void try_booted(const char *text, size_t len)
{
	autoclean(imager_booted_free) struct imager_booted b = { 0 };
	autoclean(imager_booted_free) struct imager_booted again = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;
	struct err err = { 0 };

	if (imager_booted_read(text, len, &b, &err) < 0)
		return;
	must_be_tame(b.root, 256, "");
	must_be_tame(b.os, 64, "");
	json_out_init(&w, &out, false);
	imager_booted_print(&b, &w);
	/* It is put into the state as JSON: it must be that. Printable forms may have grown beyond what a machine may send. */
	if (imager_booted_read(buf_str(&out), out.len, &again, &err) < 0 && !strstr(err.text, "longer"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(imager_done_free) struct imager_done done = { 0 };
	struct err err = { 0 };
	autofree char *text = mem_zalloc(size + 1);

	if (size)
		memcpy(text, data, size);
	try_event(text, size);
	try_booted(text, size);
	if (imager_done_read(text, size, &done, &err) == 0 && done.report && done.report[0] != '{')
		abort();
	return 0;
}
