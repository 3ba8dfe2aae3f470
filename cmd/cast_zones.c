/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/cast_zones.h"

#include "base/mem.h"
#include "cmd/cmd.h"

#include <string.h>

struct zone {
	char *network, *machine, *address;
	uint64_t nodes, hear;
	bool silent;
};

static void zone_free(struct zone *z)
{
	free(z->network);
	free(z->machine);
	free(z->address);
}

static void say_zone(const struct cmd *c, const struct json_arr *a, size_t i)
{
	autoclean(zone_free) struct zone z = { 0 };
	struct err ignored = { 0 };
	struct json_obj o;

	if (json_arr_obj(a, i, &o, &ignored) < 0 || json_str(&o, "network", JSON_MUST, &z.network, &ignored) < 0 ||
	    json_str(&o, "machine", JSON_MUST, &z.machine, &ignored) < 0 ||
	    json_str(&o, "address", JSON_MUST, &z.address, &ignored) < 0 ||
	    json_u64(&o, "nodes", JSON_MUST, 0, UINT64_MAX, &z.nodes, &ignored) < 0 ||
	    json_u64(&o, "hear", JSON_MUST, 0, UINT64_MAX, &z.hear, &ignored) < 0 ||
	    json_bool(&o, "silent", JSON_MUST, &z.silent, &ignored) < 0 || !z.nodes)
		return;
	cmd_say(c, "network %s by relay %s (%s): %llu of %llu nodes hear it%s", z.network, z.machine, z.address,
		(unsigned long long)z.hear, (unsigned long long)z.nodes,
		z.silent ? "; does the relay run, and does the head reach it?" : "");
}

void cast_zones_say(const struct cmd *c, const char *cast)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct err ignored = { 0 };
	struct json_arr a;
	struct json_obj o;

	if (json_parse(cast, strlen(cast), &doc, &ignored) < 0 || json_root_obj(&doc, &o, &ignored) < 0 ||
	    json_arr(&o, "relays", JSON_MAY, &a, &ignored) <= 0)
		return;
	for (size_t i = 0; i < a.len; i++)
		say_zone(c, &a, i);
}
