#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Build the Debian packages from the files that git knows: tools/deb.sh OUTPUT-DIRECTORY   (what `make deb` runs)
# It is done in a copy, so that nothing is left beside the source, and two builds of the same files give the same bytes: all times in
# them are that of the last entry of debian/changelog, and neither directory, user nor umask are to be found in them.
set -euo pipefail
out=${1:?usage: tools/deb.sh OUTPUT-DIRECTORY}
cd "$(dirname "$0")/.."
version=$(dpkg-parsechangelog -S Version)
made=$(sed -n 's/^VERSION := //p' Makefile)
if [ "$version" != "$made" ]; then
    echo "tools/deb.sh: debian/changelog is about version $version, the Makefile about $made: make them the same" >&2
    exit 1
fi
umask 022
mkdir -p "$out"
out=$(cd "$out" && pwd)
tree=$out/orthrus-$version
# Of an earlier build; whatever else is there is somebody's.
rm -rf "$tree"
rm -f "$out"/orthrus_*.{deb,ddeb,dsc,tar.*,changes,buildinfo} "$out"/orthrus-*_*.{deb,ddeb}
mkdir "$tree"

tracked() {
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files -z | while IFS= read -r -d '' f; do [ ! -f "$f" ] || printf '%s\0' "$f"; done
    else # an unpacked source package
        find . -mindepth 1 -path './build*' -prune -o -type f -printf '%P\0'
    fi
}
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -S Timestamp)
tracked | tar -c --null -T - --mtime="@$SOURCE_DATE_EPOCH" --mode='u=rwX,go=rX' | tar -x -p --no-same-owner -C "$tree"
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 DEB_BUILD_OPTIONS="parallel=${JOBS:-$(nproc)}${DEB_BUILD_OPTIONS:+ $DEB_BUILD_OPTIONS}"
# What a make that called this one, or a test, has for its own makes is not for debian/rules.
(cd "$tree" && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u CI -u BUILD -u SAN -u WERROR -u DESTDIR dpkg-buildpackage -us -uc)
rm -rf "$tree"
cd "$out" && ls -l ./orthrus*.deb
