#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Examples and defaults that docs/site.schema.json gives: they fit it, and the defaults are what holds. (lint/site-reference: none is missing.)
set -u
/usr/bin/python3 -c 'import jsonschema' 2>/dev/null || { echo "needs the package python3-jsonschema"; exit 77; }
command -v jq >/dev/null || { echo "needs jq"; exit 77; }
orthrus=$BUILD/orthrus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A site that says little, with one of each thing.
cat >"$work/given.json" <<'E2'
{"format": 1, "cluster": {"name": "hound", "domain": "hound.internal"},
 "networks": [{"name": "p", "role": "provision", "ipv4": {"subnet": "10.1.0.0/16"}, "ipv6": {"subnet": "fd00:1::/64"}},
              {"name": "q", "role": "compute", "ipv4": {"subnet": "10.2.0.0/16"}}],
 "heads": [{"name": "h1", "interface": "eth1", "ipv4": "10.1.0.1"}, {"name": "h2", "interface": "eth1", "ipv4": "10.1.0.2"}],
 "service_addresses": [{"name": "svc", "ipv4": "10.1.0.9"}],
 "images": [{"name": "c", "suite": "bookworm"}],
 "disk_layouts": [{"name": "r", "disks": {"want": 2}, "parts": [{"id": "esp", "size": "512M"}, {"id": "s", "size": "rest"}],
   "md": [{"name": "esp", "level": 1, "metadata": "1.0", "on": "esp"}, {"name": "s", "level": 1, "on": "s"}],
   "fs": [{"on": "esp", "type": "vfat", "mount": "/boot/efi"}, {"on": "s", "type": "ext4", "mount": "/"}], "boot": {"uefi": true}}],
 "groups": [{"name": "g", "image": "c", "layout": "r", "interfaces": [{"match": [{"driver": "x"}], "name": "b0", "network": "q", "bond": {"mode": "802.3ad"}}]}],
 "nodes": [{"name": "n1"}], "pair": {"witnesses": [{"name": "w", "addresses": ["10.1.0.5"]}]}, "cast": {}}
E2
"$orthrus" site check "$work/given.json" >"$work/out" 2>&1 || { echo "FAIL: $(cat "$work/out")"; exit 1; }
"$orthrus" --root "$work/none" site show --json --site "$work/given.json" | jq .site >"$work/shown.json" || exit 1
mapfile -t good < <(ls "$TOP"/tests/golden/site/ok-*.json)
/usr/bin/python3 "$TOP/tests/lab/site_schema_check.py" "$TOP/docs/site.schema.json" "$work/given.json" "$work/shown.json" "${good[@]}"
