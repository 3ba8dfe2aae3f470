#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# More connections than orthrusd takes, from many addresses, that say nothing: nodes, administrators and new machines are answered.
set -u
command -v perl >/dev/null || { echo "needs the program perl"; exit 77; }
ulimit -n 12000 2>/dev/null || { echo "needs 12000 open files (ulimit -n)"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
mac1=52:54:00:00:00:01 mac2=52:54:00:00:00:02
trap 'exec 9>&-; [ -z "${flood_pid:-}" ] || wait "$flood_pid"; cleanup' EXIT

start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
"$orthrus" node add n01 --mac $mac1 --group compute >/dev/null || die "node add"
"$orthrus" head certificate ops --out "$work/ops" >/dev/null 2>&1 || die "head certificate"
port=$(tls_port)
hello $mac1 "$(machine $mac1 A)"; want 200 'hello of n01'

mkfifo "$work/hold"
perl "$TOP/tests/cli/flood.pl" "$port" 34 256 <"$work/hold" >"$work/flood" 2>&1 &
flood_pid=$!
exec 9>"$work/hold"
for _ in $(seq 300); do grep -q . "$work/flood" && break; sleep 0.1; done
[ "$(cat "$work/flood")" = full ] || die "no flood: $(cat "$work/flood")"
ask_all() {
    request --max-time 10 --cacert "$root/var/lib/orthrus/pki/ca.crt" --cert "$work/ops/ops.crt" --key "$work/ops/ops.key" "https://127.0.0.1:$port/v1/nodes"
    want 200 "an administrator $1"
    imager $mac1 GET /v1/imager/orders; want 200 "a node $1"
    enrol $mac1 ''; want 200 "a certificate for a node $1"
    enrol $mac2 "$(machine $mac2 B)"; want 200 "a new machine $1"
    api GET /v1/status; want 200 "the unix socket $1"
}
for i in 1 2 3; do ask_all "in the flood, $i"; done
n=$(grep -c ':.*have shown no certificate' "$work/log")
[ "$n" = 1 ] || fail "the flood stands $n times in the log"
kill -0 $flood_pid 2>/dev/null || fail "the flood ended by itself: $(cat "$work/flood")"
[ "$failed" = 0 ] && echo ok
exit $failed
