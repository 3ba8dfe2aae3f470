#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# waits: another DHCP server has five seconds to answer, each time
# A head of a pair is given back while its guard holds the service addresses: with a real guard, and a real witness at the other end of its
# cable. Afterwards the addresses are gone, also those that a killed guard has left, the gate is open, and no guard runs, whoever had
# started it.
set -u
for p in busybox jq nsenter pgrep; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
. "$TOP/tests/cli/head-install.bash"

# The guard as its unit would start it, and the unit itself.
cp "$TOP/packages/orthrus-guard.service" "$m/usr/lib/systemd/system/"
cp "$BUILD/orthrus-guard" "$m/fakes/orthrus-guard"
cat >"$m/fakes/guard" <<'SH'
#!/bin/bash
case $1 in
start)
    mkdir -p /run/orthrus-guard
    setsid /fakes/orthrus-guard --lab >>/fakes/guard.log 2>&1 </dev/null &
    echo $! >/run/fake-guard.pid
    ;;
stop)
    pid=$(cat /run/fake-guard.pid) || exit 0
    kill "$pid" 2>/dev/null
    while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
    rm -f /run/fake-guard.pid
    ;;
esac
SH
chmod +x "$m/fakes/guard"
jq '.heads += [{name: "head2", interface: "eth1", ipv4: "10.77.0.2"}] | .service_addresses = [{name: "svc", ipv4: "10.77.0.9"}]
    | .pair = {witnesses: [{name: "w1", addresses: ["10.77.0.3"]}], lease_ms: 1000, renew_ms: 200}' "$m/root/site.json" >"$m/root/pair.json" || die "jq"
in_machine orthrus-guard --make-key /root/guard.key || die "no key"
pack fresh
put_back fresh
tree >"$work/before"

# The other end of eth1's cable.
unshare --net sleep infinity &
other=$!
until [ "$(readlink "$m/proc/$other/ns/net")" != "$(readlink "$m/proc/$$/ns/net")" ]; do sleep 0.02; done
ip link set far netns $other || die "far"
at_witness() { nsenter --net="$m/proc/$other/ns/net" "$@"; }
at_witness sh -c 'ip link set lo up && ip link set far up && ip address add 10.77.0.3/16 dev far' || die "the witness's network"
at_witness "$BUILD/orthrus-guard" --lab --site "$m/root/pair.json" --self w1 --key "$m/root/guard.key" --control "$work/w1.sock" >"$work/w1.log" 2>&1 </dev/null &

holds() { ip -4 -o address show | grep -q ' 10\.77\.0\.9/'; }
answers() { at_witness ip neigh flush dev far; at_witness busybox ping -q -c 1 -W 1 10.77.0.9 >/dev/null; }
until_holds() {
    local n
    for n in $(seq 1000); do [ "$(in_machine orthrus head status --json 2>/dev/null | jq -r .guard.role)" != holder ] || break; sleep 0.02; done
    for n in $(seq 500); do ! holds || answers || continue; holds && return; sleep 0.02; done
    die "the guard does not hold the service address: $(in_machine orthrus head status 2>&1; tail -n 20 "$m/fakes/guard.log" "$work/w1.log")"
}
given_back() { # HOW: nothing of the guard is left
    ! holds || fail "$1: a service address is still there: $(ip -4 -o address show)"
    ! in_machine pgrep -f '^/fakes/orthrus-guard' >/dev/null || fail "$1: the guard runs"
    [ -z "$(ls "$m"/etc/systemd/system/*.wants/orthrus-guard.service "$m/run/fake-active/orthrus-guard.service" 2>/dev/null)" ] || fail "$1: the guard will be started again"
    # The gate would keep whoever has the address silent.
    ip link set eth1 up && ip address add 10.77.0.9/16 dev eth1 || die "$1: the address"
    answers || fail "$1: the gate is still shut: $(tc filter show dev eth1 ingress; tc filter show dev eth1 egress; nft list ruleset)"
    ip address del 10.77.0.9/16 dev eth1
    ip link set eth1 down
}
give_back() { in_machine orthrus head uninstall --yes >"$work/un" 2>&1 || fail "$1: uninstall: $(cat "$work/un")"; }

# --- The installation had started it. ---
mkdir -p "$m/etc/orthrus"
cp -p "$m/root/guard.key" "$m/etc/orthrus/guard.key"
tree >"$work/before"
install_it --quiet --site /root/pair.json >"$work/out" 2>&1 || die "install: $(cat "$work/out")"
until_holds
give_back "started by the installation"
given_back "started by the installation"
tree | diff "$work/before" - || fail "started by the installation: not as before"

# --- It was killed: its address is still there, behind the gate. networkd takes none with it that it has not given. ---
put_back fresh
: >"$m/run/fake-active/systemd-networkd.service"
mkdir -p "$m/etc/orthrus"
cp -p "$m/root/guard.key" "$m/etc/orthrus/guard.key"
tree >"$work/before"
install_it --quiet --site /root/pair.json >"$work/out" 2>&1 || die "install: $(cat "$work/out")"
until_holds
pid=$(in_machine pgrep -f '^/fakes/orthrus-guard') && kill -KILL "$pid"
for _ in $(seq 500); do answers || break; done
holds && ! answers || fail "killed: the address is not behind a shut gate: this test sees nothing"
give_back killed
given_back killed
tree | diff "$work/before" - || fail "killed: not as before"

# --- It was started by hand, as docs/operations.md says, when the head was there. ---
put_back fresh
install_it --quiet --site /root/site.json >"$work/out" 2>&1 || die "install: $(cat "$work/out")"
cp "$m/root/pair.json" "$m/etc/orthrus/site.json"
in_machine orthrus site apply --yes --quiet >"$work/out" 2>&1 || die "site apply: $(cat "$work/out")"
cp -p "$m/root/guard.key" "$m/etc/orthrus/guard.key"
in_machine systemctl enable orthrus-guard.service && in_machine systemctl start orthrus-guard.service || die "start"
until_holds
in_machine orthrus head uninstall --plan >"$work/plan" || fail "plan"
grep -q 'stop orthrus-guard.service, which was started since, and take the service addresses' "$work/plan" || fail "by hand: the plan does not say it: $(cat "$work/plan")"
give_back "by hand"
given_back "by hand"
[ -s "$m/etc/orthrus/guard.key" ] || fail "the key was not ours to take"
exit $failed
