#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# alone: it compiles everything twice, with all processors
# The Debian packages: two builds give the same bytes, lintian finds nothing, and in a copy of this machine they are installed,
# upgraded, removed and purged without starting anything, and leave nothing behind.
set -u
TOP=${TOP:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$TOP" || exit 2
[ "$(id -u)" = 0 ] || { echo "only root can install packages"; exit 77; }
tools/deps.sh all || exit 1
work=$(mktemp -d "${TMPDIR:-/tmp}/orthrus-deb.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }
die() { echo "FAIL: $*" >&2; exit 1; }

# --- two builds --------------------------------------------------------------------------------------------------------------
build() { # DIRECTORY: the packages, there
    tools/deb.sh "$1" >"$1.log" 2>&1 && return
    tail -n 40 "$1.log" >&2
    die "the build in $1 failed"
}
for d in a "another place"; do mkdir "$work/$d"; for f in thesis.tar.gz other_1.deb; do echo mine >"$work/$d/$f"; done; done
build "$work/a"
(umask 077; export TZ=Pacific/Kiritimati HOME=/nonexistent LOGNAME=other USER=other DEB_BUILD_OPTIONS=nocheck; build "$work/another place") || exit 1
for d in a "another place"; do
    for f in thesis.tar.gz other_1.deb; do [ -e "$work/$d/$f" ] && rm "$work/$d/$f" || fail "a build removes what somebody has beside it: $f"; done
done
sums() { (cd "$1" && sha256sum ./*.deb ./*.dsc ./*.tar.*); }
sums "$work/a" >"$work/sums"
[ "$(wc -l <"$work/sums")" -ge 4 ] || fail "there are only: $(cat "$work/sums")"
reproducible=yes
sums "$work/another place" | diff "$work/sums" - >&2 || { reproducible=no; fail "two builds of the same files differ"; }

# --- lintian -----------------------------------------------------------------------------------------------------------------
lintian --allow-root --fail-on error,warning --display-level '>=warning' --info "$work"/a/*.changes >"$work/lintian" 2>&1 ||
    fail "lintian: $(grep -E '^[EW]:' "$work/lintian" || cat "$work/lintian")"
errors=$(grep -c '^E:' "$work/lintian") warnings=$(grep -c '^W:' "$work/lintian")

# --- the manual pages that are in them ---------------------------------------------------------------------------------------
packages=0
for d in "$work"/a/*.deb; do
    case $d in *-dbgsym_*) continue ;; esac
    packages=$((packages + 1))
    dpkg-deb -x "$d" "$work/files"
done
[ "$packages" = 3 ] || fail "there are $packages packages, not orthrus, orthrus-setup and orthrus-imager"
for f in docs/man/*; do
    [ -e "$work/files/usr/share/man/man${f##*.}/${f##*/}.gz" ] || fail "no package has ${f##*/}"
done
for noun in $(sed -n 's/^_orthrus_nouns="\(.*\)"$/\1/p' "$work/files/usr/share/bash-completion/completions/orthrus"); do
    nouns=${nouns:-}$noun,
    [ -e "$work/files/usr/share/man/man8/orthrus-$noun.8.gz" ] || fail "'orthrus $noun' has no manual page"
done
[ -n "${nouns:-}" ] || fail "the completion names no noun"
for f in "$work"/files/usr/bin/* "$work"/files/usr/sbin/* "$work"/files/usr/lib/orthrus/orthrus-imager; do
    [ -e "$work/files/usr/share/man/man8/${f##*/}.8.gz" ] || fail "${f##*/} has no manual page"
done
mkdir "$work/man"
for f in "$work"/files/usr/share/man/man*/*.gz; do zcat "$f" >"$work/man/$(basename "$f" .gz)"; done
mandoc -T lint -W warning "$work"/man/* >"$work/mandoc"
mandoc_warnings=$(wc -l <"$work/mandoc")
[ "$mandoc_warnings" = 0 ] || fail "mandoc: $(cat "$work/mandoc")"

# --- a copy of this machine --------------------------------------------------------------------------------------------------
# Two layers over its root: in the lower one whatever Orthrus has left here is gone, in the upper one is what the packages change.
# It has the dependencies, since the tests need them; dpkg looks whether they are those that the packages name.
cat >"$work/inside" <<'SH'
set -eu
work=$1
mount -t tmpfs -o mode=755 none "$work/layers"
cd "$work/layers"
mkdir clean changed w1 w2 root
over() { mount -t overlay overlay -o "lowerdir=$1,upperdir=$PWD/$2,workdir=$PWD/$3" root; }
over / clean w1
rm -rf root/etc/orthrus root/usr/lib/orthrus root/usr/share/orthrus root/var/lib/orthrus root/var/log/orthrus root/srv/orthrus \
    root/usr/bin/orthrus root/usr/sbin/orthrusd root/usr/sbin/orthrus-guard root/lib/systemd/system/orthrus* \
    root/usr/lib/*.d/*orthrus.conf root/usr/share/bash-completion/completions/orthrus root/usr/share/zsh/vendor-completions/_orthrus \
    root/usr/share/man/man*/orthrus* root/usr/share/man/man5/site.json.5* root/run root/usr/sbin/policy-rc.d
for u in orthrus-net orthrus-guard orthrus; do
    ! chroot root getent passwd $u >/dev/null || chroot root userdel $u
    ! chroot root getent group $u >/dev/null || chroot root groupdel $u
done
# Programs that would speak to systemd write down what they say.
mkdir -p root/run root/fake root/debs
cat >root/fake/systemctl <<'FAKE'
#!/bin/sh
case "$*" in *is-active*) exit 0 ;; *is-enabled*) exit 1 ;; esac # all that is asked about runs
echo "$*" >>/run/said
FAKE
chmod 755 root/fake/systemctl
cp "$work"/a/*.deb root/debs
umount root
over "$PWD/clean:/" changed w2
mount -t proc proc root/proc
mount -t tmpfs -o mode=755 none root/dev
for n in null zero full random urandom tty; do : >root/dev/$n; mount --bind /dev/$n root/dev/$n; done
mount -t tmpfs -o mode=755 none root/run
mount -t tmpfs -o mode=1777 none root/tmp
cp "$work/smoke" root/tmp/smoke
in_root() { chroot root env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
packages=$(for d in root/debs/*.deb; do dpkg-deb -f "$d" Package; done | grep -v -- '-dbgsym$')
debs=$(for p in $packages; do ls root/debs/"${p}"_*.deb; done | sed 's/^root//')
echo "== install"; in_root dpkg -i $debs
echo "== smoke"; in_root /tmp/smoke
in_root orthrus --version >"$work/version"
in_root dpkg --verify $packages
[ -z "$(in_root dpkg --verify $packages)" ] || { echo "an installed file is not as in its package"; exit 1; }
echo "== remove"; in_root dpkg -r $packages
in_root dpkg-query -W $packages || true

echo "== install, upgrade and remove where systemd runs"
mkdir -p root/run/systemd/system
with_systemd() { in_root env PATH=/fake:/usr/sbin:/usr/bin:/sbin:/bin "$@"; }
in_root dpkg -P $packages
for act in install upgrade reinstall; do # a removed package that is installed again is an upgrade for its scripts
    [ $act != reinstall ] || with_systemd dpkg -r $packages
    : >root/run/said
    with_systemd dpkg -i $debs
    cp root/run/said "$work/said-$act"
done
: >root/run/said
with_systemd dpkg -r $packages
cp root/run/said "$work/said-remove"
rm -r root/run/systemd

echo "== purge, while there is state"
mkdir -p root/var/lib/orthrus/raft root/srv/orthrus/store
echo kept >root/var/lib/orthrus/raft/log
echo '{}' >root/var/lib/orthrus/setup.json
echo '{}' >root/var/lib/orthrus/setup-site.json
echo kept >root/srv/orthrus/store/image
in_root dpkg -P $packages
[ "$(cat root/var/lib/orthrus/raft/log root/srv/orthrus/store/image)" = "kept
kept" ] || { echo "a purge removed state or images"; exit 1; }
[ ! -e root/var/lib/orthrus/setup.json ] && [ ! -e root/var/lib/orthrus/setup-site.json ] || { echo "a purge keeps what was answered in the wizard"; exit 1; }
in_root getent passwd orthrus >/dev/null || { echo "a purge removed the user whose files are still there"; exit 1; }
rm -r root/var/lib/orthrus/raft root/srv/orthrus
echo "== purge, with volumes of their own"
in_root dpkg -i $debs
mount -t tmpfs -o mode=755 none root/var/lib/orthrus
mount -t tmpfs -o mode=755 none root/var/log/orthrus
in_root dpkg -P $packages
umount root/var/lib/orthrus root/var/log/orthrus
rmdir root/var/lib/orthrus root/var/log/orthrus
echo "== purge, where nothing is left"
in_root dpkg -i $debs
in_root dpkg -P $packages

# What differs from before. dpkg's own records, logs, caches and the copies that passwd keeps of its files are not the packages'.
umount root/tmp root/run
set +e
find changed -mindepth 1 -printf '%P\n' | sort | while IFS= read -r f; do
    case $f in
    var/lib/dpkg|var/lib/dpkg/*|var/log/dpkg.log|var/cache/man|var/cache/man/*|etc/passwd-|etc/group-|etc/shadow-|etc/gshadow-|etc/subuid-|etc/subgid-|etc/.pwd.lock|fake|fake/*|debs|debs/*) continue ;;
    esac
    was=clean/$f
    [ -e "$was" ] || [ -L "$was" ] || was=/$f
    if [ -c "changed/$f" ] && [ "$(stat -c %t,%T "changed/$f")" = 0,0 ]; then echo "gone: /$f"; continue; fi
    if [ ! -e "$was" ] && [ ! -L "$was" ]; then echo "new: /$f"; continue; fi
    [ "$(stat -c '%F %u %g %a' "$was")" = "$(stat -c '%F %u %g %a' "changed/$f")" ] || echo "other kind, owner or mode: /$f"
    if [ -L "$was" ]; then [ "$(readlink "$was")" = "$(readlink "changed/$f")" ] || echo "another link: /$f"
    elif [ -f "$was" ]; then cmp -s "$was" "changed/$f" || echo "another content: /$f"
    fi
done >"$work/differences"
! in_root dpkg-query -W $packages 2>/dev/null || echo "dpkg still knows them: $packages" >>"$work/differences"
SH
cp debian/tests/smoke "$work/smoke"
mkdir "$work/layers"
unshare --mount --pid --net --uts --ipc --fork --kill-child bash "$work/inside" "$work" >"$work/log" 2>&1 </dev/null || { tail -n 40 "$work/log" >&2; die "installing or removing failed"; }
grep -q '^orthrus [0-9]' "$work/version" || fail "the installed orthrus says '$(cat "$work/version")'"
grep -q 'smoke: all is there' "$work/log" || fail "debian/tests/smoke did not end well"
for act in install upgrade reinstall remove; do
    grep -E '(^| )(start|restart|enable|preset|reenable|reload-or-restart)( |$)' "$work/said-$act" >&2 && fail "$act starts or enables something"
done
grep -vE '(^| )daemon-reload' "$work/said-install" >&2 && fail "an installation does more than have systemd read its units"
grep -E 'try-restart.*orthrusd\.service' "$work/said-upgrade" >/dev/null || fail "an upgrade does not start a running orthrusd anew: $(cat "$work/said-upgrade")"
grep -E 'guard|witness' "$work/said-upgrade" >&2 && fail "an upgrade touches the guard"
for u in orthrusd orthrus-guard orthrus-witness orthrus-helper; do
    grep -qE "stop.* $u\.service" "$work/said-remove" || fail "a removal does not stop $u: $(cat "$work/said-remove")"
done
differences=$(wc -l <"$work/differences")
[ "$differences" = 0 ] || fail "after the purge: $(cat "$work/differences")"

echo "RESULT deb packages=$packages lintian_errors=$errors lintian_warnings=$warnings mandoc_warnings=$mandoc_warnings differences=$differences reproducible=$reproducible"
[ "$failed" = 0 ]
