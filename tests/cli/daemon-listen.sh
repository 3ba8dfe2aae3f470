#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Where orthrusd listens and to whom: addresses, certificates, a port that is taken, and what goes wrong with one file.
set -u
. "$TOP/tests/cli/daemon.bash"

# A wrong --listen is said at once, and nothing is made.
for wrong in nonsense 10.0.0.1 10.0.0.1:99999 10.0.0.1:x '[::1:8443' 10.0.0:1 ''; do
    timeout 20 "$BUILD/orthrusd" --root "$root" --no-dnsmasq --listen "$wrong" >"$work/out" 2>"$work/err" </dev/null
    rc=$?
    [ $rc = 2 ] || fail "--listen '$wrong': exit $rc, not 2"
    grep -qF -- "--listen: '$wrong'" "$work/err" || fail "--listen '$wrong': $(cat "$work/err")"
    [ ! -e "$root" ] || fail "--listen '$wrong' made $root"
done

# patient SECONDS COMMAND...: until it succeeds
patient() {
    local left=$(($1 * 10))
    shift
    while [ $left -gt 0 ]; do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
        left=$((left - 1))
    done
    return 1
}
hosts=$root/run/orthrus/dnsmasq.dhcp-hosts
nodes=$root/srv/orthrus/tftp/grub/nodes
site=$root/etc/orthrus/site.json
mac() { printf '52:54:00:00:00:%02d' "$1"; }
add() { # NUMBER
    "$orthrus" node add "n0$1" --mac "$(mac "$1")" --group compute >"$work/out" 2>&1
}
serves() { curl -s -o /dev/null --max-time 5 --cacert "$root/var/lib/orthrus/pki/ca.crt" "https://127.0.0.1:$1/v1/packs/x"; }
problem() { curl -s --unix-socket "$sock" http://x/v1/status | jq -r .problem; }
no_problem() { [ "$(problem)" = null ]; }
apply_site() { # JQ-EXPRESSION
    jq "$1" "$site" >"$work/s" && cp "$work/s" "$site"
    "$orthrus" site apply --yes >"$work/out" 2>&1
}

start_daemon
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
port=$(tls_port)
add 1 || fail "node add: $(cat "$work/out")"

# What would be overlooked is refused before anything is done.
before=$(digest)
for q in '?Plan=1' '?dry_run=1' '?plan=0&plan=1' '?a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&plan=1' '%00garbage' '%00'; do
    api DELETE "/v1/nodes/n01$q"; want 400 "DELETE n01$q"
done
api POST '/v1/install?plan=1' '{"nodes":["n01"]}'; want 400 'a plan in the query of an order'
[ "$before" = "$(digest)" ] || fail "what was not understood changed the state"

# Our CA alone makes no administrator: the unit of the certificate must say so.
pki=$root/var/lib/orthrus/pki
for unit in node admin; do
    openssl req -new -newkey ed25519 -nodes -keyout "$work/$unit.key" -out "$work/$unit.csr" -subj "/O=orthrus/OU=$unit/CN=someone" 2>"$work/err" &&
        openssl x509 -req -in "$work/$unit.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -set_serial 77 -days 1 -out "$work/$unit.crt" \
            -extfile <(echo extendedKeyUsage=clientAuth) 2>>"$work/err" || die "certificate: $(cat "$work/err")"
    request --cacert "$pki/ca.crt" --cert "$work/$unit.crt" --key "$work/$unit.key" "https://127.0.0.1:$port/v1/status"
    [ $unit = admin ] && want 200 "a certificate of unit admin"
    [ $unit = node ] && want 403 "a certificate of unit node"
done

# Ten certificates with a connection open on each: the head goes on.
hello "$(mac 1)" "$(machine "$(mac 1)" A)"; want 200 hello
token=$who
pollers=""
for i in 1 2 3 4 5 6 7 8 9 10; do
    curl -sv --max-time 60 --cacert "$pki/ca.crt" --cert "$(at_of "$token").crt" --key "$(at_of "$token").key" "https://127.0.0.1:$port/v1/imager/orders?wait=60" >/dev/null 2>"$work/poll$i" &
    pollers="$pollers $!"
    patient 60 grep -q '^> GET' "$work/poll$i" || fail "poll $i: $(tail -n 3 "$work/poll$i")"
    apply_site ".cluster.domain = \"c$i.internal\"" || fail "apply $i: $(cat "$work/out")"
done
no_problem || fail "after ten certificates: $(problem)"
serves "$port" || fail "after ten certificates nobody is served"
# shellcheck disable=SC2086
kill $pollers 2>/dev/null

# One node's file that cannot be written: the others' are, it is said, and it is tried again without being asked.
mkdir -p "$nodes/$(mac 2).cfg"
add 2
problem | grep -q n02 || fail "the failure of n02 is not in the status: $(problem)"
add 3
[ -f "$nodes/$(mac 3).cfg" ] || fail "n02's failure keeps n03's file from being written"
grep -q "$(mac 3)" "$hosts" || fail "n02's failure keeps n03 from its address"
grep -q "$(mac 2)" "$hosts" && fail "n02 gets an address, but GRUB has no file for it"
rmdir "$nodes/$(mac 2).cfg"
patient 120 test -f "$nodes/$(mac 2).cfg" || fail "a failed round is not tried again"
patient 60 no_problem || fail "the problem is over, the status says: $(problem)"
"$orthrus" event list | grep -q 'follows the state again' || fail "no event says that the problem is over"
stop_daemon TERM
[ "$daemon_rc" = 0 ] || fail "exit $daemon_rc"

# Another port in the site: served there, and no longer at the old one. One that is taken: said, the rest goes on.
free_port() { # FROM: one of the next 4,000 that nobody has now; the kernel gives none of them to a client by itself
    local p
    for _ in $(seq 100); do
        p=$(($1 + RANDOM % 4000))
        [ -n "$(ss -Htan "sport = :$p")" ] || { echo $p; return; }
    done
    die "no free port from $1 on"
}
first=$(free_port 20000) second=$(free_port 24000) taken=$(free_port 28000)
# The state must have a site with the first port before a daemon takes its port from there.
start_daemon
apply_site ".api.port = $first" || fail "apply: $(cat "$work/out")"
stop_daemon TERM
"$BUILD/orthrusd" --root "$root" --no-dnsmasq --netboot-dir "$TOP/netboot/initramfs" >>"$work/log" 2>&1 </dev/null &
daemon_pid=$!
patient 60 test -S "$sock" || die "orthrusd is not ready"
patient 60 serves "$first" || fail "not served at the site's port $first"
apply_site ".api.port = $second" || fail "apply: $(cat "$work/out")"
[ "$(tls_port)" = $second ] || fail "the status says port $(tls_port), not $second"
serves $second || fail "a changed port is not listened on"
serves $first && fail "the old port is still listened on"
socat -u "TCP4-LISTEN:$taken" STDOUT >/dev/null 2>&1 &
holder=$!
listened() { [ -n "$(ss -Htln "sport = :$taken")" ]; }
patient 60 listened || die "nobody has port $taken"
apply_site ".api.port = $taken"
problem | grep -q "$taken" || fail "a port that is taken is not said: $(problem)"
serves $second || fail "the port that was served is given up before there is another"
add 4
grep -q "$(mac 4)" "$hosts" || fail "a port that is taken stops network boot"
kill $holder
patient 120 serves "$taken" || fail "a port that was taken is not tried again"
patient 60 no_problem || fail "the port is served, the status says: $(problem)"
stop_daemon TERM
[ "$daemon_rc" = 0 ] || fail "exit $daemon_rc"
[ "$failed" = 0 ] && echo ok
exit $failed
