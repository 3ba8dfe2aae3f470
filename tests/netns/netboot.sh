#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A real dnsmasq with the files that netboot/ writes, and a real DHCP and TFTP client in another namespace.
set -eu
programs="" address=10.77.0.1/16
. "$(dirname "$0")/netboot.bash"
plain=$TOP/tests/golden/netboot/plain/site.json discover=$TOP/tests/golden/netboot/discover/site.json
n01=n01,52:54:00:00:00:01,10.77.1.1,disk n02=n02,52:54:00:00:00:02,10.77.1.2,install,$key n03=n03,52:54:00:00:00:03,10.77.1.3,probe,$key

echo "--- dnsmasq accepts each golden configuration"
for f in "$TOP"/tests/golden/netboot/*/dnsmasq.conf; do
    dnsmasq --test -C "$f" >/dev/null 2>&1 || fail "dnsmasq refuses $f"
done

cat >"$w/script" <<'END'
#!/bin/sh
[ "$1" != bound ] || echo "$ip $mask $hostname $domain boot=${bootfile:-$boot_file} next=$siaddr router=$router dns=$dns" >"$LEASE"
END
chmod 755 "$w/script"
lease() { # $1: MAC, $2: client architecture as 4 hex digits or "-"; prints the lease
    rm -f "$w/lease"
    ip -n "$node" link set eth0 down
    ip -n "$node" link set eth0 address "$1"
    ip -n "$node" link set eth0 up
    arch=()
    [ "$2" = - ] || arch=(-x "0x5d:$2" -V "PXEClient:Arch:000${2: -2}:UNDI:003016")
    LEASE=$w/lease ip netns exec "$node" busybox udhcpc -i eth0 -f -q -n -t 3 -T 1 -s "$w/script" -O bootfile "${arch[@]}" \
        >"$w/udhcpc" 2>&1 || return 1
    cat "$w/lease"
}
expect() { # $1: MAC, $2: architecture, then words that the lease must have
    got=$(lease "$1" "$2") || fail "$1 (architecture $2) got no address"
    shift 2
    for word in "$@"; do
        case " $got " in *" $word "*) ;; *) fail "the lease '$got' has no '$word'" ;; esac
    done
}
no_lease() { ! lease "$1" - >/dev/null || fail "$1 got an address: $(cat "$w/lease")"; }

echo "--- fixed addresses and the boot file of each firmware"
apply restart "$plain" "$n01" "$n02"
start
expect 52:54:00:00:00:01 - 10.77.1.1 16 n01 alpha.test boot= router= dns=10.77.0.1
expect 52:54:00:00:00:01 0000 10.77.1.1 boot=core.0 next=10.77.0.1
expect 52:54:00:00:00:02 0007 10.77.1.2 n02 boot=shimx64.efi next=10.77.0.1
expect 52:54:00:00:00:02 0009 10.77.1.2 boot=shimx64.efi
expect 52:54:00:00:00:02 0010 10.77.1.2 boot=
no_lease 52:54:00:00:00:99

echo "--- files by TFTP; a missing one is an error and nothing else"
in_node ip addr add 10.77.1.2/16 dev eth0
get() { in_node busybox tftp -g -r "$1" -l "$w/got" 10.77.0.1 2>"$w/tftp.err"; }
get grub/grub.cfg && cmp -s "$w/got" "$tftp/grub/grub.cfg" || fail "grub.cfg"
get /grub/nodes/52:54:00:00:00:02.cfg && grep -q "/payload/$key/vmlinuz" "$w/got" || fail "the node's file"
for bad in grub/nodes/52:54:00:00:00:99.cfg revocations.efi ../run/dnsmasq.conf /etc/passwd "$run/dnsmasq.conf"; do
    ! get "$bad" || fail "TFTP gave $bad"
done
kill -0 "$pid" || fail "dnsmasq has ended"

echo "--- names"
in_node busybox nslookup n01.alpha.test 10.77.0.1 2>&1 | grep -q 10.77.1.1 || fail "n01 has no address"
in_node busybox nslookup 10.77.1.2 10.77.0.1 2>&1 | grep -q n02.alpha.test || fail "10.77.1.2 has no name"
! in_node busybox nslookup "$(hostname)" 10.77.0.1 >/dev/null 2>&1 || fail "a name of the test machine is given away"

echo "--- one node comes, one goes: the server keeps running, the others' files are not touched"
state() { stat -c '%n %i %Y %Z' "$tftp/grub/grub.cfg" "$tftp/grub/nodes/52:54:00:00:00:02.cfg"; cat "$tftp/grub/nodes/52:54:00:00:00:02.cfg"; }
before=$(state) born=$(cut -d' ' -f22 "/proc/$pid/stat")
apply reload "$plain" "$n02" "$n03"
reload
[ "$(state)" = "$before" ] || fail "a file of another node was touched"
[ "$(cut -d' ' -f22 "/proc/$pid/stat")" = "$born" ] && [ "$(cat "$run/dnsmasq.pid")" = "$pid" ] || fail "another dnsmasq is running"
expect 52:54:00:00:00:03 0000 10.77.1.3 n03 boot=core.0
no_lease 52:54:00:00:00:01
expect 52:54:00:00:00:02 0000 10.77.1.2
[ ! -e "$tftp/grub/nodes/52:54:00:00:00:01.cfg" ] || fail "the file of a removed node is still there"
apply nothing "$plain" "$n02" "$n03"

echo "--- a machine with two ports has one address, whichever of them asks, and back"
two=n04,52:54:00:00:00:04+52:54:00:00:00:44,10.77.1.4,probe,$key
apply reload "$plain" "$n02" "$n03" "$two"
reload
expect 52:54:00:00:00:04 0000 10.77.1.4 n04 boot=core.0
expect 52:54:00:00:00:44 0007 10.77.1.4 n04 boot=shimx64.efi
[ -e "$tftp/grub/nodes/52:54:00:00:00:44.cfg" ] || fail "the second port has no file"
apply nothing "$plain" "$n02" "$n03" "$two" # its lease is not a stranger's
expect 52:54:00:00:00:04 - 10.77.1.4 n04
no_lease 52:54:00:00:00:99

echo "--- a replaced machine takes over the address at once"
apply restart "$plain" "$n02" n03,52:54:00:00:00:33,10.77.1.3,probe,"$key"
stop
"$tool" before-start "$plain" "$tftp" "$run" "$n02" n03,52:54:00:00:00:33,10.77.1.3,probe,"$key" || fail "before-start"
start
expect 52:54:00:00:00:33 - 10.77.1.3 n03
expect 52:54:00:00:00:02 - 10.77.1.2 n02
stop

echo "--- discovery: a machine nobody knows gets an address of the pool, and boots"
DISCOVER_KEY=$key apply restart "$discover" "$n02"
start
expect 52:54:00:00:00:99 0007 boot=shimx64.efi router=10.77.0.254
case $got in 10.77.200.*) ;; *) fail "'$got' is not from the pool" ;; esac
expect 52:54:00:00:00:02 0000 10.77.1.2 n02
grep -q "/payload/$key/vmlinuz" "$tftp/grub/grub.cfg" || fail "unknown machines would not boot"
stop

echo "--- the boot loaders, twice"
"$tool" loaders "$tftp" || fail "loaders"
sum=$(cd "$tftp" && sha256sum core.0 shimx64.efi grubx64.efi && stat -c %i core.0)
"$tool" loaders "$tftp" || fail "loaders"
[ "$(cd "$tftp" && sha256sum core.0 shimx64.efi grubx64.efi && stat -c %i core.0)" = "$sum" ] || fail "the second time made other files"
echo ok
