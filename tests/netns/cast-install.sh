#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Nodes get their image by one cast: the real orthrusd casts, and the imager's own code (tests/lab/bring_tool.c) receives, in a network
# of namespaces. Three at once cost the head's line one time the image; one that is killed goes on where it was; one that hears no
# multicast gets all over HTTPS; when a node is removed the others go on with keys that it never had.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root for namespaces"; exit 77; }
for p in ip jq nft openssl curl; do command -v $p >/dev/null || [ -x "/usr/sbin/$p" ] || { echo "needs the program $p"; exit 77; }; done
bring=$BUILD/tests/lab/bring_tool
[ -x "$bring" ] || { echo "needs $bring: make tests"; exit 77; }
# What is begun below ends with the namespace of processes.
if [ "${1:-}" != inside ]; then exec unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc bash "$0" inside; fi
mount -t tmpfs none /run
mkdir -p /run/netns
# shellcheck source=tests/cli/daemon.bash
. "$TOP/tests/cli/daemon.bash"
MIB=$((1 << 20)) NODES=4
mac() { printf '52:54:00:00:00:%02x' "$1"; }

# The head's line is eth0; behind it is a switch.
ip link set lo up
ip netns add switch
ip link add eth0 type veth peer name head netns switch
ip -n switch link add sw type bridge mcast_snooping 0
ip -n switch link set sw up
ip -n switch link set head master sw up
ip addr add 10.77.0.1/24 dev eth0
ip link set eth0 up
for n in $(seq $NODES); do
    ip netns add "n$n"
    ip -n "n$n" link add eth0 type veth peer name "p$n" netns switch
    ip -n switch link set "p$n" master sw up
    ip -n "n$n" link set lo up
    ip -n "n$n" addr add "10.77.0.$((100 + n))/24" dev eth0
    ip -n "n$n" link set eth0 up
done
ip netns exec n4 nft 'add table inet deaf; add chain inet deaf in { type filter hook input priority 0; }; add rule inet deaf in ip daddr 224.0.0.0/4 drop' || die "nft"

# --- the head, its image, and its nodes
make_site --trust-mac --ipv6 off
change_site '.cast = {gather: 3}'
daemon_options="--listen 10.77.0.1:8443"
start_daemon() {
    "$BUILD/orthrusd" --root "$root" --no-dnsmasq $daemon_options --netboot-dir "$TOP/netboot/initramfs" >>"$work/log" 2>&1 </dev/null &
    daemon_pid=$!
    for _ in $(seq 600); do
        [ -S "$sock" ] && curl -s --max-time 5 --unix-socket "$sock" http://x/v1/status >/dev/null && return 0
        kill -0 "$daemon_pid" 2>/dev/null || die "orthrusd ended: $(tail -n 5 "$work/log")"
        sleep 0.05
    done
    die "orthrusd is not ready"
}
start_daemon
"$orthrus" site apply --yes >"$work/out" 2>&1 || die "site apply: $(cat "$work/out")"
mkdir -p "$work/tree/etc" "$work/tree/usr/bin"
head -c $((6 * MIB)) /dev/urandom >"$work/tree/usr/bin/large"
head -c $((2 * MIB)) /dev/urandom >"$work/tree/usr/bin/other"
for i in $(seq 200); do seq "$i" $((i + 400)) >"$work/tree/etc/small-$i"; done
ln -s other "$work/tree/usr/bin/link" && chmod 4755 "$work/tree/usr/bin/other"
"$orthrus" image build compute --from "$work/tree" >"$work/out" 2>"$work/err" || die "image build: $(cat "$work/err")"
"$orthrus" node add "n[01-0$NODES]" --group compute --mac "$(for i in $(seq $NODES); do mac "$i"; echo; done | paste -sd,)" >/dev/null || die "node add"
port=$(tls_port)
pki=$root/var/lib/orthrus/pki
mkdir -p "$work/trust" && cp "$pki/ca.crt" "$pki/sign.pub" "$work/trust/"
for i in $(seq $NODES); do machine "$(mac "$i")" "S$i-" >"$work/machine$i"; done

begin() { # NODE-NUMBER: an imager, in the background; its pid is in ${pid[n]}
    ip netns exec "n$1" "$bring" https://10.77.0.1:8443 "$work/trust" "$work/keys$1" "$work/machine$1" "$work/target$1" 2 >"$work/out$1" 2>"$work/err$1" </dev/null &
    pid[$1]=$!
}
ended() { wait "${pid[$1]}" || fail "n0$1: $(cat "$work/err$1")"; }
of() { tail -n 1 "$work/out$1" | jq -r ".$2" 2>/dev/null || echo 0; } # NODE-NUMBER KEY
order() { # NODESET [OPTION]
    "$orthrus" node install "$@" --accept-disks-unseen --yes >"$work/out" 2>&1 || die "install $1: $(cat "$work/out")"
}
listing() { (cd "$1" && find . -mindepth 1 -printf '%P %y %m %U:%G %s %l\n' | sort); }
listing "$work/tree" >"$work/want"
same() { # NODE-NUMBER
    listing "$work/target$1" | diff "$work/want" - >"$work/diff" || { fail "n0$1 has other files: $(head -n 5 "$work/diff")"; return; }
    diff -r --no-dereference "$work/tree" "$work/target$1" >"$work/diff" || fail "n0$1 has other content: $(head -n 3 "$work/diff")"
}
sent() { ip -s -j link show eth0 | jq '.[0].stats64.tx.bytes'; }
last() { tail -n 1 "$work/out$1"; }
casts() { curl -s --unix-socket "$sock" http://x/v1/casts; }
# A cast stays a moment for late nodes: what is counted next is not its.
until_none() { for _ in $(seq 400); do [ "$(casts | jq '[.casts[] | select(.runs)] | length')" = 0 ] && return; sleep 0.02; done; die "a cast does not end: $(casts)"; }
percent_of() { casts | jq --arg n "$1" '[.casts[] | select(.runs) | .nodes[] | select(.node == $n) | .percent] | max // 0'; }
state_of() { node_value "$1" .state; }

# --- three at once: one time the bytes on the head's line
"$orthrus" cast status --watch >"$work/watch" 2>&1 &
watch=$!
before=$(sent)
order 'n[01-03]'
for n in 1 2 3; do begin $n; done
for n in 1 2 3; do ended $n; same $n; done
bytes=$(($(of 1 cast) + $(of 1 https)))
[ "$bytes" -gt $((8 * MIB)) ] || die "the image has $bytes bytes: $(last 1)"
wire=$((($(sent) - before) * 100 / bytes))
for n in 1 2 3; do
    [ "$(of $n casts)" = 1 ] || fail "n0$n took part in $(of $n casts) casts: $(last $n)"
    [ "$(of $n https)" -lt $((bytes / 20)) ] || fail "n0$n: $(last $n)"
    [ "$(state_of "n0$n")" = installed ] || fail "n0$n is $(state_of "n0$n")"
done
[ "$(casts | jq '.casts | length')" = 1 ] || fail "not one cast: $(casts)"
[ "$wire" -lt 125 ] || fail "three nodes took $wire % of the image's bytes from the head's line"
echo "three nodes at once: $wire % of the image's bytes on the head's line"
watched() { for n in 1 2 3; do grep -q "^n0$n .*100 %" "$work/watch" || return 1; done; }
for _ in $(seq 200); do watched && break; sleep 0.05; done
kill $watch 2>/dev/null; wait $watch 2>/dev/null
for n in 1 2 3; do grep -q "^n0$n .*100 %" "$work/watch" || fail "cast status --watch does not show n0$n at its end: $(tail -n 5 "$work/watch")"; done
for _ in $(seq 200); do "$orthrus" event list | grep -q cast-over && break; sleep 0.05; done
"$orthrus" event list | grep -q cast-over || fail "no event tells its end"

# --- one is killed and comes again, one is deaf
until_none
rm -rf "$work"/target*
change_site '.cast = {gather: 1, rate_mbit: 32}'
"$orthrus" site apply --yes >"$work/out" 2>&1 || die "site apply: $(cat "$work/out")"
order 'n[01-04]'
for n in 1 2 3 4; do begin $n; done
for _ in $(seq 400); do [ "$(percent_of n03)" -ge 40 ] && break; sleep 0.02; done
kill -9 "${pid[3]}"; wait "${pid[3]}" 2>/dev/null
begin 3
for n in 1 2 3 4; do ended $n; same $n; done
[ "$(of 3 before)" -gt 0 ] || fail "n03 began anew: $(last 3)"
[ "$(of 3 cast)" -gt 0 ] || fail "n03 got nothing by the cast when it came again: $(last 3)"
[ $(($(of 3 before) + $(of 3 cast) + $(of 3 https))) -ge "$(of 1 cast)" ] || fail "n03: $(last 3)"
[ "$(of 4 cast)" = 0 ] || fail "n04 heard the cast"
[ "$(of 4 https)" -ge $((bytes * 9 / 10)) ] || fail "n04: $(last 4)"
for n in 1 2; do [ "$(of $n https)" -lt $((bytes / 20)) ] || fail "n0$n suffered from the others: $(last $n)"; done
resumed=$(of 3 before)
echo "killed at 40 % and back: had $(of 3 before), got $(of 3 cast) by the cast and $(of 3 https) over HTTPS; deaf: $(of 4 https) over HTTPS"

# --- a node that has the key is removed: the others go on by another cast
until_none
rm -rf "$work"/target*
order 'n[01-02,04]'
for n in 1 2; do begin $n; done
# n04 is curl here, with the keys that it has.
keys=$work/keys4 id=$("$orthrus" image list --json | jq -r '.images[0].id')
request --cacert "$pki/ca.crt" --cert "$keys/node.crt" --key "$keys/node.key" -X POST -H 'Content-Type: application/json' \
    --data-binary "$(jq -cn --arg id "$id" '{image: "compute", id: $id}')" "https://10.77.0.1:8443/v1/imager/cast"
want 200 "n04's ticket"
[ "$(value .state)" = ticket ] || fail "n04 gets no ticket: $(head -c 300 "$body")"
old_key=$(value .ticket.group_key) old_cast=$(value .ticket.cast)
for _ in $(seq 400); do [ "$(percent_of n01)" -ge 20 ] && break; sleep 0.02; done
"$orthrus" node remove n04 --force --yes >"$work/out" 2>&1 || fail "remove: $(cat "$work/out")"
grep -q 'cast that n04 could read ends' "$work/out" || fail "the command does not say that the cast ended: $(cat "$work/out")"
for n in 1 2; do
    ended $n; same $n
    [ "$(of $n casts)" = 2 ] || fail "n0$n took part in $(of $n casts) casts, not in 2: $(last $n)"
done
[ "$(casts | jq --argjson c "$old_cast" '[.casts[] | select(.cast == $c)][0].runs')" = false ] || fail "the old cast goes on"
[ -n "$old_key" ] || fail "no key"
echo "removed while it ran: n01 $(of 1 text); n02 $(of 2 text)"

# --- an administrator says no
until_none
rm -rf "$work"/target*
change_site '.cast.rate_mbit = 8' # there is time to end it
"$orthrus" site apply --yes >"$work/out" 2>&1 || die "site apply: $(cat "$work/out")"
order n01
begin 1
for _ in $(seq 400); do [ "$(percent_of n01)" -ge 10 ] && break; sleep 0.02; done
"$orthrus" cast stop compute --plan >"$work/out" 2>&1 || fail "cast stop --plan: $(cat "$work/out")"
grep -q 'end the cast of compute/' "$work/out" || fail "cast stop --plan: $(cat "$work/out")"
"$orthrus" cast stop compute </dev/null >"$work/out" 2>&1; [ $? = 3 ] || fail "cast stop without a word: $(cat "$work/out")"
"$orthrus" cast stop compute --yes >"$work/out" 2>&1 || fail "cast stop: $(cat "$work/out")"
ended 1; same 1
[ "$(of 1 casts)" = 1 ] && [ "$(of 1 https)" -gt 0 ] || fail "its cast was stopped: $(last 1)"
"$orthrus" cast stop nothing --yes >"$work/out" 2>&1 && fail "a cast that is none was stopped: $(cat "$work/out")"
# Its process dies: nobody is hurt.
until_none
rm -rf "$work"/target*
order n01
begin 1
for _ in $(seq 400); do [ "$(percent_of n01)" -ge 10 ] && break; sleep 0.02; done
child=$(pgrep -P "$daemon_pid" -f cast-child)
kill -9 "$child" || fail "there is no process that casts"
ended 1; same 1
[ "$(of 1 https)" -gt 0 ] || fail "its cast died: $(last 1)"
"$orthrus" event list | grep -q 'cast-failed' || fail "no event tells that the cast died"
until_none
rm -rf "$work"/target*
order n01 --no-cast
begin 1
ended 1; same 1
[ "$(of 1 casts)$(of 1 cast)" = 00 ] || fail "--no-cast: $(last 1)"
[ "$failed" = 0 ] && echo "RESULT cast_install wire_percent=$wire resumed_bytes=$resumed seconds=$SECONDS"
exit $failed
