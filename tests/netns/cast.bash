# SPDX-License-Identifier: GPL-2.0-or-later
# What tests of the cast share: a network, a sender, receivers, and what they said. Sourced, not run; the test has made sure of root.
# shellcheck disable=SC2154
for p in jq nft tc ethtool ip nsenter; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
# shellcheck source=tests/lab/cast_net.bash
. "$TOP/tests/lab/cast_net.bash"
cast_net_private "$0" "$@"
renice -n -15 $$ >/dev/null 2>&1 || : # what else this machine does is not what is looked at
orthrus=$BUILD/orthrus
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
die() { fail "$@"; exit 1; }

# Files are in memory: a disk is not what is looked at.
work=$(mktemp -d)
mount -t tmpfs -o mode=700 cast "$work" || exit 1
cleanup() {
    kill -9 $(jobs -p) 2>/dev/null
    wait 2>/dev/null
    umount -l "$work"
    rmdir "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

now() { echo "$EPOCHREALTIME"; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a + 0 <= b + 0) }'; } # a <= b
until_so() { # SECONDS WHAT COMMAND...
    local n
    for n in $(seq $((100 * $1))); do
        "${@:3}" && return 0
        sleep 0.01
    done
    die "$2: not so after $1 s"
}

# The processes are those of this shell, so that they can be waited for: sender, receiver[I].
declare -a receiver
cast_send() { # FILE RECEIVERS OPTIONS...: until it gives its token
    rm -f "$work/token" "$work"/got* "$work"/.got* "$work"/said* "$work"/log*
    receiver=()
    net_in snd "$orthrus" cast send "$1" --receivers "$2" --interface eth0 --token-file "$work/token" --json "${@:3}" >"$work/said.snd" 2>"$work/log.snd" </dev/null &
    sender=$!
    until_so 10 "a token" test -s "$work/token"
}
cast_receive() { # I [NAME=VALUE...]: receiver I
    net_in "r$1" env "${@:2}" "$orthrus" cast receive "$work/got$1" --token-file "$work/token" --json >"$work/said$1" 2>>"$work/log$1" </dev/null &
    receiver[$1]=$!
}
sent_bytes() { # by the sender, all told
    local s
    s=$(net_sent snd)
    echo "${s% *}"
}
sent_at_least() { [ "$(sent_bytes)" -ge "$1" ]; }
ended() { # I: receiver I has ended, and well; what it has is what was sent
    wait "${receiver[$1]}" || { fail "receiver $1: exit $?: $(tail -n 3 "$work/log$1")"; return 1; }
    cmp "$file" "$work/got$1" || { fail "receiver $1 has another file"; return 1; }
}
said() { jq -s "last | $2" "$work/said$1"; } # of receiver I, or .snd
only_cast() { # I...: all that these lacked came by multicast
    local i
    for i in "$@"; do
        [ "$(said "$i" '.tls_bytes == 0 and .multicast_bytes + .kept_bytes == .bytes')" = true ] ||
            fail "receiver $i got $(said "$i" .multicast_bytes) of $(said "$i" .bytes) bytes by multicast, $(said "$i" .tls_bytes) by TLS, had $(said "$i" .kept_bytes)"
    done
}
at_end() { stat -c %.9Y "$work/said$1"; } # when receiver I said how it went
