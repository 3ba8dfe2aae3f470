#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `orthrus head install` and `head uninstall` in a machine of its own (a chroot with namespaces), with a small Debian of scripts
# (tests/fakes/debian.sh) and a real orthrusd: installed, killed at every change that a program makes and begun again, given back byte for
# byte; and what somebody has changed since is kept and named. EVERY=1: at each of all changes (tests/full/head-install.sh); else at one of so
# many.
set -u
every=${EVERY:-13}
[ "$(id -u)" = 0 ] || { echo "needs root for namespaces"; exit 77; }
if [ -z "${HEAD_INSTALL_INSIDE:-}" ]; then
    HEAD_INSTALL_INSIDE=1 exec unshare --mount --net --pid --fork --kill-child "$0" "$@"
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/hi.XXXXXX")
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
die() { echo "FAIL: $*" >&2; exit 1; }
cleanup() {
    [ "$failed" = 0 ] || { tail -n 20 "$m/fakes/daemon.log" 2>/dev/null | sed 's/^/orthrusd: /' >&2; }
    umount -R "$work" 2>/dev/null || umount -lR "$work"
    rm -rf "$work"
}
trap cleanup EXIT
mount --make-rprivate /
mount -t tmpfs tmpfs "$work" || die "no tmpfs"
m=$work/m
ip link set lo up

# The machine: its own /etc, /var, /boot and the like; /usr is this one's, and what is written there stays here.
machine() {
    local d
    mkdir -p "$m"/{proc,sys,dev,run,tmp,root,srv,opt,boot,fakes,usr,etc,var/lib,var/log,var/spool,var/cache} "$work"/{upper,workdir}
    for d in bin sbin lib lib64; do [ ! -L "/$d" ] || ln -s "usr/$d" "$m/$d"; done
    mount -t overlay overlay -o "lowerdir=/usr,upperdir=$work/upper,workdir=$work/workdir" "$m/usr" || { echo "needs overlayfs"; exit 77; }
    mount -t proc proc "$m/proc" && mount -t sysfs sysfs "$m/sys" && mount --bind /dev "$m/dev" || die "mounts"
    mount -t tmpfs tmpfs "$m/proc/sys/net/core" || die "a place for settings"
    echo 212992 >"$m/proc/sys/net/core/rmem_max"
    echo 212992 >"$m/proc/sys/net/core/wmem_max"
    chmod 1777 "$m/tmp"
    for d in apt-get apt-mark dpkg dpkg-query systemctl systemd-sysusers ifup ifdown nft networkctl; do cp "$TOP/tests/fakes/debian.sh" "$m/fakes/$d"; done
    cp "$BUILD/orthrus" "$m/fakes/orthrus"
    cp "$BUILD/orthrusd" "$m/fakes/orthrusd.real"
    cp -r "$TOP/netboot/initramfs" "$m/fakes/netboot"
    cat >"$m/fakes/orthrusd" <<'SH'
#!/bin/bash
case $1 in
start)
    if [ -S /run/orthrus/api.sock ] && /fakes/orthrus head status >/dev/null 2>&1; then exit 0; fi
    rm -f /run/orthrus/api.sock
    setsid /fakes/orthrusd.real --no-dnsmasq --listen 127.0.0.1:0 --netboot-dir /fakes/netboot >>/fakes/daemon.log 2>&1 </dev/null &
    echo $! >/run/fake-orthrusd.pid
    for _ in $(seq 300); do [ -S /run/orthrus/api.sock ] && /fakes/orthrus head status >/dev/null 2>&1 && exit 0; sleep 0.05; done
    exit 1
    ;;
stop)
    [ -s /run/fake-orthrusd.pid ] || exit 0
    kill "$(cat /run/fake-orthrusd.pid)" 2>/dev/null
    while kill -0 "$(cat /run/fake-orthrusd.pid)" 2>/dev/null; do sleep 0.05; done
    rm -f /run/fake-orthrusd.pid
    ;;
esac
SH
    chmod +x "$m/fakes/orthrusd"
    rm -f "$m"/usr/lib/systemd/system/{chrony,ssh,systemd-timesyncd}.service "$m/usr/sbin/policy-rc.d"
    cp "$TOP"/packages/orthrusd.service "$TOP"/packages/orthrus-helper.socket "$m/usr/lib/systemd/system/"
    cp "$m/fakes/ifup" "$m/usr/sbin/ifup"
    # shellcheck disable=SC2034
    mkdir -p "$m"/etc/{network/interfaces.d,systemd/system,ssl,ssh} "$m/var/lib/dpkg/fake" "$m/var/lib/systemd" "$m/root/.ssh"
    printf 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n' >"$m/etc/os-release"
    echo 12.8 >"$m/etc/debian_version"
    echo 0123456789abcdef0123456789abcdef >"$m/etc/machine-id"
    ln -s /usr/share/zoneinfo/Europe/Berlin "$m/etc/localtime"
    printf '# ours\nsource /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n' >"$m/etc/network/interfaces"
    printf 'root:x:0:0:root:/root:/bin/bash\nadm:x:3:4:adm:/:/usr/sbin/nologin\n' >"$m/etc/passwd"
    printf 'root:*:19700::::::\n' >"$m/etc/shadow"; chmod 640 "$m/etc/shadow"; chgrp 42 "$m/etc/shadow"
    printf 'root:x:0:\nadm:x:4:\n' >"$m/etc/group"
    printf 'root:*::\nadm:*::\n' >"$m/etc/gshadow"; chmod 640 "$m/etc/gshadow"
    printf 'ssh-ed25519 AAAAC3 root@here\n' >"$m/root/.ssh/authorized_keys"
    echo "an initial system" >"$m/boot/initrd.img-6.1.0-1-amd64"
    echo hello >"$m/srv/somebodys"
    echo kept >"$m/etc/motd"; chown 7:8 "$m/etc/motd"; chmod 4751 "$m/etc/motd"
    local p
    for p in ca-certificates e2fsprogs kmod udev util-linux fdisk openssh-client; do echo "1.0-1 manual" >"$m/var/lib/dpkg/fake/$p"; done
    ip link add eth1 type veth peer name far || die "no veth"
    ip link set far up
}
in_machine() { chroot "$m" /usr/bin/env -i PATH=/fakes:/usr/sbin:/usr/bin HOME=/root TERM=dumb "$@"; }
# A packed copy of the machine as it is: each case begins with it.
pack() { tar -C "$m" --numeric-owner -cf "$work/$1.tar" etc var boot root srv opt; }
put_back() { # NAME
    in_machine /fakes/orthrusd stop
    rm -rf "$m"/{etc,var,boot,root,srv,opt} "$m"/run/* "$m"/usr/share/doc/{chrony,libchrony1,mdadm,finalrd}
    rm -f "$m"/usr/lib/systemd/system/{chrony,ssh,systemd-timesyncd}.service "$m"/usr/sbin/policy-rc.d "$m"/fakes/{ticks,kill-at,calls}
    tar -C "$m" --numeric-owner -xpf "$work/$1.tar"
    in_machine /fakes/systemctl noop
    [ ! -e "$m/var/lib/dpkg/fake/systemd-timesyncd" ] || echo '[Install]' >"$m/usr/lib/systemd/system/systemd-timesyncd.service"
    echo 212992 | tee "$m/proc/sys/net/core/rmem_max" >"$m/proc/sys/net/core/wmem_max"
    ip address flush dev eth1
    ip link set eth1 down
}
# What a machine is: every file with mode, owner and content. What only a run makes (keys of the cluster, state, the record) is another matter.
tree() {
    (cd "$m" && find etc var boot root srv opt usr/share/doc/chrony usr/share/doc/mdadm usr/sbin/policy-rc.d usr/lib/systemd/system/chrony.service \
        \( -path var/log -o -path var/lib/orthrus -o -path var/lib/orthrus-install -o -path srv/orthrus \) -prune -o \
        \( -type f -printf '%p %m %U:%G\n' -exec sha256sum {} + -o -type l -printf '%p %U:%G %l\n' -o -printf '%p %m %U:%G %y\n' \) 2>/dev/null | grep -v '  var/lib/chrony/drift$' | LC_ALL=C sort)
    ls "$m/run/fake-active" | sed 's/^/runs /'
    cat "$m/proc/sys/net/core/rmem_max" "$m/proc/sys/net/core/wmem_max"
    ip -o -4 address show dev eth1 | awk '{print "address", $4}'
}
applied() { curl -s --unix-socket "$m/run/orthrus/api.sock" http://x/v1/site | jq -S . | sha256sum; }
install_it() { in_machine orthrus head install --yes "$@"; }

machine
echo "1.0-1 auto" >"$m/var/lib/dpkg/fake/systemd-timesyncd"
mkdir -p "$m/etc/systemd/system/sysinit.target.wants"
ln -s /lib/systemd/system/systemd-timesyncd.service "$m/etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service"
echo '[Time]' >"$m/etc/systemd/timesyncd.conf"
in_machine orthrus site init --site /root/site.json --cluster c --interface eth1 --subnet 10.77.0.0/16 --head-name "$(hostname)" --ipv6 off --quiet || die "site init"
pack fresh
put_back fresh
tree >"$work/before"

# --- The facts, and the plan: nothing is changed by them. ---
in_machine orthrus head install --probe --json >"$work/facts" || fail "the probe fails"
jq -e '.suite == "bookworm" and .debian == "12.8" and (.interfaces[] | select(.name == "eth1")) and (.missing_packages | map(.name) | index("chrony"))
    and .ssh_keys == ["ssh-ed25519 AAAAC3 root@here"] and .problems == [] and .timezone == "Europe/Berlin"' "$work/facts" >/dev/null ||
    fail "facts: $(cat "$work/facts")"
in_machine orthrus head install --plan --site /root/site.json >"$work/plan" 2>&1 || fail "the plan fails: $(cat "$work/plan")"
for want in 'Debian packages' 'systemd-timesyncd' 'system users orthrus' '/etc/orthrus/site.json' '10.77.0.1/16' 'chrony' 'orthrusd.service' 'apply the site'; do
    grep -qF -- "$want" "$work/plan" || fail "the plan says nothing of $want: $(cat "$work/plan")"
done
in_machine orthrus head install --plan --json --site /root/site.json | jq -e '.steps | length > 6 and all(.[]; has("id") and has("text") and has("files") and has("destructive"))' >/dev/null ||
    fail "the plan as JSON"
tree | diff "$work/before" - || fail "the plan has changed something"

# --- Undisturbed. ---
install_it --json --site /root/site.json >"$work/lines" || { cat "$work/lines"; die "the installation fails"; }
jq -se 'map(select(.state == "begun")) | length > 6 and all(.[]; .of >= .number)' "$work/lines" >/dev/null || fail "progress: $(cat "$work/lines")"
tree >"$work/installed"
applied >"$work/site"
ticks=$(cat "$m/fakes/ticks")
[ -x "$m/usr/sbin/policy-rc.d" ] && fail "policy-rc.d is still there"
grep -q '^address 10.77.0.1/16' "$work/installed" || fail "eth1 has not the head's address"
grep -q '^runs chrony.service' "$work/installed" || fail "chrony does not run"
grep -qx 'maxslewrate 400' "$m/etc/chrony/conf.d/orthrus.conf" || fail "a head's clock may run faster than its lease allows"
grep -q 'runs ssh.service' "$work/installed" && fail "an sshd was started"
[ -e "$m/etc/systemd/system/multi-user.target.wants/ssh.service" ] && fail "an sshd will be started"
in_machine orthrus head install --plan | grep -q 'Nothing is to be done' || fail "a second run finds something to do: $(in_machine orthrus head install --plan)"
install_it >"$work/again" || fail "a second run fails"
tree | diff "$work/installed" - || fail "a second run has changed something"

# --- Given back. ---
in_machine orthrus head uninstall --plan >"$work/unplan" || fail "the plan of an uninstallation fails"
tree | diff "$work/installed" - >/dev/null || fail "the plan of an uninstallation has changed something"
rm -f "$m/fakes/ticks"
in_machine orthrus head uninstall --yes >"$work/un" || { cat "$work/un"; fail "the uninstallation fails"; }
back=$(cat "$m/fakes/ticks")
tree >"$work/after"
diff "$work/before" "$work/after" >"$work/diff" || { fail "not as before:"; cat "$work/diff"; }
grep -q '^kept ' "$work/un" && fail "something was kept: $(cat "$work/un")"
for d in var/lib/orthrus var/lib/orthrus-install run/orthrus; do [ ! -e "$m/$d" ] || fail "$d is still there"; done
echo "RESULT uninstall_files differences=$(grep -c '^[<>]' "$work/diff")"
in_machine orthrus head uninstall --yes 2>&1 | grep -q 'was not made a head' || fail "a second uninstallation"

# --- Killed at each change of a program, begun again. ---
killed=0
for n in $(seq 1 "$every" "$ticks"); do
    put_back fresh
    echo "$n" >"$m/fakes/kill-at"
    install_it --quiet --site /root/site.json >/dev/null 2>&1 && { fail "tick $n did not kill it"; continue; }
    rm -f "$m/fakes/kill-at"
    install_it --quiet --site /root/site.json >"$work/out" 2>&1 || { fail "killed at $n, it does not go on: $(cat "$work/out")"; continue; }
    tree | diff "$work/installed" - >"$work/diff" || { fail "killed at $n, it ends otherwise:"; cat "$work/diff"; }
    applied | cmp -s "$work/site" - || fail "killed at $n, another site is applied"
    killed=$((killed + 1))
    [ $((n % 2)) = 0 ] || continue
    in_machine orthrus head uninstall --yes --quiet >"$work/out" 2>&1 || fail "killed at $n, it can't be given back: $(cat "$work/out")"
    tree | diff "$work/before" - >"$work/diff" || { fail "killed at $n and given back, not as before:"; cat "$work/diff"; }
done
echo "RESULT head_install killed=$killed same_result=$([ $failed = 0 ] && echo "$killed" || echo less)"

# --- An uninstallation that was killed goes on; one of an installation that never ended, too. ---
for n in $(seq 1 $((every * 2)) "$back"); do
    put_back fresh
    install_it --quiet --site /root/site.json || fail "install"
    echo 0 >"$m/fakes/ticks"
    echo "$n" >"$m/fakes/kill-at"
    in_machine orthrus head uninstall --yes --quiet >/dev/null 2>&1 && fail "tick $n did not kill the uninstallation"
    rm -f "$m/fakes/kill-at"
    install_it --site /root/site.json 2>&1 | grep -q 'uninstallation' || fail "installs into a machine that is half given back"
    in_machine orthrus head uninstall --yes --quiet >"$work/out" 2>&1 || fail "killed at $n, the uninstallation does not go on: $(cat "$work/out")"
    tree | diff "$work/before" - >"$work/diff" || { fail "uninstallation killed at $n, not as before:"; cat "$work/diff"; }
done
for n in 8 $([ "$every" != 1 ] || echo 3 12); do
    put_back fresh
    echo "$n" >"$m/fakes/kill-at"
    install_it --quiet --site /root/site.json >/dev/null 2>&1
    rm -f "$m/fakes/kill-at"
    in_machine orthrus head uninstall --yes --quiet >"$work/out" 2>&1 || fail "half installed ($n), it can't be given back: $(cat "$work/out")"
    tree | diff "$work/before" - >"$work/diff" || { fail "half installed ($n) and given back, not as before:"; cat "$work/diff"; }
done

# --- What somebody changed since is theirs. ---
put_back fresh
install_it --quiet --site /root/site.json || fail "install"
echo 'allow 192.0.2.0/24' >>"$m/etc/chrony/chrony.conf"
echo '# mine' >>"$m/etc/network/interfaces.d/orthrus-eth1"
echo 'anna:x:1000:1000::/home/anna:/bin/bash' >>"$m/etc/passwd"
echo 'anna:x:1000:' >>"$m/etc/group"
echo "1.0-1 manual" >"$m/var/lib/dpkg/fake/somebodys" # it needs libchrony1
in_machine orthrus head uninstall --plan >"$work/unplan" || fail "plan"
grep -q 'keep /etc/chrony/chrony.conf' "$work/unplan" || fail "the plan does not say that chrony.conf is kept: $(cat "$work/unplan")"
grep -q 'keep the packages.*libchrony1' "$work/unplan" || fail "the plan does not say that libchrony1 stays"
in_machine orthrus head uninstall --yes >"$work/un" 2>&1 || fail "uninstall: $(cat "$work/un")"
grep -q '^kept /etc/network/interfaces.d/orthrus-eth1' "$work/un" || fail "not named: $(cat "$work/un")"
grep -q '^# mine' "$m/etc/network/interfaces.d/orthrus-eth1" || fail "a changed file is gone"
grep -q 'allow 192.0.2.0' "$m/etc/chrony/chrony.conf" || fail "a changed configuration file is gone"
[ -e "$m/var/lib/dpkg/fake/libchrony1" ] || fail "a package that somebody needs is gone"
[ ! -e "$m/var/lib/dpkg/fake/chrony" ] || fail "chrony is still there"
grep -q '^anna:' "$m/etc/passwd" || fail "a user that was added is gone"
grep -q '^orthrus' "$m/etc/passwd" && fail "users of Orthrus are still there"

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
in_machine orthrus head install --plan --site /root/site.json | grep -q '+source /etc/network/interfaces.d' || fail "no diff of interfaces"

exit $failed
