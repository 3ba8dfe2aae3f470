#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A small Debian for tests/cli/head-install.sh, inside its chroot, and for tests/vm/head-store.sh: this script is apt-get, apt-mark, dpkg, dpkg-query, systemctl,
# systemd-sysusers, systemd-tmpfiles, ifup, ifdown, nft, networkctl and orthrus-guard, by the name that it is called by. Packages have files, configuration files, users and
# scripts that leave things behind, as Debian's have.
# Each change is a tick: at the tick with the number in /fakes/kill-at, whoever called is killed, and this dies with it.
set -u
umask 022 # as dpkg and systemd have it themselves
db=/var/lib/dpkg/fake       # NAME: "VERSION auto|manual"
active=/run/fake-active     # a unit that runs
policy=/usr/sbin/policy-rc.d
me=${0##*/}
while [[ ${1:-} == --root=* ]]; do shift; done
echo "$me $*" >>/fakes/calls

tick() {
    local n at
    n=$(($(cat /fakes/ticks 2>/dev/null || echo 0) + 1))
    echo "$n" >/fakes/ticks
    at=$(cat /fakes/kill-at 2>/dev/null || echo 0)
    [ "$n" != "$at" ] || { kill -KILL "$PPID"; sleep 5; exit 1; }
}
installed() { [ -e "$db/$1" ]; }
need() { # what a package brings with it
    case $1 in chrony) echo libchrony1 ;; mdadm) echo finalrd ;; tpm2-tools) echo libtss2 ;; esac
}
out_of_the_way() { [ "$1" != chrony ] || ! installed systemd-timesyncd || echo systemd-timesyncd; }
add_line() { # FILE NAME REST
    grep -q "^$2:" "$1" || echo "$2:$3" >>"$1"
}
initrd() { # made anew by those that have a hook in it
    { echo "an initial system with:"; ls /etc/initramfs-tools/hooks 2>/dev/null; echo "$1"; } >/boot/initrd.img-6.1.0-1-amd64
}
may_start() { [ ! -x $policy ] || $policy; }
unpack() { # NAME auto|manual
    tick
    mkdir -p "/usr/share/doc/$1"
    echo "$1" >"/usr/share/doc/$1/copyright"
    case $1 in
    chrony)
        mkdir -p /etc/chrony/conf.d /var/lib/chrony
        [ -e /etc/chrony/chrony.conf ] || printf 'pool 2.debian.pool.ntp.org iburst\nconfdir /etc/chrony/conf.d\n' >/etc/chrony/chrony.conf
        printf '[Install]\nWantedBy=multi-user.target\n' >/usr/lib/systemd/system/chrony.service
        add_line /etc/passwd _chrony 'x:104:110::/var/lib/chrony:/usr/sbin/nologin'
        add_line /etc/shadow _chrony '!:19700::::::'
        add_line /etc/group _chrony 'x:110:'
        add_line /etc/gshadow _chrony '!::'
        chown 104:110 /var/lib/chrony
        tick
        ;;
    mdadm)
        mkdir -p /etc/mdadm /etc/initramfs-tools/hooks
        echo 'MAILADDR root' >/etc/mdadm/mdadm.conf
        : >/etc/initramfs-tools/hooks/mdadm
        tick
        initrd mdadm
        ;;
    openssh-server)
        mkdir -p /etc/ssh
        echo 'UsePAM yes' >/etc/ssh/sshd_config
        printf '[Install]\nWantedBy=multi-user.target\n' >/usr/lib/systemd/system/ssh.service
        enable ssh.service
        may_start && : >$active/ssh.service
        ;;
    systemd-timesyncd)
        echo '[Time]' >/etc/systemd/timesyncd.conf
        printf '[Install]\nWantedBy=sysinit.target\n' >/usr/lib/systemd/system/systemd-timesyncd.service
        enable systemd-timesyncd.service
        ;;
    esac
    [ "$1" != chrony ] || { enable chrony.service; may_start && : >$active/chrony.service; }
    [ -e "$db/$1" ] || echo "1.0-1 $2" >"$db/$1"
    rm -f "$db/.half"
}
take_away() { # NAME remove|purge
    tick
    rm -rf "/usr/share/doc/$1"
    case $1 in
    chrony) # its user stays, and what it had learned
        rm -f /usr/lib/systemd/system/chrony.service $active/chrony.service
        [ "$2" = remove ] || { disable chrony.service; rm -rf /etc/chrony /etc/rc2.d/[SK]01chrony; rmdir --ignore-fail-on-non-empty /etc/rc2.d; }
        ;;
    mdadm)
        rm -f /etc/initramfs-tools/hooks/mdadm
        rm -rf /etc/mdadm
        initrd "made again on $(cat /proc/sys/kernel/random/uuid)"
        ;;
    openssh-server) rm -f /etc/ssh/sshd_config /usr/lib/systemd/system/ssh.service; disable ssh.service ;;
    systemd-timesyncd) rm -f /usr/lib/systemd/system/systemd-timesyncd.service; disable systemd-timesyncd.service ;;
    esac
    rm -f "$db/$1"
}
enable() {
    local w=multi-user.target
    case $1 in *.socket) w=sockets.target ;; systemd-timesyncd*) w=sysinit.target ;; esac
    mkdir -p "/etc/systemd/system/$w.wants"
    ln -sfn "/lib/systemd/system/$1" "/etc/systemd/system/$w.wants/$1"
    turn_over "$1" S K
}
disable() {
    rm -f /etc/systemd/system/*.wants/"$1"
    turn_over "$1" K S
}
turn_over() { # UNIT NEW OLD: the link to its script, as systemctl has update-rc.d do
    [ "$1" = chrony.service ] || return 0
    mkdir -p /etc/rc2.d
    rm -f "/etc/rc2.d/${3}01chrony"
    ln -sfn ../init.d/chrony "/etc/rc2.d/${2}01chrony"
}
enabled() { compgen -G "/etc/systemd/system/*.wants/$1" >/dev/null; }
start() { # as systemd, it knows no unit without a file; /fakes/start-fails is a unit that does not start
    [ -e "/usr/lib/systemd/system/$1" ] || [ -e "/etc/systemd/system/$1" ] || { echo "Failed to start $1: Unit $1 not found." >&2; exit 5; }
    [ "$(cat /fakes/start-fails 2>/dev/null)" != "$1" ] || { echo "Job for $1 failed." >&2; exit 1; }
    # As its unit's sandbox wants them (ReadWritePaths=).
    [ "$1" != orthrusd.service ] || [ -d /var/lib/orthrus -a -d /var/log/orthrus ] || exit 226
    [ "$1" != orthrusd.service ] || /fakes/orthrusd start || exit 1
    [ "$1" != orthrus-guard.service ] || [ ! -e /fakes/guard ] || /fakes/guard start || exit 1 # a real one, of tests/netns/head-uninstall.sh
    [ "$1" != chrony.service ] || { mkdir -p /var/lib/chrony; cat /proc/sys/kernel/random/uuid >/var/lib/chrony/drift; }
    [ "$1" != srv-orthrus.mount ] || store mount || exit 1
    : >"$active/$1"
}
store() { # as systemd does from its unit, in a machine that has arrays (tests/vm/head-store.sh)
    local unit=/etc/systemd/system/srv-orthrus.mount
    [ "$1" = mount ] || { umount /srv/orthrus 2>/dev/null; return 0; }
    mkdir -p "$(sed -n s/^Where=//p $unit)"
    mount -t "$(sed -n s/^Type=//p $unit)" -o "$(sed -n s/^Options=//p $unit)" "$(sed -n s/^What=//p $unit)" "$(sed -n s/^Where=//p $unit)"
}
stop() {
    [ "$1" != orthrusd.service ] || /fakes/orthrusd stop
    [ "$1" != orthrus-guard.service ] || [ ! -e /fakes/guard ] || /fakes/guard stop
    [ "$1" != srv-orthrus.mount ] || store unmount
    rm -f "$active/$1"
}
mkdir -p $active

apt_get() {
    local simulate="" verb="" names=() p q protected=""
    while [ $# -gt 0 ]; do
        case $1 in
        -o) shift ;;
        -s) simulate=1 ;;
        --allow-remove-essential) protected=1 ;;
        -*) ;;
        *) if [ -z "$verb" ]; then verb=$1; else names+=("${1%%=*}"); fi ;;
        esac
        shift
    done
    [ ! -e /fakes/apt-fails ] || { echo "E: Unable to locate package chrony" >&2; exit 100; }
    case $verb in
    install)
        [ ! -e /fakes/apt-raises ] || echo "Inst $(cat /fakes/apt-raises) [1.0-1] (1.0-2 Debian:12.8/stable [amd64])"
        [ ! -e /fakes/apt-takes ] || echo "Remv $(cat /fakes/apt-takes) [1.0-1]"
        for p in "${names[@]}"; do
            [ "$p" != no-such ] || { echo "E: Unable to locate package no-such" >&2; exit 100; }
            for q in $(out_of_the_way "$p"); do
                if [ $simulate ]; then echo "Remv $q [1.0-1]"; else take_away "$q" remove; fi
            done
            for q in $(need "$p"); do
                installed "$q" || if [ $simulate ]; then echo "Inst $q (1.0-1 Debian)"; else unpack "$q" auto; fi
            done
            installed "$p" || if [ $simulate ]; then echo "Inst $p (1.0-1 Debian)"; else unpack "$p" manual; fi
        done
        [ $simulate ] || [ ! -x /fakes/at-install ] || /fakes/at-install || exit 100
        ;;
    purge)
        # As Debian's has it in its control file: Protected: yes.
        if [ ! $simulate ] && [ ! $protected ] && printf '%s\n' "${names[@]}" | grep -qx grub-efi-amd64-signed; then
            echo "E: Essential packages were removed and -y was used without --allow-remove-essential." >&2
            exit 100
        fi
        [ $simulate ] || [ ! -x /fakes/at-purge ] || /fakes/at-purge || exit 100
        for p in "${names[@]}"; do
            installed "$p" || continue
            for q in "$db"/*; do # who needs it goes too
                q=${q##*/}
                [ "$(need "$q")" != "$p" ] || printf '%s\n' "${names[@]}" | grep -qx "$q" ||
                    if [ $simulate ]; then echo "Purg $q [1.0-1]"; else take_away "$q" purge; fi
            done
            if [ "$p" = libchrony1 ] && installed somebodys; then
                if [ $simulate ]; then echo "Purg somebodys [1.0-1]"; else take_away somebodys purge; fi
            fi
            if [ $simulate ]; then echo "Purg $p [1.0-1]"; else take_away "$p" purge; fi
        done
        ;;
    indextargets) for p in "" -security; do echo "http://mirror.example/debian||bookworm$p|main"; done ;;
    *) echo "E: Invalid operation $verb" >&2; exit 100 ;;
    esac
}
case $me in
apt-get) apt_get "$@" ;;
apt-mark)
    while [ "$1" = -o ]; do shift 2; done
    case $1 in
    showauto) grep -l auto "$db"/* | sed 's|.*/||' ;;
    auto) shift; for p in "$@"; do sed -i 's/manual/auto/' "$db/$p"; done ;;
    esac
    ;;
dpkg) case $1 in --audit) [ ! -e "$db/.half" ] || echo "half" ;; --configure) tick; rm -f "$db/.half" ;; esac ;;
dpkg-query)
    case $1 in
    -W) for p in "$db"/*; do read -r v _ <"$p"; printf '%s\tinstalled\t%s\n' "${p##*/}" "$v"; done ;;
    -L) echo /.; echo "/usr/share/doc/$2"; [ "$2" != chrony ] || echo /etc/chrony/chrony.conf ;;
    esac
    ;;
systemctl)
    verb=$1
    shift
    case $verb in
    is-enabled) if enabled "$1"; then echo enabled; else echo disabled; exit 1; fi ;;
    is-active) if [ -e "$active/$1" ]; then echo active; else echo inactive; exit 3; fi ;;
    enable) tick; for u in "$@"; do enable "$u"; done ;;
    disable) tick; for u in "$@"; do disable "$u"; done ;;
    start | restart) tick; for u in "$@"; do start "$u"; done; tick ;;
    stop) tick; for u in "$@"; do stop "$u"; done ;;
    esac
    ;;
systemd-sysusers)
    tick
    add_line /etc/group orthrus 'x:990:'
    add_line /etc/gshadow orthrus '!*::'
    add_line /etc/passwd orthrus 'x:990:990:Orthrus cluster daemon:/var/lib/orthrus:/usr/sbin/nologin'
    add_line /etc/shadow orthrus '!*:19700::::::'
    tick
    for u in orthrus-net:989 orthrus-guard:988; do
        n=${u%:*} i=${u#*:} m=""
        [ "$n" != orthrus-net ] || m=orthrus
        add_line /etc/group "$n" "x:$i:$m"
        add_line /etc/gshadow "$n" "!*::$m"
        add_line /etc/passwd "$n" "x:$i:$i:Orthrus:/:/usr/sbin/nologin"
        add_line /etc/shadow "$n" '!*:19700::::::'
    done
    ;;
systemd-tmpfiles)
    tick
    mkdir -p /var/lib/orthrus /var/log/orthrus
    chown 990:990 /var/lib/orthrus
    chown 990:4 /var/log/orthrus
    chmod 2755 /var/log/orthrus
    ;;
ifup)
    tick
    i=${*: -1}
    sed -n 's/^\taddress //p' "/etc/network/interfaces.d/orthrus-$i" | while read -r a; do ip address replace "$a" dev "$i" $([[ $a != *:* ]] || echo nodad); done
    ip link set "$i" up
    ;;
ifdown) tick; ip address flush dev "${*: -1}" ;;
nft) cat /fakes/ruleset 2>/dev/null ;;
orthrus-guard) tick ;;
esac
