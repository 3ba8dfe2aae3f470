/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/arrivals.h"

#include "base/mem.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

static void arrival_free(struct arrival *a)
{
	for (size_t i = 0; i < a->n_ports; i++) {
		free((char *)(uintptr_t)a->ports[i].system);
		free((char *)(uintptr_t)a->ports[i].port);
		free((char *)(uintptr_t)a->ports[i].description);
	}
	free(a->name);
	free(a->unnamed);
}

void arrivals_free(struct arrivals *a)
{
	for (size_t i = 0; i < a->len; i++)
		arrival_free(&a->items[i]);
	free(a->items);
	*a = (struct arrivals){ 0 };
}

/* Keys that a newer daemon may add are not ours to refuse: no json_obj_end here. */
static int read_port(struct json_obj *nic, struct arrival *out, struct err *err)
{
	autofree char *system = NULL, *chassis = NULL, *port = NULL, *description = NULL;
	struct json_obj o;
	int rc = json_obj(nic, "lldp", JSON_MAY, &o, err);

	if (rc <= 0 || out->n_ports == ARRIVAL_PORTS_MAX)
		return rc < 0 ? -1 : 0;
	if (json_str(&o, "system", JSON_MAY, &system, err) < 0 || json_str(&o, "chassis", JSON_MAY, &chassis, err) < 0 ||
	    json_str(&o, "port", JSON_MAY, &port, err) < 0 || json_str(&o, "port_description", JSON_MAY, &description, err) < 0)
		return -1;
	out->ports[out->n_ports++] =
		(struct naming_port){ system ? steal(system) : steal(chassis), steal(port), steal(description) };
	return 0;
}

static int read_nics(struct json_obj *m, struct arrival *out, struct err *err)
{
	struct json_arr a;
	int rc = json_arr(m, "nics", JSON_MAY, &a, err);

	for (size_t i = 0; rc == 1 && i < a.len; i++) {
		struct json_obj o;

		if (json_arr_obj(&a, i, &o, err) < 0 || read_port(&o, out, err) < 0)
			return -1;
	}
	return rc < 0 ? -1 : 0;
}

static int read_disks(struct json_obj *m, struct arrival *out, struct err *err)
{
	struct json_arr a;
	int rc = json_arr(m, "disks", JSON_MAY, &a, err);

	for (size_t i = 0; rc == 1 && i < a.len; i++) {
		struct json_obj o;
		uint64_t bytes = 0;

		if (json_arr_obj(&a, i, &o, err) < 0 || json_u64(&o, "size_bytes", JSON_MAY, 0, UINT64_MAX, &bytes, err) < 0)
			return -1;
		out->disks_bytes += bytes;
		out->n_disks++;
	}
	return rc < 0 ? -1 : 0;
}

static int read_machine(const char *json, struct arrival *out, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj m;

	return json_parse(json, strlen(json), &doc, err) < 0 || json_root_obj(&doc, &m, err) < 0 ||
			       json_u64(&m, "memory_bytes", JSON_MAY, 0, UINT64_MAX, &out->memory_bytes, err) < 0 ||
			       read_nics(&m, out, err) < 0 || read_disks(&m, out, err) < 0
		       ? -1
		       : 0;
}

int arrivals_read(const struct pending_rows *rows, struct arrivals *out, struct err *err)
{
	*out = (struct arrivals){ .items = mem_array(rows->len ? rows->len : 1, sizeof(*out->items)), .len = rows->len };
	for (size_t i = 0; i < rows->len; i++) {
		out->items[i].row = &rows->items[i];
		if (read_machine(rows->items[i].machine, &out->items[i], err) == 0)
			continue;
		arrivals_free(out);
		return err_wrap(err, "the inventory of the machine with MAC %s", rows->items[i].mac);
	}
	return 0;
}

/* --- which are meant -------------------------------------------------------------------------------------------------------- */

static bool like(const char *pattern, const char *text)
{
	return !pattern || (text && fnmatch(pattern, text, FNM_CASEFOLD) == 0);
}

static char *port_text(const struct naming_port *p)
{
	return str_format("%s:%s", p->system ? p->system : "?", p->port ? p->port : "?");
}

static bool is_at(const struct arrival *a, const char *pattern)
{
	for (size_t i = 0; pattern && i < a->n_ports; i++) {
		autofree char *text = port_text(&a->ports[i]);

		if (like(pattern, a->ports[i].system) || like(pattern, text))
			return true;
	}
	return !pattern;
}

bool arrival_matches(const struct arrival *a, const struct arrival_filter *f)
{
	return like(f->serial, a->row->serial) && like(f->mac, a->row->mac) && like(f->product, a->row->product) &&
	       is_at(a, f->at);
}

char *arrival_ports(const struct arrival *a)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < a->n_ports; i++) {
		autofree char *text = port_text(&a->ports[i]);

		buf_addf(&out, "%s%s", i ? " " : "", text);
	}
	return a->n_ports ? buf_steal(&out) : NULL;
}

/* --- names ------------------------------------------------------------------------------------------------------------------ */

static bool is_taken(void *names, const char *name)
{
	return nodeset_has(names, name);
}

static void name_one(struct arrival *a, struct naming *rules, struct nodeset *taken)
{
	struct err why = { 0 };
	const char *name = a->row->node;

	if (a->row->conflict)
		err_set(&why, ERR_CONFLICT, "%s", a->row->why);
	else if (!name)
		(void)!naming_name(rules, a->ports, a->n_ports, is_taken, taken, &name, &why);
	if (why.kind != ERR_NONE || nodeset_add(taken, name, &why) < 0)
		a->unnamed = mem_strdup(why.text);
	else
		a->name = mem_strdup(name);
}

void arrivals_name(struct arrivals *a, const struct arrival_filter *f, struct naming *rules, const struct node_rows *nodes)
{
	autoclean(nodeset_free) struct nodeset taken = { 0 };
	struct err not_of_ours = { 0 };

	for (size_t i = 0; i < nodes->len; i++)
		(void)!nodeset_add(&taken, nodes->items[i].name, &not_of_ours);
	for (size_t i = 0; i < a->len; i++) {
		a->items[i].meant = arrival_matches(&a->items[i], f) && str_eq(a->items[i].row->state, "pending");
		if (a->items[i].meant)
			name_one(&a->items[i], rules, &taken);
	}
}
