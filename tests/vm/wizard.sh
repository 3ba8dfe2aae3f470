#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: machines without KVM keep all processors busy
# The first hour, on a serial line of 80x24 without colours: a fresh Debian machine with Orthrus' packages becomes a head by the pages of
# orthrus-setup, with what they propose; then two bare machines are switched on, approved on the dashboard, cast, and boot their own disks.
# Every key that is pressed in orthrus-setup is counted. The image is in the machine's store before (tests/lab/headvm.bash says why).
. "$(dirname "$0")/../lab/lab.sh"

for p in mmdebstrap mke2fs jq dpkg-deb dpkg-buildpackage tmux socat; do command -v $p >/dev/null || lab_skip "needs the program $p"; done
fail() { lab_fail "$*"; }
die() { lab_fail "$*"; }
. "$TOP/tests/cli/tmux.bash"
. "$TOP/tests/lab/headvm.bash"
. "$TOP/tests/lab/cluster.sh"

keys=0
press() { screen_keys "$@"; keys=$((keys + $#)); }
write() { screen_type "$1"; keys=$((keys + ${#1})); }
said() { headvm_shows "$@" >/dev/null; }
wizard_report() { # what a person needs to see after a failure
    echo "--- the head's terminal"; screen_text 2>/dev/null || true
    screen_close 2>/dev/null || true
}
end() {
    local rc=$?
    [ $rc = 0 ] || [ $rc = 77 ] || wizard_report
    screen_close 2>/dev/null || true
    set +e
    (exit $rc) # for lab_end
    lab_end
}

lab_begin
work=$W
trap end EXIT
ip -n "$NS_SW" link del head # no head of this machine's own
headvm_make
begun=$(date +%s)
headvm_on 2560
headvm_terminal
lab_say "the machine is up; somebody has logged in"

# The pages, with what they propose.
pages=("This machine" Cluster Networks Head "Disks of the head" "Node image" "Node disks" Naming Keys)
screen_type orthrus-setup
screen_keys Enter
for page in "${pages[@]}"; do said 300 "Orthrus setup: $page "; screen_still; screen_text >"$W/page-${page// /-}"; press F12; done
said 300 "Orthrus setup: Review "
screen_still; screen_text >"$W/page-review"
lab_say "the plan is shown: ${#pages[@]} pages, $keys keys"
press F12
said 60 "Type yes"
write yes
press Enter
case $(headvm_shows 1800 "What comes next" "What to do next") in
"What to do next") headvm_run 'journalctl -b --no-pager -n 60 -u orthrusd -u orthrus-helper -u chrony' || true; lab_fail "the plan could not be carried out" ;;
esac
lab_say "carried out: the machine is a head"
headvm_run 'orthrus head status'
press Enter
said 120 "Waiting for approval"
wizard_keys=$keys

# Two bare machines. Until the head has made their imager, they ask again and again.
lab_vm_new 1 bios 4G
lab_vm_new 2 uefi 4G
lab_vm_on 1
lab_vm_on 2
said 1800 "Waiting for approval 2"
lab_say "both machines wait on the dashboard"
for n in 1 2; do
    press a
    said 60 "must show: "
    words=$(screen_text | tr '\n' ' ' | sed -n 's/.*must show: \([A-Z]* [A-Z]* [A-Z]* [A-Z]* [A-Z]* [A-Z]*\).*/\1/p')
    grep -aqF "$words" "$W/vm/1.serial" "$W/vm/2.serial" || lab_fail "no console shows '$words'"
    press Enter Enter
    said 60 "Type yes"
    write yes
    press Enter
    said 120 "Done."
    press Enter
    # As somebody who looks whether it is done before the next one.
    said 120 "ready $n"
    [ $n = 2 ] || said 120 "Waiting for approval 1"
done
lab_say "both approved"
press '*' i
said 300 "Type yes"
write yes
press Enter
said 300 "Done."
press Enter
lab_say "the installation of both is ordered"
said "$((CLUSTER_T + 1800))" "up 2"
screen_text
for n in 1 2; do lab_wait $n 'orthrus-booted: n00[12] root=' 60; done
headvm_run 'orthrus node list; orthrus event list --limit 1000' >"$W/events"
cat "$W/events"
by_cast=$(grep -c 'restore: done: .* by the cast' "$W/events" || true)
[ "$by_cast" = 2 ] || lab_fail "$by_cast of 2 nodes got their image by the cast"
press q
said 60 "$HEADVM_ROOT"
echo "RESULT wizard pages=${#pages[@]} keys=$keys wizard_keys=$wizard_keys dashboard_keys=$((keys - wizard_keys)) nodes=2 by_cast=$by_cast minutes=$((($(date +%s) - begun + 59) / 60))"
[ "$keys" -le 60 ] || lab_fail "$keys keys"
