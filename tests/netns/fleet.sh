#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: it measures how soon the head answers
# 1,000 machines arrive within 30 s at a head that knows none of them: real dnsmasq, real TLS, the administrator's own command approves
# them as they come. Then one node more among 5,000: how soon dnsmasq gives it its address.
set -u
for p in dnsmasq ip jq; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
[ "$(id -u)" = 0 ] || { echo "needs root for network namespaces"; exit 77; }
id dnsmasq >/dev/null 2>&1 || { echo "needs the user dnsmasq (package dnsmasq-base)"; exit 77; }
fleet=$BUILD/tests/lab/fleet
[ -x "$fleet" ] || { echo "needs $fleet: make tests"; exit 77; }
MACHINES=${FLEET_MACHINES:-1000} SECONDS_OF_ARRIVAL=${FLEET_SECONDS:-30} KNOWN=5000 LIMIT=240
. "$TOP/tests/cli/daemon.bash"
head=flh$$ room=flr$$ discover_pid="" fleet_pid=""
chmod 755 "$work" # dnsmasq serves as its own user
end_all() {
    [ -z "$discover_pid" ] || kill "$discover_pid" 2>/dev/null
    [ -z "$fleet_pid" ] || kill "$fleet_pid" 2>/dev/null
    cleanup
    ip netns del "$head" 2>/dev/null
    ip netns del "$room" 2>/dev/null
}
trap end_all EXIT
trap 'exit 1' INT TERM

ip netns add "$head" && ip netns add "$room" || die "namespaces"
ip -n "$head" link add eth0 type veth peer name eth0 netns "$room"
ip -n "$head" addr add 10.78.0.1/16 dev eth0
for ns in "$head" "$room"; do ip -n "$ns" link set lo up; ip -n "$ns" link set eth0 up; done
# More neighbours than the kernel keeps by itself.
ip netns exec "$head" sh -c 'for v in 1 2 3; do echo $((v * 8192)) >/proc/sys/net/ipv4/neigh/default/gc_thresh$v; done' 2>/dev/null

start_head() {
    ip netns exec "$head" "$BUILD/orthrusd" --root "$root" --netboot-dir "$TOP/netboot/initramfs" >>"$work/log" 2>&1 </dev/null &
    daemon_pid=$!
    for _ in $(seq 600); do
        [ -S "$sock" ] && curl -s --max-time 5 --unix-socket "$sock" http://x/v1/status >/dev/null && return 0
        kill -0 "$daemon_pid" 2>/dev/null || die "orthrusd ended: $(tail -n 5 "$work/log")"
        sleep 0.1
    done
    die "orthrusd is not ready after 60 s"
}
wait_dnsmasq() { for _ in $(seq 300); do [ "$(curl -s --unix-socket "$sock" http://x/v1/status | jq -r .dnsmasq)" = running ] && return 0; sleep 0.1; done; die "dnsmasq does not run: $("$orthrus" head status)"; }

"$orthrus" site init --interface eth0 --head-name head1 --subnet 10.78.0.0/16 --head-address 10.78.0.1 --ipv6 off >"$work/out" 2>&1 || die "site init: $(cat "$work/out")"
site=$root/etc/orthrus/site.json
jq '(.networks[] | select(.role == "provision") | .ipv4.pool) = {first:"10.78.128.1", last:"10.78.191.254"} | .netboot.unknown = "discover"' "$site" >"$work/site" && cp "$work/site" "$site"
start_head
"$orthrus" site apply --yes >"$work/out" 2>&1 || die "site apply: $(cat "$work/out")"
tiny_image compute
settle
wait_dnsmasq
port=$(tls_port)

"$orthrus" node discover --approve --yes --mac '52:54:01:*' --name "n[0001-$MACHINES]" --group compute --json >"$work/discover" 2>"$work/discover.err" </dev/null &
discover_pid=$!
ip netns exec "$room" "$fleet" "$MACHINES" "$SECONDS_OF_ARRIVAL" eth0 10.78.0.1 "$port" "$root/var/lib/orthrus/pki/ca.crt" "$sock" $LIMIT >"$work/fleet" 2>"$work/fleet.err" &
fleet_pid=$!
wait $fleet_pid; fleet_pid=""
kill $discover_pid 2>/dev/null; wait $discover_pid 2>/dev/null; discover_pid=""
grep -h '^failed' "$work/fleet" | head -n 5
[ -s "$work/fleet.err" ] && head -n 5 "$work/fleet.err"
grep '^probes\|^done' "$work/fleet"
enrolled=$(grep -c '^machine' "$work/fleet")
# Names and addresses, as the machines got them and as the head has them: none twice, and both the same.
duplicates=$(awk '$1 == "machine" {print $3; print "a" $5}' "$work/fleet" | sort | uniq -d | wc -l)
curl -s --unix-socket "$sock" http://x/v1/nodes | jq -r '.nodes[] | "\(.macs[0]) \(.name) \(.ipv4)"' | sort >"$work/known"
awk '$1 == "machine" {printf "52:54:01:00:%02x:%02x %s %s\n", $2 / 256, $2 % 256, $3, $5}' "$work/fleet" | sort >"$work/got"
[ "$(awk '{print $3}' "$work/known" | sort | uniq -d | wc -l)" = 0 ] || duplicates=$((duplicates + 1))
comm -23 "$work/got" "$work/known" >"$work/differ"
[ -s "$work/differ" ] && fail "machines have what the head does not say: $(head -n 3 "$work/differ")"
rss_kib=$(awk '/^VmHWM/ {print $2}' "/proc/$daemon_pid/status")
p99=$(sed -n 's/.* p99_ms \([0-9.]*\).*/\1/p' "$work/fleet")
bad=$(sed -n 's/^probes [0-9]* bad \([0-9]*\).*/\1/p' "$work/fleet")
late=$(sed -n 's/^busy late_p99_ms //p' "$work/fleet")
# What a busy machine answers late says nothing about the head: then it is measured again, all of it.
if awk -v p="${p99:-9999}" -v l="${late:-0}" 'BEGIN {exit !(p >= 100 && l >= 5)}' && [ "${FLEET_ATTEMPT:-1}" -lt 4 ]; then
    echo "the machine is busy with other things: of 100 sleeps one ends $late ms late or more, and the API's 99th percentile is $p99 ms; measured again"
    trap - EXIT
    end_all
    FLEET_ATTEMPT=$((${FLEET_ATTEMPT:-1} + 1)) exec "$0"
fi
[ "$bad" = 0 ] || fail "$bad answers of the API were wrong"
[ "$enrolled" = "$MACHINES" ] || fail "$enrolled of $MACHINES machines are enrolled"
[ "$duplicates" = 0 ] || fail "$duplicates names or addresses twice"
awk -v k="$rss_kib" 'BEGIN {exit !(k / 1024 < 200)}' || fail "orthrusd took $((rss_kib / 1024)) MiB"
awk -v p="${p99:-9999}" 'BEGIN {exit !(p < 100)}' || fail "the API's 99th percentile is $p99 ms"

# 5,000 known ones, and one more.
mac() { printf '52:54:02:00:%02x:%02x' $(($1 / 256)) $(($1 % 256)); }
left=$((KNOWN - MACHINES))
seq "$left" | awk 'BEGIN {print "name,group,mac"} {printf "m%04d,compute,52:54:02:00:%02x:%02x\n", $1, $1 / 256, $1 % 256}' >"$work/many.csv"
"$orthrus" node import "$work/many.csv" --yes >"$work/out" 2>&1 || fail "import of $left nodes: $(tail -n 3 "$work/out")"
[ "$("$orthrus" node list --json | jq '.nodes | length')" = "$KNOWN" ] || fail "there are not $KNOWN nodes"
ask_ms() { # adds node $1 with MAC address $2 and asks dnsmasq until it gives its address; prints the milliseconds
    local begin; begin=$(date +%s%N)
    "$orthrus" node add "$1" --group compute --mac "$2" >"$work/out" 2>&1 || fail "node add $1: $(cat "$work/out")"
    addr=$(node_value "$1" .ipv4)
    for _ in $(seq 100); do
        grep -q "$2,.*$addr" "$root/run/orthrus/dnsmasq.dhcp-hosts" && ip netns exec "$room" "$BUILD/tests/lab/fleet_lease" eth0 "$2" "$addr" &&
            echo $((($(date +%s%N) - begin) / 1000000)) && return
    done
    echo 999999 # never
}
for i in 1 2 3; do
    ms=$(ask_ms "x$i" "$(mac $((left + i)))")
    echo "adding one node to $((KNOWN + i - 1)): $ms ms"
    echo "$ms" >>"$work/adding"
done
median=$(sort -n "$work/adding" | sed -n 2p)
[ "$median" -lt 1000 ] || fail "adding one node to $KNOWN takes $median ms to have its effect in dnsmasq"
echo "RESULT fleet machines=$MACHINES enrolled=$enrolled duplicates=$duplicates rss_mib=$((rss_kib / 1024)) p99_ms=${p99%.*}"
exit $failed
