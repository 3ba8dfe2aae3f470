#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What must fail closed, row by row as docs/trust.md lists it: each is refused and says why, the state is as it was, and the refusal
# stands in the audit log. The daemon, the commands and the readers are the real ones; machines are curl and openssl.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
for p in jq openssl perl python3; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
faketime=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null | head -n 1)
[ -n "$faketime" ] || { echo "needs the package faketime"; exit 77; }
if [ "${1:-}" != inside ]; then exec unshare --net --mount --propagation private bash "$0" inside; fi
ip link set lo up
# shellcheck source=tests/cli/daemon.bash
. "$TOP/tests/cli/daemon.bash"
trap 'umount -l "$root/var/log/orthrus" 2>/dev/null; cleanup' EXIT
refuse_tool=$BUILD/tests/lab/refuse_tool
[ -x "$refuse_tool" ] || { echo "needs $refuse_tool: make tests"; exit 77; }
mac() { printf '52:54:00:00:00:%02x' "$1"; }
pki=$root/var/lib/orthrus/pki
store=$root/srv/orthrus/store
log=$root/var/log/orthrus/audit.log

# --- rows
# row NAME [audit|message]: the rest up to the next row is about it. Every refusal of it is told by refused() or says(); each comes from
# an address of its own, for of one address only some refusals in a minute get a line. "message": it is not asked of the head, so no
# audit log has it; what was said is checked alone.
name="" how="" bad=0 tries=0 passed=0 number=0 before="" mark=0 from=127.0.0.1
: >"$work/ran"
fail() { echo "FAIL: ${name:-setup}: $*" >&2; failed=1 bad=1; }
audit_mark() { api GET '/v1/audit?latest=1'; jq -r '(.lines[-1] // "{\"number\":0}") | fromjson | .number' "$body"; }
refusals() { # how many refusals are in the log since the row began
    api GET "/v1/audit?since=$mark"
    jq -r --arg f "$from" '[.lines[] | fromjson | select(.phase == "refused" or .result == "refused" or .result == "failed")] |
        map(select(.from == $f or .from == "local" or .from == null)) | length' "$body"
}
end_row() {
    [ -n "$name" ] || return 0
    local n
    curl -s --unix-socket "$sock" http://x/v1/events >"$work/events" 2>/dev/null
    [ "$tries" -gt 0 ] || fail "nothing was tried"
    if [ -n "$daemon_pid" ]; then
        [ "$before" = "$(digest)" ] || fail "the state changed: $(jq -c '[.events[-3:][].text]' "$work/events")"
        if [ "$how" = audit ]; then
            n=$(refusals)
            [ "$n" -ge "$tries" ] || fail "$tries were refused, $n are in the audit log: $("$orthrus" audit show --limit 5)"
        fi
    fi
    echo "$name" >>"$work/ran"
    [ $bad != 0 ] || passed=$((passed + 1))
    name=""
}
row() {
    end_row
    name=$1 how=${2:-audit} bad=0 tries=0 number=$((number + 1)) from=127.0.1.$((number + 1))
    [ -z "$daemon_pid" ] || { before=$(digest); mark=$(audit_mark); }
}
again() { before=$(digest); } # what came before in this row was its preparation
# Requests over TLS come from the row's address.
request() {
    local out=()
    case "$*" in *https://*) out=(--interface "$from") ;; esac
    status=$(curl -sS --max-time 70 -o "$body" -w '%{http_code}' "${out[@]}" "$@" 2>"$work/curl-error") || status=none
}
refused() { # STATUS TEXT WHAT: the last request was, with these words
    tries=$((tries + 1))
    want "$1" "$3"
    body_has "$2" "$3"
}
says() { # CODE TEXT WORDS...: the command refuses
    local code=$1 text=$2 rc
    shift 2
    tries=$((tries + 1))
    "$@" >"$work/out" 2>&1 </dev/null
    rc=$?
    [ $rc = "$code" ] || fail "$*: exit $rc, not $code: $(tail -n 5 "$work/out")"
    grep -qF -- "$text" "$work/out" || fail "$*: '$text' is not said: $(tail -n 5 "$work/out")"
}
pending() { # the last request made it wait, and gave it nothing
    want 200 "$1"
    [ "$(value .state)" = pending ] && ! grep -q CERTIFICATE "$body" || fail "$1: $(cat "$body")"
}
calls='GET /v1/imager/orders
GET /v1/secrets
POST /v1/imager/hello
POST /v1/hostkey
GET /v1/packs/0000000000000000000000000000000000000000000000000000000000000000.pack'
no_door() { # MACHINE WHAT: nothing that is a node's opens to it
    local method path
    while read -r method path; do
        if [ "$method" = POST ]; then imager "$1" POST "$path" '{}'; else imager "$1" GET "$path"; fi
        refused 403 '' "$2: $method $path"
    done <<<"$calls"
}
flip() { # FILE OFFSET: one bit
    perl -e 'open F, "+<", $ARGV[0] or die; seek F, $ARGV[1], 0; read F, $b, 1; seek F, $ARGV[1], 0; print F chr(ord($b) ^ 4)' "$1" "$2"
}
with_clock() { env LD_PRELOAD="$faketime" FAKETIME="$1" FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1 "${@:2}"; }
forged() { # MACHINE NODE EXTRA...: a certificate of the cluster's authority for a new key of its own
    local at
    mkdir -p "$machines"
    at=$(at_of "$1")
    [ -e "$at.key" ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$at.key" 2>/dev/null
    openssl req -new -key "$at.key" -subj "/O=orthrus/OU=node/CN=$2" -out "$work/forged.csr" 2>/dev/null &&
        openssl x509 -req -in "$work/forged.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -set_serial 99 -out "$at.crt" \
            -extfile <(echo extendedKeyUsage=clientAuth) "${@:3}" 2>/dev/null || die "openssl"
}

# The tiny image has no kernel: the daemon says once of each image that it can make no imager, some time after it looked.
payload_failures() { curl -s --unix-socket "$sock" http://x/v1/events | jq '[.events[] | select(.kind == "payload-failed")] | length'; }
settled() { # COUNT: until there are more than these
    for _ in $(seq 300); do
        [ "$(payload_failures)" -gt "$1" ] && return 0
        sleep 0.1
    done
    die "the daemon does not look at the image"
}
restart() { # WRAPPER...
    start_daemon "$@"
    port=$(tls_port)
}

# --- a cluster with a node that is known, approved and installed nothing yet
start_daemon
make_site
"$orthrus" site apply --yes >/dev/null || die "site apply"
tiny_image compute
ref=$("$orthrus" image list --json | jq -r '.images[0].ref')
"$orthrus" node add 'n[01-06]' --mac "$(mac 1),$(mac 2),$(mac 3),$(mac 4),$(mac 5),$(mac 6)" --group compute >/dev/null || die "node add"
port=$(tls_port)
settle
enrol "$(mac 1)" "$(machine "$(mac 1)" A)"
"$orthrus" node approve n01 --yes >/dev/null || die "approve"
cp "$(at_of "$(mac 1)").enrol" "$work/enrol-of-n01"
hello "$(mac 1)" "$(machine "$(mac 1)" A)"
want 200 hello
printf 'value-of-a-secret' >"$work/secret"
"$orthrus" secret set mine "$work/secret" --path /etc/mine >/dev/null || die "secret set"
make_keys wrong

# --- keys of machines
row "a known MAC address with another key"
enrol wrong "$(machine "$(mac 1)" A)"
again
enrol wrong "$(machine "$(mac 1)" A)"
pending "asked again"
no_door '' "without a certificate"
openssl req -x509 -key "$(at_of wrong).key" -subj /O=orthrus/OU=node/CN=n01 -days 1 -out "$(at_of wrong).crt" 2>/dev/null
no_door wrong "with a certificate of its own making"
row "a node's name with a key that is not its own"
forged stolen n01 -days 1
no_door stolen "n01's name"
row "a certificate that is over"
cp "$(at_of "$(mac 1)").key" "$(at_of over).key"
forged over n01 -days -1
no_door over "yesterday's"
row "a certificate that begins tomorrow"
cp "$(at_of "$(mac 1)").key" "$(at_of tomorrow).key"
# openssl(1) of Debian 12 can't say from when: its clock does.
openssl req -new -key "$(at_of tomorrow).key" -subj /O=orthrus/OU=node/CN=n01 -out "$work/t.csr" 2>/dev/null
with_clock '+2d' openssl x509 -req -in "$work/t.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -set_serial 98 -days 2 -out "$(at_of tomorrow).crt" \
    -extfile <(echo extendedKeyUsage=clientAuth) 2>/dev/null || die openssl
no_door tomorrow "tomorrow's"
row "a known key with another sealing key"
cp "$(at_of "$(mac 1)").seal" "$work/seal"
openssl rand -hex 32 >"$(at_of "$(mac 1)").seal"
enrol "$(mac 1)" ''
refused 403 'sealing key' 'another sealing key'
cp "$work/seal" "$(at_of "$(mac 1)").seal"
row "a request that its key did not sign"
make_keys "$(mac 1)"
jq -c '.csr |= sub("M"; "N")' "$work/enrol-of-n01" >"$work/changed"
imager '' POST /v1/enrol @"$work/changed"
refused 400 '' 'a changed request'

# --- tokens
row "a token that is over"
api POST /v1/tokens '{"nodes":["n02"],"ttl_s":1}'
want 200 'a token for a second'
over=$(value '.tokens[0].token')
while sleep 0.2; do api GET /v1/tokens; [ "$(value '.tokens[0].until // "" | . < (now | todate)')" = true ] && break; [ $((SECONDS)) -lt 300 ] || break; done
sleep 1.1
again
enrol "$(mac 2)" "$(machine "$(mac 2)" B)" "$over"
refused 403 'not, or no longer, good' 'a token that is over'
row "a token that was used"
used=$("$orthrus" node token n02 --json | jq -r '.tokens[0].token')
enrol "$(mac 2)" "$(machine "$(mac 2)" B)" "$used"
want 200 'the first time'
again
make_keys second
enrol second "$(machine "$(mac 2)" B)" "$used"
refused 403 'not, or no longer, good' 'a token that was used'
row "a token for another node"
token=$("$orthrus" node token n03 --json | jq -r '.tokens[0].token')
again
make_keys other
enrol other "$(machine "$(mac 4)" D)" "$token"
refused 403 '' "n03's token with n04's MAC address"
row "one token, eight machines at once"
racers=""
for i in 1 2 3 4 5 6 7 8; do
    make_keys r$i
    ( body=$work/body-$i; enrol r$i "$(machine "$(mac 3)" C)" "$token"; echo "$status $(value .state)" >"$work/race-$i" ) &
    racers="$racers $!"
done
# shellcheck disable=SC2086
wait $racers
tries=7
[ "$(cat "$work"/race-* | sort | uniq -c | tr -s ' \n' ' ')" = ' 1 200 approved 7 403 null ' ] || fail "exactly one wins, but: $(cat "$work"/race-*)"
again
row "a token that was guessed, cut or revoked"
token=$("$orthrus" node token n04 --json | tee "$work/token" | jq -r '.tokens[0].token')
"$orthrus" node token --revoke "$(jq -r '.tokens[0].id' "$work/token")" --yes >/dev/null 2>&1
again
for t in 00000000000000000000000000000000 "${token%?}" "${token}0" "$token"; do
    enrol "$(mac 4)" "$(machine "$(mac 4)" D)" "$t"
    refused 403 'not, or no longer, good' "the token $t"
done

# --- replays
row "a request to enrol that was heard, said again by somebody else"
imager '' POST /v1/enrol @"$work/enrol-of-n01"
want 200 'said again'
value .certificate >"$work/heard.crt"
# It is for the key that asked first: whoever says it again has no use of it.
cp "$(at_of wrong).key" "$machines/heard.key" && cp "$work/heard.crt" "$machines/heard.crt"
imager heard GET /v1/imager/orders
[ "$status" = none ] || fail "a certificate without its key opens the door: $status"
imager '' GET /v1/imager/orders
refused 403 '' 'without the key'
row "an event of an installation that is over"
shown_of n01
api POST /v1/install "{\"nodes\":[\"n01\"],\"digests\":$shown}"
want 200 "the order of n01"
imager "$(mac 1)" GET /v1/imager/orders
first=$(value .order.install_id)
imager "$(mac 1)" POST /v1/imager/event "{\"install_id\":\"$first\",\"step\":\"plan\",\"event\":\"begin\",\"seq\":1}"
want 200 'an event'
again
imager "$(mac 1)" POST /v1/imager/event "{\"install_id\":\"$first\",\"step\":\"plan\",\"event\":\"begin\",\"seq\":1}"
want 200 'the same event again'
[ "$before" = "$(digest)" ] || fail "an event that is said again changes the state"
"$orthrus" node boot n01 --disk --yes >"$work/out" 2>&1 || fail "boot --disk: $(cat "$work/out")"
shown_of n01
api POST /v1/install "{\"nodes\":[\"n01\"],\"digests\":$shown}"
want 200 "another order of n01"
again
imager "$(mac 1)" POST /v1/imager/event "{\"install_id\":\"$first\",\"step\":\"restore\",\"event\":\"failed\",\"seq\":9}"
refused 409 '' 'an event of the order before'
imager "$(mac 1)" POST /v1/imager/done "{\"install_id\":\"$first\"}"
refused 409 '' 'the end of the order before'
"$orthrus" node boot n01 --disk --yes >/dev/null 2>&1
again

# --- names
# Everything that a name could be a command, an option, a path, a format or a line of a file by.
# shellcheck disable=SC2016
names=('$(touch /tmp/x)' 'a;b' $'a\nb' '%n' '-a' "$(printf 'a%.0s' {1..256})" '../a' 'a b')
row "a node's name that is more than a name: node add"
for bad_name in "${names[@]}"; do
    api POST /v1/nodes "$(jq -cn --arg n "$bad_name" --arg m "$(mac 40)" '{nodes:[{name:$n, group:"compute", macs:[$m]}]}')"
    refused 400 '' "node add '$bad_name'"
done
row "a node's name that is more than a name: node approve"
enrol "$(mac 41)" "$(machine "$(mac 41)" Q)"
fp=$(value .fingerprint)
again
for bad_name in "${names[@]}"; do
    api POST /v1/approve "$(jq -cn --arg n "$bad_name" --arg f "$fp" '{items:[{fingerprint:$f, node:$n, group:"compute"}]}')"
    refused 400 '' "approve '$bad_name'"
done
row "a node's name that is more than a name: node import"
for bad_name in "${names[@]}"; do
    api POST /v1/import "$(jq -cn --arg n "$bad_name" --arg m "$(mac 40)" '{rows:[{line:2, name:$n, group:"compute", macs:[$m]}]}')"
    refused 400 '' "import '$bad_name'"
done
row "a name that is more than a name: node token, install, boot, power"
for bad_name in "${names[@]}"; do
    for what in tokens install boot power; do
        case $what in
        tokens) api POST /v1/tokens "$(jq -cn --arg n "$bad_name" '{nodes:[$n]}')" ;;
        install) api POST /v1/install "$(jq -cn --arg n "$bad_name" '{nodes:[$n]}')" ;;
        boot) api POST /v1/boot "$(jq -cn --arg n "$bad_name" '{nodes:[$n], target:"net"}')" ;;
        power) api POST /v1/power "$(jq -cn --arg n "$bad_name" '{nodes:[$n], act:"off"}')" ;;
        esac
        case $status in 400 | 404) tries=$((tries + 1)) ;; *) fail "$what '$bad_name': $status" ;; esac
    done
done
row "a name that is more than a name: site.json"
site=$(curl -s --unix-socket "$sock" http://x/v1/site)
for bad_name in "${names[@]}"; do
    for where in .cluster .domain '.heads[0].name' '.groups[0].name' '.networks[0].name' '.images[0].name'; do
        jq -e "$where" <<<"$site" >/dev/null || continue
        api PUT /v1/site "$(jq -c --arg n "$bad_name" "$where = \$n" <<<"$site")"
        case $where$bad_name in
        # A cluster may be called in words: it stands in no file as a name.
        *) refused 400 '' "site.json: $where = '$bad_name'" ;;
        esac
    done
done
row "what a machine says of itself, with escapes and lines of its own" message
hostile=$(machine "$(mac 1)" A | jq -c '.dmi.serial = "x\u001b[31m\ny;$(id)" | .dmi.vendor = "\u202eevil" | .dmi.product = ("%n" * 64)')
imager "$(mac 1)" POST /v1/imager/hello "$hostile"
tries=1
"$orthrus" node show n01 >"$work/out" 2>&1
"$orthrus" node discover --once >>"$work/out" 2>&1
"$orthrus" event list >>"$work/out" 2>&1
LC_ALL=C grep -qP '\x1b|\xe2\x80\xae' "$work/out" && fail "an escape of a machine reaches the terminal: $(LC_ALL=C grep -aP '\x1b|\xe2\x80\xae' "$work/out" | cat -v | head -n 3)"
grep -rlaF '$(id)' "$root/srv/orthrus/tftp" "$root/run/orthrus" >/dev/null && fail "what a machine says stands in the files of network boot"
imager "$(mac 1)" POST /v1/imager/hello "$(machine "$(mac 1)" A)"
again

# --- lengths, archives, images
row "lengths that wrap: pack index, chunk table, tree, LLDP, SMBIOS" message
"$refuse_tool" lengths >"$work/lengths" || fail "refuse_tool"
grep -q '^a sound SMBIOS structure: taken$' "$work/lengths" || fail "the tool refuses what is sound"
tries=$(grep -c ': refused: ' "$work/lengths")
[ "$(grep -c ': taken$' "$work/lengths")" = 1 ] && [ "$tries" = 8 ] || fail "$(cat "$work/lengths")"
mkdir "$work/h"
perl "$TOP/tests/cli/hostile.pl" "$work/h" || die "hostile.pl"
import_rows() { # ROW CODE FILE...
    row "$1"
    local f
    for f in "${@:2}"; do
        tries=$((tries + 1))
        "$orthrus" image import "$work/h/$f" evil >"$work/out" 2>&1 </dev/null
        [ $? = 3 ] || fail "$f: $(cat "$work/out")"
    done
    [ ! -e "$store/images/evil" ] && [ -z "$(ls -A "$root/srv/orthrus/tmp")" ] || fail "something is left"
    for f in /etc/evil /tmp/evil "$work/evil" "$root/evil"; do [ ! -e "$f" ] || fail "$f is there"; done
}
import_rows "an archive that climbs with '..'" dotdot.tar dotdot-inside.tar dotdot-pax.tar dotdot.cpio
import_rows "an archive with absolute paths" absolute.tar absolute-pax.tar absolute.cpio
import_rows "an archive with a link, and then a file below or over it" symlink-parent.tar symlink-parent.cpio dir-to-symlink.tar file-to-symlink.tar
import_rows "an archive with a hard link to something outside" hardlink-dotdot.tar hardlink-absolute.tar hardlink-pax.tar hardlink-symlink-parent.tar
import_rows "an archive with a device" chardev.tar blockdev.tar chardev.cpio
import_rows "an archive whose lengths are negative or wrap" size-negative.tar size-more.tar size-pax-more.tar size-more.cpio sparse-outside.tar
row "an archive of a million entries"
perl -e 'my $n = 1000001; for my $i (1 .. $n) { my $h = pack("a100a8a8a8a12a12a8aa100a6a2x247", "f$i", "0000644\0", "0000000\0", "0000000\0",
    "00000000000\0", "00000000000\0", " " x 8, "0", "", "ustar\0", "00"); substr($h, 148, 8) = sprintf("%06o\0 ", unpack("%32C*", $h)); print $h }
    print "\0" x 1024' | gzip -1 >"$work/h/many.tar.gz"
says 3 'more than 1000000 entries' "$orthrus" image import "$work/h/many.tar.gz" evil --max-entries 1000000
row "an archive that becomes a thousand times larger"
mkdir "$work/bomb" && truncate -s 200M "$work/bomb/zeros"
tar -C "$work/bomb" -cf - . | zstd -q >"$work/h/bomb.tar.zst"
says 3 'larger than 100 MiB together' "$orthrus" image import "$work/h/bomb.tar.zst" evil --max-size 100M
[ ! -e "$store/images/evil" ] && [ -z "$(ls -A "$root/srv/orthrus/tmp")" ] || fail "something is left"

flipped() { # ROW FILE: one bit in the middle, at the beginning, at the end
    local size at
    row "$1"
    size=$(stat -c %s "$2")
    for at in 0 $((size / 2)) $((size - 1)); do
        flip "$2" "$at"
        tries=$((tries + 1))
        "$orthrus" image export "$ref" "$work/exported.tar" >"$work/out" 2>&1 </dev/null
        [ $? = 1 ] || fail "byte $at of $2: $(cat "$work/out")"
        [ ! -e "$work/exported.tar" ] || { fail "something was exported"; rm -f "$work/exported.tar"; }
        "$orthrus" image verify "$ref" >/dev/null 2>&1 && fail "byte $at of $2: image verify finds nothing"
        flip "$2" "$at"
    done
}
pack=$(ls "$store"/packs/*.pack)
flipped "a bit of a manifest" "$store/images/$ref/manifest.json"
flipped "a bit of a signature" "$store/images/$ref/manifest.sig"
flipped "a bit of a tree" "$store/images/$ref/tree.zst"
flipped "a bit of a chunk table" "$store/images/$ref/chunks.bin"
flipped "a bit of a pack" "$pack"
row "an image with the manifest of an older one"
older=$work/older/${ref#*/}
mkdir "$work/older"
cp -r "$store/images/$ref" "$older"
echo more >"$work/tree/etc/more"
failures=$(payload_failures)
"$orthrus" image build compute --from "$work/tree" >/dev/null 2>&1 || die "image build"
settled "$failures"
newer=$("$orthrus" image list --json | jq -r '.images | max_by(.sequence) | .ref')
cp -r "$store/images/$newer" "$work/newer"
cp "$older"/* "$store/images/$newer/"
again
says 3 'put in the place of' "$orthrus" image export "$newer" "$work/exported.tar"
[ ! -e "$work/exported.tar" ] || { fail "the older image is exported under the newer one's name"; rm "$work/exported.tar"; }
"$orthrus" image verify "$newer" >/dev/null 2>&1 && fail "image verify takes the older image for $newer"
cp "$work/newer"/* "$store/images/$newer/"
row "an older signed image, at a machine that must not go back" message
"$refuse_tool" image "$older" compute "$pki/sign.pub" "$(cat "$pki/cluster-id")" 1 | grep -q 'image: taken' || fail "the tool refuses what is good"
tries=1
"$refuse_tool" image "$older" compute "$pki/sign.pub" "$(cat "$pki/cluster-id")" 2 | grep -q 'refused: the image has number 1, older than' || fail "an older one is taken"
(
    export ORTHRUS_ROOT=$work/another
    "$orthrus" site init --cluster another --interface eth0 --head-name head1 --subnet 10.78.0.0/24 --head-address 10.78.0.1
    "$BUILD/orthrusd" --root "$ORTHRUS_ROOT" --no-dnsmasq --listen 127.0.0.1:0 --netboot-dir "$TOP/netboot/initramfs" >"$work/log2" 2>&1 </dev/null &
    pid=$!
    for _ in $(seq 600); do [ -S "$ORTHRUS_ROOT/run/orthrus/api.sock" ] && break; sleep 0.1; done
    "$orthrus" site apply --yes && "$orthrus" image build elsewhere --from "$work/tree"
    kill $pid
    wait $pid
) >"$work/out" 2>&1
foreign=$(ORTHRUS_ROOT=$work/another "$orthrus" image list --json | jq -r '.images[0].ref')
[ -d "$work/another/srv/orthrus/store/images/$foreign" ] || die "no image of another cluster: $(cat "$work/out" "$work/log2")"
row "an image that another cluster's key signed"
mkdir -p "$store/images/${foreign%/*}"
cp -r "$work/another/srv/orthrus/store/images/$foreign" "$store/images/$foreign"
says 1 'signature' "$orthrus" image export "$foreign" "$work/exported.tar"
rm -r "${store:?}/images/$foreign"
row "an image of another cluster, by a key that is trusted" message
tries=1
"$refuse_tool" image "$older" compute "$pki/sign.pub" "$(cat "$work/another/var/lib/orthrus/pki/cluster-id")" 1 |
    grep -q 'refused: the image belongs to cluster' || fail "it is taken"
row "a head of another cluster" message
tries=1
request --cacert "$work/another/var/lib/orthrus/pki/ca.crt" -X POST "https://127.0.0.1:$port/v1/enrol"
[ "$status" = none ] && grep -q 'SSL' "$work/curl-error" || fail "a machine of another cluster talks to this head: $status $(cat "$work/curl-error")"

# --- a removed node
row "a node that was removed, on a connection that is open and by a session that is resumed"
tls() { openssl s_client -connect "127.0.0.1:$port" -bind "$from:0" -CAfile "$pki/ca.crt" -cert "$(at_of "$(mac 1)").crt" -key "$(at_of "$(mac 1)").key" -quiet "$@" 2>/dev/null; }
ask='GET /v1/secrets HTTP/1.1\r\nHost: x\r\n'
for v in 2 3; do
    printf '%b\r\n' "${ask}Connection: close\r\n" | tls "-tls1_$v" -sess_out "$work/session-$v" -ign_eof >"$work/with" || :
    grep -q '200 OK' "$work/with" || fail "the node can't ask over TLS 1.$v while it is one: $(head -n 1 "$work/with")"
done
mkfifo "$work/in"
tls -ign_eof <"$work/in" >"$work/open" &
open=$!
exec 8>"$work/in"
printf '%b\r\n' "$ask" >&8
for _ in $(seq 100); do grep -q '200 OK' "$work/open" && break; sleep 0.1; done
grep -q '200 OK' "$work/open" || fail "the open connection does not answer"
"$orthrus" node remove n01 --yes >"$work/out" 2>&1 || fail "remove: $(cat "$work/out")"
again
printf '%b\r\n' "$ask" >&8
for _ in $(seq 100); do grep -q '403 ' "$work/open" && break; sleep 0.1; done
grep -q '403 ' "$work/open" || fail "the open connection goes on: $(grep HTTP "$work/open")"
exec 8>&-
kill $open 2>/dev/null
wait $open 2>/dev/null
tries=1
for v in 2 3; do
    [ -e "$work/session-$v" ] || continue # the head gives out nothing to go on with
    tries=$((tries + 1))
    printf '%b\r\n' "${ask}Connection: close\r\n" | tls "-tls1_$v" -sess_in "$work/session-$v" -ign_eof >"$work/resumed" || :
    grep -q '403 ' "$work/resumed" || fail "a TLS 1.$v session that is resumed: $(head -n 1 "$work/resumed")"
done
no_door "$(mac 1)" "a new connection"
imager '' POST /v1/enrol "$(jq -c 'del(.machine)' "$work/enrol-of-n01")"
refused 403 'no node has this key' 'renewed'

# --- a backup that was stolen
row "a state that was stolen: sealed values, and not the keys" message
stop_daemon TERM
tries=1
grep -rqaF value-of-a-secret "$root/var/lib/orthrus/raft" && fail "a secret is in the state"
grep -rqaF "$(printf 'value-of-a-secret' | base64)" "$root/var/lib/orthrus/raft" && fail "a secret is in the state"
grep -rqaF "$(sed -n 2p "$pki/ca.key")" "$root/var/lib/orthrus/raft" && fail "the authority's key is in the state"
cp -r "$root" "$work/stolen"
rm -r "$work/stolen/var/lib/orthrus/pki" "$work/stolen/run"
says 3 "the cluster's keys are missing" "$BUILD/orthrusd" --root "$work/stolen" --no-dnsmasq --listen 127.0.0.1:0
[ ! -e "$work/stolen/var/lib/orthrus/pki" ] || fail "new keys were made for a state that has nodes"
end_row

# --- keys of the head
restart
was=$(digest)
broken() { # ROW FILE: missing, empty, short, readable by others: the daemon does not start, says the file, and makes no other
    local way file=$pki/$2
    row "$1"
    stop_daemon TERM
    cp -p "$file" "$work/key"
    for way in missing empty short readable; do
        case $way in
        missing) rm "$file" ;;
        empty) : >"$file" ;;
        short) head -c 20 "$work/key" >"$file" ;;
        readable) chmod 644 "$file" ;;
        esac
        tries=$((tries + 1))
        timeout 30 "$BUILD/orthrusd" --root "$root" --no-dnsmasq --listen 127.0.0.1:0 --netboot-dir "$TOP/netboot/initramfs" >"$work/out" 2>&1 </dev/null
        rc=$?
        [ $rc = 3 ] || fail "$way: exit $rc: $(tail -n 3 "$work/out")"
        grep -qF "$file" "$work/out" || fail "$way: the file is not named: $(tail -n 3 "$work/out")"
        [ $way != missing ] || [ ! -e "$file" ] || fail "another key was made"
        cp -p "$work/key" "$file"
    done
    restart
    [ "$was" = "$(digest)" ] || fail "the state changed"
    before=$was
}
broken "a broken ca.key: missing, empty, short, readable by others" ca.key
broken "a broken sign.key: missing, empty, short, readable by others" sign.key
broken "a broken server.key: missing, empty, short, readable by others" server.key
broken "a broken secrets.key: missing, empty, short, readable by others" secrets.key
broken "a broken ssh/host_ca: missing, empty, short, readable by others" ssh/host_ca
broken "a broken ssh/user_ca: missing, empty, short, readable by others" ssh/user_ca

# --- clocks
at_1970=(env LD_PRELOAD="$faketime" FAKETIME='@1970-01-01 01:00:00' FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1)
row "a head whose clock is at 1970"
token=$("$orthrus" node token n05 --json | jq -r '.tokens[0].token')
stop_daemon TERM
restart "${at_1970[@]}"
again
enrol "$(mac 2)" ''
refused 403 "this head's clock is wrong" 'a certificate'
enrol "$(mac 5)" "$(machine "$(mac 5)" E)" "$token"
refused 403 'not, or no longer, good' 'a token that would be good for ever'
imager "$(mac 2)" GET /v1/imager/orders
refused 403 '' 'a certificate that begins in 56 years'
stop_daemon TERM
row "a machine whose clock is at 1970, and a head that is not its own" message
restart
again
tries=1
with_clock '@1970-01-01 01:00:00' curl -sS -o /dev/null --cacert "$work/another/var/lib/orthrus/pki/ca.crt" "https://127.0.0.1:$port/v1/status" 2>"$work/curl-error"
[ $? = 60 ] || fail "another cluster's head is believed: $(cat "$work/curl-error")"

# --- a log that can't be written
row "a full audit disk"
stop_daemon TERM
cp -a "$root/var/log/orthrus" "$work/kept"
mount -t tmpfs -o size=1m none "$root/var/log/orthrus" || die "no tmpfs can be mounted"
cp -a "$work/kept/." "$root/var/log/orthrus/"
restart
head -c 2M /dev/zero >"$root/var/log/orthrus/fill" 2>/dev/null
for i in $(seq 60); do api PATCH /v1/nodes/n05 "{\"ipv4\":\"10.77.0.$((i + 100))\"}"; [ "$status" = 503 ] && break; done
again
for act in 'DELETE /v1/nodes/n05' 'PATCH /v1/nodes/n05 {"serial":"x"}' 'POST /v1/tokens {"nodes":["n05"]}'; do
    # shellcheck disable=SC2086
    api $act
    refused 503 "can't be written into the audit log" "$act on a full disk"
done
enrol "$(mac 2)" ''
refused 503 "can't be written into the audit log" 'a certificate on a full disk'
imager '' GET /v1/nodes
want 403 'a refusal that can not be written'
rm "$root/var/log/orthrus/fill"
# With room again what was refused meanwhile is done again, and is written down: that the log is on is the sign.
api PATCH /v1/nodes/n05 '{"serial":"room"}'
want 200 'with room again'
again
how=message # looked at above: there was no room for their lines
end_row

"$orthrus" audit verify >"$work/out" 2>&1 || { failed=1; echo "FAIL: audit verify: $(cat "$work/out")" >&2; }
# docs/trust.md lists these rows, in this order.
sed -n '/^## What fails closed/,$s/^| \([^|]*[^ |]\) *|.*/\1/p' "$TOP/docs/trust.md" | grep -vx -e 'what is tried' -e '---' >"$work/listed"
diff "$work/listed" "$work/ran" >"$work/out" || { failed=1; echo "FAIL: docs/trust.md (<) and what ran (>): $(cat "$work/out")" >&2; }
rows=$(wc -l <"$work/ran")
echo "RESULT fail_closed rows=$rows passed=$passed"
[ "$passed" = "$rows" ] || failed=1
exit $failed
