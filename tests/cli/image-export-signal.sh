#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An export that a signal ends leaves nothing beside its target, whatever it was writing, and ends as by that signal.
set -u
orthrus=$BUILD/orthrus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ORTHRUS_ROOT=$work/root
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }

mkdir -p "$work/tree" "$work/out"
head -c 120000000 /dev/urandom >"$work/tree/much"
"$orthrus" site init --cluster signal --interface eth0 --subnet 10.77.0.0/24 --head-address 10.77.0.1 >/dev/null || exit 1
"$orthrus" image build much --from "$work/tree" --quiet >/dev/null || exit 1

ended_by() { # SIGNAL STATUS TARGET OPTION...
    local signal=$1 status=$2 target=$work/out/$3 pid rc
    env --default-signal=HUP,TERM setsid "$orthrus" image export much "$target" "${@:4}" --quiet >"$work/log" 2>&1 &
    pid=$!
    until [ -n "$(compgen -G "$target.??????")" ]; do
        kill -0 $pid 2>/dev/null || { fail "$3 $signal: it ended before anything was there: $(<"$work/log")"; return; }
    done
    kill -"$signal" $pid
    wait $pid
    rc=$?
    [ $rc = "$status" ] || fail "$3 $signal: status $rc: $(<"$work/log")"
    [ -z "$(ls -A "$work/out")" ] || fail "$3 $signal: it left $(ls "$work/out")"
    rm -rf "${work:?}/out"/*
}
ended_by TERM 143 a.tar.zst
ended_by HUP 129 b.tar.gz --format pax
ended_by TERM 143 c.squashfs
ended_by TERM 143 d --format oci
ended_by TERM 143 e.tar --format oci

# nohup stays what it is: who ignores a hangup goes on.
(trap '' HUP; exec "$orthrus" image export much "$work/out/f.tar.zst" --quiet >"$work/log" 2>&1) &
pid=$!
until [ -n "$(compgen -G "$work/out/f.tar.zst.??????")" ] || ! kill -0 $pid 2>/dev/null; do :; done
kill -HUP $pid 2>/dev/null
wait $pid || fail "it did not go on: $(<"$work/log")"
[ "$(ls "$work/out")" = f.tar.zst ] || fail "there is $(ls "$work/out")"
[ $failed = 0 ] && echo ok
exit $failed
