#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Many nodes are removed by one change, or none of them; a removal that was cut off is finished by the same command.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
log=$root/var/log/orthrus/audit.log

names() { "$orthrus" node list --json | jq -c '[.nodes[].name]'; }
has() { [ "$(names)" = "$1" ] || fail "$2: the nodes are $(names), not $1"; }
acts() { grep -c "\"$1\"" "$log"; }
add() { # COUNT: nodes n001 and so on that are not there yet
    jq -cn --argjson n "$1" '{nodes: [range(1; $n + 1) | . as $i | (("00" + ($i | tostring))[-3:]) as $k |
        {line: $i, name: ("n" + $k), group: "compute", macs: ["52:54:00:00:\($k[0:1] | "0" + .):\($k[1:3])"]}]}' >"$work/add"
    api POST /v1/import @"$work/add"; want 200 "$1 nodes"
}

start_daemon
make_site --trust-mac
jq '.groups += [.groups[0] | .name = "other"]' "$root/etc/orthrus/site.json" >"$work/site.json" && cp "$work/site.json" "$root/etc/orthrus/site.json"
"$orthrus" site apply --yes >/dev/null || die "site apply"
add 9
printf 'a key\n' >"$work/value"
"$orthrus" secret set made --path /etc/made --generate 32 >/dev/null || die "secret set"
port=$(tls_port)
for k in 01 02 03; do enrol "52:54:00:00:00:$k" "$(machine "52:54:00:00:00:$k" "S$k")"; want 200 "n0$k enrols"; done

# The plan is one, numbered through, and does nothing.
before=$(digest)
run 0 node remove 'n[001-003]' --plan
[ "$(grep -oE '^ +[0-9]+\.' "$work/out" | tr -d ' \n')" = "$(seq -s. "$(grep -cE '^ +[0-9]+\.' "$work/out")")." ] || fail "the numbers of the steps: $(cat "$work/out")"
says_like '1\. remove n001'
says_like 'n\[001-003\]: secret made, which they know, is replaced'
[ "$before" = "$(digest)" ] || fail "a plan changed the state"

# One that can't be removed: none is. A slip of the pen as well.
run 1 node remove n001,nope --yes
says_like "there is no node 'nope'"
run 3 node remove 'n[001-003]'
says_like 'remove n\[001-003\] from the cluster: not confirmed'
has '["n001","n002","n003","n004","n005","n006","n007","n008","n009"]' "what was refused removed something"
[ "$before" = "$(digest)" ] || fail "a refusal changed the state"

api POST /v1/tokens '{"nodes":["n002","n003","n004"]}'; want 200 'tokens for three'
# Three at once: one act, one change, one new secret, an event for each.
run 0 node remove 'n[001-003]' --yes
has '["n004","n005","n006","n007","n008","n009"]' "three are removed"
says_like 'n001: its key is nobody.*confirmed$'
says_like 'n002: it gets no address.*confirmed$'
says_like 'n003: it gets no address.*confirmed$'
says_like 'n003: its key is nobody.*confirmed$'
[ "$("$orthrus" node token --list --json | jq -c '[.tokens[].node]')" = '["n004"]' ] || fail "tokens: $("$orthrus" node token --list)"
[ "$(grep -c 'secret made' "$work/out")" = 1 ] || fail "the secret is said: $(grep 'secret made' "$work/out")"
[ "$("$orthrus" secret list --json | jq '.secrets[] | select(.name == "made") | .version')" = 2 ] || fail "the secret was replaced: $("$orthrus" secret list)"
[ "$(acts 'POST /v1/remove')" = 2 ] || fail "the audit log has not one act, and one that was refused: $(grep remove "$log")"
"$orthrus" event list --json >"$work/events"
[ "$(jq -sc '[.[] | select(.kind == "node-removed") | .node]' "$work/events")" = '["n001","n002","n003"]' ] || fail "events: $(cat "$work/events")"
for k in 01 03; do imager "52:54:00:00:00:$k" GET /v1/secrets; want 403 "n0$k, which is removed, asks for secrets"; done

# The same again, and with some that are still there: what is gone is said, the rest is done.
run 0 node remove 'n[001-003]' --yes
says_like 'n001: it is gone already: removed by uid 0 at 20'
run 0 node remove 'n[001-003]'
run 0 node remove 'n[003-005]' --yes
says_like '1\. n003: it is gone already'
says_like 'remove n004'
has '["n006","n007","n008","n009"]' "the rest of a removal"
# A slip of the pen beside what is gone already.
run 1 node remove 'n001,nope,n006' --yes
says_like "there is no node 'nope'"
has '["n006","n007","n008","n009"]' "a slip of the pen beside one that is gone removed something"
# After a restart too, and over a pipe that is closed before the end.
stop_daemon KILL
start_daemon
"$orthrus" node remove 'n[004-007]' --yes 2>"$work/err" | head -n 1 >"$work/out"
says_like 'n004: it is gone already'
for _ in $(seq 100); do [ "$(names)" = '["n008","n009"]' ] && break; sleep 0.1; done
has '["n008","n009"]' "a removal whose reader went away"
run 0 node remove 'n[004-007]' --yes
run 1 node remove 'nope' --yes
says_like "there is no node 'nope'"

# What it was given in another group it knows still; who waits with its MAC address is forgotten.
port=$(tls_port)
"$orthrus" secret set theirs --path /etc/theirs --generate 32 --group compute >/dev/null || die "secret set"
enrol 52:54:00:00:00:08 "$(machine 52:54:00:00:00:08 S08)"; want 200 "n008 enrols"
imager 52:54:00:00:00:08 GET /v1/secrets; want 200 "n008's secrets"
body_has '"theirs"' "n008's secrets"
# Nor is it forgotten when the same machine was removed meanwhile, and the secrets stayed.
run 0 node remove n008 --keep-secrets --yes
run 0 node add n008 --mac 52:54:00:00:00:08 --group compute
enrol 52:54:00:00:00:08 "$(machine 52:54:00:00:00:08 S08)"; want 200 "n008 enrols again"
imager 52:54:00:00:00:08 GET /v1/secrets; want 200 "n008's secrets again"
run 0 node set n008 --group other
imager 52:54:00:00:00:08 GET /v1/secrets; want 200 "n008's secrets in another group"
[ "$(value '[.secrets[].name] | join(" ")')" = made ] || fail "in another group: $(value '[.secrets[].name]')"
enrol twin "$(machine 52:54:00:00:00:08 S08)"
[ "$(value .state)" = pending ] || fail "another machine with n008's MAC address: $(cat "$body")"
run 0 node remove n008 --yes
says_like 'n008: secret theirs, which it knows, is replaced'
[ "$("$orthrus" secret list --json | jq '.secrets[] | select(.name == "theirs") | .version')" = 2 ] || fail "a secret of its group before: $("$orthrus" secret list)"
api GET /v1/pending; want 200 "who waits"
[ "$(value '.pending | length')" = 0 ] || fail "a machine with n008's MAC address waits still: $(cat "$body")"

# More than one change holds, in the order that they are written: each is said.
add 200
run 0 node remove 'n[001-200]' --yes
has '[]' "200 are removed"
[ "$(grep -c 'it gets no address.*confirmed$' "$work/out")" = 200 ] || fail "$(grep -c confirmed "$work/out") are confirmed"
# A client that is killed in the middle, and the command again.
add 200
begun=$(acts 'POST /v1/remove')
"$orthrus" node remove 'n[001-200]' --yes >/dev/null 2>&1 &
client=$!
for _ in $(seq 600); do [ "$(acts 'POST /v1/remove')" -gt "$begun" ] && break; sleep 0.01; done
kill -KILL $client 2>/dev/null
wait $client 2>/dev/null
stop_daemon KILL
start_daemon
run 0 node remove 'n[001-200]' --yes
has '[]' "what was cut off is finished"

# Bad requests.
for said in '{"nodes":[]}' '{}' '{"nodes":["n001","n001"]}' '{"nodes":["-x"]}' '{"nodes":["n001"],"plam":true}'; do
    api POST /v1/remove "$said"; want 400 "body $said"
done
port=$(tls_port)
imager '' POST /v1/remove '{"nodes":["n001"]}'; want 403 'from the network'
[ "$failed" = 0 ] && echo ok
exit $failed
