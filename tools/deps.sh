#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Install what building, testing and the demo need, from the mirror this machine's apt already uses.
# usage: tools/deps.sh [build|head|all]   (nothing is done, and apt is not touched, when all is there)
#   build: to compile.  head: to compile and to run a head.  all: to test and to run the demo, too.
set -euo pipefail

build="build-essential pkg-config zstd libarchive-dev libblkid-dev libcmocka-dev libcurl4-openssl-dev
    libgnutls28-dev libjson-c-dev libmicrohttpd-dev libsodium-dev libssl-dev libsystemd-dev
    libuv1-dev libzstd-dev"
backports="libraft-dev"                  # Debian 12's own 0.15.0 loses data: docs/adr/0003
head="busybox-static ca-certificates debian-archive-keyring dnsmasq-base dosfstools e2fsprogs grub-common
    grub-efi-amd64-signed grub-pc-bin kmod mdadm mmdebstrap shim-signed smartmontools udev util-linux xfsprogs"
lab="attr acl bsdutils clang clang-format cpio curl ethtool gdisk iproute2 jq libcap2-bin libclang-rt-14-dev mandoc mtools
    nftables openssl ovmf parted procps qemu-system-x86 qemu-utils rsync socat strace tftp-hpa tmux valgrind"
# What disks may have been used for before: unit/oldsigs has each of these put its signature on one.
lab="$lab bcache-tools btrfs-progs cryptsetup-bin exfatprogs lvm2 ntfs-3g"
. /etc/os-release
case ${VERSION_CODENAME:-} in
bookworm) ;;
trixie) build="$build $backports" backports="" lab="${lab/libclang-rt-14-dev/libclang-rt-19-dev}" ;;
*) echo "tools/deps.sh: this is ${PRETTY_NAME:-an unknown system}; Orthrus is built on Debian 12 or 13" >&2; exit 1 ;;
esac
case ${1:-all} in
build) want="$build" ;;
head) want="$build $head" ;;
all) want="$build $head $lab" ;;
*) echo "usage: tools/deps.sh [build|head|all]" >&2; exit 2 ;;
esac

installed() { dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q '^install ok installed$'; }
missing=""
for p in $want $backports; do installed "$p" || missing="$missing $p"; done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "tools/deps.sh: not root; ask an administrator to install:$missing" >&2
    exit 1
fi

# The backports suite, on whatever mirror serves this machine's bookworm, pinned so that only libraft comes from it.
if [ -n "$backports" ] && ! apt-cache policy 2>/dev/null | grep -q 'n=bookworm-backports'; then
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' 2>/dev/null | awk '$2=="bookworm"{print $1; exit}')
    [ -n "$mirror" ] || mirror=$(apt-get indextargets --format '$(SITE) $(SUITE) $(REPO_URI)' | awk '/bookworm/{print $3; exit}')
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" \
        > /etc/apt/sources.list.d/orthrus-backports.list
    printf 'Package: *\nPin: release n=bookworm-backports\nPin-Priority: -1\n\nPackage: libraft-dev libraft3 libraft*\nPin: release n=bookworm-backports\nPin-Priority: 500\n' \
        > /etc/apt/preferences.d/orthrus-backports
fi
echo "tools/deps.sh: installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086
apt-get install -q -y --no-install-recommends $missing
