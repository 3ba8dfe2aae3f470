#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The pages of orthrus-setup on a machine as most are: each at 80x24, in ASCII and in plain text against a golden one, its help, back and
# forth; killed on each; bad input refused on its field; how many keys it takes where defaults do; and that the site which comes of it is right.
set -u
# shellcheck source=tests/cli/setup.bash
. "$TOP/tests/cli/setup.bash"
cp "$BUILD/orthrus-setup" "$work/bin/" || die "orthrus-setup is not built"
machine=$TOP/tests/golden/setup/machine.json
# This machine is another one: what it has is in a file, and nothing is done to it.
cat >"$work/bin/orthrus" <<'SH'
#!/bin/bash
work=$(dirname "$(dirname "$0")")
echo "$*" >>"$work/calls"
case "$* " in
*'--probe '*) cat "$work/machine.json" ;;
*'--plan '*)
    cat <<'PLAN'
{"steps":[{"id":"packages","text":"install 2 packages: dnsmasq-base, mmdebstrap","files":[],"destructive":false},
{"id":"site","text":"write the site","files":["/etc/orthrus/site.json"],"destructive":false},
{"id":"start","text":"start orthrusd","files":[],"destructive":false}]}
PLAN
    ;;
*'--yes '*)
    [ ! -e "$work/hangs" ] || { echo '{"step":"packages","number":1,"of":3,"state":"begun"}'; exec sleep 600; }
    for s in packages site start; do printf '{"step":"%s","number":1,"of":3,"state":"done"}\n' $s; done
    touch "$work/applied"
    ;;
esac
SH
chmod +x "$work/bin/orthrus"
root=$work/root
site=$root/var/lib/orthrus/setup-site.json
saved=$root/var/lib/orthrus/setup.json
setup=("$work/bin/orthrus-setup" --root "$root")
pages=("This machine" Cluster Networks Head "Disks of the head" "Node image" "Node disks" Naming Keys)
fresh() { # [FILTER]: nothing answered yet, on the usual machine changed by a filter of jq
    screen_close
    rm -rf "$root" "$work/calls" "$work/applied"
    jq "${1:-.}" "$machine" >"$work/machine.json" || die "jq $1"
}
begin() { screen_open "$@" "${setup[@]}"; turned "${pages[0]}"; }
turned() { screen_shows "Orthrus setup: $1 "; }
number() { printf %02d $(($1 + 1)); } # in the order of the documentation
file() { local f=${1// /-}; echo "${f,,}"; }

# Each page as it is shown, its end where that is not seen, the help of its first field, and Esc: back, and nothing is lost.
fresh
begin 80x24 vt100 utf8
for ((i = 0; i < ${#pages[@]}; i++)); do
    name=$(file "${pages[i]}")
    turned "${pages[i]}"; screen_still
    golden "setup/$(number $i)-$name.txt"
    screen_keys F1; screen_shows "Help"; golden "setup/pages/$name.help"
    screen_keys Escape; screen_hides "Help"
    if [ $i -gt 0 ]; then
        screen_keys Escape; turned "${pages[i - 1]}"
        screen_keys F12; turned "${pages[i]}"; screen_still
        golden "setup/$(number $i)-$name.txt"
    fi
    if screen_text | grep -q '[▒↓]│$'; then screen_keys BTab; screen_still; golden "setup/pages/$name.end"; fi
    screen_keys F12
done
screen_shows "What next"; golden "setup/$(number ${#pages[@]})-review.txt"
screen_keys F1; screen_shows "Help"; golden setup/pages/review.help; screen_keys Escape; screen_hides "Help"
screen_keys F12; screen_shows "Type yes"; golden "setup/$(number $((${#pages[@]} + 1)))-apply.txt"
screen_keys F1; screen_shows "Help"; golden setup/pages/apply.help; screen_keys Escape; screen_hides "Help"

# On a terminal that has no other characters.
fresh
begin 80x24 vt100 ascii
for page in "${pages[@]}"; do
    turned "$page"; screen_still; golden "setup/pages/$(file "$page").ascii"; screen_keys F12
done
screen_shows "What next"; golden setup/pages/review.ascii
! LC_ALL=C grep -l '[^ -~]' "$TOP"/tests/golden/setup/pages/*.ascii || fail "not all is ASCII"

# From the first page to the last with what is proposed.
fresh
keys=0
press() { screen_keys "$@"; keys=$((keys + $#)); }
begin 80x24 vt100 utf8
for page in "${pages[@]}"; do turned "$page"; press Enter; done # as docs/first-hour.md says
screen_shows "What next"; press Enter; screen_shows "Type yes"; screen_type yes; keys=$((keys + 3)); press Enter
screen_shows "What comes next"; golden "setup/$(number $((${#pages[@]} + 2)))-done.txt"; press Enter
screen_shows "orthrusd does not run here"; screen_keys q; screen_ended
echo "RESULT wizard_pages pages=${#pages[@]} keys=$keys"
[ $keys -le 60 ] || fail "$keys keys"
"$BUILD/orthrus" site check "$site" >"$work/out" 2>&1 || fail "site check: $(cat "$work/out")"
cp "$site" "$work/defaults.json"

# Bad input on each page: its field says why, and goes on saying it after Esc, and after a kill; it is mended to what was proposed.
bad='Cluster|0|Hound!|may hold only a-z, 0-9|cluster
Cluster|2|Berlin time|is not a time zone|Europe/Berlin
Networks|1|10.1.0.0/33|a number from 8 to 30|10.1.0.0/16
Networks|3|192.168.0.1|is outside the subnet 10.1.0.0/16|10.1.0.1
Networks|6|10.1.254.1|is not FIRST-LAST|10.1.254.1-10.1.255.254
Head|0|head1.example|write the name alone: head1|head1
Head|1|10.1.0.1|own address|
Node image|2|slurm Foo_|is not a package|
Node image|3|ttyS0;reboot|is not a serial console|ttyS0,115200
Node disks|1|1|RAID 1 needs at least 2 disks|2
Naming|0|head1|is the name of this head|n[001-064]
Keys|1|-----BEGIN OPENSSH PRIVATE KEY-----|this is a private key|'
n_bad=$(grep -c . <<<"$bad")
flat() { screen_text | perl -0pe 's/[^ -~]+/ /g; s/ +/ /g'; } # reasons are wrapped
flat_shows() {
    local n
    for ((n = 0; n < 300; n++)); do flat | grep -qF -- "$1" && return 0; sleep 0.05; done
    fail "'$1' is not shown: $(screen_text)"
}
flat_hides() {
    local n
    for ((n = 0; n < 300; n++)); do flat | grep -qF -- "$1" || return 0; sleep 0.05; done
    fail "'$1' is still shown: $(screen_text)"
}
refused() { flat_shows "${value:0:40}"; screen_shows "! "; flat_shows "$why"; }
fresh
begin 80x24 vt100 utf8
at=0
while IFS='|' read -r page tabs value why good <&3; do
    while [ "${pages[at]}" != "$page" ]; do
        screen_keys F12; at=$((at + 1)); turned "${pages[at]}"
    done
    for ((i = 0; i < tabs; i++)); do screen_keys Tab; done
    screen_keys C-e C-u; screen_type "$value"; screen_keys Tab; refused
    screen_keys Escape; turned "${pages[at - 1]}"; screen_keys F12; turned "$page"; refused
    kill -KILL "$(screen_pid)"; screen_ended; screen_open 80x24 vt100 utf8 "${setup[@]}"; turned "$page"; refused
    screen_keys F12; screen_still; turned "$page"; refused
    screen_keys C-e C-u; screen_type "$good"; screen_keys BTab; flat_hides "$why"; flat_shows "${good:-$page}"
    screen_keys Escape; turned "${pages[at - 1]}"; screen_keys F12; turned "$page"
done 3<<<"$bad"
# To the review, and killed there too.
while [ $((at += 1)) -lt ${#pages[@]} ]; do screen_keys F12; turned "${pages[at]}"; done
screen_keys F12; screen_shows "What next"
kill -KILL "$(screen_pid)"; screen_ended; screen_open 80x24 vt100 utf8 "${setup[@]}"; screen_shows "What next"
screen_keys F12; screen_shows "Type yes"
kill -KILL "$(screen_pid)"; screen_ended; screen_open 80x24 vt100 utf8 "${setup[@]}"; screen_shows "What next"
cmp "$site" "$work/defaults.json" || fail "the site differs from the undisturbed one"
! grep -q -- --yes "$work/calls" || fail "something was done before it was confirmed"

# Pages that contradict each other by now: there is no plan but a way to the field, and nothing reaches `orthrus head install`.
screen_keys Escape; turned "${pages[-1]}"
for ((at = ${#pages[@]} - 1; at > 3; at--)); do screen_keys Escape; turned "${pages[at - 1]}"; done
screen_keys Tab; screen_type 10.1.0.2
while [ $((at += 1)) -lt ${#pages[@]} ]; do screen_keys F12; turned "${pages[at]}"; done
screen_keys F12; screen_shows "What next"; cp "$site" "$work/before.json"
screen_keys Tab Down Down Down Enter; screen_shows "(*) Change: Networks"; screen_keys Enter; turned Networks
screen_keys Tab C-e C-u; screen_type 10.9.0.0/16; screen_keys Enter
flat_shows "Head: 10.1.0.2 is outside the subnet 10.9.0.0/16"; screen_shows "(*) Change: Head"; golden setup/pages/review.contradiction
cmp "$site" "$work/before.json" || fail "a site that contradicts itself was written"
screen_keys F12; turned Head; screen_shows "! 10.1.0.2 is outside"; golden setup/pages/head.contradiction
screen_keys C-e C-u; screen_type 10.9.0.2; screen_keys Enter; screen_shows "start orthrusd"
grep -q '10\.9\.0\.2' "$site" || fail "$(cat "$site")"

# Gone back to from the review, typed wrong, and left by Esc: that is said before there is a plan of what was there before.
screen_keys Tab Down Down Down Enter; screen_shows "(*) Change: Networks"; screen_keys Enter; turned Networks
screen_keys Tab C-e C-u; screen_type 10.9.0.0/33; screen_keys Escape
flat_shows "Networks: '10.9.0.0/33' was typed there, and is not taken"; screen_shows "(*) Change: Networks"; golden setup/pages/review.left
screen_keys F12; turned Networks; flat_shows "the prefix length must be"; screen_keys C-e C-u; screen_type 10.9.0.0/16; screen_keys Enter; screen_shows "start orthrusd"

# Killed while the plan is carried out, and the machine looks otherwise by then: it goes on with what was confirmed.
fresh
touch "$work/hangs"; begin 80x24 vt100 utf8
for page in "${pages[@]}"; do turned "$page"; screen_keys F12; done
screen_shows "What next"; cp "$site" "$work/before.json"; screen_keys F12; screen_shows "Type yes"; screen_type yes; screen_keys Enter; screen_shows "[>] install 2"
kill -KILL "$(screen_pid)"; screen_ended; rm "$work/hangs"
jq '.hostname = "other" | .interfaces += [.interfaces[1] | .name = "eno3" | .mac = "52:54:00:00:00:03" | .speed_mbit = 25000]' "$machine" >"$work/machine.json"
screen_open 80x24 vt100 utf8 "${setup[@]}"; screen_shows "What next"
cmp "$site" "$work/before.json" || fail "it goes on with another site: $(diff "$work/before.json" "$site")"

# An array for images of spare disks: what is marked is what is planned and done, and no other disk.
fresh
begin 80x24 vt100 utf8
for page in Cluster Networks Head "Disks of the head"; do screen_keys F12; turned "$page"; done
screen_keys Down Enter; screen_shows "(*) RAID 1"; screen_keys F12; flat_shows "! RAID 1 needs at least 2 disks, and 0 are marked"
screen_keys Space Down Space; screen_shows "--store-disk"; screen_still; golden setup/pages/disks-of-the-head.raid
for page in "Node image" "Node disks" Naming Keys; do screen_keys F12; turned "$page"; done
screen_keys F12; screen_shows "What next"
tail -n 1 "$work/calls" | grep -qF -- "--store-raid 1 --store-disk serial S439NA0M2 --store-disk serial S439NA0M3 --store-wipe serial S439NA0M3 --plan" ||
    fail "planned: $(tail -n 1 "$work/calls")"

# Machines that are otherwise: one interface only, none at all, much that is in the way, and something that forbids it.
other() { # NAME FILTER PAGE: that page of such a machine
    fresh "$2"
    begin 80x24 vt100 utf8
    golden "setup/pages/$1.this-machine"
    while [ "${3:-}" ] && ! screen_text | grep -qF "Orthrus setup: $3 "; do screen_keys F12; screen_still; done
    [ -z "${3:-}" ] || golden "setup/pages/$1.$(file "$3")"
}
other one-interface '.interfaces |= .[:1] | .disks |= .[:1] | .missing_packages = [] | .configurations = []' Networks
screen_keys F12; screen_shows "! "; turned Networks # which one it is can't be guessed
screen_keys Enter; flat_shows "has the default route"; screen_keys F12; turned Head
other none '.interfaces = [] | .disks = [] | .ssh_keys = [] | .missing_packages = [] | .configurations = [] | .timezone = ""' Networks
screen_keys F12; screen_shows "! "; turned Networks
other busy '.ports = [{protocol: "udp", port: 67, program: "dhcpd"}, {protocol: "tcp", port: 8443, program: null}]
    | .dhcp_servers = [{interface: "eno2", server: "10.5.0.1"}] | .store_free_bytes = 3000000000 | .ram_bytes = 1000000000' Networks
screen_keys Down Space; flat_shows "two of them"; screen_keys F12; screen_still; turned Networks
other forbidden '.problems = ["this is no Debian: /etc/os-release says Fedora Linux"]' ""
screen_keys F12; screen_shows "Enter do it"; turned "This machine"; golden setup/pages/forbidden.refused
# It was mended meanwhile.
cp "$machine" "$work/machine.json"
screen_shows "Enter do it"; screen_keys Enter; screen_hides "Fedora"; screen_keys F12; turned Cluster

# In plain text. What is proposed, and nothing else.
same() { # GOLDEN
    masked <"$work/out" >"$work/masked"
    [ -z "${UPDATE_GOLDEN:-}" ] || cp "$work/masked" "$TOP/tests/golden/$1"
    diff "$TOP/tests/golden/$1" "$work/masked" >"$work/diff" || fail "not $1: $(cat "$work/diff")"
}
plain() { "${setup[@]}" --plain >"$work/out" 2>"$work/err" || fail "plain: exit $?: $(cat "$work/err")"; }
lines() { printf '%s\n' "$@"; }
fields=(1 4 8 2 2 4 4 1 3) # of each page, Look again too
blank() { local n; for ((n = 0; n < $1; n++)); do echo; done; }
fresh
{ for n in "${fields[@]}"; do blank "$n"; done; lines '' yes; } | plain
same setup/pages/plain
cmp "$site" "$work/defaults.json" || fail "the site differs from the one of the newt screens"
[ -e "$work/applied" ] || fail "nothing was applied"
# The help of every field; the same bad input as above, refused and mended; and back once from each page.
fresh
for ((i = 0; i < ${#pages[@]}; i++)); do
    [ $i = 0 ] || { lines '<'; blank "${fields[i - 1]}"; }
    for ((k = 0; k < fields[i]; k++)); do
        lines '?'
        good=
        while IFS='|' read -r page field value why better; do
            [ "$page/$field" != "${pages[i]}/$k" ] || { lines "$value"; good=${better:--}; }
        done <<<"$bad"
        lines "$good"
    done
done >"$work/in"
lines '?' '' '?' Yes yes >>"$work/in"
plain <"$work/in"
same setup/pages/plain.help
[ "$(grep -c '^! ' "$work/out")" -ge "$n_bad" ] || fail "not all of the bad input was refused"
while IFS='|' read -r page field value why good; do
    tr -s ' \n' ' ' <"$work/out" | grep -qF -- "$why" || fail "in plain text '$value' is not refused: $why"
done <<<"$bad"
cmp "$site" "$work/defaults.json" || fail "the site differs after bad input"

# A head that was installed by command: what its site.json says is proposed, and nothing else of it changes.
installed=$root/etc/orthrus/site.json
all_blank() { local n; for n in "${fields[@]:${1:-0}}"; do blank "$n"; done; lines '' yes; }
wizard() { "${setup[@]}" --plain --wizard >"$work/out" 2>"$work/err"; }
by_hand() { jq "$1" "$work/defaults.json" >"$installed" || fail "jq $1"; }
plans() { diff <(jq "$1" "$installed") <(jq . "$site") || fail "$2"; }
fresh
mkdir -p "${installed%/*}"
by_hand '.cluster = {name: "hound", domain: "hound.example"} | .disk_layouts[0].disks.want = 3 | .time.zone = "Asia/Tokyo"
    | .images[0].packages = ["slurmd", "munge", "fio"]'
all_blank | wizard || fail "on a head: $(cat "$work/err")"
plans . "on a head it plans something else"
# One thing is changed.
rm "$saved"; { blank "${fields[0]}"; lines '' '' Europe/Rome ''; all_blank 2; } | wizard || fail "one change: $(cat "$work/err")"
plans '.time.zone = "Europe/Rome"' "more than one thing changes"
# That is kept, as long as nobody writes site.json.
all_blank | wizard || fail "again: $(cat "$work/err")"
plans '.time.zone = "Europe/Rome"' "what was answered is not kept"
by_hand '.cluster.name = "wolf"'
all_blank | wizard || fail "site.json was changed since: $(cat "$work/err")"
plans . "site.json was changed since, and it plans something else"
# What no page has a field for is not planned away.
by_hand '.groups += [{name: "gpu", extends: "compute", kernel_args: ["iommu=pt"]}]'
rm "$site"; wizard </dev/null && fail "it begins on a site that no page can say"
grep -q "says what the pages can't, and would lose: \"name\": \"gpu\"" "$work/err" && grep -q 'next: .*orthrus site apply' "$work/err" && [ ! -e "$site" ] || fail "a site that no page can say: $(cat "$work/err")"
echo "RESULT wizard_bad_screens newt=$n_bad plain=$n_bad"
exit $failed
