/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "pair" of site.json: who votes on which head answers for the service addresses, over which networks, how fast, and how a head
 * is switched off. */
#include "base/json.h"
#include "base/mem.h"
#include "site/problems.h"
#include "site/site.h"
#include "site/words.h"

#include <string.h>

#define MAX_INTERFACES 32
#define MAX_FENCES 8

static const char *const gates[] = { [SITE_GATE_AUTO] = "auto", [SITE_GATE_BPF] = "bpf", [SITE_GATE_NFT] = "nft", NULL };
static const char *const fencings[] = { [SITE_FENCE_IPMI] = "ipmi",
					[SITE_FENCE_REDFISH] = "redfish",
					[SITE_FENCE_AGENT] = "fence-agent",
					[SITE_FENCE_MANUAL] = "manual",
					NULL };

const char *site_fencing_name(enum site_fencing f)
{
	return fencings[f];
}

void site_ip_print(const struct site_ip *a, char out[ADDR6_LEN])
{
	if (a->six)
		addr6_print(&a->addr6, out);
	else
		addr4_print(a->addr4, out);
}

/* "addresses" into at most `max` of them. */
static int read_addresses(struct json_obj *o, enum json_need need, size_t min, size_t max, struct site_ip *out, size_t *n,
			  struct err *err)
{
	autoclean(str_list_free) struct str_list texts = { 0 };
	struct err why = { 0 };

	if (json_strs(o, "addresses", need, &texts, err) < 0)
		return -1;
	if (!json_has(o, "addresses"))
		return 0;
	if (min == max && texts.len != min)
		return json_bad(o, "addresses", err, "has %zu element%s; must have %zu, one for each head", texts.len,
				texts.len == 1 ? "" : "s", min);
	if (texts.len < min || texts.len > max)
		return json_bad(o, "addresses", err, "has %zu elements; must have %zu to %zu", texts.len, min, max);
	for (size_t i = 0; i < texts.len; i++) {
		autofree char *at = str_format("addresses[%zu]", i);

		out[i] = (struct site_ip){ .six = addr4_read(texts.items[i], &out[i].addr4, &why) < 0 };
		if (out[i].six && addr6_read(texts.items[i], &out[i].addr6, &why) < 0)
			return json_bad(o, at, err, "'%.80s' is neither an IPv4 nor an IPv6 address", texts.items[i]);
		if (!out[i].six && addr4_read(texts.items[i], &out[i].addr4, &why) < 0)
			return json_bad(o, at, err, "%s", why.text);
	}
	*n = texts.len;
	return 0;
}

static int read_link(struct json_obj *o, void *item, struct err *err)
{
	struct site_link *l = item;
	size_t n = 0;

	if (json_str(o, "network", JSON_MUST, &l->network, err) < 0 ||
	    read_addresses(o, JSON_MAY, SITE_PAIR, SITE_PAIR, l->heads, &n, err) < 0)
		return -1;
	l->own = n > 0;
	return json_obj_end(o, err);
}

static int read_witness(struct json_obj *o, void *item, struct err *err)
{
	struct site_witness *w = item;

	if (site_read_word(o, "name", JSON_MUST, word_machine, &w->name, err) < 0 ||
	    read_addresses(o, JSON_MUST, 1, SITE_LINKS_MAX, w->addresses, &w->n_addresses, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

static int read_interface(struct json_obj *o, void *item, struct err *err)
{
	struct site_pair_interface *f = item;

	if (json_str(o, "head", JSON_MUST, &f->head, err) < 0 || json_str(o, "network", JSON_MUST, &f->network, err) < 0 ||
	    site_read_word(o, "interface", JSON_MUST, word_interface, &f->interface, err) < 0)
		return -1;
	return json_obj_end(o, err);
}

/* Which keys a driver has; the others are unknown to it. */
static int read_driver(struct json_obj *o, struct site_fence *f, struct err *err)
{
	static const char hex[] = "0123456789abcdef";

	if (f->driver == SITE_FENCE_MANUAL)
		return 0;
	if (site_read_word(o, "password_file", f->driver == SITE_FENCE_AGENT ? JSON_MAY : JSON_MUST, word_file, &f->password_file,
			   err) < 0)
		return -1;
	if (f->driver == SITE_FENCE_AGENT)
		return site_read_word(o, "agent", JSON_MUST, word_agent, &f->agent, err) < 0
			       ? -1
			       : site_read_words(o, "options", word_agent_option, &f->options, err);
	if (site_read_word(o, "address", JSON_MUST, word_bmc_address, &f->address, err) < 0 ||
	    site_read_word(o, "user", JSON_MUST, word_bmc_user, &f->user, err) < 0)
		return -1;
	if (f->driver != SITE_FENCE_REDFISH)
		return 0;
	if (json_str(o, "pin", JSON_MUST, &f->pin, err) < 0)
		return -1;
	if (strlen(f->pin) != 64 || strspn(f->pin, hex) != 64)
		return json_bad(o, "pin", err, "must be 64 of 0-9 and a-f: the SHA-256 of the BMC's public key");
	return 0;
}

static int read_fence(struct json_obj *o, void *item, struct err *err)
{
	struct site_fence *f = item;
	int driver = SITE_FENCE_MANUAL;

	if (json_str(o, "head", JSON_MUST, &f->head, err) < 0 || json_enum(o, "driver", JSON_MUST, fencings, &driver, err) < 0)
		return -1;
	f->driver = (enum site_fencing)driver;
	return read_driver(o, f, err) < 0 ? -1 : json_obj_end(o, err);
}

/* A list of objects into `items`, which has room for `max`. */
static int read_list(struct json_obj *o, const char *key, size_t max, void *items, size_t size,
		     int (*read)(struct json_obj *o, void *item, struct err *err), size_t *n, struct err *err)
{
	struct json_arr a;
	int found = json_arr_max(o, key, JSON_MAY, max, &a, err);

	for (*n = 0; found > 0 && *n < a.len;) {
		struct json_obj element;

		if (json_arr_obj(&a, *n, &element, err) < 0)
			return -1;
		/* What it took before it failed is freed with the rest. */
		if (read(&element, (char *)items + (*n)++ * size, err) < 0)
			return -1;
	}
	return found < 0 ? -1 : 0;
}

static int read_lists(struct json_obj *o, struct site_pair *pair, struct err *err)
{
	pair->interfaces = mem_array(MAX_INTERFACES, sizeof(*pair->interfaces));
	pair->fences = mem_array(MAX_FENCES, sizeof(*pair->fences));
	if (read_list(o, "links", SITE_LINKS_MAX, pair->links, sizeof(*pair->links), read_link, &pair->n_links, err) < 0 ||
	    read_list(o, "witnesses", SITE_WITNESSES_MAX, pair->witnesses, sizeof(*pair->witnesses), read_witness,
		      &pair->n_witnesses, err) < 0 ||
	    read_list(o, "interfaces", MAX_INTERFACES, pair->interfaces, sizeof(*pair->interfaces), read_interface,
		      &pair->n_interfaces, err) < 0 ||
	    read_list(o, "fences", MAX_FENCES, pair->fences, sizeof(*pair->fences), read_fence, &pair->n_fences, err) < 0)
		return -1;
	pair->own_links = pair->n_links > 0;
	return 0;
}

/* What the guard would refuse: lease_config_check() of headfailover/guard/core.h. */
static int check_times(struct json_obj *o, struct site_pair *pair, struct err *err)
{
	/* A third of what is left of the lease when clocks differ by its margin, a thousandth and 1 ms. */
	const uint64_t most = (999 * pair->lease_ms - 1000) / 3000;

	if (pair->renew_ms > most)
		return json_bad(
			o, "renew_ms", err,
			"%llu is more than %llu, a third of lease_ms (%llu) less the margin for clocks: with one renewal lost "
			"the lease would end",
			(unsigned long long)pair->renew_ms, (unsigned long long)most, (unsigned long long)pair->lease_ms);
	if (1000 * pair->hold_off_s >= 2 * pair->lease_ms)
		return 0;
	if (json_has(o, "hold_off_s"))
		return json_bad(o, "hold_off_s", err,
				"%llu is less than two leases of %llu ms: the other head needs as long to take it",
				(unsigned long long)pair->hold_off_s, (unsigned long long)pair->lease_ms);
	pair->hold_off_s = (2 * pair->lease_ms + 999) / 1000;
	return 0;
}

int site_pair_read(struct json_obj *root, struct site *site, struct err *err)
{
	struct site_pair *pair = &site->pair;
	struct json_obj o;
	int found, gate = SITE_GATE_AUTO;
	uint64_t cpu = UINT64_MAX;

	*pair = (struct site_pair){ .lease_ms = 100, .hold_off_s = 3, .port = 4600, .cpu = -1 };
	found = json_obj(root, "pair", JSON_MAY, &o, err);
	if (found <= 0)
		return found;
	if (json_u64(&o, "lease_ms", JSON_MAY, 10, 10000, &pair->lease_ms, err) < 0)
		return -1;
	pair->renew_ms = pair->lease_ms / 5;
	if (json_u64(&o, "renew_ms", JSON_MAY, 1, 10000, &pair->renew_ms, err) < 0 ||
	    json_u64(&o, "hold_off_s", JSON_MAY, 0, 3600, &pair->hold_off_s, err) < 0 ||
	    json_u64(&o, "port", JSON_MAY, 1024, 65535, &pair->port, err) < 0 ||
	    json_u64(&o, "cpu", JSON_MAY, 0, 1023, &cpu, err) < 0 || json_enum(&o, "gate", JSON_MAY, gates, &gate, err) < 0 ||
	    json_str(&o, "preferred", JSON_MAY, &pair->preferred, err) < 0 || read_lists(&o, pair, err) < 0)
		return -1;
	if (check_times(&o, pair, err) < 0)
		return -1;
	pair->gate = (enum site_gate)gate;
	pair->cpu = cpu == UINT64_MAX ? -1 : (int)cpu;
	pair->given = true;
	return json_obj_end(&o, err);
}

void site_pair_free(struct site_pair *pair)
{
	for (size_t i = 0; i < pair->n_links; i++)
		free(pair->links[i].network);
	for (size_t i = 0; i < pair->n_witnesses; i++)
		free(pair->witnesses[i].name);
	for (size_t i = 0; i < pair->n_interfaces; i++) {
		free(pair->interfaces[i].head);
		free(pair->interfaces[i].network);
		free(pair->interfaces[i].interface);
	}
	for (size_t i = 0; i < pair->n_fences; i++) {
		free(pair->fences[i].head);
		free(pair->fences[i].address);
		free(pair->fences[i].user);
		free(pair->fences[i].pin);
		free(pair->fences[i].agent);
		free(pair->fences[i].password_file);
		str_list_free(&pair->fences[i].options);
	}
	free(pair->interfaces);
	free(pair->fences);
	free(pair->preferred);
	*pair = (struct site_pair){ 0 };
}

static void put_optional(struct json_out *w, const char *key, const char *value)
{
	if (value)
		json_put_str(w, key, value);
}

static void print_addresses(const struct site_ip *a, size_t n, struct json_out *w)
{
	char text[ADDR6_LEN];

	json_put_arr(w, "addresses");
	for (size_t i = 0; i < n; i++) {
		site_ip_print(&a[i], text);
		json_put_str(w, NULL, text);
	}
	json_end_arr(w);
}

static void print_voters(const struct site_pair *pair, struct json_out *w)
{
	if (pair->own_links)
		json_put_arr(w, "links");
	for (size_t i = 0; pair->own_links && i < pair->n_links; i++) {
		json_put_obj(w, NULL);
		json_put_str(w, "network", pair->links[i].network);
		if (pair->links[i].own)
			print_addresses(pair->links[i].heads, SITE_PAIR, w);
		json_end_obj(w);
	}
	if (pair->own_links)
		json_end_arr(w);
	json_put_arr(w, "witnesses");
	for (size_t i = 0; i < pair->n_witnesses; i++) {
		json_put_obj(w, NULL);
		json_put_str(w, "name", pair->witnesses[i].name);
		print_addresses(pair->witnesses[i].addresses, pair->witnesses[i].n_addresses, w);
		json_end_obj(w);
	}
	json_end_arr(w);
}

static void print_machines(const struct site_pair *pair, struct json_out *w)
{
	json_put_arr(w, "interfaces");
	for (size_t i = 0; i < pair->n_interfaces; i++) {
		json_put_obj(w, NULL);
		json_put_str(w, "head", pair->interfaces[i].head);
		json_put_str(w, "network", pair->interfaces[i].network);
		json_put_str(w, "interface", pair->interfaces[i].interface);
		json_end_obj(w);
	}
	json_end_arr(w);
	json_put_arr(w, "fences");
	for (size_t i = 0; i < pair->n_fences; i++) {
		const struct site_fence *f = &pair->fences[i];

		json_put_obj(w, NULL);
		json_put_str(w, "head", f->head);
		json_put_str(w, "driver", fencings[f->driver]);
		put_optional(w, "address", f->address);
		put_optional(w, "user", f->user);
		put_optional(w, "password_file", f->password_file);
		put_optional(w, "pin", f->pin);
		put_optional(w, "agent", f->agent);
		if (f->agent)
			json_put_strs(w, "options", &f->options);
		json_end_obj(w);
	}
	json_end_arr(w);
}

void site_pair_print(const struct site_pair *pair, struct json_out *w)
{
	if (!pair->given)
		return;
	json_put_obj(w, "pair");
	json_put_u64(w, "lease_ms", pair->lease_ms);
	json_put_u64(w, "renew_ms", pair->renew_ms);
	json_put_u64(w, "hold_off_s", pair->hold_off_s);
	json_put_u64(w, "port", pair->port);
	if (pair->cpu >= 0)
		json_put_u64(w, "cpu", (uint64_t)pair->cpu);
	json_put_str(w, "gate", gates[pair->gate]);
	put_optional(w, "preferred", pair->preferred);
	print_voters(pair, w);
	print_machines(pair, w);
	json_end_obj(w);
}
