#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a relay carries: packets of 1448 bytes from one namespace to the group in another, through `orthrus cast relay`. Not run by
# `make check`: tests/bench/relay.sh [MIB] [MB-PER-SECOND...]
set -u
TOP=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)} BUILD=${BUILD:-$TOP/build}
[ "$(id -u)" = 0 ] || { echo "needs root for namespaces"; exit 77; }
if [ "${1:-}" != inside ]; then exec unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc bash "$0" inside "$@"; fi
shift
mib=${1:-512}
[ $# = 0 ] || shift
[ $# -gt 0 ] || set -- 200 400 600 800 1200
mount -t tmpfs none /run && mkdir -p /run/netns
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ip link set lo up
for n in snd far; do
    ip netns add $n
    ip -n $n link add eth0 type veth peer name $n
    ip -n $n link set $n netns $$
    ip -n $n link set eth0 up
    ip -n $n link set lo up
    ip link set $n up
done
ip addr add 10.1.0.254/24 dev snd
ip addr add 10.2.0.9/24 dev far
ip -n snd addr add 10.1.0.1/24 dev eth0
ip -n snd route add default via 10.1.0.254
ip -n far addr add 10.2.0.5/24 dev eth0
jq -n '{format: 1, cluster: {name: "c", domain: "c.internal"}, heads: [{name: "h", interface: "eth0", ipv4: "10.1.0.1"}],
    networks: [{name: "near", role: "provision", ipv4: {subnet: "10.1.0.0/24"}}, {name: "far", role: "compute", ipv4: {subnet: "10.2.0.0/24"}}],
    cast: {group: "232.9.9.0", relays: [{network: "far", machine: "relay", ipv4: "10.2.0.9"}]}}' >"$work/site.json"
for rate in "$@"; do
    "$BUILD/orthrus" cast relay far --site "$work/site.json" --json >"$work/relay" 2>"$work/err" </dev/null &
    relay=$!
    ip netns exec far "$BUILD/tests/lab/relay_blast" take 232.9.9.5 4580 10.2.0.9 >"$work/took" &
    taker=$!
    for _ in $(seq 500); do grep -q ready "$work/took" && ss -Hlun | grep -q '10.2.0.9:4580' && break; sleep 0.01; done
    ip netns exec snd "$BUILD/tests/lab/relay_blast" send 10.2.0.9 4580 "$mib" "$rate" || exit 1
    wait $taker
    kill -TERM $relay
    wait $relay || { cat "$work/err"; exit 1; }
    tail -n 1 "$work/took" | jq -r --argjson rate "$rate" --argjson mib "$mib" --slurpfile relay "$work/relay" \
        '"RESULT relay sent_mb_s=\($rate) came_mb_s=\(.bytes / 1e6 / .seconds | floor) lost_percent=\(100 - .bytes * 100 / ($mib * 1048576) | . * 100 | round / 100) cpu_s_gib=\($relay[0].cpu_ms / 1000 / ($relay[0].bytes / 1073741824) * 100 | round / 100) dropped=\($relay[0].dropped) far_dropped=\(.dropped) mib=\($relay[0].memory_bytes / 1048576 | floor)"'
done
