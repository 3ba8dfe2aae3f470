#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tools/deps.sh with the real apt, but other directories and an archive of files: libraft comes from backports only, and a failure
# leaves apt as it was.
set -u
export LC_ALL=C.UTF-8 # it looks at every word that is said, and bash has one about a locale that is not installed
. /etc/os-release
[ "${VERSION_CODENAME:-}" = bookworm ] || { echo "backports are needed on Debian 12 only"; exit 77; }
for t in apt-get apt-cache apt-config; do command -v $t >/dev/null || { echo "needs $t"; exit 77; }; done
work=$(mktemp -d "${TMPDIR:-/tmp}/deps.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }

# An archive with libraft in two suites. Nothing is unpacked: dpkg is a script that notes what it is given.
suite() { # DIRECTORY NAME VERSION
    local dir=$1/dists/$2
    mkdir -p "$dir/main/binary-amd64" "$1/pool"
    printf 'Package: libraft-dev\nVersion: %s\nArchitecture: amd64\nMaintainer: x\nFilename: pool/libraft-dev_%s.deb\nSize: 2\nSHA256: %s\nDescription: x\n\n' \
        "$3" "$3" "$(printf x1 | sha256sum | cut -d' ' -f1)" >"$dir/main/binary-amd64/Packages"
    printf x1 >"$1/pool/libraft-dev_$3.deb"
    {
        printf 'Origin: Debian\nSuite: %s\nCodename: %s\nArchitectures: amd64\nComponents: main\n' "$2" "$2"
        [ "$2" = bookworm ] || printf 'NotAutomatic: yes\nButAutomaticUpgrades: yes\n'
        printf 'Date: Sat, 01 Jan 2022 00:00:00 UTC\nSHA256:\n %s %s main/binary-amd64/Packages\n' \
            "$(sha256sum <"$dir/main/binary-amd64/Packages" | cut -d' ' -f1)" "$(stat -c %s "$dir/main/binary-amd64/Packages")"
    } >"$dir/Release"
}
suite "$work/with" bookworm 0.15.0-1
suite "$work/with" bookworm-backports 0.22.1-1~bpo12+1
suite "$work/without" bookworm 0.15.0-1

mkdir "$work/bin" "$work/parts"
cat >"$work/bin/dpkg-query" <<'SH'
#!/bin/bash
[ "${*: -1}" != libraft-dev ] || { [ ! -s "$DEPS_WORK/installed" ] || echo "install ok installed $(cat "$DEPS_WORK/installed")"; exit; }
echo 'install ok installed 1'
SH
cat >"$work/bin/dpkg" <<'SH'
#!/bin/bash
case " $* " in
*' --unpack '*) deb=${*: -1}; deb=${deb##*libraft-dev_}; echo "${deb%.deb}" >"$DEPS_WORK/installed" ;;
*' --configure '* | *' --status-fd '*) ;;
*) exec /usr/bin/dpkg "$@" ;;
esac
SH
printf '#!/bin/sh\necho 0\n' >"$work/bin/id"
chmod +x "$work/bin"/*
export DEPS_WORK=$work

# deps SOURCES...: a fresh machine with these lines in sources.list; what is said goes to $work/out, the exit code to $rc
deps() {
    rm -rf "${work:?}"/{etc,state,cache,installed}
    mkdir -p "$work/etc/sources.list.d" "$work/etc/preferences.d" "$work/state/lists/partial" "$work/cache/archives/partial"
    : >"$work/state/status"
    printf '%s\n' "$@" >"$work/etc/sources.list"
    [ -z "${old:-}" ] || echo "$old" >"$work/etc/sources.list.d/orthrus-backports.list"
    run
}
run() {
    PATH=$work/bin:$PATH APT_CONFIG=$work/apt.conf "$TOP/tools/deps.sh" build >"$work/out" 2>&1
    rc=$?
}
cat >"$work/apt.conf" <<CONF
Dir::Etc "$work/etc";
Dir::Etc::parts "$work/parts";
Dir::State "$work/state";
Dir::State::status "$work/state/status";
Dir::Cache "$work/cache";
Dir::Log "$work/state";
Dir::Bin::dpkg "$work/bin/dpkg";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "";
APT::Get::AllowUnauthenticated "true";
Acquire::AllowInsecureRepositories "true";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
CONF
ours() { find "$work/etc" -name '*orthrus*'; }
installed() { cat "$work/installed" 2>/dev/null; }

# A fresh machine: no lists were downloaded.
deps "deb [trusted=yes] file:$work/with bookworm main"
[ $rc = 0 ] && [ "$(installed)" = '0.22.1-1~bpo12+1' ] || fail "fresh: exit $rc, libraft $(installed): $(cat "$work/out")"
grep -q "file:$work/with/\? bookworm-backports main" "$work/etc/sources.list.d/orthrus-backports.list" || fail "the source: $(cat "$work/etc/sources.list.d"/*)"
run
[ $rc = 0 ] && [ ! -s "$work/out" ] || fail "with all there it did something: $(cat "$work/out")"

# What an earlier version wrote there, and no apt call survived.
old='deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]  bookworm-backports main'
deps "deb [trusted=yes] file:$work/with bookworm main"
[ $rc = 0 ] && [ "$(installed)" = '0.22.1-1~bpo12+1' ] || fail "after a broken source: exit $rc: $(cat "$work/out")"
old=""

# Backports that somebody else enabled: libraft from there, no second source, and nothing forbidden to others.
deps "deb [trusted=yes] file:$work/with bookworm main" "deb [trusted=yes] file:$work/with bookworm-backports main"
[ $rc = 0 ] && [ "$(installed)" = '0.22.1-1~bpo12+1' ] || fail "with backports: exit $rc, libraft $(installed): $(cat "$work/out")"
[ ! -e "$work/etc/sources.list.d/orthrus-backports.list" ] || fail "backports twice"
grep -q -- '-1' "$work/etc/preferences.d/orthrus-backports" && fail "packages of others are forbidden"

# An old libraft that is installed does not count.
echo 0.15.0-1 >"$work/installed"
run
[ $rc = 0 ] && [ "$(installed)" = '0.22.1-1~bpo12+1' ] || fail "an old libraft: exit $rc, libraft $(installed): $(cat "$work/out")"

# Failures say why, and leave nothing.
deps "deb [trusted=yes] file:$work/without bookworm main"
[ $rc = 1 ] && grep -q 'has no suite bookworm-backports' "$work/out" || fail "a mirror without backports: exit $rc: $(cat "$work/out")"
[ -z "$(ours)" ] || fail "a mirror without backports leaves $(ours)"
deps '# nothing'
[ $rc = 1 ] && grep -q "apt has no source with Debian's suite bookworm" "$work/out" || fail "no source: exit $rc: $(cat "$work/out")"
[ -z "$(ours)" ] || fail "no source leaves $(ours)"
deps "deb [trusted=yes] file:$work/nowhere bookworm main"
[ $rc = 1 ] && grep -q 'apt-get update failed' "$work/out" || fail "no archive: exit $rc: $(cat "$work/out")"
[ -z "$(ours)" ] || fail "no archive leaves $(ours)"
[ "$failed" = 0 ] && echo ok
exit $failed
