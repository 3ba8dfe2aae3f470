/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "installer/hostfiles.h"

#include "base/buf.h"
#include "base/mem.h"

/* Retries are systemd's: the unit starts the script again until the head has answered. */
static const char unit[] = "# Written by orthrus.\n"
			   "[Unit]\n"
			   "Description=Tell the head that this node came up\n"
			   "Wants=network-online.target\n"
			   "After=network-online.target\n"
			   "StartLimitIntervalSec=0\n"
			   "\n"
			   "[Service]\n"
			   "Type=exec\n"
			   "EnvironmentFile=/etc/orthrus/booted.env\n"
			   "ExecStart=/usr/lib/orthrus/orthrus-booted\n"
			   "Restart=on-failure\n"
			   "RestartSec=5\n"
			   "\n"
			   "[Install]\n"
			   "WantedBy=multi-user.target\n";

/* The token reaches curl on its standard input, written by a builtin of the shell: it is in no process's arguments. */
static const char script[] =
	"#!/bin/sh\n"
	"# Written by orthrus: says on every console that the node is up, and reports it to the head once per installation.\n"
	"set -eu\n"
	"umask 077\n"
	"token=/etc/orthrus/report-token\n"
	"reported=/var/lib/orthrus/booted-$ORTHRUS_INSTALL_ID\n"
	"body=/run/orthrus-booted.json\n"
	"\n"
	"say() {\n"
	"\tfor tty in $(cat /sys/class/tty/console/active); do\n"
	"\t\tprintf '\\r\\northrus-booted: %s\\r\\n' \"$1\" 2>/dev/null >\"/dev/$tty\" || :\n"
	"\tdone\n"
	"}\n"
	"\n"
	"root=$(findmnt -n -o UUID /)\n"
	"if [ ! -e /run/orthrus-booted.said ]; then\n"
	"\tsay \"$ORTHRUS_NODE root=UUID=$root\"\n"
	"\t: >/run/orthrus-booted.said\n"
	"fi\n"
	"[ ! -e \"$reported\" ] || exit 0\n"
	"[ -s \"$token\" ] || exit 0\n"
	"\n"
	"# Lines joined by the two characters \\n, as JSON writes them.\n"
	"mdstat=$([ ! -r /proc/mdstat ] || tr -d '\\000-\\011\\013-\\037' </proc/mdstat |\n"
	"\tsed -e 's/\\\\/\\\\\\\\/g' -e 's/\"/\\\\\"/g' | awk '{ printf \"%s\\\\n\", $0 }')\n"
	"printf '{\"install_id\":\"%s\",\"root\":\"%s\",\"mdstat\":\"%s\",\"kernel\":\"%s\",\"boot_id\":\"%s\"}' \\\n"
	"\t\"$ORTHRUS_INSTALL_ID\" \"$root\" \"$mdstat\" \"$(uname -r)\" \"$(cat /proc/sys/kernel/random/boot_id)\" >\"$body\"\n"
	"\n"
	"status=$(printf '%s\\n' \"url = \\\"$ORTHRUS_SERVER/v1/imager/booted\\\"\" \\\n"
	"\t\"header = \\\"Authorization: Bearer $(cat \"$token\")\\\"\" 'header = \"Content-Type: application/json\"' \\\n"
	"\t'cacert = \"/etc/orthrus/ca.crt\"' \"data-binary = \\\"@$body\\\"\" 'max-time = 30' 'silent' 'show-error' \\\n"
	"\t'output = \"/dev/null\"' 'write-out = \"%{http_code}\"' | curl --config -)\n"
	"case $status in\n"
	"2*)\n"
	"\tmkdir -p /var/lib/orthrus\n"
	"\t: >\"$reported\"\n"
	"\trm -f \"$token\" \"$body\"\n"
	"\techo \"the head knows that $ORTHRUS_NODE is up\" ;;\n"
	"5*)\n"
	"\techo \"the head answered $status; trying again\" >&2\n"
	"\texit 1 ;;\n"
	"*)\n"
	"\techo \"the head refused the report of $ORTHRUS_NODE with status $status; it belongs to another installation\" >&2 ;;\n"
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

void hostfiles_add_report(const struct hostfiles_input *in, struct hostfiles *out)
{
	const struct order *o = in->order;

	hostfiles_add(out, HOSTFILE_DIR, "etc/orthrus", 0755, NULL);
	hostfiles_add(out, HOSTFILE_TEXT, "etc/orthrus/node.json", 0644, node_json(o, in->result));
	hostfiles_add(out, HOSTFILE_TEXT, "etc/orthrus/ca.crt", 0644, mem_strdup(in->ca_crt));
	if (in->report_token)
		hostfiles_add(out, HOSTFILE_TEXT, "etc/orthrus/report-token", 0600, str_format("%s\n", in->report_token));
	else
		hostfiles_add(out, HOSTFILE_GONE, "etc/orthrus/report-token", 0, NULL);
	hostfiles_add(
		out, HOSTFILE_TEXT, "etc/orthrus/booted.env", 0644,
		str_format("ORTHRUS_NODE=%s\nORTHRUS_SERVER=%s\nORTHRUS_INSTALL_ID=%s\n", o->node, o->server_url, o->install_id));
	hostfiles_add(out, HOSTFILE_TEXT, "usr/lib/orthrus/orthrus-booted", 0755, mem_strdup(script));
	hostfiles_add(out, HOSTFILE_TEXT, "etc/systemd/system/orthrus-booted.service", 0644, mem_strdup(unit));
	hostfiles_add(out, HOSTFILE_LINK, "etc/systemd/system/multi-user.target.wants/orthrus-booted.service", 0,
		      mem_strdup("/etc/systemd/system/orthrus-booted.service"));
}
