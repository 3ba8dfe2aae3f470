#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: it measures what a guard costs a processor
# A million datagrams a minute that no voter made, from the address and port of one: the lease stays where it is, each renewal in time, and the guard
# that has it takes less than a fifth of a core.
set -u
command -v python3 >/dev/null || { echo "needs python3 (tools/deps.sh all)"; exit 77; }
# shellcheck source=tests/netns/guard.bash
. "$(dirname "$0")/guard.bash"

guard_network head1=1 head2=2 w1=3
guard_site '.pair.lease_ms = 100 | .pair.renew_ms = 20'
for h in head1 head2 w1; do guard_start $h; done
until_value head1 role holder
until_value head2 role standby
guard_kill head2 TERM # its address and port are somebody else's now
until_value head1 role holder
port=$(jq -r '.pair.port // 4600' "$work/etc/orthrus/site.json")
ticks() { awk '{ print $14 + $15 }' "/proc/${pid[head1]}/stat"; }
refused=$(value head1 refused_messages) losses=$(value head1 losses) late=$(value head1 late_renewals)
flood() { # sets sent, took, percent, a_minute
    local before since after
    before=$(ticks) since=${EPOCHREALTIME/./}
    sent=$(ip netns exec head2 python3 - "$port" <<'END'
import socket, sys, time, random
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.77.0.2", int(sys.argv[1])))
r = random.Random(1)
kinds = [r.randbytes(96), b"OGRD" + bytes([1]) + r.randbytes(91), r.randbytes(20), r.randbytes(1400)]
begin, sent = time.monotonic(), 0
while time.monotonic() - begin < 12: # 1,000,000 a minute, and some more: 17 or 18 each ms
    for i in range(17):
        s.sendto(kinds[(sent + i) % 4], ("10.77.0.1", int(sys.argv[1])))
    sent += 17
    time.sleep(max(0, begin + sent / 17667 - time.monotonic()))
print(sent)
END
)
    took=$((${EPOCHREALTIME/./} - since)) after=$(ticks)
    percent=$(((after - before) * 1000000 * 100 / $(getconf CLK_TCK) / took))
    a_minute=$((sent * 60 * 1000000 / took))
}
# A machine that has much else to do may not send as many: again, then.
for _ in 1 2 3; do
    refused=$(value head1 refused_messages)
    flood
    [ "$a_minute" -lt 1000000 ] || break
done
[ "$a_minute" -ge 1000000 ] || die "only $a_minute datagrams a minute were sent: the machine is too busy"
[ "$(value head1 role)" = holder ] && [ "$(value head1 losses)" = "$losses" ] || fail "the lease moved: $(status head1)"
[ $(($(value head1 refused_messages) - refused)) -ge $((sent / 2)) ] || fail "it refused $(value head1 refused_messages) of $sent"
[ "$percent" -lt 20 ] || fail "it took $percent % of a core"
[ "$failed" = 0 ] && echo "RESULT guard_flood a_minute=$a_minute core_percent=$percent moved=0 late_renewals=$(($(value head1 late_renewals) - late))"
exit $failed
