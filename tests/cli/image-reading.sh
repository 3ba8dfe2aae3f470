#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An image that somebody reads from the store is not deleted under its reader: export, verify, cat.
set -u
orthrus=$BUILD/orthrus
work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null; rm -rf "$work"' EXIT
export ORTHRUS_ROOT=$work/root
store=$work/root/srv/orthrus/store
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
refs() { "$orthrus" image list --json | jq -r '.images[].ref'; }
delete() { "$orthrus" image delete "$1" --yes --offline >"$work/said" 2>&1; }
state() { find "$store" -type f -printf '%P %s %T@\n' | sort; }

mkdir -p "$work/tree"
head -c 120000000 /dev/urandom >"$work/tree/much"
"$orthrus" site init --cluster reading --interface eth0 --subnet 10.77.0.0/24 --head-address 10.77.0.1 >/dev/null || exit 1
"$orthrus" image build much --from "$work/tree" --quiet >/dev/null || exit 1
echo more >"$work/tree/more"
"$orthrus" image build much --from "$work/tree" --quiet >/dev/null || exit 1
read -r first second < <(refs | tr '\n' ' ')

log() { head -c 600 "$work/log" | tr -cd '[:print:]\n'; }
locked() { grep -q "FLOCK  ADVISORY  READ *$pid .*:$(stat -c %i "$store/images/$1") " /proc/locks; }
# stopped STATE REF COMMAND...: begun, and stopped when it has its lock and a file like STATE holds something
stopped() {
    local state=$1 ref=$2
    shift 2
    for _ in 1 2 3 4 5; do # it may be done before it is stopped
        rm -rf "$work"/out*
        "$@" >"$work/log" 2>&1 &
        pid=$!
        until [ -s "$(compgen -G "$state" | head -n 1)" ] && locked "$ref"; do kill -0 $pid 2>/dev/null || break; done
        kill -STOP $pid 2>/dev/null && locked "$ref" && return
        kill -CONT $pid 2>/dev/null
        wait $pid
    done
    fail "$*: ended before it could be stopped: $(log)"
    return 1
}
# while_reading STATE REF COMMAND...: the same, and REF can't be deleted meanwhile
while_reading() {
    local state=$1 ref=$2 rc before
    shift 2
    stopped "$state" "$ref" "$@" || return
    before=$(state)
    delete "$ref"
    rc=$?
    [ $rc = 1 ] || fail "$*: delete: status $rc: $(<"$work/said")"
    grep -qF "image $ref is not deleted: it is being read" "$work/said" || fail "$*: delete says: $(<"$work/said")"
    grep -q 'next: wait .*lslocks' "$work/said" || fail "$*: no next step: $(<"$work/said")"
    [ "$(state)" = "$before" ] || fail "$*: the refusal changed the store"
    [ ! -e "$store/images/${ref%/*}/.deleted-${ref#*/}" ] || fail "$*: the refusal began a deletion"
    kill -CONT $pid
    wait $pid || fail "$*: failed: $(log)"
    pid=
}
while_reading "$work/out/.orthrus-restore" "$first" "$orthrus" image export "$first" "$work/out" --yes
cmp -s "$work/tree/much" "$work/out/much" || fail "what was exported is something else"
while_reading "$work/out.tar.??????" "$first" "$orthrus" image export "$first" "$work/out.tar"
tar -xOf "$work/out.tar" --wildcards '*much' | cmp -s - "$work/tree/much" || fail "the archive holds something else"
while_reading / "$second" "$orthrus" image verify "$second"
while_reading "$work/log" "$first" "$orthrus" image cat "$first" /much
cmp -s "$work/tree/much" "$work/log" || fail "cat was cut off"

# Another image of the store is deleted meanwhile, and takes nothing of what is read: they share nearly all.
stopped "$work/out/.orthrus-restore" "$second" "$orthrus" image export "$second" "$work/out" --yes
delete "$first" || fail "delete another one: $(<"$work/said")"
kill -CONT $pid
wait $pid || fail "the export beside a deletion: $(<"$work/log")"
pid=
cmp -s "$work/tree/much" "$work/out/much" || fail "what was exported is something else"

# Found, but renamed by a deletion before the reader had its lock: that is what is said.
exec 7<"$store/images/$second"
flock -x 7
"$orthrus" image verify "$second" >"$work/log" 2>&1 &
pid=$!
until grep -q -- "-> FLOCK  ADVISORY  READ *$pid " /proc/locks; do kill -0 $pid 2>/dev/null || { fail "verify did not wait: $(<"$work/log")"; break; }; done
mv "$store/images/$second" "$store/images/much/.deleted-${second#*/}"
flock -u 7
wait $pid && fail "what is deleted was verified"
pid=
grep -q "$second was deleted just now" "$work/log" || fail "a deleted image: $(<"$work/log")"
mv "$store/images/much/.deleted-${second#*/}" "$store/images/$second"
exec 7<&-

delete "$second" || fail "delete when nobody reads: $(<"$work/said")"
[ -z "$(refs)$(ls "$store/packs")" ] || fail "left: $(refs) $(ls "$store/packs")"
[ $failed = 0 ] && echo ok
exit $failed
