/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/arrays.h"
#include "base/mem.h"
#include "cmd/cmd.h"
#include "cmd/commands.h"
#include "cmd/node_show.h"
#include "cmd/nodes.h"
#include "raidsetup/raidsetup.h"
#include "sys/http_client.h"

#include <string.h>

/* "label   value" for every key of `labels` that has a value. */
static int put_lines(struct json_obj *o, const char *const (*labels)[2], size_t n, struct buf *out, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		autofree char *value = NULL, *clean = NULL;

		if (json_str(o, labels[i][0], JSON_MAY, &value, err) < 0)
			return -1;
		if (!value || !*value)
			continue;
		clean = str_printable(value, strlen(value));
		buf_addf(out, "%-12s %s\n", labels[i][1], clean);
	}
	return 0;
}

static int put_macs(struct json_obj *o, struct buf *out, struct err *err)
{
	autoclean(str_list_free) struct str_list macs = { 0 };

	if (json_strs(o, "macs", JSON_MUST, &macs, err) < 0)
		return -1;
	for (size_t i = 0; i < macs.len; i++)
		buf_addf(out, "%-12s %s\n", i ? "" : "MAC", macs.items[i]);
	return 0;
}

/* "sw-r1, port Ethernet1/5, VLAN 10" of what was heard on a card. */
static int put_neighbour(struct json_obj *nic, struct buf *out, struct err *err)
{
	autofree char *system = NULL, *chassis = NULL, *port = NULL, *description = NULL;
	struct json_obj o;
	uint64_t vlan = 0;
	int rc = json_obj(nic, "lldp", JSON_MAY, &o, err);

	if (rc <= 0)
		return rc;
	if (json_str(&o, "system", JSON_MAY, &system, err) < 0 || json_str(&o, "chassis", JSON_MAY, &chassis, err) < 0 ||
	    json_str(&o, "port", JSON_MAY, &port, err) < 0 || json_str(&o, "port_description", JSON_MAY, &description, err) < 0 ||
	    json_u64(&o, "vlan", JSON_MAY, 0, UINT64_MAX, &vlan, err) < 0)
		return -1;
	buf_addf(out, "; %s, port %s", system ? system : chassis ? chassis : "?", port ? port : "?");
	if (description && !str_eq(description, port))
		buf_addf(out, " (%s)", description);
	if (vlan)
		buf_addf(out, ", VLAN %llu", (unsigned long long)vlan);
	return 0;
}

static int put_nics(struct json_obj *m, struct buf *out, struct err *err)
{
	struct json_arr nics;
	int rc = json_arr(m, "nics", JSON_MAY, &nics, err);

	for (size_t i = 0; rc == 1 && i < nics.len; i++) {
		autofree char *name = NULL, *mac = NULL;
		struct json_obj n;
		uint64_t mbps = 0;
		bool link = false;

		if (json_arr_obj(&nics, i, &n, err) < 0 || json_str(&n, "name", JSON_MUST, &name, err) < 0 ||
		    json_str(&n, "mac", JSON_MUST, &mac, err) < 0 || json_bool(&n, "link", JSON_MAY, &link, err) < 0 ||
		    json_u64(&n, "speed_mbps", JSON_MAY, 0, UINT64_MAX, &mbps, err) < 0)
			return -1;
		buf_addf(out, "%-12s %s, %s, %s", i ? "" : "cards", name, mac, link ? "link" : "no link");
		if (mbps)
			buf_addf(out, " of %llu Mbit/s", (unsigned long long)mbps);
		if (put_neighbour(&n, out, err) < 0)
			return -1;
		buf_addc(out, '\n');
	}
	return rc < 0 ? -1 : 0;
}

/* Processors, memory modules, TPM and BMC: what the machine says of its board. */
static int put_board(struct json_obj *m, struct buf *out, struct err *err)
{
	autofree char *cpu = NULL, *tpm = NULL, *vendor = NULL, *address = NULL, *mac = NULL;
	struct json_obj bmc;
	uint64_t modules = 0;
	int rc;

	if (json_str(m, "cpu_model", JSON_MAY, &cpu, err) < 0 || json_str(m, "tpm", JSON_MAY, &tpm, err) < 0 ||
	    json_u64(m, "memory_modules", JSON_MAY, 0, UINT64_MAX, &modules, err) < 0)
		return -1;
	if (cpu && *cpu)
		buf_addf(out, "%-12s %s\n", "CPU", cpu);
	if (modules)
		buf_addf(out, "%-12s %llu module%s\n", "memory", (unsigned long long)modules, modules == 1 ? "" : "s");
	if (tpm)
		buf_addf(out, "%-12s %s\n", "TPM", tpm);
	rc = json_obj(m, "bmc", JSON_MAY, &bmc, err);
	if (rc <= 0)
		return rc;
	if (json_str(&bmc, "vendor", JSON_MAY, &vendor, err) < 0 || json_str(&bmc, "address", JSON_MAY, &address, err) < 0 ||
	    json_str(&bmc, "mac", JSON_MAY, &mac, err) < 0)
		return -1;
	buf_addf(out, "%-12s %s, %s%s%s\n", "BMC", vendor ? vendor : "maker not known", address ? address : "no address",
		 mac ? ", " : "", mac ? mac : "");
	return 0;
}

static int put_disks(struct json_obj *m, struct buf *out, struct err *err)
{
	autoclean(disks_free) struct disks disks = { 0 };
	char size[STR_BYTES_MAX];

	if (disks_from_json(m, "disks", &disks, err) < 0)
		return -1;
	for (size_t i = 0; i < disks.len; i++) {
		const struct disk *d = &disks.items[i];
		autofree char *id = disk_id(d);

		str_from_bytes(d->size_bytes, size);
		buf_addf(out, "%-12s %s, %s, %s, %s%s%s\n", i ? "" : "disks", d->model[0] ? d->model : d->transport, id, size,
			 d->rotational ? "rotating" : "solid state", d->bad ? "; BAD: " : "", d->bad ? d->bad : "");
		for (size_t f = 0; f < d->found.len; f++)
			buf_addf(out, "%-12s   has %s\n", "", d->found.items[f]);
	}
	return 0;
}

static int put_machine(struct json_obj *o, struct buf *out, struct err *err)
{
	autofree char *firmware = NULL;
	struct json_obj m;
	uint64_t memory = 0, cpus = 0;
	bool secure = false;
	char size[STR_BYTES_MAX];
	int rc = json_obj(o, "machine", JSON_MAY, &m, err);

	if (rc <= 0) {
		if (rc == 0)
			buf_addf(out, "%-12s not known: it has not reported yet\n", "machine");
		return rc;
	}
	if (json_str(&m, "firmware", JSON_MAY, &firmware, err) < 0 || json_bool(&m, "secure_boot", JSON_MAY, &secure, err) < 0 ||
	    json_u64(&m, "memory_bytes", JSON_MAY, 0, UINT64_MAX, &memory, err) < 0 ||
	    json_u64(&m, "cpus", JSON_MAY, 0, UINT64_MAX, &cpus, err) < 0)
		return -1;
	str_from_bytes(memory, size);
	buf_addf(out, "%-12s %s%s, %llu CPUs, %s\n", "machine", firmware ? firmware : "?", secure ? " with Secure Boot" : "",
		 (unsigned long long)cpus, size);
	return put_board(&m, out, err) < 0 || put_nics(&m, out, err) < 0 || put_disks(&m, out, err) < 0 ? -1 : 0;
}

/* How its BMC is reached: "10.2.0.7, user admin, password set, redfish, key 28430839.." */
static int put_bmc(struct json_obj *o, struct buf *out, struct err *err)
{
	autofree char *address = NULL, *user = NULL, *protocol = NULL, *pin = NULL;
	bool password = false;
	struct json_obj b;
	int rc = json_obj(o, "bmc", JSON_MAY, &b, err);

	if (rc <= 0)
		return rc;
	if (json_str(&b, "address", JSON_MAY, &address, err) < 0 || json_str(&b, "user", JSON_MAY, &user, err) < 0 ||
	    json_str(&b, "protocol", JSON_MAY, &protocol, err) < 0 || json_str(&b, "pin", JSON_MAY, &pin, err) < 0 ||
	    json_bool(&b, "password_set", JSON_MAY, &password, err) < 0)
		return -1;
	buf_addf(out, "%-12s %s, %s%s, %s%s%s\n", "BMC", address ? address : "no address", user ? "user " : "no user",
		 user ? user : "", password ? "password set" : "no password", protocol ? ", " : "", protocol ? protocol : "");
	if (pin)
		buf_addf(out, "%-12s   key %s\n", "", pin);
	return 0;
}

static int put_steps(struct json_obj *o, struct buf *out, struct err *err)
{
	struct json_arr steps;
	int rc = json_arr(o, "steps", JSON_MAY, &steps, err);

	for (size_t i = 0; rc == 1 && i < steps.len; i++) {
		autofree char *name = NULL, *result = NULL;
		struct json_obj s;
		uint64_t seconds = 0;

		if (json_arr_obj(&steps, i, &s, err) < 0 || json_str(&s, "name", JSON_MUST, &name, err) < 0 ||
		    json_str(&s, "result", JSON_MAY, &result, err) < 0 ||
		    json_u64(&s, "seconds", JSON_MAY, 0, UINT64_MAX, &seconds, err) < 0)
			return -1;
		buf_addf(out, "%-12s %-30s %-8s %4llu s\n", i ? "" : "steps", name, result ? result : "",
			 (unsigned long long)seconds);
	}
	return rc < 0 ? -1 : 0;
}

/* As they were when it came up. */
static void put_arrays(const char *mdstat, struct buf *out)
{
	struct array_rows rows;
	char line[ARRAY_LINE_MAX];

	array_rows_read(mdstat, &rows);
	for (size_t i = 0; i < rows.len; i++) {
		array_row_line(&rows.items[i], line);
		buf_addf(out, "%-12s %s%s\n", i ? "" : "arrays", line, rows.items[i].whole ? "" : ": broken");
	}
}

static int put_booted(struct json_obj *o, struct buf *out, struct err *err)
{
	autofree char *root = NULL, *kernel = NULL, *mdstat = NULL;
	struct json_obj b;
	int rc = json_obj(o, "booted", JSON_MAY, &b, err);

	if (rc <= 0)
		return rc;
	if (json_str(&b, "root", JSON_MAY, &root, err) < 0 || json_str(&b, "kernel", JSON_MAY, &kernel, err) < 0 ||
	    json_str(&b, "mdstat", JSON_MAY, &mdstat, err) < 0)
		return -1;
	buf_addf(out, "%-12s from %s, kernel %s\n", "runs", root ? root : "?", kernel ? kernel : "?");
	if (mdstat)
		put_arrays(mdstat, out);
	return 0;
}

/* The image of the last order, which need not have come to its end. */
static int put_image(struct json_obj *o, struct buf *out, struct err *err)
{
	autofree char *state = NULL, *image = NULL;
	const char *what;

	if (json_str(o, "state", JSON_MUST, &state, err) < 0 || json_str(o, "installed_image", JSON_MAY, &image, err) < 0)
		return -1;
	if (!image)
		return 0;
	what = str_eq(state, "installed") || str_eq(state, "up") ? "installed"
	       : str_eq(state, "failed")			 ? "failed with"
								 : "to install";
	buf_addf(out, "%-12s %s\n", what, image);
	return 0;
}

static int show(const char *json, size_t len, struct buf *out, struct err *err)
{
	static const char *const wishes[][2] = { { "name", "node" },	 { "group", "group" },	 { "ipv4", "IPv4" },
						 { "ipv6", "IPv6" },	 { "image", "image" },	 { "layout", "layout" },
						 { "serial", "serial" }, { "switch", "switch" }, { "port", "  port" },
						 { "boot", "boot" },	 { "rescue", "rescue" } };
	static const char *const life[][2] = { { "state", "state" }, { "since", "since" }, { "seen", "last seen" } };
	static const char *const facts[][2] = {
		{ "step", "step" }, { "step_text", "" }, { "error", "error" }, { "hint", "  next" }
	};
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj o;

	if (json_parse(json, len, &doc, err) < 0 || json_root_obj(&doc, &o, err) < 0 ||
	    put_lines(&o, wishes, ARRAY_LEN(wishes), out, err) < 0 || put_macs(&o, out, err) < 0 || put_bmc(&o, out, err) < 0 ||
	    put_lines(&o, life, ARRAY_LEN(life), out, err) < 0 || put_image(&o, out, err) < 0 ||
	    put_lines(&o, facts, ARRAY_LEN(facts), out, err) < 0 || put_booted(&o, out, err) < 0 ||
	    node_show_networks(&o, out, err) < 0 || put_machine(&o, out, err) < 0 || put_steps(&o, out, err) < 0)
		return err_wrap(err, "the daemon's answer");
	return 0;
}

int cmd_node_show(struct cmd *c, struct err *err)
{
	autoclean(http_reply_free) struct http_reply reply = { 0 };
	autoclean(buf_free) struct buf out = { 0 };
	autofree char *path = NULL;

	if (cmd_args(c, 1, 1, err) < 0)
		return -1;
	if (str_check_hostname(c->argv[0], err) < 0)
		return err_hint(err, "'node show' takes the name of one node; `orthrus node list %.40s` shows several",
				c->argv[0]);
	path = str_format("/v1/nodes/%s", c->argv[0]);
	if (cmd_call(c, "GET", path, NULL, &reply, err) < 0)
		return -1;
	if (c->json) {
		cmd_print(buf_str(&reply.body));
		return 0;
	}
	if (show(buf_str(&reply.body), reply.body.len, &out, err) < 0)
		return -1;
	cmd_print(buf_str(&out));
	return 0;
}
