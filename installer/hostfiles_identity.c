/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By what the node is known to the head after its installation, and how it stays so: the certificate lives for 24 hours. */
#include "installer/hostfiles.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"

/* At each boot, for the machine may have been off for long; then four times a day (the timer). The boot does not wait for the
 * head. What the head refuses is not asked every minute: status 3. */
static const char renew_unit[] = "# Written by orthrus.\n"
				 "[Unit]\n"
				 "Description=Get a new certificate for this node\n"
				 "Wants=network-online.target\n"
				 "After=network-online.target\n"
				 "ConditionPathExists=/etc/orthrus/node.enrol\n"
				 "StartLimitIntervalSec=0\n"
				 "\n"
				 "[Service]\n"
				 "Type=exec\n"
				 "EnvironmentFile=/etc/orthrus/booted.env\n"
				 "RuntimeDirectory=orthrus-renew\n"
				 "RuntimeDirectoryMode=0700\n"
				 "ExecStart=/usr/lib/orthrus/orthrus-renew\n"
				 "Restart=on-failure\n"
				 "RestartSec=60\n"
				 "RestartPreventExitStatus=3\n"
				 "\n"
				 "[Install]\n"
				 "WantedBy=multi-user.target\n";

static const char renew_timer[] = "# Written by orthrus.\n"
				  "[Unit]\n"
				  "Description=Get a new certificate for this node in good time\n"
				  "\n"
				  "[Timer]\n"
				  "OnActiveSec=6h\n"
				  "OnUnitActiveSec=6h\n"
				  "RandomizedDelaySec=30min\n"
				  "\n"
				  "[Install]\n"
				  "WantedBy=timers.target\n";

/* The request is the one that was made with the key, kept beside it: no program that could make another is needed here, and the
 * private key does not even have to be read. */
static const char renew_script[] =
	"#!/bin/sh\n"
	"# Written by orthrus: asks the head for a new certificate for this node's key, and puts it in the place of the old "
	"one.\n"
	"set -eu\n"
	"umask 077\n"
	"dir=${ORTHRUS_DIR-/etc/orthrus}\n"
	"answer=$RUNTIME_DIRECTORY/answer\n"
	"new=$dir/.node.crt.new\n"
	"\n"
	"status=$(printf '%s\\n' \"url = \\\"$ORTHRUS_SERVER/v1/enrol\\\"\" 'header = \"Content-Type: application/json\"' \\\n"
	"\t\"cacert = \\\"$dir/ca.crt\\\"\" \"data-binary = \\\"@$dir/node.enrol\\\"\" 'max-time = 30' 'max-filesize = 65536' "
	"\\\n"
	"\t'silent' 'show-error' \"output = \\\"$answer\\\"\" 'write-out = \"%{http_code}\"' | curl --config -)\n"
	"case $status in\n"
	"2*) ;;\n"
	"429 | 5*)\n"
	"\techo \"the head answered $status; trying again\" >&2\n"
	"\texit 1 ;;\n"
	"*)\n"
	"\techo \"the head gives $ORTHRUS_NODE no certificate (status $status): the node was removed, or has another key\" >&2\n"
	"\texit 3 ;;\n"
	"esac\n"
	"# The one string of base64 lines, with \\n as JSON writes it.\n"
	"sed -n 's|^.*\"certificate\" *: *\"\\(-----BEGIN CERTIFICATE-----\\\\n[A-Za-z0-9+/=\\\\n]*-----END "
	"CERTIFICATE-----\\\\n\\)\".*$|\\1|p' "
	"\\\n"
	"\t\"$answer\" | sed 's/\\\\n/\\n/g; s/\\n$//' >\"$new\"\n"
	"if ! [ -s \"$new\" ]; then\n"
	"\trm -f \"$new\"\n"
	"\techo \"the head has not approved the key of $ORTHRUS_NODE: it was removed from the cluster\" >&2\n"
	"\texit 3\n"
	"fi\n"
	"sync \"$new\"\n"
	"mv -f \"$new\" \"$dir/node.crt\"\n"
	"sync \"$dir\"\n"
	"rm -f \"$answer\"\n"
	"echo \"$ORTHRUS_NODE has a new certificate\"\n";

/* What orthrus-renew says to the head each time. */
static char *enrol_json(const struct install_identity *id)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, false);
	json_put_obj(&w, NULL);
	json_put_str(&w, "csr", id->csr);
	json_put_str(&w, "seal_key", id->seal_key);
	json_end_obj(&w);
	return buf_steal(&out);
}

static void secret(struct hostfiles *out, const char *path, char *content)
{
	hostfiles_add(out, HOSTFILE_TEXT, path, 0600, content);
}

void hostfiles_add_identity(const struct hostfiles_input *in, struct hostfiles *out)
{
	const struct install_identity *id = in->identity;

	/* Keys first: without them the certificate is worth nothing. */
	secret(out, "etc/orthrus/node.key", mem_strdup(id->key));
	secret(out, "etc/orthrus/node.seal", mem_strdup(id->seal));
	secret(out, "etc/orthrus/node.crt", mem_strdup(id->crt));
	secret(out, "etc/orthrus/node.enrol", enrol_json(id));
	hostfiles_add(out, HOSTFILE_TEXT, "usr/lib/orthrus/orthrus-renew", 0755, mem_strdup(renew_script));
	hostfiles_add(out, HOSTFILE_TEXT, "etc/systemd/system/orthrus-renew.service", 0644, mem_strdup(renew_unit));
	hostfiles_add(out, HOSTFILE_TEXT, "etc/systemd/system/orthrus-renew.timer", 0644, mem_strdup(renew_timer));
	hostfiles_add(out, HOSTFILE_LINK, "etc/systemd/system/multi-user.target.wants/orthrus-renew.service", 0,
		      mem_strdup("/etc/systemd/system/orthrus-renew.service"));
	hostfiles_add(out, HOSTFILE_LINK, "etc/systemd/system/timers.target.wants/orthrus-renew.timer", 0,
		      mem_strdup("/etc/systemd/system/orthrus-renew.timer"));
}
