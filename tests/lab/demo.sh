#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# From nothing to two installed nodes (one BIOS, one UEFI with Secure Boot), two disks each, RAID1, booted from their own disks.
. "$(dirname "$0")/lab.sh"
. "$TOP/tests/lab/cluster.sh"

lab_say "Orthrus demo: a head and two bare machines on this one (QEMU without KVM; a few minutes)"
lab_begin
cluster_head
lab_vm_new 1 bios 5G
lab_vm_new 2 uefi 5G
cluster_add 1 2
lab_vm_on 1
lab_vm_on 2
lab_say "power on: n01 (BIOS) and n02 (UEFI, Secure Boot)"
cluster_discover 1 2
cluster_order 1 2
# The image goes to both at once: a line for each node and for the whole, as it goes on.
ip netns exec "$NS_HEAD" "$BUILD/orthrus" --root "$W/head" cast status --watch &
watch=$!
cluster_installed 1 2
kill "$watch" 2>/dev/null || true
wait "$watch" 2>/dev/null || true
orthrus node list
orthrus event list --limit 1000 | grep -E ' cast-(begun|over|failed) | restore: done' || true
by_cast=$(orthrus event list --limit 1000 | grep -c 'restore: done: .* by the cast$' || true)
grep -aq 'Secure boot enabled' "$W/vm/2.serial" || lab_fail "n02's kernel does not say that Secure Boot is on"
installed=$(orthrus node list --json | jq '[.nodes[] | select(.state=="installed" or .state=="up")] | length')
echo "RESULT demo nodes=2 installed=$installed booted_from_disk=$(cluster_count up) seconds=$(($(date +%s) - lab_t0)) by_cast=$by_cast"
