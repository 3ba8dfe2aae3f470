#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Of several MAC addresses each node gets the one that stands at its place: a swap installs, and erases, the wrong machine.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
m=52:54:00:00:00

# has NODE MAC ADDRESS
has() {
    local is
    is=$(node_value "$1" '.macs[0] + " " + .ipv4')
    [ "$is" = "$m:$2 10.77.0.$3" ] || fail "$1 has $is, not $m:$2 10.77.0.$3"
}

start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"

"$orthrus" node add n02,n01 --mac $m:b2,$m:a1 --ipv4 10.77.0.20 --group compute --plan >"$work/out" || fail "plan: $(cat "$work/out")"
grep -q "add n01: .* address 10.77.0.21, .*MAC $m:a1" "$work/out" || fail "the plan does not give n01 its own: $(cat "$work/out")"
grep -q "add n02: .* address 10.77.0.20, .*MAC $m:b2" "$work/out" || fail "the plan does not give n02 its own: $(cat "$work/out")"
"$orthrus" node add n02,n01 --mac $m:b2,$m:a1 --ipv4 10.77.0.20 --group compute >/dev/null || fail "node add"
has n02 b2 20
has n01 a1 21
# In brackets too, and ranges upwards as ever.
"$orthrus" node add 'n[9,10],n[03-04]' --mac $m:09,$m:10 --mac $m:03,$m:04 --ipv4 10.77.0.30 --group compute >/dev/null || fail "node add n[9,10]"
has n9 09 30
has n10 10 31
has n03 03 32
has n04 04 33
# Changes the same; a group is in natural order, behind what is named before it.
"$orthrus" node set n02,n01 --mac $m:c2,$m:c1 >/dev/null || fail "node set"
has n02 c2 20
has n01 c1 21
"$orthrus" node set 'n10,@compute!n9' --ipv4 10.77.0.50 >/dev/null || fail "node set @compute"
has n10 10 50
has n01 c1 51
has n02 c2 52
has n04 04 54

# All of a set or none: one that is refused leaves the others as they are; what one gives away another may have.
before=$(digest)
for more in '' --plan; do
    # shellcheck disable=SC2086
    "$orthrus" node set 'n02,n01' --ipv4 10.77.0.254 $more >"$work/out" 2>"$work/err" && fail "an address that is none $more: $(cat "$work/out")"
    grep -q '^orthrus: n01: 10.77.0.255 is no host address.*; nothing was changed$' "$work/err" || fail "it is not said why: $(cat "$work/err")"
    [ "$before" = "$(digest)" ] || fail "a set of which one was refused was half applied"
done
"$orthrus" node set 'n[01-04]' --layout none >"$work/out" 2>"$work/err" && fail "a layout that is none"
grep -q "^orthrus: n01: there is no disk layout 'none'.*; refused too: n\[02-04\]; nothing was changed" "$work/err" || fail "not all are named: $(cat "$work/err")"
"$orthrus" node set n02,n01 --ipv4 10.77.0.51 >"$work/out" 2>&1 || fail "addresses that move on: $(cat "$work/out")"
has n02 c2 51
has n01 c1 52
# The steps of all are numbered through.
"$orthrus" node set 'n[01-04]' --serial S --plan >"$work/out" || fail "a plan for four"
[ "$(grep -oE '^ +[0-9]+\.' "$work/out" | tr -d ' \n')" = 1.2.3.4. ] || fail "the numbers of the steps: $(cat "$work/out")"
# One act in the audit log, which names them all.
"$orthrus" node set 'n[01-04]' --serial S >/dev/null || fail "four at once"
"$orthrus" audit show --json | jq -se 'map(select(.what == "PATCH /v1/nodes")) | last | .nodes == "n[01-04]" and .result == "done"' >/dev/null ||
    fail "the audit log: $("$orthrus" audit show | tail -n 3)"
for said in '{"nodes":[]}' '{"nodes":[{"name":"n01"},{"name":"n01"}]}' '{"nodes":[{"name":"n01","colour":"red"}]}' '{"nodes":["n01"]}' '{}'; do
    api PATCH /v1/nodes "$said"; want 400 "body $said"
done
api PATCH /v1/nodes '{"nodes":[{"name":"n77"}]}'; want 404 'a node that is none'
[ "$failed" = 0 ] && echo ok
exit $failed
