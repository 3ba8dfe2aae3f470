/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "daemon/model.h"

#include <string.h>

#define NICS_MAX 64
#define WORD_MAX 256

/* Whatever a machine says of itself is shown on terminals and in logs: printable, and not endless. */
static int take(struct json_obj *o, const char *key, enum json_need need, char **out, struct err *err)
{
	autofree char *raw = NULL;

	if (json_str(o, key, need, &raw, err) < 0)
		return -1;
	if (!raw)
		return 0;
	if (strlen(raw) > WORD_MAX)
		return json_bad(o, key, err, "is longer than %d bytes", WORD_MAX);
	free(*out);
	*out = str_printable(raw, strlen(raw));
	return 0;
}

/* The one that says who it is. Those of other interfaces are only shown: InfiniBand has 20 bytes. */
static int take_mac(struct json_obj *o, const char *key, char **out, struct err *err)
{
	autofree char *raw = NULL;
	char mac[STR_MAC_LEN];
	struct err bad = { 0 };

	if (json_str(o, key, JSON_MUST, &raw, err) < 0)
		return -1;
	if (str_to_mac(raw, mac, &bad) < 0)
		return json_bad(o, key, err, "%s", bad.text);
	*out = mem_strdup(mac);
	return 0;
}

static int read_port(struct json_obj *nic, struct nic_port *out, struct err *err)
{
	struct json_obj o;
	int have = json_obj(nic, "lldp", JSON_MAY, &o, err);

	if (have <= 0)
		return have;
	if (take(&o, "system", JSON_MAY, &out->system, err) < 0 || take(&o, "port", JSON_MUST, &out->port, err) < 0 ||
	    take(&o, "port_description", JSON_MAY, &out->description, err) < 0 ||
	    take(&o, "chassis", JSON_MUST, &out->chassis, err) < 0 ||
	    json_u64(&o, "vlan", JSON_MAY, 0, 4095, &out->vlan, err) < 0)
		return -1;
	return json_obj_end(&o, err);
}

static int read_bmc(struct json_obj *o, struct machine *out, struct err *err)
{
	struct json_obj bmc;
	int have = json_obj(o, "bmc", JSON_MAY, &bmc, err);

	if (have <= 0)
		return have;
	out->has_bmc = true;
	if (take(&bmc, "address", JSON_MAY, &out->bmc_address, err) < 0 || take(&bmc, "mac", JSON_MAY, &out->bmc_mac, err) < 0 ||
	    take(&bmc, "vendor", JSON_MAY, &out->bmc_vendor, err) < 0)
		return -1;
	return json_obj_end(&bmc, err);
}

static int read_nics(struct json_obj *o, struct machine *out, struct err *err)
{
	struct json_arr a;
	int have = json_arr_max(o, "nics", JSON_MAY, NICS_MAX, &a, err);

	if (have <= 0)
		return have;
	out->nics = mem_array(a.len, sizeof(*out->nics));
	out->n_nics = a.len;
	for (size_t i = 0; i < a.len; i++) {
		struct nic *n = &out->nics[i];
		struct json_obj e;

		if (json_arr_obj(&a, i, &e, err) < 0 || take(&e, "name", JSON_MUST, &n->name, err) < 0 ||
		    take(&e, "mac", JSON_MUST, &n->mac, err) < 0 || take(&e, "driver", JSON_MAY, &n->driver, err) < 0 ||
		    json_bool(&e, "link", JSON_MAY, &n->link, err) < 0 ||
		    json_u64(&e, "speed_mbps", JSON_MAY, 0, INT32_MAX, &n->speed_mbps, err) < 0 ||
		    read_port(&e, &n->heard, err) < 0 || json_obj_end(&e, err) < 0)
			return -1;
	}
	return 0;
}

static int read_dmi(struct json_obj *o, struct machine *out, struct err *err)
{
	struct json_obj dmi;
	int have = json_obj(o, "dmi", JSON_MAY, &dmi, err);

	if (have <= 0)
		return have;
	if (take(&dmi, "vendor", JSON_MAY, &out->vendor, err) < 0 || take(&dmi, "product", JSON_MAY, &out->product, err) < 0 ||
	    take(&dmi, "serial", JSON_MAY, &out->serial, err) < 0)
		return -1;
	return json_obj_end(&dmi, err);
}

static int read_machine(struct json_obj *o, void *machine, struct err *err)
{
	static const char *const firmwares[] = { "bios", "uefi", NULL };
	struct machine *out = machine;
	int firmware = 0;

	if (take_mac(o, "mac", &out->mac, err) < 0 || take(o, "boot_id", JSON_MAY, &out->boot_id, err) < 0 ||
	    json_enum(o, "firmware", JSON_MUST, firmwares, &firmware, err) < 0 ||
	    json_bool(o, "secure_boot", JSON_MAY, &out->secure_boot, err) < 0 ||
	    json_u64(o, "memory_bytes", JSON_MAY, 0, UINT64_MAX, &out->memory_bytes, err) < 0 ||
	    json_u64(o, "cpus", JSON_MAY, 0, 1 << 20, &out->cpus, err) < 0 || read_dmi(o, out, err) < 0 ||
	    take(o, "cpu_model", JSON_MAY, &out->cpu_model, err) < 0 || take(o, "tpm", JSON_MAY, &out->tpm, err) < 0 ||
	    json_u64(o, "memory_modules", JSON_MAY, 0, 1 << 16, &out->memory_modules, err) < 0 || read_bmc(o, out, err) < 0 ||
	    read_nics(o, out, err) < 0 || disks_from_json(o, "disks", &out->disks, err) < 0)
		return -1;
	out->firmware = mem_strdup(firmwares[firmware]);
	return json_obj_end(o, err);
}

int machine_read(const char *json, size_t len, struct machine *out, struct err *err)
{
	autoclean(machine_free) struct machine inv = { 0 };

	if (json_read(json, len, read_machine, &inv, err) < 0)
		return err_wrap(err, "a machine's inventory");
	*out = inv;
	inv = (struct machine){ 0 };
	return 0;
}

static void print_nic(const struct nic *n, struct json_out *w)
{
	json_put_obj(w, NULL);
	json_put_str(w, "name", n->name);
	json_put_str(w, "mac", n->mac);
	json_put_str(w, "driver", n->driver);
	json_put_bool(w, "link", n->link);
	json_put_u64(w, "speed_mbps", n->speed_mbps);
	if (n->heard.chassis) {
		json_put_obj(w, "lldp");
		json_put_str(w, "system", n->heard.system);
		json_put_str(w, "port", n->heard.port);
		json_put_str(w, "port_description", n->heard.description);
		json_put_str(w, "chassis", n->heard.chassis);
		json_put_u64(w, "vlan", n->heard.vlan);
		json_end_obj(w);
	} else {
		json_put_str(w, "lldp", NULL);
	}
	json_end_obj(w);
}

static void print_board(const struct machine *inv, struct json_out *w)
{
	json_put_obj(w, "dmi");
	json_put_str(w, "vendor", inv->vendor);
	json_put_str(w, "product", inv->product);
	json_put_str(w, "serial", inv->serial);
	json_end_obj(w);
	json_put_str(w, "cpu_model", inv->cpu_model);
	json_put_u64(w, "memory_modules", inv->memory_modules);
	json_put_str(w, "tpm", inv->tpm);
	if (!inv->has_bmc) {
		json_put_str(w, "bmc", NULL);
		return;
	}
	json_put_obj(w, "bmc");
	json_put_str(w, "address", inv->bmc_address);
	json_put_str(w, "mac", inv->bmc_mac);
	json_put_str(w, "vendor", inv->bmc_vendor);
	json_end_obj(w);
}

void machine_print(const struct machine *inv, struct json_out *w, const char *key)
{
	json_put_obj(w, key);
	json_put_str(w, "mac", inv->mac);
	json_put_str(w, "boot_id", inv->boot_id);
	json_put_str(w, "firmware", inv->firmware);
	json_put_bool(w, "secure_boot", inv->secure_boot);
	json_put_u64(w, "memory_bytes", inv->memory_bytes);
	json_put_u64(w, "cpus", inv->cpus);
	print_board(inv, w);
	json_put_arr(w, "nics");
	for (size_t i = 0; i < inv->n_nics; i++)
		print_nic(&inv->nics[i], w);
	json_end_arr(w);
	disks_to_json(&inv->disks, w, "disks");
	json_end_obj(w);
}

void machine_free(struct machine *inv)
{
	for (size_t i = 0; i < inv->n_nics; i++) {
		free(inv->nics[i].name);
		free(inv->nics[i].mac);
		free(inv->nics[i].driver);
		free(inv->nics[i].heard.system);
		free(inv->nics[i].heard.port);
		free(inv->nics[i].heard.description);
		free(inv->nics[i].heard.chassis);
	}
	free(inv->nics);
	free(inv->mac);
	free(inv->boot_id);
	free(inv->firmware);
	free(inv->vendor);
	free(inv->product);
	free(inv->serial);
	free(inv->cpu_model);
	free(inv->tpm);
	free(inv->bmc_address);
	free(inv->bmc_mac);
	free(inv->bmc_vendor);
	disks_free(&inv->disks);
	*inv = (struct machine){ 0 };
}
