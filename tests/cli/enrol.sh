#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A machine becomes a node by its key and the administrator's word, and by nothing else: pending, approved, rejected, by token; and what
# it can't do before and after.
set -u
. "$TOP/tests/cli/daemon.bash"
mac() { printf '52:54:00:00:00:%02x' "$1"; }
mac1=$(mac 1) mac2=$(mac 2) mac3=$(mac 3)
nothing_changed() { want "$1" "$2"; [ "$before" = "$(digest)" ] || fail "$2: the state changed"; }
words_of() { jq -r --arg m "$1" '.pending[] | select(.mac == $m) | .words' <(curl -s --unix-socket "$sock" http://x/v1/pending); }
state_of() { jq -r --arg m "$1" '[.pending[] | select(.mac == $m) | .state] | join(" ")' <(curl -s --unix-socket "$sock" http://x/v1/pending); }
pending() { want 200 "$1"; [ "$(value .state)" = pending ] || fail "$1: $(cat "$body")"; }
approved() { want 200 "$1"; [ "$(value '.state + " " + .node')" = "approved $2" ] || fail "$1: $(cat "$body")"; }

start_daemon
make_site
"$orthrus" site apply --yes >/dev/null || die "site apply"
tiny_image compute
"$orthrus" node add 'n[01-03]' --mac "$mac1,$mac2,$mac3" --group compute >/dev/null || die "node add"
port=$(tls_port)
settle

# Its MAC address is a node's, and it waits all the same; asking again changes nothing.
enrol "$mac1" "$(machine "$mac1" A)"; pending 'a machine with the MAC address of n01'
words=$(value .words)
[ "$words" = "$(words_of "$mac1")" ] && [ "$(echo "$words" | wc -w)" = 6 ] || fail "the machine shows '$words', the head '$(words_of "$mac1")'"
# The words are of SHA-256(SHA-256(key) || sealing key): computed here by other programs.
fp=$({ openssl pkey -in "$(at_of "$mac1").key" -pubout -outform DER | openssl dgst -sha256 -binary; tr -d '\n' <"$(at_of "$mac1").seal" | sed 's/../\\x&/g' | xargs -0 printf '%b'; } | sha256sum | cut -c 1-64)
[ "$fp" = "$(value .fingerprint)" ] || fail "the fingerprint is $(value .fingerprint), not $fp"
before=$(digest)
enrol "$mac1" "$(machine "$mac1" A)"; pending 'asked again'
[ "$before" = "$(digest)" ] || fail "asking again changes the state"
events=$(grep -c ' event: ' "$work/log")
"$orthrus" node approve n01 --plan >"$work/out" 2>&1 || fail "approve --plan: $(cat "$work/out")"
[ "$events" = "$(grep -c ' event: ' "$work/log")" ] || fail "a plan stands in the log as if it was done: $(tail -n 1 "$work/log")"
grep -q "$words" "$work/out" || fail "the plan does not show the words: $(cat "$work/out")"
[ "$before" = "$(digest)" ] || fail "approve --plan changes the state"
"$orthrus" node approve n01 </dev/null >"$work/out" 2>&1; rc=$?
[ $rc = 3 ] && [ "$before" = "$(digest)" ] || fail "approve without a word: exit $rc: $(cat "$work/out")"
# Somebody else with the same MAC address: then the MAC address says nothing, and the administrator must name the key.
make_keys other; enrol other "$(machine "$mac1" A)"; pending 'another machine with that MAC address'
"$orthrus" node approve n01 --yes >"$work/out" 2>&1; rc=$?
[ $rc != 0 ] && grep -q -- --fingerprint "$work/out" && grep -q "$words" "$work/out" || fail "two with one MAC address: exit $rc: $(cat "$work/out")"
"$orthrus" node approve n01 --fingerprint "A A A A A A" --yes >"$work/out" 2>&1 && fail "a key that nobody has is approved"
nobody=$(printf '%064d' 7)
"$orthrus" node approve n01 --fingerprint "$nobody" --yes >"$work/out" 2>&1 && fail "a fingerprint that nobody has is approved"
grep -q "$nobody" "$work/out" || fail "the fingerprint is cut: $(cat "$work/out")"
for what in '/v1/approve {"items":[{"fingerprint":"'"$nobody"'","node":"n01"}]}' '/v1/reject {"fingerprints":["'"$nobody"'"]}' \
    '/v1/nodes/n01/replace {"macs":["52:54:00:00:00:77"],"fingerprint":"'"$nobody"'"}'; do
    api POST "${what%% *}" "${what#* }"; want 404 "${what%% *} of nobody's key"
    body_has "$nobody" "${what%% *}"
done
"$orthrus" node approve n01 --fingerprint "${words% *} ZZZZ" --yes >"$work/out" 2>&1 && fail "words that are none are approved"
"$orthrus" node approve n02 --fingerprint "$words" --yes >"$work/out" 2>&1 && fail "n02 becomes a machine with n01's MAC address"
( body=$work/poll-body; enrol "$mac1" "$(machine "$mac1" A)" '' '?wait=30'; echo "$status $(value '.state + " " + .node')" >"$work/poll" ) &
poll=$!
sleep 0.3
"$orthrus" node approve n01 --fingerprint "$(echo "$words" | tr 'A-Z ' 'a-z-')" --yes >"$work/out" 2>&1 || fail "approve: $(cat "$work/out")"
wait $poll
[ "$(cat "$work/poll")" = '200 approved n01' ] || fail "the waiting machine was told: $(cat "$work/poll")"
[ -z "$(state_of "$mac1")" ] || fail "n01's machines still wait: $(state_of "$mac1")"
hello "$mac1" "$(machine "$mac1" A)"; want 200 'hello of n01'
[ "$(value .node)" = n01 ] || fail "n01 is $(value .node)"

# The certificate: node, 24 hours, and only for what a node may.
openssl x509 -in "$(at_of "$mac1").crt" -noout -subject -checkend 82800 >"$work/out" || fail "it ends within 23 hours"
grep -q 'OU = node, CN = n01' "$work/out" || fail "$(cat "$work/out")"
openssl x509 -in "$(at_of "$mac1").crt" -noout -checkend 90000 >/dev/null && fail "a certificate is good for longer than 25 hours"
for path in nodes pending tokens site state/digest; do imager "$mac1" GET /v1/$path; want 403 "GET $path by a node"; done
# The same key again: the same node, a new certificate (this is how it is renewed), without an inventory too.
before=$(digest)
enrol "$mac1" ''; approved 'renewed' n01
[ "$before" = "$(digest)" ] || fail "a renewal changes the state"
# With another sealing key, or another's request: nothing.
cp "$(at_of "$mac1").seal" "$work/seal"; openssl rand -hex 32 >"$(at_of "$mac1").seal"
enrol "$mac1" ''; nothing_changed 403 'another sealing key'
cp "$work/seal" "$(at_of "$mac1").seal"
enrol other "$(machine "$mac1" A)"; want 200 'the other machine again'; [ "$(value .state)" = pending ] || fail "another key with n01's MAC address: $(cat "$body")"
before=$(digest)
imager '' POST /v1/enrol '{"csr":"x","seal_key":"00"}'; nothing_changed 400 'no request'
jq -c --arg s "$(tr -d '\n' <"$work/seal")" '.csr |= sub("M"; "N") | .seal_key = $s' "$(at_of "$mac1").enrol" >"$work/bad"
imager '' POST /v1/enrol @"$work/bad"; nothing_changed 400 'a request that was changed'
openssl req -new -newkey rsa:2048 -nodes -subj /CN=x -keyout "$work/rsa.key" -out "$work/rsa.csr" 2>/dev/null
imager '' POST /v1/enrol "$(jq -cn --rawfile c "$work/rsa.csr" --arg s "$(tr -d '\n' <"$work/seal")" '{csr:$c, seal_key:$s}')"; nothing_changed 400 'an RSA key'
# A certificate of n01's name with a key that is not its own (a stolen authority could make it): refused by the key.
pki=$root/var/lib/orthrus/pki
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$machines/forged.key" -out "$work/forged.csr" -subj /O=orthrus/OU=node/CN=n01 2>/dev/null &&
    openssl x509 -req -in "$work/forged.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -set_serial 99 -days 1 -out "$machines/forged.crt" -extfile <(echo extendedKeyUsage=clientAuth) 2>/dev/null || die "openssl"
imager forged GET /v1/imager/orders; nothing_changed 403 "n01's name with another key"

# Rejected: told so, and kept from asking for more; taken back by an approval.
words=$(words_of "$mac1")
"$orthrus" node reject --fingerprint "$words" --yes >"$work/out" 2>&1 || fail "reject: $(cat "$work/out")"
before=$(digest)
enrol other "$(machine "$mac1" A)"; nothing_changed 403 'a rejected machine'
body_has rejected 'a rejected machine'
[ "$(state_of "$mac1")" = rejected ] || fail "it is $(state_of "$mac1")"
# By the node that they would be: all of them.
for i in 1 2; do enrol s$i "$(machine "$mac3" S$i)"; done
"$orthrus" node reject n03 --yes >"$work/out" 2>&1 || fail "reject n03: $(cat "$work/out")"
[ "$(state_of "$mac3")" = 'rejected rejected' ] || fail "they are $(state_of "$mac3")"
"$orthrus" node reject n02 --yes >"$work/out" 2>&1; rc=$?
[ $rc = 1 ] && grep -q 'no machine waits that would be n02' "$work/out" || fail "nothing to reject: exit $rc: $(cat "$work/out")"

# Tokens: shown once, kept as a hash, good once for one node; of many at once exactly one wins.
"$orthrus" node token n02 --json >"$work/token.json" || fail "node token"
token=$(jq -r '.tokens[0].token' "$work/token.json")
echo "$token" | grep -qxE '[0-9a-f]{32}' || fail "token: $token"
grep -rqF "$token" "$root/var/lib/orthrus" && fail "the token itself is on the head's disk"
"$orthrus" node token --list --json | grep -qF "$token" && fail "the token is shown again"
before=$(digest)
enrol "$mac3" "$(machine "$mac3" C)" "$token"; nothing_changed 403 "n02's token with n03's MAC address"
for t in 00000000000000000000000000000000 "${token%?}" "${token}0" "$(echo "$token" | tr '0-9a-f' '1-9a-f0')"; do
    enrol "$mac2" "$(machine "$mac2" B)" "$t"; nothing_changed 403 "the token $t"
done
for i in 1 2 3 4 5 6 7 8; do
    make_keys r$i
    ( body=$work/body-$i; enrol r$i "$(machine "$mac2" B)" "$token"; echo "$status $(value .state)" >"$work/race-$i" ) &
    racers="${racers:-} $!"
done
# shellcheck disable=SC2086
wait $racers
[ "$(cat "$work"/race-* | sort | uniq -c | tr -s ' \n' ' ')" = ' 1 200 approved 7 403 null ' ] || fail "one token, eight machines: $(cat "$work"/race-*)"
before=$(digest)
enrol "$mac2" "$(machine "$mac2" B)" "$token"; nothing_changed 403 'a token that was used'
# A node that waits for its machine: a token for it gives it no MAC address that another node has.
"$orthrus" node add n07 --group compute --switch sw1 --port p7 >/dev/null 2>&1 || fail "node add n07"
token=$("$orthrus" node token n07 --json | jq -r '.tokens[0].token')
make_keys taker
before=$(digest)
enrol taker "$(machine "$mac1" T)" "$token"; nothing_changed 409 "n07's token with n01's MAC address"
body_has "n01's already" "n07's token with n01's MAC address"
enrol taker "$(machine "$(mac 7)" T)" "$token"; approved "n07's token with a MAC address of its own" n07
# A certificate of n01's name over n07's key (a stolen authority could make it): n07's key is not n01's.
openssl req -new -key "$(at_of taker).key" -out "$work/other.csr" -subj /O=orthrus/OU=node/CN=n01 &&
    openssl x509 -req -in "$work/other.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -set_serial 98 -days 1 -out "$machines/other-name.crt" -extfile <(echo extendedKeyUsage=clientAuth) 2>/dev/null || die "openssl"
cp "$(at_of taker).key" "$machines/other-name.key"
before=$(digest)
imager other-name GET /v1/imager/orders; nothing_changed 403 "n01's name with n07's key"
# A node that must have a serial number: no other machine is approved for it.
"$orthrus" node add n08 --group compute --mac "$(mac 8)" --serial right-box >/dev/null 2>&1 || die "node add n08"
enrol "$(mac 8)" "$(machine "$(mac 8)" wrong)"; pending "a machine with another serial number than n08's"
before=$(digest)
"$orthrus" node approve n08 --fingerprint "$(value .words)" --yes >"$work/out" 2>&1; rc=$?
[ $rc != 0 ] && grep -q 'must have the serial number right-box, this machine has wrong-box' "$work/out" || fail "another serial number than n08's: exit $rc: $(cat "$work/out")"
[ "$before" = "$(digest)" ] || fail "another serial number than n08's: the state changed"
# One key under two MAC addresses is one machine: rejected as one, approved as the node whose MAC address it names.
make_keys two
for i in 21 22; do enrol two "$(machine "$(mac $i)" W)"; pending "two interfaces, $i"; done
words=$(value .words)
"$orthrus" node reject --fingerprint "$words" --yes >"$work/out" 2>&1 || fail "reject both: $(cat "$work/out")"
[ "$(state_of "$(mac 21)") $(state_of "$(mac 22)")" = 'rejected rejected' ] || fail "one of two MAC addresses still waits"
"$orthrus" node add n22 --group compute --mac "$(mac 22)" >/dev/null 2>&1 || fail "node add n22"
"$orthrus" node approve n22 --fingerprint "$words" --yes >"$work/out" 2>&1 || fail "approve by the second MAC address: $(cat "$work/out")"
[ -z "$(state_of "$(mac 21)")" ] || fail "a node still waits under its other MAC address"
"$orthrus" node token n03 --json >"$work/token.json" || fail "node token n03"
"$orthrus" node token --revoke "$(jq -r '.tokens[0].id' "$work/token.json")" --yes >"$work/out" 2>&1 || fail "revoke: $(cat "$work/out")"
before=$(digest)
enrol "$mac3" "$(machine "$mac3" C)" "$(jq -r '.tokens[0].token' "$work/token.json")"; nothing_changed 403 'a token that was revoked'
api POST /v1/tokens '{"nodes":["n03"],"ttl_s":1}'; want 200 'a token for a second'
token=$(value '.tokens[0].token'); sleep 2.1
before=$(digest)
enrol "$mac3" "$(machine "$mac3" C)" "$token"; nothing_changed 403 'a token that is over'
api POST /v1/tokens '{"nodes":["n03"],"ttl_s":3601}'; nothing_changed 400 'a token for longer than an hour'

# A machine that makes a new key each time it asks is told as one event.
for i in 1 2 3; do make_keys t$i; enrol t$i "$(machine "$(mac 7)" T)"; done
n=$("$orthrus" event list --json | grep -c "node-pending.*$(mac 7)")
[ "$n" = 1 ] || fail "$n events of one machine with three keys"

# A machine that nobody knew becomes a new node, with its MAC address and the next free one.
enrol "$(mac 9)" "$(machine "$(mac 9)" N)"; pending 'a stranger'
"$orthrus" node approve n09 --fingerprint "$(value .words)" --yes >"$work/out" 2>&1; rc=$?
[ $rc != 0 ] && grep -q -- '--group' "$work/out" || fail "a new node without a group: $(cat "$work/out")"
"$orthrus" node approve n09 --fingerprint "$(words_of "$(mac 9)")" --group compute --yes >"$work/out" 2>&1 || fail "a new node: $(cat "$work/out")"
enrol "$(mac 9)" ''; approved 'the new node' n09
[ "$(node_value n09 '.macs[0]')" = "$(mac 9)" ] || fail "n09: $(node_value n09 .)"

# Removed: its key is nobody's at once, on a connection that is open too, and its certificate is worth nothing.
hello "$(mac 9)" "$(machine "$(mac 9)" N)"; want 200 'hello of n09'
( body=$work/poll-body; imager "$(mac 9)" GET '/v1/imager/orders?wait=30'; echo "$status" >"$work/poll" ) &
poll=$!
sleep 0.3
"$orthrus" node remove n09 --yes >"$work/out" 2>&1 || fail "remove: $(cat "$work/out")"
wait $poll
[ "$(cat "$work/poll")" = 403 ] || fail "a removed node that waits for orders is told $(cat "$work/poll")"
before=$(digest)
imager "$(mac 9)" GET /v1/imager/orders; nothing_changed 403 'a removed node'
imager "$(mac 9)" POST /v1/imager/hello "$(machine "$(mac 9)" N)"; nothing_changed 403 'a removed node that says hello'
enrol "$(mac 9)" ''; nothing_changed 403 'the key of a removed node'
pack=$(basename "$root"/srv/orthrus/store/packs/*.pack)
imager "$(mac 9)" GET "/v1/packs/$pack"; nothing_changed 403 'a chunk for a removed node'
imager '' GET "/v1/packs/$pack"; nothing_changed 403 'a chunk for anybody'
imager "$mac1" GET "/v1/packs/$pack"; want 200 'a chunk for a node'
# The documents of its own image, and of no other.
tiny_image private
ref() { "$orthrus" image list --json | jq -r --arg n "$1/" '.images[].ref | select(startswith($n))'; }
imager "$mac1" GET "/v1/images/$(ref compute)/manifest.json"; want 200 "a node's image"
before=$(digest)
imager "$mac1" GET "/v1/images/$(ref private)/manifest.json"; nothing_changed 403 'the image of others'
[ "$failed" = 0 ] && echo ok
exit $failed
