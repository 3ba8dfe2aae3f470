#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# calm: leases are of 100 ms
# The guards as their units start them: real time by limits, as the package's user, in its groups, with the capabilities that the unit leaves and
# no others; keys and passwords as the manual says they are to be. No --lab.
set -u
for p in setpriv prlimit systemd-sysusers; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
# shellcheck source=tests/netns/guard.bash
. "$(dirname "$0")/guard.bash"
chmod 755 "$work"
# The users of the package exist for this test only.
mkdir -p "$work/sys/etc" "$work/bin" "$work/run"
cp /etc/passwd /etc/group "$work/sys/etc/"
systemd-sysusers --root="$work/sys" "$TOP/packages/orthrus.sysusers" 2>"$work/err" || die "systemd-sysusers: $(cat "$work/err")"
mount --bind "$work/sys/etc/passwd" /etc/passwd && mount --bind "$work/sys/etc/group" /etc/group || die "mount --bind"
cp "$guard" "$orthrus" "$work/bin/" # where this test was built may be closed to others
guard=$work/bin/orthrus-guard orthrus=$work/bin/orthrus PATH=$work/bin:$PATH
chown orthrus-guard: "$work/run"

guard_network head1=1 head2=2 w1=3
guard_site '.pair.lease_ms = 1000 | .pair.renew_ms = 200'
[ "$(stat -c %U "$work/guard.key")" = orthrus-guard ] || fail "the key belongs to $(stat -c %U "$work/guard.key")"
of_unit() { sed -n "s/^$2=//p" "$TOP/packages/$1.service"; } # UNIT KEY
# Where nobody may raise limits (a container without CAP_SYS_RESOURCE), two capabilities stand for them.
limits=(prlimit --memlock=unlimited --rtprio="$(of_unit orthrus-guard LimitRTPRIO)" --rttime=unlimited) instead=
"${limits[@]}" true 2>/dev/null || limits=() instead="CAP_SYS_NICE CAP_IPC_LOCK"
caps() { tr ' ' '\n' <<<"$1" | sed -n 's/^CAP_\(.*\)/+\L\1/p' | tr '\n' ',' | sed 's/,$//'; }
unit_start() { # NAME UNIT
    local bounding ambient groups
    bounding=$(caps "$(of_unit "$2" CapabilityBoundingSet) $instead") ambient=$(caps "$(of_unit "$2" AmbientCapabilities) $instead") groups=$(of_unit "$2" SupplementaryGroups)
    ip netns exec "$1" "${limits[@]}" setpriv --reuid "$(of_unit "$2" User)" --regid orthrus-guard --groups "orthrus-guard${groups:+,$groups}" \
        --inh-caps="-all${ambient:+,$ambient}" --ambient-caps="-all${ambient:+,$ambient}" --bounding-set="-all${bounding:+,$bounding}" --no-new-privs \
        "$guard" --site "$work/etc/orthrus/site.json" --self "$1" --key "$work/guard.key" --control "$work/run/$1.sock" >>"$work/$1.log" 2>&1 </dev/null &
    pid[$1]=$!
    ln -sf "run/$1.sock" "$work/$1.sock"
}
unit_start head1 orthrus-guard
unit_start head2 orthrus-guard
unit_start w1 orthrus-witness
until_value head1 role holder
until_value head2 role standby
until_value w1 role witness
until_address head1 10.77.0.100
for h in head1 head2 w1; do
    [ "$(cut -d' ' -f41 "/proc/${pid[$h]}/stat")" = 1 ] || fail "$h is not SCHED_FIFO"
    [ "$(stat -c %a "$work/run/$h.sock")" = 660 ] || fail "the socket of $h has the mode $(stat -c %a "$work/run/$h.sock")"
    said $h 'error' && fail "$h says: $(grep error "$work/$h.log")"
done
[ "$(stat -c %G "$work/run/head1.sock")" = orthrus ] || fail "orthrusd can't ask: the socket's group is $(stat -c %G "$work/run/head1.sock")"
# It gives everything up as well as it took it.
head_does head1 switch || fail "head switch: $(cat "$work/err")"
until_value head2 role holder
until_no_address head1 10.77.0.100
# The key of another user's is none, and what helps is said.
guard_kill w1 TERM
chown root: "$work/guard.key"
unit_start w1 orthrus-witness
until_said w1 'chown orthrus-guard'
chown orthrus-guard: "$work/guard.key"
exit $failed
