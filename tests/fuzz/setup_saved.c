/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as setup.json: what is read is written as something that is read as the same, and the wizard goes on from it whatever
 * was answered there: through every page, and to the site that it would make. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/tui_machine.h"
#include "tui/answers.h"
#include "tui/pages.h"
#include "tui/save.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_answers(struct json_obj *o, void *ctx, struct err *err)
{
	return answers_read(o, ctx, err);
}

static void go_on(struct saved *s)
{
	autoclean(answers_free) struct answers a = { 0 };
	autoclean(facts_free) struct facts f = { 0 };
	autoclean(wizard_clear) struct wizard w = { .kinds = pages, .n_kinds = n_pages, .answers = &a, .facts = &f };
	autoclean(buf_free) struct buf site = { 0 };
	const char *page = NULL, *key = NULL;
	struct err err = { 0 }, why = { 0 };

	if (s->answers && json_read(s->answers, strlen(s->answers), read_answers, &a, &err) < 0)
		return;
	machine(MACHINE_USUAL, &f);
	w.drafts = s->drafts;
	s->drafts = (struct drafts){ 0 };
	wizard_goto(&w, s->page);
	for (size_t i = 0; i < n_pages; i++) {
		wizard_goto(&w, pages[i]->key);
		wizard_next(&w);
		wizard_back(&w);
	}
	if (pages_check(&a, &f, &page, &key, &err) == 0 && answers_site(&a, &f, &site, &why) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	autoclean(saved_free) struct saved s = { 0 }, again = { 0 };
	autoclean(buf_free) struct buf text = { 0 }, twice = { 0 };
	struct err err = { 0 };

	if (saved_read((const char *)data, size, &s, &err) < 0) {
		if (s.page || s.answers || s.drafts.len || !err.text[0])
			abort();
		return 0;
	}
	saved_print(&s, &text);
	if (saved_read(buf_str(&text), text.len, &again, &err) < 0)
		abort();
	saved_print(&again, &twice);
	if (!str_eq(buf_str(&text), buf_str(&twice)))
		abort();
	go_on(&again);
	return 0;
}
