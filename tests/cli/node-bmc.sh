#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# How a node's BMC is reached: said when it is added, by its group, or by its machine when that is approved, and never by the machine
# alone. (What is then done with it: node-power.)
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
. "$TOP/tests/cli/daemon.bash"
m=52:54:00:00:00
site=$root/etc/orthrus/site.json

bmc_is() { # NODE JSON
    local is; is=$(node_value "$1" '.bmc | if . then [.address, .protocol, .user, .password_set] else . end | tojson')
    [ "$is" = "$2" ] || fail "$1's BMC is $is, not $2"
}

start_daemon
make_site
jq '.groups[0].bmc = {protocol: "redfish", user: "operator"} | .groups += [{name: "other", extends: "compute", bmc: {user: "somebody"}}]' "$site" >"$work/site" && cp "$work/site" "$site"
run 0 site apply --yes
(umask 077; echo "cAnArY-9" >"$work/password")

# Said when it is added: an address is enough, the rest is the group's.
before=$(digest)
run 0 node add 'n[1-2]' --mac $m:01,$m:02 --group compute --bmc 10.9.0.11 --plan
says "n2: BMC address from none to 10.9.0.12"
[ "$(digest)" = "$before" ] || fail "a plan changed the state"
run 0 node add 'n[1-2]' --mac $m:01,$m:02 --group compute --bmc 10.9.0.11 --bmc-password-file "$work/password"
bmc_is n1 '["10.9.0.11","redfish","operator",true]'
bmc_is n2 '["10.9.0.12","redfish","operator",true]'
run 0 node show n1
says "10.9.0.11, user operator, password set, redfish"
! "$orthrus" node show n1 --json | grep -q cAnArY || fail "the password is shown"
run 3 node power n1 # nothing is sent: by the protocol of the group a key must be known
says "--bmc-pin"
run 0 node add n3 --mac $m:03 --group other --bmc 10.9.0.13
bmc_is n3 '["10.9.0.13","redfish","somebody",false]'
run 1 node power n3
says "the password of its BMC is not known"

# The node's own goes before, and what is taken back is the group's again.
run 0 node set n3 --bmc-user own --bmc-protocol ipmi
bmc_is n3 '["10.9.0.13","ipmi","own",false]'
run 0 node set n3 --bmc-user '' --bmc-protocol ''
bmc_is n3 '["10.9.0.13","redfish","somebody",false]'
# The group that the node has then is what counts; and a wrong one adds nobody.
run 0 node set n3 --group compute
bmc_is n3 '["10.9.0.13","redfish","operator",false]'
before=$(digest)
run 2 node add n4 --mac $m:04 --group compute --bmc 10.9.0.999
run 2 node add n4 --mac $m:04 --group compute --bmc-user 'a:b'
run 2 node add 'n[4-5]' --mac $m:04,$m:05 --group compute --bmc a.example
[ "$(digest)" = "$before" ] || fail "a refused node changed the state"

# A machine tells its BMC: it is shown with the approval, and kept.
port=$(tls_port)
with_bmc() { machine "$1" X | jq -c --arg a "$2" '.bmc = {address: $a, mac: "52:54:00:00:00:b1", vendor: "Dell"}'; }
enrol $m:06 "$(with_bmc $m:06 10.9.0.16)"; [ "$(value .state)" = pending ] || fail "not pending: $(cat "$body")"
words=$(value .words)
run 0 node approve n6 --group compute --fingerprint "$words" --plan
says "n6: BMC address from none to 10.9.0.16, as the machine itself says"
run 0 node approve n6 --group compute --fingerprint "$words" --yes
bmc_is n6 '["10.9.0.16","redfish","operator",false]'
# What it says later is in its inventory, and nowhere else.
enrol $m:06 "$(with_bmc $m:06 10.66.6.6)"; want 200 'enrolled'
hello $m:06 "$(with_bmc $m:06 10.66.6.6)"; want 200 'hello'
[ "$(node_value n6 .machine.bmc.address)" = 10.66.6.6 ] || fail "the inventory: $(node_value n6 .machine.bmc)"
bmc_is n6 '["10.9.0.16","redfish","operator",false]'
# One that is said goes before; IPv6 is written as --bmc has it; no address is none.
run 0 node add n7 --mac $m:07 --group compute --bmc 10.9.0.17
for try in "n7 $m:07 10.9.0.77" "n8 $m:08 fd00::8" "n9 $m:09 0.0.0.0"; do
    read -r node mac address <<<"$try"
    enrol "$mac" "$(with_bmc "$mac" "$address")"; words=$(value .words)
    more="--group compute"; [ $node != n7 ] || more=
    # shellcheck disable=SC2086
    run 0 node approve $node $more --fingerprint "$words" --yes
    [ $node = n8 ] || silent "BMC address"
done
bmc_is n7 '["10.9.0.17","redfish","operator",false]'
bmc_is n8 '["[fd00::8]","redfish","operator",false]'
bmc_is n9 null
# Whoever was approved without it is told what the machine says.
run 0 node set n6 --bmc ''
run 1 node power n6
says "its machine says 10.66.6.6; if that is right: orthrus node set n6 --bmc 10.66.6.6"
stop_daemon TERM
exit $failed
