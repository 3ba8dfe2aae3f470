#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The audit log of a real daemon: who did what is there, whatever is done to it is found, kills lose nothing, a full disk stops acts.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in, and a small file system is mounted"; exit 77; }
if [ "${1:-}" != inside ]; then exec unshare --mount --propagation private bash "$0" inside; fi
. "$TOP/tests/cli/daemon.bash"
log=$root/var/log/orthrus/audit.log
trap 'umount -l "${log%/*}" 2>/dev/null; cleanup' EXIT
mac1=52:54:00:00:00:01

lines() { api GET '/v1/audit?latest=1000'; jq -r '.lines[]' "$body"; }
acts() { "$orthrus" audit show --json --limit 1000; }
# one FILTER TEXT: exactly one act of the log is like this
one() {
    local n
    n=$(acts | jq -sr "[.[] | select($1)] | length")
    [ "$n" = 1 ] || fail "$2: $n acts: $(acts | tail -n 6)"
}
good() { # TEXT
    "$orthrus" audit verify >"$work/verify" 2>&1 || fail "$1: $(cat "$work/verify")"
}
anchored() { # waits until the state knows the newest line
    for _ in $(seq 100); do
        api GET '/v1/audit?latest=1'
        [ "$(jq -r '.lines[-1] | fromjson | .number' "$body")" = "$(jq .head.number "$body")" ] && return 0
        sleep 0.1
    done
    fail "the state was not told of the newest line: $(cat "$body")"
}
none() { # TEXT OPTIONS...: nothing is shown, that is said, and it is no failure
    local text=$1 rc
    shift
    "$orthrus" audit show "$@" >"$work/none" 2>&1
    rc=$?
    [ "$rc $(cat "$work/none")" = "0 $text" ] || fail "audit show $*: exit $rc: $(cat "$work/none")"
    [ -z "$("$orthrus" audit show "$@" --json 2>&1)" ] || fail "audit show $* --json has something"
}
found() { # FAULT NUMBER TEXT [FILE...]: verify says so, and exits with 1
    local fault=$1 number=$2 text=$3 rc
    shift 3
    "$orthrus" audit verify --json "$@" >"$work/verify" 2>&1
    rc=$?
    [ $rc = 1 ] || fail "$text: exit $rc: $(cat "$work/verify")"
    jq -e --arg f "$fault" --argjson n "$number" '.good == false and any(.findings[]; .fault == $f and .number == $n)' "$work/verify" >/dev/null ||
        fail "$text: $fault $number is not found: $(cat "$work/verify")"
}

start_daemon
"$orthrus" audit verify | grep -q 'no audit log yet' || fail "verify of nothing"
none 'the audit log is empty'
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
port=$(tls_port)
api POST /v1/nodes "{\"nodes\":[{\"name\":\"n01\",\"group\":\"compute\",\"macs\":[\"$mac1\"]}]}"; want 200 'add'
api POST /v1/nodes "{\"nodes\":[{\"name\":\"n01\",\"group\":\"compute\",\"macs\":[\"$mac1\"]}]}"; want 409 'add again'
api DELETE '/v1/nodes/n01?plan=1'; want 200 'plan of a removal'
api POST /v1/install '{"nodes":["n01"],"plan":true}'; want 200 'plan of an installation'
api PATCH /v1/nodes/n01 '{"serial":"A-box"}'; want 200 'set'
imager '' GET /v1/nodes; want 403 'not an administrator'
imager '' POST /v1/imager/hello "$(machine 52:54:00:00:00:99 A)"; want 403 'a machine without a certificate'
enrol 52:54:00:00:00:99 "$(machine 52:54:00:00:00:99 A)" 0123; want 403 'a token that is none'
enrol $mac1 "$(machine $mac1 A)"; want 200 'a machine that is trusted by its MAC address'
cp "$(at_of $mac1).crt" "$work/crt"
for _ in 1 2 3; do enrol $mac1; want 200 'a certificate again'; cmp -s "$work/crt" "$(at_of $mac1).crt" || fail "one that is young is not given again"; done
mkdir "$work/tree"; echo x >"$work/tree/x"
"$orthrus" image build compute --from "$work/tree" --quiet >/dev/null || fail "image build"
"$orthrus" image build compute --from "$work/nothing" >/dev/null 2>&1 && fail "an image of nothing"
"$orthrus" head certificate eve --out "$work/eve" >/dev/null || fail "head certificate"
request --cacert "$work/eve/ca.crt" --cert "$work/eve/eve.crt" --key "$work/eve/eve.key" -X POST -H 'Content-Type: application/json' \
    --data-binary '{"nodes":["n01"],"target":"net"}' "https://127.0.0.1:$port/v1/boot"
want 200 'boot by certificate'

none 'nothing in the audit log is like this' --node n77
none 'nothing in the audit log is like this' --who nobody-at-all
none 'nothing in the audit log is like this' --since 2126-01-01
one '.what == "PUT /v1/site" and .who == "uid 0" and .from == "local" and .result == "done" and .status == 200' 'apply'
one '.what == "POST /v1/nodes" and .nodes == "n01" and .result == "done"' 'add'
one '.what == "POST /v1/nodes" and .nodes == "n01" and .result == "refused" and .status == 409 and (.text | test("already"))' 'add again'
one '.what == "PATCH /v1/nodes/n01" and .nodes == "n01" and .result == "done"' 'set'
one '.what == "POST /v1/boot" and .who == "certificate eve" and .from == "127.0.0.1" and .nodes == "n01"' 'by certificate'
one '.phase == "refused" and .who == "nobody" and .from == "127.0.0.1" and .what == "GET /v1/nodes" and .status == 403' 'not an administrator'
one '.phase == "refused" and .what == "POST /v1/imager/hello" and .status == 403' 'a machine without a certificate'
one '.phase == "refused" and .what == "POST /v1/enrol" and .status == 403' 'a token that is none'
one '(.what | test("MAC address alone")) and .nodes == "n01" and .result == "done"' 'a machine that is trusted by its MAC address'
acts | jq -se 'any(.what == "POST /v1/enrol" and .nodes == "n01")' >/dev/null && fail "what was given again stands in the log: $(acts)"
one '(.what | startswith("image build compute --from")) and .result == "done"' 'image build'
one '(.what | startswith("image build compute --from")) and .result != "done" and (.text | length > 0)' 'image build that fails'
one '(.what | startswith("head certificate eve")) and .result == "done"' 'head certificate'
acts | jq -se 'any((.what // "") | test("DELETE|install"))' >/dev/null && fail "a plan is in the log: $(acts)"
grep -q A-box "$log" && fail "what was in a request is in the log"
[ "$(stat -c '%a %U %G' "$log")" = '640 root adm' ] || fail "mode: $(stat -c '%a %U %G' "$log")"
[ "$(stat -c %a "$root/var/lib/orthrus/audit.key")" = 600 ] || fail "the key may be read by others"
[ "$(sed -n 3p "$log" | sed 's/,"hash":"[0-9a-f]*"}$//' | head -c -1 | sha256sum | cut -d' ' -f1)" = "$(sed -n 3p "$log" | jq -r .hash)" ] ||
    fail "a line can't be checked by sha256sum"
"$orthrus" audit show --who eve | grep -q 'certificate eve' || fail "show --who"
[ "$("$orthrus" audit show --node n01 --json | jq -s length)" = 5 ] || fail "show --node: $("$orthrus" audit show --node n01)"
[ "$("$orthrus" audit show --limit 2 --json | jq -s length)" = 2 ] || fail "show --limit"
[ "$("$orthrus" audit show --since 9999-01-01 --json | wc -l)" = 0 ] || fail "show --since a time to come"
[ "$("$orthrus" audit show --since 2020-01-01T00:00 --json | wc -l)" = "$(acts | wc -l)" ] || fail "show --since a time"
"$orthrus" audit show --since soon >"$work/out" 2>&1; [ $? = 2 ] || fail "--since soon: $(cat "$work/out")"
good 'the log'
anchored
good 'the log and the state'
grep -q "the one that the cluster's state knows" "$work/verify" || fail "not compared: $(cat "$work/verify")"

# Whoever asks without end does not fill the disk.
before=$(stat -c %s "$log")
curl -s --cacert "$root/var/lib/orthrus/pki/ca.crt" -o /dev/null "https://127.0.0.1:$port/v1/nodes?n=[1-300]"
lines >/dev/null
after=$(stat -c %s "$log")
[ $((after - before)) -gt 1000 ] && [ $((after - before)) -lt 20000 ] || fail "300 refusals take $((after - before)) bytes of the log"

# Done to it while nobody looks: found, with the number. The daemon says so when it starts.
anchored
last=$(lines | tail -n 1 | jq .number)
[ "$last" -gt 20 ] || die "only $last lines"
cp "$log" "$work/log"
put_back() { cat "$work/log" >"$log"; }
sed -i '5s/uid 0/uid 1/' "$log"; found changed 5 'a word'; put_back
sed -i 7d "$log"; found missing 7 'a line less'; put_back
sed -i '7p' "$log"; found moved 7 'a line twice'; put_back
sed -i '7{h;d};8{G}' "$log"; found moved 7 'two lines swapped'; put_back
head -n $((last - 3)) "$work/log" >"$log"; found cut $((last - 2)) 'the last three lines'; put_back
: >"$log"; found cut 1 'all lines'; put_back
mv "$log" "$work/aside"; found cut 1 'the file'; mv "$work/aside" "$log"
head -c -30 "$work/log" >"$log"; found changed "$last" 'the end of a line that was whole'; put_back
good 'put back'
# Written anew from the first line on, with right hashes, by somebody who knows how.
prev=$(printf '%064d' 0)
while IFS= read -r l; do
    part=${l%,\"prev\":*},\"prev\":\"$prev\"
    part=${part/uid 0/uid 7}
    prev=$(printf '%s' "$part" | sha256sum | cut -d' ' -f1)
    printf '%s,"hash":"%s"}\n' "$part" "$prev"
done <"$work/log" >"$work/forged"
"$orthrus" audit verify "$work/forged" >"$work/verify" 2>&1 && fail "the forged log: $(cat "$work/verify")"
cat "$work/forged" >"$log"; found replaced "$last" 'a log written anew'; put_back

# Each byte of it, by files that are named: nothing needs a daemon. One process for many copies.
mkdir "$work/flipped"
size=$(head -n 4 "$work/log" | wc -c)
for at in $(seq 0 17 $((size - 1))) $((size - 1)); do
    f=$work/flipped/f
    head -n 4 "$work/log" >"$f"
    byte=$(od -An -tu1 -j "$at" -N 1 "$f")
    printf '%b' "\\0$(printf %o $((byte ^ 1)))" | dd of="$f" bs=1 seek="$at" conv=notrunc status=none
    ORTHRUS_ROOT=$work/none "$orthrus" audit verify "$f" >/dev/null 2>&1 && fail "byte $at"
done

# The daemon finds it out at its start, goes on behind it, and tells everybody.
stop_daemon TERM
head -n $((last - 3)) "$work/log" >"$log"
start_daemon
for _ in $(seq 100); do "$orthrus" event list | grep -q audit-damaged && break; sleep 0.1; done
"$orthrus" event list | grep -q 'audit-damaged.*not what was written' || fail "no event tells of the damage: $("$orthrus" event list)"
api PATCH /v1/nodes/n01 '{"serial":"s2"}'; want 200 'set behind the damage'
lines | jq -se 'any(.phase == "note" and (.text | test("are missing")))' >/dev/null || fail "no note of what is missing"
found missing $((last - 2)) 'what is missing stays missing'
stop_daemon TERM
put_back
rm -rf "$root/var/lib/orthrus/raft"; rm "$log" # from the beginning again

# Killed in the middle of things, again and again: what was answered is in the log, whole.
start_daemon
"$orthrus" site apply --yes >/dev/null || die "site apply after a new start"
api POST /v1/nodes "{\"nodes\":[{\"name\":\"n01\",\"group\":\"compute\",\"macs\":[\"$mac1\"]}]}"; want 200 'add'
answered=0
for round in $(seq 6); do
    (
        for i in $(seq 200); do
            [ "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$sock" -X PATCH --data-binary "{\"serial\":\"r$round-$i\"}" http://x/v1/nodes/n01)" = 200 ] || exit
            echo "$i"
        done
    ) >"$work/answered" 2>/dev/null &
    writer=$!
    for _ in $(seq 200); do [ "$(wc -l <"$work/answered")" -ge $((round % 4 + 1)) ] && break; sleep 0.01; done
    stop_daemon KILL
    wait $writer
    answered=$((answered + $(wc -l <"$work/answered")))
    start_daemon
    good "after kill $round"
done
ended=$(acts | jq -s '[.[] | select(.what == "PATCH /v1/nodes/n01" and .result == "done")] | length')
[ "$ended" -ge "$answered" ] || fail "$answered changes were answered, $ended are in the log"
printf '{"number":7777,"at":"2026' >>"$log"
api PATCH /v1/nodes/n01 '{"serial":"torn"}'; want 200 'behind a torn line'
lines | jq -se 'any(.phase == "note" and (.text | test("was not written to its end")))' >/dev/null || fail "no note of the torn line"
good 'a torn line, mended'

# A full disk: nothing is done that can't be written; looking goes on; room makes all go on.
stop_daemon TERM
rm -rf "${log%/*}"/*; rm -rf "$root/var/lib/orthrus/raft"
mount -t tmpfs -o size=300k none "${log%/*}" || { echo "no tmpfs can be mounted"; exit 77; }
start_daemon
"$orthrus" site apply --yes >/dev/null || die "site apply on a small disk"
api POST /v1/nodes "{\"nodes\":[{\"name\":\"n01\",\"group\":\"compute\",\"macs\":[\"$mac1\"]}]}"; want 200 'add on a small disk'
anchored
head -c 400k /dev/zero >"${log%/*}/fill" 2>/dev/null
# What is left of the block that is begun is used up first.
for i in $(seq 60); do api PATCH /v1/nodes/n01 "{\"ipv4\":\"10.77.0.$((i + 100))\"}"; [ "$status" = 503 ] && break; want 200 'a change for which there is room'; done
want 503 'changes without end on a full disk'
before=$(digest)
for act in 'DELETE /v1/nodes/n01' 'PATCH /v1/nodes/n01 {"serial":"x"}' 'POST /v1/boot {"nodes":["n01"],"target":"net"}'; do
    # shellcheck disable=SC2086
    api $act; want 503 "$act on a full disk"
    body_has "can't be written into the audit log" "$act on a full disk"
    body_has 'No space left' "$act on a full disk"
    body_has '"kind":"refused"' "$act on a full disk"
done
"$orthrus" node remove n01 --yes >"$work/out" 2>&1; [ $? = 3 ] || fail "node remove on a full disk: $(cat "$work/out")"
"$orthrus" image build more --from "$work/tree" >"$work/out" 2>&1; [ $? = 3 ] || fail "image build on a full disk: $(cat "$work/out")"
"$orthrus" image list | grep -q more && fail "an image was built without a line"
"$orthrus" head certificate late --out "$work/late" >"$work/out" 2>&1; [ $? = 3 ] || fail "head certificate on a full disk: $(cat "$work/out")"
[ ! -e "$work/late" ] || fail "a certificate was made without a line"
port=$(tls_port)
imager '' GET /v1/nodes; want 403 'a refusal that can not be written'
enrol $mac1 "$(machine $mac1 A)"; want 503 'a certificate that can not be written down'
[ "$before" = "$(digest)" ] || fail "something was done on a full disk"
for path in /v1/nodes /v1/status /v1/events '/v1/audit?latest=5' /v1/nodes/n01; do api GET "$path"; want 200 "GET $path on a full disk"; done
api DELETE '/v1/nodes/n01?plan=1'; want 200 'a plan on a full disk'
"$orthrus" site apply --plan >/dev/null || fail "site apply --plan on a full disk"
good 'on a full disk'
rm "${log%/*}/fill"
api PATCH /v1/nodes/n01 '{"serial":"room"}'; want 200 'with room again'
enrol $mac1 "$(machine $mac1 A | jq -c '.dmi.serial = "room"')"; want 200 'a certificate, with room again'
one '(.what | test("MAC address alone")) and .nodes == "n01" and .result == "done"' 'a certificate, with room again'
good 'with room again'
acts | jq -se '[.[] | select(.phase == "begin" and .ended == null)] | length == 0' >/dev/null || fail "an act has no end: $(acts)"
[ "$failed" = 0 ] && echo ok
exit $failed
