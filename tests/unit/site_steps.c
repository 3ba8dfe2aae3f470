/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What another site causes, as typed steps: tests/golden/site-plan/NAME.case has what is changed of base.json, and what is to
 * come of it (ORTHRUS_GOLDEN=write writes that anew: read the difference). */
#include "base/mem.h"
#include "daemon/order_make.h"
#include "daemon/renumber.h"
#include "daemon/site_diff.h"
#include "daemon/site_steps.h"
#include "sys/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants setjmp.h and stdarg.h. */
#include <cmocka.h>

#define CASES_MIN 20

static char *golden(const char *name)
{
	const char *top = getenv("TOP");

	return str_format("%s/tests/golden/site-plan/%s", top ? top : ".", name);
}

static void read_file(const char *name, struct buf *out)
{
	autofree char *path = golden(name);
	struct err err = { 0 };

	if (fs_read(path, 1 << 20, out, &err) < 0)
		fail_msg("%s", err.text);
}

/* Every "- FROM" with the "+ TO" after it is done to the text, until "---"; where the rest begins. */
static const char *edit(const char *name, const char *edits, struct buf *text)
{
	autofree char *from = NULL;

	for (const char *line = edits; *line;) {
		size_t n = strcspn(line, "\n");
		autofree char *rest = n > 2 ? mem_strndup(line + 2, n - 2) : mem_strdup("");

		if (n == 3 && memcmp(line, "---", 3) == 0)
			return line + 4;
		if (*line == '-') {
			free(from);
			from = mem_strdup(rest);
		} else if (*line == '+') {
			const char *at = from ? strstr(buf_str(text), from) : NULL;
			struct buf out = { 0 };

			if (!at)
				fail_msg("%s: '%s' is not in the site", name, from);
			buf_add(&out, text->data, (size_t)(at - text->data));
			buf_adds(&out, rest);
			buf_adds(&out, at + strlen(from));
			buf_free(text);
			*text = out;
		}
		line += n + (line[n] == '\n');
	}
	fail_msg("%s has no line '---'", name);
	return NULL;
}

struct rig {
	struct site old, site;
	struct roster was, is;
	struct plan plan;
	struct site_facts facts;
};

static void rig_free(struct rig *r)
{
	site_facts_free(&r->facts);
	plan_free(&r->plan);
	roster_free(&r->was);
	roster_free(&r->is);
	site_free(&r->old);
	site_free(&r->site);
}

/* n1 and n2 of the group compute, the second one without a disk; n3 and n4 of the group gpu, the third not installed. */
static void add_nodes(struct roster *r)
{
	for (unsigned int i = 1; i <= 4; i++) {
		struct node n = { .name = str_format("n%u", i), .group = mem_strdup(i < 3 ? "compute" : "gpu") };

		n.addr4 = 0x0a4d000a + i;
		n.boot = i == 2 ? NODE_BOOT_DISKLESS : NODE_BOOT_AUTO;
		str_list_addf(&n.macs, "52:54:00:00:00:%02x", i);
		roster_add(r, &n);
	}
}

/* What netboot renders for one site. */
struct files {
	struct buf conf, dhcp, hosts, main, node[4];
	struct netboot_node nodes[4];
	struct netboot_input in;
	char *url;
};

static void files_free(struct files *f)
{
	buf_free(&f->conf);
	buf_free(&f->dhcp);
	buf_free(&f->hosts);
	buf_free(&f->main);
	for (size_t i = 0; i < 4; i++)
		buf_free(&f->node[i]);
	free(f->url);
}

static void render(const struct site *site, const struct roster *roster, struct files *f)
{
	const struct site_head *head = &site->heads[0];

	f->url = daemon_server_url(site);
	for (size_t i = 0; i < roster->len; i++) {
		const struct node *n = &roster->nodes[i];
		struct node_addrs a;

		node_addresses(site, n, &a);
		f->nodes[i] = (struct netboot_node){ .name = n->name,
						     .macs = &n->macs,
						     .addr4 = a.addr4,
						     .has6 = a.has6,
						     .addr6 = a.addr6,
						     .target = i == 2 ? NETBOOT_WAIT : NETBOOT_DISK,
						     .kernel_args = &site_group(site, n->group)->kernel_args };
	}
	f->in = (struct netboot_input){ .site = site,
					.interface = head->interface,
					.head_addr4 = head->addr4,
					.head_has6 = head->has6,
					.head_addr6 = head->addr6,
					.nodes = f->nodes,
					.n_nodes = roster->len,
					.server_url = f->url,
					.tftp_root = "/srv/orthrus/tftp",
					.run_dir = "/run/orthrus" };
	netboot_dnsmasq_conf(&f->in, &f->conf);
	netboot_dhcp_hosts(&f->in, &f->dhcp);
	netboot_hosts(&f->in, &f->hosts);
	netboot_grub_main(&f->in, &f->main);
	for (size_t i = 0; i < roster->len; i++)
		netboot_grub_node(&f->in, &f->nodes[i], &f->node[i]);
}

static bool add_file(struct site_facts *facts, enum site_file_kind kind, const char *path, const char *node,
		     const struct buf *before, const struct buf *after)
{
	if (str_eq(buf_str(before), buf_str(after)))
		return false;
	facts->files = mem_room(facts->files, facts->n_files, &facts->cap_files, sizeof(*facts->files));
	facts->files[facts->n_files++] = (struct site_file){ .kind = kind,
							     .path = mem_strdup(path),
							     .node = node ? mem_strdup(node) : NULL,
							     .before = mem_strdup(buf_str(before)),
							     .after = mem_strdup(buf_str(after)) };
	return true;
}

static void add_files(struct rig *r)
{
	autoclean(files_free) struct files a = { 0 }, b = { 0 };
	bool conf, hosts;

	render(&r->old, &r->was, &a);
	render(&r->site, &r->is, &b);
	conf = add_file(&r->facts, SITE_FILE_CONF, "/run/orthrus/dnsmasq.conf", NULL, &a.conf, &b.conf);
	hosts = add_file(&r->facts, SITE_FILE_HOSTS, "/run/orthrus/dnsmasq.dhcp-hosts", NULL, &a.dhcp, &b.dhcp);
	hosts |= add_file(&r->facts, SITE_FILE_HOSTS, "/run/orthrus/dnsmasq.hosts", NULL, &a.hosts, &b.hosts);
	add_file(&r->facts, SITE_FILE_GRUB, "/srv/orthrus/tftp/grub/grub.cfg", NULL, &a.main, &b.main);
	for (size_t i = 0; i < r->is.len; i++) {
		autofree char *path = str_format("/srv/orthrus/tftp/grub/nodes/%s.cfg", r->is.nodes[i].macs.items[0]);

		add_file(&r->facts, SITE_FILE_NODE, path, r->is.nodes[i].name, &a.node[i], &b.node[i]);
	}
	r->facts.effect = conf ? NETBOOT_RESTART : hosts ? NETBOOT_RELOAD : NETBOOT_NOTHING;
	r->facts.serves_anew = r->old.api_port != r->site.api_port || r->old.n_heads != r->site.n_heads ||
			       r->old.heads[0].addr4 != r->site.heads[0].addr4 || !str_eq(r->old.domain, r->site.domain) ||
			       r->old.heads[0].has6 != r->site.heads[0].has6 || r->old.n_vips != r->site.n_vips;
}

static char *wish(const struct site *site, const struct node *n)
{
	autoclean(order_free) struct order o = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	struct err err = { 0 };

	if (order_wish(site, n, NULL, &o, &err) < 0)
		fail_msg("%s", err.text);
	site_wish_print(&o, node_image(site, n), &out);
	return buf_steal(&out);
}

static void add_wishes(struct rig *r)
{
	static const enum site_runs runs[] = { SITE_RUNS_DISK, SITE_RUNS_MEMORY, SITE_RUNS_NOTHING, SITE_RUNS_DISK };

	r->facts.wishes = mem_array(4, sizeof(*r->facts.wishes));
	for (size_t i = 0; i < 4; i++)
		r->facts.wishes[r->facts.n_wishes++] = (struct site_wish){ .node = mem_strdup(r->is.nodes[i].name),
									   .group = mem_strdup(r->is.nodes[i].group),
									   .runs = runs[i],
									   .before = wish(&r->old, &r->was.nodes[i]),
									   .after = wish(&r->site, &r->is.nodes[i]) };
}

static void make_plan(struct rig *r, bool diff)
{
	enum renumbered how[4];
	autofree char *url = daemon_server_url(&r->site);
	struct err err = { 0 };

	add_nodes(&r->was);
	add_nodes(&r->is);
	if (renumber(&r->old, &r->site, &r->is, how, &err) < 0 || site_diff(&r->old, &r->site, &r->plan, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < r->plan.len; i++)
		r->plan.steps[i].type = SITE_STEP_VALUE;
	if (!r->plan.len)
		return;
	r->facts.old = &r->old;
	r->facts.site = &r->site;
	r->facts.was = &r->old.heads[0];
	r->facts.head = &r->site.heads[0];
	r->facts.url = url;
	add_files(r);
	add_wishes(r);
	if (site_steps(&r->facts, diff, &r->plan, &err) < 0)
		fail_msg("%s", err.text);
}

/* "KIND[ DETAIL..]: text" and, indented, the lines of a diff. */
static void print_plan(const struct plan *plan, struct buf *out)
{
	autoclean(buf_free) struct buf json = { 0 };
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	static const char *const details[] = { "action", "service", "clients", "when" };
	struct err err = { 0 };
	struct json_out w;
	struct json_obj o;
	struct json_arr a;

	json_out_init(&w, &json, false);
	json_put_obj(&w, NULL);
	site_steps_put(plan, &w);
	json_end_obj(&w);
	assert_int_equal(json_parse(buf_str(&json), json.len, &doc, &err), 0);
	assert_int_equal(json_root_obj(&doc, &o, &err), 0);
	assert_int_equal(json_arr(&o, "steps", JSON_MUST, &a, &err), 1);
	assert_int_equal(a.len, plan->len);
	for (size_t i = 0; i < a.len; i++) {
		autofree char *kind = NULL, *text = NULL, *diff = NULL;
		struct json_obj s;

		assert_int_equal(json_arr_obj(&a, i, &s, &err), 0);
		assert_int_equal(json_str(&s, "kind", JSON_MUST, &kind, &err), 0);
		assert_int_equal(json_str(&s, "text", JSON_MUST, &text, &err), 0);
		assert_int_equal(json_str(&s, "diff", JSON_MAY, &diff, &err), 0);
		buf_adds(out, kind);
		for (size_t k = 0; k < ARRAY_LEN(details); k++) {
			autofree char *value = NULL;

			assert_int_equal(json_str(&s, details[k], JSON_MAY, &value, &err), 0);
			if (value)
				buf_addf(out, " %s=%s", details[k], value);
		}
		buf_addf(out, ": %s\n", text);
		for (const char *line = diff; line && *line;) {
			size_t n = strcspn(line, "\n");

			buf_addf(out, "    %.*s\n", (int)n, line);
			line += n + (line[n] == '\n');
		}
	}
}

static void run_case(const char *name)
{
	autoclean(rig_free) struct rig r = { 0 };
	autoclean(buf_free) struct buf base = { 0 }, text = { 0 }, file = { 0 }, got = { 0 };
	struct err err = { 0 };
	const char *want;

	read_file("base.json", &base);
	read_file("base.json", &text);
	read_file(name, &file);
	want = edit(name, buf_str(&file), &text);
	if (site_read(buf_str(&base), base.len, "base.json", &r.old, &err) < 0 ||
	    site_read(buf_str(&text), text.len, name, &r.site, &err) < 0)
		fail_msg("%s", err.text);
	make_plan(&r, true);
	print_plan(&r.plan, &got);
	if (str_eq(getenv("ORTHRUS_GOLDEN"), "write")) {
		autofree char *path = golden(name);
		struct buf whole = { 0 };

		buf_add(&whole, file.data, (size_t)(want - file.data));
		buf_add(&whole, buf_str(&got), got.len);
		assert_int_equal(fs_write_atomic(path, whole.data, whole.len, 0644, &err), 0);
		buf_free(&whole);
		return;
	}
	if (!str_eq(buf_str(&got), want))
		fail_msg("%s: got\n%s", name, buf_str(&got));
}

static void test_cases(void **state)
{
	autofree char *dir = golden("");
	autoclean(str_list_free) struct str_list names = { 0 };
	struct err err = { 0 };
	size_t n = 0;

	(void)state;
	assert_int_equal(fs_list(dir, &names, &err), 0);
	for (size_t i = 0; i < names.len; i++)
		if (str_ends(names.items[i], ".case")) {
			run_case(names.items[i]);
			n++;
		}
	assert_true(n >= CASES_MIN);
}

/* Files of many nodes are one step. */
static void test_many_files_are_one_step(void **state)
{
	autoclean(site_free) struct site site = { 0 }, old = { 0 };
	autoclean(site_facts_free) struct site_facts f = { 0 };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(buf_free) struct buf base = { 0 };
	struct err err = { 0 };

	(void)state;
	read_file("base.json", &base);
	assert_int_equal(site_read(buf_str(&base), base.len, "base", &site, &err), 0);
	assert_int_equal(site_read(buf_str(&base), base.len, "base", &old, &err), 0);
	f.old = &old;
	f.site = &site;
	f.was = &old.heads[0];
	f.head = &site.heads[0];
	f.files = mem_array(40, sizeof(*f.files));
	for (; f.n_files < 40; f.n_files++)
		f.files[f.n_files] = (struct site_file){ .kind = SITE_FILE_NODE,
							 .path = str_format("/t/grub/nodes/%zu.cfg", f.n_files),
							 .node = f.n_files < 39 ? str_format("n%02zu", f.n_files) : NULL,
							 .before = mem_strdup("a\n"),
							 .after = f.n_files < 39 ? mem_strdup("b\n") : NULL };
	assert_int_equal(site_steps(&f, false, &plan, &err), 0);
	assert_string_equal(plan.steps[0].text,
			    "change 39 files in /t/grub/nodes, what these find at their next network boot: n[00-38]");
	assert_string_equal(plan.steps[1].text, "remove 1 files in /t/grub/nodes");
	assert_int_equal(((struct site_step *)plan.steps[0].arg)->added, 39);
	assert_null(((struct site_step *)plan.steps[0].arg)->diff);
}

/* What can't be read is a step that says so, and no reason to show nothing. */
static void test_unread_files(void **state)
{
	autoclean(site_free) struct site site = { 0 };
	autoclean(site_facts_free) struct site_facts f = { .site = &site, .no_dnsmasq = true };
	autoclean(plan_free) struct plan plan = { 0 };
	autoclean(buf_free) struct buf base = { 0 };
	struct err err = { 0 };

	(void)state;
	read_file("base.json", &base);
	assert_int_equal(site_read(buf_str(&base), base.len, "base", &site, &err), 0);
	f.head = &site.heads[0];
	f.files = mem_array(2, sizeof(*f.files));
	f.files[0] = (struct site_file){ .kind = SITE_FILE_GRUB,
					 .path = mem_strdup("/t/grub.cfg"),
					 .after = mem_strdup("b\n"),
					 .unread = mem_strdup("open /t/grub.cfg: no") };
	f.files[1] = (struct site_file){ .kind = SITE_FILE_NODE, .path = mem_strdup("/t/nodes"), .unread = mem_strdup("no") };
	f.n_files = 2;
	assert_int_equal(site_steps(&f, true, &plan, &err), 0);
	assert_string_equal(plan.steps[0].text, "write /t/grub.cfg (what is there now can't be read: open /t/grub.cfg: no)");
	assert_string_equal(plan.steps[1].text, "remove what is nobody's any more from /t/nodes (it can't be read now: no)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_many_files_are_one_step),
		cmocka_unit_test(test_unread_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
