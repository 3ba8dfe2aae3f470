/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/hostfiles.h"

#include "base/buf.h"
#include "base/mem.h"

/* Does not wait for the network: whoever watches the console wants to know at once, and at every boot. */
static const char booted_unit[] = "# Written by orthrus.\n"
				  "[Unit]\n"
				  "Description=Say on the consoles that this node came up\n"
				  "\n"
				  "[Service]\n"
				  "Type=exec\n"
				  "EnvironmentFile=/etc/orthrus/booted.env\n"
				  "ExecStart=/usr/lib/orthrus/orthrus-booted\n"
				  "\n"
				  "[Install]\n"
				  "WantedBy=multi-user.target\n";

static const char booted_script[] =
	"#!/bin/sh\n"
	"# Written by orthrus: says on every console that the node is up, and later that its arrays are whole.\n"
	"set -eu\n"
	"\n"
	"say() {\n"
	"\tfor tty in $(cat /sys/class/tty/console/active); do\n"
	"\t\tprintf '\\r\\northrus-booted: %s\\r\\n' \"$1\" 2>/dev/null >\"/dev/$tty\" || :\n"
	"\tdone\n"
	"}\n"
	"\n"
	"say \"$ORTHRUS_NODE root=UUID=$(findmnt -n -o UUID /)\"\n"
	"while grep -Eq 'resync|recovery|reshape' /proc/mdstat 2>/dev/null; do\n"
	"\tsleep 2\n"
	"done\n"
	"say \"$ORTHRUS_NODE arrays in step\"\n";

/* Retries are systemd's: the unit starts the script again until the head has answered. */
static const char report_unit[] = "# Written by orthrus.\n"
				  "[Unit]\n"
				  "Description=Tell the head that this node came up\n"
				  "Wants=network-online.target\n"
				  "After=network-online.target orthrus-renew.service\n"
				  "ConditionPathExists=/etc/orthrus/node.crt\n"
				  "StartLimitIntervalSec=0\n"
				  "\n"
				  "[Service]\n"
				  "Type=exec\n"
				  "EnvironmentFile=/etc/orthrus/booted.env\n"
				  "ExecStart=/usr/lib/orthrus/orthrus-report\n"
				  "Restart=on-failure\n"
				  "RestartSec=5\n"
				  "\n"
				  "[Install]\n"
				  "WantedBy=multi-user.target\n";

/* A certificate that is not good any more is renewed by orthrus-renew: tried again once that may have happened. */
static const char report_script[] =
	"#!/bin/sh\n"
	"# Written by orthrus: reports the first boot after an installation to the head, once.\n"
	"set -eu\n"
	"umask 077\n"
	"reported=/var/lib/orthrus/reported-$ORTHRUS_INSTALL_ID\n"
	"body=/run/orthrus-report.json\n"
	"\n"
	"[ ! -e \"$reported\" ] || exit 0\n"
	"# Lines joined by the two characters \\n, as JSON writes them.\n"
	"mdstat=$([ ! -r /proc/mdstat ] || tr -d '\\000-\\011\\013-\\037' </proc/mdstat |\n"
	"\tsed -e 's/\\\\/\\\\\\\\/g' -e 's/\"/\\\\\"/g' | awk '{ printf \"%s\\\\n\", $0 }')\n"
	"esp=$(! esp=$(findmnt -n -o UUID /boot/efi) || printf ',\"esp\":\"%s\"' \"$esp\")\n"
	"os=$(. /etc/os-release && printf '%s' \"${VERSION_CODENAME-}\")\n"
	"printf '{\"install_id\":\"%s\",\"root\":\"%s\",\"mdstat\":\"%s\",\"kernel\":\"%s\",\"boot_id\":\"%s\",\"os\":\"%s\"%s}' "
	"\\\n"
	"\t\"$ORTHRUS_INSTALL_ID\" \"$(findmnt -n -o UUID /)\" \"$mdstat\" \"$(uname -r)\" \\\n"
	"\t\"$(cat /proc/sys/kernel/random/boot_id)\" \"$os\" \"$esp\" >\"$body\"\n"
	"\n"
	"status=$(printf '%s\\n' \"url = \\\"$ORTHRUS_SERVER/v1/imager/booted\\\"\" \\\n"
	"\t'header = \"Content-Type: application/json\"' 'cacert = \"/etc/orthrus/ca.crt\"' \\\n"
	"\t'cert = \"/etc/orthrus/node.crt\"' 'key = \"/etc/orthrus/node.key\"' \\\n"
	"\t\"data-binary = \\\"@$body\\\"\" 'max-time = 30' 'silent' 'show-error' \\\n"
	"\t'output = \"/dev/null\"' 'write-out = \"%{http_code}\"' | curl --config -)\n"
	"case $status in\n"
	"2*)\n"
	"\tmkdir -p /var/lib/orthrus\n"
	"\t: >\"$reported\"\n"
	"\trm -f \"$body\"\n"
	"\techo \"the head knows that $ORTHRUS_NODE is up\" ;;\n"
	"5*)\n"
	"\techo \"the head answered $status; trying again\" >&2\n"
	"\texit 1 ;;\n"
	"401 | 403)\n"
	"\techo \"the head does not take the certificate of $ORTHRUS_NODE; trying again in a minute\" >&2\n"
	"\tsleep 55\n"
	"\texit 1 ;;\n"
	"*)\n"
	"\techo \"the head refused the report of $ORTHRUS_NODE with status $status: it knows of another installation\" >&2 ;;\n"
	"esac\n";

static char *node_json(const struct order *o, const struct raid_result *result)
{
	autoclean(buf_free) struct buf out = { 0 };
	struct json_out w;

	json_out_init(&w, &out, true);
	json_put_obj(&w, NULL);
	json_put_str(&w, "node", o->node);
	json_put_str(&w, "domain", o->domain);
	json_put_str(&w, "cluster_id", o->cluster_id);
	json_put_str(&w, "install_id", o->install_id);
	json_put_str(&w, "image_name", o->image_name);
	json_put_str(&w, "image_id", o->image_id);
	json_put_str(&w, "manifest_digest", o->manifest_digest);
	json_put_str(&w, "layout", o->layout.name);
	json_put_str(&w, "mac", o->mac);
	json_put_str(&w, "server_url", o->server_url);
	json_put_str(&w, "root_uuid", hostfiles_uuid(result, "/"));
	json_end_obj(&w);
	return buf_steal(&out);
}

static void add_service(struct hostfiles *out, const char *name, const char *unit, const char *script)
{
	autofree char *program = str_format("usr/lib/orthrus/%s", name);
	autofree char *unit_path = str_format("etc/systemd/system/%s.service", name);
	autofree char *wants = str_format("etc/systemd/system/multi-user.target.wants/%s.service", name);

	hostfiles_add(out, HOSTFILE_TEXT, program, 0755, mem_strdup(script));
	hostfiles_add(out, HOSTFILE_TEXT, unit_path, 0644, mem_strdup(unit));
	hostfiles_add(out, HOSTFILE_LINK, wants, 0, str_format("/etc/systemd/system/%s.service", name));
}

void hostfiles_add_report(const struct hostfiles_input *in, struct hostfiles *out)
{
	const struct order *o = in->order;

	hostfiles_add(out, HOSTFILE_DIR, "etc/orthrus", 0755, NULL);
	hostfiles_add(out, HOSTFILE_TEXT, "etc/orthrus/node.json", 0644, node_json(o, in->result));
	hostfiles_add(out, HOSTFILE_TEXT, "etc/orthrus/ca.crt", 0644, mem_strdup(in->ca_crt));
	hostfiles_add(out, HOSTFILE_TEXT, "etc/orthrus/booted.env", 0644,
		      str_format("ORTHRUS_NODE=%s\nORTHRUS_SERVER=%s\nORTHRUS_INSTALL_ID=%s\nORTHRUS_FINGERPRINT=%s\n", o->node,
				 o->server_url, o->install_id, in->identity->fingerprint));
	add_service(out, "orthrus-booted", booted_unit, booted_script);
	add_service(out, "orthrus-report", report_unit, report_script);
}
