/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the gate's BPF program and who loads it have in common. */
#ifndef ORTHRUS_GUARD_GATE_KEY_H
#define ORTHRUS_GUARD_GATE_KEY_H

/* IPv4 addresses are ::ffff:a.b.c.d: no packet of IPv6 has such a one. */
struct gate_key {
	unsigned char bytes[16];
};
#define GATE_KEYS 64

/* One for each CPU, on a line of the cache of its own; CPUs beyond these share. */
#define GATE_COUNTS 128
struct gate_count {
	unsigned long long passed, dropped;
	unsigned long long pad[6];
};

#endif
