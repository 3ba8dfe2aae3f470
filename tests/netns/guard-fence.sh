#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# calm: leases are of 100 ms
# Two heads without a witness: nobody takes over from a head that is silent before it is off for certain. By a fence agent; by a person; not at
# all where nothing can switch it off. A cable that is out for a moment switches nobody off, and of two heads that don't hear each other one stays.
set -u
# shellcheck source=tests/netns/guard.bash
. "$(dirname "$0")/guard.bash"

guard_network head1=1 head2=2
mkdir "$work/bin"
# Its power is a file; whoever plays the machines (below) makes it so.
cat >"$work/bin/fence_lab" <<END
#!/bin/bash
input=\$(cat)
plug=\$(sed -n 's/^plug=//p' <<<"\$input")
case \$input in
*action=off*) echo x >>"$work/offs-\$plug"; [ -e "$work/offs-\$plug" ] ;;
*action=status*) [ -e "$work/is-off-\$plug" ] && exit 2; exit 0 ;;
esac
END
chmod 755 "$work/bin/fence_lab"
export PATH=$work/bin:$PATH
fence='{head: $h, driver: "fence-agent", agent: "fence_lab", options: ["plug=" + $h]}'
guard_site ".pair.witnesses = [] | .pair.lease_ms = 100 | .pair.fences = ([\"head1\", \"head2\"] | map(. as \$h | $fence))"
jq '.pair.fences |= map({head, driver: "manual"})' "$work/etc/orthrus/site.json" >"$work/manual.json"
jq '.pair.fences = []' "$work/etc/orthrus/site.json" >"$work/nothing.json"

asked() { [ -e "$work/offs-$1" ]; }
until_asked() { for _ in $(seq 1000); do asked "$1" && return; sleep 0.02; done; die "nobody switches $1 off"; }
power_off() { guard_kill "$1" KILL; : >"$work/is-off-$1"; }
power_on() { rm -f "$work/is-off-$1" "$work/offs-$1"; guard_start "$1" "${@:2}"; }
cable() { ip -n switch link set "phead1" "$1"; }
until_pair() { # HOLDER STANDBY
    until_value "$1" role holder
    until_value "$2" role standby
    until_value "$2" holder "$1"
}

for h in head1 head2; do guard_start $h; done
until_pair head1 head2

# --- it dies: nobody answers before it is off
guard_kill head1 KILL
until_said head2 'head1 is silent: if it stays so'
[ "$(value head2 role)" = standby ] || fail "it took over without more ado"
until_asked head1
[ "$(value head2 role)" = standby ] || fail "it took over from a head that was not off yet"
: >"$work/is-off-head1"
until_value head2 role holder
said head2 'head1 is off, as was ordered and seen' || fail "nobody said that it is off"
power_on head1
until_pair head2 head1

# --- a cable that is out for a moment
before=$(grep -c 'if it stays so' "$work/head2.log")
cable down
for _ in $(seq 500); do [ "$(grep -c 'if it stays so' "$work/head2.log")" -gt "$before" ] && break; sleep 0.01; done
cable up
until_said head2 'head1 is heard again: it stays on'
until_one() { # one has it, the other one not: $one, $other
    for _ in $(seq 500); do
        case $(value head1 role)$(value head2 role) in holderstandby) one=head1 other=head2; return ;; standbyholder) one=head2 other=head1; return ;; esac
        sleep 0.02
    done
    die "nobody answers: $(status head1) $(status head2)"
}
until_one # who asks first
asked head1 || asked head2 && fail "a head was switched off for a moment's silence"
[ -z "$(value head2 problem | grep 'may be on')" ] || fail "head2 has a problem: $(value head2 problem)"

# --- one that is out for long: who had the addresses stays
cable down
until_asked "$other"
asked "$one" && fail "both are switched off"
power_off "$other"
until_value "$one" role holder
asked "$one" && fail "both are switched off"
cable up
power_on "$other"
until_pair "$one" "$other"

# --- a person says so
for h in head1 head2; do guard_kill $h TERM; done
for h in head1 head2; do guard_start $h --site "$work/manual.json"; done
until_pair head1 head2
head_does head2 fenced head1 --yes && fail "a head that answers was said to be off"
grep -q 'nobody asks' "$work/err" || fail "head fenced: $(cat "$work/err")"
guard_kill head1 KILL
until_said head2 'make sure that head1 is off, and say so'
[[ $(value head2 problem) == *"orthrus head fenced head1"* ]] || fail "the status does not say what to do: $(status head2)"
guard_start head1 --site "$work/manual.json" # it was not off, and is back
for _ in $(seq 1000); do [ "$(value head2 problem)" = null ] && break; sleep 0.02; done
[ "$(value head2 problem)" = null ] || fail "an administrator is still told to do something: $(value head2 problem)"
until_one
[ "$one" = head1 ] || { for _ in $(seq 500); do head_does head2 switch && break; sleep 0.02; done; until_pair head1 head2; }
waited=$(grep -c 'make sure that head1' "$work/head2.log")
guard_kill head1 KILL
for _ in $(seq 1000); do [ "$(grep -c 'make sure that head1' "$work/head2.log")" -gt "$waited" ] && break; sleep 0.02; done
head_does head2 fenced head1 --yes || fail "head fenced: $(cat "$work/err")"
until_value head2 role holder

# --- nothing can switch it off, nobody can tell: it is not taken over from
guard_kill head2 TERM
for h in head1 head2; do guard_start $h --site "$work/nothing.json"; done
until_pair head1 head2
guard_kill head1 KILL
until_said head2 'neither a third voter nor a fence'
[[ $(value head2 problem) == *pair.fences* ]] || fail "the status does not say what helps: $(status head2)"
sleep 1 # ten leases
[ "$(value head2 role)" = standby ] || fail "it took over all the same"
exit $failed
