# SPDX-License-Identifier: GPL-2.0-or-later
# What the tests of image export and import share: a tree with everything a tree can hold, and how two trees are compared. Sourced,
# not run.
orthrus=$BUILD/orthrus
work=$(mktemp -d)
# Nothing here is about what is durable: the head's files lie in memory where they can. Trees don't, for their attributes.
root=$(mktemp -d /dev/shm/orthrus.XXXXXX 2>/dev/null) || root=$work/root
trap 'rm -rf "$work" "$root"' EXIT
export ORTHRUS_ROOT=$root
# shellcheck source=tests/cli/expect.bash
. "$TOP/tests/cli/expect.bash"

# make_tree DIR: names, links, times, owners, attributes, holes, devices.
make_tree() {
    local d=$1 long
    long=$(printf 'n%.0s' $(seq 200))
    mkdir -p "$d/usr/bin" "$d/usr-" "$d/var/$long/$long" "$d/dev" "$d/empty"
    noise 3000000 1 >"$d/usr/bin/tool"
    noise 70000 2 >"$d/usr/bin/other"
    : >"$d/usr/bin/nothing"
    echo dash >"$d/usr-/after-usr"
    echo long >"$d/var/$long/$long/deep"
    printf 'x' >"$d/new
line"
    printf 'x' >"$d/"$'\xc3\xa4-utf8'
    ln "$d/usr/bin/tool" "$d/a-first-name"
    ln "$d/usr/bin/tool" "$d/var/third name"
    ln -s "../../etc/$long" "$d/usr/bin/dangling"
    ln -s / "$d/root"
    ln "$d/root" "$d/root-too"
    mkfifo -m 640 "$d/fifo"
    mknod -m 666 "$d/dev/null" c 1 3
    mknod -m 660 "$d/dev/sda" b 8 0
    truncate -s 60M "$d/sparse"
    noise 8192 3 | dd of="$d/sparse" bs=4096 seek=9000 conv=notrunc status=none
    printf end | dd of="$d/sparse" bs=1 seek=$((60 * 1048576 - 3)) conv=notrunc status=none
    truncate -s 20M "$d/hole"
    chown 12345:54321 "$d/usr/bin/other"
    chown 4000000000:7 "$d/empty"
    chown -h 8:9 "$d/usr/bin/dangling"
    chmod 4711 "$d/usr/bin/other"
    chmod 2775 "$d/usr-"
    chmod 1777 "$d/empty"
    setfattr -n user.note -v 'a note' "$d/usr/bin/other"
    setfattr -n user.zeros -v 0x000100 "$d/usr/bin/other"
    setfattr -n user.none "$d/empty"
    setfattr -h -n trusted.on.link -v x "$d/root"
    setfacl -m u:12345:rx,g:99:- "$d/usr/bin/nothing"
    setfacl -d -m u:12345:rwx "$d/usr-"
    setcap cap_net_raw=ep "$d/usr/bin/nothing"
    touch -d '1960-01-02 03:04:05.123456789' "$d/usr-/after-usr"
    touch -h -d '2001-02-03 04:05:06.000000007' "$d/usr/bin/dangling"
    touch -d '2020-01-01 00:00:00.5' "$d/empty"
    find "$d" -depth -type d ! -path "$d/empty" -exec touch -d '2021-05-06 07:08:09.987654321' {} +
}

# same_tree A B [RSYNC-OPTION...]: prints what differs.
same_tree() {
    local a=$1 b=$2 diff
    shift 2
    diff=$(rsync -aHAXSn --numeric-ids --checksum --delete --itemize-changes "$@" "$a/" "$b/" 2>&1)
    [ -z "$diff" ] || fail "$a and $b differ: ${diff:0:1000}"
    [ $# = 0 ] || return 0
    # What rsync does not look at: nanoseconds, and where links lead.
    diff=$(diff <(attributes "$a") <(attributes "$b"))
    [ -z "$diff" ] || fail "$a and $b differ: ${diff:0:1000}"
}
attributes() { (cd "$1" && find . ! -type d -printf '%P %y %m %U %G %n %s %T@ %l\n' -o -printf '%P %y %m %U %G %T@\n' | sort); }
