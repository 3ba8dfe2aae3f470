#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every command of the documentation (README.md, docs/, EXAMPLES of the manual pages) is tried: its words by the program itself, and against a
# real orthrusd in a lab, with --plan where it changes something. What can't be, and why, is in tests/cli/docs-commands.table. Of the commands
# that the programs themselves tell people to type, the words.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root: the daemon lets only root in"; exit 77; }
for p in curl jq openssl ssh-keygen; do command -v $p >/dev/null || { echo "needs the program $p"; exit 77; }; done
. "$TOP/tests/cli/daemon.bash"

# BMCs that say yes.
mkdir "$work/bin" "$work/lab"
cat >"$work/bin/ipmitool" <<'EOS'
#!/bin/bash
case "$*" in
*"chassis status"*) echo "System Power         : on" ;;
esac
EOS
chmod +x "$work/bin/ipmitool"
PATH=$work/bin:$PATH start_daemon
make_site
change_site '.images[0].packages += ["munge"]'
for reason in one two three four; do # something to go back to
    change_site ".cluster.domain = \"$reason.internal\""
    "$orthrus" site apply --yes --reason "$reason" >/dev/null || die "site apply"
done
port=$(tls_port)
mkdir -p "$work/tree/etc" && echo '# none' >"$work/tree/etc/fstab"
tiny_image compute
older=$(basename "$root"/srv/orthrus/store/images/compute/*)
sleep 1.1 # an image's id is the second in which it was made
echo more >"$work/tree/etc/more"
"$orthrus" image build compute --from "$work/tree" >/dev/null || die "image build"

# n01 to n16 have arrived and were approved, and another machine waits with the address of each; the other nodes are only known.
mac() { printf '52:54:00:77:00:%02x' "$1"; }
macs=$(for i in $(seq 64); do mac "$i"; echo; done | paste -sd,)
"$orthrus" node add 'n[01-64]' --group compute --mac "$macs" >/dev/null || die "node add"
(umask 077; echo secret >"$work/lab/pw")
"$orthrus" node set 'n[01-16]' --bmc 127.0.0.1 --bmc-user admin --bmc-password-file "$work/lab/pw" >/dev/null || die "node set"
for i in $(seq 16); do enrol "$(mac "$i")" "$(machine "$(mac "$i")" "S$i")"; done
"$orthrus" node approve 'n[01-16]' --yes >/dev/null || die "node approve"
for i in $(seq 16); do hello "$(mac "$i")" "$(machine "$(mac "$i")" "S$i")"; want 200 "hello of $i"; done
for i in $(seq 16); do
    rm -f "$(at_of "$(mac "$i")")".*
    enrol "$(mac "$i")" "$(machine "$(mac "$i")" "S$i")"
done
echo secret >"$work/lab/ldap.key"
"$orthrus" secret set ldap "$work/lab/ldap.key" --path /etc/ldap.key >/dev/null || die "secret set"
"$orthrus" secret set cookie --path /etc/app.cookie --generate 32 >/dev/null || die "secret set"
"$orthrus" head certificate anna --out "$work/lab/anna" >/dev/null || die "head certificate"

# The files that the documentation names.
cd "$work/lab" || exit 1
head -c 100000 /dev/urandom >disk.img
cp disk.img data.tar
cp "$root/etc/orthrus/site.json" site.json
tar -C "$work/tree" -c . | zstd -q >rootfs.tar.zst
(umask 077; echo secret >bind.pw)
printf 'name,group,mac\nr3n01,compute,52:54:00:00:03:01\n' >nodes.csv
cat >"$work/scene" <<EOS
20261101T021500Z-golden=$older
/root/site.json=$work/lab/site.json
https://10.1.0.1:8443=https://127.0.0.1:$port
/root/anna=$work/lab/new-anna
EOS
mapfile -t pages < <(find "$TOP/README.md" "$TOP/CONTRIBUTING.md" "$TOP/docs" -name '*.md' -o -path '*/man/*.[1-8]' | sort)
mapfile -t -O ${#pages[@]} pages < <(find "$TOP"/{cast,cmd,daemon,headfailover,headinstall,imaging,installer,lib,netboot,node,power,raidsetup,tui} -name '*.c' | sort)
/usr/bin/python3 "$TOP/tests/lab/docs_commands.py" run "$TOP/tests/cli/docs-commands.table" "$work/scene" "${pages[@]}" || failed=1
exit $failed
