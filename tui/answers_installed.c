/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "tui/answers_priv.h"
#include "tui/facts.h"

#include <string.h>

static void put(struct answers *a, enum answer k, const char *value)
{
	free(a->given[k]);
	a->given[k] = mem_strdup(value ? value : "");
}

static void put_joined(struct answers *a, enum answer k, const char *const *items, size_t n, const char *between)
{
	autoclean(buf_free) struct buf b = { 0 };

	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s%s", i ? between : "", items[i]);
	put(a, k, buf_str(&b));
}

static void put_address(struct answers *a, enum answer k, uint32_t addr4, const struct addr6 *addr6)
{
	char text[ADDR6_LEN] = "";

	if (addr4)
		addr4_print(addr4, text);
	else if (addr6)
		addr6_print(addr6, text);
	put(a, k, text);
}

static void put_network(struct answers *a, const struct site *site)
{
	const struct site_network *n = site_provision(site);
	char subnet4[NET4_LEN] = "off", subnet6[NET6_LEN] = "off", first[ADDR4_LEN], last[ADDR4_LEN];
	autofree char *pool = NULL;

	if (n->has4)
		net4_print(&n->net4, subnet4);
	if (n->has6)
		net6_print(&n->net6, subnet6);
	put(a, ANSWER_SUBNET, subnet4);
	put(a, ANSWER_IPV6, subnet6);
	put_address(a, ANSWER_GATEWAY, n->gateway4, NULL);
	if (n->pool4_first) {
		addr4_print(n->pool4_first, first);
		addr4_print(n->pool4_last, last);
		pool = str_format("%s-%s", first, last);
	}
	put(a, ANSWER_POOL, pool ? pool : "off");
}

static void put_head(struct answers *a, const struct site *site)
{
	put(a, ANSWER_INTERFACE, site->heads[0].interface);
	put(a, ANSWER_HEAD_NAME, site->heads[0].name);
	put_address(a, ANSWER_HEAD_ADDRESS, site->heads[0].addr4, site->heads[0].has6 ? &site->heads[0].addr6 : NULL);
	put(a, ANSWER_SERVICE_ADDRESS, "");
	for (size_t i = 0; i < site->n_vips; i++)
		if (str_eq(site->vips[i].name, "svc"))
			put_address(a, ANSWER_SERVICE_ADDRESS, site->vips[i].addr4,
				    site->vips[i].has6 ? &site->vips[i].addr6 : NULL);
}

/* The sets that the list begins with, in their order, are marked; what follows was named. */
static void put_packages(struct answers *a, const struct str_list *packages)
{
	autoclean(buf_free) struct buf sets = { 0 };
	size_t at = 0;

	for (size_t i = 0; i < n_image_sets; i++) {
		autoclean(str_list_free) struct str_list set = { 0 };
		size_t k = 0;

		answers_split(image_sets[i].packages, " ", &set);
		while (k < set.len && at + k < packages->len && str_eq(set.items[k], packages->items[at + k]))
			k++;
		if (k < set.len)
			continue;
		buf_addf(&sets, "%s%s", sets.len ? "," : "", image_sets[i].key);
		at += k;
	}
	put(a, ANSWER_SETS, buf_str(&sets));
	put_joined(a, ANSWER_PACKAGES, (const char *const *)packages->items + at, packages->len - at, " ");
}

static void put_layout(struct answers *a, const struct layout *l)
{
	autofree char *disks = str_format("%u", l->want);

	put(a, ANSWER_RAID, str_starts(l->name, "raid") ? l->name + strlen("raid") : "none");
	put(a, ANSWER_DISKS, disks);
	put(a, ANSWER_FILE_SYSTEM, "ext4");
	for (size_t i = 0; i < l->n_fs; i++)
		if (str_eq(l->fs[i].mount, "/"))
			put(a, ANSWER_FILE_SYSTEM, l->fs[i].type);
	put(a, ANSWER_FIRMWARE, l->bios && l->uefi ? "both" : l->bios ? "bios" : "uefi");
}

static bool is_marked(const struct facts *f, const char *line)
{
	for (size_t i = 0; i < f->ssh_keys.len; i++) {
		autofree char *bare = answers_key_of(f->ssh_keys.items[i]);

		if (str_eq(line, strchr(f->ssh_keys.items[i], ',') ? bare : f->ssh_keys.items[i]))
			return true;
	}
	return false;
}

/* Those of this machine are marked there; of others there is room for one. */
static void put_keys(struct answers *a, const struct facts *f, const char *lines)
{
	autoclean(str_list_free) struct str_list keys = { 0 };
	autoclean(buf_free) struct buf marked = { 0 };

	put(a, ANSWER_ADMIN_KEY, "");
	answers_split(lines ? lines : "", "\n", &keys);
	for (size_t i = 0; i < keys.len; i++) {
		autofree char *bare = answers_key_of(keys.items[i]);

		if (is_marked(f, keys.items[i]))
			buf_addf(&marked, "%s%s", marked.len ? "," : "", bare);
		else
			put(a, ANSWER_ADMIN_KEY, keys.items[i]);
	}
	put(a, ANSWER_ADMIN_KEYS, buf_str(&marked));
}

static void put_all(struct answers *a, const struct facts *f, const struct site *site)
{
	put(a, ANSWER_CLUSTER, site->cluster);
	put(a, ANSWER_DOMAIN, site->domain);
	put(a, ANSWER_TIME_ZONE, site->timezone);
	put_joined(a, ANSWER_TIME_SERVERS, (const char *const *)site->ntp.items, site->ntp.len, " ");
	put_network(a, site);
	put_head(a, site);
	put(a, ANSWER_DISCOVER, site->discover ? "yes" : "no");
	if (site->n_images) {
		put(a, ANSWER_SUITE, site->images[0].suite);
		put_packages(a, &site->images[0].packages);
	}
	put(a, ANSWER_SERIAL, site->serial_console ? site->serial_console : "off");
	if (site->n_layouts)
		put_layout(a, &site->layouts[0]);
	put_keys(a, f, site->admin_keys);
	put(a, ANSWER_TRUST_MAC, site->trust_mac ? "yes" : "no");
}

/* The first line of `is` that `made` has not at that place, and that says something. Caller frees. */
static char *first_other(const char *is, const char *made)
{
	size_t at = 0, line = 0, end;

	for (; is[at] && is[at] == made[at]; at++)
		if (is[at] == '\n')
			line = at + 1;
	line += strspn(is + line, " {}[],\n");
	end = line + strcspn(is + line, "\n");
	return str_printable(is + line, end - line);
}

int answers_installed(const char *text, size_t len, const char *source, const struct facts *f, struct answers *out,
		      struct buf *site, struct err *err)
{
	autoclean(site_free) struct site s = { 0 };
	autoclean(buf_free) struct buf made = { 0 };
	autofree char *other = NULL;
	struct err why = { 0 };

	*out = (struct answers){ 0 };
	if (site_read(text, len, source, &s, err) < 0)
		return err_hint(err, "mend it: `orthrus site check` says what is wrong in it");
	site_print(&s, site);
	put_all(out, f, &s);
	if (answers_site(out, f, &made, &why) == 0 && str_eq(buf_str(&made), buf_str(site)))
		return 0;
	answers_free(out);
	other = why.text[0] ? str_printable(why.text, strlen(why.text)) : first_other(buf_str(site), buf_str(&made));
	err_set(err, ERR_REFUSED, "%s says what the pages can't, and would lose: %.80s", source, other);
	return err_hint(err,
			"change it there: `orthrus site apply` shows what that does and does it; on a machine that is no head "
			"yet, `orthrus head install`");
}
