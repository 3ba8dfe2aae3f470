#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# calm: leases are of 100 ms
# The pair, as an administrator meets it: real guards of two heads and a witness. Who answers, a switch, a pause, a head that is killed, one that
# is stopped, one that ends as planned, new keys, a gate that somebody takes away; what `orthrus head` says of all that.
set -u
# shellcheck source=tests/netns/guard.bash
. "$(dirname "$0")/guard.bash"

guard_network head1=1 head2=2 w1=3 out=4
guard_site '.pair.lease_ms = 200 | .pair.renew_ms = 40'
neighbour() { # of 10.77.0.100, as the outside host sees it after it asked
    ip netns exec out bash -c 'echo >/dev/udp/10.77.0.100/9' 2>/dev/null
    ip -n out neigh show 10.77.0.100 | grep -o 'lladdr [0-9a-f:]*' | cut -d' ' -f2
}
mac() { ip -n "$1" -j link show eth0 | jq -r '.[0].address'; }
until_neighbour() { for _ in $(seq 500); do [ "$(neighbour)" = "$(mac "$1")" ] && return; sleep 0.02; done; die "10.77.0.100 is not at $1: $(ip -n out neigh)"; }

# Does that machine answer when it is asked without asking around? One whose lease is over must not, though it may still have the address.
answers() { # HEAD
    local rc=1 a
    for a in 10.77.0.100 fd77::100; do
        ip -n out neigh replace $a lladdr "$(mac "$1")" nud permanent dev eth0
        [[ $(ip netns exec out timeout 0.5 bash -c ": </dev/tcp/$a/9" 2>&1) == *refused* ]] && rc=0
        ip -n out neigh del $a dev eth0
    done
    return $rc
}

until_switched() { for _ in $(seq 500); do head_does "$1" switch && return; sleep 0.02; done; die "head switch on $1: $(cat "$work/err")"; } # the other one may be new

# --- the three come up: head1 is preferred
for h in head1 head2 w1; do guard_start $h; done
until_value head1 role holder
until_value head2 holder head1
until_value w1 holder head1
[ "$(value head2 role)" = standby ] && [ "$(value w1 role)" = witness ] || fail "roles: $(status head2) $(status w1)"
until_address head1 10.77.0.100
until_address head1 fd77::100
has_address head2 10.77.0.100 && fail "both heads have the address"
until_neighbour head1
answers head1 || fail "the holder does not answer"
answers head2 && fail "the standby answers"
head_does head1 status || fail "head status: $(cat "$work/err")"
grep -q 'answers  head1' "$work/out" && grep -q 'voter    w1 (witness): heard' "$work/out" || fail "head status says: $(cat "$work/out")"

# --- real time, and no right but what it needs; a witness none (and CAP_IPC_LOCK, where this test's limit of locked memory is finite)
rights() { sed -n 's/^CapEff:[^0-9a-f]*//p' "/proc/${pid[$1]}/status"; }
[ $((0x$(rights head1) & ~(1 << 12 | 1 << 14))) = 0 ] || fail "head1's guard has the capabilities $(rights head1)"
[ $((0x$(rights w1) & ~(1 << 14))) = 0 ] || fail "the witness has the capabilities $(rights w1)"
for t in /proc/"${pid[head1]}"/task/*; do [ $((0x$(sed -n 's/^CapEff:[^0-9a-f]*//p' "$t/status") & ~(1 << 12 | 1 << 14))) = 0 ] || fail "a thread of head1's guard has more: $(cat "$t/comm")"; done
grep -q '^VmLck:[^1-9]*[1-9]' "/proc/${pid[head1]}/status" || fail "its memory is not locked"
[ "$(cut -d' ' -f41 "/proc/${pid[head1]}/stat")" = 1 ] || fail "it is not SCHED_FIFO"

# --- given away, on request; back again
head_does head2 switch && fail "a head gave away what it does not have"
grep -q 'run it on head1' "$work/err" || fail "head switch on the other head: $(cat "$work/err")"
head_does w1 switch && fail "a witness gave something away"
head_does head1 switch --plan || fail "--plan: $(cat "$work/err")"
grep -q 'give the service addresses from head1 to head2' "$work/out" || fail "--plan: $(cat "$work/out")"
[ "$(value head1 role)" = holder ] || fail "--plan did it"
head_does head1 switch || fail "head switch: $(cat "$work/err")"
grep -q 'head2 answers' "$work/out" || fail "head switch says: $(cat "$work/out")"
until_value head2 role holder
until_address head2 10.77.0.100
until_no_address head1 10.77.0.100
until_neighbour head2
[ "$(value head2 takeovers)" = 0 ] || fail "a planned switch was a takeover"

# --- paused: it is not given anything
head_does head1 pause || fail "head pause: $(cat "$work/err")"
until_value head1 role paused
for _ in $(seq 500); do [ "$(status head2 | jq -r '.guard.voters[] | select(.name == "head1") | .paused')" = true ] && break; sleep 0.02; done
head_does head2 switch && fail "a paused head was given the addresses"
grep -q 'head1 is paused' "$work/err" || fail "head switch to a paused head: $(cat "$work/err")"
head_does head1 resume || fail "head resume: $(cat "$work/err")"
until_value head1 role standby

# --- killed, stopped: the other one takes over
guard_kill head2 KILL
until_value head1 role holder
until_neighbour head1
[ "$(value head1 takeovers)" = 1 ] || fail "takeovers: $(status head1)"
until_said head1 'takes over from head2'
has_address head2 10.77.0.100 || fail "this test shows nothing: who was killed has lost the address"
answers head2 && fail "the machine of a guard that was killed answers"
guard_start head2
until_value head2 role standby
guard_kill head1 STOP
until_value head2 role holder
until_neighbour head2
has_address head1 10.77.0.100 || fail "this test shows nothing: who is stopped has lost the address"
answers head1 && fail "the machine of a guard that is stopped answers"
answers head2 || fail "who took over does not answer"
guard_kill head1 CONT
until_value head1 role standby
until_no_address head1 10.77.0.100

# --- ends as planned: nobody waits for a lease to run out
guard_kill head2 TERM
until_value head1 role holder
has_address head2 10.77.0.100 && fail "a guard that ended left the address"
said head2 'gave the lease away' || fail "head2 did not say that it gave it away"
guard_start head2
until_value head2 role standby

# --- orthrusd of that head: what the guard tells are events of the cluster, how it stands is part of the status
status head1 >/dev/null # its root is made
ip netns exec head1 "$BUILD/orthrusd" --root "$work/r-head1" --no-dnsmasq --site "$work/etc/orthrus/site.json" --netboot-dir "$TOP/netboot/initramfs" >"$work/orthrusd.log" 2>&1 </dev/null &
daemon_pid=$!
until_said orthrusd 'is ready'
for _ in $(seq 500); do status head1 | jq -e '.version and .guard.role == "holder"' >/dev/null && break; sleep 0.02; done
status head1 | jq -e '.version and .guard.role == "holder"' >/dev/null || fail "orthrusd's status says nothing of the guard: $(status head1)"
head_does head1 status || fail "head status: $(cat "$work/err")"
grep -q '^orthrusd' "$work/out" && grep -q 'answers  head1' "$work/out" || fail "head status with orthrusd: $(cat "$work/out")"
until_event() { for _ in $(seq 500); do "$orthrus" --root "$work/r-head1" event list --json 2>/dev/null | grep -q "\"$1\"" && return; sleep 0.02; done; die "there is no event $1: $("$orthrus" --root "$work/r-head1" event list | tail -n 5)"; }
head_does head1 switch || fail "head switch: $(cat "$work/err")"
until_event lease-given
until_event lease-lost
grep -q 'head switch' "$work/r-head1/var/log/orthrus/audit.log" || fail "a switch is not in the audit log"
until_switched head2
until_event lease-taken
guard_kill head1 KILL
until_event guard-ended
guard_start head1
until_value head2 role holder
until_switched head2
kill -TERM $daemon_pid
wait $daemon_pid || fail "orthrusd: $(tail -n 3 "$work/orthrusd.log")"

# --- new keys, in three steps, by reading files anew; nobody loses anything
for h in head1 head2 w1; do
    mkdir "$work/k-$h"
    cp "$work/guard.key" "$work/k-$h/guard.key"
    guard_kill "$h" TERM
    guard_start "$h" --key "$work/k-$h/guard.key"
    [ "$h" = w1 ] && want=witness || want=standby
    for _ in $(seq 500); do case $(value "$h" role) in holder | "$want") break ;; esac; sleep 0.02; done
done
until_value w1 quarantine false
[ "$(value head1 role)" = holder ] && one=head1 other=head2 || { one=head2 other=head1; }
until_value "$one" role holder
"$guard" --make-key "$work/new.key" || die "no key"
"$guard" --make-key "$work/new.key" 2>/dev/null && fail "a key was written over"
losses=$(value "$one" losses) signed=()
for step in believed signs alone; do
    for h in head1 head2 w1; do
        before=$(grep -c 'keys were read' "$work/$h.log")
        case $step in
        believed) cp "$work/new.key" "$work/k-$h/guard.key.old" ;;
        signs) cp "$work/new.key" "$work/k-$h/guard.key" && cp "$work/guard.key" "$work/k-$h/guard.key.old" ;;
        alone) rm "$work/k-$h/guard.key.old" ;;
        esac
        guard_kill "$h" HUP
        for _ in $(seq 500); do [ "$(grep -c 'keys were read' "$work/$h.log")" -gt "$before" ] && break; sleep 0.02; done
        [ "$(grep -c 'keys were read' "$work/$h.log")" -gt "$before" ] || die "$h does not read its keys"
    done
    signed+=("$(sed -n 's/.*keys were read: it signs with \([0-9a-f]*\).*/\1/p' "$work/w1.log" | tail -n 1)")
done
[ "${signed[0]}" != "${signed[1]}" ] && [ "${signed[1]}" = "${signed[2]}" ] || fail "it signed with ${signed[*]}"
[ "$(value "$one" role)" = holder ] && [ "$(value "$one" losses)" = "$losses" ] || fail "the lease moved while keys changed: $(status "$one")"
echo rubbish >"$work/k-$one/guard.key" # one that it can't use changes nothing
guard_kill "$one" HUP
until_said "$one" 'new keys: .*is not a key'
[ "$(value "$one" role)" = holder ] && [ "$(value "$one" losses)" = "$losses" ] || fail "a bad key moved the lease"
cp "$work/new.key" "$work/k-$one/guard.key"

# --- whoever has a wrong key is nobody
guard_kill "$other" TERM
guard_start "$other" --key "$work/guard.key"
for _ in $(seq 50); do [ -n "$(value "$other" role)" ] && break; sleep 0.02; done
for _ in $(seq 500); do [ "$(value "$one" refused_messages)" -gt 20 ] && break; sleep 0.02; done
[ "$(value "$one" role)" = holder ] || fail "who has another key moved the lease"
[ "$(value "$other" holder)" = null ] || fail "who has another key knows who has the lease"
guard_kill "$other" TERM
guard_start "$other" --key "$work/new.key"
until_value "$other" role standby

# --- somebody takes the gate away: this head is none without it
case $(value "$one" gate) in
bpf) ip netns exec "$one" tc qdisc del dev eth0 clsact ;;
nft) ip netns exec "$one" nft delete table netdev orthrus_gate ;;
esac
until_value "$other" role holder
wait "${pid[$one]}" && fail "a guard without a gate ended well"
said "$one" 'the gate is not at eth0 any more' || fail "nobody said that the gate is gone: $(tail -n 3 "$work/$one.log")"

# --- what is refused at the start
refused() { # WORDS OPTION ...
    local words=$1
    shift
    ip netns exec out "$guard" --lab --site "$work/etc/orthrus/site.json" --control "$work/x.sock" "$@" >"$work/x.out" 2>&1 && fail "it started with $*"
    grep -q -- "$words" "$work/x.out" || fail "with $* it says: $(cat "$work/x.out")"
}
refused "neither a head nor a witness named 'n01'" --self n01 --key "$work/new.key"
chmod 0644 "$work/guard.key"
refused '0644' --self w1 --key "$work/guard.key"
refused 'none.key' --self w1 --key "$work/none.key"
refused 'clock-rate' --self w1 --key "$work/new.key" --clock-rate 3
head_does nobody status && fail "a status of nobody"
grep -qi 'guard\|orthrusd' "$work/err" || fail "head status where nothing runs: $(cat "$work/err")"
exit $failed
