#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Deleting images by the daemon: whoever needs one is named, no order comes in between, nobody who reads is cut off, a crash loses nothing.
set -u
. "$TOP/tests/cli/daemon.bash"
mac1=52:54:00:00:00:01
store=$root/srv/orthrus/store

nodes() { curl -s --unix-socket "$sock" http://x/v1/nodes; }
refs() { "$orthrus" image list --json | jq -r '.images[].ref'; }
# image NAME: one more, its content new; sets $ref
image() {
    mkdir -p "$work/tree/etc" && head -c 200000 /dev/urandom >"$work/tree/etc/data"
    "$orthrus" image build "$1" --from "$work/tree" --json >"$work/built" 2>"$work/err" || die "image build $1: $(cat "$work/built" "$work/err")"
    ref=$(jq -r .image "$work/built")
}
# refused REF TEXT...: by plan and for real, and it stays
refused() {
    local one=$1 text
    shift
    before=$(nodes)
    for query in '?plan=1' ''; do
        api DELETE "/v1/images/$one$query"; want 403 "delete $one$query: $1"
        for text in "$@"; do body_has "$text" "delete $one$query"; done
    done
    [ "$before" = "$(nodes)" ] || fail "a refusal changed the state: $1"
    refs | grep -qxF "$one" || fail "$one is gone though refused: $1"
}
event() { # TOKEN INSTALL_ID SEQ STEP EVENT
    imager "$1" POST /v1/imager/event "$(jq -cn --arg i "$2" --argjson q "$3" --arg s "$4" --arg e "$5" '{install_id:$i, seq:$q, step:$s, event:$e}')"
}
order() { # NODE REF: of a node whose disks are known; sets $id
    api POST /v1/install "{\"nodes\":[\"$1\"],\"plan\":true,\"image\":\"$2\"}"; want 200 "plan of $1"
    api POST /v1/install "{\"nodes\":[\"$1\"],\"image\":\"$2\",\"digests\":$(value '{(.nodes[0].name): .nodes[0].digest} | tojson')}"
    want 200 "order $2 for $1"
    id=$(value '.nodes[0].install_id')
}

start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
image compute; first=$ref
"$orthrus" node add n01 --mac $mac1 --group compute >/dev/null || die "node add n01"
"$orthrus" node add n02,n03 --mac 52:54:00:00:00:02,52:54:00:00:00:03 --group compute >/dev/null || die "node add n02"
port=$(tls_port)
settle

# Names that are none, images that are not there, callers that may not.
api DELETE /v1/images/compute/nothing; want 404 'an image that is not there'
api DELETE /v1/images/compute/.deleted-x; want 400 'a name with a dot before it'
api DELETE "/v1/images/$first?plan=maybe"; want 400 'a flag that is none'
imager '' DELETE "/v1/images/$first"; want 403 'somebody from the network'

# The last image of a name that something is installed by.
refused "$first" 'group compute installs compute' 'orthrus image build compute'
image other; other=$ref
refused "$first" 'group compute installs compute'
"$orthrus" image delete "$first" --yes >"$work/out" 2>&1
[ $? = 3 ] || fail "the refusal's exit code"
grep -q 'group compute installs compute' "$work/out" || fail "the refusal by command: $(cat "$work/out")"
image compute; second=$ref
# One that can't be read is no image to install.
mv "$store/images/$second/manifest.json" "$work/keep"
refused "$first" 'group compute installs compute'
mv "$work/keep" "$store/images/$second/manifest.json"

# Wishes: exactly this one; then by a name that no group has.
"$orthrus" node set 'n[02-03]' --image "$first" --yes >/dev/null || fail "node set"
refused "$first" 'n[02-03] are set to it' 'orthrus node set n[02-03] --image'
for node in n02 n03; do api PATCH /v1/nodes/$node '{"image":""}'; want 200 "$node goes with its group again"; done

# Booted without disks: the newest of the name, as long as it is that.
"$orthrus" node boot 'n[02-03]' --diskless --yes >/dev/null 2>"$work/err" || fail "node boot --diskless: $(cat "$work/err")"
refused "$second" 'n[02-03] boot it without disks' 'build a newer one of that name' 'orthrus node set n[02-03] --image'
api DELETE "/v1/images/$first?plan=1"; want 200 'an older one than they boot'
api GET "/v1/image-users/$second"; [ "$(value '.users[0].why')" = 'boots it without disks' ] || fail "who uses it: $(cat "$body")"
api PATCH /v1/nodes/n02 "{\"image\":\"$first\"}"; want 200 "n02 boots the older one"
refused "$first" 'n02 is set to it' 'n02 boots it without disks'
refused "$second" 'n03 boots it without disks'
api PATCH /v1/nodes/n02 '{"image":""}'; want 200 "n02 goes with its group"
"$orthrus" node boot 'n[02-03]' --disk --yes >/dev/null 2>"$work/err" || fail "node boot --disk: $(cat "$work/err")"
api DELETE "/v1/images/$second?plan=1"; want 200 'nobody boots it any more'

# Ordered; what is there before any installation; running; given back.
hello $mac1 "$(machine $mac1 A)"; want 200 hello
order n01 "$first"
refused "$first" 'n01 is ordered to install it' 'orthrus node boot n01 --disk'
api DELETE "/v1/images/$second?plan=1"; want 200 'the other one of the name'
body_has "group compute installs compute: that is $first from then on" 'what the name means then'
hello $mac1 "$(machine $mac1 A)"; token=$who
event "$token" "$id" 1 wipe begin; want 200 'begin'
refused "$first" 'n01 is installing it'
pack=$(cd "$store/packs" && ls -- *.pack | head -n 1)
imager $mac1 GET "/v1/packs/$pack"; want 200 'a chunk meanwhile'
imager "$token" POST /v1/imager/done "{\"install_id\":\"$id\"}"; want 200 'done'
refused "$first" 'n01 runs it'
order n01 "$second"
refused "$second" 'n01 is ordered to install it'
refused "$first" 'n01 runs it until the ordered installation begins, and gets it back when the order is withdrawn'
api GET "/v1/image-users/$first"
[ "$(value '[.users[] | .node + " " + .why] | length')" = 1 ] || fail "users of $first: $(cat "$body")"
# Withdrawn: it is back. Ordered again and begun: nobody gets it back, not even by force.
api POST /v1/boot '{"nodes":["n01"],"target":"disk"}'; want 200 'withdraw'
refused "$first" 'n01 runs it'
order n01 "$second"
hello $mac1 "$(machine $mac1 A)"; token=$who
event "$token" "$id" 1 wipe begin; want 200 'begin of the second'
api DELETE "/v1/images/$first?plan=1"; want 200 'what was erased'
body_has "delete image $first: frees" 'the plan'
refs | grep -qxF "$first" || fail "--plan deleted it"
# Refused while another program writes; then done.
exec 9>"$store/lock"; flock -n 9 || fail "the store's lock"
api DELETE "/v1/images/$first"; want 409 'while an image is stored'
exec 9>&-
packs=$(find "$store/packs" -type f | wc -l)
"$orthrus" image delete "$first" --yes >"$work/out" 2>&1 || fail "delete: $(cat "$work/out")"
grep -q "image $first is deleted: .* freed" "$work/out" || fail "what delete says: $(cat "$work/out")"
[ $((packs - $(find "$store/packs" -type f | wc -l))) = 2 ] || fail "its pack is left"
api DELETE "/v1/images/$first"; want 404 'once more'
[ "$("$orthrus" event list --json | jq -rs '[.. | objects | select(.kind? == "image-deleted") | .text] | join("|")')" = "image $first was deleted by uid $(id -u)" ] ||
    fail "the event: $("$orthrus" event list)"
"$orthrus" image verify "$second" --quiet 2>/dev/null || fail "$second was hurt"

# Behind the daemon's back: never.
"$orthrus" image delete "$other" --offline --yes >"$work/out" 2>&1
[ $? = 3 ] || fail "--offline beside a daemon: $(cat "$work/out")"
refs | grep -qxF "$other" || fail "--offline deleted it"
"$orthrus" image delete "$other" --plan --json | jq -e '.steps[0].effect == "destroys"' >/dev/null || fail "--plan --json"
refs | grep -qxF "$other" || fail "--plan deleted it"

# Who reads a pack reads it to its end.
head -c 8000000 /dev/urandom >"$work/tree/etc/data"
"$orthrus" image build big --from "$work/tree" >/dev/null 2>&1 || fail "build big"
big=$(refs | grep '^big/')
pack=$(cd "$store/packs" && find . -name '*.pack' -size +4M -printf '%f\n')
exec 8<"$store/packs/$pack"
curl -sS --limit-rate 4M --cacert "$root/var/lib/orthrus/pki/ca.crt" --cert "$(at_of $mac1).crt" --key "$(at_of $mac1).key" -o "$work/got" "https://127.0.0.1:$port/v1/packs/$pack" &
reader=$!
for _ in $(seq 1200); do [ -s "$work/got" ] && break; sleep 0.05; done
kill -STOP $reader || fail "the reader had ended before the deletion: nothing was tested"
"$orthrus" image delete "$big" --yes --quiet || fail "delete big"
[ ! -e "$store/packs/$pack" ] || fail "the pack of big is left"
kill -CONT $reader
wait $reader || fail "the reader was cut off"
[ "$(sha256sum <"$work/got" | cut -c 1-64).pack" = "$pack" ] || fail "the reader got something else"
[ "$(sha256sum <&8 | cut -c 1-64).pack" = "$pack" ] || fail "the other reader got something else"
exec 8<&-

# An order and a deletion of one image at the same moment: one of the two, never both.
ask_order() { curl -s -o "$work/a" -w '%{http_code}' --unix-socket "$sock" -H 'Content-Type: application/json' --data-binary @"$work/order" http://x/v1/install >"$work/a-status"; }
ask_delete() { curl -s -o "$work/b" -w '%{http_code}' --unix-socket "$sock" -X DELETE "http://x/v1/images/$ref" >"$work/b-status"; }
race() { # NUMBER [SECONDS]: the second of the two comes so much later
    image race
    printf '{"nodes":["n02"],"image":"%s","accept_disks_unseen":true}' "$ref" >"$work/order"
    if [ $(($1 % 2)) = 0 ]; then ask_order & one=$!; sleep "${2:-0}"; ask_delete & else ask_delete & one=$!; sleep "${2:-0}"; ask_order & fi
    wait $one $!
    case "$(cat "$work/a-status") $(cat "$work/b-status")" in
    '200 403')
        ordered=$((ordered + 1))
        refs | grep -qxF "$ref" || fail "race $1: ordered, but $ref is gone"
        "$orthrus" image verify "$ref" --quiet 2>/dev/null || fail "race $1: ordered, but $ref is hurt"
        api POST /v1/boot '{"nodes":["n02"],"target":"disk"}'; want 200 "race $1: withdraw"
        api DELETE "/v1/images/$ref"; want 200 "race $1: delete after that" ;;
    '404 200') deleted=$((deleted + 1)) ;;
    *) fail "race $1: order $(cat "$work/a-status") $(cat "$work/a"), deletion $(cat "$work/b-status") $(cat "$work/b")" ;;
    esac
}
ordered=0 deleted=0
for i in $(seq 50); do race "$i"; done
[ $((ordered + deleted)) = 50 ] || fail "$ordered orders and $deleted deletions"
echo "race: $ordered orders, $deleted deletions"
# The same where the deletion takes long between its look and its act: strace makes each rename last.
if strace -o /dev/null true 2>/dev/null; then
    stop_daemon TERM
    ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" start_daemon strace -D -f -qq -o /dev/null -e trace=rename -e inject=rename:delay_enter=300000
    ordered=0 deleted=0
    # On a busy machine the order may still come first.
    for i in $(seq 1 2 39); do race "$i" 0.1; [ $deleted -lt 3 ] || break; done
    [ $deleted = 3 ] || fail "slow: $ordered orders and $deleted deletions"
    stop_daemon TERM
    start_daemon
fi

# Cut off between its halves, a deletion is finished by the daemon's start; payloads of images that are gone go too.
gone=$other
mv "$store/images/$gone" "$store/images/other/.deleted-${gone#*/}"
refs | grep -q '^other/' && fail "an image that is being deleted is listed"
api DELETE "/v1/images/$gone"; want 404 'an image whose deletion was cut off'
packs=$(find "$store/packs" -type f | wc -l)
mkdir -p "$root/srv/orthrus/tftp/payload/0123456789abcdef"
stop_daemon TERM
start_daemon
[ ! -e "$store/images/other" ] || fail "left: $(ls -a "$store/images/other")"
[ $((packs - $(find "$store/packs" -type f | wc -l))) = 2 ] || fail "packs of the image whose deletion was cut off are left"
[ ! -e "$root/srv/orthrus/tftp/payload/0123456789abcdef" ] || fail "a payload that no image needs is left"
"$orthrus" image verify "$second" --quiet 2>/dev/null || fail "$second was hurt"

# No daemon: whether it is needed is not known; --offline takes the responsibility.
stop_daemon TERM
"$orthrus" image delete "$second" --yes >"$work/out" 2>&1
[ $? = 3 ] || fail "without a daemon: $(cat "$work/out")"
"$orthrus" image delete "$second" --yes --offline >"$work/out" 2>&1 || fail "--offline: $(cat "$work/out")"
[ -z "$(refs)$(ls "$store/packs")" ] || fail "left: $(refs) $(ls "$store/packs")"
[ "$failed" = 0 ] && echo ok
exit $failed
