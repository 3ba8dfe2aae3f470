/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How nodes are brought their bytes: "cast" of site.json. */
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "site/problems.h"
#include "site/site.h"

#include <string.h>

/* Ethernet has room for 23 bits of an IPv4 group. Of those that end like 224.0.0.x every switch sends packets to every port
 * (RFC 4541, 2.1.2), and Linux does not tell of 224.0.0.x itself. */
#define FLOODED4(group) (((group)&0x7fff00) == 0)

static int read_group4(struct json_obj *o, struct site_cast *c, struct err *err)
{
	autofree char *text = NULL;
	struct err why = { 0 };

	if (!json_has(o, "group"))
		return json_str(o, "group", JSON_MAY, &text, err);
	if (json_str(o, "group", JSON_MUST, &text, err) < 0)
		return -1;
	if (addr4_read(text, &c->group4, &why) < 0)
		return json_bad(o, "group", err, "%s", why.text);
	if (c->group4 >> 24 != 232 && c->group4 >> 24 != 239)
		return json_bad(o, "group", err, "%s is not in 232.0.0.0/8 nor in 239.0.0.0/8", text);
	if (FLOODED4(c->group4))
		return json_bad(o, "group", err,
				"%s is one that switches bring to every port: its second byte is 0 or 128, its third 0", text);
	if ((c->group4 & 0xff) + SITE_CAST_GROUPS > 256)
		return json_bad(o, "group", err, "%s ends in more than %d: it is the first of %d groups", text,
				256 - SITE_CAST_GROUPS, SITE_CAST_GROUPS);
	c->own_group4 = true;
	return 0;
}

/* ff3x::8000:0 to ff3x::ffff:ffff is for whoever wants source-specific ones (RFC 4607, 4.3 and RFC 3307, 4.3), ff1x: all others
 * that nobody assigned. x: 2 link, 5 site, 8 organisation. */
static bool is_group6(const struct addr6 *a)
{
	static const uint8_t zero[10];
	uint8_t scope = a->bytes[1] & 0x0f;

	if (a->bytes[0] != 0xff || (scope != 2 && scope != 5 && scope != 8) || a->bytes[12] < 0x80)
		return false;
	return (a->bytes[1] & 0xf0) == 0x10 || ((a->bytes[1] & 0xf0) == 0x30 && memcmp(a->bytes + 2, zero, sizeof(zero)) == 0);
}

static int read_group6(struct json_obj *o, struct site_cast *c, struct err *err)
{
	autofree char *text = NULL;
	struct err why = { 0 };

	if (!json_has(o, "group6"))
		return json_str(o, "group6", JSON_MAY, &text, err);
	if (json_str(o, "group6", JSON_MUST, &text, err) < 0)
		return -1;
	if (addr6_read(text, &c->group6, &why) < 0)
		return json_bad(o, "group6", err, "%s", why.text);
	if (!is_group6(&c->group6))
		return json_bad(o, "group6", err,
				"%s is not one of ff3x::8000:0 to ff3x::ffff:ffff, nor below ff1x:: with such last 32 bits; x is "
				"2, 5 or 8",
				text);
	if (c->group6.bytes[15] + SITE_CAST_GROUPS > 256)
		return json_bad(o, "group6", err, "%s ends in more than %x: it is the first of %d groups", text,
				256 - SITE_CAST_GROUPS, SITE_CAST_GROUPS);
	c->own_group6 = true;
	return 0;
}

int site_cast_read(struct json_obj *root, struct site *site, struct err *err)
{
	static const char *const choices[] = { "auto", "off", NULL };
	struct site_cast *c = &site->cast;
	struct json_obj o;
	int found, mode = 0, querier = 0;

	*c = (struct site_cast){ .on = true, .querier = true, .gather_s = 10, .port = 4580 };
	found = json_obj(root, "cast", JSON_MAY, &o, err);
	if (found <= 0)
		return found;
	if (json_enum(&o, "mode", JSON_MAY, choices, &mode, err) < 0 ||
	    json_enum(&o, "querier", JSON_MAY, choices, &querier, err) < 0 ||
	    json_u64(&o, "gather", JSON_MAY, 0, 600, &c->gather_s, err) < 0 ||
	    json_u64(&o, "rate_mbit", JSON_MAY, 0, 1000000, &c->rate_mbit, err) < 0 ||
	    json_u64(&o, "port", JSON_MAY, 1024, 65536 - SITE_CAST_PORTS, &c->port, err) < 0 || read_group4(&o, c, err) < 0 ||
	    read_group6(&o, c, err) < 0 || site_relays_read(&o, c, err) < 0)
		return -1;
	c->on = mode == 0;
	c->querier = querier == 0;
	return json_obj_end(&o, err);
}

/* Two clusters on one wire shall not wake each other's nodes: groups that nobody chose follow from the cluster's name. They are
 * source-specific ones, so that two with the same are still told apart. */
void site_cast_default(struct site *site)
{
	struct site_cast *c = &site->cast;
	autofree char *text = str_format("orthrus cast groups\n%s\n", site->cluster ? site->cluster : "");
	struct digest d;

	digest_of(text, strlen(text), &d);
	if (!c->own_group4)
		c->group4 = 232U << 24 | (uint32_t)d.bytes[0] << 16 | (uint32_t)(d.bytes[1] | 1) << 8 | (d.bytes[2] & 0xc0);
	if (!c->own_group6)
		c->group6 = (struct addr6){
			{ 0xff, 0x35, [12] = d.bytes[3] | 0x80, [13] = d.bytes[4], [14] = d.bytes[5], [15] = d.bytes[6] & 0xc0 }
		};
}

void site_cast_print(const struct site_cast *c, struct json_out *w)
{
	char addr[ADDR6_LEN];

	json_put_obj(w, "cast");
	json_put_str(w, "mode", c->on ? "auto" : "off");
	json_put_str(w, "querier", c->querier ? "auto" : "off");
	json_put_u64(w, "gather", c->gather_s);
	if (c->rate_mbit)
		json_put_u64(w, "rate_mbit", c->rate_mbit);
	if (c->own_group4) {
		addr4_print(c->group4, addr);
		json_put_str(w, "group", addr);
	}
	if (c->own_group6) {
		addr6_print(&c->group6, addr);
		json_put_str(w, "group6", addr);
	}
	json_put_u64(w, "port", c->port);
	site_relays_print(c, w);
	json_end_obj(w);
}

uint32_t site_cast_group4(const struct site_cast *c, uint32_t cast)
{
	return c->group4 + cast % SITE_CAST_GROUPS;
}

void site_cast_group6(const struct site_cast *c, uint32_t cast, struct addr6 *out)
{
	*out = c->group6;
	out->bytes[15] = (uint8_t)(out->bytes[15] + cast % SITE_CAST_GROUPS);
}
