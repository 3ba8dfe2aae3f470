#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# One node of each Debian that is supported: image built, installed, booted from its own disks; the node itself says which it is.
. "$(dirname "$0")/../lab/lab.sh"
. "$TOP/tests/lab/cluster.sh"

lab_begin
result=""
for suite in bookworm trixie; do
    CLUSTER_SUITE=$suite
    rm -rf "$W/head"
    mkdir -p "$W/head"
    cluster_head
    lab_vm_new 1 uefi 4G
    cluster_add 1
    lab_vm_on 1
    cluster_discover 1
    cluster_order 1
    cluster_installed 1
    orthrus node show n01 --json | jq -e --arg s "$suite" '.booted.os == $s' >/dev/null || lab_fail "n01 does not say that it runs $suite"
    result="$result $suite=1"
    lab_vm_cut 1
    lab_head_stop
    rm -f "$W"/vm/1*
    ip -n "$NS_SW" link del tap1
done
echo "RESULT suites$result"
