#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A tree with every hard case there is becomes an image and a tree again; rsync, getfattr, getcap, lsattr, find, stat and xfs_io, none
# of which are ours, must find no difference. And where a file system can't keep something, that is said.
set -u
for t in rsync getfattr setfattr setfacl setcap getcap chattr lsattr xfs_io openssl jq; do
    command -v $t >/dev/null || { echo "needs $t"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "needs root: owners, devices and file systems"; exit 77; }
orthrus=$BUILD/orthrus
top=$(mktemp -d) work=$top/work mounted=()
mkdir "$work"
clean() {
    local m
    wait
    for m in "${mounted[@]}"; do umount "$m" || umount -l "$m"; done
    chattr -R -f -i -a "$top" 2>/dev/null
    rm -rf "$top" "${memory:-}"
}
trap clean EXIT
trap 'exit 1' INT TERM
export ORTHRUS_ROOT=$work/root LC_ALL=C
failed=0 differences=0
fail() { echo "FAIL: $*" >&2; failed=1; }
lacks() { echo "not on the file system of $work: $1"; }
# new_fs MOUNTPOINT SIZE MKFS...: a file system of its own, in memory where there is some.
new_fs() {
    local at=$1 size=$2 image=$top/${1##*/}.image
    shift 2
    mkdir -p "$at"
    [ -n "${memory:-}" ] || memory=$(mktemp -d -p /dev/shm 2>/dev/null) || memory=$top
    image=$memory/${at##*/}.image
    truncate -s "$size" "$image" && "$@" "$image" >/dev/null 2>&1 && mount -o loop "$image" "$at" 2>/dev/null && mounted=("$at" "${mounted[@]}")
}
noise() { head -c "$1" /dev/zero | openssl enc -aes-128-ctr -nosalt -K "$(printf '%032d' "$2")" -iv 00000000000000000000000000000000; }

make_names() {
    local d=$1 long part i
    long=$(printf 'n%.0s' $(seq 255))
    echo 1 >"$d/$long"
    echo 2 >"$d/"$'new\nline'
    echo 3 >"$d/"$'tab\tcr\resc\x1b[31mdel\x7f'
    echo 4 >"$d/"$'\xff\xfe no utf-8'
    echo 5 >"$d/-rf"
    echo 6 >"$d/ "
    # shellcheck disable=SC2016
    echo 7 >"$d/"'$(x) `y` \ "q" *?[]'
    echo 8 >"$d/..."
    mkdir "$d/sub" "$d/sub-" "$d/sub0"
    echo 9 >"$d/sub/x"
    # 16 names of 240 bytes: 3855 bytes below the root, more than PATH_MAX from there on.
    part=$(printf 'd%.0s' $(seq 240))
    (cd "$d" && for i in $(seq 16); do mkdir "$part" && cd "$part" || exit 1; done && echo deep >"$(printf 'f%.0s' $(seq 200))" && ln -s "$long" link) ||
        fail "deep directories"
}
make_kinds() {
    local d=$1
    mkdir -p "$d/a/b" "$d/c" "$d/empty"
    : >"$d/nothing"
    mkfifo -m 0642 "$d/fifo"
    mknod -m 0666 "$d/null" c 1 3
    mknod -m 0000 "$d/disk" b 259 1048575
    mknod -m 0644 "$d/zero-zero" c 0 0 # an overlay's whiteout
    ln -s /nowhere/"$(printf 't%.0s' $(seq 3000))" "$d/long-target"
    ln -s $'tar\nget\xff' "$d/odd-target"
    ln -s . "$d/self"
    echo linked >"$d/a/file"
    (cd "$d" && ln a/file c/file && ln a/file first && ln fifo c/fifo && ln null a/null && ln self c/self && ln disk a/b/disk)
    timeout 10 socat UNIX-LISTEN:"$d/socket",mode=0751 /dev/null &
    for _ in $(seq 100); do [ -S "$d/socket" ] && break; sleep 0.05; done
    # socat removes its socket at the end; another name of it stays.
    ln "$d/socket" "$d/c/socket" || fail "no socket to test with"
    kill $! && wait $! 2>/dev/null
    ln "$d/c/socket" "$d/socket"
}
make_content() {
    local d=$1 n
    noise 24000000 1 >"$d/noise"
    for n in 1 4095 4096 4097 262143 262144 262145 1048576 4194303 4194304 4194305 8388608; do
        noise $n 2 >"$d/noise-$n"
        head -c $n /dev/zero >"$d/zeros-$n"
    done
    head -c 9000000 "$d/noise" >"$d/noise-again"
    mkdir "$d/sparse"
    truncate -s 1T "$d/sparse/terabyte"
    for n in 0 549755813888 1099511623680; do noise 4096 $((n % 7)) | dd of="$d/sparse/terabyte" bs=4096 seek=$((n / 4096)) conv=notrunc status=none; done
    truncate -s 10000001 "$d/sparse/all-hole"
    { noise 5000 3; } >"$d/sparse/hole-at-end"
    truncate -s 3000000 "$d/sparse/hole-at-end"
    noise 5000 4 | dd of="$d/sparse/hole-first" bs=1000000 seek=3 conv=notrunc status=none
    for n in $(seq 0 40); do noise 4096 "$n" | dd of="$d/sparse/comb" bs=4096 seek=$((n * 2 + 1)) conv=notrunc status=none; done
    fallocate -l 3000000 "$d/sparse/reserved" 2>/dev/null || lacks fallocate
    # As many blocks as it has bytes, for its attributes take one, and yet with a hole.
    truncate -s 8192 "$d/sparse/with-attributes"
    noise 4096 5 | dd of="$d/sparse/with-attributes" conv=notrunc status=none
    setfattr -n user.long -v "$(printf 'v%.0s' $(seq 2000))" "$d/sparse/with-attributes" || lacks "long attributes"
}
make_attributes() {
    local d=$1 i
    mkdir "$d/acl" "$d/modes"
    echo x >"$d/acl/file"
    setfacl -m u:4711:rwx,g:4712:r-x,m::r-x "$d/acl/file" && setfacl -d -m u:4711:rwx,g::-,o::- "$d/acl" && setfacl -m u:4294967294:x "$d/acl" || lacks ACLs
    mkdir "$d/acl/inherits" && echo y >"$d/acl/inherits/file"
    cp /bin/true "$d/capable" && setcap cap_net_raw,cap_sys_admin=eip "$d/capable" || lacks capabilities
    for i in user trusted security; do
        setfattr -n $i.note -v "a note" "$d/acl/file" && setfattr -n $i.zeros -v 0x00ff0001 "$d/acl" && setfattr -n $i.none "$d/acl/file" || lacks "$i.*"
    done
    ln -s nowhere "$d/acl/link" && setfattr -h -n trusted.link -v 0s////AA== "$d/acl/link" && setfattr -h -n security.link -v y "$d/acl/link" || lacks "attributes of links"
    mkfifo "$d/acl/fifo" && setfattr -h -n trusted.fifo -v z "$d/acl/fifo"
    for i in $(seq 50); do setfattr -n "user.many.$i" -v "$i" "$d/acl/inherits"; done
    for i in 0000 0001 0200 0444 1000 1777 2755 2000 4711 4000 6777 7777; do
        echo $i >"$d/modes/f$i" && mkdir "$d/modes/d$i" && echo in >"$d/modes/d$i/in" && chmod $i "$d/modes/f$i" "$d/modes/d$i"
    done
    chown 0:99 "$d/modes/d2755" && chmod 2755 "$d/modes/d2755" # hands its group down to what is made in it
    chown 70000:80000 "$d/modes/f0444" && chown 4294967294:4294967294 "$d/modes/d0001" "$d/modes/f0001" && chown -h 65536:0 "$d/acl/link"
    # After chown, which takes them away.
    chown 1:2 "$d/modes/f6777" && chmod 6777 "$d/modes/f6777"
}
times() { touch -h -d "$1" "$2" && [ "$(stat -c %y "$2" | cut -c 1-19)" = "$(TZ=UTC date -d "$1" '+%Y-%m-%d %H:%M:%S')" ] || lacks "the time $1"; }
make_times_and_flags() {
    local d=$1 f
    mkdir "$d/times" "$d/flags" "$d/flags/immutable-dir" "$d/flags/append-dir"
    for f in 1901-12-14 1969-12-31T23:59:59.999999999 1970-01-01 2026-01-02T03:04:05.000000001 2038-01-19T03:14:08 2106-02-07T06:28:17.123456789 2400-01-01; do
        : >"$d/times/$f" && TZ=UTC times "$f" "$d/times/$f"
        mkdir "$d/times/dir-$f" && touch -d "${f/T/ } UTC" "$d/times/dir-$f"
        ln -s x "$d/times/link-$f" && touch -h -d "${f/T/ } UTC" "$d/times/link-$f"
    done
    for f in i a d S A; do echo $f >"$d/flags/$f"; done
    echo x >"$d/flags/immutable-dir/in"
    echo x >"$d/flags/append-dir/in"
    ln "$d/flags/i" "$d/flags/i-too"
    chattr +D "$d/flags" 2>/dev/null
    for f in i a d S A; do chattr +$f "$d/flags/$f" 2>/dev/null || lacks "flag $f"; done
    chattr +i "$d/flags/immutable-dir" 2>/dev/null
    chattr +a "$d/flags/append-dir" 2>/dev/null
}
make_many() { mkdir "$1/many" && (cd "$1/many" && seq 100000 | split -l 1 -a 5 -d - ''); }

# Listings of a tree, a line for each entry; a line feed in a name is \001. First what stat(2) says. A directory's size is the file system's business.
stats() { (cd "$1" && find . \( -type d -printf '%y %m %U %G %T@ %n %P\0' \) -o -printf '%y %m %U %G %s %T@ %n %l %P\0' | sort -z) | tr '\n\0' '\001\n'; }
devices() { (cd "$1" && find . \( -type b -o -type c \) -print0 | sort -z | xargs -0 stat -c '%t,%T %n'); }
blocks() { (cd "$1" && find . -type f ! -path './many/*' -printf '%b %s %P\0' | sort -z) | tr '\n\0' '\001\n'; }
xattrs() { (cd "$1" && getfattr -R -d -h -m - -e hex . | awk 'BEGIN { RS = ""; FS = "\n"; OFS = "\001" } { $1 = $1; print }' | sort); }
capabilities() { (cd "$1" && getcap -r . | sort); }
acls() { (cd "$1" && find . ! -type l ! -path './many/*' -print0 | xargs -0 getfacl -n -p 2>/dev/null | awk 'BEGIN { RS = ""; FS = "\n"; OFS = "\001" } { $1 = $1; print }' | sort); }
flags() { (cd "$1" && find . \( -type f -o -type d \) ! -path './many/*' -print0 | xargs -0 lsattr -d 2>/dev/null | perl -pe 's{^([-a-zA-Z]{16,})( \./)}{my $f = $1; $f =~ tr/iadSAD//cd; "$f$2"}e' | sort); }
# Where the data of sparse files is, and what it is; 1 TB of zeros is read by nobody.
holes() { (cd "$1" && for f in sparse/*; do echo "$f $(xfs_io -r -c 'seek -a -r 0' "$f" | tr -s '\n\t' ' ')"; done); }
terabyte() { (cd "$1" && for n in 0 134217728 268435455; do dd if=sparse/terabyte bs=4096 skip=$((n)) count=1 status=none | sha256sum; done); }
# Which names are one inode: not the numbers, but the sets.
inodes() { (cd "$1" && find . ! -type d -links +1 -printf '%i %P\0' | sort -z | perl -0ne 'chomp; /^(\d+) (.*)/s; push @{$n{$1}}, $2; END { print join("\1", @$_) . "\0" for values %n }' | sort -z) | tr '\n\0' '\001\n'; }

differ() { # WHAT FILE: counts its lines
    local n
    n=$(wc -l <"$2")
    [ "$n" = 0 ] && return
    differences=$((differences + n))
    fail "$1: $n differences: $(head -n 8 "$2" | cat -v)"
}
compare() { # A B LISTING...: and rsync in both directions
    local a=$1 b=$2 what options="-aHAXSn --numeric-ids --checksum --delete --itemize-changes --exclude=/sparse/terabyte ${skip:-}"
    shift 2
    # shellcheck disable=SC2086
    { rsync $options "$a/" "$b/" >"$work/there" 2>&1 & rsync $options "$b/" "$a/" >"$work/back" 2>&1 & }
    for what; do
        $what "$a" >"$work/a-$what" 2>"$work/a-err"
        $what "$b" >"$work/b-$what" 2>"$work/b-err"
        [ -s "$work/a-err" ] && fail "$what: $(cat "$work/a-err")"
        [ -s "$work/b-err" ] && fail "$what: $(cat "$work/b-err")"
        [ -s "$work/a-$what" ] || fail "$what: compares nothing"
        diff -a "$work/a-$what" "$work/b-$what" | grep -a '^[<>]' >"$work/differ"
        differ "$what" "$work/differ"
    done
    wait
    differ "rsync there" "$work/there"
    differ "rsync back" "$work/back"
}
# Spoil a restored tree in all the ways that an update must find.
spoil() {
    local d=$1 f
    chattr -i "$d/flags/i" "$d/flags/immutable-dir" 2>/dev/null
    chattr -a "$d/flags/a" "$d/flags/append-dir" 2>/dev/null
    chattr +A "$d/content/noise-4096" 2>/dev/null
    rm -r "$d/names/sub0" "$d/many/00017" "$d/kinds/c/self" "$d/attributes/acl/inherits/file" "$d/attributes/modes/d2755/in" "$d/content/zeros-1"
    mkdir "$d/names/stranger" && echo x >"$d/names/stranger/x"
    rm -r "$d/kinds/empty" && echo "a file now" >"$d/kinds/empty"
    rm "$d/kinds/null" && mkdir "$d/kinds/null"
    printf X | dd of="$d/content/noise" bs=1 seek=12000000 conv=notrunc status=none
    printf X | dd of="$d/sparse/terabyte" bs=1 seek=300000000000 conv=notrunc status=none
    printf X | dd of="$d/content/zeros-4097" bs=1 seek=10 conv=notrunc status=none
    cp --remove-destination "$d/kinds/first" "$d/kinds/c/file" # no link any more
    ln -f "$d/many/00001" "$d/many/00002"                       # one that is none in the image
    for f in acl/file capable modes/f4711; do chmod 600 "$d/attributes/$f"; done
    setfattr -x user.none "$d/attributes/acl/file"
    setfattr -n user.stranger -v x "$d/content"
    setfacl -m u:99:rwx "$d/content/noise-4095" "$d/content" && setfacl -d -m u:99:rwx "$d/content"
    chown 5:6 "$d/times" && chown -h 5:6 "$d/attributes/acl/link"
    touch "$d/times"/* "$d"
}

new_fs "$work" 2G mkfs.ext4 -q -O ^has_journal -N 260000 || echo "no file system of our own: using that of $top"
tree=$work/tree
mkdir "$tree"
make_many "$tree" &
for d in names kinds content attributes; do mkdir "$tree/$d" && "make_$d" "$tree/$d"; done
mv "$tree/content/sparse" "$tree/sparse"
wait
make_times_and_flags "$tree"
touch -d '2020-02-02 02:02:02.020202020' "$tree"
entries=$(find "$tree" -printf x | wc -c)

"$orthrus" site init --cluster test --interface eth0 --subnet 10.77.0.0/24 >/dev/null || { fail "site init"; exit 1; }
"$orthrus" image build hard --from "$tree" >"$work/out" 2>&1 || { fail "build: $(cat "$work/out")"; exit 1; }
[ "$("$orthrus" image list --json | jq '.images[0].entries')" = "$entries" ] || fail "the image has not $entries entries"
"$orthrus" image export hard "$work/restored" --format dir >"$work/out" 2>&1 || { fail "export: $(cat "$work/out")"; exit 1; }
compare "$tree" "$work/restored" stats devices blocks xattrs capabilities acls flags holes terabyte inodes
spoil "$work/restored"
"$orthrus" image export hard "$work/restored" --update --yes >"$work/out" 2>&1 || fail "export --update: $(cat "$work/out")"
# What was spoiled among the many stat(2) tells; reading all of them again would not.
skip=--exclude=/many compare "$tree" "$work/restored" stats devices blocks xattrs flags holes terabyte inodes
echo "RESULT fidelity entries=$entries differences=$differences"
exit $failed
