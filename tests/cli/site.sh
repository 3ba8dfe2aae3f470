#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# site init, check and show without a daemon: what is written, what is refused, what --plan leaves alone.
set -u
orthrus=$BUILD/orthrus
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ORTHRUS_ROOT=$work/root
site=$ORTHRUS_ROOT/etc/orthrus/site.json
. "$TOP/tests/cli/says.bash"
tree() { find "$work/root" -type f -exec sha256sum {} + 2>/dev/null | sort; }

# Nothing there yet.
run 1 site check
says "$site"
says "orthrus site init"
run 2 site init
says "needs --interface"

# --plan shows and writes nothing.
run 0 site init --interface eth7 --plan
says "would write $site"
says '"interface": "eth7"'
[ -e "$work/root" ] && fail "--plan made $work/root"

# Every option lands where it belongs, and the file is right and the very text that was shown.
options=(--cluster packs --domain packs.internal --interface eth7 --subnet 10.77.0.0/24 --head-address 10.77.0.5 --head-name alpha
    --suite trixie --trust-mac)
run 0 site init "${options[@]}" --plan --quiet
cp "$work/out" "$work/planned"
run 0 site init "${options[@]}"
says "wrote $site"
cmp -s "$work/planned" "$site" || fail "what was planned is not what was written"
[ "$(stat -c %a "$site")" = 644 ] || fail "mode of site.json is $(stat -c %a "$site")"
run 0 site check
says "$site: right"
if command -v jq >/dev/null; then
    got=$(jq -rc '[.cluster.name, .cluster.domain, .heads[0].interface, .networks[0].ipv4.subnet, .heads[0].ipv4, .heads[0].name,
        .images[0].suite, .enrol.trust_mac, .console.serial, .groups[0].layout]' "$site")
    [ "$got" = '["packs","packs.internal","eth7","10.77.0.0/24","10.77.0.5","alpha","trixie",true,"ttyS0,115200","raid1"]' ] ||
        fail "site init wrote $got"
fi

# What the wizard asks for beyond that.
run 0 site init --interface eth7 --subnet 10.77.0.0/24 --ipv6 off --head-name alpha --time-zone Europe/Berlin --time-server ntp.example \
    --time-server 192.0.2.1 --gateway 10.77.0.254 --unknown discover --service-address 10.77.0.2 --package munge,slurmd --package gcc \
    --serial off --raid 5 --disks 4 --file-system xfs --firmware uefi --admin-key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHh4 me" --plan --quiet
if command -v jq >/dev/null; then
    got=$(jq -rc '[.time.zone, .time.servers, .networks[0].ipv4, .netboot.unknown, .service_addresses[0].ipv4, .images[0].packages,
        .console.serial, .groups[0].layout, .disk_layouts[0].disks.want, .disk_layouts[0].boot, .admin_ssh_keys]' "$work/out")
    want='["Europe/Berlin",["ntp.example","192.0.2.1"],{"subnet":"10.77.0.0/24","gateway":"10.77.0.254","pool":{"first":"10.77.0.191","last":"10.77.0.253"}}'
    want+=',"discover","10.77.0.2",["munge","slurmd","gcc"],null,"raid5",4,{"bios":false,"uefi":true},["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHh4 me"]]'
    [ "$got" = "$want" ] || fail "site init wrote $got"
fi

# An existing file is kept unless --yes is said.
before=$(tree)
run 3 site init --interface eth8
says "--yes"
[ "$(tree)" = "$before" ] || fail "site init changed a file it should have refused to"
run 0 site init --interface eth8 --plan
says "would replace"
[ "$(tree)" = "$before" ] || fail "site init --plan changed a file"
run 0 site init --interface eth8 --head-name alpha --yes
grep -q eth8 "$site" || fail "site init --yes did not replace the file"

# Bad values: usage, named, nothing written.
for bad in "--subnet 10.77.0.1/24" "--head-address 10.9.9.9" "--suite sid" "--cluster A" "--interface lo" "--head-name -x-" "--raid 4" "--raid 5 --disks 2" \
    "--pool 10.1.0.1" "--unknown sleep" "--firmware none" "--file-system zfs" "--gateway 10.2.0.1" "--admin-key me"; do
    # shellcheck disable=SC2086
    run 2 site init --interface eth8 --yes $bad
    [ -s "$work/err" ] || fail "nothing is said about $bad"
done
grep -q eth8 "$site" || fail "a refused site init changed the file"
for bad in "--ipv6 fd00::/65" "--ipv6 10.1.0.0/16" "--ipv4 off --ipv6 off" "--ipv4 10.1.0.0/16 --subnet 10.1.0.0/16"; do
    # shellcheck disable=SC2086
    run 2 site init --interface eth8 --yes $bad
done

# Both families, the IPv6 prefix the cluster's own and the same each time; or one of them.
run 0 site init --interface eth8 --head-name alpha --plan --quiet
cp "$work/out" "$work/first"
run 0 site init --interface eth8 --head-name alpha --plan --quiet
cmp -s "$work/out" "$work/first" || fail "another IPv6 prefix each time"
grep -qE '"subnet": "fd[0-9a-f:]+::/64"' "$work/first" || fail "no own prefix in $(cat "$work/first")"
run 0 site init --interface eth8 --head-name alpha --ipv6 off --plan --quiet
! grep -q ipv6 "$work/out" || fail "--ipv6 off: $(cat "$work/out")"
run 0 site init --interface eth8 --head-name alpha --ipv4 off --ipv6 fd12:3456:789a::/48 --plan --quiet
! grep -q ipv4 "$work/out" || fail "--ipv4 off: $(cat "$work/out")"
says '"ipv6": "fd12:3456:789a::1"'
grep -q eth8 "$site" || fail "site init --plan changed the file"

# check: all problems, the count, exit 2; the same as JSON, one document.
run 2 site check "$TOP/tests/golden/site/many-problems.json"
cmp -s "$work/out" "$TOP/tests/golden/site/many-problems.err" || fail "site check: $(cat "$work/out")"
says "$(wc -l <"$TOP/tests/golden/site/many-problems.err") problems"
run 2 site check --json "$TOP/tests/golden/site/many-problems.json"
[ -s "$work/err" ] && fail "site check --json writes to standard error"
if command -v jq >/dev/null; then
    jq -r '.problems[]' "$work/out" | cmp -s - "$TOP/tests/golden/site/many-problems.err" || fail "site check --json: $(cat "$work/out")"
    [ "$(jq -s length "$work/out")" = 1 ] || fail "site check --json prints more than one document"
fi
run 0 site check --json
says '"ok": true'

# A right one may still be less than it looks.
run 0 site check "$TOP/tests/golden/site/ok-pair-default.json"
says 'warning: pair: without a witness'
run 0 site check --json "$TOP/tests/golden/site/ok-pair-default.json"
says '"ok": true'
says 'switches head2 off'
run 0 site check "$TOP/tests/golden/site/ok-pair.json"
! grep -q warning "$work/out" || fail "site check warns of three voters: $(cat "$work/out")"

# show: says where it is from; its JSON is a right site file again.
run 0 site show --site "$TOP/tests/golden/site/ok-full.json"
says "orthrusd does not run"
says "10.2.0.0/16"
says "RAID6"
run 0 site show --json --site "$TOP/tests/golden/site/ok-full.json"
if command -v jq >/dev/null; then
    [ "$(jq -r .source "$work/out")" = file ] || fail "source: $(jq -r .source "$work/out")"
    jq .site "$work/out" >"$work/again.json"
    run 0 site check "$work/again.json"
fi
run 2 site show --site "$TOP/tests/golden/site/group-cycle.json"
says "a > b > c > a"

# The examples of the manual are right: a site file, and what another one may have in it.
sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$TOP/docs/man/site.json.5" |
    awk -v dir="$work" '/^\.Bd/ { n++; in_block = 1; next } /^\.Ed/ { in_block = 0 } in_block { print >(dir "/example" n) }'
cp "$work/example1" "$work/example.json"
run 0 site check "$work/example.json"
if command -v jq >/dev/null; then
    { echo '{'; cat "$work/example2"; echo '}'; } | jq -s --slurpfile site "$work/example1" '$site[0] * .[0]' >"$work/example-more.json" ||
        fail "the second example is no JSON"
    run 0 site check "$work/example-more.json"
fi

# Apply: checked here first, then the daemon is missed.
run 2 site apply --site "$TOP/tests/golden/site/vip-outside.json"
says "service_addresses[0].ipv4"
run 1 site apply
says "orthrusd does not run here"
exit $failed
