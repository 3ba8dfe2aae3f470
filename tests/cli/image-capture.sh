#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# orthrus image capture over a real ssh connection: what comes out of the image is what the machine has; a tree that changes, a
# connection that is cut, a machine that is not let in.
set -u
if [ "${1:-}" != inside ]; then
    [ "$(id -u)" = 0 ] || { echo "needs root for namespaces and sshd"; exit 77; }
    for p in sshd ssh-keygen rsync setfattr setfacl setcap jq perl socat; do
        command -v $p >/dev/null || [ -x "/usr/sbin/$p" ] || { echo "needs the program $p"; exit 77; }
    done
    exec unshare --net --mount --propagation private bash "$0" inside
fi
ip link set lo up
mount -t tmpfs none /run # sshd's directory and the capture's own, nobody else's
mkdir -p /run/sshd
orthrus=$BUILD/orthrus
work=$(mktemp -d)
finish() {
    [ -z "${sshd:-}" ] || kill "$sshd" 2>/dev/null
    [ ! -e "$work/tree/immutable" ] || chattr -i "$work/tree/immutable" 2>/dev/null
    [ ! -e "$work/out/immutable" ] || chattr -i "$work/out/immutable" 2>/dev/null
    rm -rf "$work"
}
trap finish EXIT
export ORTHRUS_ROOT=$work/root
store=$work/root/srv/orthrus/store
failed=0
fail() { echo "FAIL: $*" >&2; failed=1; }

# expect CODE STREAM TEXT -- WORDS...
expect() {
    local code=$1 stream=$2 text=$3 rc
    shift 4
    "$orthrus" "$@" >"$work/stdout" 2>"$work/stderr" </dev/null
    rc=$?
    [ $rc = "$code" ] || fail "orthrus $*: exit $rc, not $code: $(cat "$work/stdout" "$work/stderr")"
    grep -qF -- "$text" "$work/std$stream" || fail "orthrus $*: '$text' is not on std$stream: $(cat "$work/stdout" "$work/stderr")"
}
until_there() { # FILE: what makes it is under way
    local i
    for i in $(seq 600); do [ ! -e "$1" ] || return 0; sleep 0.05; done
    fail "$1 did not appear"
    return 1
}
gone() { # nothing of a capture is left on the machine
    local i
    for i in $(seq 200); do ls -d /run/orthrus-capture.* >/dev/null 2>&1 || return 0; sleep 0.05; done
    fail "left behind: $(ls -d /run/orthrus-capture.*)"
}

# --- the machine: sshd, and a tar that does what the test says while it reads
mkdir -p "$work/bin" "$work/hooks"
cat >"$work/bin/tar" <<SH
#!/bin/bash
[ "\${1:-}" = --create ] || exec /usr/bin/tar "\$@"
echo call >>$work/hooks/calls
if [ -e $work/hooks/stall ]; then
    /usr/bin/tar "\$@" | { head -c 600000; touch $work/hooks/stalled; exec sleep 300; }
    exit
fi
/usr/bin/tar "\$@"
rc=\$?
[ ! -x $work/hooks/after ] || $work/hooks/after
exit \$rc
SH
chmod +x "$work/bin/tar"
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key" && ssh-keygen -q -t ed25519 -N '' -f "$work/id" && ssh-keygen -q -t ed25519 -N '' -f "$work/stranger" ||
    { fail "keys"; exit 1; }
cp "$work/id.pub" "$work/authorized"
cat >"$work/sshd_config" <<END
Port 2222
ListenAddress 127.0.0.1
HostKey $work/host_key
AuthorizedKeysFile $work/authorized
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
SetEnv PATH=$work/bin:/usr/sbin:/usr/bin:/sbin:/bin
END
/usr/sbin/sshd -D -f "$work/sshd_config" -E "$work/sshd.log" &
sshd=$!
for i in $(seq 100); do (exec 9<>/dev/tcp/127.0.0.1/2222) 2>/dev/null && break; sleep 0.05; done
echo "[127.0.0.1]:2222 $(cut -d' ' -f1,2 "$work/host_key.pub")" >"$work/known"
ssh=(--ssh-option Port=2222 --ssh-option "IdentityFile=$work/id" --ssh-option IdentitiesOnly=yes --ssh-option "UserKnownHostsFile=$work/known")
far=root@127.0.0.1:$work/tree

# --- a tree with all that is hard
noise() { head -c "$1" /dev/zero | openssl enc -aes-128-ctr -nosalt -K "$(printf '%032d' "$2")" -iv 00000000000000000000000000000000; }
tree=$work/tree
mkdir -p "$tree/sub/deeper" "$tree/sub-" "$tree/sub.d" "$tree/$(printf 'd%.0s' $(seq 200))"
cd "$tree" || exit 1
noise 3000000 1 >big
noise 700000 2 >sub/deeper/data
ln sub/deeper/data a-first
ln sub/deeper/data sub-/last
echo a >sub-/x && echo b >sub.d/x && : >empty
touch "$(printf '\377\376 bytes')" $'new\nline' ' $(x) ; -rf' ./-dash "$(printf 'd%.0s' $(seq 200))/$(printf 'caf\303\251\377')"
ln -s "$(printf 't%.0s' $(seq 300))" longlink && ln -s "$(printf 'x\377')" badlink && ln badlink badlink-too
truncate -s 50000000 hole
truncate -s 3000000 sparse && printf middle | dd of=sparse bs=1 seek=1500000 conv=notrunc status=none && printf end >>sparse
mkfifo -m 640 fifo && mknod null c 1 3 && mknod disk b 259 300
perl -e 'use IO::Socket::UNIX; IO::Socket::UNIX->new(Local => "sock", Listen => 1) or die' && chmod 711 sock
chown 7:8 sock && echo x >owned && chown 3000000000:12345 owned && chmod 6711 owned
echo x >acl && setfacl -m u:12345:rx acl && setfacl -d -m g:54321:rwx sub
echo x >attr && setfattr -n user.one -v 1 attr && setfattr -n 'user.a=b%c' -v 2 attr && setfattr -n trusted.t -v 3 attr && setfattr -h -n trusted.l -v 4 longlink
cp /bin/true ping && setcap cap_net_raw+ep ping
touch -d '1960-01-01 00:00:00.25' empty && touch -d '2001-02-03 04:05:06.123456789' sub/deeper
echo x >immutable && chattr +i immutable && chattr +d big || echo "no inode flags on this file system"
cd / || exit 1

# --- who is not let in, and what does not make sense
expect 1 err 'there are no keys to sign with' -- image capture m --from "$tree"
"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null || { fail "site init"; exit 1; }
expect 2 err 'say what to capture' -- image capture m
expect 2 err 'which directory of that machine' -- image capture m --from root@host
expect 1 err 'No such file or directory' -- image capture m --from "$work/none" --plan
expect 1 err 'next: name a directory' -- image capture m --from "root@127.0.0.1:$work/none" "${ssh[@]}" --plan
expect 1 err 'Host key verification failed' -- image capture m --from "$far" "${ssh[@]:0:6}" --ssh-option UserKnownHostsFile=/dev/null --plan
expect 1 err 'next: compare its key' -- image capture m --from "$far" "${ssh[@]:0:6}" --ssh-option UserKnownHostsFile=/dev/null --ssh-option StrictHostKeyChecking=no
expect 1 err 'Permission denied' -- image capture m --from "$far" --ssh-option Port=2222 --ssh-option "IdentityFile=$work/stranger" --ssh-option IdentitiesOnly=yes --ssh-option "UserKnownHostsFile=$work/known"
expect 1 err 'next: let this user' -- image capture m --from "$far" --ssh-option Port=2222 --ssh-option "IdentityFile=$work/stranger" --ssh-option IdentitiesOnly=yes --ssh-option "UserKnownHostsFile=$work/known"
expect 1 err 'Connection refused' -- image capture m --from "$far" --ssh-option Port=1
expect 0 out "take root@127.0.0.1:$tree" -- image capture m --from "$far" "${ssh[@]}" --plan
[ ! -e "$store" ] || fail "--plan made $store"

# --- quiet: everything is as it was
sleep 0.1 # the clock that dates changes is coarse, and what was made just now counts as changing
expect 0 out 'is in the store' -- image capture m --from "$far" "${ssh[@]}" --live
[ -d "$store/images/m" ] || { cat "$work/sshd.log"; exit 1; }
gone
[ "$(wc -l <"$work/hooks/calls")" = 1 ] || fail "a tree that was quiet was read $(wc -l <"$work/hooks/calls") times"
expect 0 out 'is intact' -- image verify m
expect 0 out '' -- image export m "$work/out"
same() { # WHAT
    local diff
    diff=$(rsync -aHAXSn --checksum --delete -i "$tree/" "$work/out/")
    [ -z "$diff" ] || fail "$1: $diff"
}
same "rsync finds differences"
[ "$(lsattr -d "$tree"/{immutable,big} | cut -c1-20 | tr -d e)" = "$(lsattr -d "$work/out"/{immutable,big} | cut -c1-20 | tr -d e)" ] ||
    fail "inode flags: $(lsattr -d "$work/out"/{immutable,big})"
[ "$(stat -c '%n %a %u %g %F' "$tree/sock" | sed 's|.*/||')" = "$(stat -c '%n %a %u %g %F' "$work/out/sock" | sed 's|.*/||')" ] || fail "the socket"
[ "$(stat -c %Y%y "$work/out/empty")" = "$(stat -c %Y%y "$tree/empty")" ] || fail "a time before 1970: $(stat -c %y "$work/out/empty")"
[ "$(stat -c %b "$work/out/hole")" -lt 100 ] && [ "$(stat -c %b "$work/out/sparse")" -lt 1000 ] || fail "holes were filled"
[ "$(getfattr --absolute-names -n 'user.a=b%c' --only-values "$work/out/attr")" = 2 ] || fail "an attribute's name"
manifest() { "$orthrus" image show m --json | jq -r "$1"; }
[ "$(manifest '.manifest | "\(.snapshot) \(.crash_consistent) \(.kind)"')" = 'two-pass false golden' ] || fail "manifest: $(manifest .manifest)"
# Of the newest: that is the highest number. Ids of images that were begun in one second sort by their kind.
layout() { jq -r "$1" "$store/images/$("$orthrus" image show m --json | jq -r '.name + "/" + .id')/layout.json"; }
[ "$(layout '"\(.format) \(.rounds) \(.n_changed)"')" = '1 1 0' ] || fail "layout: $(layout .)"
layout '.file_systems[] | select(.held == "live") | .type' | grep -q . || fail "layout: $(layout .)"

# --- again: nearly all chunks are shared; and the same of the directory here
before=$(du -sk "$store/packs" | cut -f1)
expect 0 out 'is in the store' -- image capture m --from "$far" "${ssh[@]}" --live
expect 0 out 'is in the store' -- image capture m --from "$tree" --kind here --live
after=$(du -sk "$store/packs" | cut -f1)
[ $((after - before)) -lt 200 ] || fail "two more captures took $((after - before)) KiB more"
[ "$("$orthrus" image list --json | jq -r '[.images[].content_bytes] | unique | length')" = 1 ] || fail "the three are not the same"

# --- one file changes after it was read, one is new, one goes, one is renamed: read again, and all as it is in the end
calls=$(wc -l <"$work/hooks/calls")
cat >"$work/hooks/after" <<SH
#!/bin/bash
[ ! -e $work/hooks/done ] || exit 0
touch $work/hooks/done
cd $tree || exit 1
printf X | dd of=big bs=1 seek=1000000 conv=notrunc status=none
echo new >sub/new && rm sub-/x && mv sub.d/x sub.d/y && ln a-first sub.d/fourth && chmod 600 acl
SH
chmod +x "$work/hooks/after"
expect 0 out 'is in the store' -- image capture m --from "$far" "${ssh[@]}" --live
[ "$(wc -l <"$work/hooks/calls")" -gt $((calls + 1)) ] || fail "what changed was not read again"
chattr -i "$work/out/immutable"
rm -rf "$work/out"
expect 0 out '' -- image export m "$work/out"
same "after a change"
[ "$(layout .n_changed)" = 0 ] && [ "$(layout .rounds)" -ge 2 ] || fail "layout after a change: $(layout '.rounds, .changed')"

# --- one changes whenever it is read: said, not hidden
printf '#!/bin/bash\ndate +%%N >>%s/sub/new\n' "$tree" >"$work/hooks/after"
expect 0 out '/sub/new' -- image capture m --from "$far" "${ssh[@]}" --live
[ "$(layout '.changed | join(" ")')" = sub/new ] || fail "layout does not name what changed: $(layout .changed)"
expect 0 out 'is intact' -- image verify m
rm "$work/hooks/after"

# --- what is left out
expect 0 out 'is in the store' -- image capture part --from "$far" "${ssh[@]}" --live --exclude 'sub*' --exclude /big --exclude '*.none'
rm -rf "$work/part"
expect 0 out '' -- image export part "$work/part"
[ ! -e "$work/part/sub" ] && [ ! -e "$work/part/sub-" ] && [ ! -e "$work/part/big" ] && [ -e "$work/part/a-first" ] || fail "--exclude: $(ls "$work/part")"
cmp -s "$tree/a-first" "$work/part/a-first" || fail "--exclude took a hard link's content with it"
chattr -i "$work/part/immutable"

# --- a system: what belongs to the one machine stays there, unless it is asked for
mkdir -p "$work/sys"/{etc/ssh,etc/network,var/log/app,var/lib/dbus,tmp,run,boot/grub}
cd "$work/sys" || exit 1
echo 'VERSION_CODENAME=bookworm' >etc/os-release
for f in etc/machine-id etc/ssh/ssh_host_rsa_key etc/hostname etc/fstab etc/network/interfaces var/log/app/log var/lib/dbus/machine-id tmp/x run/x etc/hosts; do echo "$f" >$f; done
printf '# GRUB Environment Block\nsaved_entry=7\n' >boot/grub/grubenv
cd / || exit 1
expect 0 out 'leave out what belongs to one machine' -- image capture sys --from "$work/sys"
expect 0 out '' -- image export sys "$work/sysout"
[ "$(cd "$work/sysout" && find . -type f | sort | tr '\n' ' ')" = './boot/grub/grubenv ./etc/hosts ./etc/machine-id ./etc/os-release ' ] ||
    fail "of a system: $(cd "$work/sysout" && find . -type f)"
[ ! -s "$work/sysout/etc/machine-id" ] && [ -d "$work/sysout/var/log/app" ] && [ -d "$work/sysout/tmp" ] || fail "of a system: machine-id, directories"
[ "$("$orthrus" image show sys --json | jq -r '"\(.manifest.suite) \(.boot.grubenv.saved_entry)"')" = 'bookworm 7' ] || fail "suite, grubenv"
"$orthrus" image capture sys --from "$work/sys" --keep-identity --json >"$work/json" 2>"$work/err" || fail "--json: $(cat "$work/err")"
[ "$(jq -r '"\(.n_changed) \(.crash_consistent) \(.snapshot)"' "$work/json")" = '0 false two-pass' ] || fail "--json: $(cat "$work/json")"
content=$("$orthrus" image list --json | jq --arg ref "$(jq -r .image "$work/json")" '.images[] | select(.ref == $ref) | .content_bytes')
jq -e ".stages | .raw_bytes == $content and .raw_bytes > 0 and .stored_bytes > 0 and .workers >= 1 and .seconds > 0" "$work/json" >/dev/null ||
    fail "--json, of $content bytes: $(cat "$work/json")"
rm -rf "$work/sysout"
expect 0 out '' -- image export sys "$work/sysout"
[ "$(cat "$work/sysout/etc/machine-id")" = etc/machine-id ] && [ -e "$work/sysout/var/log/app/log" ] && [ ! -e "$work/sysout/tmp/x" ] || fail "--keep-identity"
[ "$("$orthrus" image show sys --json | jq -r .manifest.kind)" = ghost ] || fail "the kind of a ghost"

# --- the connection is cut: said, nothing stored, nothing left; then the head itself is killed
touch "$work/hooks/stall"
images=$(ls "$store/images/m" | wc -l)
"$orthrus" image capture m --from "$far" "${ssh[@]}" --live >"$work/stdout" 2>"$work/stderr" </dev/null &
capture=$!
if until_there "$work/hooks/stalled"; then
    for child in $(cat "/proc/$sshd/task/$sshd/children"); do kill -KILL "$child"; done
fi
wait $capture
rc=$?
[ $rc = 1 ] || fail "a connection that was cut: exit $rc"
grep -q '127.0.0.1' "$work/stderr" && grep -q 'next: ' "$work/stderr" || fail "a connection that was cut: $(cat "$work/stderr")"
gone
rm -f "$work/hooks/stalled"
"$orthrus" image capture m --from "$far" "${ssh[@]}" --live >/dev/null 2>&1 </dev/null &
capture=$!
until_there "$work/hooks/stalled" && kill -KILL $capture
wait $capture 2>/dev/null
gone
[ "$(ls "$store/images/m" | wc -l)" = "$images" ] || fail "something was stored of a capture that was cut off"
[ -z "$(ls -A "$work/root/srv/orthrus/tmp" 2>/dev/null)" ] || fail "left in tmp: $(ls -A "$work/root/srv/orthrus/tmp")"
rm -f "$work/hooks/stall"

# --- tar fails for a reason that is no change
printf '#!/bin/bash\n[ "${1:-}" = --create ] || exec /usr/bin/tar "$@"\n/usr/bin/tar "$@"\necho "tar: ./big: Cannot read: Input/output error" >&2; exit 2\n' >"$work/bin/tar"
expect 1 err './big: Cannot read: Input/output error' -- image capture m --from "$far" "${ssh[@]}" --live
[ "$(ls "$store/images/m" | wc -l)" = "$images" ] || fail "an image of a file that can't be read"
gone
exit $failed
