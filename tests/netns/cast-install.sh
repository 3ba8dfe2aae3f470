#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Nodes get their image by one cast: the real orthrusd casts, and the imager's own code (tests/lab/bring_tool.c) receives, in a network
# of namespaces. Three at once cost the head's line one time the image; one that is killed goes on where it was; one that hears
# none of it, in no way, gets all over HTTPS; when a node is removed the others go on with keys that it
# never had.
set -u
# shellcheck source=tests/netns/cast_nodes.bash
. "$(dirname "$0")/cast_nodes.bash"
cast_network 4 4
# A firewall that is strict with UDP: nothing of a cast comes in, in no way.
ip netns exec n4 nft 'add table inet deaf; add chain inet deaf in { type filter hook input priority 0; policy drop; }; add rule inet deaf in meta l4proto udp drop
    add rule inet deaf in ct state established,related accept; add rule inet deaf in iif lo accept; add rule inet deaf in meta l4proto { icmp, ipv6-icmp } accept' || die "nft"
mkdir -p "$work/bin" && cp "$BUILD/orthrusd" "$work/bin/" && ln -s "$BUILD/orthrus-imager" "$BUILD/orthrus-node" "$work/bin/" || die "cp"
orthrusd=$work/bin/orthrusd
exec 9</etc/passwd # somebody left it open for orthrusd
# An upgrade comes while it runs: what orthrusd starts of itself is what it is.
upgraded() { printf '#!/bin/sh\nexit 9\n' >"$work/bin/new" && chmod 755 "$work/bin/new" && mv "$work/bin/new" "$orthrusd" || die "mv"; }

make_site --trust-mac --ipv6 off
change_site '.cast = {gather: 3}'
cast_head upgraded
pki=$root/var/lib/orthrus/pki

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
anew
apply '.cast = {gather: 1, rate_mbit: 32}'
order 'n[01-04]'
for n in 1 2 3 4; do begin $n; done
until_at n03 40
kill -9 "${pid[3]}"; wait "${pid[3]}" 2>/dev/null
begin 3
for n in 1 2 3 4; do ended $n; same $n; done
[ "$(of 3 before)" -gt 0 ] || fail "n03 began anew: $(last 3)"
[ "$(of 3 cast)" -gt 0 ] || fail "n03 got nothing by the cast when it came again: $(last 3)"
[ $(($(of 3 before) + $(of 3 cast) + $(of 3 https))) -ge "$(of 1 cast)" ] || fail "n03: $(last 3)"
[ "$(of 4 cast)" = 0 ] || fail "n04 heard the cast"
[ "$(of 4 https)" -ge $((bytes * 9 / 10)) ] || fail "n04: $(last 4)"
"$orthrus" event list | grep -q 'n04.*over HTTPS: nothing of the cast is heard' || fail "the head does not know that n04 hears no multicast: $(last 4) $("$orthrus" event list | grep n04)"
for n in 1 2; do [ "$(of $n https)" -lt $((bytes / 20)) ] || fail "n0$n suffered from the others: $(last $n)"; done
resumed=$(of 3 before)
echo "killed at 40 % and back: had $(of 3 before), got $(of 3 cast) by the cast and $(of 3 https) over HTTPS; deaf: $(of 4 https) over HTTPS"

# --- a node that has the key is removed: the others go on by another cast
anew
apply '.cast.rate_mbit = 8' # there is time for what is done meanwhile, here and below
order 'n[01-04]'
id=$("$orthrus" image list --json | jq -r '.images[0].id')
for n in 1 2; do begin $n; done
# n03 and n04 are curl here, with the keys that they have.
ask_cast() { # NODE-NUMBER [MORE]
    request --cacert "$pki/ca.crt" --cert "$work/keys$1/node.crt" --key "$work/keys$1/node.key" -X POST -H 'Content-Type: application/json' \
        --data-binary "{\"image\": \"compute\", \"id\": \"$id\"${2:-}}" "https://10.77.0.1:8443/v1/imager/cast"
}
ticket() { # NODE-NUMBER NAME [MORE]: into $work/NAME
    ask_cast "$1" "${3:-}"
    want 200 "the ticket of n0$1"
    cp "$body" "$work/$2"
}
in_ticket() { jq -r ".ticket.$2" "$work/$1"; }
ticket 4 four
ticket 3 three
ticket 3 three-again # as one that started again
until_at n01 20
"$orthrus" node remove n04 --force --yes >"$work/out" 2>&1 || fail "remove: $(cat "$work/out")"
grep -q 'cast that n04 could read ends' "$work/out" || fail "the command does not say that the cast ended: $(cat "$work/out")"
for more in '' ', "again": true'; do
    ask_cast 4 "$more"
    [ "$status" != 200 ] && ! grep -q '_key' "$body" || fail "a removed node gets a ticket ($status): $(head -c 300 "$body")"
done
ticket 3 three-later ', "again": true'
for n in 1 2; do
    ended $n; same $n
    [ "$(of $n casts)" = 2 ] || fail "n0$n took part in $(of $n casts) casts, not in 2: $(last $n)"
done
# One cast has one group key, each of its tickets a number and a key of its own; the next cast has nothing of either.
old=$(in_ticket four cast)
for t in three three-again; do
    for key in cast group_key layout; do [ "$(in_ticket $t $key)" = "$(in_ticket four $key)" ] || fail "one cast, another $key: $(cat "$work/$t")"; done
done
for key in number own_key; do
    [ "$(jq -s "map(.ticket.$key) | unique | length" "$work"/{four,three,three-again})" = 3 ] || fail "two tickets with one $key: $(cat "$work"/{four,three,three-again})"
done
[ "$(jq -s 'map(.ticket | .own_key, .group_key) | unique | map(length)' -c "$work"/{four,three,three-again,three-later})" = '[64,64,64,64,64,64]' ] ||
    fail "not six different keys of 32 bytes: $(cat "$work"/{four,three,three-again,three-later})"
[ "$(in_ticket three-later cast)" != "$old" ] || fail "a node was removed, and the cast goes on"
[ "$(casts | jq --argjson c "$old" '[.casts[] | select(.cast == $c)][0].runs')" = false ] || fail "the old cast goes on"
echo "removed while it ran: n01 $(of 1 text); n02 $(of 2 text)"

# What its process may: system calls by a filter, in each of its threads; three pipes, its own events and UDP sockets, and packs to read.
# It is the program that orthrusd is, though another one is there now by its name.
look_at_process() { # PID
    local task fd what inode sockets=0
    for task in /proc/"$1"/task/*; do
        for what in 'Seccomp:	2' 'NoNewPrivs:	1'; do
            grep -qx "$what" "$task/status" || fail "a thread of the process that casts: no '$what'"
        done
    done
    grep -q '^Max core file size *0 *0' "/proc/$1/limits" || fail "the process that casts may leave a core dump"
    [ "$(cat "/proc/$1/comm")" = orthrusd ] || fail "the process that casts is called $(cat "/proc/$1/comm")"
    [ "$(stat -L -c %d:%i "/proc/$1/exe")" = "$(stat -L -c %d:%i "/proc/$daemon_pid/exe")" ] || fail "the process that casts is another program: $(readlink "/proc/$1/exe")"
    for fd in /proc/"$1"/fd/*; do
        what=$(readlink "$fd")
        case ${fd##*/}:$what in
        [012]:pipe:*|[0-9]*:anon_inode:\[eventfd\]) ;;
        [0-9]*:socket:*)
            inode=${what#*[} inode=${inode%]} sockets=$((sockets + 1))
            awk -v i="$inode" '$10 == i { found = 1 } END { exit !found }' "/proc/$1/net/udp" "/proc/$1/net/udp6" || fail "the process that casts has a socket that is not UDP: $fd" ;;
        [0-9]*:"$root/srv/orthrus/store/packs/"*) [ "$(stat -c %a "$fd")" = 500 ] || fail "the process that casts could write $what" ;;
        *) fail "the process that casts has open: ${fd##*/} $what" ;;
        esac
    done
    [ "$sockets" -ge 1 ] || fail "the process that casts has no socket: $(ls -l "/proc/$1/fd")"
}

# --- an administrator says no
anew
order n01
begin 1
until_at n01 10
look_at_process "$(pgrep -P "$daemon_pid" -f cast-child)"
"$orthrus" cast stop compute --plan >"$work/out" 2>&1 || fail "cast stop --plan: $(cat "$work/out")"
grep -q 'end the cast of compute/' "$work/out" || fail "cast stop --plan: $(cat "$work/out")"
"$orthrus" cast stop compute </dev/null >"$work/out" 2>&1; [ $? = 3 ] || fail "cast stop without a word: $(cat "$work/out")"
"$orthrus" cast stop compute --yes >"$work/out" 2>&1 || fail "cast stop: $(cat "$work/out")"
ended 1; same 1
[ "$(of 1 casts)" = 1 ] && [ "$(of 1 https)" -gt 0 ] || fail "its cast was stopped: $(last 1)"
"$orthrus" cast stop nothing --yes >"$work/out" 2>&1 && fail "a cast that is none was stopped: $(cat "$work/out")"
anew
order n01 --no-cast
begin 1
ended 1; same 1
[ "$(of 1 casts)$(of 1 cast)" = 00 ] || fail "--no-cast: $(last 1)"
[ "$failed" = 0 ] && echo "RESULT cast_install wire_percent=$wire resumed_bytes=$resumed seconds=$SECONDS"
exit $failed
