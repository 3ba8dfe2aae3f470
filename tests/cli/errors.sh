#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is wrong is told: the thing by its name, the reason, the next step, the right exit code; nothing is said twice.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
asked=0
as=()

# wrong CODE TEXT NEXT -- WORDS...: exit code; TEXT in the error; NEXT in the hint ("" where the text itself says what is allowed)
wrong() {
    local code=$1 text=$2 next=$3 rc
    shift 4
    "${as[@]}" "$orthrus" "$@" >"$work/out" 2>"$work/err" </dev/null
    rc=$?
    asked=$((asked + 1))
    [ $rc = "$code" ] || fail "orthrus $*: exit $rc, not $code: $(cat "$work/out" "$work/err")"
    grep '^orthrus: ' "$work/err" | grep -qF -- "$text" || fail "orthrus $*: '$text' is not said: $(cat "$work/out" "$work/err")"
    if [ -n "$next" ]; then
        grep '^  next: ' "$work/err" | grep -qF -- "$next" || fail "orthrus $*: the next step does not say '$next': $(cat "$work/err")"
    fi
    # "node n01: n01: ..." and "image: image ...": the same word on both sides of a colon.
    grep -hqE '(^|[ :])([A-Za-z0-9_./-]+): \2[: ]' "$work/err" "$work/out" && fail "orthrus $*: stutters: $(cat "$work/out" "$work/err")"
    [ "$(grep -c '^orthrus: ' "$work/err")" -ge 1 ] || fail "orthrus $*: no error is said"
}

# The words.
wrong 2 'what shall be done?' 'orthrus --help' --
wrong 2 "there is no 'nod'" 'did you mean' -- nod list
wrong 2 "'node' has no verb 'frob'" 'orthrus node --help' -- node frob
wrong 2 "'node list' has no option --frobnicate" 'orthrus --help' -- node list --frobnicate
wrong 2 '--group needs a value' 'orthrus node add --help' -- node add n01 --group
wrong 2 '--group was given an empty value' 'orthrus node add --help' -- node add n01 --group=
wrong 2 '--root needs a value' 'orthrus --help' -- --root
wrong 2 "'node show' needs NODE" 'its form is' -- node show
wrong 2 "does not know what to do with 'b'" 'its form is' -- site check a b

# No daemon, no site, no image store.
wrong 1 "orthrusd does not run here: there is no $sock" 'systemctl start orthrusd' -- node list
wrong 1 'site file: open' 'orthrus site init' -- site plan
wrong 1 'site file: open' 'orthrus site init' -- disk plan raid1
wrong 1 'site file: read' 'name yours with --site FILE' -- site check "$work"
wrong 1 'there is no image store' 'orthrus image build' -- image show compute
wrong 1 'has no image' '--from DIR' -- image build compute
wrong 2 'needs --interface NAME' 'this machine has' -- site init
wrong 2 '"sid" is not one of' 'site init --help' -- site init --interface eth0 --head-name h1 --suite sid
wrong 2 'the prefix length' 'nothing was written' -- site init --interface eth0 --head-name h1 --subnet 10.0.0.0/33
wrong 2 'outside the subnet' 'nothing was written' -- site init --interface eth0 --head-name h1 --subnet 10.0.0.0/24 --head-address 10.9.0.1
wrong 1 'create directory /proc/x' '--site FILE' -- site init --interface eth0 --head-name h1 --site /proc/x/site.json

# Another head.
touch "$work/empty"
wrong 2 'needs --ca FILE' 'orthrus head certificate' -- --api https://127.0.0.1:1 node list
wrong 2 'only https://HOST:PORT' 'like --api https://' -- --api foo node list
wrong 2 'only https://HOST:PORT' 'like --api https://' -- --api https:// --ca "$work/empty" node list
wrong 2 'only https://HOST:PORT' 'like --api https://' -- --api https://h:1/v1/nodes --ca "$work/empty" node list
wrong 2 'are for --api URL' '--api https://HOST' -- --ca "$work/empty" node list
wrong 1 "--ca: open $work/nothing: No such file" 'orthrus head certificate' -- --api https://127.0.0.1:1 --ca "$work/nothing" node list
wrong 2 "--ca $work/empty: it holds no certificate" 'orthrus head certificate' -- --api https://127.0.0.1:1 --ca "$work/empty" node list
for words in 'image list' 'image build a' 'disk probe' 'site init' 'site check' 'head certificate a'; do
    # shellcheck disable=SC2086
    wrong 2 "is about the machine it runs on" 'run it on the head itself' -- $words --api https://127.0.0.1:1
done

start_daemon
wrong 1 'no site is applied yet' 'orthrus site apply' -- node add n01 --mac 52:54:00:00:00:01 --group compute
make_site --trust-mac
wrong 3 'which exists: not confirmed' '--yes' -- site init --interface eth0 --head-name h1
"$orthrus" site apply >/dev/null || die "site apply"
port=$(tls_port)
"$orthrus" head certificate anna --out "$work/anna" >/dev/null || die "head certificate"
from=(--api "https://127.0.0.1:$port" --ca "$work/anna/ca.crt")
wrong 3 'administrators only' 'orthrus head certificate' -- "${from[@]}" node list
wrong 2 '--cert and --key go together; --key is missing' 'orthrus head certificate' -- "${from[@]}" --cert "$work/anna/anna.crt" node list
wrong 1 "--key: open $work/nothing" 'orthrus head certificate' -- "${from[@]}" --cert "$work/anna/anna.crt" --key "$work/nothing" node list
wrong 2 "--cert $work/anna/anna.key: it holds no certificate" '' -- "${from[@]}" --cert "$work/anna/anna.key" --key "$work/anna/anna.crt" node list
wrong 1 "--key $root/var/lib/orthrus/pki/server.key: the certificate is not for this private key" '' -- \
    "${from[@]}" --cert "$work/anna/anna.crt" --key "$root/var/lib/orthrus/pki/server.key" node list
# An address as a browser shows it.
"$orthrus" --api "https://127.0.0.1:$port/" --ca "$work/anna/ca.crt" --cert "$work/anna/anna.crt" --key "$work/anna/anna.key" node list >/dev/null ||
    fail "an address that ends in / is refused"

# Nodes.
mac=52:54:00:00:00:0
wrong 2 'needs --group GROUP' 'orthrus site show' -- node add n01 --mac ${mac}1
wrong 2 "needs --mac MAC for the node" 'in the order in which they are written' -- node add n01 --group compute
wrong 2 '--mac: 1 MAC address for 2 nodes' 'in the order in which they are written' -- node add 'n[01-02]' --group compute --mac ${mac}1
wrong 2 "--mac: 'zz' is not a MAC address (like" '' -- node add n01 --group compute --mac zz
wrong 2 "n01: there is no group 'gpu'" "the site's groups: compute" -- node add n01 --group gpu --mac ${mac}1
wrong 2 "position 6 of 'n[1-2'" 'orthrus(8)' -- node add 'n[1-2' --group compute --mac ${mac}1
wrong 2 "--ipv4: '300.1.1.1' is not an IPv4 address (like" '' -- node add n01 --group compute --mac ${mac}1 --ipv4 300.1.1.1
"$orthrus" node add 'n[01-03]' --group compute --mac ${mac}1,${mac}2,${mac}3 >/dev/null || die "node add"
wrong 1 'there is a node n01 already' 'orthrus node set' -- node add n01 --group compute --mac ${mac}9
wrong 1 "there is no node 'n99'" 'orthrus node list' -- node list n99
wrong 1 'there are no nodes n[04-99]' 'orthrus node list' -- node list 'n[01-99]'
wrong 2 "group '@gpu': no node is in it; nodes are in @compute" 'orthrus node list' -- node list @gpu
wrong 2 "'n01!n01' names no node" 'orthrus(8)' -- node list 'n01!n01'
wrong 2 "'n[01-02]' may hold only" 'the name of one node' -- node show 'n[01-02]'
wrong 1 'there is no node n99' 'orthrus node list' -- node show n99
wrong 2 '--port swp7: of which switch?' '--switch NAME --port PORT' -- node add n09 --group compute --port swp7
wrong 2 '--switch sw1: which port of it?' '--switch NAME --port PORT' -- node add n09 --group compute --switch sw1 --mac 52:54:00:00:00:99
wrong 2 'the switch is missing' '--switch NAME --port PORT' -- node set n01 --port swp7
wrong 2 'needs what to set' 'orthrus node show' -- node set n01
before=$(digest)
wrong 2 'there are not 2 addresses from it on' 'those that follow' -- node set 'n[01-02]' --ipv4 255.255.255.255
[ "$before" = "$(digest)" ] || fail "a wrong --ipv4 changed a node"
wrong 2 'n03: 10.77.0.255 is no host address' '' -- node set 'n[02-03]' --ipv4 10.77.0.254
wrong 3 'remove n01 from the cluster: not confirmed' '--yes' -- node remove n01
wrong 2 'needs one of --disk, --net, --diskless and --rescue' 'their own disk' -- node boot n01
wrong 3 '1 of 1 node cannot be installed; nothing was ordered' 'stand with each node above' -- node install n01 --yes
grep -q '^cannot be installed: n01 has not told what disks it has' "$work/out" || fail "node install: $(cat "$work/out")"
wrong 3 '2 of 2 nodes cannot be installed' 'stand with each node above' -- node install 'n[01-02]' --plan

# Images, disks, events.
wrong 1 '/nonexistent: No such file' 'the directory that holds the tree' -- image build compute --from /nonexistent
[ ! -s "$work/out" ] || fail "image build shows a plan of what cannot be: $(cat "$work/out")"
wrong 2 "--kind: name 'x y' may hold only" '' -- image build compute --from "$work/anna" --kind 'x y'
long=$(printf 'k%.0s' {1..41})
wrong 2 "image kind '$long' is longer than 40 characters" '' -- image build compute --from "$work/anna" --kind "$long" --plan
wrong 2 "image kind '$long' is longer than 40 characters" '' -- image import "$work/anna" compute --kind "$long" --plan
wrong 2 "image kind '$long' is longer than 40 characters" '' -- image capture compute --from "$work/anna" --kind "$long" --plan
wrong 2 '--from takes a tree as it is' 'leave out --from' -- image build compute --from "$work/anna" --mirror http://x
wrong 1 "has no layout 'nope'" 'its layouts: raid1' -- disk plan nope
wrong 2 '--limit: 0 is not between 1 and 100000' '' -- event list --limit 0
wrong 2 "--since: 'x' is not a whole number" '' -- event watch --since x
echo '{' >"$work/bad.json"
wrong 2 "$work/bad.json: line 2, column 1" 'orthrus site check' -- site apply --site "$work/bad.json"
wrong 2 "$work/bad.json: 1 problem" 'site.json(5)' -- site check "$work/bad.json"

# Somebody who is not root: what is forbidden is not taken for what is not there.
if command -v setpriv >/dev/null && chmod 755 "$work" "$root" && setpriv --reuid 65534 --regid 65534 --clear-groups "$orthrus" --version >/dev/null 2>&1; then
    as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    chmod 600 "$root/etc/orthrus/site.json"
    wrong 1 "cannot talk to orthrusd at $sock: Permission denied" 'run this as root' -- node list
    wrong 1 'site file: open' 'run this as root' -- site check
    wrong 1 "audit.lock: Permission denied" 'run this as root' -- head certificate bert --out "$work/bert"
    wrong 1 'Permission denied' 'run this as root' -- site init --interface eth0 --head-name h1 --yes
    as=()
fi

# A daemon that was there.
kill -9 "$daemon_pid"
wait "$daemon_pid" 2>/dev/null
daemon_pid=""
wrong 1 "orthrusd does not answer on $sock" 'systemctl status orthrusd' -- node list
echo "$asked wrong commands"
exit $failed
