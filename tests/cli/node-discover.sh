#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Machines arrive: shown with their keys and switch ports, named by what is expected and by rules, approved only by a word; two who
# approve at once never give one name twice.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
mac() { printf '52:54:00:00:00:%02x' "$1"; }
at_port() { jq -c --arg s "$1" --arg p "$2" '.nics[0].lldp = {chassis:"02:00:00:00:00:01", system:$s, port:$p, port_description:null, vlan:0}'; }
arrive() { # NUMBER SERIAL-PREFIX [SWITCH PORT]
    local m
    m=$(machine "$(mac "$1")" "$2")
    [ $# -lt 4 ] || m=$(at_port "$3" "$4" <<<"$m")
    enrol "$(mac "$1")" "$m"
    [ "$(value .state)" = pending ] || fail "machine $1: $(cat "$body")"
}
discover() { "$orthrus" node discover "$@" >"$work/out" 2>"$work/err" </dev/null; rc=$?; }
row() { grep -F "$(mac "$1")" "$work/out" | head -n 1; }
would() { # NUMBER NAME
    [[ "$(row "$1")" == *" $2" ]] || fail "machine $1 would not be '$2': $(cat "$work/out" "$work/err")"
}
is() { # NODE NUMBER: the node is that machine
    [ "$(node_value "$1" '.macs[0]')" = "$(mac "$2")" ] || fail "$1 is $(node_value "$1" '.macs[0]'), not machine $2"
}

start_daemon
make_site
"$orthrus" site apply --yes >/dev/null || die "site apply"
tiny_image compute
printf 'name,group,serial,switch,port\nn01,compute,A-box,,\nn02,compute,,sw-r1,swp2\nn07,compute,,sw-r1,swp7\n' | "$orthrus" node import - >/dev/null || die "import"
port=$(tls_port)
settle
discover --once
[ "$rc" = 0 ] && grep -q 'no machine waits' "$work/out" || fail "nobody yet: $(cat "$work/out" "$work/err")"

# Watched as they come: each once, and again when its switch is heard.
timeout 60 "$orthrus" node discover --json >"$work/watch" 2>"$work/watch-err" </dev/null &
watch=$!
arrive 1 A
arrive 2 B sw-r1.example.com swp2
arrive 3 C sw-r1 swp3
arrive 4 D
arrive 5 A sw-r1 swp7
arrive 4 D sw-r1 swp4
words=$(value .words)
for _ in $(seq 200); do [ "$(grep -c . "$work/watch")" = 6 ] && break; sleep 0.1; done
kill $watch; wait $watch 2>/dev/null
[ "$(jq -r .mac "$work/watch" | sort | uniq -c | awk '{printf "%s:%s ", $1, substr($2, 16)}')" = '1:01 1:02 1:03 2:04 1:05 ' ] || fail "watched: $(cat "$work/watch" "$work/watch-err")"

# Once, with the names that they would get.
discover --once
[ "$rc" = 0 ] || fail "once: $(cat "$work/err")"
would 1 n01; would 2 n02; would 3 -; would 4 -; would 5 -
row 4 | grep -q "^$words .*2.0 GiB.*2, 12.0 GiB.*sw-r1:swp4" || row 4 | grep -q "^$words .*2 GiB.*2, 12 GiB.*sw-r1:swp4" || fail "machine 4 is shown as: $(row 4)"
grep -q "$(mac 5): no name: its serial number is n01's, its switch port is n07's" "$work/out" || fail "machine 5 looks like two nodes: $(cat "$work/out")"
discover --once --name 'sw-r1:swp[1-3]=r1n[01-03]' --name 'x[1-9]'
would 1 n01; would 2 n02; would 3 r1n03; would 4 x1; would 5 -
for f in '--serial c-*:3' '--switch sw-r1:swp[34]:3 4' '--switch SW-R1.EXAMPLE.COM:2' '--mac *:0[14]:1 4' '--product Standard*:1 2 3 4 5' '--product nothing:'; do
    # shellcheck disable=SC2086
    set -f; discover --once --json ${f%:*}; set +f
    want_macs=$(for n in ${f##*:}; do mac "$n"; echo; done)
    [ "$rc" = 0 ] && [ "$(jq -r .mac "$work/out" | sort)" = "$want_macs" ] || fail "${f%:*}: $(jq -c .mac "$work/out")"
done

"$orthrus" node approve n02 --plan >"$work/out" 2>&1 && grep -q "n02: the machine with MAC $(mac 2)" "$work/out" ||
    fail "the machine at n02's port is not taken for it: $(cat "$work/out")"

# Nothing without a word.
before=$(digest)
nothing() { [ "$rc" = "$1" ] && [ "$before" = "$(digest)" ] || fail "$2: exit $rc, or the state changed: $(cat "$work/err")"; }
rules=(--name 'sw-r1:swp[1-3]=r1n[01-03]' --name 'x[1-9]' --group compute)
discover --approve --once "${rules[@]}"; nothing 3 'approval without a terminal'
discover --approve --yes --once "${rules[@]}"; nothing 3 '--yes for everybody'
discover --approve --plan --mac '*' "${rules[@]}"; nothing 0 '--plan'
grep -q 'add r1n03: ' "$work/out" && grep -q 'n01: the machine with MAC' "$work/out" || fail "the plan: $(cat "$work/out")"
discover --plan; nothing 2 '--plan without --approve'
discover --once --name 'n[1-'; nothing 2 'a bad rule'
discover --approve --yes --once --serial 'C-*' --name 'x[1-9]'; nothing 2 'no group'
# A place that is taken is not given to another machine.
discover --approve --yes --once --serial 'C-*' --name 'sw-r1:swp3=n07' --group compute; nothing 0 'a name that is taken'
grep -q 'there is a node n07 already' "$work/out" || fail "a name that is taken: $(cat "$work/out" "$work/err")"

# Asked at a terminal, for one machine; the other is left alone by a no.
answer() { printf '%s\n' "$1" | timeout 20 script -qec "'$orthrus' node discover --approve --once $2" "$work/typescript" >"$work/out" 2>&1; rc=$?; }
answer no "--serial 'C-*' --name 'x[1-9]' --group compute"; nothing 0 'a no'
answer yes "--serial 'C-*' --name 'sw-r1:swp[1-3]=r1n[01-03]' --group compute"
[ "$rc" = 0 ] && is r1n03 3 || fail "a yes: $(cat "$work/out")"
# The rest of the list at once.
discover --approve --yes --once --mac '52:54:*' "${rules[@]}"
[ "$rc" = 0 ] || fail "approve: $(cat "$work/out" "$work/err")"
is n01 1; is n02 2; is x1 4
enrol "$(mac 4)" "$(machine "$(mac 4)" D)"; [ "$(value '.state + .node')" = approvedx1 ] || fail "machine 4 is told $(cat "$body")"
[ "$(curl -s --unix-socket "$sock" http://x/v1/pending | jq -r '.pending[].mac')" = "$(mac 5)" ] || fail "others wait than the one that looks like two"

# Another key for a node that has one: never by --yes.
make_keys other; enrol other "$(machine "$(mac 1)" A)"
before=$(digest)
discover --approve --yes --once --mac "$(mac 1)" --group compute; nothing 3 'another key for n01'
grep -q 'n01, with another key' "$work/out" && grep -q "orthrus node approve n01 --fingerprint" "$work/err" || fail "another key: $(cat "$work/out" "$work/err")"
api POST /v1/reject "$(jq -c '{plan:false, fingerprints:[.pending[] | .fingerprint]}' <(curl -s --unix-socket "$sock" http://x/v1/pending))"; want 200 reject

# Two who approve at once by the same rule.
for i in $(seq 101 116); do arrive "$i" "S$i"; done
( "$orthrus" node discover --approve --yes --once --serial 'S1*[02468]-*' --name 'y[01-99]' --group compute >"$work/even" 2>&1; echo $? >"$work/even-rc" ) &
two=$!
"$orthrus" node discover --approve --yes --once --serial 'S1*[13579]-*' --name 'y[01-99]' --group compute >"$work/odd" 2>&1 || fail "odd: $(cat "$work/odd")"
wait $two
[ "$(cat "$work/even-rc")" = 0 ] || fail "even: $(cat "$work/even")"
"$orthrus" node list --json | jq -r '.nodes[] | select(.name | startswith("y")) | .name + " " + .macs[0] + " " + .ipv4' >"$work/nodes"
[ "$(cut -d' ' -f1 "$work/nodes" | tr '\n' ' ')" = "$(seq -f 'y%02g' 16 | tr '\n' ' ')" ] || fail "names: $(cat "$work/nodes")"
for f in 2 3; do [ "$(cut -d' ' -f$f "$work/nodes" | sort -u | wc -l)" = 16 ] || fail "given twice: $(cat "$work/nodes")"; done
[ "$failed" = 0 ] && echo ok
exit $failed
