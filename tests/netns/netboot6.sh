#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Network boot over IPv6: a real dnsmasq with the files that netboot/ writes; router solicitation, DHCPv6, TFTP and DNS clients in another
# namespace. Beside IPv4 first, then alone.
set -eu
[ -e /proc/net/if_inet6 ] || { echo "needs a kernel with IPv6"; exit 77; }
programs="dhclient rdisc6" address=fd00:77::1/64
. "$(dirname "$0")/netboot.bash"
dual=$TOP/tests/golden/netboot/dual/site.json six=$TOP/tests/golden/netboot/ipv6/site.json
m=52:54:00:00:00

up_as() { # MAC: the node's interface with it, and with its link-local address
    ip -n "$node" addr flush dev eth0
    ip -n "$node" link set eth0 down
    ip -n "$node" link set eth0 address "$1"
    ip -n "$node" link set eth0 up
    for _ in $(seq 50); do
        [ -z "$(ip -n "$node" -6 addr show dev eth0 scope link -tentative)" ] || return 0
        sleep 0.1
    done
    fail "no link-local address"
}
cat >"$w/script" <<'END'
#!/bin/sh
[ "$reason" != BOUND6 ] || echo "$new_ip6_address boot=$new_dhcp6_bootfile_url dns=$new_dhcp6_name_servers search=$new_dhcp6_domain_search" >"$LEASE"
END
chmod 755 "$w/script"
lease() { # MAC, client architecture (RFC 5970) or "-"; prints the lease. DUID: LL, so another one for each MAC
    rm -f "$w/lease" "$w/leases"
    : >"$w/leases"
    up_as "$1"
    { echo 'also request dhcp6.bootfile-url;'; [ "$2" = - ] || echo "send dhcp6.client-arch-type $2;"; } >"$w/conf"
    LEASE=$w/lease in_node timeout "${WAIT:-15}" dhclient -6 -1 -v -D "${DUID:-LL}" -cf "$w/conf" -lf "$w/leases" -pf "$w/dhclient.pid" -sf "$w/script" \
        -e LEASE="$w/lease" eth0 >"$w/dhclient.log" 2>&1 || true
    if [ -e "$w/dhclient.pid" ]; then kill "$(cat "$w/dhclient.pid")" 2>/dev/null || true; rm -f "$w/dhclient.pid"; fi
    [ -e "$w/lease" ] && cat "$w/lease"
}
expect() { # MAC, architecture, then words that the lease must have
    got=$(lease "$1" "$2") || fail "$1 (architecture $2) got no address"
    shift 2
    for word in "$@"; do
        case " $got " in *" $word "*) ;; *) fail "the lease '$got' has no '$word'" ;; esac
    done
}
in_pool() { case $got in "$1"*) ;; *) fail "'$got' is not from the pool" ;; esac }
no_lease() { ! WAIT=2.5 lease "$1" 7 >/dev/null || fail "$1 got an address: $(cat "$w/lease")"; } # dnsmasq says nothing of it
advertised() { # WORDS: what a router advertisement must say
    local ra
    ra=$(in_node rdisc6 -1 -w 5000 eth0 2>&1 | tr -s ' ') || fail "no router advertisement: $ra"
    for word in "$@"; do
        case $ra in *"$word"*) ;; *) fail "the router advertisement does not say '$word': $ra" ;; esac
    done
}
shim=boot=tftp://[fd00:77::1]/shimx64.efi
n01=n01,$m:01,10.77.1.1+fd00:77::101,disk n02=n02,$m:02,10.77.1.2+fd00:77::102,install,$key

echo "--- beside IPv4: an address of the pool for firmware of known machines, the boot file by architecture"
ip -n "$head" addr add 10.77.0.1/16 dev eth0
apply restart "$dual" "$n01" "$n02"
start
expect $m:01 - boot= dns=fd00:77::1 search=alpha.test.
in_pool fd00:77::b007:0:
expect $m:02 7 $shim
in_pool fd00:77::b007:0:
expect $m:02 9 $shim
DUID=LLT expect $m:02 7 $shim # the same machine as another client, a moment later
expect $m:01 16 boot=
no_lease $m:99
advertised 'Stateful address conf. : Yes' 'Router lifetime : 0 ' 'Prefix : fd00:77::/64' 'On-link : Yes' 'Autonomous address conf.: No' 'MTU : 9000'
cat >"$w/script4" <<'END'
#!/bin/sh
[ "$1" != bound ] || echo "$ip $hostname" >"$LEASE"
END
chmod 755 "$w/script4"
up_as $m:02
LEASE=$w/lease in_node busybox udhcpc -i eth0 -f -q -n -t 5 -T 1 -s "$w/script4" >"$w/dhclient.log" 2>&1 || fail "no IPv4 address beside the IPv6 one"
[ "$(cat "$w/lease")" = "10.77.1.2 n02" ] || fail "by DHCPv4 n02 has '$(cat "$w/lease")'"

echo "--- names in both families"
in_node ip addr add fd00:77::102/64 dev eth0
names() { in_node busybox nslookup -type="$1" "$2" fd00:77::1 2>&1; }
names AAAA n01.alpha.test | grep -q 'fd00:77::101$' || fail "n01 has no AAAA record"
! names AAAA n01.alpha.test | grep b007 || fail "the firmware's address is in the DNS"
names A n01.alpha.test | grep -q '10\.77\.1\.1' || fail "n01 has no A record"
names AAAA head1.alpha.test | grep -q 'fd00:77::1$' || fail "the head has no AAAA record"
names AAAA svc.alpha.test | grep -q 'fd00:77::a$' || fail "the service address has no AAAA record"
in_node busybox nslookup fd00:77::102 fd00:77::1 2>&1 | grep -q n02.alpha.test || fail "fd00:77::102 has no name"

echo "--- one node comes, one goes: the server keeps running"
n03=n03,$m:03+$m:33,10.77.1.3+fd00:77::103,probe,$key born=$(cut -d' ' -f22 "/proc/$pid/stat")
apply reload "$dual" "$n02" "$n03"
reload
[ "$(cut -d' ' -f22 "/proc/$pid/stat")" = "$born" ] || fail "another dnsmasq is running"
expect $m:03 7 $shim
no_lease $m:01
apply nothing "$dual" "$n02" "$n03"

stop

echo "--- without IPv4, with discovery: a machine nobody knows gets an address of the pool, and makes one of the prefix"
ip -n "$head" addr del 10.77.0.1/16 dev eth0
n02=n02,$m:02,fd00:77::102,install,$key
DISCOVER_KEY=$key apply restart "$six" "$n02"
start
expect $m:99 7 $shim dns=fd00:77::1
in_pool fd00:77::1:0:
expect $m:02 7 $shim
names AAAA n02.alpha.test | grep -q 'fd00:77::102$' || fail "n02 has no AAAA record"
! names AAAA n02.alpha.test | grep 'fd00:77::1:0:' || fail "the firmware's address is in the DNS"
advertised 'Autonomous address conf.: Yes' 'Prefix : fd00:77::/64' 'Router lifetime : 1800 '
up_as $m:98
for _ in $(seq 100); do # EUI-64 of the MAC address; the advertisement is asked for by the kernel
    case $(ip -n "$node" -6 addr show dev eth0 scope global) in *fd00:77::5054:ff:fe00:98/64*) break ;; esac
    sleep 0.1
done
ip -n "$node" -6 addr show dev eth0 | grep -q fd00:77::5054:ff:fe00:98 || fail "no address of the advertised prefix"
if grep -qE 'dhcp-range=[0-9]+\.|option:' "$run/dnsmasq.conf"; then fail "IPv4 is in the configuration of a site without it"; fi
grep -q "orthrus.server=https://\[fd00:77::1\]:8443" "$tftp/grub/nodes/$m:02.cfg" || fail "the server's URL"
grep -q "orthrus.address6=fd00:77::102/64" "$tftp/grub/nodes/$m:02.cfg" || fail "the node's address"

echo "--- files by TFTP over IPv6; a missing one is an error and nothing else"
get() { in_node busybox tftp -g -r "$1" -l "$w/got" fd00:77::1 2>"$w/tftp.err"; }
get grub/grub.cfg && cmp -s "$w/got" "$tftp/grub/grub.cfg" || fail "grub.cfg"
get "/grub/nodes/$m:02.cfg" && grep -q "/payload/$key/vmlinuz" "$w/got" || fail "the node's file"
for bad in grub/nodes/$m:99.cfg ../run/dnsmasq.conf /etc/passwd "$run/dnsmasq.conf"; do
    ! get "$bad" || fail "TFTP gave $bad"
done
kill -0 "$pid" || fail "dnsmasq has ended"
stop

echo "--- the imager's address: an own one that nobody has, and one that another machine has until it lets go of it"
ip -n "$head" addr add fd00:77::9/64 dev eth0
{
    echo "ifname=eth0 address6=\$1 gateway6='' conf6=/proc/sys/net/ipv6/conf/eth0"
    echo "say() { echo \"\$*\" >>$w/said; }; debug_shell() { :; }"
    sed -n '/^no_address()/,/^wait_ipv4()/p' "$TOP/netboot/initramfs/init" | sed '$d'
    echo 'set_ipv6; wait_ipv6; echo "$ready"'
} >"$w/part"
grep -q '^wait_ipv6()' "$w/part" || fail "init has no wait_ipv6 any more"
in_node sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/accept_dad; echo 1 >/proc/sys/net/ipv6/conf/eth0/accept_dad'
: >"$w/said"
got=$(in_node timeout 20 busybox sh "$w/part" fd00:77::8/64) || fail "init does not get its address: $(cat "$w/said")"
[ "$got $(cat "$w/said")" = "fd000077000000000000000000000008 " ] || fail "init has $got and says: $(cat "$w/said")"
in_node timeout 40 busybox sh "$w/part" fd00:77::9/64 >"$w/got" &
waiting=$!
for _ in $(seq 200); do
    ! grep -q 'no address for eth0 yet: another machine has fd00:77::9/64 already (attempt 1)' "$w/said" || break
    sleep 0.1
done
grep -q 'another machine has fd00:77::9/64' "$w/said" || fail "an address of another machine: init says: $(cat "$w/said")"
ip -n "$head" addr del fd00:77::9/64 dev eth0
wait $waiting || fail "init does not get the address when it is free"
grep -q fd000077000000000000000000000009 "$w/got" || fail "init has $(cat "$w/got")"
echo ok
