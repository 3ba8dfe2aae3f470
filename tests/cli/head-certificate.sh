#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# An administrator's certificate: made on the head, good over TLS from elsewhere; another authority's, or none, is not.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
out=$work/anna

# remote CODE DIR NAME WORDS...: from another machine, which has DIR and no head's files
remote() {
    local code=$1 dir=$2 name=$3 rc
    shift 3
    ORTHRUS_ROOT=$work/elsewhere "$orthrus" --api "https://127.0.0.1:$port" --ca "$out/ca.crt" --cert "$dir/$name.crt" --key "$dir/$name.key" "$@" \
        >"$work/out" 2>"$work/err" </dev/null
    rc=$?
    [ $rc = "$code" ] || fail "orthrus --api ($name) $*: exit $rc, not $code: $(cat "$work/out" "$work/err")"
}

# Before there is an authority; and words that make no sense.
run 1 head certificate anna --out "$out"
says "there is no certificate authority yet: $root/var/lib/orthrus/pki does not exist"
says 'orthrus site apply'
run 2 head certificate --out "$out"
run 2 head certificate anna
says 'needs --out DIR'
run 2 head certificate anna --out "$out" --api https://127.0.0.1:8443
says 'run it on the head itself'
[ ! -e "$out" ] || fail "a refused command made $out"

start_daemon
make_site --trust-mac
run 0 site apply
port=$(tls_port)
run 0 node add n01 --mac 52:54:00:00:00:01 --group compute

for name in ../anna 'an na' ca -- ''; do run 2 head certificate --out "$out" -- "$name"; done
[ ! -e "$out" ] || fail "a bad name made $out"

# --plan says what would be, and makes nothing.
run 0 head certificate anna --out "$out" --plan
says "make the private key $out/anna.key"
run 0 head certificate anna --out "$out" --plan --json
[ "$(jq -r '[.steps[].name] | join(" ")' "$work/out")" = 'directory key certificate ca' ] || fail "--plan --json: $(cat "$work/out")"
[ ! -e "$out" ] || fail "--plan made $out"

# Made: only its owner reads the key; the words shown to use it are right but for the port, which the kernel chose here.
run 0 head certificate anna --out "$out"
says "orthrus --api https://10.77.0.1:8443 --ca $out/ca.crt --cert $out/anna.crt --key $out/anna.key node list"
says "until $(date -u -d '+365 days' +%Y-%m-%d)T"
[ "$(stat -c %a "$out" "$out/anna.key" "$out/anna.crt" | tr '\n' ' ')" = '700 600 644 ' ] || fail "modes: $(stat -c '%n %a' "$out" "$out"/*)"
[ "$(ls "$out" | tr '\n' ' ')" = 'anna.crt anna.key ca.crt ' ] || fail "files: $(ls "$out")"
cmp -s "$out/ca.crt" "$root/var/lib/orthrus/pki/ca.crt" || fail "ca.crt is not the authority's"
remote 0 "$out" anna node list
grep -q '^n01 ' "$work/out" || fail "node list from elsewhere: $(cat "$work/out")"
remote 0 "$out" anna node set n01 --serial ABC
[ "$(node_value n01 .serial)" = ABC ] || fail "a change from elsewhere was not made"

# A second one beside it; nothing is ever written over.
run 0 head certificate bert --out "$out" --json
[ "$(jq -r '.name + " " + .key + " " + .certificate + " " + .ca + " " + .url' "$work/out")" = \
    "bert $out/bert.key $out/bert.crt $out/ca.crt https://10.77.0.1:8443" ] || fail "--json: $(cat "$work/out")"
remote 0 "$out" bert node list
sum=$(cat "$out"/* | sha256sum)
run 1 head certificate anna --out "$out"
says "$out/anna.key is there already, and is not replaced"
run 1 head certificate anna --out "$out" --plan
rm "$out/bert.key"
run 1 head certificate bert --out "$out"
says "$out/bert.crt is there already"
[ ! -e "$out/bert.key" ] || fail "half a certificate was made"
run 0 head certificate carl --out "$out"
rm "$out/carl.crt" "$out/carl.key"

# Where nothing can be written.
echo file >"$work/file"
run 2 head certificate anna --out "$work/file"
says "--out $work/file: it is a file"
run 1 head certificate anna --out "$work/file/below"
says "--out $work/file/below"
says 'name a directory that may be written to'
run 1 head certificate anna --out /proc/here
says 'create directory /proc/here'
mkdir -p "$work/foreign" && echo another >"$work/foreign/ca.crt"
run 1 head certificate anna --out "$work/foreign"
says "another cluster's authority"
[ "$(ls "$work/foreign")" = ca.crt ] || fail "a refused command wrote into $work/foreign"

# Another cluster's certificate, of the same name, is no administrator's here; nor is none; nor is that of the server.
(
    export ORTHRUS_ROOT=$work/other-root
    "$orthrus" site init --interface eth0 --head-name head1 --subnet 10.77.0.0/24 --head-address 10.77.0.1 >/dev/null
    "$BUILD/orthrusd" --root "$ORTHRUS_ROOT" --no-dnsmasq --listen 127.0.0.1:0 --netboot-dir "$TOP/netboot/initramfs" >"$work/log2" 2>&1 &
    pid=$!
    for _ in $(seq 600); do [ -S "$ORTHRUS_ROOT/run/orthrus/api.sock" ] && break; sleep 0.1; done
    "$orthrus" site apply >/dev/null && "$orthrus" head certificate anna --out "$work/other" >/dev/null
    kill $pid
    wait $pid
) || die "the other cluster: $(cat "$work/log2")"
before=$(digest)
remote 3 "$work/other" anna node list
says 'administrators only'
remote 3 "$work/other" anna node remove n01 --yes
remote 3 "$root/var/lib/orthrus/pki" server node list
ORTHRUS_ROOT=$work/elsewhere "$orthrus" --api "https://127.0.0.1:$port" --ca "$out/ca.crt" node list >"$work/out" 2>"$work/err"
[ $? = 3 ] || fail "no certificate: $(cat "$work/out" "$work/err")"
# And this machine trusts no head of another cluster.
ORTHRUS_ROOT=$work/elsewhere "$orthrus" --api "https://127.0.0.1:$port" --ca "$work/other/ca.crt" --cert "$out/anna.crt" --key "$out/anna.key" node list \
    >"$work/out" 2>"$work/err"
[ $? = 1 ] || fail "a head of another CA: $(cat "$work/out" "$work/err")"
says "trusts only the CA in $work/other/ca.crt"
[ "$before" = "$(digest)" ] || fail "somebody who is no administrator changed the state"

# An authority that is damaged says so; nothing is left behind.
mv "$root/var/lib/orthrus/pki/ca.key" "$work/ca.key"
run 3 head certificate dora --out "$out"
says 'ca.key is missing'
[ ! -e "$out/dora.key" ] && [ ! -e "$out/dora.crt" ] || fail "a failed command left $(ls "$out")"
mv "$work/ca.key" "$root/var/lib/orthrus/pki/ca.key"

exit $failed
