#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A change of the site at runtime: what it causes is shown as typed steps, dangerous ones are asked for, and it can be taken back so that
# every rendered file is byte for byte what it was. orthrusd killed in between leaves the old site or the new one, whole.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
for p in curl jq sha256sum; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
# shellcheck source=tests/cli/daemon.bash
. "$TOP/tests/cli/daemon.bash"
m=52:54:00:00:00
site=$root/etc/orthrus/site.json

rendered() { # what dnsmasq, GRUB and ssh read, as sums
    (cd "$root" && find run/orthrus/dnsmasq.* srv/orthrus/tftp/grub var/lib/orthrus/ssh/known_hosts -type f ! -name '*.pid' ! -name '*.leases' -print0 |
        sort -z | xargs -0 sha256sum)
}
exported() { sha256sum <"$root/var/lib/orthrus/exports/genders"; }
revision() { curl -s --unix-socket "$sock" http://x/v1/site/history | jq -r '.revisions[-1].revision'; }
applied_sum() { curl -s --unix-socket "$sock" http://x/v1/site | sha256sum | cut -d' ' -f1; }
kinds() { jq -r '[.steps[].kind] | unique | join(" ")' "$work/out"; }

start_daemon
run 0 site show --history
says "no site is applied yet"
run 3 site undo
says "nothing to undo: no site was applied yet"
make_site --ipv6 off --trust-mac && run 0 site apply --reason 'the first one'
says "It is revision 1."
run 3 site undo
says "nothing to undo: no site was applied before this one"
run 0 node add n1 --mac $m:01 --group compute
run 0 node add n2 --mac $m:02 --group compute --ipv4 10.77.0.200
quiet
rendered >"$work/first"; first=$(applied_sum); cp "$site" "$work/site.first"
[ "$first" = "$(sha256sum <"$site" | cut -d' ' -f1)" ] || fail "the applied site is not the file"

# --- each step is of a kind; files, services and nodes are named; with --diff their lines
change_site '.cluster.domain = "hpc.internal" | .time.zone = "Europe/Berlin"'
before=$(digest)
run 0 site plan --json
[ "$(kinds)" = "file nodes service value" ] || fail "kinds: $(kinds)"
jq -e '.steps[] | select(.kind == "file" and (.path | endswith("/dnsmasq.hosts")) and .action == "change" and .added == 3 and .removed == 3)' "$work/out" >/dev/null ||
    fail "dnsmasq.hosts is not in the plan: $(cat "$work/out")"
jq -e '[.steps[] | select(has("diff"))] == []' "$work/out" >/dev/null || fail "a diff nobody asked for"
jq -e '.steps[] | select(.kind == "nodes" and .nodes == "n[1-2]" and .when == "next-installation")' "$work/out" >/dev/null || fail "no nodes: $(cat "$work/out")"
run 0 site plan --diff
says_like '^ +-10\.77\.0\.200 n2\.[a-z.]+ n2$'
says_like '^ +\+10\.77\.0\.200 n2\.hpc\.internal n2$'
says "n[1-2]: domain, time zone, /etc/hosts, when installed"
run 0 site apply --plan --diff
says "+10.77.0.200 n2.hpc.internal n2"
[ "$(digest)" = "$before" ] || fail "a plan changed the state"
run 0 site apply --reason 'names of the centre'
says "It is revision 2; \`orthrus site undo\` takes it back."
quiet
rendered >"$work/second"; second=$(applied_sum)
cmp -s "$work/first" "$work/second" && fail "another domain changes no file"
# What the plan named is what changed, and nothing else.
diff "$work/first" "$work/second" | sed -n 's/^> [0-9a-f]*  //p' | sort >"$work/changed"
run 0 site show --revision 1 --json
[ "$(jq -r .source "$work/out")" = revision ] || fail "site show --revision: $(cat "$work/out")"

# --- back: byte for byte, the site file too; what is shown first is what is done
for _ in $(seq 50); do # files for other programs (genders) follow a change a moment later: until then they are in the plan, too
    run 0 site undo --plan --json
    jq -r --arg r "$root/" '.steps[] | select(.kind == "file") | .path | ltrimstr($r)' "$work/out" | sort >"$work/planned"
    cmp -s "$work/planned" "$work/changed" && break
done
jq -e '.restores == 1 and .revision == 2' "$work/out" >/dev/null || fail "undo --plan: $(cat "$work/out")"
diff "$work/planned" "$work/changed" || fail "the plan names other files than changed"
[ "$(revision)" = 2 ] || fail "undo --plan undid"
run 0 site undo
says "Going back to revision 1 of the site:"
says "$site is what it was then, too."
quiet
rendered | diff "$work/first" - || fail "files are not what they were"
[ "$(applied_sum)" = "$first" ] || fail "the site is not what it was"
cmp -s "$site" "$work/site.first" || fail "the site file is not what it was"
run 0 site plan
says "nothing to do"
# Nothing before it; and forward again, by its number.
run 3 site undo
says "nothing to undo"
run 0 site undo --to 2 --reason 'it was right'
quiet
rendered | diff "$work/second" - || fail "files are not those of revision 2"
[ "$(applied_sum)" = "$second" ] || fail "the site is not that of revision 2"
run 0 site undo
[ "$(applied_sum)" = "$first" ] || fail "undo after --to 2"
run 1 site undo --to 99
says "there is no revision 99 of the site"
run 2 site undo --to none

# --- who, when, why: in the list, the events and the audit log; a restart keeps it
run 0 site show --history --json
jq -e '[.revisions[] | .revision] == [1,2,3,4,5] and [.revisions[] | .restores] == [null,null,1,2,1] and .revisions[0].reason == "the first one" and
    (.revisions[4].applied) and ([.revisions[] | .who] | unique == ["uid 0"]) and .revisions[0].digest == .revisions[2].digest' "$work/out" >/dev/null ||
    fail "history: $(cat "$work/out")"
cp "$work/out" "$work/history"
run 0 site show --history
says_like '^5 \* +20[0-9T:Z-]+ +uid 0 +[0-9a-f]{12} +2 +back to 1$'
says "back to 2: it was right"
run 0 event list
says "a new site was applied by uid 0 (2 changes), as revision 2: names of the centre"
says "the site was taken back to revision 2 by uid 0 (2 changes), as revision 4: it was right"
run 0 audit show
says "POST /v1/site/undo"
stop_daemon KILL
start_daemon
run 0 site show --history --json
cmp -s "$work/out" "$work/history" || fail "the history is another one after a kill: $(diff "$work/out" "$work/history")"
quiet
rendered | diff "$work/first" - || fail "files are others after a restart"
run 2 site apply --reason "$(printf 'two\nlines')"
run 2 site show --history --revision 1
says "give one of them"

# --- a file with changes that were not applied is not written over
change_site '.time.zone = "Asia/Tokyo"'; run 0 site apply
change_site '.time.zone = "Asia/Seoul"'; cp "$site" "$work/mine"
run 0 site undo
says "$site stays as it is: it has changes that were not applied."
cmp -s "$site" "$work/mine" || fail "the site file was written over"
cp "$work/site.first" "$site"

# --- a site file behind a link, closed to others, stays so
change_site '.time.zone = "Asia/Tokyo"'; run 0 site apply
mv "$site" "$work/elsewhere.json"; ln -s "$work/elsewhere.json" "$site"; chmod 640 "$work/elsewhere.json"; chown 7:8 "$work/elsewhere.json"
run 0 site undo
[ -L "$site" ] && [ "$(stat -c '%a %u:%g' "$work/elsewhere.json")" = '640 7:8' ] || fail "the site file: $(ls -l "$site" "$work/elsewhere.json")"
cmp -s "$site" "$work/site.first" || fail "the site file behind a link is not what it was"
rm "$site"; cp "$work/site.first" "$site"

# --- what is dangerous is marked and asked for; what can't be is refused
change_site '.networks[0].ipv4.subnet = "10.88.0.0/24" | .heads[0].ipv4 = "10.88.0.1"'
before=$(digest)
run 3 site apply
says_like '^  ! +[0-9]+\. count on the address 10\.88\.0\.1/24 on interface eth0 of this head'
says_like '^  ! +[0-9]+\. the provision network changes from provision \(10\.77\.0\.0/24\) to provision \(10\.88\.0\.0/24\)'
says "go on with what is marked '!'"
[ "$(digest)" = "$before" ] || fail "it was not agreed to, and done"
# While somebody thinks about it, another node comes: what was shown is not what it would mean any more.
command -v script >/dev/null && {
    mkfifo "$work/answer"
    script -qec "'$orthrus' site apply" /dev/null <"$work/answer" >"$work/out" 2>&1 & pid=$!
    exec 7>"$work/answer"
    until grep -q 'Type yes' "$work/out" || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
    "$orthrus" node add n9 --mac $m:09 --group compute >/dev/null || fail "node add"
    echo yes >&7; exec 7>&-
    wait $pid && fail "what was not shown was done"
    grep -q 'what this means has changed since it was shown' "$work/out" || fail "$(cat "$work/out")"
    [ "$(applied_sum)" = "$first" ] || fail "the site was applied"
    run 0 node remove n9 --yes
}
run 0 site apply --yes
has_addresses n2 10.88.0.200 null
# A smaller subnet: who has no place gets the next free one, and by undo the old one, not what follows from the new one.
change_site '.networks[0].ipv4 = {subnet: "10.88.0.0/28", pool: {first: "10.88.0.2", last: "10.88.0.3"}}'
run 0 site apply --yes
has_addresses n1 10.88.0.4 null
has_addresses n2 10.88.0.5 null
run 3 site undo
says "go on with what is marked '!'"
run 0 site undo --yes
says "n2: address on network provision from 10.88.0.5 to 10.88.0.200"
has_addresses n1 10.88.0.2 null
has_addresses n2 10.88.0.200 null
run 0 site undo --yes
has_addresses n1 10.77.0.2 null
has_addresses n2 10.77.0.200 null
quiet
rendered | diff "$work/first" - || fail "files are not what they were after two changes of addresses"
cmp -s "$site" "$work/site.first" || fail "the site file after two undos"

# Over two revisions at once; a node that came meanwhile is placed like in any change.
here=$(revision)
change_site '.networks[0].ipv4 = {subnet: "10.88.0.0/28"} | .heads[0].ipv4 = "10.88.0.1"'; run 0 site apply --yes
change_site '.networks[0].ipv4.pool = {first: "10.88.0.3", last: "10.88.0.4"}'; run 3 site apply --yes
says "n2: the address 10.88.0.3 is in the pool"
change_site '.networks[0].ipv4.pool = {first: "10.88.0.5", last: "10.88.0.9"}'; run 0 site apply --yes
has_addresses n2 10.88.0.3 null
run 0 node add n3 --mac $m:03 --group compute --ipv4 10.88.0.12
run 0 site undo --yes --to "$here"
has_addresses n2 10.77.0.200 null
has_addresses n3 10.77.0.12 null
cmp -s "$site" "$work/site.first" || fail "the site file after two at once"
run 0 node remove n3 --yes

# Undo is refused, with the reason, when what came since stands on it.
change_site '.groups += [{name: "gpu", extends: .groups[0].name}]'; run 0 site apply
run 0 node add g1 --mac $m:11 --group gpu
before=$(digest)
run 3 site undo
says "the site can't be taken back to revision"
says "g1"
[ "$(digest)" = "$before" ] || fail "a refused undo changed something"
run 3 site undo --plan
run 0 node remove g1 --yes
run 0 site undo
cp "$work/site.first" "$site"

# Somebody else applied another one meanwhile.
etag=$(curl -sD - -o /dev/null --unix-socket "$sock" http://x/v1/site | sed -n 's/^[Ee][Tt]ag: "\(.*\)".*/\1/p')
change_site '.time.zone = "Asia/Tokyo"'; run 0 site apply
request --unix-socket "$sock" -X POST -H "If-Match: \"$etag\"" -H 'Content-Type: application/json' --data '{}' http://x/v1/site/undo; want 412 'undo of another one'
request --unix-socket "$sock" -X POST -H 'Content-Type: application/json' --data '{}' http://x/v1/site/undo; want 400 'undo of whichever'
request --unix-socket "$sock" -X POST -H 'If-Match: *' -H 'Content-Type: application/json' --data '{"too":1}' http://x/v1/site/undo; want 400 'another key'
run 0 site undo

# --- templates are part of it
mkdir -p "$root/etc/orthrus/templates.d/etc"
echo 'motd-one' >"$root/etc/orthrus/templates.d/etc/motd.tmpl"; run 0 site apply
echo 'motd-two' >"$root/etc/orthrus/templates.d/etc/motd.tmpl"; run 0 site apply
run 0 node files n1; says "motd-two"
run 0 site undo
says "templates.d stays as it is"
run 0 node files n1; says "motd-one"; silent "motd-two"
run 0 site plan
says "take the new version of template etc/motd.tmpl"
rm -r "$root/etc/orthrus/templates.d"; cp "$work/site.first" "$site"; run 0 site apply
quiet
rendered | diff "$work/first" - || fail "files are not those of revision 1"

# --- orders: withdrawn with the layout, and by the next life of orthrusd where this one did not come to it
port=$(tls_port)
tiny_image compute
settle
hello $m:01 "$(machine $m:01 A)"; want 200 hello
shown_of n1
api POST /v1/install "{\"nodes\":[\"n1\"],\"digests\":$shown}"; want 200 install
change_site '.disk_layouts[0].disks.min = 2 | .disk_layouts[0].disks.want = 2 | .time.zone = "Asia/Tokyo"'
run 0 site plan --json
jq -e '.steps[] | select(.kind == "order")' "$work/out" >/dev/null || fail "no step of the order: $(cat "$work/out")"
run 0 site apply
run 0 site undo

# --- not more than 21 are kept, the oldest go
for i in $(seq 24); do
    change_site ".time.servers = [\"10.77.0.$((i + 2))\"]"
    "$orthrus" site apply >/dev/null 2>"$work/err" || fail "apply $i: $(cat "$work/err")"
done
run 0 site show --history --json
[ "$(jq '.revisions | length' "$work/out")" = 21 ] || fail "$(jq '.revisions | length' "$work/out") revisions are kept"
run 1 site undo --to 1
says "there is no revision 1 of the site"
says "lists those that are kept"
[ "$failed" = 0 ] || exit 1

# --- kill -9 at each write of an apply: the old site or the new one, whole, and files that follow it
faultat=$BUILD/tests/lab/faultat
base="$(cd "$root" && pwd -P)"
below=(--below "$base/var/lib/orthrus/raft" --below "$base/run/orthrus" --below "$base/srv/orthrus/tftp")
# with_fault OPTION...: starts it below faultat; false when it did not come up
with_fault() {
    rm -f "$sock"
    "$faultat" "$@" "${below[@]}" -- "$BUILD/orthrusd" --root "$root" --no-dnsmasq --listen 127.0.0.1:0 --netboot-dir "$TOP/netboot/initramfs" \
        >>"$work/log" 2>>"$work/faults" </dev/null &
    daemon_pid=$!
    for _ in $(seq 600); do
        [ -S "$sock" ] && curl -s --max-time 5 --unix-socket "$sock" http://x/v1/status >/dev/null && return 0
        kill -0 "$daemon_pid" 2>/dev/null || return 1
        sleep 0.05
    done
    return 1
}
gone() { # the fault ended it, or we do
    local pid
    pid=$(pgrep -P "$daemon_pid" 2>/dev/null)
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    wait "$daemon_pid" 2>/dev/null
    daemon_pid=""
}
"$faultat" --out /dev/null -- true
if [ $? != 77 ]; then
    jq '.cluster.domain = "a.internal" | .heads[0].interface = "eth0"' "$work/site.first" >"$work/A"
    jq '.cluster.domain = "b.internal" | .networks[0].mtu = 9000' "$work/site.first" >"$work/B"
    for x in A B A; do
        run 0 site apply --yes --site "$work/$x"
        quiet
        rendered >"$work/rendered.$x"; applied_sum >"$work/sum.$x"
    done
    stop_daemon TERM
    # Where the apply's own writes begin and end, after a life like those below: what a start writes depends on the one before.
    start_daemon; quiet; run 0 site undo --plan --yes; stop_daemon TERM
    : >"$work/faults"
    with_fault --trace || die "orthrusd below faultat: $(tail -n 5 "$work/log" "$work/faults")"
    quiet
    from=$(grep -c ^begin "$work/faults")
    run 0 site apply --yes --site "$work/B"
    quiet
    to=$(grep -c ^begin "$work/faults")
    gone
    [ "$to" -gt "$((from + 10))" ] || fail "an apply writes $((to - from)) times?"
    start_daemon; run 0 site apply --yes --site "$work/A"; quiet; stop_daemon TERM
    old=A new=B killed=0 was_old=0 was_new=0
    # The apply, killed at write K of the daemon's life.
    kill_at() { # K
        local k=$1
        if with_fault --kill "$k" --out /dev/null; then
            "$orthrus" site apply --yes --site "$work/$new" >/dev/null 2>&1 </dev/null
            curl -s --max-time 5 --unix-socket "$sock" http://x/v1/status >/dev/null || killed=$((killed + 1))
        else
            killed=$((killed + 1))
        fi
        gone
        start_daemon
        quiet
        is=$(applied_sum)
        if [ "$is" = "$(cat "$work/sum.$old")" ]; then
            was_old=$((was_old + 1)); now=$old
        elif [ "$is" = "$(cat "$work/sum.$new")" ]; then
            was_new=$((was_new + 1)); now=$new
        else
            fail "killed at write $k: the site is neither the old nor the new one"; exit 1
        fi
        rendered | diff "$work/rendered.$now" - >"$work/diff" || fail "killed at write $k: site $now, but its files are others: $(cat "$work/diff")"
        run 0 site show --history --json
        [ "$(jq -r '.revisions[-1].digest' "$work/out")" = "$is" ] || fail "killed at write $k: the newest revision is not what is applied"
        [ "$(jq '[.revisions[].revision] | . == (sort | unique)' "$work/out")" = true ] || fail "killed at write $k: $(cat "$work/out")"
        # And what was before can be had again.
        run 0 site undo --plan --yes
        if [ "$now" = "$new" ]; then old=$new; [ "$new" = B ] && new=A || new=B; fi
        stop_daemon TERM
        [ "$failed" = 0 ] || exit 1
    }
    # Some of them, from a little before the first to the last; SITE_UNDO_KILLS=1000 for every one (tests/full/site-undo.sh).
    first=$((from > 12 ? from - 12 : 1))
    for k in $(seq $first $(((to - from) / ${SITE_UNDO_KILLS:-8} + 1)) $((to + 2))); do kill_at "$k"; done
    # A life that writes less at its start comes to the apply sooner.
    while [ $was_old = 0 ] && [ $first -gt 1 ]; do
        first=$((first > 2 ? first - 2 : 1))
        kill_at $first
    done
    echo "RESULT site-undo writes=$((to - from)) killed=$killed old=$was_old new=$was_new"
    [ "$killed" -ge 3 ] && [ "$was_old" -ge 1 ] && [ "$was_new" -ge 1 ] || fail "the kills came at no good time: killed=$killed old=$was_old new=$was_new"
    start_daemon
fi
stop_daemon TERM
exit $failed
