/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates are administrators' texts, sent by whoever may apply a site: whatever they hold, the result keeps its limit. */
#include "base/mem.h"
#include "base/template.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define MAX 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "name", "address", NULL };
	autoclean(template_map_free) struct template_map m = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct template_map *node = template_put_map(&m, "node");
	struct template_list *hosts = template_put_list(&m, "hosts", names), *ntp = template_put_list(&m, "ntp", NULL);
	struct err err = { 0 };

	template_put(node, "name", "n01");
	template_put(node, "ipv6", NULL);
	template_put(node, "odd", "a\n'\"\x7f");
	for (int i = 0; i < 3; i++) {
		template_list_add(hosts, (const char *const[]){ "n", "10.0.0.1" });
		template_list_add(ntp, (const char *const[]){ "t" });
	}
	template_put_list(&m, "none", names);
	if (template_render((const char *)data, size, &m, MAX, &out, &err) < 0) {
		if (err.kind != ERR_INVALID || !err.text[0] || out.len)
			abort();
	} else if (out.len > MAX) {
		abort();
	}
	return 0;
}
