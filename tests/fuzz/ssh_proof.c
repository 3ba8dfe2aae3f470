/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a node says to prove that an ssh host key is its own: nothing but the one right text is believed. */
#include "base/mem.h"
#include "base/str.h"
#include "sys/keys_ssh.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of a key pair that was thrown away. */
	static const char key[] = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF6zwHO5XTDyO3Quuc7XsxKDrAdg2fDeySTpRTzbP0Q9";
	static const char right[] = "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgXrPAc7ldMPI7dC65ztezEoOsB2DZ8N7JJOlFPNs/"
				    "RD0AAAAQb3J0aHJ1cy1ob3N0LWtleQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUxOQAAAED/"
				    "DsMJUiCgrDl2BqSA/4KS5WvTpHwJUYeH62LJleJvO0PQ5JYKNpx3ZGdM+hM04gbe1enHCSsS6FoyrMHnJ5QP";
	const struct ssh_claim claim = { .node = "n01", .fingerprint = "00", .key = key };
	autofree char *text = mem_strndup((const char *)data, size);
	struct err err = { 0 };

	if (ssh_proof_check(&claim, text, &err) == 0 ? !str_eq(text, right) : str_eq(text, right) || err.kind != ERR_REFUSED)
		abort();
	return 0;
}
