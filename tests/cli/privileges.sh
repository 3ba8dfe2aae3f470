#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# orthrusd without privileges: what the units say, what its processes may, what its helper refuses, and that all of it still works. The users of
# the package exist in this test's own /etc/passwd only.
set -u
for p in systemd-analyze systemd-sysusers systemd-socket-activate unshare ip dnsmasq busybox python3 jq curl; do
    command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "needs root: it becomes other users, and makes namespaces"; exit 77; }
if [ -z "${PRIVILEGES_NS:-}" ]; then
    PRIVILEGES_NS=1 exec unshare --mount --propagation private bash "$0"
fi
. "$TOP/tests/cli/daemon.bash"
head=psh$$ node=psn$$ pids=()
end() {
    # shellcheck disable=SC2317
    for p in "${pids[@]}"; do kill "$p" 2>/dev/null && wait "$p" 2>/dev/null; done
    # shellcheck disable=SC2317
    for n in "$head" "$node"; do ip netns del "$n" 2>/dev/null; done
    cleanup
}
trap end EXIT
trap 'exit 1' INT TERM
chmod 755 "$work"
say() { echo "--- $1"; }
mac=52:54:00:00:00:01

say "the units"
exposure() { # UNIT [DIRECTORY]
    systemd-analyze security --offline=yes --no-pager "${2:-$TOP/packages}/$1.service" | sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\) .*/\1/p'
}
cp "$TOP/packages/orthrus-relay@.service" "$work/orthrus-relay@rack2.service"
orthrusd_level=$(exposure orthrusd) helper_level=$(exposure orthrus-helper) relay_level=$(exposure orthrus-relay@rack2 "$work")
"$BUILD/tests/lab/hostfile" etc/systemd/system/orthrus-relay.service >"$work/orthrus-relay.service" || fail "a node has no unit for a relay"
node_level=$(exposure orthrus-relay "$work")
guard_level=$(exposure orthrus-guard) witness_level=$(exposure orthrus-witness)
for level in "$guard_level" "$witness_level"; do
    awk -v l="${level:-10}" 'BEGIN { exit !(l <= 2.5) }' || fail "systemd-analyze security says ${level:-nothing} of the guard: more than 2.5"
done
for u in orthrus-guard orthrus-witness; do # it must hear how fast the clock is made to run: docs/failover.md
    ! grep -q '^ProtectClock=y' "$TOP/packages/$u.service" && grep -q '^SystemCallFilter=adjtimex clock_adjtime$' "$TOP/packages/$u.service" || fail "$u.service: the guard can't ask for the clock's rate"
done
echo "RESULT privileges guard=$guard_level witness=$witness_level orthrusd=$orthrusd_level helper=$helper_level relay=$relay_level relay_of_node=$node_level"
for level in "$orthrusd_level" "$helper_level" "$relay_level" "$node_level"; do
    awk -v l="${level:-10}" 'BEGIN { exit !(l <= 2.0) }' || fail "systemd-analyze security says ${level:-nothing}: more than 2.0"
done
grep -qx 'CapabilityBoundingSet=' "$TOP/packages/orthrusd.service" || fail "orthrusd.service leaves orthrusd capabilities"
! grep -q '^RestrictSUIDSGID=y' "$TOP/packages/orthrusd.service" || fail "orthrusd.service takes openat2 away, by which images are opened"
for u in orthrusd orthrus-helper; do grep -q '^SystemCallFilter=.*\bseccomp\b' "$TOP/packages/$u.service" || fail "$u.service: what it starts can't give up system calls"; done

say "users, from the package's file"
mkdir -p "$work/sys/etc" "$work/bin"
cp /etc/passwd /etc/group "$work/sys/etc/"
systemd-sysusers --root="$work/sys" "$TOP/packages/orthrus.sysusers" 2>"$work/err" || die "systemd-sysusers: $(cat "$work/err")"
mount --bind "$work/sys/etc/passwd" /etc/passwd && mount --bind "$work/sys/etc/group" /etc/group || die "mount --bind"
uid=$(id -u orthrus) net_uid=$(id -u orthrus-net) net_gid=$(id -g orthrus-net)
id -Gn orthrus | grep -qw orthrus-net || fail "orthrus is not in the group orthrus-net: $(id orthrus)"
# Where this test was built may be closed to others.
cp "$BUILD/orthrus" "$BUILD/orthrusd" "$BUILD/orthrus-imager" "$BUILD/orthrus-node" "$work/bin/"
cp -r "$TOP/netboot/initramfs" "$work/scripts"

ip netns add "$head" && ip netns add "$node" || die "ip netns"
ip -n "$head" link add eth0 type veth peer name eth0 netns "$node"
ip -n "$head" addr add 10.77.0.1/24 dev eth0
for l in lo eth0; do ip -n "$head" link set $l up; done
ip -n "$node" link set eth0 address $mac
ip -n "$node" link set eth0 up

launch() { # OPTIONS of orthrusd
    rm -f "$sock"
    ip netns exec "$head" "$work/bin/orthrusd" --root "$root" --netboot-dir "$work/scripts" "$@" >>"$work/log" 2>&1 </dev/null &
    daemon_pid=$!
    for _ in $(seq 300); do
        [ -S "$sock" ] && curl -s --max-time 5 --unix-socket "$sock" http://x/v1/status >/dev/null && return 0
        kill -0 "$daemon_pid" 2>/dev/null || die "orthrusd ended: $(tail -n 5 "$work/log")"
        sleep 0.1
    done
    die "orthrusd is not ready after 30 s"
}
status_of() { curl -s --unix-socket "$sock" http://x/v1/status | jq -r "$1"; }
wait_dnsmasq() { # until it is $1
    for _ in $(seq 100); do [ "$(status_of .dnsmasq)" = "$1" ] && return 0; sleep 0.1; done
    fail "dnsmasq is $(status_of .dnsmasq), not $1: $(status_of .dnsmasq_last_end)"
}

say "what a root orthrusd left is gone on with"
daemon_options=""
launch --no-dnsmasq
make_site --trust-mac
"$orthrus" site apply --yes >/dev/null || die "site apply"
"$orthrus" node add n01 --mac $mac --group compute >/dev/null || die "node add"
tiny_image compute
mkdir -p "$root/srv/orthrus/diskless"
stop_daemon TERM
# As a version left it that closed nothing: each user of the head could read what is in images.
store=$root/srv/orthrus/store
chown root:root "$store"
private="$root/var/lib/orthrus/raft $root/var/lib/orthrus/pki $root/var/lib/orthrus/hooks $root/var/lib/orthrus/console $root/srv/orthrus/diskless"
# shellcheck disable=SC2086
mkdir -p $private && chmod 755 "$store" $private
mkdir -p "$root/etc/slurm" "$root/etc/clustershell/groups.d"
echo old >"$root/etc/slurm/orthrus.conf"
[ "$(stat -c %u "$root/var/lib/orthrus/pki/ca.key")" = 0 ] || fail "root's orthrusd made keys of another"
launch --user orthrus
wait_dnsmasq running

[ "$(stat -c %U:%G:%a "$store")" = root:orthrus:750 ] || fail "the store is $(stat -c %U:%G:%a "$store")"
# shellcheck disable=SC2086
for d in $private; do [ "$(stat -c %U:%a "$d")" = orthrus:700 ] || fail "$d is $(stat -c %U:%a "$d")"; done

say "its processes"
caps() { # PID UID MASK: each of its threads
    local task field
    for task in /proc/"$1"/task/*; do
        [ "$(awk '/^Uid:/ { print $2 $3 $4 $5 }' "$task/status")" = "$2$2$2$2" ] || fail "$(cat "$task/comm") runs as $(grep ^Uid: "$task/status")"
        for field in CapInh CapPrm CapEff CapBnd CapAmb; do
            [ "$(sed -n "s/^$field:\t//p" "$task/status")" = "$3" ] || fail "$(cat "$task/comm"): $(grep "^$field" "$task/status")"
        done
        grep -q "^NoNewPrivs:.*1" "$task/status" || fail "$(cat "$task/comm") may gain rights"
    done
}
querier() { # the process that asks for multicast members
    local p
    for p in $(ip netns pids "$head"); do tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -q -- '--querier' && echo "$p"; done
}
wait_querier() { # until it is $1
    for _ in $(seq 100); do [ "$(status_of .querier.state)" = "$1" ] && return 0; sleep 0.1; done
    fail "the querier is not $1: $(status_of .querier)"
}
wait_querier running
for field in CapPrm CapEff CapAmb; do
    [ "$(sed -n "s/^$field:\t//p" "/proc/$(querier)/status")" = 0000000000000000 ] || fail "the querier: $(grep "^$field" "/proc/$(querier)/status")"
done
[ "$(awk '/^Uid:/ { print $2 $3 $4 $5 }' "/proc/$(querier)/status")" = "$net_uid$net_uid$net_uid$net_uid" ] || fail "the querier is not orthrus-net"
for _ in $(seq 100); do [ "$(status_of .querier.ipv4)" != null ] && break; sleep 0.1; done
status_of .querier.ipv4 | grep -q 'none heard yet' || fail "the querier listens to $(status_of .querier)"
[ "$(status_of .querier.interface)" = eth0 ] || fail "the querier is on $(status_of .querier.interface)"
for what in 'Seccomp:	2' 'NoNewPrivs:	1'; do grep -qx "$what" "/proc/$(querier)/status" || fail "the querier: no '$what'"; done
[ "$(stat -c %u "/proc/$(querier)/mem")" = 0 ] || fail "the memory of the querier is open to its user"
was=$(querier)
# An upgrade comes while the helper runs: the querier that it starts next speaks as the helper does.
printf '#!/bin/sh\nexit 9\n' >"$work/bin/new" && chmod 755 "$work/bin/new" && cp -p "$work/bin/orthrusd" "$work/bin/again" && mv "$work/bin/new" "$work/bin/orthrusd"
kill -9 "$was"
for _ in $(seq 100); do now=$(querier); [ -n "$now" ] && [ "$now" != "$was" ] && break; sleep 0.1; done
[ -n "$now" ] && [ "$now" != "$was" ] || fail "a querier that was killed is not started again"
wait_querier running
mv "$work/bin/again" "$work/bin/orthrusd"
dnsmasq_pid=$(status_of .dnsmasq_pid)
helper_pid=$(awk '/^PPid:/ { print $2 }' "/proc/$dnsmasq_pid/status")
[ "$(cat "/proc/$helper_pid/comm")" = orthrusd ] && [ "$helper_pid" != "$daemon_pid" ] || fail "dnsmasq was not started by the helper"
for p in "$helper_pid" "$now"; do [ "$(stat -L -c %d:%i "/proc/$p/exe")" = "$(stat -L -c %d:%i "/proc/$daemon_pid/exe")" ] || fail "$p is another program: $(readlink "/proc/$p/exe")"; done
caps "$daemon_pid" "$uid" 0000000000000000
caps "$helper_pid" "$net_uid" 0000000000003400
caps "$dnsmasq_pid" "$net_uid" 0000000000003400
for p in $daemon_pid $helper_pid; do
    [ "$(stat -c %u "/proc/$p/mem")" = 0 ] || fail "the memory of $p is open to its user"
    grep -q '^Max core file size *0 *0' "/proc/$p/limits" || fail "$p may leave a core dump"
done
! tr '\0' '\n' <"/proc/$dnsmasq_pid/cmdline" | grep -q "$root" || fail "dnsmasq was given a path"

say "what they do"
cat >"$work/script" <<'END'
#!/bin/sh
[ "$1" != bound ] || echo "$ip $hostname $boot_file" >"$LEASE"
END
chmod 755 "$work/script"
lease() {
    rm -f "$work/lease"
    LEASE=$work/lease ip netns exec "$node" busybox udhcpc -i eth0 -f -q -n -t 3 -T 1 -s "$work/script" >"$work/udhcpc" 2>&1
    cat "$work/lease" 2>/dev/null
}
address=$(node_value n01 .ipv4)
case $(lease) in "$address n01"*) ;; *) fail "n01 got the lease '$(cat "$work/lease")', not $address: $(tail -n 2 "$work/udhcpc")" ;; esac
grep -q "$mac $address" "$root/run/orthrus/dnsmasq.leases" || fail "the lease is not in the file of leases"
[ "$(stat -c %u:%g:%a "$root/run/orthrus/dnsmasq.leases")" = "$uid:$net_gid:660" ] || fail "leases: $(stat -c %U:%G:%a "$root/run/orthrus/dnsmasq.leases")"
ip -n "$node" addr add "$address/24" dev eth0
ip netns exec "$node" busybox tftp -g -r grub/grub.cfg -l "$work/got" 10.77.0.1 2>"$work/err" && cmp -s "$work/got" "$root/srv/orthrus/tftp/grub/grub.cfg" ||
    fail "TFTP: $(cat "$work/err")"
"$orthrus" node add n02 --mac 52:54:00:00:00:02 --group compute >/dev/null || fail "node add by root"
grep -q 52:54:00:00:00:02 "$root/run/orthrus/dnsmasq.dhcp-hosts" || fail "n02 is not known to DHCP"
for _ in $(seq 50); do [ "$(grep -c "read $root/run/orthrus/dnsmasq.dhcp-hosts" "$work/log")" -ge 2 ] && break; sleep 0.1; done
[ "$(grep -c "read $root/run/orthrus/dnsmasq.dhcp-hosts" "$work/log")" -ge 2 ] || fail "dnsmasq did not read its hosts again"
[ "$(status_of .dnsmasq_pid)" = "$dnsmasq_pid" ] || fail "a new node restarted dnsmasq"

say "what other programs read"
curl() { ip netns exec "$head" curl "$@"; } # Slurm's file has the nodes that reported their hardware
port=8443; hello $mac "$(machine $mac A)"; want 200 'hello'
pack=$(basename "$store"/packs/*.pack)
imager $mac GET "/v1/packs/$pack"; want 200 'a pack, by an orthrusd that is not root'
cmp -s "$body" "$store/packs/$pack" || fail "another pack"
for f in slurm/orthrus.conf clustershell/groups.d/orthrus.yaml; do
    for _ in $(seq 100); do grep -Eqs '^NodeName=n01|n.01-02' "$root/etc/$f" && break; sleep 0.1; done
    grep -Eq '^NodeName=n01|n.01-02' "$root/etc/$f" && [ -L "$root/etc/$f" ] || fail "$f does not follow the nodes, or is no link: $(ls -l "$root/etc/$f")"
done
for _ in $(seq 100); do [ -e "$root/run/orthrus/slurm-restart" ] && break; sleep 0.1; done
[ -e "$root/run/orthrus/slurm-restart" ] || fail "nobody is asked to restart slurmctld"
grep -qx 'PathChanged=/run/orthrus/slurm-restart' "$TOP/packages/orthrus-slurm.path" || fail "orthrus-slurm.path looks elsewhere"

say "what root does beside it"
rm -rf "$work/tree"; tiny_image other
"$orthrus" image list | grep -q other && "$orthrus" image verify other >"$work/out" 2>&1 || fail "root's commands: $(cat "$work/out")"
[ "$(stat -c %U:%G:%a "$store")" = root:orthrus:750 ] || fail "after an image was built the store is $(stat -c %U:%G:%a "$store")"
rm -rf "$store"; tiny_image compute
[ "$(stat -c %U:%G:%a "$store")" = root:orthrus:750 ] || fail "a new store is $(stat -c %U:%G:%a "$store")"
chmod 755 "$store"; "$orthrus" image list >/dev/null
[ "$(stat -c %U:%G:%a "$store")" = root:orthrus:750 ] || fail "root's look leaves the store $(stat -c %U:%G:%a "$store")"
say "what each user of the head may read"
printf secret >"$root/srv/orthrus/diskless/compute+1.squashfs"
# Public halves, certificates, and what other programs of the head are given; the boot files are anybody's over TFTP.
setpriv --reuid nobody --regid nogroup --clear-groups find "$root/var" "$root/srv" "$root/run" -type f -readable 2>/dev/null |
    grep -vE "^$root/(var/lib/orthrus/(exports/|ssh/(known_hosts|revoked_keys|revoked_keys.list|root.pub|root-cert.pub)\$)|srv/orthrus/tftp/|run/orthrus/(dnsmasq\.|slurm-restart))" >"$work/readable"
[ ! -s "$work/readable" ] || fail "anybody may read: $(cat "$work/readable")"
setpriv --reuid nobody --regid nogroup --clear-groups env ORTHRUS_ROOT="$root" "$work/bin/orthrus" image list >"$work/out" 2>&1 && fail "anybody may look into the store"
grep -q 'run it as root' "$work/out" || fail "nobody is told: $(cat "$work/out")"
# What goes while it is looked at (a payload is being made) is nobody's.
find "$root/var/lib/orthrus" "$root/var/log/orthrus" "$root/srv/orthrus/tftp" "$root/run/orthrus" ! -user orthrus >"$work/others" 2>/dev/null
for other in $(cat "$work/others"); do [ ! -e "$other" ] || [ "$(stat -c %U "$other" 2>/dev/null)" = orthrus ] || echo "$other"; done >"$work/still"
mv "$work/still" "$work/others"
[ ! -s "$work/others" ] || fail "not of the user orthrus: $(head -5 "$work/others")"
find "$root/var/lib/orthrus/pki" -name '*.key' ! -perm 600 | grep . && fail "keys that others may read"
! getent group adm >/dev/null || find "$root/var/log/orthrus" -name 'audit*.log' ! -group adm | grep . && fail "a part of the audit log is not for the group adm"
"$orthrus" audit verify >"$work/out" 2>&1 || fail "audit verify: $(cat "$work/out")"
mkdir "$work/admin" && "$orthrus" head certificate admin --out "$work/admin" >"$work/out" 2>&1 || fail "head certificate: $(cat "$work/out")"
setpriv --reuid nobody --regid nogroup --clear-groups cat "$root/var/lib/orthrus/pki/ca.key" >/dev/null 2>&1 && fail "anybody may read the CA's key"
setpriv --reuid orthrus-net --regid orthrus-net --init-groups cat "$root/var/lib/orthrus/pki/ca.key" >/dev/null 2>&1 && fail "dnsmasq may read the CA's key"
setpriv --reuid orthrus --regid orthrus --init-groups sh -c "echo x >>'$root/srv/orthrus/store/lock'" 2>/dev/null && fail "orthrusd may write to the store"

say "a configuration that runs programs is not started"
conf=$root/run/orthrus/dnsmasq.conf
{ cat "$conf"; printf 'dhcp-script=%s/pwned\n' "$work"; } >"$work/bad.conf"; chmod 644 "$work/bad.conf"
# It lies where orthrusd can't put it right by itself.
inside() { nsenter --mount="/proc/$daemon_pid/ns/mnt" "$@"; }
inside mount --bind "$work/bad.conf" "$conf" || fail "mount --bind"
printf '#!/bin/sh\ntouch %s/was-run\n' "$work" >"$work/pwned"; chmod 755 "$work/pwned"
kill "$dnsmasq_pid"
for _ in $(seq 100); do status_of .dnsmasq_last_end | grep -q 'none that orthrusd writes' && break; sleep 0.1; done
status_of .dnsmasq_last_end | grep -q 'none that orthrusd writes: dhcp-script' || fail "after dhcp-script: $(status_of .dnsmasq_last_end)"
[ "$(status_of .dnsmasq)" = failed ] || fail "dnsmasq runs with a dhcp-script"
inside umount "$conf"
kill -HUP "$daemon_pid" # looks at everything again, and writes what it should be
wait_dnsmasq running
[ ! -e "$work/was-run" ] || fail "the program was run"

say "they end together"
dnsmasq_pid=$(status_of .dnsmasq_pid)
kill -KILL "$helper_pid"
for _ in $(seq 100); do [ -e "/proc/$dnsmasq_pid" ] || break; sleep 0.1; done
[ ! -e "/proc/$dnsmasq_pid" ] || fail "dnsmasq outlives the helper"
for _ in $(seq 50); do [ -z "$(querier)" ] && break; sleep 0.1; done
[ -z "$(querier)" ] || fail "the querier outlives the helper"
for _ in $(seq 100); do status_of .dnsmasq_last_end | grep -q "helper" && break; sleep 0.1; done
status_of .dnsmasq_last_end | grep -q "helper" || fail "the end of the helper is not told: $(status_of .dnsmasq_last_end)"
stop_daemon TERM
[ "$daemon_rc" = 0 ] || fail "orthrusd ended with $daemon_rc"

say "a helper that systemd starts: who may ask, and what"
socket=$work/helper.sock
cat >"$work/ask.py" <<'END'
"""ask.py SOCKET UID PACKET... : each packet in hex, or ASK:INDEX; prints what each is answered. @N waits until dnsmasq has read its hosts N times."""
import os, socket, struct, sys, time
path, uid = sys.argv[1], int(sys.argv[2])
os.setgroups([]); os.setgid(uid); os.setuid(uid)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(10)
s.connect(path)
for p in sys.argv[3:]:
    while p[0] == "@" and open(os.environ["LOG"]).read().count("dnsmasq.dhcp-hosts\n") < int(p[1:]):
        time.sleep(0.05)
    if p[0] == "@":
        continue
    try:
        s.send(struct.pack("=II", *map(int, p.split(":"))) if ":" in p else bytes.fromhex(p))
    except BrokenPipeError:
        pass
    try:
        a = s.recv(1000)
    except OSError as e:
        print("closed", e.errno); continue
    print("closed" if not a else "%d %s" % (struct.unpack("=I", a[:4])[0], a[8:].rstrip(b"\0").decode(errors="replace")))
END
serve() { # starts a helper for `orthrus`
    rm -f "$socket"
    ip netns exec "$head" systemd-socket-activate --seqpacket -l "$socket" "$work/bin/orthrusd" --helper --user orthrus-net --root "$root" >>"$work/log" 2>&1 </dev/null &
    helper_pid=$!
    pids+=("$helper_pid")
    for _ in $(seq 100); do [ -S "$socket" ] && break; sleep 0.1; done
    chmod 666 "$socket"
}
serve
ask() { LOG=$work/log timeout 20 python3 "$work/ask.py" "$socket" "$@"; }
refused() { # TEXT UID PACKET...
    local text=$1; shift
    ask "$@" >"$work/out" 2>&1
    head -n 1 "$work/out" | grep -q "^2 .*$text" || fail "$*: '$(cat "$work/out")', not '$text'"
}
nobody=$(id -u nobody)
refused 'only orthrusd may ask' "$nobody" 1:0
refused 'only orthrusd may ask' "$net_uid" 1:0
caps "$helper_pid" "$net_uid" 0000000000003400
refused 'a request of 4 bytes' "$uid" 01000000
refused 'a request of 300 bytes' "$uid" "$(printf '%0600d' 0)"
refused 'there is no request 0' "$uid" 0:0
refused 'there is no request 9' "$uid" 9:0
refused 'there is no interface 0' "$uid" 6:0
refused 'there is no interface 4294967295' "$uid" 4:4294967295
refused 'No such device' "$uid" 6:99999
refused 'no querier runs' "$uid" 8:0
refused 'there is no dnsmasq number 1' "$uid" 7:1
refused 'there is no request 4294967295' "$uid" 4294967295:0
refused 'there is no dnsmasq number 1' "$uid" 1:1
refused 'dnsmasq does not run' "$uid" 2:0
cp "$conf" "$work/good.conf"
for bad in dhcp-script=/bin/sh conf-file=/etc/passwd conf-dir=/tmp servers-file=/x user=root group=root tftp-root=/ dhcp-luascript=/x enable-dbus \
    addn-hosts=/etc/shadow dhcp-leasefile=/etc/passwd pid-file=/etc/x log-facility=/etc/x 'interface=eth0 #' ' user=root' --user=root dumpfile=/x \
    dhcp-hostsfile="$root/run/orthrus/../x" "# $(printf '%01200d' 0)dhcp-script=/bin/sh" "$(printf '#\r')" "$(printf 'no-ping\v')"; do
    { cat "$work/good.conf"; echo "$bad"; } >"$conf"
    refused "of dnsmasq's configuration" "$uid" 1:0
done
printf '%s' "$(cat "$work/good.conf")" >"$conf"; refused 'has no end' "$uid" 1:0
rm -f "$conf"; refused 'dnsmasq.conf' "$uid" 1:0
ln -s "$work/good.conf" "$conf"; refused 'symbolic link' "$uid" 1:0
rm -f "$conf"; cp "$work/good.conf" "$conf"
n=$(grep -c 'dnsmasq.dhcp-hosts$' "$work/log")
ask "$uid" 1:0 1:0 "@$((n + 1))" 2:0 "@$((n + 2))" 3:0 3:0 2:0 >"$work/out" 2>&1
[ "$(cut -d' ' -f1 "$work/out" | tr '\n' ' ')" = '1 2 1 1 1 2 ' ] || fail "start, start, reload, stop, stop, reload: $(cat "$work/out")"
for p in $(ip netns pids "$head"); do [ "$(cat "/proc/$p/comm" 2>/dev/null)" != dnsmasq ] || fail "a dnsmasq is left"; done

say "orthrusd with that helper, as the unit starts it"
ip netns exec "$head" setpriv --reuid orthrus --regid orthrus --init-groups --no-new-privs --bounding-set -all "$work/bin/orthrusd" --root "$root" \
    --netboot-dir "$work/scripts" --helper-socket "$socket" >>"$work/log" 2>&1 </dev/null &
daemon_pid=$!
for _ in $(seq 300); do [ -S "$sock" ] && curl -s --unix-socket "$sock" http://x/v1/status >/dev/null && break; sleep 0.1; done
wait_dnsmasq running
caps "$daemon_pid" "$uid" 0000000000000000
case $(lease) in "$address n01"*) ;; *) fail "with systemd's helper: '$(cat "$work/lease")'" ;; esac
refused 'another orthrusd' "$uid" 3:0
# A helper that is started again is found again.
kill "$helper_pid"; wait "$helper_pid" 2>/dev/null
for _ in $(seq 100); do status_of .dnsmasq_last_end | grep -q "helper" && break; sleep 0.1; done
serve
chown orthrus "$socket"
wait_dnsmasq running
stop_daemon TERM

say "what is refused at the start"
setpriv --reuid nobody --regid nogroup --clear-groups "$work/bin/orthrusd" --user orthrus --root "$work/x" >"$work/out" 2>&1
[ $? = 3 ] && grep -q 'only root can become another user' "$work/out" || fail "--user without root: $(cat "$work/out")"
for bad in '--user nobody-at-all' '--user root'; do
    # shellcheck disable=SC2086
    "$work/bin/orthrusd" $bad --root "$work/x" >"$work/out" 2>&1 && fail "orthrusd $bad started"
    [ ! -e "$work/x" ] || fail "orthrusd $bad made directories"
done
"$work/bin/orthrusd" --helper </dev/null >"$work/out" 2>&1; [ $? = 2 ] || fail "--helper that nobody started: $(cat "$work/out")"
"$work/bin/orthrusd" --helper-socket x --user orthrus >"$work/out" 2>&1; [ $? = 2 ] || fail "--helper-socket with --user"
[ "$failed" = 0 ] && echo ok
exit $failed
