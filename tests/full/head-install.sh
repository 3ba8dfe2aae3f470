#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/cli/head-install.sh, killed at each change that a program makes and at each thing made durable, not at a few of them. It mostly waits
# (for offers of DHCP servers that nobody makes), so that four machines share the cases.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root for namespaces"; exit 77; }
work=$(mktemp -d) of=4 failed=0
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT
pids=()
for ((k = 0; k < of; k++)); do
    EVERY=1 SHARD="$k $of" "$TOP/tests/cli/head-install.sh" >"$work/$k" 2>&1 &
    pids+=($!)
done
for ((k = 0; k < of; k++)); do
    wait "${pids[k]}"
    rc=$?
    grep -v '^RESULT ' "$work/$k"
    [ $rc != 77 ] || exit 77
    [ $rc = 0 ] || failed=1
done
sum() { sed -n "s/^RESULT $1 .*\\b$2=\\([0-9]*\\).*/\\1/p" "$work"/[0-9]* | awk '{ n += $1 } END { print n + 0 }'; } # NAME KEY
echo "RESULT uninstall_files differences=$(sum uninstall_files differences)"
echo "RESULT head_install killed=$(sum head_install killed) same_result=$(sum head_install same_result)"
exit $failed
