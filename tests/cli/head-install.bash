# SPDX-License-Identifier: GPL-2.0-or-later
# A machine to make a head of: a chroot with namespaces of its own and a small Debian of scripts (tests/fakes/debian.sh), for tests/cli/head-*.sh.
# Sourced; $m is its root.
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
    mkdir "$m" && mount --bind "$m" "$m" || die "a root of its own" # unshare(1) in it asks for a mount there
    mkdir -p "$m"/{proc,sys,dev,run,tmp,root,srv,opt,boot,fakes,usr,etc,var/lib,var/log,var/spool,var/cache} "$work"/{upper,workdir}
    for d in bin sbin lib lib64; do [ ! -L "/$d" ] || ln -s "usr/$d" "$m/$d"; done
    mount -t overlay overlay -o "lowerdir=/usr,upperdir=$work/upper,workdir=$work/workdir" "$m/usr" || { echo "needs overlayfs"; exit 77; }
    mount -t proc proc "$m/proc" && mount -t sysfs sysfs "$m/sys" && mount --rbind /dev "$m/dev" || die "mounts"
    mount -t tmpfs tmpfs "$m/proc/sys/net/core" || die "a place for settings"
    echo 212992 >"$m/proc/sys/net/core/rmem_max"
    echo 212992 >"$m/proc/sys/net/core/wmem_max"
    chmod 1777 "$m/tmp"
    for d in apt-get apt-mark dpkg dpkg-query systemctl systemd-sysusers systemd-tmpfiles ifup ifdown nft networkctl orthrus-guard; do cp "$TOP/tests/fakes/debian.sh" "$m/fakes/$d"; done
    cp "$BUILD/orthrus" "$m/fakes/orthrus"
    cp "$BUILD/orthrusd" "$m/fakes/orthrusd.real"
    cp -r "$TOP/netboot/initramfs" "$m/fakes/netboot"
    cat >"$m/fakes/orthrusd" <<'SH'
#!/bin/bash
case $1 in
start)
    if [ -S /run/orthrus/api.sock ] && /fakes/orthrus head status >/dev/null 2>&1; then exit 0; fi
    rm -f /run/orthrus/api.sock
    [ -d /srv/orthrus/store ] || mkdir -p -m 0750 /srv/orthrus/store # as --prepare does
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
