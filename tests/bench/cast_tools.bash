# SPDX-License-Identifier: GPL-2.0-or-later
# The programs that bring a file to several machines: for each, how its receivers are started and are known to wait, how the sender is
# started, and what tells that the last receiver has the whole file. Sourced by cast.sh, which has the network and $W, $ORTHRUS, $N, $file.
#   NAME_receivers   starts N of them; they end up with the file in $(NAME_file I)
#   NAME_send        starts the sender and returns when the last one has it all
# shellcheck disable=SC2034,SC2154,SC2329

tools=(orthrus udpcast_full udpcast_half udpcast_tuned uftp uftp_tuned)

# Each runs below time(1): its CPU seconds and the most memory it had, when it has ended.
receiver() { # I COMMAND...
    command time -q -o "$W/rx$1.time" -f '%M %U %S' nsenter --net="/run/netns/r$1" -- "${@:2}" >"$W/rx$1.log" 2>&1 </dev/null &
    rx+=($!)
}
sender() { # COMMAND...
    command time -q -o "$W/tx.time" -f '%M %U %S' nsenter --net=/run/netns/snd -- "$@" >"$W/tx.log" 2>&1 </dev/null &
    tx=$!
}
all_end() {
    local p
    for p in "${rx[@]}"; do wait "$p" || return 1; done
}
until_there() { # WHAT COMMAND...: until it is so
    local n
    for n in $(seq 1000); do
        "${@:2}" 2>/dev/null && return 0
        sleep 0.01
    done
    echo "$1: not there after 10 s" >&2
    return 1
}
bound() { # I PORT (hexadecimal): somebody listens there
    net_run "r$1" grep -q "^ *[0-9]*: [0-9A-F]*:$2 " /proc/net/udp
}

# A token is made with each cast. The receivers wait for theirs at a pipe: what they do with it, connections and tickets, is in the time.
orthrus_receivers() {
    local i
    rm -f "$W"/token* "$W"/give* "$W"/waits*
    for i in $(seq "$N"); do
        mkfifo "$W/token$i" "$W/give$i"
        receiver "$i" "$ORTHRUS" cast receive "$W/out/$i" --token-file "$W/token$i" --json
        { exec 3>"$W/token$i"; : >"$W/waits$i"; cat "$W/give$i" >&3; } &
    done
    for i in $(seq "$N"); do until_there "receiver $i" test -e "$W/waits$i" || return 1; done
}
orthrus_send() {
    local i token
    sender "$ORTHRUS" cast send "$file" --receivers "$N" --interface eth0 --token-file "$W/token" --json
    until [ -s "$W/token" ]; do
        kill -0 "$tx" 2>/dev/null || return 1
        sleep 0.002
    done
    token=$(<"$W/token")
    for i in $(seq "$N"); do echo "$token" >"$W/give$i"; done
    all_end
}
orthrus_file() { echo "$W/out/$1"; }

# Its packets are the largest it can make by themselves. A receiver goes at once when it has all (--exit-wait): it is not charged with
# the half second that it would listen on.
udpcast_receivers() {
    local i
    for i in $(seq "$N"); do receiver "$i" udp-receiver --nokbd --nosync --exit-wait 1 --interface eth0 --file "$W/out/$i"; done
    for i in $(seq "$N"); do until_there "receiver $i" bound "$i" 2328 || return 1; done
}
udpcast_send() { # OPTIONS...
    sender udp-sender --nokbd --nopointopoint --min-receivers "$N" --interface eth0 --file "$file" "$@"
    all_end
}
udpcast_full_receivers() { udpcast_receivers; }
udpcast_half_receivers() { udpcast_receivers; }
udpcast_tuned_receivers() { udpcast_receivers; }
udpcast_full_send() { udpcast_send --full-duplex; }
udpcast_half_send() { udpcast_send --half-duplex; }
# By itself it looks only every two seconds whether all receivers are there. An option that is for something else makes it look sooner.
udpcast_tuned_send() { udpcast_send --full-duplex --rexmit-hello-interval 50; }
udpcast_full_file() { echo "$W/out/$1"; }
udpcast_half_file() { echo "$W/out/$1"; }
udpcast_tuned_file() { echo "$W/out/$1"; }

# At its best rate, else as it is; tuned: the clients are named, so it need not wait to see who comes, with buffers and blocks as large as
# may be. Its daemons do not end: the sender ends some 20 ms after the last one has said that it has all.
uftp_receivers() { # OPTIONS...
    local i
    for i in $(seq "$N"); do
        mkdir "$W/out/$i"
        receiver "$i" uftpd -d -q -I eth0 -D "$W/out/$i" "$@"
    done
    for i in $(seq "$N"); do until_there "receiver $i" bound "$i" 0414 || return 1; done
}
uftp_send() { # OPTIONS...
    sender uftp -I eth0 -R "${uftp_rate:--1}" "$@" "$file"
    wait "$tx"
}
uftp_tuned_receivers() { uftp_receivers -B 4194304 -c 4194304; }
uftp_tuned_send() {
    local i ids=
    for i in $(seq "$N"); do ids=$ids,$(printf '0x0a6300%02x' $((10 + i))); done
    uftp_send -B 4194304 -b 1400 -H "${ids#,}"
}
uftp_tuned_file() { uftp_file "$1"; }
uftp_file() { echo "$W/out/$1/${file##*/}"; }
