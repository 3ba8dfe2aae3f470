#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# The plug is pulled while the boot loader is written and while the disks are unmounted, and the firmware tries the disks first. What then
# runs and what the head believes must agree: either nothing boots from the disks and the imager starts over, or the system boots and
# says so, which ends the installation: up when the boot loader was complete, failed (and never erased by itself) when not.
. "$(dirname "$0")/../lab/lab.sh"
. "$TOP/tests/lab/cluster.sh"

cuts=0 consistent=0 erased=0

restarted() { grep -aqE 'orthrus-imager:.*\] disk-test' "$W/vm/$1.serial"; }
reported() { node_is "$(lab_name "$1")" "up failed"; }
came_back() { restarted "$1" || reported "$1"; }

loader_step() { orthrus node show "$(lab_name "$1")" --json | jq -r '[.steps[] | select(.name == "boot-loader") | .result][0]'; }

# cut_and_boot N PLACE: power off there, on again with the disks first; $outcome is "restarted", "up" or "failed", $loader what the head
# knew of the boot loader's step
cut_and_boot() {
    lab_vm_cut "$1"
    loader=$(loader_step "$1")
    cuts=$((cuts + 1))
    lab_say "$(lab_name "$1"): cut at '$2'"
    lab_vm_on "$1" ab netlast
    lab_until "$CLUSTER_T" "$(lab_name "$1") starts over, or boots and says so" came_back "$1"
    if restarted "$1"; then outcome=restarted; else outcome=$(node_state "$(lab_name "$1")"); fi
    if [ "$outcome" = restarted ] && grep -aq 'Linux version.*orthrus-booted' "$W/vm/$1.serial"; then lab_fail "$(lab_name "$1") booted and starts over"; fi
    consistent=$((consistent + 1))
    lab_say "$(lab_name "$1"): $outcome; the boot loader's step was: $loader"
}

lab_begin
cluster_two

# While the boot loader is being written, at a moment that differs.
for n in 1 2; do
    lab_wait $n 'orthrus-imager:.*\] boot-loader' "$CLUSTER_T"
    sleep "0.$((RANDOM % 9 + 1))"
    cut_and_boot $n "boot-loader, somewhere in it"
    case $outcome in
    failed)
        # Told to netboot, it waits in the imager and keeps its disks until it is ordered again.
        lab_vm_cut $n
        lab_vm_on $n
        lab_wait $n 'waiting for orders' "$CLUSTER_T"
        cluster_order $n ;;
    up)
        [ "$loader" = "done" ] || lab_fail "$(lab_name $n) counts as installed, though its boot loader was not complete" ;;
    esac
done

# When the boot loader is complete and the end not yet told.
for n in 1 2; do
    node_is "$(lab_name $n)" up && continue # the first cut came as late as that
    lab_wait $n 'orthrus-imager:.*\] unmount' "$CLUSTER_T"
    cut_and_boot $n "unmount"
    [ "$outcome" = up ] || lab_fail "$(lab_name $n): its boot loader was complete, but it is $outcome"
done
# The next network boot leads to the disk: what runs there is not erased.
for n in 1 2; do
    lab_vm_cut $n
    lab_vm_on $n
    lab_wait $n "orthrus-booted: $(lab_name $n) root=|orthrus-imager:" "$CLUSTER_T"
    if grep -aq 'orthrus-imager:' "$W/vm/$n.serial"; then erased=$((erased + 1)); fi
done
echo "RESULT powercut_end cuts=$cuts consistent=$consistent erased=$erased"
[ "$cuts" -ge 2 ] && [ "$consistent" = "$cuts" ] && [ "$erased" = 0 ]
