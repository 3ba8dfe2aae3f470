/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the administrator wants: site.json as structs (docs/man/site.json.5). Pure: reads text, checks, prints text. */
#ifndef ORTHRUS_SITE_SITE_H
#define ORTHRUS_SITE_SITE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "site/addr.h"
#include "site/interfaces.h"
#include "site/layout.h"

#include <stdbool.h>
#include <stdint.h>

enum site_role { SITE_PROVISION, SITE_COMPUTE, SITE_BMC, SITE_OUTSIDE };

struct site_network {
	char *name;
	enum site_role role;
	bool has4;
	struct net4 net4;		  /* "ipv4.subnet" */
	uint32_t gateway4;		  /* 0: none */
	uint32_t pool4_first, pool4_last; /* dynamic pool for machines not yet known; 0: none */
	bool has6;
	struct net6 net6; /* "ipv6.subnet"; of the provision network always a /64 */
	bool has_gateway6;
	struct addr6 gateway6;
	/* Addresses for firmware and boot loaders, and for machines not yet known. After site_check the provision network has one
	 * where it has IPv6: the host numbers b007:0:0 to b007:0:ffff when none is given. */
	bool has_pool6;
	struct addr6 pool6_first, pool6_last;
	unsigned int vlan; /* 0: untagged */
	unsigned int mtu;  /* 0: default */
	char *bond_mode;   /* NULL: none; "active-backup" or "802.3ad" */
	struct str_list bond_ports;
	struct str_list dns;
};

struct site_head {
	char *name;
	char *interface; /* the one on the provision network */
	char *network;
	/* After site_check it has one in each family that its network has, and none in the other: "ipv6" that is not given is the
	 * address with the host number of "ipv4". */
	uint32_t addr4; /* 0: none */
	bool has6;
	struct addr6 addr6;
};

struct site_vip {   /* a service address */
	char *name; /* "svc", "nfs" */
	char *network;
	uint32_t addr4; /* as a head's */
	bool has6;
	struct addr6 addr6;
};

struct site_image {
	char *name;
	char *suite;		  /* "bookworm" or "trixie" */
	char *mirror;		  /* NULL: the one that the head's apt uses */
	struct str_list packages; /* beside those that every node needs */
};

struct site_group {
	char *name;
	char *extends;	      /* NULL, or the group whose unset values are taken */
	char *image, *layout; /* own or inherited after site_check; NULL only where no node may use the group */
	char *network;	      /* ditto: the provision network's name */
	struct str_list kernel_args;
	bool has_kernel_args;
	char *boot; /* ditto: "disk" or "diskless", what nodes do that are new in it; NULL: none said, which is "disk" */
	char *bmc_protocol, *bmc_user;	   /* own or inherited; NULL: none. For nodes that have none of their own */
	struct site_interfaces interfaces; /* its own; site_interfaces() says which list holds */
};

/* "cast": how nodes get images. Casts that run at the same time have groups of their own, or switches would bring each node all
 * of them: the groups are SITE_CAST_GROUPS ones that follow each other. */
#define SITE_CAST_GROUPS 64
#define SITE_CAST_PORTS 16 /* of the head, that reports of receivers go to: as many casts run at a time */
/* A machine that brings casts into a network that multicast of the head does not reach (cast/relay.h). */
#define SITE_RELAYS_MAX 16
struct site_relay {
	char *network, *machine; /* where to; which one, for people: a head's or a node's name */
	uint32_t addr4;		 /* its address there; 0: none. After site_check() it has one of the family of casts */
	bool has6;
	struct addr6 addr6;
	char *from; /* the network whose relay sends to it; NULL: the head does */
};
struct site_cast {
	bool on;		     /* mode "auto"; else nodes are installed over TLS, one by one */
	bool querier;		     /* the head asks for multicast members (IGMP, MLD) when nobody else does */
	uint64_t gather_s;	     /* how long nodes are waited for before it begins */
	uint64_t rate_mbit;	     /* 0: no limit */
	uint64_t port;		     /* UDP: of groups, and the first of SITE_CAST_PORTS of the head */
	uint32_t group4;	     /* the first group; never 0 after site_read() */
	struct addr6 group6;	     /* ditto */
	bool own_group4, own_group6; /* given in the file; else they follow from the cluster's name */
	struct site_relay *relays;
	size_t n_relays;
};

/* "pair": two heads of which one at a time answers for the service addresses (docs/failover.md). Lists are as short as they
 * look: the voters are the two heads and none, one or three witnesses. */
#define SITE_PAIR 2
#define SITE_WITNESSES_MAX 3
#define SITE_LINKS_MAX 4
struct site_ip { /* one of either family */
	bool six;
	uint32_t addr4; /* as all here in host order */
	struct addr6 addr6;
};
struct site_link { /* a network that guards talk over */
	char *network;
	struct site_ip heads[SITE_PAIR]; /* the heads' addresses there, in the order of site.heads; after site_check() */
	bool own;			 /* they are given; else those with the heads' host numbers */
};
struct site_witness {
	char *name;
	struct site_ip addresses[SITE_LINKS_MAX]; /* one that every link leads to, or one for each link, in their order */
	size_t n_addresses;
};
struct site_pair_interface { /* a head's interface on a network that is not the provision network */
	char *head, *network, *interface;
};
enum site_gate { SITE_GATE_AUTO, SITE_GATE_BPF, SITE_GATE_NFT };
enum site_fencing { SITE_FENCE_IPMI, SITE_FENCE_REDFISH, SITE_FENCE_AGENT, SITE_FENCE_MANUAL };
struct site_fence { /* how to make sure that a head is off; of several for one head all must say so */
	char *head;
	enum site_fencing driver;
	char *address, *user;	 /* of IPMI and Redfish; else NULL */
	char *pin;		 /* of Redfish: the SHA-256 of its public key, 64 hexadecimal digits */
	char *agent;		 /* "fence_apc_snmp" */
	char *password_file;	 /* on the heads; NULL: an agent that needs none, or manual */
	struct str_list options; /* of the agent: "plug=3"; none is a secret */
};
struct site_pair {
	bool given; /* else nobody guards anything, and the rest means nothing */
	uint64_t lease_ms, renew_ms, hold_off_s, port;
	int cpu; /* -1: any */
	enum site_gate gate;
	char *preferred; /* the head that asks first when both start; after site_check() never NULL */
	bool own_links;	 /* given; else there is one: the provision network */
	struct site_link links[SITE_LINKS_MAX];
	size_t n_links;
	struct site_witness witnesses[SITE_WITNESSES_MAX];
	size_t n_witnesses;
	struct site_pair_interface *interfaces;
	size_t n_interfaces;
	struct site_fence *fences;
	size_t n_fences;
};

struct site {
	uint64_t format; /* 1 */
	char *cluster, *domain;
	char *timezone;
	struct str_list ntp;
	struct site_network *networks;
	size_t n_networks;
	struct site_head *heads;
	size_t n_heads;
	struct site_vip *vips;
	size_t n_vips;
	struct site_image *images;
	size_t n_images;
	struct layout *layouts;
	size_t n_layouts;
	struct site_group *groups;
	size_t n_groups;
	struct site_node *nodes; /* what is different for single ones */
	size_t n_nodes;
	bool trust_mac;	   /* enrol.trust_mac: a MAC address alone says which node it is */
	bool discover;	   /* netboot.unknown == "discover" (else "disk") */
	uint64_t api_port; /* TLS, default 8443 */
	struct site_cast cast;
	struct site_pair pair;
	char *serial_console; /* NULL, or "ttyS0,115200" */
	char *admin_keys;     /* NULL, or ssh authorized_keys lines for root on nodes */
};

/* Read and check in one go: on 0 the site is whole and consistent. Errors name path, value and what is allowed. `source` names
 * the text in errors. */
int site_read(const char *text, size_t len, const char *source, struct site *out, struct err *err) WARN_UNUSED;
/* All problems at once, one line each, appended to `problems` (returns how many); the strict reader stops at the first, this one
 * goes on where it can. */
size_t site_problems(const char *text, size_t len, struct str_list *problems);
void site_print(const struct site *site, struct buf *out); /* canonical JSON: reading it again gives the same site */
void site_free(struct site *site);
/* A complete, commented-by-names starting point for `site init`. Fields given in `seed` (may be all zero) are used. */
struct site_seed {
	const char *cluster, *domain, *interface, *head_addr, *head_name, *suite;
	const char *subnet; /* IPv4; NULL: 10.1.0.0/16; "off": none */
	const char *ipv6;   /* a prefix of at most 64 bits, whose first /64 is taken; NULL: an own one (below); "off": none */
	const char *unique; /* with `ipv6` NULL: what nobody else has, this machine's id. A /48 for local use is made of it and
			       the cluster's name (RFC 4193, 3.2.2, with SHA-256): the same every time. NULL: no IPv6. */
	bool trust_mac;
	/* NULL or empty in each of these: not said. */
	const char *timezone, *gateway; /* the gateway is IPv4 */
	const char *service_address;	/* "svc", which follows the active head; of either family, as head_addr */
	const char *unknown;		/* "disk" or "discover": netboot.unknown */
	const char *pool;	/* "10.1.9.1-10.1.9.99"; "off": none; not said: some at the subnet's end with "discover" */
	const char *serial;	/* "off": none; not said: ttyS0,115200 */
	const char *raid;	/* "0", "1", "5", "6", "10", "none"; not said: 1 */
	const char *disks;	/* how many of a node's disks are used; not said: the fewest that the level needs */
	const char *filesystem; /* of nodes' "/": "ext4" (not said) or "xfs" */
	const char *firmware;	/* "both" (not said), "bios" or "uefi" */
	const struct str_list *ntp, *packages, *admin_keys;
};
int site_init(const struct site_seed *seed, struct site *out, struct err *err) WARN_UNUSED;

const struct site_group *site_group(const struct site *site, const char *name);
const struct site_image *site_image(const struct site *site, const char *name);
const struct layout *site_layout(const struct site *site, const char *name);
const struct site_network *site_network(const struct site *site, const char *name);
const struct site_network *site_provision(const struct site *site);	 /* the one provision network */
bool site_in_pool6(const struct site_network *n, const struct addr6 *a); /* one of its pool's? */
/* The address nodes talk to: the "svc" service address if there is one, else the first head's on the provision network. Host
 * order. */
uint32_t site_service_addr4(const struct site *site);		     /* 0: the site has no IPv4 there */
bool site_service_addr6(const struct site *site, struct addr6 *out); /* the same for IPv6; false: none */

/* The interface of head `i` on this network; NULL: none is known. */
const char *site_head_interface(const struct site *site, size_t i, const char *network);
/* Where a link leads to a witness. */
const struct site_ip *site_witness_address(const struct site_witness *w, size_t link);
void site_ip_print(const struct site_ip *a, char out[ADDR6_LEN]);
/* The key of site.json for it: "ipmi", "redfish", "fence-agent", "manual". */
const char *site_fencing_name(enum site_fencing f);
/* What is allowed, but less than an administrator may think: one line each is appended. Returns how many. */
size_t site_warnings(const struct site *site, struct str_list *out);

/* The groups of the cast with this number. */
uint32_t site_cast_group4(const struct site_cast *c, uint32_t cast);
void site_cast_group6(const struct site_cast *c, uint32_t cast, struct addr6 *out);
const struct site_relay *site_relay(const struct site_cast *c, const char *network); /* NULL: the network has none */
/* The one that the head sends to on the way to `r`; `r` itself, where it does so to that. */
const struct site_relay *site_relay_first(const struct site_cast *c, const struct site_relay *r);
/* What a relay has to know, as texts: its address, the first group, whose packets it takes, which relays are behind it. */
struct site_relay_role {
	char address[ADDR6_LEN], group[ADDR6_LEN];
	uint64_t port;
	struct str_list from, to;
};
void site_relay_role(const struct site *site, const struct site_relay *r, struct site_relay_role *out);
void site_relay_role_free(struct site_relay_role *role);
/* The options of `orthrus-node relay`, in one line without its end. */
void site_relay_words(const struct site_relay_role *role, struct buf *out);

#endif
