/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gate_tool's frames: every sort that matters to the gate, and which of them are of a service address. */
#ifndef ORTHRUS_TESTS_GATE_SORTS_H
#define ORTHRUS_TESTS_GATE_SORTS_H

#include "base/mem.h"
#include "tests/lab/gate_frames.h"

#include <net/ethernet.h>
#include <stdio.h>

/* A frame, and whether it is one of a service address when it leaves the head, and when it comes in. */
struct sort {
	char name[96];
	struct frame f;
	bool leaving, coming;
	bool headers; /* IPv6 with others before what it carries */
	size_t tags;
};
struct sorts {
	struct sort *all;
	size_t n, cap;
	uint8_t from[6];
};

static inline struct sort *sort_new(struct sorts *s, const char *tags, unsigned int type, bool leaving, bool coming)
{
	static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct sort *x;

	s->all = mem_room(s->all, s->n, &s->cap, sizeof(*s->all));
	x = &s->all[s->n++];
	*x = (struct sort){ .leaving = leaving, .coming = coming, .tags = strlen(tags) };
	frame_begin(&x->f, everybody, s->from, tags, type);
	return x;
}

#define NAME(x, ...) snprintf((x)->name, sizeof((x)->name), __VA_ARGS__)

static inline void sorts_4(struct sorts *s, const char *tags)
{
	static const uint8_t who[] = { SERVICE, HEAD, STRANGER, NOBODY }, data[24] = { 0x30, 0x39, 0x1e, 0x61, 0, 24 };
	static const unsigned int fragments[] = { 0, 0x2000, 0x2003 };

	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		for (size_t k = 0; k < ARRAY_LEN(who); k++) {
			bool from = who[i] == SERVICE, to = who[k] == SERVICE;
			struct sort *x;

			for (unsigned int op = 1; op <= 2; op++) {
				x = sort_new(s, tags, ETHERTYPE_ARP, from, to && !from);
				frame_arp(&x->f, op, who[i], who[k], s->from);
				NAME(x, "tags '%s': ARP %u of %u about %u", tags, op, who[i], who[k]);
			}
			for (size_t l = 0; l < ARRAY_LEN(fragments); l++) {
				x = sort_new(s, tags, ETHERTYPE_IP, from, to);
				frame_ip4(&x->f, who[i], who[k], 17, fragments[l], data, sizeof(data), 0);
				NAME(x, "tags '%s': IPv4 %u to %u, fragment %x", tags, who[i], who[k], fragments[l]);
			}
		}
	}
}

static inline void sorts_6(struct sorts *s, const char *tags)
{
	static const uint8_t who[] = { SERVICE, HEAD, NOBODY }, data[16] = { 0x30, 0x39, 0x1e, 0x61, 0, 16 };
	static const char *const headers[] = { "", "h", "d", "hd", "hdd", "f", "hf", "F", "hF" };

	for (size_t i = 0; i < ARRAY_LEN(who); i++) {
		for (size_t k = 0; k < ARRAY_LEN(who); k++) {
			for (size_t h = 0; h < ARRAY_LEN(headers); h++) {
				bool from = who[i] == SERVICE, to = who[k] == SERVICE, later = strchr(headers[h], 'F');
				struct sort *x = sort_new(s, tags, ETHERTYPE_IPV6, from, to);
				uint8_t dst[16];

				frame_addr6(dst, who[k]);
				frame_ip6(&x->f, who[i], dst, headers[h], 17, data, sizeof(data), 0);
				NAME(x, "tags '%s': IPv6 %u to %u, headers '%s'", tags, who[i], who[k], headers[h]);
				x->headers = *headers[h];
				for (unsigned int type = 135; type <= 136; type++) {
					bool claims = to && (type == 136 || who[i] == NOBODY);

					x = sort_new(s, tags, ETHERTYPE_IPV6, from || (claims && !later),
						     to && type == 135 && !later);
					frame_nd(&x->f, who[i], headers[h], (uint8_t)type, who[k], s->from);
					NAME(x, "tags '%s': ND %u of %u about %u, headers '%s'", tags, type, who[i], who[k],
					     headers[h]);
					x->headers = *headers[h];
				}
			}
		}
	}
}

/* The same, cut off somewhere before the addresses end: nobody's, hence dropped; what is no frame of these kinds passes. */
static inline void sorts_short(struct sorts *s, const char *tags)
{
	static const struct {
		unsigned int type;
		size_t len;
	} kinds[] = { { ETHERTYPE_IP, 3 },    { ETHERTYPE_IP, 13 },  { ETHERTYPE_IP, 15 },  { ETHERTYPE_ARP, 5 },
		      { ETHERTYPE_ARP, 16 },  { ETHERTYPE_ARP, 26 }, { ETHERTYPE_IPV6, 6 }, { ETHERTYPE_IPV6, 12 },
		      { ETHERTYPE_IPV6, 20 }, { ETHERTYPE_IPV6, 23 } };
	static const uint8_t zeros[64] = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct sort *x = sort_new(s, tags, kinds[i].type, true, true);

		frame_put(&x->f, zeros, kinds[i].len);
		NAME(x, "tags '%s': type %04x, %zu bytes of it", tags, kinds[i].type, kinds[i].len);
	}
	struct sort *x = sort_new(s, tags, 0x88cc, false, false);

	frame_put(&x->f, zeros, sizeof(zeros));
	NAME(x, "tags '%s': LLDP", tags);
}

static inline void sorts_make(struct sorts *s)
{
	static const char *const tags[] = { "", "c", "0", "s", "sc", "ssc" };
	static const uint8_t zeros[64] = { 0 };
	struct sort *x;

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		sorts_4(s, tags[i]);
		sorts_6(s, tags[i]);
		sorts_short(s, tags[i]);
	}
	x = sort_new(s, "sssssssssc", ETHERTYPE_IP, true, true);
	frame_put(&x->f, zeros, sizeof(zeros));
	NAME(x, "ten tags");
}

#endif
