#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Install what building, testing and the demo need, from the mirror this machine's apt already uses.
# usage: tools/deps.sh [build|deb|head|all|bench]   (nothing is done, and apt is not touched, when all is there)
#   build: to compile.  head: to compile and to run a head.  all: to test and to run the demo, too.
#   bench: to compile and to measure the store beside other programs.  deb: to compile, as Debian packages.
set -euo pipefail

build="build-essential pkg-config zstd libarchive-dev libblkid-dev libcmocka-dev libcurl4-openssl-dev
    libgnutls28-dev libipsec-mb-dev libisal-dev libjson-c-dev libmicrohttpd-dev libseccomp-dev libsodium-dev libssl-dev
    libsystemd-dev libuv1-dev libzstd-dev"
build="$build clang libbpf-dev" # the gate of orthrus-guard: a program for the kernel's BPF, and what loads it
build="$build libnewt-dev" # orthrus-setup
build="$build libslang2-dev" # the screen of the dashboard
backports="libraft-dev"                  # Debian 12's own 0.15.0 loses data: docs/adr/0003
raft=0.22
head="busybox-static ca-certificates debian-archive-keyring dnsmasq-base dosfstools e2fsprogs grub-common
    grub-efi-amd64-signed grub-pc-bin kmod mdadm mmdebstrap openssh-client shim-signed smartmontools squashfs-tools-ng udev
    util-linux xfsprogs"
head="$head nftables" # the gate where there is no BPF
head="$head tpm2-tools" # into the imager: identities in TPMs
lab="attr acl bsdutils clang clang-format cpio curl ethtool gdisk iproute2 isc-dhcp-client jq libarchive-tools libcap2-bin libclang-rt-14-dev
    mandoc mtools ndisc6 nftables openssh-server openssl ovmf parted procps qemu-system-x86 qemu-utils rsync socat squashfs-tools strace systemd
    tftp-hpa tmux valgrind"
head="$head systemd" # its sysusers make the users of orthrusd and of its dnsmasq
# Nodes' BMCs, and simulated ones for tests.
head="$head ipmitool"
lab="$lab openipmi python3-minimal libpython3-stdlib"
# What disks may have been used for before: unit/oldsigs has each of these put its signature on one.
lab="$lab bcache-tools btrfs-progs cryptsetup-bin exfatprogs lvm2 ntfs-3g"
lab="$lab spin" # the model of the cast
lab="$lab python3-jsonschema python3-yaml" # the documents of the API and the site, against what they describe
lab="$lab swtpm"
head="$head fdisk openssh-server" # into the rescue system
# Whose view of the nodes cli/exports asks for.
lab="$lab clustershell genders munge slurm-client slurmctld"
deb="debhelper dpkg-dev fakeroot liblz4-dev"
lab="$lab $deb lintian" # the packages, and what is wrong with them
lab="$lab zsh" # its completion
lab="$lab faketime" # heads and machines whose clock is wrong
bench="borgbackup debian-archive-keyring ethtool fsarchiver iproute2 libarchive-tools mmdebstrap nftables procps restic rsync time udpcast uftp util-linux"
bench="$bench jq keepalived" # the failover of two heads, beside ours
. /etc/os-release
case ${VERSION_CODENAME:-} in
bookworm) ;;
trixie) build="$build $backports" backports="" lab="${lab/libclang-rt-14-dev/libclang-rt-19-dev}" ;;
*) echo "tools/deps.sh: this is ${PRETTY_NAME:-an unknown system}; Orthrus is built on Debian 12 or 13" >&2; exit 1 ;;
esac
case ${1:-all} in
build) want="$build" ;;
deb) want="$build $deb" ;;
head) want="$build $head" ;;
all) want="$build $head $lab" ;;
bench) want="$build $bench" ;;
*) echo "usage: tools/deps.sh [build|deb|head|all|bench]" >&2; exit 2 ;;
esac

# Of libraft any version is installed soon; only one that keeps its data counts.
installed() { # PACKAGE
    local v
    v=$(dpkg-query -W -f '${Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^install ok installed //p')
    [ -n "$v" ] || return 1
    [ "$1" != libraft-dev ] || dpkg --compare-versions "$v" ge "$raft"
}
missing=""
for p in $want $backports; do installed "$p" || missing="$missing $p"; done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "tools/deps.sh: not root; ask an administrator to install:$missing" >&2
    exit 1
fi

# What this run wrote for apt goes again when it fails: nobody's apt stays broken by it.
written=()
trap '[ $? = 0 ] || rm -f "${written[@]}"' EXIT
fail() { # TEXT...
    printf 'tools/deps.sh: %s\n' "$@" >&2
    exit 1
}
update() { apt-get update -q || fail "$1" "look at what apt-get says above, then run it again"; }

# The backports suite, on whatever mirror serves this machine's bookworm, pinned so that only libraft comes from it. Where somebody
# uses that suite already, what else comes from it is theirs to say.
use_backports() {
    local mirror every="" sources prefs
    eval "$(apt-config shell sources Dir::Etc::sourceparts/f prefs Dir::Etc::preferencesparts/f)"
    sources=${sources%/}/orthrus-backports.list prefs=${prefs%/}/orthrus-backports
    rm -f "$sources" "$prefs" # of an earlier run: written again
    update "apt-get update failed"
    if ! apt-cache policy | grep -q 'n=bookworm-backports'; then
        mirror=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' | awk '$1 == "bookworm" && $2 == "main" {print $3; exit}')
        [ -n "$mirror" ] || fail "apt has no source with Debian's suite bookworm, so bookworm-backports can't be found" \
            "add one to /etc/apt/sources.list, or install libraft-dev $raft or newer yourself, then run it again"
        written+=("$sources")
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" >"$sources"
        every='Package: *\nPin: release n=bookworm-backports\nPin-Priority: -1\n\n'
    fi
    written+=("$prefs")
    # shellcheck disable=SC2059
    printf "${every}Package: libraft*\nPin: release n=bookworm-backports\nPin-Priority: 991\n" >"$prefs"
    [ -z "$every" ] || update "$mirror has no suite bookworm-backports that can be used"
}
if [ -n "$backports" ] && ! installed $backports; then use_backports; else update "apt-get update failed"; fi
# The tests start an sshd of their own where nobody else can reach it. That its package is installed must not open this machine.
quiet=""
case " $missing " in *" openssh-server "*|*" munge "*|*" slurmctld "*) quiet=1 ;; esac
if [ -n "$quiet" ] && [ ! -e /usr/sbin/policy-rc.d ]; then
    trap 'rc=$?; rm -f /usr/sbin/policy-rc.d; [ $rc = 0 ] || rm -f "${written[@]}"' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
fi
echo "tools/deps.sh: installing$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
apt-get install -q -y --no-install-recommends $missing || fail "the packages can't be installed" "look at what apt-get says above, then run it again"
for p in $missing; do
    installed "$p" || fail "$p is installed, but not as needed: $(dpkg-query -W -f '${Version}' "$p" 2>/dev/null)" \
        "libraft-dev must be $raft or newer: look at \`apt-cache policy $p\`"
done
[ -z "$quiet" ] || ! command -v systemctl >/dev/null || systemctl -q disable ssh.service ssh.socket >/dev/null 2>&1 ||
    echo "tools/deps.sh: sshd will start with this machine; \`systemctl disable ssh.service\` keeps it from that" >&2
