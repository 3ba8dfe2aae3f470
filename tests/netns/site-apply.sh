#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Changes of the site while real dnsmasq serves: one that has nothing to do with it leaves it alone (same process, every question
# answered), one of names is read while it runs, one of its configuration starts it anew and loses no lease; and all of it back.
set -u
for p in dnsmasq ip jq busybox curl; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
[ "$(id -u)" = 0 ] || { echo "needs root for network namespaces"; exit 77; }
id dnsmasq >/dev/null 2>&1 || { echo "needs the user dnsmasq (package dnsmasq-base)"; exit 77; }
# shellcheck source=tests/cli/daemon.bash
. "$TOP/tests/cli/daemon.bash"
head=sah$$ room=sar$$ asker=""
chmod 755 "$work" # dnsmasq serves as its own user
end_all() {
    [ -z "$asker" ] || kill "$asker" 2>/dev/null
    cleanup
    ip netns del "$head" 2>/dev/null
    ip netns del "$room" 2>/dev/null
}
trap end_all EXIT
trap 'exit 1' INT TERM

ip netns add "$head" && ip netns add "$room" || die "namespaces"
ip -n "$head" link add eth0 type veth peer name eth0 netns "$room"
mac=52:54:00:78:00:01
ip -n "$room" link set eth0 address $mac
ip -n "$head" addr add 10.78.0.1/24 dev eth0
for ns in "$head" "$room"; do ip -n "$ns" link set lo up; ip -n "$ns" link set eth0 up; done

site=$root/etc/orthrus/site.json
ip netns exec "$head" "$BUILD/orthrusd" --root "$root" --netboot-dir "$TOP/netboot/initramfs" >>"$work/log" 2>&1 </dev/null &
daemon_pid=$!
for _ in $(seq 600); do
    [ -S "$sock" ] && curl -s --max-time 5 --unix-socket "$sock" http://x/v1/status >/dev/null && break
    kill -0 "$daemon_pid" 2>/dev/null || die "orthrusd ended: $(tail -n 5 "$work/log")"
    sleep 0.1
done
status_of() { curl -s --unix-socket "$sock" http://x/v1/status | jq -r "$1"; }
running() { for _ in $(seq 300); do [ "$(status_of .dnsmasq)" = running ] && return 0; sleep 0.1; done; die "dnsmasq does not run: $("$orthrus" head status)"; }
# answers NAME ADDRESS: some moments later at most
answers() {
    for _ in $(seq 100); do
        ip netns exec "$room" busybox nslookup "$1" 10.78.0.1 2>/dev/null | sed 1,2d | grep -qF "$2" && return 0
        sleep 0.1
    done
    fail "$1 is not $2: $(ip netns exec "$room" busybox nslookup "$1" 10.78.0.1 2>&1)"
}
cat >"$work/script" <<'SH'
#!/bin/sh
[ "$1" != bound ] && [ "$1" != renew ] || { echo "$ip" >"$LEASE"; busybox ip addr replace "$ip/24" dev eth0; }
SH
chmod 755 "$work/script"
lease() { LEASE=$work/lease ip netns exec "$room" busybox udhcpc -i eth0 -f -q -n -t 10 -T 1 -s "$work/script" >"$work/udhcpc" 2>&1 || { fail "no lease: $(cat "$work/udhcpc")"; return; }; cat "$work/lease"; }
leases() { sort "$root/run/orthrus/dnsmasq.leases" | cut -d' ' -f2-; }
files() { (cd "$root" && sha256sum run/orthrus/dnsmasq.conf run/orthrus/dnsmasq.dhcp-hosts run/orthrus/dnsmasq.hosts srv/orthrus/tftp/grub/grub.cfg srv/orthrus/tftp/grub/nodes/*); }
service() { jq -r '.steps[] | select(.service == "dnsmasq") | "\(.action) \(.clients)"' "$work/out"; }

"$orthrus" site init --interface eth0 --head-name head1 --subnet 10.78.0.0/24 --head-address 10.78.0.1 --ipv6 off --trust-mac >"$work/out" 2>&1 || die "site init: $(cat "$work/out")"
run 0 site plan --json
[ "$(service)" = "start none" ] || fail "the first site: $(service)"
run 0 site apply
running
domain=$(jq -r .cluster.domain "$site")
run 0 node add n1 --mac $mac --group compute --ipv4 10.78.0.20
quiet
[ "$(lease)" = 10.78.0.20 ] || fail "the lease is $(cat "$work/lease")"
answers "n1.$domain" 10.78.0.20
files >"$work/first"
leases >"$work/leases"; grep -q 10.78.0.20 "$work/leases" || fail "leases: $(cat "$work/leases")"
pid=$(status_of .dnsmasq_pid) starts=$(status_of .dnsmasq_starts)
cp "$site" "$work/site.first"

# --- what dnsmasq has nothing to do with: it is left alone, and whoever asks all the time is answered all the time
: >"$work/missed"; : >"$work/asked"
ip netns exec "$room" bash -c 'while :; do echo >>"$2"; timeout 5 busybox nslookup "$1" 10.78.0.1 >/dev/null 2>&1 || echo missed >>"$3"; done' _ "n1.$domain" "$work/asked" "$work/missed" &
asker=$!
hups=$(grep -c 'read .*dnsmasq.dhcp-hosts' "$work/log")
change_site '.time.zone = "Europe/Berlin" | .disk_layouts[0].disks.want += 1 | .console.serial = "ttyS0,115200"'
run 0 site plan --json
[ "$(service)" = "none none" ] || fail "a change beside dnsmasq: $(service)"
run 0 site apply
says "dnsmasq goes on untouched"
quiet
n=$(wc -l <"$work/asked"); for _ in $(seq 100); do [ "$(wc -l <"$work/asked")" -gt $((n + 3)) ] && break; sleep 0.1; done
[ "$(status_of .dnsmasq_pid) $(status_of .dnsmasq_starts)" = "$pid $starts" ] || fail "dnsmasq was started anew"
[ "$(grep -c 'read .*dnsmasq.dhcp-hosts' "$work/log")" = "$hups" ] || fail "dnsmasq was told to read its hosts"
files | diff "$work/first" - || fail "its files are others"

# --- names and addresses: read while it runs, nobody misses an answer, the lease stays
change_site '.service_addresses = [{name: "svc", network: "provision", ipv4: "10.78.0.9"}]'
run 0 site plan --json
[ "$(service)" = "reload none" ] || fail "another name: $(service)"
run 0 site apply --yes
answers "svc.$domain" 10.78.0.9
[ "$(status_of .dnsmasq_pid) $(status_of .dnsmasq_starts)" = "$pid $starts" ] || fail "dnsmasq was started anew"
[ "$(leases)" = "$(cat "$work/leases")" ] || fail "leases after a reload: $(leases)"
kill $asker; wait $asker 2>/dev/null; asker=""
[ "$(wc -l <"$work/asked")" -ge 5 ] || fail "it was asked $(wc -l <"$work/asked") times only"
[ ! -s "$work/missed" ] || fail "$(wc -l <"$work/missed") of $(wc -l <"$work/asked") questions were not answered"

# --- its configuration: started anew, the lease is known all the same
change_site '.networks[0].ipv4.gateway = "10.78.0.254"'
run 0 site plan --json
[ "$(service)" = "restart pause" ] || fail "another configuration: $(service)"
run 0 site apply --yes
for _ in $(seq 300); do [ "$(status_of .dnsmasq_starts)" = $((starts + 1)) ] && break; sleep 0.1; done
running
answers "n1.$domain" 10.78.0.20
[ "$(status_of .dnsmasq_starts)" = $((starts + 1)) ] || fail "dnsmasq was started $(status_of .dnsmasq_starts) times, not $((starts + 1))"
[ "$(status_of .dnsmasq_pid)" != "$pid" ] || fail "dnsmasq was not started anew"
grep -q '^dhcp-option=option:router,10.78.0.254$' "$root/run/orthrus/dnsmasq.conf" || fail "no router: $(cat "$root/run/orthrus/dnsmasq.conf")"
[ "$(leases | cut -d' ' -f1,2)" = "$(cut -d' ' -f1,2 "$work/leases")" ] || fail "leases after a restart: $(leases)"
[ "$(lease)" = 10.78.0.20 ] || fail "the lease is $(cat "$work/lease") after a restart"

# --- an interface that this head has not is refused, since it serves on another
cp "$site" "$work/site.here"
change_site '.heads[0].interface = "eth7"'
run 3 site plan
says "this head has no interface eth7, and now serves nodes on eth0"
run 3 site apply --yes
cp "$work/site.here" "$site"

# --- all of it back: the same bytes, the same lease
run 0 site undo --plan --json
[ "$(service)" = "restart pause" ] || fail "back: $(service)"
for _ in 1 2 3; do run 0 site undo --yes; done
cmp -s "$site" "$work/site.first" || fail "the site file is not what it was"
quiet
running
files | diff "$work/first" - || fail "files are not what they were"
answers "n1.$domain" 10.78.0.20
[ "$(lease)" = 10.78.0.20 ] || fail "the lease is $(cat "$work/lease") after all was taken back"
# Each undo is known by its service: gateway (restart), name (reload), and one that dnsmasq has nothing to do with.
[ "$(status_of .dnsmasq_starts)" = $((starts + 2)) ] || fail "dnsmasq was started $(status_of .dnsmasq_starts) times, not $((starts + 2))"
echo "RESULT site-apply asked=$(wc -l <"$work/asked") missed=$(wc -l <"$work/missed") restarts=2"
stop_daemon TERM
exit $failed
