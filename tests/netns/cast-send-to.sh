#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `orthrus cast send --to`: receivers that are begun on nodes by a real sshd, each node a namespace with its own disk. Nodes that are dead,
# mute, full, read-only, without the program: each by its reason, the others untouched. Ctrl-C, a sender or ssh or receiver killed.
set -u
TOP=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)} BUILD=${BUILD:-$TOP/build}
if [ "${1:-}" != inside ]; then
    [ "$(id -u)" = 0 ] || { echo "needs root for namespaces and sshd"; exit 77; }
    for p in sshd ssh-keygen jq socat ip curl; do
        command -v $p >/dev/null || [ -x "/usr/sbin/$p" ] || { echo "needs the program $p"; exit 77; }
    done
    # What is begun below ends with the namespace of processes.
    exec unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc bash "$0" inside
fi
mount -t tmpfs none /run
mkdir -p /run/sshd /run/netns
# shellcheck source=tests/cli/daemon.bash
. "$TOP/tests/cli/daemon.bash"
disk=$work/disk
mkdir -p "$disk" "$work"/{bin,none,slow,hangs,carried}
ln -s "$orthrus" "$work/bin/orthrus"
ip link set lo up
ip link add br0 type bridge stp_state 0 mcast_snooping 0
ip link set br0 up
ip addr add 10.77.0.1/16 dev br0
ip route add 224.0.0.0/4 dev br0

node_net() { # NAME ADDRESS
    ip netns add "$1" && ip link add "p$1" type veth peer name eth0 netns "$1" && ip link set "p$1" master br0 up &&
        ip -n "$1" link set lo up && ip -n "$1" addr add "$2/16" dev eth0 && ip -n "$1" link set eth0 up &&
        ip -n "$1" route add 224.0.0.0/4 dev eth0 || die "the network of $1"
}
sshd_on() { # NAME PATH TMPFS-OPTIONS [VARIABLE=VALUE]: its sshd, on its own disk; the process in $node_pid[NAME]
    cat >"$work/$1.config" <<END
HostKey $work/host_key
HostCertificate $work/host_key-cert.pub
TrustedUserCAKeys $work/user_ca.pub
PidFile none
UsePAM no
UseDNS no
StrictModes no
PermitRootLogin prohibit-password
SetEnv PATH=$2 SHLVL=2 ${4:-TMPDIR=$work/carried}
END
    nsenter --net="/run/netns/$1" unshare --mount --propagation private bash -c 'mount -t tmpfs -o "$1" disk "$2" && exec /usr/sbin/sshd -D -f "$3" -E "$4"' \
        sshd "$3" "$disk" "$work/$1.config" "$work/$1.log" &
    node_pid[$1]=$!
}
on() { local n=$1; shift; nsenter --target "${node_pid[$n]}" --mount --net -- "$@"; } # NAME COMMAND...

start_daemon
"$orthrus" site init --interface br0 --head-name head1 --subnet 10.77.0.0/16 --head-address 10.77.0.1 --trust-mac >/dev/null || die "site init"
"$orthrus" site apply --yes >/dev/null || die "site apply"
nodes='1 2 3 4 5 6 7 8 9 10'
macs() { local i; for i in "$@"; do printf '52:54:00:00:00:%02x,' "$i"; done; }
"$orthrus" node add 'n[01-10]' --mac "$(macs $nodes)" --group compute --ipv4 10.77.1.1 >/dev/null || die "node add"
"$orthrus" node add dead,mute --mac "$(macs 11 12)" --group compute --ipv4 10.77.2.1 >/dev/null || die "node add"
for _ in $(seq 200); do [ -s "$root/var/lib/orthrus/pki/ssh/user_ca.pub" ] && [ -s "$root/var/lib/orthrus/ssh/root-cert.pub" ] && [ -s "$root/var/lib/orthrus/ssh/known_hosts" ] && break; sleep 0.1; done
cp "$root/var/lib/orthrus/pki/ssh/user_ca.pub" "$work/user_ca.pub" || die "no user CA"
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key" &&
    ssh-keygen -q -s "$root/var/lib/orthrus/pki/ssh/host_ca" -I nodes -h -n "$(for i in $nodes; do printf 'n%02d.cluster.internal,' $i; done)x" "$work/host_key.pub" || die "host key"
declare -A node_pid
for i in $nodes; do node_net "$(printf n%02d $i)" 10.77.1.$i; done
node_net mute 10.77.2.2
for i in 1 2 3; do sshd_on n0$i "$work/bin:/usr/bin:/bin" size=200M; done
sshd_on n04 "$work/bin:/usr/bin:/bin" size=1M
# One that has no program, and where none may run from its usual temporary directory.
trap 'umount "$work/noexec" 2>/dev/null; cleanup' EXIT
mkdir "$work/noexec" && mount -t tmpfs -o noexec,size=100M none "$work/noexec" || die "a mount"
sshd_on n05 "$work/none:/usr/bin:/bin" size=200M "TMPDIR=$work/noexec"
sshd_on n06 "$work/bin:/usr/bin:/bin" size=200M,ro
# Two whose disks are slow, one that is well, one where the program hangs when it is begun.
printf '#!/bin/sh\nSLOW_SYNC=12 LD_PRELOAD=%s exec %s "$@"\n' "$BUILD/tests/lab/slow_write.so" "$orthrus" >"$work/slow/orthrus"
printf '#!/bin/sh\nexec sleep 600\n' >"$work/hangs/orthrus"
chmod 755 "$work"/{slow,hangs}/orthrus
for n in n07 n08; do sshd_on $n "$work/slow:/usr/bin:/bin" size=200M; done
sshd_on n09 "$work/bin:/usr/bin:/bin" size=200M
sshd_on n10 "$work/hangs:/usr/bin:/bin" size=200M
nsenter --net=/run/netns/mute socat TCP-LISTEN:22,fork EXEC:'sleep 300' >/dev/null 2>&1 &
for i in $nodes; do
    for _ in $(seq 200); do (exec 9<>/dev/tcp/10.77.1.$i/22) 2>/dev/null && break; sleep 0.05; done
done
for i in 01 02 03 07 08 09 10; do for _ in $(seq 100); do "$orthrus" node exec n$i -- true >/dev/null 2>&1 </dev/null && break; sleep 0.1; done; done

file=$work/file target=$disk/file
head -c 12M /dev/urandom >"$file"
said=$work # where it says what
send() { # OPTIONS...: in the background
    rm -f "$said/out" "$said/err"
    env --default-signal=INT "$orthrus" cast send "$file" "$@" >"$said/out" 2>"$said/err" </dev/null &
    send_pid=$!
}
ended() { # STATUS
    wait $send_pid
    local rc=$?
    [ $rc = "$1" ] || fail "cast send: exit $rc, not $1: $(cat "$said/out" "$said/err")"
}
has() { on "$1" cmp "$file" "$target" || fail "$1 has not what was sent"; }
lacks() { on "$1" test ! -e "$target" || fail "$1 has a file of this name"; }
clean() { local n; for n in n01 n02 n03; do on $n find "$disk" -type f -delete; done; }
receivers() { pgrep -f "^[^ ]*(orthrus|ld-linux.*) cast receive" | wc -l; }
none_left() { for _ in $(seq 500); do [ "$(receivers)" = 0 ] && return; sleep 0.01; done; fail "receivers still run: $(pgrep -af 'cast receive')"; }
wait_for() { for _ in $(seq 2000); do "$@" && return; sleep 0.01; done; die "waited too long for: $*: $(cat "$work/out" "$work/err")"; }
is() { jq -es "last | $1" "$said/out" >/dev/null || fail "not so: $1: $(cat "$said/out")"; }
why() { # NODE TEXT
    is ".nodes[] | select(.node == \"$1\") | .state == \"failed\" and (.why | contains(\"$2\"))"
}

# --- the plan does nothing; what makes no sense
run 0 cast send "$file" --to 'n[01-03]' --path "$disk/" --plan
says "write $target on each"
says 'as root on n[01-03] (3)'
says '10.77.0.1 by br0'
for n in n01 n02 n03; do lacks $n; done
run 2 cast send "$file" --to n01 --path relative
says 'does not begin with /'
run 2 cast send "$file" --to n01 --receivers 3
says '--to begins them'
run 2 cast send "$file" --path "$target"
says 'needs --to'
run 2 cast send "$file" --force
run 1 cast send "$file" --to n99
says "there is no node 'n99'"

# --- three nodes, by multicast, as they are shown to people; nobody on them can read the token
send --to 'n[01-03]' --path "$target" --rate 40

three() { [ "$(receivers)" = 3 ]; }
wait_for three
pgrep -af 'cast receive' >"$work/ps"
ended 0
grep -q orthrus-cast1 "$work/ps" "$work/out" "$work/err" && fail "the token is shown: $(cat "$work/ps" "$work/out")"
for n in n01 n02 n03; do has $n; done
grep -qE '^n\[01-03\] \(3\) +done +-$' "$work/out" || fail "the table: $(cat "$work/out")"
for n in n01 n02 n03; do grep -qE "^$n +\[####################\] 100 %  done" "$work/out" || fail "no line about $n: $(cat "$work/out")"; done
none_left
"$orthrus" audit show --node n02 >"$work/audited" 2>&1 || fail "audit show: $(cat "$work/audited")"
grep -q 'cast send .*done' "$work/audited" || fail "the audit log does not say it: $(cat "$work/audited")"
# Again: it exists; and then over it.
send --to n01 --path "$target"
ended 1
grep -q 'exists' "$work/out" || fail "not said that it exists: $(cat "$work/out" "$work/err")"
head -c 12M /dev/urandom >"$file"
send --to n01 --path "$target" --force --json
ended 0
has n01
is '.done == 1 and .failed == 0 and .nodes[0].state == "done" and .nodes[0].tls_bytes == 0'
clean

# --- what takes its time, at once: a disk that takes longer than anybody is waited for without a word, which is not cut off
slow_disk() {
    send --to n07,n08 --path "$target" --wait 10 --connect-timeout 1
    ended 0
    for n in n07 n08; do has $n; done
}
# Everything that can be wrong, and those for whom nothing is are not held up.
all_wrong() {
    send --to 'n[01-06],dead,mute' --path "$target" --json --gather 1 --connect-timeout 15
    ended 4
    for n in n01 n02 n03; do has $n; done
    is '.done == 3 and .failed == 5 and ([.nodes[] | select(.state == "done") | .node] == ["n01", "n02", "n03"])'
    why n04 'no room for'
    why n05 'no program `orthrus`'
    why n06 'Read-only file system'
    why dead 'ssh: '
    why mute 'ssh: '
    is '.nodes[] | select(.node == "n05") | .hint | contains("package orthrus")'
    # The mute node is given up after 15 s; the others had the file before that.
    is '([.nodes[] | select(.state == "done") | .seconds] | max) < (.nodes[] | select(.node == "mute") | .seconds)'
}
# One that hangs when it is begun: nobody knows, but not for long.
hangs() {
    local begun=$SECONDS
    send --to n09,n10 --path "$target" --json --gather 1 --wait 1 --connect-timeout 1
    ended 4
    [ $((SECONDS - begun)) -lt 60 ] || fail "a node that hangs is waited for: $((SECONDS - begun)) s"
    has n09
    why n10 'nothing was heard of it'
}
[ -e "$BUILD/tests/lab/slow_write.so" ] || die "there is no $BUILD/tests/lab/slow_write.so: make tests"
at_once=()
for case in slow_disk all_wrong hangs; do
    (said=$work/said.$case && mkdir "$said" && trap - EXIT && $case; exit "$failed") &
    at_once+=($!)
done
for case in "${at_once[@]}"; do wait "$case" || failed=1; done
none_left
clean
run 4 cast send "$file" --to n01,n05 --path "$target"
says 'next: install the package orthrus'
says_like '^n05 \(1\) +failed +there is no program'
clean
# The program goes along, for as long as it is needed.
carried() { find "$work/carried" "$work/noexec" -mindepth 1; find /var/tmp -maxdepth 1 -name 'orthrus-carry.*' -newer "$work/before"; }
touch "$work/before"
run 0 cast send "$file" --to n01,n05 --path "$target" --carry
has n05
[ -z "$(carried)" ] || fail "carried programs stay: $(carried)"
on n05 rm "$target"
clean
send --to n05 --path "$target" --carry --rate 10 --json
progress() { grep -qsE '"percent":[1-9]' "$work/err"; }
wait_for progress
kill -INT $send_pid
ended 1
none_left
lacks n05
for _ in $(seq 500); do [ -z "$(carried)" ] && break; sleep 0.01; done
[ -z "$(carried)" ] || fail "carried programs stay after Ctrl-C: $(carried)"

# --- an image goes into their stores, by the key that they trust
mkdir -p "$work/tree/etc"
head -c 6M /dev/urandom >"$work/tree/etc/data"
"$orthrus" image build compute --from "$work/tree" >/dev/null 2>"$work/err" || fail "image build: $(cat "$work/err")"
"$orthrus" cast send compute --to n01,n02 --path "$disk/store" --json >"$work/out" 2>"$work/err" </dev/null
[ $? = 1 ] || fail "cast send compute: $(cat "$work/out" "$work/err")"
why n01 'the key of images'
# As on a head, which has the key.
printf '#!/bin/sh\nORTHRUS_ROOT=%s exec %s "$@"\n' "$root" "$orthrus" >"$work/rooted"
chmod 755 "$work/rooted"
rm "$work/bin/orthrus" && cp "$work/rooted" "$work/bin/orthrus"
"$orthrus" cast send compute --to n01,n02 --path "$disk/store" --json >"$work/out" 2>"$work/err" </dev/null || fail "cast send compute: $(cat "$work/out" "$work/err")"
is '.done == 2 and (.file | startswith("compute/")) and ([.nodes[].tls_bytes] | max) == 0'
for n in n01 n02; do on $n test -s "$disk/store/images/$(jq -rs 'last | .file' "$work/out")/manifest.sig" || fail "$n has no image"; done
rm "$work/bin/orthrus" && ln -s "$orthrus" "$work/bin/orthrus"
clean

# --- Ctrl-C: the receivers end, no name is given, what came is kept for the next time
send --to 'n[01-03]' --path "$target" --rate 10 --json
wait_for progress
kill -INT $send_pid
ended 1
none_left
for n in n01 n02 n03; do lacks $n; done
why n01 stopped
send --to 'n[01-03]' --path "$target" --json
ended 0
for n in n01 n02 n03; do has $n; done
is '[.nodes[].kept_bytes] | min > 0'
clean

# --- the sender is killed: nobody waits for it on the nodes
send --to 'n[01-03]' --path "$target" --rate 10 --json
wait_for progress
kill -KILL $send_pid
wait $send_pid 2>/dev/null
none_left
for n in n01 n02 n03; do lacks $n; done
clean
# The file is changed, and a node that hangs does not hear of it: it is not waited for longer than --wait and --connect-timeout.
send --to 'n[01-02]' --path "$target" --rate 10 --json --wait 1 --connect-timeout 1
wait_for progress
hung=$(pgrep -f "^orthrus cast receive" | while read -r p; do [ "$(readlink "/proc/$p/ns/net")" = "$(readlink "/proc/${node_pid[n02]}/ns/net")" ] && echo "$p"; done)
kill -STOP "$hung"
touch "$file"
begun=$SECONDS
ended 1
[ $((SECONDS - begun)) -lt 40 ] || fail "a node that hangs is waited for: $((SECONDS - begun)) s"
kill -KILL "$hung"
none_left
clean
# A connection is lost: that receiver ends, the others go on. A receiver is killed: ditto.
send --to 'n[01-03]' --path "$target" --rate 20 --json
wait_for progress
kill -KILL "$(pgrep -f "^ssh .*HostName=10.77.1.1 " | head -n 1)"
kill -KILL "$(pgrep -f "^orthrus cast receive" | while read -r p; do [ "$(readlink "/proc/$p/ns/net")" = "$(readlink "/proc/${node_pid[n02]}/ns/net")" ] && echo "$p"; done)"
ended 4
none_left
lacks n01
lacks n02
has n03
is '.done == 1 and .failed == 2'
why n02 'exit 255 (or a signal ended it)'
exit $failed
