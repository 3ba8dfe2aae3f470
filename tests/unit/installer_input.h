/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of the installer share: tests/golden/installer/NAME.in.json holds an order, disks and what the image has. */
#ifndef ORTHRUS_TESTS_INSTALLER_INPUT_H
#define ORTHRUS_TESTS_INSTALLER_INPUT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "installer/hostfiles.h"
#include "installer/installer.h"
#include "installer/order.h"
#include "sys/fs.h"

#include <stdlib.h>
#include <string.h>

static const struct install_identity an_identity = { .key = "-----BEGIN PRIVATE KEY-----\n",
						     .crt = "-----BEGIN CERTIFICATE-----\n",
						     .seal = "SEALSECRET\n",
						     .csr = "-----BEGIN CERTIFICATE REQUEST-----\n",
						     .seal_key = "SEALPUBLIC",
						     .fingerprint = "0123456789abcdef" };

struct input {
	struct order order;
	struct disks disks;
	struct hostfiles_facts facts;
};

static inline void input_free(struct input *in)
{
	order_free(&in->order);
	disks_free(&in->disks);
}

static inline int read_input(const char *text, size_t len, struct input *in, struct err *err)
{
	autoclean(json_doc_free) struct json_doc doc = { 0 };
	struct json_obj root, order, image;

	if (json_parse(text, len, &doc, err) < 0 || json_root_obj(&doc, &root, err) < 0 ||
	    json_obj(&root, "order", JSON_MUST, &order, err) < 0 || order_read(&order, &in->order, err) < 0 ||
	    disks_from_json(&root, "disks", &in->disks, err) < 0 || json_obj(&root, "image", JSON_MUST, &image, err) < 0 ||
	    json_bool(&image, "chrony", JSON_MUST, &in->facts.chrony, err) < 0 ||
	    json_bool(&image, "resolved", JSON_MUST, &in->facts.resolved, err) < 0)
		return -1;
	return json_obj_end(&root, err);
}

static inline char *golden_path(const char *name)
{
	const char *top = getenv("TOP");

	return str_format("%s/tests/golden/installer/%s", top ? top : ".", name);
}

static inline void load(const char *path, struct input *in)
{
	autoclean(buf_free) struct buf text = { 0 };
	struct err err = { 0 };

	*in = (struct input){ 0 };
	if (fs_read(path, 1 << 20, &text, &err) < 0 || read_input(buf_str(&text), text.len, in, &err) < 0)
		fail_msg("%s: %s", path, err.text);
}

static inline void load_raid1(struct input *in)
{
	autofree char *path = golden_path("raid1.in.json");

	load(path, in);
}

static inline void render(const struct input *in, const struct raid_result *result, struct hostfiles *files)
{
	const struct hostfiles_input hi = {
		.order = &in->order, .result = result, .facts = in->facts, .ca_crt = "CERTIFICATE\n", .identity = &an_identity
	};
	struct err err = { 0 };

	if (hostfiles_render(&hi, files, &err) < 0)
		fail_msg("%s", err.text);
}

#endif
