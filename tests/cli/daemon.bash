# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of orthrusd share: a daemon below a directory of its own, asked on its unix socket and over TLS. Sourced, not run.
orthrus=$BUILD/orthrus
work=$(mktemp -d "${TMPDIR:-/tmp}/od.XXXXXX")
root=$work/r
sock=$root/run/orthrus/api.sock
daemon_pid=""
export ORTHRUS_ROOT=$root
# shellcheck source=tests/cli/says.bash
. "$TOP/tests/cli/says.bash"
die() { echo "FAIL: $*" >&2; exit 1; }

cleanup() {
    if [ -n "$daemon_pid" ]; then
        kill "$daemon_pid" 2>/dev/null && wait "$daemon_pid" 2>/dev/null
    fi
    if [ "$failed" != 0 ] && [ -f "$work/log" ]; then tail -n 40 "$work/log" | sed 's/^/log: /' >&2; fi
    rm -rf "$work"
}
trap cleanup EXIT

# start_daemon [WRAPPER...]: returns when it serves; options in $daemon_options.
start_daemon() {
    rm -f "$sock"
    # shellcheck disable=SC2086
    "$@" "$BUILD/orthrusd" --root "$root" --no-dnsmasq --listen 127.0.0.1:0 --netboot-dir "$TOP/netboot/initramfs" ${daemon_options:-} \
        >>"$work/log" 2>&1 </dev/null &
    daemon_pid=$!
    for _ in $(seq 600); do
        [ -S "$sock" ] && curl -s --max-time 5 --unix-socket "$sock" http://x/v1/status >/dev/null && return 0
        kill -0 "$daemon_pid" 2>/dev/null || die "orthrusd ended: $(tail -n 5 "$work/log")"
        sleep 0.1
    done
    die "orthrusd is not ready after 60 s"
}
stop_daemon() { # SIGNAL
    kill -s "$1" "$daemon_pid"
    wait "$daemon_pid" 2>/dev/null
    daemon_rc=$?
    daemon_pid=""
}

# The answer's body goes to $body (one more for each background job), its status to $status.
body=$work/body
request() { # CURL-ARGUMENTS
    status=$(curl -sS --max-time 70 -o "$body" -w '%{http_code}' "$@") || status=none
}
api() { # METHOD PATH [BODY]
    if [ $# = 3 ]; then
        request --unix-socket "$sock" -X "$1" -H 'Content-Type: application/json' --data-binary "$3" "http://x$2"
    else
        request --unix-socket "$sock" -X "$1" "http://x$2"
    fi
}
tls_port() { curl -s --unix-socket "$sock" http://x/v1/status | jq -r .port; }
# The machines are curl and openssl: each has its keys, named by its MAC address, and a certificate once it is enrolled.
machines=$work/machines
at_of() { printf '%s/%s' "$machines" "${1//:/-}"; } # curl takes a ':' for the beginning of a passphrase
make_keys() { # MAC: a TLS key with its request, and a sealing key
    local at; at=$(at_of "$1")
    [ ! -e "$at.key" ] || return 0
    mkdir -p "$machines"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=machine -keyout "$at.key" -out "$at.csr" 2>/dev/null || die "openssl req"
    openssl rand -hex 32 >"$at.seal"
}
# enrol MAC MACHINE-JSON|'' [TOKEN] [QUERY]: $status and $body are the answer's; approved, the machine has its certificate.
enrol() {
    make_keys "$1"
    local at; at=$(at_of "$1")
    jq -cn --rawfile csr "$at.csr" --rawfile seal "$at.seal" --argjson m "${2:-null}" --arg t "${3:-}" \
        '{csr:$csr, seal_key:($seal | rtrimstr("\n"))} + (if $m then {machine:$m} else {} end) + (if $t != "" then {token:$t} else {} end)' >"$at.enrol"
    imager '' POST "/v1/enrol${4:-}" @"$at.enrol"
    [ "$status" = 200 ] && [ "$(value .state)" = approved ] && value .certificate >"$at.crt"
}
imager() { # MAC|'' METHOD PATH [BODY]: over TLS, as the machine with this MAC address, or as anybody
    local mac=$1 method=$2 path=$3
    shift 3
    local args=(--cacert "$root/var/lib/orthrus/pki/ca.crt" -X "$method")
    [ -z "$mac" ] || args+=(--cert "$(at_of "$mac").crt" --key "$(at_of "$mac").key")
    [ $# = 0 ] || args+=(-H 'Content-Type: application/json' --data-binary "$1")
    request "${args[@]}" "https://127.0.0.1:$port$path"
}
hello() { # MAC MACHINE-JSON: what the imager says first, after it was enrolled if it was not; $who is the machine for imager
    who=$1
    [ -e "$(at_of "$1").crt" ] || enrol "$@" || return 0
    imager "$1" POST /v1/imager/hello "$2"
}
fingerprint_of() { # MAC: of its two keys, as the head knows it
    local at; at=$(at_of "$1")
    { openssl pkey -in "$at.key" -pubout -outform DER | openssl dgst -sha256 -binary; perl -ne 's/\s//g; print pack "H*", $_' "$at.seal"; } | sha256sum | cut -d' ' -f1
}
# host_key MAC NODE KEY-FILE [JSON]: the question of /v1/hostkey, proven with the private key in the file.
host_key() {
    local public; public=$(cut -d' ' -f1,2 "$3.pub")
    jq -cn --arg k "$public" --arg p "$(printf '%s\n' "$2" "$(fingerprint_of "$1")" "$public" |
        ssh-keygen -Y sign -q -f "$3" -n orthrus-host-key 2>/dev/null | sed '/^-/d' | tr -d '\n')" "{key:\$k, proof:\$p} + ${4:-{\}}"
}
want() { # STATUS TEXT-OF-THE-TEST
    [ "$status" = "$1" ] || fail "$2: status $status, not $1: $(head -c 600 "$body")"
}
body_has() { grep -qF -- "$1" "$body" || fail "$2: '$1' is not in: $(head -c 600 "$body")"; }
value() { jq -r "$1" "$body"; }
# quiet: returns when the daemon has followed every change and made, or given up, the imager of every image. Until then its state
# may change by itself; nothing else does that.
quiet() {
    for _ in $(seq 600); do
        [ "$(curl -s --unix-socket "$sock" http://x/v1/status |
            jq '.behind or any(.payloads[]?; .state == "queued" or .state == "building")')" = false ] && return 0
        sleep 0.1
    done
    die "the daemon does not come to rest: $(curl -s --unix-socket "$sock" http://x/v1/status | head -c 1000)"
}
digest() { quiet && curl -s --unix-socket "$sock" http://x/v1/state/digest | jq -r .digest; }
node_value() { curl -s --unix-socket "$sock" "http://x/v1/nodes/$1" | jq -r "$2"; }
# shown_of NODE: what its plan shows now, as "digests" of an order, to $shown
shown_of() {
    api POST /v1/install "{\"nodes\":[\"$1\"],\"plan\":true}"; want 200 "plan of $1"
    shown=$(value '{(.nodes[0].name): .nodes[0].digest} | tojson')
}

# machine MAC SERIAL-PREFIX [NUMBER-OF-DISKS]: an inventory as the imager tells it
machine() {
    jq -cn --arg mac "$1" --arg p "$2" --argjson n "${3:-2}" '{mac:$mac, boot_id:"b0", firmware:"uefi", secure_boot:true, memory_bytes:2147483648,
        cpus:2, dmi:{vendor:"QEMU", product:"Standard PC", serial:($p + "-box")}, nics:[{name:"eth0", mac:$mac, driver:"virtio_net", link:true}],
        disks:[range($n) | {name:("vd" + (["a","b","c","d"][.])), model:"QEMU HARDDISK", serial:($p + (.|tostring)), wwn:"", transport:"virtio",
        size_bytes:6442450944, logical_sector_bytes:512, physical_sector_bytes:512, rotational:false, removable:false, read_only:false,
        in_use:null, found:[], bad:null}]}'
}
# a site whose nodes are trusted by MAC, with addresses that are easy to read
make_site() {
    "$orthrus" site init --interface eth0 --head-name head1 --subnet 10.77.0.0/24 --head-address 10.77.0.1 "$@" >/dev/null
}
# change_site JQ-FILTER: site.json is edited, and not applied
change_site() { jq "$1" "$root/etc/orthrus/site.json" >"$work/site" && cp "$work/site" "$root/etc/orthrus/site.json"; }
has_addresses() { # NODE IPV4 IPV6 ("null": none)
    local is; is=$(node_value "$1" '"\(.ipv4) \(.ipv6)"')
    [ "$is" = "$2 $3" ] || fail "$1 has $is, not $2 $3"
}
tiny_image() { # NAME
    mkdir -p "$work/tree/etc" && echo tiny >"$work/tree/etc/motd"
    "$orthrus" image build "$1" --from "$work/tree" >/dev/null 2>"$work/err" || die "image build: $(cat "$work/err")"
}
# The tiny image has no kernel: that its imager can't be made is an event some time after a change made the daemon look. Until then
# the state changes by itself; nothing else does that.
settle() {
    for _ in $(seq 600); do
        curl -s --unix-socket "$sock" http://x/v1/events | grep -q payload-failed && return 0
        sleep 0.1
    done
    die "the daemon does not say that the tiny image has no imager: $("$orthrus" event list | tail -n 5)"
}
