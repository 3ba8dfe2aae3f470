/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/mem.h"
#include "installer/hostfiles.h"
#include "sys/keys_ssh.h"

/* At each boot, and by the timer; a head that is away is asked again by the next one. */
static const char unit[] = "# Written by orthrus.\n"
			   "[Unit]\n"
			   "Description=Fetch what the head has for this node\n"
			   "Wants=network-online.target\n"
			   "After=network-online.target orthrus-ssh-keys.service\n"
			   "ConditionPathExists=/etc/orthrus/node.crt\n"
			   "\n"
			   "[Service]\n"
			   "Type=oneshot\n"
			   "EnvironmentFile=/etc/orthrus/booted.env\n"
			   "ExecStart=/usr/lib/orthrus/orthrus-sync\n"
			   "TimeoutStartSec=300\n"
			   "LimitCORE=0\n"
			   "\n"
			   "[Install]\n"
			   "WantedBy=multi-user.target\n";

static const char timer[] = "# Written by orthrus.\n"
			    "[Unit]\n"
			    "Description=Fetch what the head has for this node, every few minutes\n"
			    "\n"
			    "[Timer]\n"
			    "OnBootSec=2min\n"
			    "OnUnitInactiveSec=5min\n"
			    "RandomizedDelaySec=1min\n"
			    "\n"
			    "[Install]\n"
			    "WantedBy=timers.target\n";

/* The private key's path is on curl's command line, never the key. The program takes its name only when it is whole. */
static const char script[] =
	"#!/bin/sh\n"
	"# Written by orthrus: asks the head for what is this node's. Secrets come sealed; orthrus-node opens them.\n"
	"set -eu\n"
	"umask 077\n"
	"dir=/run/orthrus-sync\n"
	"node=/usr/lib/orthrus/orthrus-node\n"
	"key=/etc/ssh/ssh_host_ed25519_key\n"
	"mkdir -p \"$dir\"\n"
	"failed=0\n"
	"\n"
	"# The status of the head's answer, which is in $dir/answer.\n"
	"ask() { # PATH [CURL-ARGUMENTS]\n"
	"\tpath=$1\n"
	"\tshift\n"
	"\tcurl --silent --show-error --max-time 60 --cacert /etc/orthrus/ca.crt --cert /etc/orthrus/node.crt \\\n"
	"\t\t--key /etc/orthrus/node.key --output \"$dir/answer\" --write-out '%{http_code}' \"$@\" \"$ORTHRUS_SERVER$path\"\n"
	"}\n"
	"fail() {\n"
	"\techo \"$1\" >&2\n"
	"\tfailed=1\n"
	"}\n"
	"\n"
	"have=none\n"
	"[ ! -x \"$node\" ] || have=$(sha256sum <\"$node\" | cut -d' ' -f1)\n"
	"status=$(ask \"/v1/node-program?have=$have\")\n"
	"case $status in\n"
	"200)\n"
	"\tcp \"$dir/answer\" \"$node.new\"\n"
	"\tchmod 755 \"$node.new\"\n"
	"\t\"$node.new\" --version\n"
	"\tmv -f \"$node.new\" \"$node\" ;;\n"
	"204) ;;\n"
	"*) fail \"the head answered $status when asked for its program\" ;;\n"
	"esac\n"
	"if [ -x \"$node\" ]; then\n"
	"\tstatus=$(ask /v1/secrets)\n"
	"\tif [ \"$status\" = 200 ]; then\n"
	"\t\t\"$node\" secrets <\"$dir/answer\" || failed=1\n"
	"\telse\n"
	"\t\tfail \"the head answered $status when asked for secrets\"\n"
	"\tfi\n"
	"\tif [ -s \"$key.pub\" ]; then\n"
	"\t\t# The public half is no secret: the head believes only who can sign with the other one.\n"
	"\t\tpublic=$(cut -d' ' -f1,2 \"$key.pub\")\n"
	"\t\tproof=$(printf '%s\\n' \"$ORTHRUS_NODE\" \"$ORTHRUS_FINGERPRINT\" \"$public\" |\n"
	"\t\t\tssh-keygen -Y sign -q -f \"$key\" -n " SSH_PROOF_NAMESPACE " | sed '/^-/d' | tr -d '\\n')\n"
	"\t\tprintf '{\"key\":\"%s\",\"proof\":\"%s\"}' \"$public\" \"$proof\" >\"$dir/question\"\n"
	"\t\tstatus=$(ask /v1/hostkey --header 'Content-Type: application/json' --data-binary \"@$dir/question\")\n"
	"\t\tif [ \"$status\" = 200 ]; then\n"
	"\t\t\t\"$node\" ssh <\"$dir/answer\" || failed=1\n"
	"\t\telse\n"
	"\t\t\tfail \"the head answered $status when asked to certify the ssh host key\"\n"
	"\t\tfi\n"
	"\tfi\n"
	"fi\n"
	"rm -rf \"$dir\"\n"
	"exit $failed\n";

void hostfiles_add_sync(struct hostfiles *out)
{
	hostfiles_add(out, HOSTFILE_TEXT, "usr/lib/orthrus/orthrus-sync", 0755, mem_strdup(script));
	hostfiles_add(out, HOSTFILE_TEXT, "etc/systemd/system/orthrus-sync.service", 0644, mem_strdup(unit));
	hostfiles_add(out, HOSTFILE_TEXT, "etc/systemd/system/orthrus-sync.timer", 0644, mem_strdup(timer));
	hostfiles_add(out, HOSTFILE_LINK, "etc/systemd/system/multi-user.target.wants/orthrus-sync.service", 0,
		      mem_strdup("/etc/systemd/system/orthrus-sync.service"));
	hostfiles_add(out, HOSTFILE_LINK, "etc/systemd/system/timers.target.wants/orthrus-sync.timer", 0,
		      mem_strdup("/etc/systemd/system/orthrus-sync.timer"));
}
