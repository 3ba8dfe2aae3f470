#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# waits: another DHCP server has five seconds to answer, each time
# What `orthrus head install` looks at before it changes anything, each driven: kernel, Debian, packages, disks, ports, another DHCP server on the
# wire (a real dnsmasq), and what somebody configured of dnsmasq, NFS, chrony and the firewall, which stays and is shown.
set -u
. "$TOP/tests/cli/head-install.bash"

# --- What is refused, with the reason. ---
refuse() { # TEXT
    install_it --site /root/site.json >"$work/out" 2>&1 && fail "not refused: $1"
    grep -q -- "$1" "$work/out" || fail "'$1' is not in: $(cat "$work/out")"
    tree | diff "$work/before" - >/dev/null || fail "refused ($1), and something was changed"
    [ ! -e "$m/var/lib/orthrus-install" ] || fail "refused ($1), and something was written down"
}
put_back fresh
socat -u UDP4-RECV:67 - >/dev/null & other=$!
for _ in $(seq 100); do grep -q ':0043 ' "$m/proc/net/udp" && break; sleep 0.05; done
refuse 'port 67 (UDP) is in use on all interfaces by socat'
kill "$other"; wait "$other" 2>/dev/null
# Anybody may have 8443, by a program of any name: it is shown, and does nothing to the terminal.
cp "$(readlink -f "$(command -v socat)")" "$work/"$'\e[31mred'
"$work/"$'\e[31mred' -u TCP4-LISTEN:8443 - >/dev/null & other=$!
for _ in $(seq 100); do grep -q ':20FB ' "$m/proc/net/tcp" && break; sleep 0.05; done
in_machine orthrus head install --probe >"$work/out" 2>&1 || fail "probe: $(cat "$work/out")"
grep -q 'TCP 8443 is in use by .*red' "$work/out" && ! grep -q $'\e' "$work/out" || fail "the name of a program is not made harmless: $(cat -v "$work/out")"
kill "$other"; wait "$other" 2>/dev/null
# Bound to an interface, as the dnsmasq of libvirt is to its bridge, it is in the way there and nowhere else.
for device in lo eth1; do
    socat -u UDP4-RECV:67,bindtodevice=$device - >/dev/null & other=$!
    for _ in $(seq 100); do grep -q ':0043 ' "$m/proc/net/udp" && break; sleep 0.05; done
    if [ $device = eth1 ]; then refuse 'port 67 (UDP) is in use on eth1 by socat'; else
        in_machine orthrus head install --plan --site /root/site.json >"$work/out" 2>&1 || fail "refused for what is bound to $device: $(cat "$work/out")"
    fi
    kill "$other"; wait "$other" 2>/dev/null
done
sed -i 's/VERSION_ID="12"/VERSION_ID="11"/' "$m/etc/os-release"
tree >"$work/before"
refuse 'a head runs Debian 12 or 13'
put_back fresh
: >"$m/var/lib/dpkg/fake/.half"
tree >"$work/before"
refuse 'dpkg --configure -a'
put_back fresh
printf 'source /etc/network/interfaces.d/*\nauto eth1\niface eth1 inet static\n\taddress 192.0.2.5/24\n' >"$m/etc/network/interfaces"
tree >"$work/before"
refuse 'eth1 has a configuration of its own'
put_back fresh
printf 'auto lo\niface lo inet loopback\n' >"$m/etc/network/interfaces"
in_machine orthrus head install --plan --site /root/site.json | grep -qx ' *+source /etc/network/interfaces.d/orthrus-\*' || fail "no diff of interfaces"
# What others have in that directory is read as it was: not at all, or once.
for line in 'source /etc/network/interfaces.d/*.cfg' 'source	/etc/network/interfaces.d/*' '  source-directory interfaces.d/' 'source /etc/network/interfaces.d/orthrus-*'; do
    printf '%s\nauto lo\niface lo inet loopback\n' "$line" >"$m/etc/network/interfaces"
    in_machine orthrus head install --plan --site /root/site.json >"$work/plan" || fail "plan with '$line'"
    n=$(grep -c '^ *+source ' "$work/plan")
    [ "$n" = "$([[ $line == *.cfg* ]] && echo 1 || echo 0)" ] || fail "'$line': $n lines are added"
    grep -qx ' *+source /etc/network/interfaces.d/\*' "$work/plan" && fail "'$line': all of the directory is read"
done

put_back fresh
printf 'allow-hotplug eth1\niface\teth1 inet dhcp\n' >"$m/etc/network/interfaces.d/50-cloud-init"
tree >"$work/before"
refuse 'eth1 has a configuration of its own in /etc/network/interfaces.d/50-cloud-init'

# --- Of networkd's files the first by name counts: ours must not stand behind somebody's, where the next start would not find it. ---
put_back fresh
tree >"$work/before"
mkdir -p "$m/run/systemd/netif/links"
: >"$m/run/fake-active/systemd-networkd.service"
tree >"$work/before"
echo 'NETWORK_FILE=/run/systemd/network/10-netplan-eth1.network' >"$m/run/systemd/netif/links/$(cat "$m/sys/class/net/eth1/ifindex")"
refuse 'eth1 has a configuration of its own in /run/systemd/network/10-netplan-eth1.network'
sed -i 's/10-netplan-eth1/80-wired/' "$m"/run/systemd/netif/links/*
in_machine orthrus head install --plan --site /root/site.json >"$work/plan" 2>&1 || fail "a file behind ours: $(cat "$work/plan")"

# --- An address with another network than the site's is not the head's; what another site had given goes. ---
put_back fresh
ip link set eth1 up
ip address add 10.77.0.1/24 dev eth1
in_machine orthrus head install --plan --site /root/site.json | grep -q "give eth1 the head's address 10.77.0.1/16" || fail "10.77.0.1/24 will do for 10.77.0.1/16"
put_back fresh
tree >"$work/before"
ip link add eth2 type veth peer name far2
install_it --quiet --site /root/site.json || fail "install"
jq '.networks[0].ipv4.subnet = "10.78.0.0/16" | .heads[0].ipv4 = "10.78.0.1"' "$m/root/site.json" >"$m/run/moved.json"
in_machine orthrus head install --plan --site /run/moved.json >"$work/plan" || fail "plan"
grep -q 'take from eth1 .*: 10.77.0.1/16$' "$work/plan" || fail "the address of another site stays: $(cat "$work/plan")"
grep -q '! apply the site .* For the cluster that runs this means: .*the provision network changes from provision (10.77.0.0/16) to provision (10.78.0.0/16)' "$work/plan" ||
    fail "the plan does not say what the site means for the cluster: $(cat "$work/plan")"
jq '.heads[0].name = "elsewhere" | .heads += [{"name":"head2","interface":"eth1","ipv4":"10.78.0.2"}] | .service_addresses = [{"name":"svc","ipv4":"10.78.0.9"}] | .pair = {}' "$m/run/moved.json" >"$m/run/else.json"
in_machine orthrus head install --plan --site /run/else.json >"$work/out" 2>&1 && fail "a plan by a site that orthrusd refuses"
grep -q 'orthrusd takes no such site: ' "$work/out" || fail "no word of what orthrusd says: $(cat "$work/out")"
grep -q "^ *+$(printf '\t')address 10.78.0.1/16" "$work/plan" || fail "no diff to read: $(cat "$work/plan")"
install_it --quiet --site /run/moved.json >"$work/out" 2>&1 || fail "another address: $(cat "$work/out")"
[ "$(ip -o -4 address show dev eth1 | awk '{print $4}')" = 10.78.0.1/16 ] || fail "addresses: $(ip -br address)"
sed 's/eth1/eth2/' "$m/run/moved.json" >"$m/run/eth2.json"
install_it --quiet --site /run/eth2.json >"$work/out" 2>&1 || fail "another interface: $(cat "$work/out")"
[ -z "$(ip -o -4 address show dev eth1)" ] && [ ! -e "$m/etc/network/interfaces.d/orthrus-eth1" ] || fail "eth1 has it still: $(ip -br address)"
[ "$(ip -o -4 address show dev eth2 | awk '{print $4}')" = 10.78.0.1/16 ] || fail "addresses: $(ip -br address)"
in_machine orthrus head install --plan --site /run/eth2.json | grep -q 'Nothing is to be done' || fail "a second run finds something to do"
in_machine orthrus head uninstall --yes --quiet >"$work/out" 2>&1 || fail "uninstall: $(cat "$work/out")"
[ -z "$(ip -o -4 address show dev eth2)" ] || fail "eth2 has it still: $(ip -br address)"
tree | diff "$work/before" - || fail "not as before"
ip link del eth2

# --- The kernel; packages that apt can't give, or would take. ---
put_back fresh
tree >"$work/before"
chroot "$m" /usr/bin/setarch --uname-2.6 /usr/bin/env -i PATH=/fakes:/usr/sbin:/usr/bin orthrus head install --yes --site /root/site.json >"$work/out" 2>&1 && fail "an old kernel will do"
grep -q 'the kernel is 2.6.*: a head needs 5.13' "$work/out" || fail "the kernel: $(cat "$work/out")"
in_machine orthrus head install --probe --json | jq -e '.kernel | test("^[0-9]+[.]")' >/dev/null || fail "no kernel among the facts"
: >"$m/fakes/apt-fails"
refuse "can't be installed: apt-get: Unable to locate package"
rm "$m/fakes/apt-fails"
echo libc6 >"$m/fakes/apt-raises"
in_machine orthrus head install --plan --site /root/site.json | grep -q 'brings these to a newer version, which an uninstallation does not take back: libc6' || fail "the plan says nothing of newer versions"
rm "$m/fakes/apt-raises"
echo postfix >"$m/fakes/apt-takes"
refuse 'apt would remove postfix'
rm "$m/fakes/apt-takes"

# --- Disks for images: each by its number. ---
in_machine orthrus head install --site /root/site.json --plan --store-raid 1 --store-disk 'serial A' >"$work/out" 2>&1 && fail "RAID 1 of one disk"
grep -q 'RAID 1 needs 2 disks or more' "$work/out" || fail "$(cat "$work/out")"
in_machine orthrus head install --site /root/site.json --plan --store-raid 1 --store-disk 'serial no-A' --store-disk 'serial no-B' >"$work/out" 2>&1 && fail "disks that are not there"
grep -q 'has no disk serial no-A' "$work/out" || fail "$(cat "$work/out")"
in_machine orthrus head install --site /root/site.json --plan --store-disk 'serial A' >"$work/out" 2>&1 && fail "disks without a level"
in_machine orthrus head install --probe --json | jq -e '.disks | type == "array"' >/dev/null || fail "no disks among the facts"

# --- Another DHCP server: while the interface is up, before anything is done; while it was down, before this head answers itself. ---
unshare --net sleep infinity & wire=$!
until [ "$(readlink "$m/proc/$wire/ns/net")" != "$(readlink "$m/proc/$$/ns/net")" ]; do sleep 0.05; done
ip link set far netns $wire
in_wire() { nsenter --net="$m/proc/$wire/ns/net" "$@"; }
in_wire ip address add 10.77.9.9/16 dev far
in_wire ip link set far up
nsenter --net="$m/proc/$wire/ns/net" dnsmasq --no-daemon --port=0 --interface=far --bind-interfaces --dhcp-range=10.77.8.1,10.77.8.9 --dhcp-leasefile="$work/leases" --conf-file=/dev/null --user=root 2>"$work/dnsmasq" & other=$!
until grep -q 'DHCP, IP range' "$work/dnsmasq"; do kill -0 $other || die "no dnsmasq: $(cat "$work/dnsmasq")"; sleep 0.05; done
ip link set eth1 up
until [ "$(cat "$m/sys/class/net/eth1/carrier" 2>/dev/null)" = 1 ]; do sleep 0.05; done
in_machine orthrus head install --probe --interface eth1 --json | jq -e '.dhcp_servers == [{"interface":"eth1","server":"10.77.9.9"}]' >/dev/null || fail "the probe does not name the DHCP server"
refuse 'on eth1 another DHCP server answers: 10.77.9.9'
grep -q -- '--accept-dhcp' "$work/out" || fail "no next step: $(cat "$work/out")"
[ ! -s "$work/leases" ] || fail "an address was taken: $(cat "$work/leases")"
in_machine orthrus head install --plan --accept-dhcp --site /root/site.json >/dev/null || fail "--accept-dhcp"
ip link set eth1 down
install_it --site /root/site.json >"$work/out" 2>&1 && fail "with the interface down, the other DHCP server is not seen"
grep -q 'apply: on eth1 another DHCP server answers: 10.77.9.9' "$work/out" || fail "$(cat "$work/out")"
[ "$(curl -s -o /dev/null -w '%{http_code}' --unix-socket "$m/run/orthrus/api.sock" http://x/v1/site)" != 200 ] || fail "the site was applied beside another DHCP server"
kill $other; wait $other 2>/dev/null
install_it --quiet --site /root/site.json >"$work/out" 2>&1 || fail "without it, it does not go on: $(cat "$work/out")"
in_machine orthrus head uninstall --yes --quiet || fail "uninstall"
kill $wire; wait $wire 2>/dev/null

# --- What is configured here stays, and is shown. ---
until ip link add eth1 type veth peer name far 2>/dev/null; do sleep 0.05; done # the other pair goes with its namespace
ip link set far up
put_back fresh
mkdir -p "$m"/etc/{dnsmasq.d,exports.d,chrony}
echo 'interface=eth0' >"$m/etc/dnsmasq.d/lan.conf"
echo '/home *(ro)' >"$m/etc/exports"
printf 'pool ntp.example.org\nmakestep 1 3\n' >"$m/etc/chrony/chrony.conf"
chmod 640 "$m/etc/chrony/chrony.conf"; chown 7:8 "$m/etc/chrony/chrony.conf"
printf 'table inet filter {\n chain input {\n  type filter hook input priority 0; policy drop;\n }\n}\n' >"$m/fakes/ruleset"
in_machine orthrus head install --probe --json >"$work/facts" || fail "probe"
jq -e '.configurations | map(.service) | index("dnsmasq") and index("nfs") and index("chrony")' "$work/facts" >/dev/null || fail "configurations: $(jq -c .configurations "$work/facts")"
in_machine orthrus head install --plan --site /root/site.json >"$work/plan" 2>&1 || fail "plan: $(cat "$work/plan")"
for want in 'leave /etc/dnsmasq.d/lan.conf as it is' 'leave /etc/exports as it is' '+confdir /etc/chrony/conf.d' ' makestep 1 3' 'leave the firewall as it is'; do
    grep -qF -- "$want" "$work/plan" || fail "the plan says nothing of '$want': $(cat "$work/plan")"
done
tree >"$work/before"
install_it --json --site /root/site.json >"$work/lines" 2>&1 || fail "install: $(cat "$work/lines")"
jq -se 'any(.[]; .step == "note:firewall" and .state == "kept") and all(.[] | select(.step | startswith("note:")); .state == "kept")
    and (map(select(.state == "begun").step) == map(select(.state == "done").step))' "$work/lines" >/dev/null || fail "states: $(cat "$work/lines")"
[ "$(stat -c '%a %u:%g' "$m/etc/chrony/chrony.conf")" = '640 7:8' ] || fail "a file that was changed has another mode or owner: $(ls -l "$m/etc/chrony")"
[ "$(cat "$m/etc/dnsmasq.d/lan.conf" "$m/etc/exports")" = "$(printf 'interface=eth0\n/home *(ro)')" ] || fail "somebody's configuration was changed"
in_machine orthrus head uninstall --yes --quiet || fail "uninstall"
tree | diff "$work/before" - || fail "not as before"

# --- A pair's guard is started with its key, and leaves no gate behind. ---
put_back fresh
cp "$TOP/packages/orthrus-guard.service" "$m/usr/lib/systemd/system/"
jq '.heads += [{"name":"head2","interface":"eth1","ipv4":"10.77.0.2"}] | .service_addresses = [{"name":"svc","ipv4":"10.77.0.9"}] | .pair = {}' "$m/root/site.json" >"$m/root/pair.json"
in_machine orthrus head install --plan --site /root/pair.json >"$work/plan" 2>&1 || fail "pair: $(cat "$work/plan")"
grep -q 'there is no /etc/orthrus/guard.key' "$work/plan" || fail "pair without a key: $(cat "$work/plan")"
mkdir -p "$m/etc/orthrus"
echo key >"$m/etc/orthrus/guard.key"
install_it --quiet --site /root/pair.json >"$work/out" 2>&1 || fail "pair: $(cat "$work/out")"
grep -qx 'systemctl start orthrus-guard.service' "$m/fakes/calls" || fail "the guard is not started: $(cat "$work/out")"
in_machine orthrus head uninstall --yes --quiet >"$work/out" 2>&1 || fail "uninstall: $(cat "$work/out")"
[ "$(grep -n 'systemctl stop orthrus-guard.service' "$m/fakes/calls" | cut -d: -f1)" -lt "$(grep -n 'orthrus-guard --remove-gate' "$m/fakes/calls" | cut -d: -f1)" ] || fail "the gate stays"
[ "$(cat "$m/etc/orthrus/guard.key")" = key ] || fail "the key was not ours to take"

exit $failed
