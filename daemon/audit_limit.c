/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/audit_limit.h"

#include "base/str.h"
#include "sys/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define MINUTE_NS (60 * NS_PER_S)
#define PREFIX_BYTES 8

void audit_source(const char *address, char out[AUDIT_SOURCE_LEN])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }; /* RFC 4291, 2.5.5.2: an IPv4 address */
	uint8_t six[16];
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET6, address, six) != 1 || memcmp(six, mapped, sizeof(mapped)) == 0) {
		snprintf(out, AUDIT_SOURCE_LEN, "%s", address);
		return;
	}
	memset(six + PREFIX_BYTES, 0, sizeof(six) - PREFIX_BYTES);
	inet_ntop(AF_INET6, six, text, sizeof(text));
	snprintf(out, AUDIT_SOURCE_LEN, "%s/64", text);
}

static struct audit_source *find(struct audit_limit *l, const char *name)
{
	struct audit_source *s;

	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->sources[i].name, name))
			return &l->sources[i];
	if (l->n >= AUDIT_LIMIT_SOURCES && !str_eq(name, AUDIT_LIMIT_OTHERS))
		return find(l, AUDIT_LIMIT_OTHERS);
	s = &l->sources[l->n++];
	*s = (struct audit_source){ 0 };
	snprintf(s->name, sizeof(s->name), "%s", name);
	return s;
}

bool audit_limit_take(struct audit_limit *l, const char *source, int64_t now_ns)
{
	struct audit_source *s = find(l, source);

	if (!l->minute_ns)
		l->minute_ns = now_ns;
	if (s->written >= AUDIT_LIMIT_PER_SOURCE || l->written >= AUDIT_LIMIT_ALL) {
		s->more++;
		return false;
	}
	s->written++;
	l->written++;
	return true;
}

bool audit_limit_over(const struct audit_limit *l, int64_t now_ns)
{
	return l->minute_ns && now_ns - l->minute_ns >= MINUTE_NS;
}

void audit_limit_clear(struct audit_limit *l)
{
	l->n = 0;
	l->written = 0;
	l->minute_ns = 0;
}
