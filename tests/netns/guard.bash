# SPDX-License-Identifier: GPL-2.0-or-later
# What tests of the pair share: two heads and a witness that are real orthrus-guards, in a network of namespaces with a switch, and an
# outside host. Sourced, with the test's own arguments.
# shellcheck disable=SC2154,SC2034
[ "$(id -u)" = 0 ] || { echo "needs root for namespaces"; exit 77; }
for p in ip jq; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
# What is begun below ends with the namespace of processes.
if [ "${1:-}" != inside ]; then exec unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc bash "$0" inside "$@"; fi
mount -t tmpfs none /run
mkdir -p /run/netns
guard=$BUILD/orthrus-guard orthrus=$BUILD/orthrus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "FAIL: $*"; failed=1; }
die() {
    echo "FAIL: $*"
    for f in "$work"/*.log; do [ -e "$f" ] && tail -n 20 "$f" | sed "s|^|${f##*/}: |"; done
    exit 1
}
declare -A pid

# guard_network NAME=HOST-NUMBER ...: each a namespace at one switch, with IPv4 10.77.0.N and IPv6 fd77::N.
guard_network() {
    local h
    ip link set lo up
    ip netns add switch
    ip -n switch link add sw type bridge mcast_snooping 0
    ip -n switch link set sw up
    for h in "$@"; do guard_host "${h%=*}" "${h#*=}"; done
}
guard_host() { # NAME NUMBER
    ip netns add "$1"
    ip netns exec "$1" sysctl -q -w net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
    ip -n "$1" link add eth0 type veth peer name "p$1" netns switch
    ip -n switch link set "p$1" master sw up
    ip -n "$1" link set lo up
    ip -n "$1" link set eth0 up
    ip -n "$1" addr add "10.77.0.$2/24" dev eth0
    ip -n "$1" addr add "fd77::$2/64" dev eth0 nodad
}
# guard_site [JQ-FILTER]: head1 and head2 are hosts 1 and 2, the witness w1 is host 3; the service addresses are number 100.
guard_site() {
    mkdir -p "$work/etc/orthrus"
    ip netns exec head1 "$orthrus" --root "$work" site init --interface eth0 --head-name head1 --subnet 10.77.0.0/24 --ipv6 fd77::/64 --head-address 10.77.0.1 >/dev/null || die "site init"
    jq ".heads = [{name: \"head1\", interface: \"eth0\", ipv4: \"10.77.0.1\", ipv6: \"fd77::1\"}, {name: \"head2\", interface: \"eth0\", ipv4: \"10.77.0.2\", ipv6: \"fd77::2\"}]
        | .service_addresses = [{name: \"svc\", ipv4: \"10.77.0.100\", ipv6: \"fd77::100\"}]
        | .pair = {witnesses: [{name: \"w1\", addresses: [\"10.77.0.3\"]}]} | ${1:-.}" "$work/etc/orthrus/site.json" >"$work/site.new" || die "jq"
    mv "$work/site.new" "$work/etc/orthrus/site.json"
    "$orthrus" --root "$work" site check >"$work/out" 2>&1 || die "site check: $(cat "$work/out")"
    "$guard" --make-key "$work/guard.key" || die "no key"
}
guard_start() { # NAME [OPTION ...]
    local name=$1
    shift
    ip netns exec "$name" "$guard" --lab --root "$work" --site "$work/etc/orthrus/site.json" --self "$name" --key "$work/guard.key" --control "$work/$name.sock" "$@" \
        >>"$work/$name.log" 2>&1 </dev/null &
    pid[$name]=$!
}
guard_kill() { # NAME SIGNAL: and wait until it is gone, unless it is stopped by it
    kill "-$2" "${pid[$1]}"
    [ "$2" = STOP ] || [ "$2" = CONT ] || [ "$2" = HUP ] || wait "${pid[$1]}" 2>/dev/null
}
status() { # NAME: of its guard, as JSON
    mkdir -p "$work/r-$1/run/orthrus-guard"
    ln -sf "$work/$1.sock" "$work/r-$1/run/orthrus-guard/control"
    "$orthrus" --root "$work/r-$1" head status --json 2>"$work/err"
}
head_does() { # NAME VERB [WORD ...]
    local name=$1
    shift
    mkdir -p "$work/r-$name/run/orthrus-guard"
    ln -sf "$work/$name.sock" "$work/r-$name/run/orthrus-guard/control"
    "$orthrus" --root "$work/r-$name" head "$@" >"$work/out" 2>"$work/err"
}
value() { status "$1" | jq -r ".guard.$2"; } # NAME KEY
until_value() { # NAME KEY WANT
    local got=
    for _ in $(seq 1000); do got=$(value "$1" "$2"); [ "$got" = "$3" ] && return; sleep 0.02; done
    die "$1: $2 is '$got' and does not become '$3': $(status "$1")$(cat "$work/err")"
}
has_address() { ip -n "$1" -j addr show dev eth0 | jq -e --arg a "$2" '[.[].addr_info[].local] | index($a)' >/dev/null; } # NAME ADDRESS
until_address() { for _ in $(seq 500); do has_address "$1" "$2" && return; sleep 0.01; done; die "$1 has no $2"; }
until_no_address() { for _ in $(seq 500); do has_address "$1" "$2" || return 0; sleep 0.01; done; die "$1 still has $2"; }
said() { grep -q "$2" "$work/$1.log"; } # NAME REGULAR-EXPRESSION
until_said() { for _ in $(seq 1000); do said "$1" "$2" && return; sleep 0.02; done; die "$1 does not say '$2'"; }
