/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/node_bmc.h"

#include "base/mem.h"
#include "power/bmc.h"
#include "site/addr.h"
#include "sys/fs.h"
#include "sys/secretbox.h"

#include <string.h>
#include <unistd.h>

void node_bmc_free(struct node_bmc *b)
{
	str_list_free(&b->addresses);
	secret_str_free(b->password);
	*b = (struct node_bmc){ 0 };
}

/* Its first line. */
static int read_password(const char *path, char **out, struct err *err)
{
	autoclean(secret_buf_free) struct buf text = { 0 };
	int rc;

	buf_reserve(&text, 4 * BMC_SECRET_MAX);
	rc = str_eq(path, "-") ? fs_read_fd(STDIN_FILENO, "standard input", 2 * BMC_SECRET_MAX, &text, err)
			       : fs_read_secret(path, 0, 2 * BMC_SECRET_MAX, &text, err);
	if (rc < 0)
		return err_wrap(err, "--bmc-password-file");
	*out = text.len ? mem_strndup(text.data, strcspn(text.data, "\r\n")) : mem_strdup("");
	if (strlen(*out) + 2 < text.len)
		return err_set(err, ERR_INVALID, "--bmc-password-file: there is more than one line in it");
	if (!**out) {
		err_set(err, ERR_INVALID, "--bmc-password-file: there is no password in it");
		return err_hint(err, "a file of mode 0600 with the password as its only line; `-` reads standard input");
	}
	return 0;
}

/* One address for several nodes is the first of as many: it must be a plain IPv4 address. */
static int check_addresses(const struct node_bmc *b, struct err *err)
{
	uint32_t first;

	for (size_t i = 0; i < b->addresses.len; i++)
		if (b->addresses.items[i][0] && bmc_address_check(b->addresses.items[i], err) < 0)
			return err_wrap(err, "--bmc");
	if (b->addresses.len <= 1 && b->n_nodes == 1)
		return 0;
	if (b->addresses.len == 0 || b->addresses.len == b->n_nodes)
		return 0;
	if (b->addresses.len > 1) {
		err_set(err, ERR_USAGE, "--bmc: %zu addresses for %zu nodes", b->addresses.len, b->n_nodes);
		return err_hint(err, "give one for each node in the order in which they are written, or the first one's alone");
	}
	if (!b->addresses.items[0][0])
		return 0;
	if (addr4_read(b->addresses.items[0], &first, err) < 0 || first > UINT32_MAX - (b->n_nodes - 1)) {
		err_set(err, ERR_USAGE, "--bmc %s: several nodes cannot have this one address", b->addresses.items[0]);
		return err_hint(
			err,
			"an IPv4 address is the first node's, the others get those that follow; others are given one a node");
	}
	return 0;
}

int node_bmc_read(const struct cmd *c, size_t n_nodes, struct node_bmc *out, struct err *err)
{
	const char *file = cmd_option(c, "bmc-password-file");
	char pin[BMC_PIN_LEN];

	out->n_nodes = n_nodes;
	cmd_option_all(c, "bmc", &out->addresses);
	/* "--bmc ''" takes it back; cmd_option_all() knows no empty words. */
	if (cmd_option(c, "bmc") && out->addresses.len == 0)
		str_list_add(&out->addresses, "");
	out->protocol = cmd_option(c, "bmc-protocol");
	out->user = cmd_option(c, "bmc-user");
	out->pin = cmd_option(c, "bmc-pin");
	out->given = out->addresses.len || out->protocol || out->user || out->pin || file;
	if (check_addresses(out, err) < 0)
		return -1;
	if (out->pin && *out->pin && bmc_pin_read(out->pin, pin, err) < 0)
		return err_wrap(err, "--bmc-pin");
	if (out->pin && *out->pin && n_nodes > 1) {
		err_set(err, ERR_USAGE, "--bmc-pin: several nodes have not one key");
		return err_hint(err, "compare and set it node by node");
	}
	return file ? read_password(file, &out->password, err) : 0;
}

static void put_address(const struct node_bmc *b, size_t place, struct json_out *w)
{
	const char *first = b->addresses.items[0];
	struct err checked = { 0 };
	char text[ADDR4_LEN];
	uint32_t addr;

	if (b->addresses.len > 1) {
		json_put_str(w, "address", b->addresses.items[place]);
	} else if (b->n_nodes > 1 && *first && addr4_read(first, &addr, &checked) == 0) {
		addr4_print(addr + (uint32_t)place, text);
		json_put_str(w, "address", text);
	} else {
		json_put_str(w, "address", first);
	}
}

void node_bmc_put(const struct node_bmc *b, size_t place, struct json_out *w)
{
	if (!b->given)
		return;
	json_put_obj(w, "bmc");
	if (b->addresses.len)
		put_address(b, place, w);
	if (b->protocol)
		json_put_str(w, "protocol", b->protocol);
	if (b->user)
		json_put_str(w, "user", b->user);
	if (b->pin)
		json_put_str(w, "pin", b->pin);
	if (b->password)
		json_put_str(w, "password", b->password);
	json_end_obj(w);
}
